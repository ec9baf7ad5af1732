#!/usr/bin/env bats
# Who asks and does not read costs little, and keeps nobody from being served.
load cluster

setup_file() {
    isolate
    cluster_up --nodes 3
    head -c 1048576 /dev/urandom >"$SANDBOX/value"
    dkv put large --file "$SANDBOX/value"
}

teardown_file() {
    cluster_down
}

# greedy OPTION... - see greedy.pl; asks n1 for the large value.
greedy() {
    perl "$BATS_TEST_DIRNAME/greedy.pl" "$@" "$CLUSTER/n1/run/router.sock" large
}

# How often a store was taken for dead.
silences() {
    grep -c 'store does not answer' "$CLUSTER/n1/log/dkv-router.log" || :
}

# withstand LIMIT OPTION... - says what it costs, and fails if it is more than so many MiB.
withstand() {
    local limit=$1 greedy silences i=0
    shift
    silences=$(silences)
    memory_begin
    greedy "$@" 3>&- &
    greedy=$!
    while kill -0 "$greedy" 2>/dev/null; do
        memory_look
        i=$((i + 1))
        dkv put meanwhile "$i"
        assert_equal "$(dkv get meanwhile)" "$i"
        dkv get large | cmp - "$SANDBOX/value"
    done
    wait
    memory_within "$limit"
    assert_equal "$(silences)" "$silences"
}

refusals() {
    dkv metrics | awk '/^dkv_router_(busy|unread)_total{node="n1"}/ { sum += $2 } END { print sum }'
}

@test "600 reads of a large value, and no answer is taken" {
    withstand 32 count=600
    (($(refusals) >= 500))
}

@test "reads that go on and on" {
    withstand 32 count=40 again=40
}

@test "twelve such clients" {
    withstand 96 count=40 again=40 links=12
}

# What the last client asked for may still be on its way.
settle() {
    local before=
    while [[ $before != "$(refusals)" ]]; do
        before=$(refusals)
        sleep 0.2
    done
}

@test "who is gone leaves nothing behind" {
    local before
    for i in {1..12}; do
        greedy count=40 seconds=0
    done
    settle
    before=$(refusals)
    dkv get large | cmp - "$SANDBOX/value"
    assert_equal "$(refusals)" "$before"
}

@test "who reads gets all, however much it is" {
    local i
    for i in {1..40}; do
        dkv put "large-$i" --file "$SANDBOX/value"
    done
    printf 'large-%d\n' {1..40} {1..40} {1..40} | dkv mget --json >"$SANDBOX/all"
    assert_equal "$(wc -l <"$SANDBOX/all")" 120
    dkv dump >"$SANDBOX/dump"
}
