#!/usr/bin/env bats
# A copy that is damaged takes writes and answers no reads: the other owners do.
load cluster

setup() {
    isolate
}

teardown() {
    cluster_down
}

# FILE OFFSET: one bit the other way.
flip() {
    local byte
    byte=$(od -An -tu1 -j "$2" -N 1 "$1")
    printf '%b' "\\x$(printf %x $((byte ^ 1)))" |
        dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

lost_copies() { # NODE
    dkv status --json | jq -r "select(.node == \"$1\") | .lost_copies"
}

has_lost_copies() { # NODE
    (($(lost_copies "$1") > 0))
}

losses() { # NODE, since its store began
    dkv metrics | sed -n "s/^dkv_store_losses_total{node=\"$1\"} //p"
}

has_lost_something() { # NODE
    (($(losses "$1") > 0))
}

has_no_lost_copies() {
    [[ $(lost_copies "$1") == 0 ]]
}

reads_all() {
    dkv dump | sort | cmp "$SANDBOX/before" -
}

no_copy_is_lost() {
    [[ $(dkv status --json | jq -s 'map(.lost_copies) | add') == 0 &&
        $(dkv repair --json status | jq -s 'map(.lost + .failing) | add') == 0 ]]
}

# Of n1, by itself.
reads_all_locally() {
    dkv --cluster "ipc://$CLUSTER/n1/run/router.sock" dump --local --quiet | sort |
        cmp "$SANDBOX/before" -
}

@test "a bit that flips under a running node: no read is wrong, and its copy is whole again" {
    cluster_up --nodes 3 --set store/memtable=1MiB --set store/log_segment=1MiB \
        --set store/cache=1MiB --set repair/interval=1s --set repair/settle=100ms
    seq 20000 | sed 's/.*/k&\tvalue & value & value &/' | dkv load --quiet
    dkv compact --wait
    dkv repair --wait >/dev/null # which leaves trees behind
    dkv dump --quiet | sort >"$SANDBOX/before"
    local table
    for table in "$CLUSTER"/n1/data/store/*.tbl; do
        flip "$table" $(($(stat -c %s "$table") / 3))
    done
    DKV_CLUSTER=ipc://$CLUSTER/n1/run/router.sock
    cut -f 1 "$SANDBOX/before" | dkv mget | sort | cmp "$SANDBOX/before" -
    dkv scrub --wait >/dev/null || [[ $? == 12 ]] # whatever nobody has read
    eventually grep -q 'answer no reads until repair' "$CLUSTER/n1/log/dkv-store.log"
    eventually no_copy_is_lost
    eventually reads_all_locally
    assert_equal "$(dkv digest | cut -f 2,3 | sort -u | wc -l)" 256
    local losses
    losses=$(losses n1)
    dkv dump --quiet | sort | cmp "$SANDBOX/before" -
    dkv scrub --wait >/dev/null
    sleep 2
    assert_equal "$(losses n1)" "$losses"
    node kill n2
    dkv dump --quiet | sort | cmp "$SANDBOX/before" -
    # The next start finds the same damage, and does the same.
    node start n2
    node kill n1 store
    node start n1 store
    dkv scrub --wait >/dev/null || [[ $? == 12 ]]
    eventually no_copy_is_lost
    eventually reads_all_locally
}

@test "a damaged table costs its node some copies until repair, and readers nothing" {
    cluster_up --nodes 3 --set store/memtable=1MiB --set store/log_segment=1MiB
    seq 20000 | sed 's/.*/k&\tvalue & value & value &/' | dkv load
    dkv dump | sort >"$SANDBOX/before"
    assert_equal "$(lost_copies n1)" 0
    dkv local down --dir "$CLUSTER"
    local table
    for table in "$CLUSTER"/n1/data/store/*.tbl; do
        flip "$table" $(($(stat -c %s "$table") / 3))
    done
    dkv local up --dir "$CLUSTER" >/dev/null
    eventually reads_all
    seq 20000 | sed 's/^/k/' | dkv mget >/dev/null
    reads_all
    eventually has_lost_something n1 # and may be whole again by now
    assert_equal "$(losses n2)" 0
    grep -q 'answer no reads until repair' "$CLUSTER/n1/log/dkv-store.log"
    dkv put k1 "new" # lost copies take it, too
    assert_equal "$(dkv get k1)" "new"
    dkv local kill n2 --dir "$CLUSTER"
    dkv put k2 "newer"
}

@test "a loss is accepted when the owners that could help are gone" {
    cluster_up --nodes 3 --set store/memtable=1MiB --set store/log_segment=1MiB
    seq 20000 | sed 's/.*/k&\tvalue & value & value &/' | dkv load
    node stop n1 repair
    node stop n1 store
    local table
    for table in "$CLUSTER"/n1/data/store/*.tbl; do
        flip "$table" $(($(stat -c %s "$table") / 3))
    done
    node kill n2
    node kill n3
    node start n1 store
    export DKV_CLUSTER=ipc://$CLUSTER/n1/run/router.sock
    dkv dump --local >"$SANDBOX/lost" 2>&1 || : # finds the damage
    eventually has_lost_copies n1
    fails_with 2 dkv repair --accept-loss </dev/null
    fails_with 2 dkv repair --yes
    local count
    count=$(lost_copies n1)
    run dkv repair --accept-loss --yes
    assert_success
    assert_output "$count copies"
    eventually has_no_lost_copies n1
    grep -q 'its loss was accepted' "$CLUSTER/n1/log/dkv-store.log"
    run dkv repair --accept-loss --yes --json --node n1 default
    assert_output '{"v":1,"accepted":0}'
    dkv local kill n1 --dir "$CLUSTER"
    dkv local start n1 --dir "$CLUSTER"
    eventually has_no_lost_copies n1
}
