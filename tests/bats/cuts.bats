#!/usr/bin/env bats
# Five nodes whose network is cut in odd ways, and on each a client that goes on writing: whoever
# reaches W nodes is acknowledged, and when the network is whole again every key has what its writers
# left, no more and no less. Needs root, ip and nft.
#
# DKV_LONG=1 cuts for a minute each time, not for two seconds, in one way more, and nobody may wait
# for an acknowledgement for more than 5 seconds.
load cluster
load network

KEYS=20
TRY_MS=400 # of a put, after which it is tried anew: ping/down_after

setup_file() {
    export IS_LONG=${DKV_LONG:-} CUT_S=2 GAP_S=60
    [[ ! $IS_LONG ]] || CUT_S=60 GAP_S=5
    isolate
    network_up 5 || skip "no network can be made here"
    nodes_up 5 --set ping/interval=100ms --set ping/down_after=${TRY_MS}ms --set hints/retry=200ms \
        --set repair/interval=10s --set repair/settle=100ms
}

teardown_file() {
    nodes_down
}

since() { # MOMENT
    awk -v from="$1" -v to="$EPOCHREALTIME" 'BEGIN { printf "%.1f s", to - from }'
}

# Clients on all nodes, of which each writes until a second after the cut: see writer.pl.
begin_writers() {
    local n
    WRITERS=()
    for n in 1 2 3 4 5; do
        perl "$BATS_TEST_DIRNAME/writer.pl" "ipc://$SANDBOX/n$n/run/router.sock" \
            "t${BATS_TEST_NUMBER}n$n" $KEYS $((CUT_S + 2)) >"$SANDBOX/writes.$n" 3>&- &
        WRITERS+=($!)
    done
    sleep 1
    CUT_AT=$EPOCHREALTIME
}

end_writers() {
    sleep $CUT_S
    mend
    MENDED_AT=$EPOCHREALTIME
    local pid
    for pid in "${WRITERS[@]}"; do
        wait "$pid" || return
    done
    cat "$SANDBOX"/writes.? >>"$SANDBOX/writes"
}

no_hints() {
    [[ -z $(via 1 --quiet hints) && -z $(via 4 --quiet hints) ]]
}

no_differences() {
    [[ $(via 1 repair --dry-run 2>&1) == "0 differences" ]]
}

# All owners together.
has() {
    seq $KEYS | sed 's/^/get -R all key/' | via 3 shell --json |
        jq -r 'select(.status == (0, 3, 4)) | "\(.key // "none")\thas \([.values[]?.value] | join(" "))"'
}

becomes_whole() {
    EVENTUALLY=60 eventually is_well 1 2 3 4 5
    echo "# all see each other after $(since "$MENDED_AT")" >&3
    EVENTUALLY=60 eventually via 1 --timeout 60000 hints wait
    echo "# hints are delivered after $(since "$MENDED_AT")" >&3
    EVENTUALLY=60 eventually are_equal
    echo "# replicas are equal after $(since "$MENDED_AT")" >&3
    EVENTUALLY=60 eventually via 1 --timeout 60000 repair --wait
    are_equal
    no_hints
    eventually no_differences
    assert_equal "$(via 1 status --json | jq -s 'map(.lost_copies) | add')" 0
    has >"$SANDBOX/has"
    cat "$SANDBOX/writes" "$SANDBOX/has" | perl "$BATS_TEST_DIRNAME/siblings.pl" "$CUT_AT" $TRY_MS $GAP_S \
        >"$SANDBOX/verdict" || { cat "$SANDBOX/verdict"; return 1; }
    cat "$SANDBOX/verdict" >&3
}

@test "some packets arrive one way and not the other" {
    begin_writers
    sever 1 3
    sever 1 4
    sever 4 2
    sever 2 5
    end_writers
    becomes_whole
}

@test "nodes hear others that do not hear them" {
    [[ $IS_LONG ]] || skip "without DKV_LONG=1"
    begin_writers
    local n
    for n in 3 4 5; do
        sever 1 $n
        sever 2 $n
    done
    end_writers
    becomes_whole
}

@test "each node reaches another majority" {
    begin_writers
    local n
    for n in 1 2 3 4 5; do
        sever $n $(((n + 1) % 5 + 1))
        sever $(((n + 1) % 5 + 1)) $n
    done
    end_writers
    becomes_whole
}
