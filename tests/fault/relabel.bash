# Relabelling by several claimants at once, and what kills them. Sourced after ../e2e/tiny.bash.
#
#   relabel_data N P       in setup_file: shards/000.tar … of P pictures each, N of them, and a tiny model
#   relabel_words TO       `words`: the command of a claimant that writes to TO
#   relabel_alone TO       one claimant, undisturbed
#   claimants N TO         starts N in the background; `claimant` are their process ids, their words go to claimant.I.log
#   claimants_ended        whether all have ended well; those that ended otherwise are started again, as someone would
#   kill_one               SIGKILL to a process of one of them, drawn by RANDOM; `killed` says which, empty when there was none
#   claimants_down         no process left behind
#   finished_once TO       notes which shards are done, and fails when one was written again since
#   same_shards A B        the same files with the same bytes

RELABEL=$BATS_TEST_DIRNAME/../../pipelines/relabel.sh
claimant=()

# Draws know the shard's name, so captions of the same pictures differ.
relabel_data() {
    local i
    tiny_trained || return
    mkdir shards part
    perl -e 'for (0 .. $ARGV[0] - 1) { link sprintf("captioned/%02d.png", $_ % 9), sprintf("part/%05d.png", $_) or die }' "$2" || return
    tar -C part --sort=name --mtime=@0 --owner=0 --group=0 --hard-dereference -cf shards/000.tar . || return
    for ((i = 1; i < $1; i++)); do cp shards/000.tar "shards/$(printf %03d "$i").tar"; done
    rm -r part
}
relabel_words() {
    words=("$RELABEL" --pretrained runs/made/model --from 'shards/*.tar' --to "$1" --captions 2 --sample --top-p 0.9 --seed 5
        --claim-expiry "${EXPIRY:-2}" --precision fp32 --threads 1,1 --microbatch 16 --workers 1)
}
relabel_alone() {
    local words
    relabel_words "$1"
    "${words[@]}"
}

start_claimant() { # I
    local words
    relabel_words "$to"
    "${words[@]}" >>"claimant.$1.log" 2>&1 3>&- &
    claimant[$1]=$!
}
claimants() {
    local i
    to=$2 claimant=()
    for ((i = 0; i < $1; i++)); do start_claimant "$i"; done
}
claimants_ended() {
    local i code left=0
    for i in "${!claimant[@]}"; do
        if ! kill -0 "${claimant[i]}" 2>/dev/null; then
            code=0
            wait "${claimant[i]}" || code=$?
            if ((code == 0)); then unset "claimant[$i]"; else start_claimant "$i"; fi
        fi
    done
    left=${#claimant[@]}
    ((left == 0))
}
relabel_below() { # PID: every process under it
    local child
    for child in $(cat "/proc/$1"/task/*/children 2>/dev/null); do echo "$child" && relabel_below "$child"; done
}
kill_one() {
    local indices=("${!claimant[@]}") all name
    killed=''
    ((${#indices[@]})) || return 0
    local one=${claimant[${indices[RANDOM % ${#indices[@]}]}]}
    all=("$one" $(relabel_below "$one"))
    one=${all[RANDOM % ${#all[@]}]}
    name=$(tr '\0' ' ' 2>/dev/null <"/proc/$one/cmdline" | cut -d ' ' -f 1)
    kill -KILL "$one" 2>/dev/null && killed=${name##*/}
    return 0
}
claimants_down() {
    local one
    for one in "${claimant[@]}"; do kill -KILL $(relabel_below "$one") "$one" 2>/dev/null; done
    return 0
}

finished_once() {
    [[ -d $1 ]] || return 0
    find "$1" -maxdepth 1 -name '*.tar' -printf '%f %i %T@\n' | sort >finished.now
    [[ ! -e finished ]] || [[ -z $(comm -23 finished finished.now) ]] || { diff finished finished.now; return 1; }
    mv finished.now finished
}
same_shards() { diff -r --exclude=.claims --exclude=.aside "$1" "$2"; }
