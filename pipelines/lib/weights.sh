# Jobs on trained weights, without a run of their own. Sourced.
source "$(dirname "${BASH_SOURCE[0]}")/supervise.sh"
weights=() encoders=(1 1) batch=(--microbatch=64) generate=() pictures=() null=() run_directory=''
chain='' # tells the stages of several chains of one job apart
# By which coca-text-decode makes captions.
generation='sample|temperature|top-[kp]|@(min|max)-length|repetition-penalty|num-beams|num-beam-groups|num-captions|diversity-penalty|prompt|stop-at'

# weights_find: takes --run RUN [--runs DIR] or --pretrained DIR|FILE; sets `weights`, by which every stage finds model and
# vocabulary: the finished model of a run, else its newest checkpoint. `pictures` are the decoders' options.
weights_find() {
    local run='' runs=$COCA_HOME/runs pretrained=''
    take_value run run && take_value runs runs && take_value pretrained pretrained
    if [[ $run ]]; then
        run_directory=$(realpath -m -- "$([[ -d $runs/$run ]] && printf %s "$runs/")$run")
        [[ -f $run_directory/run.json ]] || fail 2 "--run $run: no run there; runs are folders of $runs with a run.json"
        pretrained=$run_directory/model
        [[ -f $pretrained/open_clip_config.json ]] || pretrained=$(newest_checkpoint "$run_directory")
        [[ $pretrained ]] || fail 2 "$run_directory has no checkpoint yet"
    fi
    [[ $pretrained ]] || fail 2 "give --run RUN or --pretrained DIR"
    [[ -e $pretrained ]] || fail 2 "--pretrained $pretrained: no such file or folder"
    weights+=(--pretrained="$pretrained")
    take pictures max-picture-bytes
    take_replicas
}
# take_replicas: --replicas N, of both encoders, or IMAGE,TEXT into `encoders`, and a head's 1 behind them into `weights`.
take_replicas() {
    local said=''
    take_value said replicas
    [[ $said ]] || return 0
    [[ $said =~ ^[1-9][0-9]{0,2}(,[1-9][0-9]{0,2})?$ ]] || fail 2 "--replicas $said: it is N or IMAGE,TEXT, each 1 to 256"
    encoders=("${said%,*}" "${said#*,}")
    weights+=("--replicas=${said%,*},${said#*,},1")
    [[ $said == 1 || " ${job_settings[*]}" != *' --record'* ]] || fail 2 "--record: several --replicas would write to one file"
}
newest_checkpoint() { find "$1/checkpoints" -maxdepth 1 -name 'step-*' 2>/dev/null | sort -V | tail -n 1; }

# The stages between pictures or texts and a sink.
serve() { workers "$chain$1" "$2" "coca-$1" "--$3=ipc://sockets/$chain$3" "${weights[@]}" "${@:4}"; }
# encode STAGE OPTION ...: an encoder, or as many as --replicas says. Each of several serves whoever asks, so one that is lost
# is started anew; but none may be missing from the order of a conductor.
encode() {
    local count=1 rank=0 options=("${weights[@]}" "${batch[@]}" "${@:2}")
    case $1 in image-encode) count=${encoders[0]} ;; text-decode) count=${encoders[1]} ;; esac
    if ((count == 1)); then stage "$chain$1" "coca-$1" "${options[@]}"
    elif [[ " $* " != *' --control '* ]]; then workers "$chain$1" "$count" "coca-$1" "${options[@]}"
    else for ((; rank < count; rank++)); do stage "$1-$rank" "coca-$1" "${options[@]}" --rank $rank; done; fi
}
serve_images() { serve decode "${COCA_WORKERS:-2}" images "${pictures[@]}" "$@"; }
serve_texts() { serve tokenize 1 tokens "$@"; }
encode_images() { encode image-encode "--images=ipc://sockets/${chain}images" "$@"; }
encode_texts() { encode text-decode --embed "--tokens=ipc://sockets/${chain}tokens" "$@"; }
# From features to captions, which a sink asks for.
generate_captions() { encode text-decode --generate --features=ipc://sockets/features --captions=ipc://sockets/captions "${generate[@]}" "$@"; }

# Who is asked may be silent for days, unless --stall-timeout was given.
wait_for_ever() { job_options=(--stall-timeout=1e9 "${job_options[@]}"); }
# spool LIST OPTION ...: the operands, or what stdin lists as it comes, into the job's LIST, for --list LIST --null. Options
# are coca-spool's; `null` (--null) says that what stdin lists ends with NUL bytes, as the operands then do in any case.
spool() {
    local command=(coca-spool "--batch=${batch[-1]#*=}" "${@:2}" "$job_dir/$1")
    : >"$job_dir/$1"
    if ((${#operands[@]})); then
        printf '%s\0' "${operands[@]}" | "${command[@]}" --null || exit
    else
        wait_for_ever
        feeder spool "${command[@]}" "${null[@]}"
    fi
}
