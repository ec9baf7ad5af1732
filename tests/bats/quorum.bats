#!/usr/bin/env bats
# Nodes fail; reads and writes go on while W and R can be had, and the exit status is honest.
load cluster

setup() {
    isolate
    cluster_up --nodes 3 --set ping/interval=50ms --set ping/down_after=300ms
    dkv put -W all k before
}

teardown() {
    cluster_down
}

is_down() {
    [[ $(dkv status --json | jq -r "select(.node == \"$1\") | .state") == down ]]
}

all_up() {
    dkv status
}

@test "one node killed: puts and gets at W=R=2 keep succeeding" {
    node kill n3
    local i
    for i in $(seq 20); do
        dkv put "k$i" "$i"
        assert_equal "$(dkv get "k$i")" "$i"
    done
    assert_equal "$(dkv get k)" before
}

@test "one node paused: every put still exits 0, and after it resumed it is repaired by reads" {
    node pause n2
    local i
    for i in $(seq 20); do
        dkv put "k$i" "$i"
    done
    node resume n2
    eventually all_up
    for i in $(seq 20); do
        assert_equal "$(dkv get -R all "k$i")" "$i"
    done
    local router=${DKV_CLUSTER#*,}
    for i in $(seq 20); do
        assert_equal "$(dkv --cluster "${router%,*}" get --local "k$i")" "$i"
    done
}

@test "two nodes killed: W=2 is 5 and nothing is written, W=1 still writes" {
    node kill n2
    node kill n3
    eventually is_down n2
    eventually is_down n3
    fails_with 5 dkv put k refused
    assert_regex "$stderr" 'n2.*does not answer'
    fails_with 5 dkv put --strict k refused
    fails_with 5 dkv get k
    assert_equal "$(dkv get -R one k)" before
    dkv put -W one k after
    node start n2
    node start n3
    eventually all_up
    assert_equal "$(dkv get -R all k)" after
}

@test "two nodes paused in the middle: the exit status is 5 or 6, never 0" {
    node pause n2
    node pause n3
    fails_with 6 dkv --timeout 1500 put --receipt k unknown || [[ $status == 5 ]]
    if [[ $status == 6 ]]; then
        assert_regex "$stderr" 'receipt='
    fi
    node resume n2
    node resume n3
    eventually all_up
    eventually dkv get -R all k
    assert_regex "$(dkv get -R all k)" '^(before|unknown)$'
}

@test "all processes of all nodes killed: what was reported written is there" {
    local i n
    for i in $(seq 50); do
        dkv put "k$i" "$i"
    done
    for n in n1 n2 n3; do
        node kill "$n"
    done
    dkv local up --dir "$CLUSTER" >/dev/null
    for i in $(seq 50); do
        assert_equal "$(dkv get "k$i")" "$i"
    done
}

@test "a router killed in the middle of a client's list: the client goes to the next" {
    node kill n1 router
    assert_equal "$(dkv get k)" before
    dkv put k after
    assert_equal "$(dkv get k)" after
}

@test "a store killed alone is seen as down, and comes back" {
    node kill n1 store
    eventually is_down n1
    dkv put k after
    node start n1 store
    eventually all_up
    assert_equal "$(dkv get -R all k)" after
}
