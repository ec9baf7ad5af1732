#!/usr/bin/env bats
# Routers of several machines, given in one list: each has its share, and the first owner's is
# preferred by a command that knows the ring.
load cluster

setup() {
    isolate
    NAMESPACE=dkv-spread-$$
    ip netns add "$NAMESPACE" 2>/dev/null || skip "network namespaces need root"
    inside ip link set lo up
    local i
    for i in 1 2 3; do
        inside ip address add "10.77.0.$i/32" dev lo
        dkv init "$SANDBOX/n$i" --node "n$i" --address "10.77.0.$i" >/dev/null 2>&1
    done
    dkv ring init "$SANDBOX"/n?/n?.node --into "$SANDBOX"/n? >/dev/null 2>&1
    DAEMONS=()
    local daemon
    for i in 1 2 3; do
        for daemon in dkv-store dkv-router dkv-hintd dkv-repair; do # ip becomes the daemon: $! is its own pid
            ip netns exec "$NAMESPACE" "$daemon" --config "$SANDBOX/n$i/dkv.conf" \
                2>>"$SANDBOX/n$i/$daemon.log" 3>&- &
            DAEMONS+=($!)
        done
    done
    export DKV_KEY_DIR=$SANDBOX/n1/keys
    export DKV_CLUSTER=tcp://10.77.0.1:7400,tcp://10.77.0.2:7400,tcp://10.77.0.3:7400
    for i in 1 2 3; do # their clients' keys are one node's
        cp "$SANDBOX/n1/keys/authorized/"* "$SANDBOX/n$i/keys/authorized/" 2>/dev/null || :
    done
    for i in 1 2 3; do
        eventually is_served_by $i
    done
}

teardown() {
    tell_logs
    if [[ ${DAEMONS:-} ]]; then
        kill -KILL "${DAEMONS[@]}" 2>/dev/null || :
        wait "${DAEMONS[@]}" 2>/dev/null || :
    fi
    ip netns del "$NAMESPACE" 2>/dev/null || :
    [[ -z ${SANDBOX:-} ]] || rm -rf "$SANDBOX"
}

inside() {
    ip netns exec "$NAMESPACE" "$@"
}

is_served_by() { # NUMBER
    inside dkv --cluster "tcp://10.77.0.$1:7400" status >/dev/null 2>&1
}

puts_of() { # NUMBER
    inside dkv --cluster "tcp://10.77.0.$1:7400" metrics | sed -n 's/^dkv_router_puts_total{.*} //p'
}

keys() {
    local i
    for i in {1..300}; do printf 'share-%s\tv\n' "$i"; done
}

@test "each router has its share of the keys" {
    local i before=(0)
    for i in 1 2 3; do before[i]=$(puts_of $i); done
    keys | inside dkv load 2>/dev/null
    for i in 1 2 3; do
        (($(puts_of $i) - before[i] >= 50))
    done
}

@test "a router that is gone costs nobody more than the way to the next" {
    kill -KILL "${DAEMONS[5]}"
    wait "${DAEMONS[5]}" 2>/dev/null || :
    fails_with 7 inside dkv --cluster tcp://10.77.0.2:7400 --timeout 1000 status
    keys | inside dkv load 2>/dev/null
    assert_equal "$(inside dkv get share-300)" v
}
