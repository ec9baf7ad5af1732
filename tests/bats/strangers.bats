#!/usr/bin/env bats
# Who has no key costs next to nothing, however many and however fast they come.
load cluster

setup_file() {
    isolate
    cluster_up --nodes 3
    PORT=$(port_of n1)
    export PORT
}

teardown_file() {
    cluster_down
}

# Puts and gets for some seconds: "p50 and p99 in us" of the writes.
measure() {
    dkv --quiet bench --clients 4 --seconds "${1:-3}" | awk '$1 == "write" { print $5, $6 }'
}

# attack MODE [OPTION...] - strangers at every port of n1, 500 at each, from an address of their own.
attack() {
    stranger mode="$1" count=500 from=127.0.0.66 "${@:2}" "$PORT" $((PORT + 1)) $((PORT + 2))
}

# withstand MODE [OPTION...] - says what an attack costs, and fails if it is more than 32 MiB.
withstand() {
    local quiet loaded attacker pids
    pids=$(pid_of n1 router; pid_of n1 store)
    quiet=$(measure 2)
    memory_begin
    attack "$@" seconds=4 >"$BATS_TEST_TMPDIR/attack" 3>&- &
    attacker=$!
    measure 3 >"$BATS_TEST_TMPDIR/loaded" 3>&- &
    while kill -0 "$attacker" 2>/dev/null; do
        memory_look
        sleep 0.1
    done
    wait
    loaded=$(cat "$BATS_TEST_TMPDIR/loaded")
    echo "# $(cat "$BATS_TEST_TMPDIR/attack"); put p50, p99 us: $quiet before, $loaded meanwhile" >&3
    memory_within 32
    assert_equal "$(pid_of n1 router; pid_of n1 store)" "$pids"
    dkv put after "$1"
    assert_equal "$(dkv get after)" "$1"
}

@test "frames of 30 MiB" {
    withstand flood
}

@test "frames that are just small enough for a client" {
    withstand flood size=1000000
}

# Each address has a share of its own.
@test "frames of 30 MiB, from many addresses" {
    withstand flood spread=50
}

@test "handshakes that the server has to work on" {
    withstand hello
}

@test "a byte a second" {
    withstand drip
}

@test "nothing at all" {
    withstand idle
}

@test "2000 connections a second that end at once" {
    withstand churn rate=2000
}

@test "a client of another address gets through meanwhile, by tcp" {
    attack flood seconds=5 >/dev/null 3>&- &
    local tcp=tcp://127.0.0.1:$PORT i
    for i in {1..20}; do
        dkv --cluster "$tcp" --key-dir "$CLUSTER/n1/keys" put "by-tcp-$i" "$i"
        assert_equal "$(dkv --cluster "$tcp" --key-dir "$CLUSTER/n1/keys" get "by-tcp-$i")" "$i"
    done
    wait
}

@test "many clients at once and one after the other are no strangers" {
    local tcp=tcp://127.0.0.1:$PORT i
    once() { dkv --cluster "$tcp" --key-dir "$CLUSTER/n1/keys" put "at-once-$1" v; }
    for i in {1..40}; do
        once "$i" 3>&- &
    done
    wait
    for i in {1..100}; do
        once "$i"
    done
    run ! grep -q 'the last from 127.0.0.1$' "$CLUSTER/n1/log/dkv-router.log"
}

more_lines() {
    (($(grep -c 'shut .* from 127.0.0.66' "$1") > $2))
}

@test "the log says what was shut, once a second at most" {
    local log=$CLUSTER/n1/log/dkv-router.log lines begun=$SECONDS
    lines=$(grep -c 'shut .* from 127.0.0.66' "$log" || :)
    attack churn seconds=3 >/dev/null
    eventually more_lines "$log" "$lines"
    lines=$(($(grep -c 'shut .* from 127.0.0.66' "$log") - lines))
    ((lines <= SECONDS - begun + 2))
}
