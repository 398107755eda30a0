# A run over hosts: which words start a stage's ranks, and what a worker elsewhere is started with. Sourced by train.sh.
#
#   take_hosts             moves --control, --launch-STAGE and --print-worker from `options` to variables
#   launched NAME RANKS COMMAND   `launch`: the row's settings, the words that start a stage or worker, and its command
#   print_worker           what --print-worker says

declare -A launch_words=([image-encode]=image [text-decode]=text [head]=head [decode]=worker [tokenize]=worker [label]=worker)
control='' print_worker='' launch=()

take_hosts() {
    local word
    take_value control control
    take_value print_worker print-worker
    for word in image text head worker; do take_value "launch_$word" "launch-$word"; done
    [[ -z $control || $control == @(tcp|ipc)://* ]] || fail 2 "--control $control: give tcp://HOST:PORT, where HOST is this host as others know it"
}

# Open MPI looks for ssh before it starts anything, ranks of this host too.
mpi_words() {
    launch=(mpirun -n "$1")
    type -P ssh rsh >/dev/null || launch=(env "OMPI_MCA_plm=${OMPI_MCA_plm-isolated}" "${launch[@]}")
}
# Another host's shell may look for commands elsewhere.
launched() {
    local words=launch_${launch_words[$1]-nobody}
    launch=()
    if [[ ${!words-} ]]; then
        read -ra launch <<<"${!words}"
        launch=(away=1 "${launch[@]}")
    elif (($2 > 1)); then mpi_words "$2"; fi
    if ((${#launch[@]})); then launch+=("$(realpath "$(type -P "$3")")"); else launch=("$3"); fi
}

print_worker() {
    local option keys=()
    [[ $print_worker == @(decode|tokenize|label) ]] || fail 2 "--print-worker $print_worker: decode, tokenize or label"
    [[ $control == tcp://* ]] || fail 2 "--print-worker: give the run's --control tcp://HOST:PORT too"
    for option in "${job_options[@]}"; do
        case $option in
            --keys=*) keys=(--keys "${option#*=}") ;;
            --insecure) keys=(--insecure) ;;
        esac
    done
    printf '%q ' "coca-$print_worker" --control "$control" "${keys[@]}" | sed 's/ $/\n/'
    printf '%s\n' "# For run ${1:-of that address}; on any host that has the data (elsewhere than here: --train-data DIR)." >&2
    [[ ${keys[0]-} != --keys ]] || printf '%s\n' "# --keys: a copy of that folder; client.public, client.secret and server.public are enough." >&2
}
