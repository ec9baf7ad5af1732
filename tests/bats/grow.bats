#!/usr/bin/env bats
# A cluster grows and shrinks while clients go on: every key ends on exactly N nodes, nothing that was
# acknowledged is lost, nothing that was deleted is back, and no client is told of it.
load cluster

KEYS=40
TRY_MS=1000 # of a put, after which it is tried anew: ping/down_after

SETTINGS=(--set repair/interval=5s --set repair/settle=50ms --set "ping/down_after=${TRY_MS}ms")

setup() {
    cluster_up --nodes 3 "${SETTINGS[@]}"
    WRITERS=()
}

teardown() {
    ((${#WRITERS[@]} == 0)) || kill "${WRITERS[@]}" 2>/dev/null || :
    cluster_down
}

at() { # NODE COMMAND...: through the router of this node alone
    local node=$1
    shift
    DKV_CLUSTER=ipc://$CLUSTER/$node/run/router.sock "$@"
}

# A node on this machine that is no member yet joins, in the place of another one if that is named,
# and starts.
join() { # NAME [OLD [OPTION...]]
    local name=$1 port
    port=$(($(port_of n1) + 200 + ${name#n} * 10))
    dkv init "$CLUSTER/$name" --node "$name" --address 127.0.0.1 --port "$port" "${SETTINGS[@]}"
    cp "$CLUSTER"/n1/keys/authorized/* "$CLUSTER/$name/keys/authorized/"
    if [[ ${2:-} ]]; then
        dkv node replace "$2" "$CLUSTER/$name/$name.node" "${@:3}"
    else
        dkv node join "$CLUSTER/$name/$name.node"
    fi
    dkv ring export >"$SANDBOX/ring"
    dkv ring init --file "$SANDBOX/ring" --into "$CLUSTER/$name"
    node start "$name"
}

begin_move() {
    local hash
    hash=$(dkv ring plan --hash)
    dkv ring commit --plan "$hash"
}

end_move() {
    dkv ring status --wait --timeout 120000
}

# Of all nodes that answer.
is_undamaged() {
    dkv metrics | awk '/^dkv_store_damaged_.*{/ { sum += $2 } END { exit sum > 0 }'
}

# NODE...: how many keys there are on how many of these nodes.
copies() {
    local node
    for node in "$@"; do
        at "$node" dkv scan --local --quiet
    done | sort | uniq -c | awk '{ count[$1]++ } END { for (n in count) print count[n] " on " n }'
}

are_equal() {
    [[ $(dkv digest | cut -f 2,3 | sort -u | cut -f 1 | uniq -c |
        awk '{ print $1 }' | sort -u) == 1 ]]
}

# Clients that write until they are ended, through the first nodes: see writer.pl.
begin_writers() { # SECONDS [NODES]
    local n
    for n in 1 2 3 4 5 6 7 8; do
        perl "$BATS_TEST_DIRNAME/writer.pl" "ipc://$CLUSTER/n$((n % ${2:-3} + 1))/run/router.sock" \
            "w$n" $KEYS "$1" >"$SANDBOX/writes.$n" 3>&- &
        WRITERS+=($!)
    done
    BEGAN_AT=$EPOCHREALTIME
}

# They were all told the truth, and nothing went wrong but that (STATUS...).
end_writers() {
    local pid
    for pid in "${WRITERS[@]}"; do
        wait "$pid" || return
    done
    WRITERS=()
    cat "$SANDBOX"/writes.? >"$SANDBOX/writes"
    seq $KEYS | sed 's/^/get -R all key/' | dkv shell --json |
        jq -r 'select(.status == (0, 3, 4)) | "\(.key // "none")\thas \([.values[]?.value] | join(" "))"' \
            >"$SANDBOX/has"
    cat "$SANDBOX/writes" "$SANDBOX/has" |
        perl "$BATS_TEST_DIRNAME/siblings.pl" "$BEGAN_AT" $TRY_MS 60 >"$SANDBOX/verdict" ||
        { cat "$SANDBOX/verdict"; return 1; }
    cat "$SANDBOX/verdict" >&3
}

@test "a fourth node takes its share and gives it back, and clients notice nothing" {
    seq 2000 | sed 's/.*/many&\tvalue&/' | dkv load --quiet
    dkv del many1
    begin_writers 12
    join n4
    run --separate-stderr dkv ring plan
    assert_success
    assert_regex "$stderr" 'copies of 192 shards move'
    begin_move
    end_move
    echo "# four nodes after $(awk -v a="$BEGAN_AT" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", b - a }') s" >&3
    assert_equal "$(dkv ring show | awk -F '\t' '$1 == "n4" { print $7 }')" 192
    dkv node leave n4
    begin_move
    end_move
    echo "# three nodes after $(awk -v a="$BEGAN_AT" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", b - a }') s" >&3
    end_writers
    run ! awk -F '\t' '$5 != 0 { print; found = 1 } END { exit !found }' "$SANDBOX/writes"
    dkv repair --wait >/dev/null
    are_equal
    assert_equal "$(copies n1 n2 n3 n4 | grep -v ' on 3$')" ''
    assert_equal "$(dkv dump --prefix many --quiet | wc -l)" 1999
    fails_with 3 dkv get -R all many1
    assert_equal "$(at n4 dkv metrics | awk '/^dkv_store_keys{node="n4"}/ { print $2 }')" 0
    is_undamaged
    # It is not let go with a hint.
    node kill n3
    eventually eval '[[ $(dkv status --json | jq -r .state) == *down* ]]'
    at n1 dkv put -W all late value
    fails_with 10 at n1 dkv node forget n4
    assert_regex "$stderr" 'n4 keeps 1 hints for others'
    node start n3
    at n1 dkv --timeout 30000 hints wait
    dkv node forget n4
}

@test "a plan is for the ring that it was made from" {
    fails_with 0 dkv ring plan
    assert_regex "$stderr" 'nothing to move'
    fails_with 11 dkv ring commit --plan 0123456789abcdef
    join n4
    local hash
    hash=$(dkv ring plan --hash)
    dkv node set n4 weight=50
    fails_with 11 dkv ring commit --plan "$hash"
    assert_regex "$stderr" 'has changed since'
    hash=$(dkv ring plan --hash)
    local first=0 second=0
    at n1 dkv ring commit --plan "$hash" 3>&- &
    at n2 dkv ring commit --plan "$hash" || second=$?
    wait $! || first=$?
    assert_regex "$first $second" '^(0 0|0 11|11 0)$'
    end_move
    assert_equal "$(dkv ring show | awk -F '\t' '$1 == "n4" { print $7 }')" 110
    fails_with 10 dkv ring abort
    fails_with 10 dkv node forget n4
}

@test "a move that a dead node holds up is aborted, and nothing is lost" {
    seq 500 | sed 's/.*/many&\tvalue&/' | dkv load --quiet
    join n4
    begin_move
    node kill n4
    dkv put during move
    fails_with 12 dkv ring status --wait --timeout 1000
    fails_with 10 dkv node set n4 weight=50
    assert_regex "$stderr" 'data is moving'
    dkv ring abort
    dkv put after abort
    assert_equal "$(copies n1 n2 n3)" '502 on 3'
    fails_with 5 dkv ring commit --plan "$(dkv ring plan --hash)"
    assert_regex "$stderr" 'n4'
    node start n4
    end_move
    begin_move
    end_move
    assert_equal "$(copies n1 n2 n3 n4)" '502 on 3'
}

have_keys() { # COUNT NODE...: values and deletions, all of these together
    local node
    for node in "${@:2}"; do
        at "$node" dkv metrics | grep "^dkv_store_keys{node=\"$node\"}"
    done | awk -v count="$1" '{ sum += $2 } END { exit sum != count }'
}

@test "a dead machine is replaced while clients go on, and brings nothing back when it returns" {
    SETTINGS+=(--set request/memory=1s --set purge/age=1s --set repair/interval=1s)
    cluster_down
    cluster_up --nodes 3 "${SETTINGS[@]}"
    seq 500 | sed 's/.*/many&\tvalue&/' | dkv load --quiet -W all
    node kill n3
    DKV_CLUSTER=ipc://$CLUSTER/n1/run/router.sock,ipc://$CLUSTER/n2/run/router.sock
    begin_writers 8 2
    seq 100 | sed 's/^/many/' | dkv load --delete --quiet --timeout 60000
    join n4 n3 --dead
    begin_move
    end_move
    end_writers
    dkv repair --wait --timeout 60000 >/dev/null
    EVENTUALLY=30 eventually are_equal # each purges when it likes
    assert_equal "$(copies n1 n2 n4 | grep -v ' on 3$')" ''
    assert_equal "$(dkv dump --prefix many --quiet | wc -l)" 400
    assert_equal "$(dkv status --json | jq -r 'select(.node == "n3") | .state')" dead
    fails_with 0 dkv status
    # Its deletions are purged without it. What it had does not return, whoever is asked.
    local living
    living=$(dkv scan --quiet | wc -l)
    EVENTUALLY=60 eventually have_keys $((living * 3)) n1 n2 n4
    node start n3
    EVENTUALLY=30 eventually eval '[[ $(dkv ring status | awk -F "\t" "\$1 == \"n3\" { print \$2 == \$3 }") == 1 ]]'
    fails_with 3 at n3 dkv get -R 1 many1
    sleep 3 # rounds
    assert_equal "$(dkv scan --quiet | wc -l)" "$living"
    assert_equal "$(at n3 dkv scan --quiet | wc -l)" "$living"
    fails_with 3 dkv get -R all many1
    is_undamaged
    # A member again it lets go of what it had, and gets its share anew.
    dkv node leave n3 --undo
    end_move
    begin_move
    end_move
    dkv repair --wait --timeout 60000 >/dev/null
    EVENTUALLY=30 eventually are_equal # each purges when it likes
    assert_equal "$(copies n1 n2 n3 n4 | grep -v ' on 3$')" ''
    assert_equal "$(dkv scan --quiet | wc -l)" "$living"
    fails_with 3 dkv get -R all many1
}

@test "shards that dead nodes alone have become empty only if that is accepted" {
    dkv keyspace create one --n 1
    seq 300 | sed 's/.*/few&\tvalue&/' | dkv -k one load --quiet
    node kill n3
    DKV_CLUSTER=ipc://$CLUSTER/n1/run/router.sock,ipc://$CLUSTER/n2/run/router.sock
    dkv keyspace set default --n 2
    dkv node leave n3 --dead
    run --separate-stderr dkv ring plan
    assert_regex "$stderr" 'shards would be EMPTY'
    local hash
    hash=$(dkv ring plan --hash)
    fails_with 10 dkv ring commit --plan "$hash"
    assert_regex "$stderr" '[-]-accept-loss'
    dkv ring commit --plan "$hash" --accept-loss
    end_move
    local left
    left=$(dkv -k one dump --quiet | wc -l)
    ((left > 100 && left < 300))
}

@test "processes that are killed while data moves hold it up, and cost nothing" {
    seq 1000 | sed 's/.*/many&\tvalue&/' | dkv load --quiet
    begin_writers 15
    join n4
    begin_move
    local process
    for process in "n4 store" "n1 router" "n4 repair" "n2 store" "n3 repair" "n4 store" "n4 hintd"; do
        sleep 0.3
        # shellcheck disable=SC2086 # two words
        node kill $process
        # shellcheck disable=SC2086
        node start $process
    done
    end_move
    node kill n4
    dkv node leave n4
    node start n4
    begin_move
    for process in "n1 store" "n2 router" "n4 store" "n1 repair"; do
        sleep 0.3
        # shellcheck disable=SC2086
        node kill $process
        # shellcheck disable=SC2086
        node start $process
    done
    end_move
    end_writers
    dkv repair --wait >/dev/null
    are_equal
    assert_equal "$(copies n1 n2 n3 n4 | grep -v ' on 3$')" ''
    assert_equal "$(dkv dump --prefix many --quiet | wc -l)" 1000
}

@test "a keyspace gets more copies, and fewer" {
    seq 300 | sed 's/.*/many&\tvalue&/' | dkv load --quiet
    dkv keyspace create two --n 2
    seq 300 | sed 's/.*/few&\tvalue&/' | dkv -k two load --quiet
    dkv keyspace set two --n 3
    dkv keyspace set default --n 2
    begin_move
    end_move
    assert_equal "$(copies n1 n2 n3)" '300 on 2'
    assert_equal "$(for n in 1 2 3; do at n$n dkv -k two scan --local --quiet; done | wc -l)" 900
    assert_equal "$(dkv dump --quiet | wc -l)" 300
}
