#!/usr/bin/env bats
# A node under load is killed, or the power fails: nothing that was acknowledged is lost, and
# nothing is there that was not written. Few rounds of tests/torture/torture; `make torture`
# does more.
load cluster

setup() {
    isolate
}

teardown() {
    cluster_down
}

# KIND ROUNDS: with a new seed each time, which a failure shows.
torture() {
    run "$BATS_TEST_DIRNAME/../torture/torture" "$@"
    [[ $output != *'# SKIP '* ]] || skip "${output#*# SKIP }"
    assert_success
    echo "${lines[-1]}" >&3
}

@test "killed under load, 15 times" {
    torture kill 15
}

@test "power loss on ext4, twice" {
    torture ext4 2
}

@test "power loss on XFS, twice" {
    torture xfs 2
}
