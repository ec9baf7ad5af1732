#!/usr/bin/env bats
# Five nodes in two parts that cannot reach each other: both go on, and when the network is whole
# again each key has exactly what the two parts wrote last. Needs root, ip and nft.
load cluster

LEFT=(1 2)
RIGHT=(3 4 5)

setup() {
    isolate
    TAG=dkv$$
    PIDS=()
    make_network >/dev/null 2>&1 || skip "no network can be made here"
    make_cluster
}

teardown() {
    local n pid
    tell_logs
    for pid in "${PIDS[@]}"; do
        kill -9 "$pid" 2>/dev/null || :
    done
    wait 2>/dev/null
    for n in 1 2 3 4 5; do
        ip netns del "$TAG-$n" 2>/dev/null || :
    done
    ip link del "$TAG" 2>/dev/null || :
    rm -rf "$SANDBOX"
}

in_node() { # N COMMAND...
    local n=$1
    shift
    ip netns exec "$TAG-$n" "$@"
}

make_network() {
    local n
    command -v nft && ip link add "$TAG" type bridge && ip link set "$TAG" up || return
    for n in 1 2 3 4 5; do
        ip netns add "$TAG-$n" &&
            ip link add "$TAG.$n" type veth peer name eth0 netns "$TAG-$n" &&
            ip link set "$TAG.$n" master "$TAG" up &&
            in_node "$n" ip addr add "10.77.8.$n/24" dev eth0 &&
            in_node "$n" ip link set eth0 up && in_node "$n" ip link set lo up &&
            in_node "$n" nft add table ip cut &&
            in_node "$n" nft add chain ip cut input '{ type filter hook input priority 0; }' || return
    done
}

make_cluster() {
    local n name
    for n in 1 2 3 4 5; do
        dkv init "$SANDBOX/n$n" --node "n$n" --address "10.77.8.$n" --set ping/interval=100ms \
            --set ping/down_after=400ms --set hints/retry=200ms --set repair/interval=1s \
            --set repair/settle=100ms >/dev/null
    done
    dkv ring init "$SANDBOX"/n?/n?.node --into "$SANDBOX"/n? >/dev/null
    for n in 1 2 3 4 5; do
        for name in store router hintd repair; do
            # Not through in_node: the pid must be the daemon's own.
            ip netns exec "$TAG-$n" "dkv-$name" --config "$SANDBOX/n$n/dkv.conf" \
                >>"$SANDBOX/n$n/dkv-$name.log" 2>&1 3>&- &
            PIDS+=($!)
        done
    done
    EVENTUALLY=20 eventually via 1 status
    via 1 repair --wait >/dev/null
}

via() { # N VERB...: through that node's router
    local n=$1
    shift
    dkv --cluster "ipc://$SANDBOX/n$n/run/router.sock" "$@"
}

cut_in_two() {
    local a b
    for a in "${LEFT[@]}"; do
        for b in "${RIGHT[@]}"; do
            in_node "$b" nft add rule ip cut input ip saddr "10.77.8.$a" drop
            in_node "$a" nft add rule ip cut input ip saddr "10.77.8.$b" drop
        done
    done
}

mend() {
    local n
    for n in 1 2 3 4 5; do
        in_node "$n" nft flush chain ip cut input
    done
}

all_up() {
    [[ $(via 1 status --json | jq -r .state | sort -u) == up &&
        $(via 5 status --json | jq -r .state | sort -u) == up ]]
}

sees_the_others_down() { # N COUNT
    (($(via "$1" status --json 2>/dev/null | jq -r .state | grep -c down) == $2))
}

# Puts key1 to keyCOUNT through a node until the time, each time with another value.
write_on() { # NODE SIDE COUNT SECONDS
    local until=$((SECONDS + $4)) i=0
    while ((SECONDS < until)) || ((i < 2)); do
        i=$((i + 1))
        seq "$3" | sed "s/.*/key&\t$2 & $i/" >"$SANDBOX/$2.tsv"
        via "$1" load --quiet "$SANDBOX/$2.tsv" || return
    done
    echo "# $2: $i times" >&3
}

values() { # NODE KEY
    via "$1" get -R all --json "$2" | jq -r '.values[].value' | sort
}

are_equal() {
    [[ $(via 1 digest | cut -f 2,3 | sort -u | cut -f 1 | uniq -c | awk '{ print $1 }' | sort -u) == 1 ]]
}

@test "both parts write the same keys: when the network is whole, each has both last values" {
    seq 100 | sed 's/.*/key&\tbefore/' | via 1 load --quiet
    cut_in_two
    eventually sees_the_others_down 1 3
    eventually sees_the_others_down 5 2
    write_on 2 left 60 "${PARTED:-4}" &
    local left=$!
    write_on 4 right 80 "${PARTED:-4}"
    wait "$left"
    seq 90 100 | sed 's/^/key/' | via 2 load --delete --quiet # of which the other part knows nothing
    mend
    eventually all_up
    dkv --cluster "ipc://$SANDBOX/n1/run/router.sock" --timeout 20000 hints wait
    EVENTUALLY=20 eventually are_equal
    local i
    for i in 1 8 31 60; do
        assert_equal "$(values 1 key$i)" \
            "$(cat "$SANDBOX/left.tsv" "$SANDBOX/right.tsv" | sed -n "s/^key$i\t//p" | sort)"
    done
    assert_equal "$(via 3 conflicts | wc -l)" 60
    assert_equal "$(values 5 key61)" "$(sed -n "s/^key61\t//p" "$SANDBOX/right.tsv")"
    assert_equal "$(values 5 key89)" before
    fails_with 3 via 4 get -R all key90
    via 1 repair --wait >/dev/null
    run via 1 repair --dry-run
    assert_output "0 differences"
    assert_equal "$(via 1 status --json | jq -s 'map(.lost_copies) | add')" 0
}
