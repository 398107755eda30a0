# Jobs on trained weights, without a run of their own. Sourced after supervise.sh.

# weights_find --run RUN [--runs DIR] | --pretrained DIR|FILE: sets `weights`, the options by which every stage finds model and
# vocabulary, and `run_directory`, empty without --run; `rest` holds the other arguments.
weights_find() {
    local run='' runs=$COCA_HOME/runs pretrained=''
    weights=() rest=() run_directory=''
    while (($#)); do
        case $1 in
            --run) run=${2-}; shift ;;
            --runs) runs=${2-}; shift ;;
            --pretrained) pretrained=${2-}; shift ;;
            --model | --tokenizer) rest+=("$1" "$(from_here "${2-}")"); shift ;;
            *) rest+=("$1") ;;
        esac
        shift
    done
    if [[ $run ]]; then
        run_directory=$runs/$run
        [[ -d $run_directory ]] || run_directory=$run
        [[ -f $run_directory/run.json ]] || fail 2 "--run $run: no run there; runs are folders of $runs with a run.json"
        run_directory=$(realpath -- "$run_directory")
        weights_of_run
    elif [[ $pretrained ]]; then
        [[ -e $pretrained ]] || fail 2 "--pretrained $pretrained: no such file or folder"
        weights=(--pretrained "$(realpath -- "$pretrained")")
    else
        fail 2 "give --run RUN or --pretrained DIR"
    fi
}

# A file's path seen from here, since stages work in the job's directory; a preset's name as it is.
from_here() { if [[ -e $1 ]]; then realpath -- "$1"; else printf '%s' "$1"; fi; }

# The finished model of a run, else its newest checkpoint.
weights_of_run() {
    local newest
    if [[ -f $run_directory/model/open_clip_config.json ]]; then
        weights=(--pretrained "$run_directory/model")
        return
    fi
    newest=$(find "$run_directory/checkpoints" -maxdepth 1 -name 'step-*' 2>/dev/null | sort -t- -k2 -n | tail -n 1)
    [[ $newest ]] || fail 2 "$run_directory has no checkpoint yet"
    weights_of_checkpoint "$newest"
}

weights_of_checkpoint() {
    weights=(--pretrained "$1" --model "$run_directory/model.json")
    [[ -f $run_directory/tokenizer.model ]] && weights+=(--tokenizer "$run_directory/tokenizer.model")
}

# A directory for the job, removed when the script ends.
job_scratch() {
    scratch=$(mktemp -d "${TMPDIR:-/tmp}/cocaflow.XXXXXX") || exit 1
    job_open "$scratch"
    trap 'job_end; rm -rf "$scratch"' EXIT
}

# The stages between pictures or texts and a sink. `chain` tells those of several chains of one job apart.
chain=''
serve_images() {
    workers "${chain}decode" "${COCA_WORKERS:-2}" coca-decode --images "ipc://sockets/${chain}images" "${weights[@]}" "$@"
}
serve_texts() { workers "${chain}tokenize" 1 coca-tokenize --tokens "ipc://sockets/${chain}tokens" "${weights[@]}" "$@"; }
encode_images() {
    stage "${chain}image-encode" coca-image-encode --images "ipc://sockets/${chain}images" "${weights[@]}" "${batch[@]}" "$@"
}
encode_texts() {
    stage "${chain}text-decode" coca-text-decode --embed --tokens "ipc://sockets/${chain}tokens" "${weights[@]}" "${batch[@]}" \
        "$@"
}
# generate_captions OPTION ...: from features to captions, which a sink asks for.
generate_captions() {
    stage text-decode coca-text-decode --generate --features ipc://sockets/features --captions ipc://sockets/captions \
        "${weights[@]}" "${batch[@]}" "$@"
}
batch=(--microbatch 64)

# take_batch ARGUMENT ...: --microbatch B, which the spooler must know too, goes to `batch`, all else to `rest`.
take_batch() {
    rest=()
    while (($#)); do
        case $1 in
            --microbatch) batch=("$1" "${2-}"); shift ;;
            --microbatch=*) batch=(--microbatch "${1#*=}") ;;
            --) rest+=("$@"); return ;;
            *) rest+=("$1") ;;
        esac
        shift
    done
}

# Who is asked may be silent for days, unless --stall-timeout was given.
wait_for_ever() { [[ " ${job_options[*]} " == *" --stall-timeout"* ]] || job_options+=(--stall-timeout 1e9); }

# take_generation ARGUMENT ...: the options by which coca-text-decode makes captions go to `generate`, all else to `rest`.
take_generation() {
    rest=() generate=()
    while (($#)); do
        case $1 in
            --sample) generate+=("$1") ;;
            --temperature | --top-k | --top-p | --min-length | --max-length | --repetition-penalty | --num-beams | \
                --num-beam-groups | --diversity-penalty | --prompt) generate+=("$1" "${2-}"); shift ;;
            --) rest+=("$@"); return ;;
            --*=*) set -- "${1%%=*}" "${1#*=}" "${@:2}"; continue ;;
            *) rest+=("$1") ;;
        esac
        shift
    done
}

# spool FILE OPTION ... [-- LINE ...]: the lines, or stdin's as they come, into FILE, and FILE.closed behind the last. Options
# are coca-spool's. A job that follows stdin may wait as long as that is silent.
spool() {
    local file=$1 options=()
    shift
    while (($#)) && [[ $1 != -- ]]; do options+=("$1"); shift; done
    shift
    : >"$file"
    if (($#)); then
        (exec 8>&- 9>&-; printf '%s\n' "$@" | coca-spool --batch "${batch[1]}" "${options[@]}" "$file") &
    else
        wait_for_ever
        (exec 8>&- 9>&-; exec coca-spool --batch "${batch[1]}" "${options[@]}" "$file") <&0 &
    fi
    feeder spool $!
}
