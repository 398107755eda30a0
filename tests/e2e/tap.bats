#!/usr/bin/env bats
# coca-tap: every command, on files, pipes and workers.

COCA_BIN=${COCA_BIN:-$BATS_TEST_DIRNAME/../../build/bin}
PATH=$COCA_BIN:$PATH

setup() {
    cd "$(mktemp -d)"
    # pixels [4,1,1,3] = 0 ... 11, f32 embedding [4,2] = 0, 0.5 ... 3.5
    safetensors '{"pixels":{"dtype":"U8","shape":[4,1,1,3],"data_offsets":[0,12]},"embedding":{"dtype":"F32","shape":[4,2],"data_offsets":[12,44]}}' \
        '\0\1\2\3\4\5\6\7\10\11\12\13' '\0\0\0\0' '\0\0\0\77' '\0\0\200\77' '\0\0\300\77' '\0\0\0\100' '\0\0\40\100' '\0\0\100\100' '\0\0\140\100' >in.safetensors
}
teardown() { rm -rf "$PWD"; }

# safetensors HEADER BYTES ...: the file, on stdout
safetensors() {
    local length
    length=$(printf '%016x' ${#1})
    printf "$(sed 's/\(..\)/\\x\1/g' <<<"$length" | awk -F'\\' '{for (i = NF; i > 1; i--) printf "\\%s", $i}')%s" "$1"
    shift
    printf "$(printf '%s' "$@")"
}

import() { coca-tap import in.safetensors --edge images --microbatch 2 --out "$@"; }

@test "import cuts the batch into microbatches, alike for each step" {
    import f --steps 2
    run coca-tap watch f
    [ "$status" -eq 0 ]
    [ "${#lines[@]}" -eq 4 ]
    [[ ${lines[1]} == "data (0, 1) from decode 0, samples 2 + 2, pixels u8 [2,1,1,3] min 6 mean 8.5 max 11, ids i64 [2] min 2 mean 2.5 max 3" ]]
    [[ ${lines[3]} == "data (1, 1) from decode 0, samples 6 + 2, pixels u8 [2,1,1,3] min 6 mean 8.5 max 11, ids i64 [2] min 2 mean 2.5 max 3" ]]
}

@test "import refuses what does not fit the edge" {
    run coca-tap import in.safetensors --edge images --microbatch 3 --out f
    [ "$status" -eq 2 ]
    run coca-tap import in.safetensors --edge tokens --microbatch 2 --out f
    [ "$status" -eq 3 ]
    run coca-tap import in.safetensors --edge pictures --microbatch 2 --out f
    [ "$status" -eq 2 ]
    run coca-tap import missing --edge images --microbatch 2 --out f
    [ "$status" -eq 3 ]
}

@test "import cuts what a head learns from" {
    # pixels [2,3,1,1,3] = 0 ... 17, labels i64 [2,1] = 5, -1, shares [2,1] = 1, 0, lengths i32 [2] = 3, 2, tokens [2,1] = 7, 8
    safetensors '{"labels":{"dtype":"I64","shape":[2,1],"data_offsets":[0,16]},"shares":{"dtype":"F32","shape":[2,1],"data_offsets":[16,24]},"lengths":{"dtype":"I32","shape":[2],"data_offsets":[24,32]},"tokens":{"dtype":"I32","shape":[2,1],"data_offsets":[32,40]},"pixels":{"dtype":"U8","shape":[2,3,1,1,3],"data_offsets":[40,58]}}' \
        '\5\0\0\0\0\0\0\0' '\377\377\377\377\377\377\377\377' '\0\0\200\77\0\0\0\0' '\3\0\0\0\2\0\0\0' '\7\0\0\0\10\0\0\0' \
        '\0\1\2\3\4\5\6\7\10\11\12\13\14\15\16\17\20\21' >in.safetensors
    coca-tap import in.safetensors --edge labels --microbatch 1 --out f
    run coca-tap watch f
    [[ ${lines[1]} == "data (0, 1) from label 0, samples 1 + 1, labels i32 [1,1] min -1 mean -1 max -1, shares f32 [1,1] min 0 mean 0 max 0, ids"* ]]
    coca-tap import in.safetensors --edge tokens --microbatch 1 --out f
    run coca-tap watch f
    [[ ${lines[1]} == *"tokens i32 [1,1] min 8 mean 8 max 8, lengths i32 [1] min 2 mean 2 max 2, ids"* ]]
    coca-tap import in.safetensors --edge images --microbatch 1 --out f
    run coca-tap watch f
    [[ ${lines[1]} == *"pixels u8 [1,3,1,1,3] min 9 mean 13 max 17, ids"* ]]
    safetensors '{"tokens":{"dtype":"I32","shape":[2,1],"data_offsets":[0,8]},"lengths":{"dtype":"I32","shape":[1],"data_offsets":[8,12]}}' \
        '\7\0\0\0\10\0\0\0' '\3\0\0\0' >short
    refuses 3 '`lengths` is [1], and there are 2 samples' coca-tap import short --edge tokens --microbatch 1 --out f
    sed 's/"shares"/"parted"/' in.safetensors >without
    refuses 3 'no tensor `shares`' coca-tap import without --edge labels --microbatch 1 --out f
}

# refuses CODE WORDS COMMAND ...: it leaves with CODE and says so.
refuses() {
    run "${@:3}"
    [ "$status" -eq "$1" ] && [[ $output == *"$2"* ]] || { echo "$status: $output"; return 1; }
}

@test "import takes nothing whose rows it could not count" {
    for shape in 2305843009213693952,0,1,3 2305843009213693952,1,0,3 9223372036854775807,0,0,0 0,2,2,3 4,0,1,3; do
        safetensors "{\"pixels\":{\"dtype\":\"U8\",\"shape\":[$shape],\"data_offsets\":[0,0]}}" >empty
        refuses 3 "holds nothing" coca-tap import empty --edge images --microbatch 1 --out f
    done
    for shape in 4611686018427387904,2,2,3 2305843009213693952,0,3,3; do
        safetensors "{\"pixels\":{\"dtype\":\"U8\",\"shape\":[$shape],\"data_offsets\":[0,0]}}" >wraps
        refuses 3 "differ in size" coca-tap import wraps --edge images --microbatch 1 --out f
    done
    safetensors '{"tokens":{"dtype":"I64","shape":[1152921504606846975,0],"data_offsets":[0,0]}}' >wide
    refuses 3 "holds nothing" coca-tap import wide --edge tokens --microbatch 1 --out f
    refuses 2 "too many" coca-tap import in.safetensors --edge images --microbatch 2 --steps 9223372036854775807 --out f
    [ ! -e f ]
}

@test "export joins what import cut" {
    import f
    coca-tap export f --out out.npy --tensor pixels
    [ "$(tail -c 12 out.npy | od -An -tu1 | tr -s ' ')" = " 0 1 2 3 4 5 6 7 8 9 10 11" ]
    coca-tap export f --out out.safetensors
    coca-tap import out.safetensors --edge images --microbatch 2 --out again
    cmp f again
    run coca-tap export f --out out.npy # two tensors
    [ "$status" -eq 2 ]
    run coca-tap export f --out out.txt
    [ "$status" -eq 2 ]
    run coca-tap export f --from text-decode --out out.npy
    [ "$status" -eq 3 ]
}

@test "diff tells equal from different, and lets a tolerance pass" {
    coca-tap import in.safetensors --edge embeddings --microbatch 2 --out a
    sed 's/\x40\x60\|\x60\x40/\x61\x40/' in.safetensors >b.safetensors # 3.5 becomes 3.515625
    coca-tap import b.safetensors --edge embeddings --microbatch 2 --out b
    coca-tap diff a a
    run coca-tap diff a b
    [ "$status" -eq 1 ]
    [[ ${lines[0]} == "data (0, 1) image-encode: embedding f32 [2,2]: relative error"*"largest difference 0.0156" ]]
    coca-tap diff a b --tolerance 0.01
    run coca-tap diff a b --tolerance 0.001
    [ "$status" -eq 1 ]
    coca-tap import in.safetensors --edge embeddings --microbatch 4 --out c
    run coca-tap diff a c
    [ "$status" -eq 1 ]
    run coca-tap diff a missing
    [ "$status" -eq 3 ]
}

@test "diff compares safetensors by name" {
    safetensors '{"d":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}' '\0\0\200\77' '\0\0\0\100' >a.safetensors
    safetensors '{"x":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"grad.d":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}' \
        '\0\1\2\3' '\0\0\200\77' '\0\0\1\100' >b.safetensors # 2.015625 for 2
    coca-tap diff a.safetensors a.safetensors
    coca-tap diff a.safetensors b.safetensors --prefix grad. --tolerance 0.01
    run coca-tap diff a.safetensors b.safetensors --prefix grad. --tolerance 0.001
    [ "$status" -eq 1 ]
    [[ ${lines[0]} == "d f32 [2]: relative error"*"largest difference 0.0156" ]]
    run coca-tap diff a.safetensors b.safetensors
    [ "$status" -eq 1 ]
    [[ ${lines[0]} == "d: B has no d" && ${lines[1]} == "x: A has no x" ]]
    run coca-tap diff a.safetensors b.safetensors --tensor x # which A lacks
    [ "$status" -eq 1 ]
    run coca-tap diff a.safetensors b.safetensors --tensor none
    [ "$status" -eq 3 ]
    import f
    run coca-tap diff f a.safetensors
    [ "$status" -eq 2 ]
}

@test "diff: what is infinite or NaN in both says nothing of the rest" {
    local header='{"d":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}' nan='\0\0\300\177' inf='\0\0\200\177'
    local one='\0\0\200\77' two='\0\0\0\100'
    safetensors "$header" "$inf" "$nan" "$one" "$two" >a.safetensors
    safetensors "$header" "$inf" "$nan" "$one" '\0\0\1\100' >near.safetensors # 2.015625 for 2
    safetensors "$header" "$inf" "$nan" "$two" "$two" >far.safetensors
    safetensors "$header" "$nan" "$nan" "$one" "$one" >nan.safetensors
    coca-tap diff a.safetensors near.safetensors --tolerance 0.01
    run coca-tap diff a.safetensors near.safetensors --tolerance 0.001
    [ "$status" -eq 1 ]
    run coca-tap diff a.safetensors far.safetensors --tolerance 0.1
    [ "$status" -eq 1 ]
    run coca-tap diff nan.safetensors a.safetensors --tolerance 0.1 # and the numbers behind the NaN differ
    [ "$status" -eq 1 ]
    [[ ${lines[0]} == *"relative error"*"nan, largest difference"*"nan" ]]
}

@test "diff: no tolerance makes two ids one" {
    local header='{"ids":{"dtype":"I64","shape":[2],"data_offsets":[0,16]}}' zero='\0\0\0\0\0\0\0\0'
    safetensors "$header" "$zero" '\1\0\0\0\0\0\100\0' >a.safetensors # 2^54 + 1
    safetensors "$header" "$zero" '\2\0\0\0\0\0\100\0' >b.safetensors
    coca-tap diff a.safetensors a.safetensors --tolerance 0.1
    run coca-tap diff a.safetensors b.safetensors --tolerance 0.1
    [ "$status" -eq 1 ]
    [[ ${lines[0]} == "ids i64 [2]: 1 of 2 elements differ" ]]
}

@test "a recording travels through pipes" {
    import - | coca-tap watch - >seen
    [ "$(wc -l <seen)" -eq 2 ]
    mkfifo fifo
    coca-tap watch fifo >seen &
    import fifo
    wait $!
    [ "$(wc -l <seen)" -eq 2 ]
    import f --steps 5000
    coca-tap watch f | head -n 1 | grep -q '^data (0, 0)' # a reader that leaves is a clean end
}

@test "replay answers record, and nothing is changed" {
    import f --steps 3
    coca-tap replay --edge images f ipc://x &
    coca-tap record --edge images --steps 3 --batch-size 4 --microbatch 2 --out g ipc://x
    wait $!
    coca-tap export f --out f.safetensors
    coca-tap export g --out g.safetensors
    cmp f.safetensors g.safetensors
    coca-tap watch g | grep -c 'from tap 0' | grep -qx 6
}

@test "replay ends where the recording does" {
    import f
    coca-tap replay --edge images f ipc://x &
    coca-tap record --edge images --microbatch 2 --out g ipc://x # until the data end
    wait $!
    [ "$(coca-tap watch g | wc -l)" -eq 2 ]
}

@test "replay speaks for a stage" {
    coca-tap import in.safetensors --edge embeddings --microbatch 2 --out f
    coca-tap replay --edge embeddings --role image-encode f ipc://x &
    coca-tap record --edge embeddings --microbatch 2 --out g ipc://x
    wait $!
    coca-tap watch g | grep -q 'from image-encode 0'
}

@test "a missing worker, another edge, a cut recording" {
    run coca-tap record --edge images --out g --peer-timeout 0.3 ipc://x
    [ "$status" -eq 4 ]
    run coca-tap watch --peer-timeout 0.3 ipc://x
    [ "$status" -eq 2 ]
    import f
    coca-tap replay --edge tokens f ipc://y &
    run coca-tap record --edge images --out g --peer-timeout 1 ipc://y
    [ "$status" -eq 4 ]
    wait $! || status=$?
    [ "$status" -eq 2 ]
    head -c -9 f >cut
    run coca-tap watch cut
    [ "$status" -eq 3 ]
    run coca-tap diff f cut
    [ "$status" -eq 3 ]
}

@test "SIGTERM ends a record with a whole recording" {
    import f --steps 2
    mkfifo rest
    { head -c -20 f; cat rest; } | coca-tap replay --edge images - ipc://x & # it keeps its consumer waiting
    replay=$!
    exec 7<>rest
    coca-tap record --edge images --steps 3 --batch-size 4 --microbatch 2 --ready ready --out g ipc://x &
    record=$!
    until [ -s g ] && [ "$(coca-tap watch g 2>/dev/null | wc -l)" -eq 4 ]; do sleep 0.1; done
    kill -TERM $record
    wait $record || status=$?
    [ "$status" -eq 143 ]
    [ "$(coca-tap watch g | wc -l)" -eq 4 ]
    exec 7>&-
    wait $replay || true # not for all: a test with a limit on its time has a clock beside it
}

@test "COCA_TRACE has a line for each message" {
    import f
    COCA_TRACE=1 coca-tap watch f 2>trace
    grep -q '^tap <- recording data (0, 1) decode 22 bytes pixels u8 \[2,1,1,3\] ids i64 \[2\]$' trace
}

@test "keys are made once" {
    coca-tap keys keys
    [ "$(stat -c %a keys/server.secret)" = 600 ]
    run coca-tap keys keys
    [ "$status" -eq 2 ]
}
