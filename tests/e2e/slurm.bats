#!/usr/bin/env bats
# pipelines/hosts/slurm.sh on a cluster of Slurm that the test starts: a job that is warned, requeued, robbed of a stage and
# requeued again has the weights of a run that nothing happened to.

load slurm.bash
load ../fault/fault.bash
load ../fault/relabel.bash
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
in_state() { [[ $(job_state "$job") == "$1" ]]; }
is() { eventually in_state "$1" || { scontrol show job "$job"; cat job.log runs/*/log/*.log; return 1; }; } # STATE
has_done() { (($(steps_of "$2") >= $1)); }
passes() { eventually has_done "$@" || { scontrol show job "$job"; cat job.log; return 1; }; } # STEPS NAME
same_as_quiet() {
    diff <(numbers_of quiet) <(numbers_of "$1")
    cmp "runs/quiet/$WEIGHTS" "runs/$1/$WEIGHTS"
}

@test "Slurm: warned, requeued, robbed of a stage, requeued again: the same bits" {
    local step
    request=(--ntasks=3 --gpus-per-node=3 : --ntasks=3)
    submit "$SLURM" job --replicas 2,1 --max-restarts 0
    passes 60 job
    scancel --signal=USR1 --batch "$job"
    is PENDING
    grep 'the time is over' job.log
    [ ! -e runs/job/model ]
    begins "$job"
    passes $(($(newest_checkpoint job) + 60)) job
    step=$(squeue --steps --noheader --job="$job" -o '%i %j' | awk '$2 == "coca-image-encode" {print $1}')
    scancel --signal=KILL "$step"
    is PENDING
    grep 'a stage was lost' job.log
    begins "$job"
    is COMPLETED
    scontrol show job "$job" | grep -q ' Restarts=2 '
    same_as_quiet job
}

@test "Slurm: one node, without components" {
    request=(--gpus-per-node=0)
    submit "${SLURM%.sh}-one-node.sh" alone
    is COMPLETED
    same_as_quiet alone
}

# submit_relabel TO OPTION-OF-SBATCH ...: `job` is the array's number.
submit_relabel() {
    local words
    relabel_words "$1"
    job=$(COCA_HOME=$BATS_TEST_DIRNAME/../.. sbatch --parsable --output="$1.%a.log" --cpus-per-task=2 --mem-per-cpu=1G "${@:2}" \
        "${SLURM%slurm.sh}relabel-slurm.sh" "${words[@]:1}")
}
relabel_shards() {
    [[ -d quiet.shards ]] && return
    mkdir relabel && (cd relabel && BATS_FILE_TMPDIR=$PWD relabel_data 6 60)
    ln -s relabel/shards shards && mkdir -p runs && ln -s ../relabel/runs/made runs/made
    relabel_alone quiet.shards
}

@test "Slurm: an array of three tasks relabels all shards, by claims and by parts" {
    relabel_shards
    submit_relabel claimed --array=0-2 --gpus-per-node=0
    is COMPLETED
    same_shards quiet.shards claimed
    COCA_PARTS=1 submit_relabel parts --array=3-5 --gpus-per-node=0
    is COMPLETED
    same_shards quiet.shards parts
}

@test "Slurm: a task of an array that is warned goes back into the queue, and goes on" {
    relabel_shards
    mkdir -p warned/.claims && printf '%-511s\n' 'elsewhere 1 0 0 0 0 1' >'warned/.claims/005.tar~1' # it waits for that one
    EXPIRY=3600 submit_relabel warned --array=0-0 --gpus-per-node=0
    eventually test -e warned/004.tar
    scancel --signal=USR1 --batch "${job}_0"
    is PENDING
    grep 'the time is over' warned.0.log
    rm 'warned/.claims/005.tar~1'
    begins "$job"
    is COMPLETED
    same_shards quiet.shards warned
}

@test "Slurm: what cannot be is said" {
    run "$SLURM" --name x
    [ "$status" -eq 2 ]
    [[ $output == *"submit it with sbatch"* ]]
    request=(--ntasks=2 : --ntasks=1)
    submit "$SLURM" narrow
    is FAILED
    grep 'no room for a decode worker' job.log
    submit "$SLURM" narrow --replicas 2,1
    is FAILED
    grep 'has 2 tasks, and --replicas needs 3' job.log
}
