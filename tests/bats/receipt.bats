#!/usr/bin/env bats
# A receipt is a barrier: to wait until owners have a write, and to read what is not older.
load cluster

setup() {
    cluster_up --nodes 3
}

teardown() {
    cluster_down
}

# Puts, and leaves the receipt in $BATS_TEST_TMPDIR/receipt.
put() {
    dkv put --receipt "$@" 2>&1 | sed -n 's/^receipt=//p' >"$BATS_TEST_TMPDIR/receipt"
    RECEIPT=@$BATS_TEST_TMPDIR/receipt
}

router() {
    echo "ipc://$CLUSTER/$1/run/router.sock"
}

@test "wait returns when all owners have the write, and says who lacks it when its time is over" {
    put -W all key before
    dkv wait "$RECEIPT"
    node kill n3
    put key after
    dkv wait --owners 2 "$RECEIPT"
    fails_with 12 dkv --timeout 1000 wait "$RECEIPT"
    assert_output ''
    assert_regex "$stderr" 'key: 2 of 3 owners .*n3 \(does not answer\)'
    fails_with 12 dkv --timeout 300 --json wait --all "$RECEIPT"
    assert_equal "$(jq -c '[.v, .key, .keyspace, .wanted, (.have | sort), .lack]' <<<"$output")" \
        '[1,"key","default",3,["n1","n2"],[{"node":"n3","state":"down","problem":"does not answer"}]]'
    dkv wait "$RECEIPT" &
    node start n3
    eventually dkv get -R all key
    wait $!
    dkv wait "$RECEIPT"
}

@test "an owner has a write that was superseded or deleted since" {
    put key first
    dkv put key second
    dkv --timeout 5000 wait "$RECEIPT"
    dkv del key
    dkv --timeout 5000 wait "$RECEIPT"
}

@test "a receipt of a write that was not confirmed is waited for by its request" {
    local id=00112233445566778899aabbccddeeff
    put -W all key before
    node pause n2
    node pause n3
    fails_with 6 dkv --timeout 400 put -W all --request-id $id --receipt key after
    sed -n 's/^receipt=//p' <<<"$stderr" >"$BATS_TEST_TMPDIR/receipt"
    node resume n2
    node resume n3
    dkv --timeout 10000 put -W all --request-id $id key after
    dkv --timeout 10000 wait "$RECEIPT"
}

@test "get --after waits until the answer has the write, and is 7 when it has not" {
    put -W all key before
    node kill n3
    put key after
    node start n3
    node kill n1
    node kill n2
    export DKV_CLUSTER
    DKV_CLUSTER=$(router n3)
    eventually eval '[[ $(dkv -q get -R 1 key) == before ]]'
    fails_with 7 dkv --timeout 1000 get -R 1 --after "$RECEIPT" key
    assert_output ''
    assert_regex "$stderr" 'key: .*n3 \(has not got it yet\)'
    dkv --timeout 20000 get -R 1 --after "$RECEIPT" key >"$BATS_TEST_TMPDIR/got" &
    node start n1
    wait $!
    assert_equal "$(cat "$BATS_TEST_TMPDIR/got")" after
}

@test "get --after of a deletion is 3, when that is what is there" {
    put key value
    dkv get --after "$RECEIPT" key
    dkv del --receipt key 2>&1 | sed -n 's/^receipt=//p' >"$BATS_TEST_TMPDIR/receipt"
    fails_with 3 dkv get --after "$RECEIPT" key
}

@test "what is no receipt, or one of another key, is refused" {
    put key value
    fails_with 2 dkv wait nonsense
    fails_with 2 dkv wait "A$(cat "$BATS_TEST_TMPDIR/receipt")"
    fails_with 2 dkv wait
    fails_with 2 dkv wait --owners 4 "$RECEIPT"
    assert_regex "$stderr" '4 owners are wanted, and the key has 3'
    fails_with 2 dkv wait --owners 2 --all "$RECEIPT"
    fails_with 2 dkv get --after "$RECEIPT" other
    assert_regex "$stderr" 'the receipt is of another key'
    fails_with 2 dkv get --local --after "$RECEIPT" key
}
