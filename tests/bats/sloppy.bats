#!/usr/bin/env bats
# Owners are down, and writes and reads go on with the hints that other nodes keep for them.
load cluster

setup() {
    isolate
    cluster_up --nodes 5 --set ping/interval=50ms --set ping/down_after=300ms
    mapfile -t owners < <(dkv where k | cut -f 4)
    mapfile -t others < <(dkv status --json | jq -r .node | grep -vxF "$(printf '%s\n' "${owners[@]}")")
    # Whom the tests ask lives as long as they do.
    DKV_CLUSTER=$(printf "ipc://$CLUSTER/%s/run/router.sock," "${others[@]}")
    DKV_CLUSTER=${DKV_CLUSTER%,}
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

# What the replica of one node has.
local_value() {
    dkv --cluster "ipc://$CLUSTER/$1/run/router.sock" get --local "$2"
}

is_at() {
    [[ $(local_value "$1" "$2") == "$3" ]]
}

@test "two of three owners down: a put exits 0 and is read at R=2 by every router" {
    dkv put -W all k before
    node kill "${owners[0]}"
    node kill "${owners[2]}"
    dkv put k after
    local name
    for name in "${others[@]}" "${owners[1]}"; do
        assert_equal "$(dkv --cluster "ipc://$CLUSTER/$name/run/router.sock" get k)" after
    done
    assert_equal "$(dkv get -R all k)" after
    fails_with 3 dkv get never-written
}

@test "two of three owners down: --strict is 5 or 6, and 5 once they are known to be down" {
    dkv put -W all k before
    node kill "${owners[0]}"
    node kill "${owners[2]}"
    fails_with 5 dkv --timeout 2000 put --strict k refused || [[ $status == 6 ]]
    eventually is_down "${owners[0]}"
    eventually is_down "${owners[2]}"
    fails_with 5 dkv put --strict k refused
    assert_regex "$stderr" "${owners[0]} \(does not answer\)"
    refute_regex "$stderr" hints
    fails_with 5 dkv get --strict k
    dkv put k after
}

@test "a put with all owners down exits 0, is read, and arrives when they are back" {
    local name
    for name in "${owners[@]}"; do
        node kill "$name"
    done
    dkv put k kept
    assert_equal "$(dkv get k)" kept
    dkv put k again
    assert_equal "$(dkv get k)" again
    fails_with 5 dkv put --strict k refused
    for name in "${owners[@]}"; do
        node start "$name"
    done
    eventually all_up
    for name in "${owners[@]}"; do
        eventually is_at "$name" k again
    done
    assert_equal "$(dkv get --strict -R all k)" again
}

@test "an owner killed and started again has what was written meanwhile, without a read" {
    node kill "${owners[1]}"
    dkv put -W all k by-hint
    dkv put -W all k by-hint-too
    dkv get k
    node start "${owners[1]}"
    eventually is_at "${owners[1]}" k by-hint-too
}

@test "a paused owner: every put at W=all exits 0, and it gets them when it goes on" {
    node pause "${owners[1]}"
    local i
    for i in $(seq 5); do
        dkv put -W all k "$i"
    done
    node resume "${owners[1]}"
    eventually is_at "${owners[1]}" k 5
    assert_equal "$(dkv get k)" 5
}

@test "a deleted key stays deleted when the hint of its delete arrives" {
    dkv put -W all k value
    node kill "${owners[0]}"
    dkv del -W all k
    fails_with 3 dkv get k
    node start "${owners[0]}"
    eventually all_up
    gone() { fails_with 3 local_value "${owners[0]}" k; }
    eventually gone
}

@test "two owners were away when it was written, and then the third one loses its disk" {
    local third=${owners[1]} lines
    node kill "${owners[0]}"
    node kill "${owners[2]}"
    seq -f "k%.0f	while two were away" 1 300 >"$SANDBOX/in.tsv"
    dkv load -W 2 --quiet "$SANDBOX/in.tsv"
    dkv put -W 2 k "while two were away"
    node start "${owners[0]}"
    node start "${owners[2]}"
    eventually all_up
    fails_with 0 dkv --timeout 20000 hints wait
    dkv repair --wait >/dev/null
    node stop "$third" repair
    node stop "$third" store
    rm -r "$CLUSTER/$third/data/store"
    node start "$third" store
    # Rounds of the others tell it what it had known.
    DKV_CLUSTER+=,ipc://$CLUSTER/${owners[0]}/run/router.sock
    has_lost_copies() { (($(dkv status --json | jq -r "select(.node == \"$third\") | .lost_copies") > 0)); }
    eventually has_lost_copies
    fails_with 7 local_value "$third" k || [[ $status == 5 ]]
    assert_equal "$(dkv get -R 2 k)" "while two were away"
    assert_equal "$(cut -f 1 "$SANDBOX/in.tsv" | dkv mget --strict | sort)" "$(sort "$SANDBOX/in.tsv")"
    node start "$third" repair
    has_no_lost_copies() { ! has_lost_copies; }
    EVENTUALLY=30 eventually has_no_lost_copies
    is_at "$third" k "while two were away"
    dkv repair --wait >/dev/null
    [[ $(dkv digest | cut -f 2,3 | sort -u | cut -f 1 | uniq -d) == "" ]]
}

@test "nodes are killed under a load: every write exits 0, and all of it is there" {
    local i
    for i in $(seq 300); do
        printf 'k%d\t%d\n' "$i" "$i"
    done >"$SANDBOX/in.tsv"
    dkv load "$SANDBOX/in.tsv" &
    local load=$!
    node kill "${owners[0]}"
    node kill "${owners[1]}"
    wait "$load"
    # Both owners that have acknowledged a write may be the dead ones: reads may be stale now.
    node start "${owners[0]}"
    node start "${owners[1]}"
    eventually all_up
    dkv hints wait
    assert_equal "$(cut -f 1 "$SANDBOX/in.tsv" | dkv mget --strict | sort)" "$(sort "$SANDBOX/in.tsv")"
}

@test "fewer than W nodes: nothing is written, and the message says who is missing" {
    dkv put -W all k before
    local name
    for name in "${owners[@]}" "${others[1]}"; do
        node kill "$name"
    done
    for name in "${owners[@]}"; do
        eventually is_down "$name"
    done
    eventually fails_with 5 dkv put k refused
    assert_regex "$stderr" "or hints with .*${others[1]} \(does not answer\)"
    fails_with 5 dkv get k
    dkv put -W 1 k alone
    assert_equal "$(dkv get -R 1 k)" alone
}
