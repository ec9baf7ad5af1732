#!/usr/bin/env bats
# kill -9 of everything under load: what was reported written is there, what was reported not
# written is not. ROUNDS says how often.
load cluster

ROUNDS=${ROUNDS:-10}

setup_file() {
    isolate
    cluster_up --nodes 3 --set store/memtable=1MiB --set store/log_segment=1MiB
}

teardown_file() {
    cluster_down
}

# CLIENT ROUND: puts until the input or the patience ends, one line "KEY STATUS" for each.
client() {
    local router
    router=$(tr , '\n' <<<"$DKV_CLUSTER" | sed -n "$(($1 % 3 + 1))p")
    perl -e '
        my ($client, $round) = @ARGV;
        for my $i (1 .. 100000) {
            printf qq({"id":"c%s-r%s-%s","op":"put","key":"c%s-r%s-%s","value":"%s %s %s %s"}\n),
                ($client, $round, $i) x 3, "x" x 300;
        }' "$1" "$2" |
        timeout -s KILL 4 dkv --cluster "$router" --timeout 1000 shell --json 2>/dev/null |
        jq --unbuffered -r '"\(.id) \(.status)"' >"$SANDBOX/client-$1-$2"
}

kill_all() {
    local n pids=()
    for n in n1 n2 n3; do
        node kill "$n" 3>&- &
        pids+=($!)
    done
    wait "${pids[@]}"
}

@test "8 clients write while all processes are killed: every 0 is there, no 5 is" {
    local round client written=0 keys n
    for round in $(seq "$ROUNDS"); do
        local pids=()
        for client in $(seq 8); do
            client "$client" "$round" 3>&- &
            pids+=($!)
        done
        sleep "$((RANDOM % 2)).$((3 + RANDOM % 7))"
        kill_all
        wait "${pids[@]}" || :
        dkv local up --dir "$CLUSTER" >/dev/null
        cat "$SANDBOX"/client-*-"$round" >"$SANDBOX/outcomes"
        awk '$2 == 0 { print $1 }' "$SANDBOX/outcomes" >"$SANDBOX/written"
        awk '$2 == 5 || $2 == 10 { print $1 }' "$SANDBOX/outcomes" >"$SANDBOX/refused"
        written=$((written + $(wc -l <"$SANDBOX/written")))
        dkv mget <"$SANDBOX/written" >"$SANDBOX/read"
        cmp <(cut -f 1 "$SANDBOX/read") "$SANDBOX/written"
        # Each value names its key.
        assert_equal "$(awk -F '\t' '{ split($2, v, " "); if ("c" v[1] "-r" v[2] "-" v[3] != $1) print }' \
            "$SANDBOX/read")" ''
        run dkv mget <"$SANDBOX/refused"
        refute_output --regexp '^c[0-9]'
        rm -f "$SANDBOX"/client-*
    done
    echo "# $written writes in $ROUNDS rounds" >&3
    ((written > 0))
}

@test "a store killed in a loop under load loses nothing" {
    local i
    for i in $(seq 2000); do printf 'loop%s\t%s\n' "$i" "$i"; done >"$BATS_TEST_TMPDIR/in"
    dkv load "$BATS_TEST_TMPDIR/in" 2>"$BATS_TEST_TMPDIR/err" &
    local pid=$!
    for i in 1 2 3 4 5; do
        node kill n2 store
        node start n2 store
    done
    wait $pid
    dkv dump --prefix loop | sort >"$BATS_TEST_TMPDIR/out"
    cmp "$BATS_TEST_TMPDIR/out" <(sort "$BATS_TEST_TMPDIR/in")
}
