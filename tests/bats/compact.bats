#!/usr/bin/env bats
# What was overwritten takes no room after dkv compact.
load cluster

setup() {
    cluster_up --nodes 3
}

teardown() {
    cluster_down
}

# How many entries the tables of all stores have.
entries() {
    dkv metrics | awk '/^dkv_engine_table_entries/ { sum += $2 } END { print sum + 0 }'
}

has_entries() {
    [[ $(entries) == "$1" ]]
}

@test "compact --wait leaves each key once in the tables of each store" {
    for round in 1 2 3; do
        seq 2000 | sed "s/.*/key&\tvalue$round/" | dkv load --quiet -W all
        dkv compact --wait
    done
    eventually has_entries 6000
    assert_equal "$(dkv get key1000)" value3
}

@test "a store that does not answer is named, and the others compact: 9" {
    dkv put -W all key value
    node kill n3 store
    fails_with 9 dkv compact --wait
    assert_regex "$stderr" 'n3: its store does not answer'
    eventually has_entries 2
}

@test "compact takes no arguments" {
    fails_with 2 dkv compact everything
}
