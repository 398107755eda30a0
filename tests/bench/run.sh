#!/usr/bin/env bash
# Runs the benchmarks given, then those that are scripts; exits 1 when one fell below its limit.
cd "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/../.." || exit 1
below=()
for program in "$@" tests/bench/bench_*.sh; do
    [[ -x $program ]] || continue
    [[ $program != *.sh && -e tests/bench/${program##*/}.sh ]] && continue # the script runs it
    printf '\n== %s\n' "${program##*/}"
    "$program" || below+=("${program##*/}")
done
((${#below[@]})) || exit 0
printf '\nbelow their limit: %s\n' "${below[*]}"
exit 1
