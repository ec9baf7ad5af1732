#!/usr/bin/env bats
# Hints: kept for a node that is down, told, delivered, whatever is killed meanwhile.
load cluster

setup() {
    isolate
}

teardown() {
    cluster_down
}

# Options of dkv local up. n3 is killed, and the others know it.
up_without_n3() {
    cluster_up --nodes 4 --set ping/interval=50ms --set ping/down_after=300ms "$@"
    DKV_CLUSTER=ipc://$CLUSTER/n1/run/router.sock
    dkv put -W all first value
    node kill n3
    is_down() { [[ $(dkv status --json | jq -r 'select(.node == "n3") | .state') == down ]]; }
    eventually is_down
}

# So many pairs at W=all: each of them has a copy or a hint for every owner.
put_pairs() {
    seq "$1" "$2" | awk '{ print "key" $1 "\tvalue " $1 }' | dkv load -W all
}

is_empty() {
    [[ -z $(dkv hints) ]]
}

# Every key is on three nodes, with the same values, dots and clocks.
copies_agree() {
    local name
    for name in n1 n2 n3 n4; do
        dkv --cluster "ipc://$CLUSTER/$name/run/router.sock" dump --local --format json |
            jq -c '[.key, .record]'
    done | sort | uniq -c >"$SANDBOX/copies"
    [[ -s $SANDBOX/copies && -z $(awk '$1 != 3' "$SANDBOX/copies") ]]
}

@test "hints says what waits, for whom, where and why; wait returns when it is delivered" {
    up_without_n3
    put_pairs 1 300
    fails_with 9 dkv hints # n3 may keep some, too
    assert_regex "$stderr" 'dkv-hintd of n3 does not answer'
    assert_equal "$(cut -f 1,6 <<<"$output" | sort -u)" $'n3\tdown'
    assert_equal "$(cut -f 2 <<<"$output" | paste -sd ' ')" 'n1 n2 n4'
    local waiting
    waiting=$(awk '{ n += $3 } END { print n }' <<<"$output")
    ((waiting > 100 && waiting < 300))
    assert_equal "$(dkv status --json | jq -r 'select(.node == "n3") | .hints')" "$waiting"
    assert_equal "$(dkv hints --json 2>/dev/null | jq -s 'map(.hints) | add')" "$waiting"
    fails_with 12 dkv --timeout 300 hints wait --for n3
    assert_regex "$stderr" 'n3: [0-9]+ hints wait on n1: down'
    node start n3 hintd # it has none, but could
    fails_with 0 dkv hints wait --for n2
    node start n3
    fails_with 0 dkv hints wait
    eventually is_empty
    eventually copies_agree
}

@test "2000 writes and 500 deletes arrive though every hintd is killed ten times" {
    up_without_n3 --set hints/rate=6KiB --set hints/retry=100ms
    put_pairs 1 2000
    seq 1 500 | sed 's/^/key/' | dkv load --delete -W all
    node start n3
    local round name
    for round in $(seq 10); do
        for name in n1 n2 n4; do
            node kill "$name" hintd
            node start "$name" hintd
        done
        ((round > 1)) || refute [ -z "$(dkv hints)" ] # they are killed on the way
    done
    fails_with 0 dkv --timeout 60000 hints wait
    eventually is_empty
    eventually copies_agree
    assert_equal "$(dkv dump | wc -l)" 1501
    fails_with 3 dkv get key1
}

@test "a store that dies while hints come gets them all when it is back" {
    up_without_n3 --set hints/rate=6KiB --set hints/retry=100ms
    put_pairs 1 1000
    node start n3
    local round
    for round in $(seq 5); do
        node kill n3 store
        node start n3 store
    done
    fails_with 0 dkv --timeout 60000 hints wait
    eventually copies_agree
}

@test "beyond hints/size_max a hint does not count, and leaves a debt" {
    up_without_n3 --set hints/size_max=0
    local key=first
    until dkv where "$key" | cut -f 4 | grep -qx n3; do
        key=$key.
    done
    dkv put "$key" value # W=2 are there
    run dkv put -W all "$key" value
    ((status == 5 || status == 6))
    has_debt() { [[ $(dkv hints 2>/dev/null | cut -f 1,3,6,7 | sort -u) == $'n3\t0\tdebts\t1' ]]; }
    eventually has_debt
    local name
    name=$(dkv hints 2>/dev/null | cut -f 2)
    node kill "$name" hintd
    node start "$name" hintd
    eventually has_debt
    fails_with 12 dkv --timeout 100 hints wait # n3 may keep some, too
    assert_regex "$stderr" 'dkv-hintd of n3 does not answer'
}

@test "flush knows nodes, and names the hintd that does not answer" {
    cluster_up
    fails_with 0 dkv hints flush n2
    fails_with 2 dkv hints flush n9
    fails_with 2 dkv hints flush
    fails_with 2 dkv hints list n2
    node kill n2 hintd
    is_silent() { [[ $(dkv status --json | jq -r 'select(.node == "n2") | .hintd') == down ]]; }
    eventually is_silent
    fails_with 9 dkv hints flush n2
    assert_regex "$stderr" 'dkv-hintd of n2 does not answer'
    fails_with 12 dkv status
}

@test "a hintd does not take the hints of another node for its own" {
    cluster_up --nodes 2
    node stop n1 hintd
    node stop n2 hintd
    mv "$CLUSTER/n1/data/hints" "$CLUSTER/n1/data/old"
    mv "$CLUSTER/n2/data/hints" "$CLUSTER/n1/data/hints"
    fails_with 2 timeout 10 dkv-hintd --config "$CLUSTER/n1/dkv.conf"
    assert_regex "$stderr" 'hints of node number [12], not of n1 \(number [12]\)'
}

@test "what hintds refused is pulled by repair when the node is back, and they owe nothing then" {
    up_without_n3 --set hints/size_max=0MiB --set repair/interval=1h --set repair/settle=100ms
    seq 1 400 | awk '{ print "key" $1 "\tvalue " $1 }' | dkv load -W 2
    run --separate-stderr dkv hints
    assert_equal "$(awk '{ hints += $3; debts += $7 } END { print hints, (debts > 9) }' <<<"$output")" \
        "0 1"
    node start n3
    EVENTUALLY=30 eventually is_empty
    copies_agree
}
