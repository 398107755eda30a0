#!/usr/bin/env bash
# Runs every test and ends with "N passed, N failed, N skipped".
#
#   tests/run.sh                all of the parts below, in this order
#   tests/run.sh headers        each header compiles alone
#   tests/run.sh unit           builds with the sanitizers; the cmocka programs of tests/unit
#   tests/run.sh release        builds at full optimisation; the same programs, and what holds real processes to bits
#   tests/run.sh e2e fault      bats files of those folders, with the sanitizers' executables
#   tests/run.sh job            the main job and its accuracy, with the release build
#   tests/run.sh fuzz           each fuzz target for FUZZ_SECONDS (12)
#
# SANITIZE=address,undefined is the default for unit tests and for the end-to-end part. bits.bats and the parity files run on the
# release build too: that one is what people train with.
set -uo pipefail
cd "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/.."
passed=0 failed=0 skipped=0 failures=()
jobs=$(nproc)
parts=("$@")
((${#parts[@]})) || parts=(headers unit release job e2e fault fuzz)

say() { printf '\n== %s (%d s)\n' "$*" "$SECONDS"; }
count() { passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + $3)); }

# failure WHAT: said at once, and again at the end, where it is found.
failure() {
    echo "FAILED: $1"
    failures+=("$1")
}

# verdict NAME COMMAND ...: one test that passes when the command does.
verdict() {
    local name=$1
    shift
    if "$@"; then count 1 0 0; else count 0 1 0; failure "$name"; fi
}

sanitized=(SANITIZE=address,undefined DEVELOPER=1 BUILD=build-sanitize)
export COCA_CUDA_CACHE=$PWD/build-sanitize/choices
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:abort_on_error=0} UBSAN_OPTIONS=print_stacktrace=1

# named VERDICT FILE: how many tests got it. cmocka says so once at the test and once in a list at the end.
named() { grep "^\[ *$1 *\] " "$2" | grep -v 'listed below:$' | sort -u | wc -l; }

# run_program FOLDER PROGRAM: one cmocka program, into FOLDER what it printed and how it left.
run_program() {
    local to=$1/${2//\//%}
    (cd tests && timeout 900 "$2" >"$to.out" 2>&1 </dev/null)
    echo $? >"$to.code"
}
export -f run_program

# unit BUILD: runs the cmocka programs of a build, as many at a time as there are cores and the largest first, and counts their tests.
unit() {
    local build=$1 folder file program code ok bad
    folder=$(mktemp -d)
    # Two teams of threads on two cores must not wait by spinning.
    find "$PWD/$build/tests" -type f -name 'test_*' -printf '%s %p\n' | sort -rn | cut -d ' ' -f 2- |
        OMP_WAIT_POLICY=passive xargs -P "$jobs" -I '{}' bash -c 'run_program "$@"' - "$folder" '{}'
    for file in "$folder"/*.out; do
        program=${file##*/} program=${program%.out} program=${program//%//} code=$(<"${file%.out}.code")
        ok=$(grep -c '^\[       OK \]' "$file") bad=$(named FAILED "$file")
        if ((code != 0)); then
            tail -n 40 "$file"
            failure "$program (exit $code)"
            ((bad)) || bad=1
        fi
        count "$ok" "$bad" "$(named SKIPPED "$file")"
    done
    rm -r "$folder"
}

# bats_files BUILD PATH ...: bats files, or folders of them; as many files at a time as there are cores, since most of a test is
# waiting for processes to meet and to leave.
bats_files() {
    local build=$1 out line
    shift
    # A test that hangs fails, and the others go on.
    out=$(BATS_TEST_TIMEOUT=600 COCA_BIN=$PWD/$build/bin bats --tap --jobs "$jobs" --no-parallelize-within-files "$@" 2>&1 | tee >(cat >&2))
    count "$(grep -c '^ok [0-9]* [^#]*$' <<<"$out")" "$(grep -c '^not ok' <<<"$out")" "$(grep -c '^ok .* # skip' <<<"$out")"
    while read -r line; do failure "$* with $build: $line"; done < <(grep '^not ok' <<<"$out")
    [[ $(grep -cE '^(not )?ok ' <<<"$out") == "$(sed -n 's/^1\.\.//p' <<<"$out")" ]] ||
        { failure "bats did not finish $*"; count 0 1 0; }
}

part() {
    case $1 in
        headers) verdict headers make -s check-headers ;;
        unit)
            verdict "sanitized build" make -s -j"$jobs" "${sanitized[@]}" all unit-programs
            unit build-sanitize
            ;;
        release)
            verdict "release build" make -s -j"$jobs" DEVELOPER=1 all unit-programs
            unit build
            bats_files build tests/e2e/bits.bats tests/e2e/parity.bats tests/e2e/head_parity.bats
            ;;
        e2e | fault) bats_files "${COCA_TEST_BUILD:-build-sanitize}" "tests/$1" ;;
        job) verdict "the main job" tests/bench/bench_default.sh ;;
        fuzz) verdict fuzz make -s -j"$jobs" fuzz FUZZ_SECONDS="${FUZZ_SECONDS:-12}" ;;
        *) failure "no tests named $1"; count 0 1 0 ;;
    esac
}

for name in "${parts[@]}"; do
    say "$name"
    part "$name"
done
say done
((${#failures[@]})) && printf 'FAILED: %s\n' "${failures[@]}"
echo "$passed passed, $failed failed, $skipped skipped"
((failed == 0))
