# Evaluating checkpoints while training goes on. Sourced by train.sh.

# validate_checkpoints DIR EVERY: in the background, evaluates the newest checkpoint of the job once it is EVERY steps beyond the last
# that was, until the job is over; losses, recall and, where the data have class names, zero-shot accuracy go to
# results.json with their step. Runs at the lowest priority: training has the cores.
validate_checkpoints() {
    local data=$1 every=$2
    (
        exec 8>&- 9>&-
        trap - INT TERM EXIT
        renice -n 19 -p "$BASHPID" >/dev/null
        validated=$(((${first_step:-0}) / every * every))
        while [[ -p $job_dir/sockets/supervisor ]]; do
            validate_newest "$data" "$every"
            sleep 1
        done
        validate_newest "$data" "$every"
    ) >>"$job_dir/log/validate.log" 2>&1 &
}

validate_newest() {
    local data=$1 every=$2 newest step
    newest=$(find "$job_dir/checkpoints" -maxdepth 1 -name 'step-*' | sort -t- -k2 -n | tail -n 1)
    step=${newest##*-}
    [[ $newest ]] && ((step >= validated + every)) || return 0
    validated=$((step / every * every))
    validate_one "$data" "$newest" "$step"
}

# A copy by hard links outlives --keep.
validate_one() {
    local data=$1 checkpoint=$2 step=$3 copy=$job_dir/validate tasks=()
    rm -rf "$copy" && cp -al "$checkpoint" "$copy" || return 0
    tasks=(--losses "$data" --retrieval "$data")
    [[ -f $data/classnames.txt ]] && tasks=(--losses "$data" --zero-shot "$data")
    "$COCA_HOME/pipelines/eval.sh" --pretrained "$copy" --model "$job_dir/model.json" \
        --tokenizer "$job_dir/tokenizer.model" "${tasks[@]}" --results "$job_dir/results.json" --step "$step"
    rm -rf "$copy"
}
