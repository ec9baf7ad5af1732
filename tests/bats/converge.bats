#!/usr/bin/env bats
# Whatever a node missed, forgot or brings back from the past: all replicas are equal in the end,
# nothing that was acknowledged is lost and nothing that was deleted returns.
load cluster

export LONG=${LONG:-${DKV_LONG:-}} # isolate forgets what begins with DKV_

setup() {
    isolate
}

teardown() {
    cluster_down
}

SHORT=(--set ping/interval=100ms --set ping/down_after=300ms --set hints/retry=100ms
    --set repair/interval=1s --set repair/settle=100ms --set request/memory=1s --set purge/age=1s
    --set purge/close_after=1s)

# Options of dkv local up. n1 and n2 are asked, and live as long as the test.
up() {
    cluster_up "${SHORT[@]}" "$@"
    DKV_CLUSTER=ipc://$CLUSTER/n1/run/router.sock,ipc://$CLUSTER/n2/run/router.sock
}

nodes() {
    basename -a "$CLUSTER"/n*
}

pairs() { # PREFIX FROM TO [VALUE]
    awk -v prefix="$1" -v from="$2" -v to="$3" -v value="${4:-value}" 'BEGIN {
        for (i = from; i <= to; i++) print prefix i "\t" value "-" i }'
}

delete() { # PREFIX FROM TO
    pairs "$@" | cut -f 1 | dkv load --delete --quiet
}

at() { # NODE VERB...
    local name=$1
    shift
    dkv --cluster "ipc://$CLUSTER/$name/run/router.sock" "$@"
}

each() { # start|stop|pause|resume PROCESS
    local name
    for name in $(nodes); do
        node "$1" "$name" "$2"
    done
}

is_down() {
    [[ $(dkv status --json | jq -r "select(.node == \"$1\") | .state") == down ]]
}

kill_node() {
    node kill "$1"
    eventually is_down "$1"
}

# Of every partition how many different hashes there are, once each.
digests() { # [KEYSPACE]
    dkv -k "${1:-default}" digest | cut -f 2,3 | sort -u | cut -f 1 | uniq -c |
        awk '{ print $1 }' | sort -u
}

are_equal() {
    [[ $(digests "${1:-default}") == 1 ]]
}

sum() { # FIELD of a status, VERB...
    local field=$1
    shift
    dkv "$@" | jq -s "map(.$field) | add"
}

# Every round ends, no copy is lost, and replicas are equal.
is_whole() {
    [[ $(sum lost --json repair status) == 0 && $(sum failing --json repair status) == 0 &&
        $(sum lost_copies --json status) == 0 ]] && are_equal default
}

# Of values and deletions, of all nodes together.
has_keys() { # COUNT
    (($(sum keys --json status) == $1))
}

# What every replica has is in FILE, on each node of three.
has_all() { # FILE
    local name
    sort -o "$1" "$1"
    for name in n1 n2 n3; do
        at "$name" dump --local --quiet | sort | cmp "$1" - || return
    done
    assert_equal "$(dkv conflicts --quiet)" ""
}

# Several per value in $SANDBOX/acknowledged, until $SANDBOX/stop is there.
load_on() {
    local i=0
    while [[ ! -e $SANDBOX/stop ]]; do
        i=$((i + 1))
        pairs "load$i-" 1 200 >"$SANDBOX/chunk"
        dkv load --quiet "$SANDBOX/chunk" || return
        cat "$SANDBOX/chunk" >>"$SANDBOX/acknowledged"
        sleep 0.05
    done
}

begin_load() {
    load_on 3>&- &
    LOADER=$!
    sleep 0.3
}

end_load() {
    touch "$SANDBOX/stop"
    wait "$LOADER"
}

