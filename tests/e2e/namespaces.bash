# Hosts on one machine: network namespaces with names of their own, joined by a bridge in one more. Root alone can have them.
#
#   ns_missing            why there can be none here; nothing, and status 1, when there can
#   ns_up NAME ...        makes these hosts, of addresses that ns_address says; each knows the others by their names
#   ns_run NAME CMD ...   runs a command there: another network, another `hostname`, the same files and processes
#   ns_cut NAME           takes its cable out; ns_mend NAME puts it back
#   ns_script FILE        makes a script, FILE NAME CMD ..., that does what ns_run does
#   ns_down               ends what still runs there, and removes all; for teardown

ns_hosts=()
ns_of() { echo "coca$$-$1"; }
ns_address() { # NAME: its place among the hosts
    local i
    for i in "${!ns_hosts[@]}"; do [[ ${ns_hosts[i]} == "$1" ]] && echo "10.99.0.$((i + 1))"; done
}

ns_missing() {
    local try
    try=$(ns_of try)
    ((EUID == 0)) || { echo "network namespaces need root"; return; }
    type -P ip unshare >/dev/null || { echo "iproute2 and util-linux are needed for network namespaces"; return; }
    { ip netns add "$try" && ip -n "$try" link add name try type veth peer name tried && ip -n "$try" link add name tries type bridge &&
        unshare --uts hostname x; } 2>/dev/null || { ip netns del "$try" 2>/dev/null; echo "no network namespaces, bridges or host names can be made here"; return; }
    ip netns del "$try"
    return 1
}

ns_up() {
    local name bridge
    bridge=$(ns_of bridge)
    ns_hosts=("$@")
    ip netns add "$bridge" && ip -n "$bridge" link add name bridge type bridge && ip -n "$bridge" link set dev bridge up || return
    for name; do ns_join "$name" "$bridge" || return; done
    for name; do # what a host reads as /etc/hosts
        mkdir -p "/etc/netns/$(ns_of "$name")"
        { echo "127.0.0.1 localhost"; for host; do echo "$(ns_address "$host") $host"; done; } >"/etc/netns/$(ns_of "$name")/hosts"
    done
}
ns_join() {
    local host
    host=$(ns_of "$1")
    ip netns add "$host" && ip -n "$2" link add name "$1" type veth peer name eth0 netns "$host" &&
        ip -n "$2" link set dev "$1" master bridge up && ip -n "$host" link set dev lo up && ip -n "$host" link set dev eth0 up &&
        ip -n "$host" address add "$(ns_address "$1")/24" dev eth0
}

ns_run() { ip netns exec "$(ns_of "$1")" unshare --uts sh -c 'hostname "$1" && shift && exec "$@"' sh "$@"; }
ns_script() {
    printf '#!/bin/sh\nhost=$1 name=coca%s-$1\nshift\n' $$ >"$1"
    printf '%s\n' 'exec ip netns exec "$name" unshare --uts sh -c '\''hostname "$1" && shift && exec "$@"'\'' sh "$host" "$@"' >>"$1"
    chmod +x "$1"
}
ns_cut() { ip -n "$(ns_of bridge)" link set dev "$1" down; }
ns_mend() { ip -n "$(ns_of bridge)" link set dev "$1" up; }

ns_down() {
    local name left
    for name in "${ns_hosts[@]}" bridge; do
        left=$(ip netns pids "$(ns_of "$name")" 2>/dev/null)
        [[ $left ]] && kill -9 $left 2>/dev/null
        ip netns del "$(ns_of "$name")" 2>/dev/null
        rm -rf "/etc/netns/$(ns_of "$name")"
    done
    rmdir /etc/netns 2>/dev/null
    ns_hosts=()
}
