#!/usr/bin/env bats
# A second machine starts a node from a copy of its directory, as of some time before, while the first
# one runs: the older process notices and serves nobody any more, nothing that was acknowledged is
# lost, nothing that was deleted comes back, and status says what is wrong. Needs root, ip and nft.
#
# DKV_LONG=1 has the first one come back after a partition, too.
load cluster
load network

# n3 is the node that there will be twice; its twin is machine 5.
setup() {
    [[ $BATS_TEST_NUMBER == 1 || ${DKV_LONG:-} ]] || skip "without DKV_LONG=1"
    isolate
    network_up 5 || skip "no network can be made here"
    nodes_up 4 --set ping/interval=100ms --set ping/down_after=400ms --set hints/retry=200ms \
        --set repair/interval=1h --set repair/settle=100ms --set request/memory=1s \
        --set purge/age=1s --set purge/close_after=1s
    BEGAN=$SECONDS
}

# A machine has the address of n3 for itself alone, as one behind a router does: its connections come
# from another address, it reaches all others, and nobody reaches it.
hide() { # MACHINE
    in_node "$1" ip addr flush dev eth0
    in_node "$1" ip addr add 10.77.8.9/24 dev eth0
    in_node "$1" ip addr add 10.77.8.3/32 dev lo
}

teardown() {
    nodes_down
}

# Its disk as it is in a moment.
copy_node() {
    local name
    for name in "${DAEMONS[@]}"; do
        kill -STOP "$(<"$SANDBOX/n3/$name.pid")"
    done
    cp -a "$SANDBOX/n3" "$SANDBOX/copy"
    for name in "${DAEMONS[@]}"; do
        kill -CONT "$(<"$SANDBOX/n3/$name.pid")"
    done
}

twin_start() {
    # One that has just begun may take a later start for its own past.
    while ((SECONDS < BEGAN + 12)); do
        sleep 0.2
    done
    cp -a "$SANDBOX/copy" "$SANDBOX/n5"
    rm -f "$SANDBOX"/n5/*.pid "$SANDBOX"/n5/*.log
    node_start 5
}

pairs() { # PREFIX FROM TO VALUE
    seq -f "$1%.0f	$4" "$2" "$3"
}

state_of() { # NODE AS_SEEN_BY FIELD
    via "$2" status --json 2>/dev/null | jq -r "select(.node == \"$1\") | .$3"
}

is_in_state() { # NODE AS_SEEN_BY FIELD STATE
    [[ $(state_of "$1" "$2" "$3") == "$4" ]]
}

no_copy_is_lost() { # AS_SEEN_BY
    [[ $(via "$1" status --json 2>/dev/null | jq -s 'map(.lost_copies) | add') == 0 ]]
}

is_purged() { # COUNT of the keys that are left, at each owner
    via 1 repair --wait
    [[ $(via 1 status --json | jq -s 'map(.keys) | add') == $(($1 * 3)) ]]
}

@test "an older copy of a running node starts elsewhere" {
    pairs k 1 300 old | via 1 load --quiet
    via 1 repair --wait >/dev/null
    copy_node
    eventually is_well 1
    seq -f "k%.0f" 1 100 | via 1 load --delete --quiet
    pairs k 101 200 new | via 3 load --quiet
    { pairs k 101 200 new; pairs k 201 300 old; } | sort >"$SANDBOX/written"
    eventually is_purged 200
    hide 5
    twin_start
    # Nobody is asked to look: an interval of repair is an hour.
    eventually is_in_state n3 1 state twin
    eventually is_in_state n3 2 hintd twin
    fails_with 12 via 1 status
    assert_regex "$stderr" "n3: two machines run as this node"
    grep -q 'another process has the identity of this node' "$SANDBOX/n3/dkv-store.log"
    # Writes go on, everywhere.
    pairs more 1 50 one | via 1 load --quiet
    pairs more 51 100 three | via 3 load --quiet
    pairs more 101 150 five | via 5 load --quiet
    { pairs more 1 50 one; pairs more 51 100 three; pairs more 101 150 five; } >>"$SANDBOX/written"
    sort -o "$SANDBOX/written" "$SANDBOX/written"
    via 2 dump --quiet | sort | cmp - "$SANDBOX/written"
    # The copy lacks what n3 had known: it finds out, and becomes whole.
    eventually grep -q 'is an older state of it' "$SANDBOX/n5/dkv-store.log"
    EVENTUALLY=30 eventually no_copy_is_lost 5
    via 5 dump --quiet | sort | cmp - "$SANDBOX/written"
    # The way out.
    node_kill 5
    node_kill 3
    node_start 3
    EVENTUALLY=30 eventually is_well 1 3
    EVENTUALLY=30 eventually no_copy_is_lost 3
    via 1 --timeout 30000 hints wait >/dev/null
    via 1 repair --wait >/dev/null
    eventually are_equal
    via 3 dump --quiet | sort | cmp - "$SANDBOX/written"
    assert_equal "$(via 1 conflicts --quiet)" ""
}

@test "a machine that was replaced from a copy comes back" {
    pairs k 1 200 old | via 1 load --quiet
    via 1 repair --wait >/dev/null
    copy_node
    eventually is_well 1
    pairs k 1 100 new | via 3 load --quiet
    via 1 repair --wait >/dev/null
    # Now n3 and n4 have only each other ...
    hide 3
    local n
    for n in 1 2; do
        in_node $n nft add rule ip cut input ip saddr '{ 10.77.8.4, 10.77.8.9 }' drop
    done
    in_node 4 nft add rule ip cut input ip saddr '{ 10.77.8.1, 10.77.8.2, 10.77.8.3 }' drop
    # ... and somebody puts another machine in the place of n3.
    in_node 5 ip addr flush dev eth0
    in_node 5 ip addr add 10.77.8.3/24 dev eth0
    for n in 1 2; do
        in_node $n ip neigh flush dev eth0
    done
    twin_start
    EVENTUALLY=30 eventually is_in_state n3 1 state up
    eventually is_in_state n4 1 state down
    eventually is_in_state n1 3 state down
    eventually is_in_state n4 3 state up
    eventually is_in_state n4 3 hintd up
    pairs here 1 100 one | via 1 load --quiet
    pairs there 1 100 three | via 3 load --quiet
    seq -f "k%.0f" 101 200 | via 5 load --delete --quiet
    { pairs here 1 100 one; pairs there 1 100 three; pairs k 1 100 new; } | sort >"$SANDBOX/written"
    mend
    in_node 4 ip neigh flush dev eth0
    EVENTUALLY=30 eventually is_well 1 2 4
    eventually is_in_state n3 3 state twin
    fails_with 12 via 3 status
    assert_regex "$stderr" "n3: two machines run as this node"
    via 1 --timeout 30000 hints wait >/dev/null
    EVENTUALLY=30 eventually no_copy_is_lost 1
    via 1 repair --wait >/dev/null
    eventually are_equal
    node_kill 3
    for n in 1 4 5; do
        via $n dump --quiet -R all | sort | cmp - "$SANDBOX/written"
    done
    assert_equal "$(via 1 conflicts --quiet)" ""
}
