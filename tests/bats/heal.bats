#!/usr/bin/env bats
# Five nodes in two parts that cannot reach each other: both go on, and when the network is whole
# again each key has exactly what the two parts wrote last. Needs root, ip and nft.
load cluster
load network

LEFT=(1 2)
RIGHT=(3 4 5)

setup() {
    isolate
    network_up 5 || skip "no network can be made here"
    nodes_up 5 --set ping/interval=100ms --set ping/down_after=400ms --set hints/retry=200ms \
        --set repair/interval=1s --set repair/settle=100ms
}

teardown() {
    nodes_down
}

cut_in_two() {
    local a b
    for a in "${LEFT[@]}"; do
        for b in "${RIGHT[@]}"; do
            sever $a $b
            sever $b $a
        done
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
