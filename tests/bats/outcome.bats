#!/usr/bin/env bats
# Written, not written, not known: three outcomes, kept apart, and a way out of the third.
load cluster

setup_file() {
    isolate
    # Nobody is called down while these tests pause nodes.
    cluster_up --nodes 3 --set ping/interval=5s --set ping/down_after=30s
}

teardown_file() {
    cluster_down
}

@test "a write that was sent and not confirmed is 6, and its receipt is printed" {
    local id=00112233445566778899aabbccddeeff receipt
    dkv put -W all key before
    node pause n2
    node pause n3
    fails_with 6 dkv --timeout 1500 put --request-id $id --receipt key after
    assert_output ''
    # It names the key and the request, whatever became of it.
    receipt=$(sed -n 's/^receipt=//p' <<<"$stderr" | tr -- -_ +/)
    assert_regex "$(base64 -d <<<"$receipt" 2>/dev/null | xxd -p -c 0)" "$(printf key | xxd -p)$id"
    assert_regex "$stderr" "request-id=$id"
    # Asked again while it is still not known: never "not written".
    fails_with 6 dkv --timeout 1500 put --request-id $id key after
    node resume n2
    node resume n3
    # Repeated with the same request id it is written, once.
    dkv --timeout 10000 put --request-id $id key after
    assert_equal "$(dkv get -R all key)" after
    assert_equal "$(dkv get --json key | jq '.values | length')" 1
}

@test "a read that runs out of time is 7" {
    dkv put -W all read value
    node pause n2
    node pause n3
    fails_with 7 dkv --timeout 1000 get -R all read
    node resume n2
    node resume n3
    assert_equal "$(dkv --timeout 10000 get -R all read)" value
}

@test "a write that was not confirmed tells its request id, and is done with it" {
    local id
    dkv put -W all told before
    node pause n2
    node pause n3
    fails_with 6 dkv --timeout 1000 put told after
    id=$(sed -n 's/^request-id=//p' <<<"$stderr")
    assert_regex "$id" '^[0-9a-f]{32}$'
    fails_with 6 dkv -q --timeout 1000 put quiet after
    assert_equal "$stderr" ''
    node resume n2
    node resume n3
    dkv --timeout 10000 put --request-id "$id" told after
    assert_equal "$(dkv get told)" after
}