@test "hints alone make a node equal that missed 20000 puts and 5000 deletes" {
    up --nodes 4 --set hints/rate=64KiB --set request/memory=1h --set purge/age=1h
    pairs k 1 1000 | dkv load --quiet
    each stop repair
    kill_node n4
    pairs k 501 20500 | dkv load --quiet
    delete k 1 5000
    local name round
    for name in store router hintd; do
        node start n4 $name
    done
    # They are killed on the way, at least once, however fast this machine is.
    local on_the_way=0
    for round in 1 2 3 4; do
        for name in n1 n2 n3; do
            [[ -z "$(dkv hints)" ]] || on_the_way=$((on_the_way + 1))
            node kill $name hintd
            node start $name hintd
        done
    done
    assert [ "$on_the_way" -gt 0 ]
    fails_with 0 dkv --timeout 120000 hints wait
    assert_equal "$(dkv hints)" ""
    for name in $(nodes); do
        at "$name" dump --local --format json --quiet | jq -c '[.key, .record]'
    done | sort | uniq -c | awk '{ print $1 }' | sort | uniq -c >"$SANDBOX/copies"
    assert_equal "$(awk '{ print $1, $2 }' "$SANDBOX/copies")" "15500 3"
    assert_equal "$(dkv conflicts --quiet)" ""
    # Repair, from now on, finds nothing to do.
    each start repair
    dkv repair --wait >/dev/null
    assert_equal "$(sum keys --json repair status)" 0
    are_equal default
}

@test "without any hint, a dry run lists the 3137 keys that a node missed; repair brings them" {
    up --nodes 3 --set repair/interval=1h --set request/memory=1h --set purge/age=1h
    pairs k 1 6000 | dkv load --quiet
    dkv repair --wait >/dev/null
    kill_node n3
    { pairs k 1 6000; pairs new 1 4000; } | cut -f 1 | shuf | head -n 3137 >"$SANDBOX/missed"
    sed -n 's/^new.*/&\tput/p' "$SANDBOX/missed" | dkv load --quiet
    sed -n '/^k.*[13579]$/s/$/\tchanged/p' "$SANDBOX/missed" | dkv load --quiet
    sed -n '/^k.*[02468]$/p' "$SANDBOX/missed" | dkv load --delete --quiet
    local name
    for name in n1 n2; do
        node stop $name hintd
        rm -r "$CLUSTER/$name/data/hints"
        node start $name hintd
    done
    node start n3 store
    all_reached() { ! dkv --quiet repair status | cut -f 3 | grep -q down; }
    eventually all_reached
    run --separate-stderr dkv repair --dry-run
    cut -f 1 <<<"$output" | sort -u | cmp - <(sort "$SANDBOX/missed")
    node start n3
    dkv repair --wait >/dev/null
    are_equal default
    run dkv repair --dry-run
    assert_output "0 differences"
    is_whole
}

@test "a store that is wiped under load says so, and is whole again by itself" {
    up --nodes 3
    pairs k 1 3000 | dkv load --quiet
    delete k 1 1000
    pairs k 1001 3000 >"$SANDBOX/acknowledged"
    dkv repair --wait >/dev/null
    begin_load
    node kill n3 store
    rm -r "$CLUSTER/n3/data/store"
    node start n3 store
    sleep 1
    end_load
    EVENTUALLY=30 eventually is_whole
    has_all "$SANDBOX/acknowledged"
    grep -q 'this data was wiped' "$CLUSTER/n3/log/dkv-store.log"
}

@test "an older copy of a running store takes its place: nothing is lost, nothing returns" {
    up --nodes 3
    pairs k 1 3000 | dkv load --quiet
    dkv repair --wait >/dev/null
    cp -a "$CLUSTER/n3/data/store" "$SANDBOX/old"
    delete k 1 1000
    pairs k 1001 2000 new | dkv load --quiet
    { pairs k 1001 2000 new; pairs k 2001 3000; } >"$SANDBOX/acknowledged"
    begin_load
    sleep 1
    node kill n3 store
    rm -r "$CLUSTER/n3/data/store"
    mv "$SANDBOX/old" "$CLUSTER/n3/data/store"
    node start n3 store
    sleep 1
    end_load
    EVENTUALLY=30 eventually is_whole
    has_all "$SANDBOX/acknowledged"
    grep -q 'or is an older state of it' "$CLUSTER/n3/log/dkv-store.log"
}

