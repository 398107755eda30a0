#!/usr/bin/env bats
# Objects on servers that fail in every way (shard_server.py): what heals heals, with the right bytes, and the rest is an
# error that names it.

COCA_BIN=${COCA_BIN:-$BATS_TEST_DIRNAME/../../build/bin}
objects=$COCA_BIN/../probe/coca-objects

setup() {
    servers=() scratch=
    [[ -e $COCA_BIN/../lib/coca_remote.so ]] || skip "libcurl is missing: ./run.sh build all"
    scratch=$(mktemp -d)
    cd "$scratch"
    export HOME=$scratch no_proxy='*'
    unset "${!AWS_@}"
    mkdir root
    seq 1 60000 >root/a # each part of it tells where it is
    seq 1 100 >root/small
    serve
}
teardown() {
    ((${#servers[@]})) && kill "${servers[@]}" && wait "${servers[@]}" 2>/dev/null
    [[ -z $scratch ]] || { cd / && rm -rf "$scratch"; }
}

# serve ARGUMENT ...: a server of root at $url
serve() {
    rm -f port
    python3 "$BATS_TEST_DIRNAME/shard_server.py" root port "$@" >>server.log 2>&1 3>&- &
    servers+=($!)
    until [[ -e port ]]; do kill -0 "${servers[-1]}" || { cat server.log; return 1; }; sleep 0.05; done
    url=http://127.0.0.1:$(<port)
}
s3_server() {
    serve --s3 "$@"
    export AWS_ENDPOINT_URL=$url AWS_ACCESS_KEY_ID=READER AWS_SECRET_ACCESS_KEY=se/cr+et
}
faults() { printf '%s\n' "$@" >root.faults; }
# counted PATH WHAT: how often, or how many bytes
counted() { "$objects" stream "$url/__counts" | jq --arg path "$1" --arg what "$2" '.[$path][$what] // 0'; }
# fails STATUS WORDS COMMAND ...: and nothing is written
fails() {
    local status=0
    "${@:3}" >out 2>words || status=$?
    [[ $status == "$1" && ! -s out && $(<words) == *"$2"* ]] || { echo "$status"; cat words; return 1; }
}
same() { "$objects" "$@" | cmp - root/a; }
cached() { "$objects" --cache cache --cache-bytes 1000000 "$@"; }
# twelve: objects 1 to 12, each served slowly
twelve() {
    local i
    for i in {1..12}; do head -c $((300000 + i)) /dev/urandom >"root/$i"; done
    "$objects" --hash look "$url"/{1..12} >known
    faults "$(printf '/%d slow 0.01 0\n' {1..12})"
}

@test "objects are looked at, streamed and read in places, over connections that are kept" {
    : >root/empty
    "$objects" look "$url"/{a,empty,none} root/a root/none >looked
    [[ $(wc -c <root/a)$'\t"'$(md5sum <root/a | cut -c -32)$'"\t-\t'$url/a == "$(sed -n 1p looked)" ]]
    [[ $(sed -n 2p looked) == 0$'\t'* && $(sed -n 3p looked) == missing* ]]
    [[ $(sed -n 4p looked) =~ ^348894$'\t'[0-9]+$'\t-\troot/a'$ && $(sed -n 5p looked) == missing* ]]
    same stream "$url/a"
    [[ -z $("$objects" stream "$url/empty") ]]
    sed -n 1p looked >known
    same --block 1000 read known
    [[ $("$objects" read known 6 3) == $'4\n5' ]]
    (($(counted "" connections) < 10))
    fails 3 'beyond its end at 348894' "$objects" read known 348890 5
}

@test "servers that know less are read as well: chunks, no ranges, no HEAD, no tags, redirects" {
    faults '/a chunked 0 1'
    same stream "$url/a"
    faults '/a nohead 0 0'
    "$objects" look "$url/a" >known
    grep -q "^348894" known
    faults '/a norange 0 0'
    [[ $("$objects" read known 348888 6) == 60000 ]]
    faults '/a notag 0 0'
    "$objects" look "$url/a" | grep -q $'^348894\t-\t-'
    same stream "$url/a"
    faults '/b redirect /a 0'
    same stream "$url/b"
    "$objects" look "$url/b" | grep -q '^348894'
}

@test "what fails in passing is tried again" {
    faults '/a status 503 3'
    same stream "$url/a"
    [[ $(counted /a GET) == 4 ]]
    faults '/a status 503 0'
    fails 1 'answered 503; tried 3 times' "$objects" --retries 2 stream "$url/a"
    [[ $(counted /a GET) == 7 ]]
    fails 1 "tried 2 times" "$objects" --retries 1 stream http://127.0.0.1:1/a
    fails 3 'check the name' "$objects" look http://no-such-host.invalid/a
}

@test "a body that is cut goes on where it ended" {
    faults '/a cut 100000 1' '/a cut 70001 1'
    same stream "$url/a"
    [[ $(counted /a GET) == 3 && $(counted /a ranges) == 2 && $(counted /a bytes) == 348894 ]]
    faults '/a chunked 0 1' '/a cut 65536 1'
    same stream "$url/a"
    "$objects" look "$url/a" >known
    faults '/a cut 10 2'
    [[ $("$objects" read known 6 60 | md5sum) == "$(tail -c +7 root/a | head -c 60 | md5sum)" ]]
}

@test "a body without a tag that is cut is asked for from its beginning, and compared" {
    faults '/a notag 0 0' '/a cut 100000 1'
    same stream "$url/a"
    [[ $(counted /a ranges) == 0 ]]
    seq 2 60001 | head -c 348894 >root/a.other
    faults '/a notag 0 0' '/a swap 100000 1'
    run "$objects" stream "$url/a"
    [[ $status == 3 && $output == *"has changed while it was read"* ]]
}

@test "a server that stalls is left" {
    faults '/a stall 100000 1' '/a stall 0 1'
    same --stall 1 stream "$url/a"
    faults '/a stall 0 0'
    fails 1 'no byte for 0.5 s; tried 2 times' "$objects" --stall 0.5 --retries 1 stream "$url/a"
}

@test "a reader that is slow is no stall" {
    head -c 20000000 /dev/zero >root/large
    "$objects" --stall 0.5 stream "$url/large" | { sleep 1.5; cmp - root/large; }
    [[ $(counted /large GET) == 1 ]]
}

@test "an object that changed is an error and never other bytes" {
    "$objects" look "$url/a" >known
    old=$(cut -f 2 known)
    seq 2 60001 | head -c 348894 >new && mv new root/a
    fails 3 "has changed: it was of 348894 bytes, tag $old, and is of" "$objects" read known 0 6
    fails 3 'index again' cached read known
    fails 3 'has changed' "$objects" --known known stream
    faults '/a norange 0 0'
    fails 3 'has changed' "$objects" read known 600 6
}

@test "an object that changes while its body is cut is an error" {
    seq 2 60001 >root/a.other
    faults '/a swap 100000 1'
    run "$objects" stream "$url/a"
    [[ $status == 3 && $output == *"has changed"* && $output != *"60001"* ]]
}

@test "what is missing, refused or nonsense is an error at once" {
    fails 3 "$url/none: is not there (answered 404)" "$objects" stream "$url/none"
    [[ $(counted /none GET) == 1 ]]
    faults '/a status 403 0'
    fails 3 'refused: answered 403' "$objects" stream "$url/a"
    [[ $(counted /a GET) == 1 ]]
    "$objects" look "$url/small" >known
    faults '/small elsewhere 5 0'
    fails 3 'answers with other bytes (from 7 on) than it is asked for (from 2)' "$objects" read known 2 4
    faults '/small longer 5 0'
    fails 3 'has changed' "$objects" read known 2 4
    run "$objects" --retries 2 stream "$url/small"
    [[ $status == 3 && $output == *"ends before byte $(wc -c <root/small)"* ]]
    fails 3 'write s3://BUCKET/KEY' "$objects" look s3://bucket
}

@test "a server is who its certificate says, or not asked" {
    type -P openssl >/dev/null || skip "no openssl to make a certificate"
    openssl req -x509 -newkey rsa:2048 -nodes -keyout key -out cert -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost 2>/dev/null
    cat key cert >pem
    serve --tls pem
    CURL_CA_BUNDLE=$PWD/cert same stream "${url/http:\/\/127.0.0.1/https://localhost}"/a
    fails 3 'cannot be reached: SSL' env -u CURL_CA_BUNDLE -u SSL_CERT_FILE "$objects" stream "${url/http:\/\/127.0.0.1/https://localhost}/a"
}

@test "a request to stop ends every wait" {
    faults '/a stall 100 0' '/small status 503 0'
    for name in a small; do
        "$objects" stream "$url/$name" >out 2>words 3>&- &
        pid=$!
        until (($(counted "/$name" GET))); do sleep 0.05; done
        before=$SECONDS
        kill "$pid"
        status=0
        wait "$pid" || status=$?
        ((status == 1 && SECONDS - before < 5))
        grep -q 'asked to stop' words
    done
}

@test "S3: signatures are taken for HEAD, GET and PUT, also of odd keys" {
    s3_server READER:se/cr+et:us-east-1
    for key in a 'b c+d' 'ü/日本' "odd~!*'()@,;=:&\$%25"; do
        "$objects" put "s3://bucket/$key" root/a
        cmp root/a "root/bucket/$key"
        "$objects" look "s3://bucket/$key" >known
        [[ $("$objects" read known 6 3) == $'4\n5' ]]
        same --known known stream
    done
    [[ $("$objects" look s3://bucket/none) == missing* ]]
    faults '/bucket/a status 503 1'
    "$objects" put s3://bucket/a root/small
    cmp root/small root/bucket/a
}

@test "S3: what is refused says which keys were tried" {
    s3_server READER:se/cr+et:eu-west-1
    mkdir root/b && cp root/a root/b
    fails 3 'its bucket is in another region: set AWS_REGION=eu-west-1' "$objects" stream s3://b/a
    export AWS_REGION=eu-west-1
    fails 3 'asked without keys: set AWS_ACCESS_KEY_ID' env -u AWS_ACCESS_KEY_ID "$objects" stream s3://b/a
    fails 3 'answered 403 SignatureDoesNotMatch' env AWS_SECRET_ACCESS_KEY=wrong "$objects" stream s3://b/a
    grep -q 'asked with the key READ… of AWS_ACCESS_KEY_ID, region eu-west-1' words
    fails 3 'refused: answered 403' env AWS_SECRET_ACCESS_KEY=wrong "$objects" look s3://b/a
    fails 3 'refused: answered 403' env AWS_SECRET_ACCESS_KEY=wrong "$objects" put s3://b/a root/small
    cmp root/a root/b/a
}

@test "S3: keys, token, region and endpoint of AWS's files" {
    s3_server READER:se/cr+et:eu-west-1:to+ken/=
    mkdir -p root/bucket .aws && cp root/a root/bucket/a
    unset "${!AWS_@}"
    printf '[default]\naws_access_key_id = OTHER\naws_secret_access_key = x\n[work]\n%s\n%s\n%s\n' \
        'aws_access_key_id=READER' 'aws_secret_access_key = se/cr+et # mine' 'aws_session_token = to+ken/=' >.aws/credentials
    printf '[profile work]\nregion = eu-west-1\nendpoint_url = %s/\n' "$url" >.aws/config
    AWS_PROFILE=work same stream s3://bucket/a
    AWS_ENDPOINT_URL=$url AWS_REGION=eu-west-1 fails 3 "key OTHE… of [default] of $HOME/.aws/credentials" "$objects" stream s3://bucket/a
}

@test "S3: without any keys requests are not signed" {
    mkdir root/bucket && cp root/a root/bucket/a
    export AWS_ENDPOINT_URL=$url
    same stream s3://bucket/a
}

@test "processes that share a cache fetch each object once" {
    twelve
    for i in 1 2 3 4; do
        "$objects" --cache cache --cache-bytes 4000000 --lines read known >out."$i" 3>&- &
        readers+=($!)
    done
    for pid in "${readers[@]}"; do wait "$pid"; done
    for i in 1 2 3 4; do [[ $(cut -d ' ' -f 1 out."$i") == "$(cut -f 3 known)" ]]; done
    for i in {1..12}; do [[ $(counted "/$i" GET) == 2 ]]; done # one of them was for `known`
    [[ $(ls cache | wc -l) == 13 ]]
}

@test "a cache never holds more than it may, parts among it" {
    twelve
    for i in 1 2 3 4; do
        sort -R --random-source=<(yes "$i") known >known."$i"
        "$objects" --cache cache --cache-bytes 1000000 --ahead --block 100000 --lines read known."$i" >out."$i" 3>&- &
        readers+=($!)
    done
    most=0
    while kill -0 "${readers[@]}" 2>/dev/null; do
        held=$(find cache -type f -printf '%s\n' 2>/dev/null | awk '{sum += $1} END {print sum + 0}') || true
        ((held <= most)) || most=$held
    done
    for pid in "${readers[@]}"; do wait "$pid"; done
    ((most > 300000 && most <= 1000000)) || { echo "$most"; false; }
    for i in 1 2 3 4; do [[ $(cut -d ' ' -f 1 out."$i") == "$(cut -f 3 known."$i")" ]]; done
}

@test "threads that share objects get each its own, with a cache and without" {
    twelve
    cut -f 3 known | sed p | sed p | sort >all # four times
    "$objects" --together 4 --lines read known | cut -d ' ' -f 1 | sort | cmp - all
    cached --together 4 --ahead --lines read known | cut -d ' ' -f 1 | sort | cmp - all
}

@test "a file in the cache that is cut or damaged is fetched again" {
    "$objects" --hash look "$url/a" >known
    cached read known | cmp - root/a
    truncate -s 1000 cache/*-348894
    cached read known | cmp - root/a
    printf X | dd of="$(echo cache/*-348894)" bs=1 seek=1000 conv=notrunc status=none
    cached read known 2>words | cmp - root/a
    grep -q 'damaged, and is fetched again' words
    [[ $(counted /a GET) == 4 ]]
}

@test "what is somebody else's stays in a cache" {
    mkdir cache && printf other | tee cache/other cache/0123456789abcdef-5x >/dev/null
    "$objects" look "$url"/{a,small} >known
    "$objects" --cache cache --cache-bytes 348894 --lines read known >out
    [[ $(cd cache && echo *) =~ ^0123456789abcdef-5x\ [0-9a-f]{16}-292\ lock\ other$ ]]
}

@test "a part that a killed process left is gone on with" {
    "$objects" --hash look "$url/a" >known
    faults '/a stall 200000 1'
    "$objects" --cache cache --cache-bytes 1000000 read known 3>&- &
    until [[ $(stat -c %s cache/*.part 2>/dev/null) == 200000 ]]; do sleep 0.05; done
    kill -9 $!
    wait $! || true
    cached read known | cmp - root/a
    [[ $(counted /a ranges) == 1 && $(counted /a bytes) == $((2 * 348894)) ]]
    # One whose beginning is wrong is given up.
    name=$(echo cache/*-348894)
    mv "$name" "$name.part" && truncate -s 1000 "$name.part"
    printf X | dd of="$name.part" bs=1 seek=10 conv=notrunc status=none
    cached read known | cmp - root/a
    [[ $(counted /a ranges) == 2 && $(counted /a GET) == 5 ]]
}

@test "a cache that cannot be one is said before anything is read" {
    "$objects" look "$url/a" >known
    fails 2 "$url/a: its 348894 bytes are more than the 300000 of the cache" "$objects" --cache cache --cache-bytes 300000 read known
    printf x >file
    fails 2 'no folder for a cache' "$objects" --cache file/cache --cache-bytes 400000 read known
}

@test "a full disk is an error that names the cache" {
    unshare -rm true 2>/dev/null || skip "no name spaces for a small disk"
    "$objects" look "$url/a" >known
    mkdir cache
    fails 1 "cache: the cache cannot be written: No space left on device; free some space" \
        unshare -rm sh -c 'mount -t tmpfs -o size=128k tmpfs cache && exec "$@"' sh "$objects" --cache cache --cache-bytes 1000000 read known
}

@test "a build without libcurl says how to get it" {
    mkdir -p elsewhere/bin && cp "$objects" elsewhere/bin/
    fails 1 'no lib/coca_remote.so, which reaches it by libcurl: ./run.sh build all' elsewhere/bin/coca-objects stream "$url/a"
}

@test "commands are streams, whose failure is one" {
    same stream 'pipe:cat root/a'
    run "$objects" stream 'pipe:head -c 5 root/a; exit 9'
    [[ $status == 3 && $output == *"exit status 9: head -c 5 root/a; exit 9"* ]]
    fails 3 'only read' "$objects" put 'pipe:cat' root/a
}
