#!/usr/bin/env bash
# Signed requests against moto, an S3 server of others, which computes each signature with AWS's own library: right keys
# are accepted, wrong ones refused, keys with odd characters found again. Needs python3 with `pip install 'moto[server]'`
# (PYTHON names it) and build/probe/coca-objects.
#
#   tests/bench/check_s3.sh
set -euo pipefail
cd "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/../.."
objects=$PWD/${BUILD:-build}/probe/coca-objects
python=${PYTHON:-python3}
scratch=$(mktemp -d)
port=$("$python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
# What makes the user and the bucket is not asked for a signature: four actions.
INITIAL_NO_AUTH_ACTION_COUNT=4 "$python" -m moto.server -H 127.0.0.1 -p "$port" >"$scratch/moto.log" 2>&1 &
moto=$!
trap 'kill $moto; rm -rf "$scratch"' EXIT
export AWS_ENDPOINT_URL=http://127.0.0.1:$port AWS_REGION=us-east-1 no_proxy=127.0.0.1
until "$python" -c "import socket; socket.create_connection(('127.0.0.1', $port))" 2>/dev/null; do
    kill -0 $moto || { cat "$scratch/moto.log"; exit 1; }
    sleep 0.2
done

read -r AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY < <("$python" - <<'EOF'
import boto3, json, os
make = lambda what: boto3.client(what, endpoint_url=os.environ["AWS_ENDPOINT_URL"], region_name="us-east-1",
                                 aws_access_key_id="setup", aws_secret_access_key="setup")
allowed = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
iam = make("iam")
iam.create_user(UserName="reader")
iam.put_user_policy(UserName="reader", PolicyName="all", PolicyDocument=json.dumps(allowed))
key = iam.create_access_key(UserName="reader")["AccessKey"]
make("s3").create_bucket(Bucket="shards")
print(key["AccessKeyId"], key["SecretAccessKey"])
EOF
)
export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
head -c 3000000 /dev/urandom >"$scratch/sent"
tried=0
for key in plain.tar 'a b+c.tar' 'ü/日本.tar' "odd~!*'()@,;=:&\$%25.tar" 'deep/er/../dots.tar'; do
    "$objects" put "s3://shards/$key" "$scratch/sent"
    "$objects" --hash look "s3://shards/$key" >"$scratch/known"
    "$objects" stream "s3://shards/$key" | cmp - "$scratch/sent"
    "$objects" read "$scratch/known" 2999000 1000 | cmp - <(tail -c 1000 "$scratch/sent")
    tried=$((tried + 1))
done
[[ $("$objects" look s3://shards/none) == missing* ]]
if AWS_SECRET_ACCESS_KEY=wrong "$objects" stream s3://shards/plain.tar >"$scratch/got" 2>"$scratch/words"; then
    echo "a wrong secret was accepted" >&2
    exit 1
fi
grep -q 'answered 403 SignatureDoesNotMatch' "$scratch/words" && [[ ! -s $scratch/got ]]
echo "moto $("$python" -c 'import moto; print(moto.__version__)') took the signatures of $tried keys, and refused a wrong secret"
