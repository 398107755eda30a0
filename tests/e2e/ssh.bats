#!/usr/bin/env bats
# pipelines/hosts/ssh.sh: what a host file means, what hosts may lack, and a run over three network namespaces in the place of hosts,
# of which the workers' has no run directory.

load namespaces.bash
load ../fault/fault.bash
SSH=$BATS_TEST_DIRNAME/../../pipelines/hosts/ssh.sh
ON=$BATS_TEST_DIRNAME/../../pipelines/hosts/on.sh

setup_file() { fault_data; }
setup() {
    fault_setup
}
teardown() {
    fault_teardown
    ns_down
}

# dry_run LINE ...: of a host file of these lines; `words` is the command.
dry_run() {
    printf '%s\n' "$@" >hosts
    run "$SSH" hosts --dry-run --name x --train-data data.set --runs runs
    eval "words=($output)" 2>/dev/null || true
}
# word_behind OPTION: of the command that a dry run printed.
word_behind() {
    local i
    for i in "${!words[@]}"; do [[ ${words[i]} != "$1" ]] || { echo "${words[i + 1]}"; return; }; done
    return 1
}
refuses() { # CODE TEXT
    echo "$output"
    [ "$status" -eq "$1" ]
    [[ $output == *"error: "*"$2"* ]]
}

@test "ssh.sh: a host file becomes the options of train.sh" {
    dry_run '# mine' 'loss a:7100' 'image a:2,b:2   # four' 'text b' '' 'decode c 2' 'decode a' 'tokenize c'
    [ "$status" -eq 0 ]
    [ "$(word_behind --control)" = tcp://a:7100 ]
    [ "$(word_behind --replicas)" = 4,1,1 ]
    [ "$(word_behind --launch-image)" = "mpirun -n 4 --host a:2,b:2" ]
    [[ $(word_behind --launch-text) == */pipelines/hosts/on.sh\ b ]]
    [[ $(word_behind --launch-worker) == */"on.sh decode=c,c,. tokenize=c label=. --" ]]
    [ "$(word_behind --workers)" -eq 3 ]
    [ "$(word_behind --tokenize-workers)" -eq 1 ]
    refute word_behind --launch-head
    [[ " ${words[*]} " == *" --keys=$PWD/runs/.keys "* ]]
    [ ! -e runs ]
    dry_run 'loss a' 'image a' 'text b,c'
    refute word_behind --launch-image
    refute word_behind --launch-worker
    refute word_behind --workers
    [ "$(word_behind --launch-text)" = "mpirun -n 2 --host b,c" ]
}

@test "ssh.sh: a host file that says nothing is named, with the line" {
    dry_run 'image a'
    refuses 2 'hosts has no line `loss HOST`'
    dry_run 'loss a' 'image'
    refuses 2 'hosts line 2: it is STAGE HOSTS'
    dry_run 'loss a' 'decode b many'
    refuses 2 'hosts line 2: many is no number'
    dry_run 'loss a' '' 'images b'
    refuses 2 'hosts line 3: images is none of'
    dry_run 'loss a' 'text b' 'text c'
    refuses 2 'hosts line 3: text has a line already'
    dry_run 'loss a' 'image b;c'
    refuses 2 'hosts line 2: b;c is no list'
    run "$SSH" nowhere --name x
    refuses 2 'nowhere cannot be read'
}

# Hosts that are this one, but for the network that is not there. `gone` cannot be reached; each other sees a folder empty that its
# name says.
@test "ssh.sh: what a host lacks is said before anything starts" {
    cat >agent <<AGENT
#!/bin/sh
host=\$1; shift
case \$host in
    gone) exit 255 ;;
    unbuilt) hidden=$(realpath "$COCA_BIN") ;;
    runless) hidden=$PWD/runs ;;
    dataless) hidden=$PWD/data.set/.. ;;
    other) ln -s $(realpath "$COCA_BIN")/* other; rm -f other/coca-tap; hidden= ; exec sh -c "\$(echo "\$*" | sed 's|$COCA_BIN|other|g')" ;;
esac
[ "\$hidden" ] || exec sh -c "\$*"
exec unshare --mount sh -c 'mount -t tmpfs none "\$0" && cd / && eval "\$*"' "\$hidden" "\$@"
AGENT
    chmod +x agent && mkdir -p other
    export COCA_SSH=$PWD/agent COCA_BIN
    printf 'loss here\ntext gone\n' >hosts
    run "$SSH" hosts --name x --runs runs
    refuses 4 'gone cannot be reached'
    printf 'loss here\ntext other\n' >hosts
    run "$SSH" hosts --name x --runs runs
    refuses 2 'other has another build'
    ((EUID == 0)) && unshare --mount true 2>/dev/null || skip "folders can be hidden by root alone"
    printf 'loss here\ntext unbuilt\n' >hosts
    run "$SSH" hosts --name x --runs runs
    refuses 2 'unbuilt has no build in'
    printf 'loss here\nimage runless\n' >hosts
    run "$SSH" hosts --name x --runs runs
    refuses 2 "runless does not see $PWD/runs"
    printf 'loss here\ndecode dataless\n' >hosts
    run "$SSH" hosts --name x --runs runs --train-data data.set
    refuses 3 "dataless does not see --train-data $PWD/data.set"
    [ "$(ls -A runs)" = '' ]
}

# The workers' host sees no run directory, as where only the data is shared.
@test "ssh.sh: ranks on two hosts, workers on a third without a run directory: the same bits as here" {
    local missing options image=a,b
    if missing=$(ns_missing); then skip "$missing"; fi
    [[ -e $COCA_BIN/../lib/coca_openmpi.so ]] || image=b
    train here --steps 40
    ns_up a b c
    rm -rf away own && mkdir away own
    cat >agent <<AGENT
#!/bin/sh
[ "\$1" = c ] && hide='mount --bind $PWD/own $PWD/away &&' || hide=
host=\$1; shift
exec ip netns exec $(ns_of '')\$host unshare --uts --mount sh -c "hostname \$host && \$hide \$*"
AGENT
    chmod +x agent
    printf '%s\n' 'loss a' "image $image" 'text b' 'decode c 2' 'tokenize c' >hosts
    export COCA_BIN COCA_SSH=$PWD/agent OMPI_MCA_btl=self,tcp OMPI_MCA_btl_tcp_if_include=10.99.0.0/24 OMPI_MCA_oob_tcp_if_include=10.99.0.0/24
    run_options there --steps 40 --runs away
    ns_run a "$SSH" hosts "${options[@]}" >there.log 2>&1 || { cat there.log away/there/log/*.log; false; }
    [ "$(cd own && find . -type f | sort | xargs)" = "./.keys/client.public ./.keys/client.secret ./.keys/server.public" ]
    diff <(numbers_of here) <(sed 's/, "samples_per_second.*//' away/there/metrics.jsonl)
    cmp runs/here/model/open_clip_model.safetensors away/there/model/open_clip_model.safetensors
}
