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
