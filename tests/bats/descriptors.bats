#!/usr/bin/env bats
# A process that may open few files lives through crowds of connections, and loses nothing.
load cluster

setup() {
    isolate
}

teardown() {
    cluster_down
}

# Nodes of 160 descriptors, whose small memory makes many files.
few_up() {
    (
        ulimit -n 160
        dkv local up --dir "$SANDBOX/c" --nodes 3 --set store/memtable=1MiB \
            --set store/log_segment=1MiB >"$SANDBOX/line"
    )
    export CLUSTER=$SANDBOX/c
    eval "$(cat "$SANDBOX/line")"
}

pids() {
    local name
    for name in n1 n2 n3; do
        pid_of $name router
        pid_of $name store
    done
}

withstand() {
    local before port
    few_up
    before=$(pids)
    port=$(port_of n1)
    for _ in {1..2000}; do
        printf 'early-%d\t%0512d\n' $RANDOM 7
    done | dkv load --format tsv 3>&-
    dkv put kept v
    stranger mode=idle count=500 seconds=6 "${@//PORT/$port}" >"$SANDBOX/attack" 3>&- &
    for _ in {1..8000}; do
        printf 'late-%d\t%0512d\n' $RANDOM 7
    done | dkv load --format tsv 3>&-
    assert_equal "$(dkv get kept)" v
    wait
    echo "# $(cat "$SANDBOX/attack")" >&3
    assert_equal "$(pids)" "$before"
    dkv put after v
    assert_equal "$(dkv get after)" v
    dkv scan | dkv mget --read-quorum all >/dev/null
    dkv status
    run ! grep -hE 'damage|failed' "$CLUSTER"/n*/log/dkv-store.log
}

@test "500 connections to a port of a node with 160 descriptors" {
    withstand PORT
}

@test "500 local connections to its router" {
    withstand local="$SANDBOX/c/n1/run/router.sock"
}

@test "500 local connections to its store" {
    withstand local="$SANDBOX/c/n1/run/private/store.sock"
}
