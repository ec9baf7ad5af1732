#!/usr/bin/env bats
# Wall clocks that step while clients write: no acknowledged write is lost, no deletion returns, and
# where the last write wins it is the last one, or it was refused. What must be read is computed by
# the clients (clock_load.pl). DKV_LONG=1 has more of them, and steps at random for two minutes.
load cluster

export LONG=${LONG:-${DKV_LONG:-}} # isolate forgets what begins with DKV_

setup_file() {
    isolate
    cluster_up --nodes 3 --set repair/interval=1s --set repair/settle=100ms \
        --set purge/age=5s --set request/memory=5s --set purge/close_after=1s
    dkv -q keyspace create lww --conflict lww
    local name
    for name in n1 n2 n3; do
        step $name 0
        node stop $name
        restart $name
    done
    EVENTUALLY=30 eventually all_up
}

teardown_file() {
    cluster_down
}

setup() {
    local name
    for name in n1 n2 n3; do
        step $name 0
    done
    rm -f "$SANDBOX/stop" "$SANDBOX/done"
    EVENTUALLY=30 eventually all_up
}

teardown() {
    touch "$SANDBOX/stop" "$SANDBOX/done"
    wait
}

all_up() {
    [[ $(dkv --json status | jq -r 'select(.state == "up") | .node' | wc -l) == 3 ]]
}

# NODE SECONDS: the wall clock of its processes is so far ahead, at once.
step() {
    echo "$(printf %+d "$2")s" >"$SANDBOX/clock-$1.new"
    mv "$SANDBOX/clock-$1.new" "$SANDBOX/clock-$1"
}

# With a clock that follows its file.
restart() {
    local library
    library=$(compgen -G '/usr/lib/*/faketime/libfaketime.so.1')
    LD_PRELOAD=$library FAKETIME_TIMESTAMP_FILE=$SANDBOX/clock-$1 FAKETIME_NO_CACHE=1 \
        FAKETIME_DONT_FAKE_MONOTONIC=1 node start "$1"
}

# Whether a store stamps its writes with a time that is ahead: else nothing would be tested.
sees_the_step() {
    local key hlc
    for key in one{1..9}; do
        dkv -k one put $key value
        hlc=$(dkv -k one get --json $key | jq -r '.values[0].hlc')
        (((hlc >> 16) < $(date +%s%3N) + 3000000)) || return 0
    done
    return 1
}

begin_load() {
    local name endpoints=()
    for name in n1 n2 n3; do
        endpoints+=("ipc://$CLUSTER/$name/run/router.sock")
    done
    for name in a b c; do
        perl "$BATS_TEST_DIRNAME/clock_load.pl" "$BATS_TEST_NUMBER$name" "$SANDBOX/stop" "$SANDBOX/done" \
            "${endpoints[@]}" >"$SANDBOX/load-$name" 2>&1 3>&- &
        echo $! >"$SANDBOX/pid-$name"
    done
}

# All clocks are right again, and what repair has to do is done: every client reads what it must.
end_load() {
    local name failed=0
    for name in n1 n2 n3; do
        step $name 0
    done
    sleep 1
    touch "$SANDBOX/stop"
    EVENTUALLY=60 eventually dkv repair --wait
    touch "$SANDBOX/done"
    for name in a b c; do
        wait "$(cat "$SANDBOX/pid-$name")" || failed=1
        sed 's/^/# /' "$SANDBOX/load-$name" >&3
        grep -qE ': [1-9][0-9]+ written' "$SANDBOX/load-$name" || failed=1
    done
    return $failed
}

@test "clocks step forward and back, of one node and of several, under load" {
    begin_load
    local pause=${LONG:+4}
    pause=${pause:-0.5}
    local offset
    dkv -q keyspace create one --n 1
    step n2 3600
    EVENTUALLY=30 eventually sees_the_step
    for offset in 3600 -3600 86400 -86400; do
        step n2 $offset
        sleep $pause
        step n2 0
        sleep 0.2
    done
    step n1 86400
    step n2 -86400
    sleep $pause
    step n1 0
    step n2 3600
    step n3 3600
    sleep $pause
    end_load
}

@test "nodes start with clocks that show a time before their last start, under load" {
    [[ $LONG ]] || skip "without DKV_LONG=1"
    begin_load
    sleep 1
    local name
    for name in n3 n1; do
        step $name -90000
        node kill $name
        restart $name
        sleep 0.5
        step $name 0
        sleep 0.2
    done
    step n2 90000
    node kill n2
    restart n2
    sleep 0.5
    step n2 0
    node kill n2
    restart n2
    sleep 0.5
    end_load
}

# Whether a write to this keyspace of one copy is refused at n2, which is named.
is_refused() {
    run --separate-stderr dkv -k alone put "$1" value
    [[ $status == 10 && $stderr =~ "that of n2 is 3"[56][0-9][0-9]" s ahead" ]]
}

@test "while the clock of its only owner is off a key is refused where the last write wins" {
    dkv -q keyspace create alone --n 1 --conflict lww
    local key kept
    for key in key{1..50}; do
        [[ $(dkv -k alone where $key | cut -f 4) != n2 ]] || break
    done
    dkv -k alone put $key before
    step n2 3600
    EVENTUALLY=30 eventually is_refused $key
    kept=$(dkv -k alone get $key) # before; or value, until the router had seen the step
    is_refused $key
    assert_equal "$(dkv -k alone get $key)" "$kept"
    step n2 0
    EVENTUALLY=30 eventually dkv -k alone put $key after
    assert_equal "$(dkv -k alone get $key)" after
}

@test "clocks step at random, under load" {
    [[ $LONG ]] || skip "without DKV_LONG=1"
    begin_load
    local until=$((SECONDS + 120)) name
    while ((SECONDS < until)); do
        name=n$((RANDOM % 3 + 1))
        step $name $((RANDOM % 2 ? (RANDOM - 16384) * 11 : 0))
        if ((RANDOM % 4 == 0)); then
            node kill $name
            restart $name
        fi
        sleep 0.$((RANDOM % 10))
    done
    end_load
}
