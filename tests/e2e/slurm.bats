#!/usr/bin/env bats
# pipelines/hosts/slurm.sh on a cluster of Slurm that the test starts: a job that is warned, requeued, robbed of a stage and
# requeued again has the weights of a run that nothing happened to.

load slurm.bash
load ../fault/fault.bash
SLURM=$BATS_TEST_DIRNAME/../../pipelines/hosts/slurm.sh
STEPS=600
WEIGHTS=model/open_clip_model.safetensors

setup_file() {
    if slurm_missing >"$BATS_FILE_TMPDIR/missing"; then return; fi
    fault_data
    train quiet --steps $STEPS
    slurm_up
}
setup() {
    [[ -s $BATS_FILE_TMPDIR/missing ]] && skip "$(<"$BATS_FILE_TMPDIR/missing")"
    fault_setup
}
teardown() { fault_teardown; }
teardown_file() { cd "$BATS_FILE_TMPDIR" && slurm_down; }

# submit SCRIPT NAME OPTION ...: `job` is its number; sbatch's own options stand in `request`.
submit() {
    local script=$1 options
    shift
    run_options "$@" --steps $STEPS --save-frequency 50
    job=$(COCA_HOME=$BATS_TEST_DIRNAME/../.. sbatch --parsable --output=job.log "${request[@]}" "$script" "${options[@]}")
}
# is STATE SECONDS
is() {
    local deadline=$((SECONDS + $2))
    until [[ $(job_state "$job") == "$1" ]]; do
        ((SECONDS < deadline)) || { scontrol show job "$job"; cat job.log runs/*/log/*.log; return 1; }
        sleep 0.1
    done
}
passes() { # STEPS NAME
    local deadline=$((SECONDS + 60))
    until (($(steps_of "$2") >= $1)); do
        ((SECONDS < deadline)) || { scontrol show job "$job"; cat job.log; return 1; }
        sleep 0.05
    done
}
same_as_quiet() {
    diff <(numbers_of quiet) <(numbers_of "$1")
    cmp "runs/quiet/$WEIGHTS" "runs/$1/$WEIGHTS"
}

@test "Slurm: warned, requeued, robbed of a stage, requeued again: the same bits" {
    local step
    request=()
    submit "$SLURM" job --replicas 2,1 --max-restarts 0
    passes 60 job
    scancel --signal=USR1 --batch "$job"
    is PENDING 30
    grep 'the time is over' job.log
    [ ! -e runs/job/model ]
    begins "$job"
    passes $(($(newest_checkpoint job) + 60)) job
    step=$(squeue --steps --noheader --job="$job" -o '%i %j' | awk '$2 == "coca-image-encode" {print $1}')
    scancel --signal=KILL "$step"
    is PENDING 30
    grep 'a stage was lost' job.log
    begins "$job"
    is COMPLETED 60
    scontrol show job "$job" | grep -q ' Restarts=2 '
    same_as_quiet job
}

@test "Slurm: one node, without components" {
    request=(--gpus-per-node=0)
    submit "${SLURM%.sh}-one-node.sh" alone
    is COMPLETED 60
    same_as_quiet alone
}

@test "Slurm: what cannot be is said" {
    run "$SLURM" --name x
    [ "$status" -eq 2 ]
    [[ $output == *"submit it with sbatch"* ]]
    request=(--ntasks=2 : --ntasks=1)
    submit "$SLURM" narrow
    is FAILED 30
    grep 'no room for a decode worker' job.log
}
