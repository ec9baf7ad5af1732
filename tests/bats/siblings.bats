#!/usr/bin/env bats
# Concurrent writes are kept side by side until somebody who has seen them all says which.
load cluster

setup_file() {
    isolate
    cluster_up --nodes 3
}

teardown_file() {
    cluster_down
}

# Two values under one context: KEY
make_siblings() {
    dkv put "$1" base
    dkv get --context-to "$BATS_TEST_TMPDIR/context" "$1" >/dev/null
    dkv put --context "@$BATS_TEST_TMPDIR/context" "$1" left
    dkv put --context "@$BATS_TEST_TMPDIR/context" "$1" right
}

@test "two writes with one context are two siblings, and get exits 4" {
    make_siblings k
    fails_with 4 dkv get k
    assert_equal "$output" ''
    assert_equal "$(wc -l <<<"$stderr")" 2
    assert_regex "$stderr" $'^[0-9a-f]{16}:[0-9]+\t[0-9]+\t[0-9]+'
    fails_with 4 dkv -q get k
    assert_equal "$stderr" ''
    assert_equal "$(dkv get --json k | jq -r '.values[].value' | sort | paste -sd ' ')" 'left right'
    assert_equal "$(dkv get --all k | wc -l)" 2
}

@test "siblings go to files named by their dots" {
    make_siblings files
    dkv get --siblings "$BATS_TEST_TMPDIR/out" files
    assert_equal "$(cat "$BATS_TEST_TMPDIR"/out/* | sed 's/leftright\|rightleft/both/')" both
    for file in "$BATS_TEST_TMPDIR"/out/*; do
        assert_regex "${file##*/}" '^[0-9a-f]{16}:[0-9]+$'
    done
}

@test "a put with the context of all siblings leaves one" {
    make_siblings resolved
    run dkv get --context-to "$BATS_TEST_TMPDIR/seen" resolved
    assert_equal "$status" 4
    dkv put --context "@$BATS_TEST_TMPDIR/seen" resolved merged
    assert_equal "$(dkv get resolved)" merged
}

@test "a put with an old context leaves what it had not seen" {
    make_siblings old
    dkv put --context "@$BATS_TEST_TMPDIR/context" old third
    assert_equal "$(dkv get --json old | jq -r '.values[].value' | sort | paste -sd ' ')" \
        'left right third'
}

@test "two blind puts in a row leave one, by whatever router they come" {
    local router value
    for router in ${DKV_CLUSTER//,/ }; do
        for value in 1 2; do
            dkv --cluster "$router" put blind "$value"
            assert_equal "$(dkv get blind)" "$value"
        done
    done
}

@test "--sibling supersedes nothing" {
    dkv put kept one
    dkv put --sibling kept two
    assert_equal "$(dkv get --json kept | jq -r '.values[].value' | sort | paste -sd ' ')" 'one two'
}

@test "a delete with a context leaves a concurrent write alive" {
    dkv put contested base
    dkv get --context-to "$BATS_TEST_TMPDIR/context" contested >/dev/null
    dkv put --context "@$BATS_TEST_TMPDIR/context" contested survivor
    dkv del --context "@$BATS_TEST_TMPDIR/context" contested
    assert_equal "$(dkv get contested)" survivor
}

@test "the hundred-and-first sibling is refused with 10, and none is dropped" {
    dkv put many base
    for _ in $(seq 99); do
        echo 'put --sibling many more'
    done | dkv shell >/dev/null
    fails_with 10 dkv put --sibling many one-too-many
    assert_equal "$(dkv get --json many | jq '.values | length')" 100
}
