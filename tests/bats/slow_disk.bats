#!/usr/bin/env bats
# A disk that is slow, or stands still for a while: clients wait, or are told what is known;
# memory stays bounded, nothing acknowledged is lost, and it ends when the disk is well again.
load cluster

setup() {
    command -v strace >/dev/null || skip "strace is not installed"
    isolate
    export DKV_DUMPABLE=1 # or only root may trace it
    cluster_up --nodes 1 --set store/memtable=1MiB --set store/log_segment=1MiB --set store/cache=1MiB
    STORE=$(store_pid)
}

teardown() {
    [[ -z ${TRACER:-} ]] || recover
    cluster_down
}

store_pid() {
    node status | awk '$2 == "store" && $3 == "running" { print $4 }'
}

# From now on the store waits so long for each sync, and for each write to a file.
slow_down() { # SYNC_MS WRITE_MS
    strace -f -qqq -p "$STORE" -o /dev/null -e trace=fdatasync,fsync,pwrite64 \
        -e inject=fdatasync,fsync:delay_enter=$(($1 * 1000)) -e inject=pwrite64:delay_enter=$(($2 * 1000)) \
        2>"$SANDBOX/strace" 3>&- &
    TRACER=$!
    eventually is_traced_or_refused
    is_traced || skip "strace cannot attach here: $(head -n 1 "$SANDBOX/strace")"
}

is_traced() {
    ! grep -qs '^TracerPid:[[:space:]]*0$' /proc/"$STORE"/task/*/status
}

is_traced_or_refused() {
    is_traced || [[ -s $SANDBOX/strace ]]
}

recover() {
    kill "$TRACER" 2>/dev/null || :
    wait "$TRACER" || :
    TRACER=
}

# CLIENT: puts values of 4 KiB for some seconds, 1024 at a time; a line "KEY STATUS" for each.
client() {
    perl -e '
        my $client = shift;
        my $more = join ",", map { $_ * 7 + $client } 1 .. 800;
        for my $i (1 .. 100000) {
            printf qq({"id":"c%s-%s","op":"put","key":"c%s-%s","value":"c%s-%s %s"}\n),
                ($client, $i) x 3, $more;
        }' "$1" |
        timeout -s KILL 7 dkv --timeout 2000 shell --json --pipeline 1024 2>/dev/null |
        jq --unbuffered -r '"\(.id) \(.status)"' >"$SANDBOX/client-$1"
}

look_at_metrics() {
    dkv metrics >"$SANDBOX/metrics"
}

metric() { # NAME
    awk -v name="$1{node=\"n1\"}" '$1 == name { print $2 }' "$SANDBOX/metrics"
}

# What was reported written is there, what was reported not written is not, and each value
# begins with its key.
all_is_there() {
    dkv dump | awk -F '\t' '{ split($2, word, " "); print $1, word[1] == $1 }' | sort >"$SANDBOX/found"
    run grep -v ' 1$' "$SANDBOX/found"
    assert_output ''
    cut -d ' ' -f 1 "$SANDBOX/found" >"$SANDBOX/keys"
    assert_equal "$(comm -13 "$SANDBOX/keys" "$SANDBOX/written")" ''
    assert_equal "$(comm -12 "$SANDBOX/keys" "$SANDBOX/refused")" ''
}

# ROUND
four_clients() {
    local client pids=()
    for client in 1 2 3 4; do
        client "$1$client" 3>&- &
        pids+=($!)
    done
    wait "${pids[@]}" || :
}

# The engine held writers back, or refused what memory had no room for.
has_resisted() {
    eventually look_at_metrics
    (($(metric dkv_store_paced_ms_total) + $(metric dkv_store_stalled_total) > 0))
}

@test "a slow disk slows the writers down, in bounded memory, and loses nothing" {
    local round
    slow_down 200 20
    for round in 1 2 3 4; do # on a busy machine clients may be slower than the disk
        four_clients "$round"
        ! has_resisted || break
    done
    has_resisted
    recover
    assert_equal "$(store_pid)" "$STORE"
    # Memory as dkv-store(8) has it: 50 MiB with these settings and what the messages of a
    # turn take; the clients offered much more.
    (($(awk '/^VmHWM/ { print $2 }' "/proc/$STORE/status") < 64 * 1024))

    cat "$SANDBOX"/client-* >"$SANDBOX/outcomes"
    run grep -Ev ' [0567]$' "$SANDBOX/outcomes" # written, not written, not known, no router reached
    assert_output ''
    awk '$2 == 0 { print $1 }' "$SANDBOX/outcomes" | sort >"$SANDBOX/written"
    awk '$2 == 5 || $2 == 7 { print $1 }' "$SANDBOX/outcomes" | sort >"$SANDBOX/refused"
    echo "# $(cut -d ' ' -f 2 "$SANDBOX/outcomes" | sort | uniq -c | tr -s ' \n' ' ')" >&3
    (($(wc -l <"$SANDBOX/written") > 100))
    eventually dkv put after after
    all_is_there
    seq 5000 | sed 's/.*/later&\tlater& value/' | dkv load 2>/dev/null
    seq -f later%g 5000 | sort -o "$SANDBOX/written" - "$SANDBOX/written"
    node kill n1 store
    node start n1 store
    eventually dkv status
    all_is_there
}

@test "a disk that stands still: not known, never a false success, and reads go on" {
    local id=00112233445566778899aabbccddeeff
    dkv put before value
    slow_down 2500 0
    fails_with 6 dkv --timeout 1000 put --request-id $id key value
    refute_output
    assert_equal "$(dkv --timeout 1000 get before)" value
    recover
    eventually dkv put --request-id $id key value
    assert_equal "$(store_pid)" "$STORE"
    node kill n1 store
    node start n1 store
    eventually dkv status
    assert_equal "$(dkv get key)" value
    assert_equal "$(dkv get --json key | jq '.values | length')" 1
}
