#!/usr/bin/env bats
# Deleted keys are forgotten, and stay deleted.
load cluster

setup() {
    isolate
}

teardown() {
    cluster_down
}

keys() { # of all stores together
    dkv metrics | awk '/^dkv_store_keys{/ { sum += $2 } END { print sum + 0 }'
}

has_keys() { # COUNT
    (($(keys) == $1))
}

@test "one node forgets deletions after purge/age, and a restart does not bring them back" {
    cluster_up --nodes 1 --set request/memory=1s --set purge/age=1s
    seq 200 | sed 's/.*/k&\tvalue &/' | dkv load
    seq 100 | sed 's/^/k/' | while read -r key; do dkv del "$key"; done
    eventually has_keys 100
    dkv local kill n1 --dir "$CLUSTER"
    dkv local up --dir "$CLUSTER" >/dev/null
    eventually has_keys 100
    assert_equal "$(dkv get k101)" "value 101"
    run dkv get k1
    assert_equal "$status" 3
    dkv put k1 "again"
    assert_equal "$(dkv get k1)" "again"
    dkv local down --dir "$CLUSTER"
    dkv-store --verify "$CLUSTER/n1/data/store"
    assert_equal "$(dkv-store --dump "$CLUSTER/n1/data/store" | wc -l)" 101
}

@test "values that have expired are forgotten, too" {
    cluster_up --nodes 1 --set request/memory=1s --set purge/age=1s --set clock/refuse=1s
    dkv put gone "value" --ttl 2
    dkv put deleted "value"
    dkv del deleted
    eventually has_keys 1 # the deletion is purged; the other one is not over
    eventually has_keys 0
}

@test "del --wait-gone returns when the deletion is purged, and says who keeps it when time is over" {
    cluster_up --nodes 1 --set request/memory=1s --set purge/age=2s
    dkv put key value
    fails_with 12 dkv --timeout 300 del --wait-gone key
    assert_regex "$stderr" 'key: it is deleted, and not purged .* at: n1 \(keeps it\)'
    dkv put key value
    dkv del --wait-gone key
    eventually has_keys 0
    fails_with 3 dkv get key
}

# Options of a cluster that forgets quickly.
up_that_forgets() {
    cluster_up "$@" --set request/memory=1s --set purge/age=1s --set purge/close_after=1s \
        --set repair/interval=1s --set repair/settle=100ms
    DKV_CLUSTER=ipc://$CLUSTER/n1/run/router.sock
}

# What all stores keep note of, besides what is closed.
has_seen() { # COUNT
    [[ $(dkv metrics | awk '/^dkv_store_seen{/ { sum += $2 } END { print sum + 0 }') == "$1" ]]
}

load_on() {
    local i
    for i in $(seq 100); do
        [[ ! -d $SANDBOX || -e $SANDBOX/stop ]] && return
        seq 2000 | sed 's/.*/k&\tvalue &/' | dkv load --quiet --timeout 60000 || :
    done
}

@test "deletions are purged everywhere although stores were killed under load" {
    up_that_forgets --nodes 3
    load_on >"$SANDBOX/load" 2>&1 3>&- &
    local load=$! i
    for i in 1 2 3; do
        sleep 0.5
        node kill n2 store
        node start n2 store
    done
    touch "$SANDBOX/stop"
    wait "$load"
    dkv --timeout 60000 del --wait-gone k1
    seq 2000 | sed 's/^/k/' | dkv load --delete --quiet
    EVENTUALLY=60 eventually has_keys 0
}

@test "nothing is kept of lives of stores and hintds that are over" {
    up_that_forgets --nodes 4
    local name
    for name in n1 n2 n3; do node kill "$name" store; done
    eventually eval '[[ $(dkv status --json | jq -r .state | grep -c down) == 3 ]]'
    seq 300 | sed 's/.*/k&\tvalue &/' | dkv load -W 1 # some by the hintd of n4
    eventually eval 'dkv metrics | grep "^dkv_hintd_minted_total{.*n4.* [1-9]"'
    for name in n1 n2 n3; do node start "$name" store; done
    dkv --timeout 60000 hints wait
    refute has_seen 0
    for name in n1 n2 n3 n4; do
        node kill "$name" store
        node kill "$name" hintd
        node start "$name" store
        node start "$name" hintd
    done
    EVENTUALLY=60 eventually has_seen 0
    assert_equal "$(dkv dump | wc -l)" 300
}
