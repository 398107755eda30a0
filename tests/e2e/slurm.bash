# A cluster of Slurm on this host, of its own ports and keys, without root's services: two nodes, of which the first has three
# GPUs that are empty files.
#
#   slurm_missing     why there can be none here; nothing, and status 1, when there can
#   slurm_up          starts it in $PWD/slurm, and sets SLURM_CONF, by which Slurm's commands find it
#   slurm_down        ends its daemons and whatever its jobs left; for teardown
#   begins JOB        lets a job that waits in the queue begin now
#   job_state JOB     RUNNING, PENDING, COMPLETED, ...; several when its components differ

slurm_missing() {
    local program
    ((EUID == 0)) || { echo "daemons of Slurm need root"; return; }
    for program in slurmctld slurmd munged sbatch; do
        type -P "$program" >/dev/null || { echo "$program is not installed (slurmctld, slurmd, slurm-client, munge)"; return; }
    done
    return 1
}

slurm_configuration() { # FOLDER PORT
    cat <<CONF
ClusterName=cocaflow
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort=$2
SlurmUser=root
SlurmdUser=root
AuthInfo=socket=$1/munge.socket,cred_expire=5
StateSaveLocation=$1/state
SlurmdSpoolDir=$1/spool.%n
SlurmctldPidFile=$1/slurmctld.pid
SlurmdPidFile=$1/slurmd.%n.pid
SlurmctldLogFile=$1/slurmctld.log
SlurmdLogFile=$1/slurmd.%n.log
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
ReturnToService=2
SchedulerParameters=sched_interval=1,bf_interval=1
SlurmdParameters=config_overrides
GresTypes=gpu
KillWait=2
NodeName=n1 NodeAddr=127.0.0.1 NodeHostname=localhost Port=$(($2 + 1)) CPUs=32 RealMemory=100000 Gres=gpu:3
NodeName=n2 NodeAddr=127.0.0.1 NodeHostname=localhost Port=$(($2 + 2)) CPUs=32 RealMemory=100000
PartitionName=all Nodes=ALL Default=YES
CONF
}
slurm_up() {
    local folder=$PWD/slurm node
    mkdir -p "$folder/state" && chmod 755 "$PWD" "$folder" || return
    head -c 1024 /dev/urandom >"$folder/munge.key" && chmod 400 "$folder/munge.key"
    slurm_configuration "$folder" $((21000 + $$ % 3500 * 3)) >"$folder/slurm.conf"
    touch "$folder"/gpu{0,1,2}
    echo "NodeName=n1 Name=gpu File=$folder/gpu[0-2]" >"$folder/gres.conf"
    export SLURM_CONF=$folder/slurm.conf
    munged --force --key-file="$folder/munge.key" --socket="$folder/munge.socket" --pid-file="$folder/munged.pid" \
        --seed-file="$folder/munge.seed" --log-file="$folder/munged.log" --num-threads=1 || return
    slurmctld -c 3>&- || return
    for node in n1 n2; do slurmd -N $node 3>&- || return; done
    eventually slurm_idle || { cat "$folder"/*.log; return 1; }
}
slurm_idle() { [[ $(sinfo -h -o '%D %T') == '2 idle' ]]; }
slurm_down() {
    local folder=${SLURM_CONF%/*} file pid deadline=$((SECONDS + 10))
    [[ -n ${SLURM_CONF-} ]] || return 0
    scancel --user=root 2>/dev/null
    while [[ $(timeout 5 squeue -h 2>/dev/null) ]] && ((SECONDS < deadline)); do sleep 0.2; done
    for file in "$folder"/slurmd.*.pid "$folder"/{slurmctld,munged}.pid; do [[ ! -e $file ]] || kill "$(<"$file")" 2>/dev/null; done
    for file in "$folder"/{slurmctld,munged}.pid; do
        while [[ -e $file ]] && kill -0 "$(<"$file")" 2>/dev/null; do sleep 0.05; done
    done
    for pid in $(pgrep '^(slurmstepd|srun|coca-)'); do # of jobs that did not end
        ! grep -qzxF "SLURM_CONF=$SLURM_CONF" "/proc/$pid/environ" 2>/dev/null || kill -9 "$pid"
    done
    true
}

# A job that went back into the queue has a time at which it may begin, and nothing else wakes the scheduler of an idle cluster.
# What it was permitted before is revoked by the second, so that a start within the same one is refused.
begins() {
    sleep 2
    eventually slurm_begun "$1" || { scontrol show job "$1"; return 1; }
}
slurm_begun() {
    local part
    [[ $(job_state "$1") == *PENDING* ]] || return 0
    for part in $(scontrol -o show job "$1" | sed 's/^JobId=\([0-9]*\) .*/\1/'); do scontrol update JobId="$part" StartTime=now; done
    sleep 1
    return 1
}
job_state() { scontrol -o show job "$1" 2>/dev/null | sed 's/.* JobState=\([A-Z]*\).*/\1/' | sort -u | xargs; }
