#!/usr/bin/env bats
# A ring document that is handed in is put to the vote, reaches daemons that run, and no operation
# fails. One that cannot follow is refused, at once and at every start.
load cluster

setup() {
    NEXT_RING=$(dirname "$(command -v dkv)")/../tests/fixture/next_ring
    [[ -x $NEXT_RING ]] || skip "next_ring is not built"
    cluster_up --nodes 3
}

teardown() {
    cluster_down
}

# NODE FILE: puts the document into its directory.
lay_down() {
    cp "$2" "$CLUSTER/$1/data/ring/next"
    mv "$CLUSTER/$1/data/ring/next" "$CLUSTER/$1/data/ring/ring"
}

# NODE FILE: and tells its daemons.
hand_in() {
    lay_down "$1" "$2"
    kill -HUP "$(pid_of "$1" store)" "$(pid_of "$1" router)"
}

# Puts and gets, 16 at a time, until $SANDBOX/enough is there; a line "ID STATUS" for each.
client() {
    perl -e '
        for (my $i = 0; !-e $ARGV[1]; $i++) {
            printf qq({"id":"p%s-%s","op":"put","key":"k%s","value":"%s"}\n), $ARGV[0], $i, $i % 97, $i;
            printf qq({"id":"g%s-%s","op":"get","key":"k%s"}\n), $ARGV[0], $i, ($i * 7) % 97;
        }' "$1" "$SANDBOX/enough" |
        dkv --timeout 20000 shell --json --pipeline 16 2>"$SANDBOX/errors-$1" |
        jq -r '"\(.id) \(.status)"' >"$SANDBOX/client-$1"
}

epochs() {
    dkv status --json | jq -r .epoch | sort -u | tr '\n' ' '
}

all_have_epoch() {
    local node
    for node in n1 n2 n3; do
        DKV_CLUSTER=ipc://$CLUSTER/$node/run/router.sock
        [[ $(epochs) == "$1 " ]] || return 1
    done
}

log_says() { # NODE DAEMON TEXT
    grep -q "$3" "$CLUSTER/$1/log/dkv-$2.log"
}

@test "documents are handed in under load, at one node or all, and nothing fails" {
    local epoch node
    for key in $(seq 0 96); do echo "k$key	0"; done | dkv load 2>/dev/null
    client a 3>&- & local first=$!
    client b 3>&- & local second=$!
    dkv ring export >"$SANDBOX/ring1"
    for epoch in 2 3 4; do
        "$NEXT_RING" <"$SANDBOX/ring$((epoch - 1))" >"$SANDBOX/ring$epoch"
        for node in n1 n2 n3; do
            ((epoch == 3)) && [[ $node != n2 ]] && continue
            hand_in $node "$SANDBOX/ring$epoch"
            dkv put "between-$epoch-$node" value
        done
        eventually all_have_epoch $epoch
    done
    touch "$SANDBOX/enough"
    wait $first $second
    cat "$SANDBOX"/client-* >"$SANDBOX/outcomes"
    run grep -v ' 0$' "$SANDBOX/outcomes"
    assert_output ''
    (($(wc -l <"$SANDBOX/outcomes") > 200))
    dkv ring export | cmp - "$SANDBOX/ring4"
    for node in n1 n2 n3; do
        log_says $node router 'ring: epoch 3 -> 4'
        eventually log_says $node store 'ring: epoch 3 -> 4'
        cmp "$CLUSTER/$node/data/ring/adopted" "$SANDBOX/ring4"
    done
}

@test "a document that lies there when a node starts is put to the vote" {
    dkv ring export | "$NEXT_RING" >"$SANDBOX/ring2"
    lay_down n1 "$SANDBOX/ring2"
    node kill n1
    node start n1
    eventually all_have_epoch 2
    dkv put key value
    assert_equal "$(dkv get -R all key)" value
}

@test "of two documents for one epoch one counts, and the other is refused with the reason" {
    dkv ring export >"$SANDBOX/ring1"
    "$NEXT_RING" <"$SANDBOX/ring1" >"$SANDBOX/ring2"
    hand_in n1 "$SANDBOX/ring2"
    eventually all_have_epoch 2
    "$NEXT_RING" heavy <"$SANDBOX/ring1" >"$SANDBOX/other2"
    hand_in n2 "$SANDBOX/other2"
    eventually log_says n2 router 'not taken over: .*epoch 2 now'
    dkv ring export | cmp - "$SANDBOX/ring2"
}

@test "a document that cannot follow is refused, with the reason, and the next start refuses it, too" {
    dkv ring export >"$SANDBOX/ring1"
    "$NEXT_RING" move <"$SANDBOX/ring1" >"$SANDBOX/moved"
    hand_in n1 "$SANDBOX/moved"
    eventually log_says n1 router 'not taken over: partition 0 of keyspace default has other owners'
    : >"$CLUSTER/n1/log/dkv-router.log"
    node kill n1
    node start n1
    log_says n1 router 'not taken over: partition 0 of keyspace default has other owners'
    all_have_epoch 1
    sed 's/^epoch 1/epoch 9/' "$SANDBOX/ring1" >"$SANDBOX/forged"
    hand_in n1 "$SANDBOX/forged"
    eventually log_says n1 router 'the hash does not match'
    node kill n1
    node start n1
    all_have_epoch 1
    dkv put key value
}
