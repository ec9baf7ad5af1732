#!/usr/bin/env bats
# Whatever cable is cut and whatever process stands still: what was written last is alone. Few
# rounds of tests/torture/split; `make torture` does more.
load cluster

setup() {
    isolate
}

teardown() {
    cluster_down
}

@test "cut cables, stopped processes, routers that start: 8 rounds" {
    run "$BATS_TEST_DIRNAME/../torture/split" 8
    [[ $output != *'# SKIP '* ]] || skip "${output#*# SKIP }"
    echo "${lines[-2]}" >&3
    assert_success
}