@test "keys deleted while a node is away are purged when it is back, and none returns" {
    up --nodes 3
    pairs k 1 1000 | dkv load --quiet
    kill_node n3
    delete k 1 1000
    sleep 2
    assert [ "$(sum keys --json status)" -ge 2000 ] # n3 has not known of it
    node start n3
    EVENTUALLY=30 eventually has_keys 0
    dkv compact --wait
    sleep 1
    has_keys 0
    pairs k 1 1000 again >"$SANDBOX/again"
    dkv load --quiet "$SANDBOX/again"
    dkv repair --wait >/dev/null
    has_all "$SANDBOX/again"
    dkv --timeout 20000 del --wait-gone k1
}

@test "purged keys do not return with an old copy of a disk" {
    up --nodes 3
    pairs k 1 1000 | dkv load --quiet
    dkv repair --wait >/dev/null
    node stop n3 store
    cp -a "$CLUSTER/n3/data" "$SANDBOX/old"
    node start n3 store
    delete k 1 1000
    EVENTUALLY=30 eventually has_keys 0
    node kill n3
    rm -r "$CLUSTER/n3/data"
    mv "$SANDBOX/old" "$CLUSTER/n3/data"
    node start n3
    eventually grep -q 'or is an older state of it' "$CLUSTER/n3/log/dkv-store.log"
    EVENTUALLY=30 eventually is_whole
    EVENTUALLY=30 eventually has_keys 0
    : >"$SANDBOX/nothing"
    has_all "$SANDBOX/nothing"
    pairs k 1 1000 again >"$SANDBOX/again"
    dkv load --quiet "$SANDBOX/again"
    dkv repair --wait >/dev/null
    has_all "$SANDBOX/again"
}

@test "purged keys do not return with late hints" {
    up --nodes 4
    kill_node n3
    pairs k 1 1000 | dkv load --quiet -W all
    refute [ -z "$(dkv hints 2>/dev/null)" ]
    local name
    for name in n1 n2 n4; do
        node pause $name hintd
    done
    node start n3
    eventually is_whole
    delete k 1 1000
    sleep 4
    for name in n1 n2 n4; do
        node resume $name hintd
    done
    fails_with 0 dkv --timeout 20000 hints wait
    EVENTUALLY=30 eventually has_keys 0
    sleep 2
    has_keys 0
    assert_equal "$(dkv dump --quiet | wc -l)" 0
    pairs k 1 1000 again | dkv load --quiet
    dkv repair --wait >/dev/null
    assert_equal "$(dkv dump --quiet | sort)" "$(pairs k 1 1000 again | sort)"
}

# DKV_LONG=1 has an hour of it.
@test "keyspaces of two and three owners on four nodes: all is purged, and nothing alarms" {
    up --nodes 4
    DKV_CLUSTER+=,ipc://$CLUSTER/n3/run/router.sock,ipc://$CLUSTER/n4/run/router.sock
    dkv keyspace create two --n 2
    local keyspace round=0 name seconds=0 begin=$SECONDS
    [[ ! $LONG ]] || seconds=3600
    while ((++round <= 6 || SECONDS - begin < seconds)); do
        for keyspace in two default; do
            pairs "k$round-" 1 200 | dkv -k $keyspace load --quiet
            pairs "k$round-" 1 199 | cut -f 1 | dkv -k $keyspace load --delete --quiet
        done
        pairs "k$round-" 200 200 >>"$SANDBOX/living"
        name=n$((RANDOM % 4 + 1))
        echo "# $round $name" >&3
        case $((round % 6)) in
        1 | 4) node kill $name && node start $name ;;
        2 | 5) node kill $name store && node start $name store ;;
        3) node kill $name hintd && node start $name hintd ;;
        esac
    done
    sort -o "$SANDBOX/living" "$SANDBOX/living"
    EVENTUALLY=60 eventually has_keys $(((round - 1) * (2 + 3)))
    eventually are_equal two
    eventually is_whole
    for keyspace in two default; do
        dkv -k $keyspace dump --quiet | sort | cmp - "$SANDBOX/living"
    done
    assert_equal "$(grep -hE 'lost what it had known|damage|corrupt' "$CLUSTER"/n?/log/*.log)" ""
    assert_equal "$(dkv metrics | awk '/^dkv_store_(losses|lost_again|returned)_total{/ { n += $2 } END { print n }')" 0
}
