# The scripts of examples/ do what they say.
load cluster

setup() {
    isolate
    EXAMPLES=$BATS_TEST_DIRNAME/../../examples
}

teardown() {
    cluster_down
}

@test "quickstart.sh" {
    run "$EXAMPLES/quickstart.sh"
    assert_success
    assert_line 'quickstart: done'
}

@test "siblings.sh" {
    run "$EXAMPLES/siblings.sh"
    assert_success
    assert_line 'siblings: done'
}

@test "retry.sh" {
    run "$EXAMPLES/retry.sh"
    assert_success
    assert_line --regexp '^written after [2-9][0-9]* tries$'
    assert_line 'retry: done'
}

@test "kill-a-node.sh" {
    run "$EXAMPLES/kill-a-node.sh"
    assert_success
    assert_line 'kill-a-node: done'
}

@test "the demo ends well, leaves its cluster running, and can be shown again" {
    local file=/usr/share/unicode/UnicodeData.txt
    [[ -f $file ]] || skip "no $file"
    run "$EXAMPLES/demo.sh"
    assert_success
    assert_line --partial 'all as they were written'
    assert_equal "$(dkv get 0041)" "$(grep ^0041 $file)"
    run "$EXAMPLES/demo.sh"
    assert_success
    assert_line --partial 'using it'
}

@test "every example is run by a test" {
    local script
    for script in "$EXAMPLES"/*.sh; do
        grep -q "${script##*/}" "$BATS_TEST_FILENAME"
    done
}
