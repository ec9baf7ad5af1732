#!/usr/bin/env bats
# A conditional write is refused with 8 when the key is not as its writer thinks it is.
load cluster

setup_file() {
    isolate
    cluster_up --nodes 3
}

teardown_file() {
    cluster_down
}

context_of() {
    dkv get --context-to "$BATS_TEST_TMPDIR/context" "$1" >/dev/null || [[ $? == 3 ]]
    CONTEXT=@$BATS_TEST_TMPDIR/context
}

@test "if-absent writes where there is no value, and nowhere else" {
    dkv put --if-absent new first
    fails_with 8 dkv put --if-absent new second
    assert_output ''
    assert_regex "$stderr" 'the key has a value'
    assert_equal "$(dkv get new)" first
    dkv del new
    dkv put --if-absent new third
    assert_equal "$(dkv get new)" third
    dkv put --ttl 1 brief first
    fails_with 8 dkv put --if-absent brief second
    eventually dkv put --if-absent brief second
    assert_equal "$(dkv get brief)" second
}

@test "if-match writes as long as nobody else wrote" {
    dkv put match first
    context_of match
    dkv put --if-match "$CONTEXT" match second
    fails_with 8 dkv put --if-match "$CONTEXT" match third
    assert_regex "$stderr" 'changed since its context was read'
    assert_equal "$(dkv get match)" second
    context_of match
    dkv del match
    fails_with 8 dkv put --if-match "$CONTEXT" match third
    fails_with 3 dkv get match
    context_of match
    dkv put --if-match "$CONTEXT" match third
    context_of match
    dkv put --sibling match beside
    fails_with 8 dkv del --if-match "$CONTEXT" match
    context_of match 2>/dev/null || :
    assert_equal "$(dkv get --all match | wc -l)" 2
}

@test "of many that write with one context at the same time one succeeds" {
    local i codes=()
    dkv put race before
    context_of race
    for i in {1..8}; do
        (
            code=0
            dkv -q put --if-match "$CONTEXT" race "$i" || code=$?
            echo "$code" >"$BATS_TEST_TMPDIR/code.$i"
        ) &
    done
    wait
    assert_equal "$(cat "$BATS_TEST_TMPDIR"/code.* | sort | uniq -c | xargs)" '1 0 7 8'
    assert_equal "$(dkv get --all race | wc -l)" 1
}

@test "many that create one key at the same time through all routers make one value" {
    local i router=()
    IFS=, read -ra router <<<"$DKV_CLUSTER"
    for i in {0..7}; do
        (
            code=0
            dkv -q --cluster "${router[i % ${#router[@]}]}" put --if-absent created "$i" || code=$?
            echo "$code" >"$BATS_TEST_TMPDIR/code.$i"
        ) &
    done
    wait
    assert_equal "$(cat "$BATS_TEST_TMPDIR"/code.* | sort | uniq -c | xargs)" '1 0 7 8'
    assert_equal "$(dkv get --all created | wc -l)" 1
}

@test "a conditional write that was applied and is repeated is done, not refused" {
    local id=00112233445566778899aabbccddeef0
    dkv put --if-absent --request-id $id again value
    dkv put --if-absent --request-id $id again value
    dkv put again other
    dkv put --if-absent --request-id $id again value
    assert_equal "$(dkv get again)" other
    # An id that nobody knows is refused, not "indeterminate", when every owner said so.
    fails_with 8 dkv put --if-absent --request-id 00112233445566778899aabbccddeef1 again value
}

@test "what says twice what is superseded is a mistake" {
    dkv put twice value
    context_of twice
    fails_with 2 dkv put --if-absent --if-match "$CONTEXT" twice value
    fails_with 2 dkv put --context "$CONTEXT" --if-match "$CONTEXT" twice value
    fails_with 2 dkv put --sibling --if-absent twice value
}

@test "lines of the shell are conditional as well" {
    local context
    run dkv shell <<'EOF'
put --if-absent shell first
put --if-absent shell second
get shell
EOF
    assert_equal "$status" 9
    assert_line --index 0 ok
    assert_line --index 1 --partial '! 8 precondition failed'
    assert_line --index 2 first
    context=$(dkv get --json shell | jq -r .context)
    run dkv shell --json <<<'{"op":"put","key":"shell","value":"third","if_match":"'"$context"'"}
{"op":"put","key":"shell","value":"fourth","if_match":"'"$context"'"}'
    assert_equal "$(jq .status <<<"$output" | xargs)" '0 8'
    assert_equal "$(dkv get shell)" third
}
