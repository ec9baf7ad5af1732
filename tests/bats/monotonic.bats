#!/usr/bin/env bats
# What a monotonic read printed is not missed by a later one, whichever owners that asks.
load cluster

setup() {
    cluster_up --nodes 3
}

teardown() {
    cluster_down
}

@test "a monotonic read brings what it read to as many owners as later reads need" {
    dkv put -W all key before
    node kill n3
    dkv put key after
    node start n3
    node kill n1
    # n2 has the new value, n3 the old one: the answer waits until n3 has it.
    DKV_CLUSTER=ipc://$CLUSTER/n2/run/router.sock
    eventually dkv get key
    assert_equal "$(dkv get --monotonic key)" after
    node kill n2
    assert_equal "$(dkv --cluster "ipc://$CLUSTER/n3/run/router.sock" get -R 1 key)" after
}

@test "too few owners to hold what is read is 5" {
    dkv put -W all key value
    node kill n3
    eventually eval '! dkv get --monotonic -R 1 key'
    fails_with 5 dkv get --monotonic -R 1 key
    assert_output ''
    assert_regex "$stderr" 'n3 \(does not answer\).*--monotonic'
    assert_equal "$(dkv get --monotonic key)" value
    fails_with 3 dkv get --monotonic -R 1 nothing # everybody holds nothing
    fails_with 2 dkv get --monotonic --local key
}
