# network.bash - a cluster whose nodes are machines: load cluster, load network
#
#     network_up 5 || skip "no network can be made here"    needs root, ip and nft
#     nodes_up 5 --set KEY=VALUE...     a node on each: n1 to n5 at 10.77.8.1 to 10.77.8.5
#     nodes_down                        kills them, and takes the network away
#
#     via N VERB...                     dkv, through the router of that node
#     in_node N COMMAND...              on that machine
#     node_start|node_kill N [NAME...]  these daemons of it, or all
#     sever A B                         packets from A do not reach B any more; those from B reach A
#     mend                              no cut is left
#
# A machine is a network namespace. Everything may be called in setup_file, in tests and in
# teardown_file: what it keeps is below $SANDBOX, or in its environment.

DAEMONS=(store router hintd repair)

network_up() { # COUNT
    local n
    export TAG=dkv$$ MACHINES=$1
    { command -v nft && ip link add "$TAG" type bridge && ip link set "$TAG" up; } >/dev/null 2>&1 || return
    for n in $(seq "$1"); do
        machine_up "$n" "10.77.8.$n" || return
    done
}

machine_up() { # N ADDRESS
    ip netns add "$TAG-$1" && ip link add "$TAG.$1" type veth peer name eth0 netns "$TAG-$1" &&
        ip link set "$TAG.$1" master "$TAG" up && in_node "$1" ip addr add "$2/24" dev eth0 &&
        in_node "$1" ip link set eth0 up && in_node "$1" ip link set lo up &&
        in_node "$1" nft add table ip cut &&
        in_node "$1" nft add chain ip cut input '{ type filter hook input priority 0; }'
}

in_node() {
    local n=$1
    shift
    ip netns exec "$TAG-$n" "$@"
}

via() {
    local n=$1
    shift
    dkv --cluster "ipc://$SANDBOX/n$n/run/router.sock" "$@"
}

node_start() { # N [NAME...]
    local n=$1 name
    shift
    for name in "${@:-${DAEMONS[@]}}"; do
        # Not through in_node: the pid must be the daemon's own.
        ip netns exec "$TAG-$n" "dkv-$name" --config "$SANDBOX/n$n/dkv.conf" \
            >>"$SANDBOX/n$n/dkv-$name.log" 2>&1 3>&- &
        echo $! >"$SANDBOX/n$n/$name.pid"
        disown
    done
}

node_kill() { # N [NAME...]
    local n=$1 name pid
    shift
    for name in "${@:-${DAEMONS[@]}}"; do
        [[ -f $SANDBOX/n$n/$name.pid ]] || continue
        pid=$(<"$SANDBOX/n$n/$name.pid")
        rm "$SANDBOX/n$n/$name.pid"
        kill -9 "$pid" 2>/dev/null || :
        while [[ -e /proc/$pid/fd/0 ]]; do # gone, or a zombie
            sleep 0.02
        done
    done
}

nodes_up() { # COUNT OPTION...
    local n count=$1
    shift
    for n in $(seq "$count"); do
        dkv init "$SANDBOX/n$n" --node "n$n" --address "10.77.8.$n" "$@" >/dev/null || return
    done
    dkv ring init --partitions 64 "$SANDBOX"/n?/n?.node --into "$SANDBOX"/n? >/dev/null || return
    for n in $(seq "$count"); do
        node_start "$n"
    done
    if ! EVENTUALLY=60 eventually via 1 status; then
        via 1 status
        return 1
    fi >&2
    via 1 repair --wait >/dev/null
}

nodes_down() {
    local n
    [[ ${TAG:-} ]] || return 0
    tell_logs
    for n in $(seq "$MACHINES"); do
        node_kill "$n"
    done
    for n in $(seq "$MACHINES"); do
        ip netns del "$TAG-$n" 2>/dev/null || :
    done
    ip link del "$TAG" 2>/dev/null || :
    rm -rf "$SANDBOX"
}

sever() {
    in_node "$2" nft add rule ip cut input ip saddr "10.77.8.$1" drop
}

mend() {
    local n
    for n in $(seq "$MACHINES"); do
        in_node "$n" nft flush chain ip cut input
    done
}

is_well() { # N...: these nodes see all of them up
    local n
    for n in "$@"; do
        via "$n" status || return
    done
}

# Replicas of each partition have one hash.
are_equal() {
    [[ $(via 1 digest | cut -f 2,3 | sort -u | cut -f 1 | uniq -c |
        awk '{ print $1 }' | sort -u) == 1 ]]
}
