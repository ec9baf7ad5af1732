#!/usr/bin/env bats
# A new ring document reaches daemons that run: it replaces theirs, and no operation fails.
load cluster

setup() {
    NEXT_RING=$(dirname "$(command -v dkv)")/../tests/fixture/next_ring
    [[ -x $NEXT_RING ]] || skip "next_ring is not built"
    cluster_up --nodes 3
}

teardown() {
    cluster_down
}

# NODE FILE: puts the document into its directory and tells its daemons.
hand_out() {
    cp "$2" "$CLUSTER/$1/data/ring/next"
    mv "$CLUSTER/$1/data/ring/next" "$CLUSTER/$1/data/ring/ring"
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

@test "documents are handed out under load, node by node, and nothing fails" {
    local epoch node
    for key in $(seq 0 96); do echo "k$key	0"; done | dkv load 2>/dev/null
    client a 3>&- & local first=$!
    client b 3>&- & local second=$!
    dkv ring export >"$SANDBOX/ring1"
    for epoch in 2 3 4; do
        "$NEXT_RING" <"$SANDBOX/ring$((epoch - 1))" >"$SANDBOX/ring$epoch"
        for node in n1 n2 n3; do
            hand_out $node "$SANDBOX/ring$epoch"
            dkv put "between-$epoch-$node" value
        done
    done
    eventually all_have_epoch 4
    touch "$SANDBOX/enough"
    wait $first $second
    cat "$SANDBOX"/client-* >"$SANDBOX/outcomes"
    run grep -v ' 0$' "$SANDBOX/outcomes"
    assert_output ''
    (($(wc -l <"$SANDBOX/outcomes") > 200))
    dkv ring export | cmp - "$SANDBOX/ring4"
    log_says n2 router 'ring: epoch 3 -> 4'
}

@test "a node that starts with the new document and others that do not have it yet serve together" {
    dkv ring export | "$NEXT_RING" >"$SANDBOX/ring2"
    cp "$SANDBOX/ring2" "$CLUSTER/n1/data/ring/ring"
    node kill n1
    node start n1
    dkv put key value
    assert_equal "$(dkv get -R all key)" value
    hand_out n2 "$SANDBOX/ring2"
    hand_out n3 "$SANDBOX/ring2"
    eventually all_have_epoch 2
    assert_equal "$(dkv get -R all key)" value
}

@test "a document that cannot follow is refused, with the reason, and nothing changes" {
    dkv ring export >"$SANDBOX/ring1"
    "$NEXT_RING" move <"$SANDBOX/ring1" >"$SANDBOX/moved"
    hand_out n1 "$SANDBOX/moved"
    eventually log_says n1 router 'not taken over: partition 0 of keyspace default has other owners'
    eventually log_says n1 store 'not taken over: partition 0 of keyspace default has other owners'
    sed 's/^epoch 1/epoch 9/' "$SANDBOX/ring1" >"$SANDBOX/forged"
    hand_out n1 "$SANDBOX/forged"
    eventually log_says n1 store 'the hash does not match'
    all_have_epoch 1
    dkv put key value
}
