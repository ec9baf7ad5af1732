#!/usr/bin/env bats
# Damaged files of a stopped store: never a wrong value; an error with file and offset.
load cluster

setup() {
    isolate
    cluster_up --nodes 1 --set store/memtable=1MiB --set store/log_segment=1MiB
    STORE=$CLUSTER/n1/data/store
    seq 20000 | sed 's/.*/k&\tvalue & value & value &/' | dkv load
    dkv dump | sort >"$SANDBOX/before"
}

teardown() {
    cluster_down
}

# FILE OFFSET: one bit the other way.
flip() {
    local byte
    byte=$(od -An -tu1 -j "$2" -N 1 "$1")
    printf '%b' "\\x$(printf %x $((byte ^ 1)))" |
        dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# The cluster starts and shows what was there, or says what is wrong: file and offset.
right_or_refused() {
    if dkv local up --dir "$CLUSTER" >/dev/null 2>"$SANDBOX/err"; then
        if dkv dump 2>"$SANDBOX/err" | sort >"$SANDBOX/after" && cmp "$SANDBOX/before" "$SANDBOX/after"; then
            return 0
        fi
        # Whole records only, and none that was not there.
        [[ -z $(comm -13 "$SANDBOX/before" "$SANDBOX/after") ]] || return 1
        return 0
    fi
    grep -Eq "data/store/.*(offset|[0-9]+)" "$SANDBOX/err" "$CLUSTER"/n1/log/*.log
}

@test "one bit flipped in each kind of file: never a wrong value" {
    dkv local down --dir "$CLUSTER"
    cp -a "$STORE" "$SANDBOX/copy"
    local file size part
    for file in "$SANDBOX"/copy/*; do
        size=$(stat -c %s "$file")
        ((size)) || continue
        for part in 0 50 99; do
            rm -rf "$STORE"
            cp -a "$SANDBOX/copy" "$STORE"
            flip "$STORE/${file##*/}" $((size * part / 100))
            right_or_refused || { echo "${file##*/} at $part%"; cat "$SANDBOX/err"; return 1; }
            dkv local kill n1 --dir "$CLUSTER" 2>/dev/null || :
        done
    done
}

@test "files cut short: never a wrong value" {
    dkv local down --dir "$CLUSTER"
    cp -a "$STORE" "$SANDBOX/copy"
    local file size part
    for file in "$SANDBOX"/copy/*; do
        size=$(stat -c %s "$file")
        ((size)) || continue
        for part in 0 60; do
            rm -rf "$STORE"
            cp -a "$SANDBOX/copy" "$STORE"
            truncate -s $((size * part / 100)) "$STORE/${file##*/}"
            right_or_refused || { echo "${file##*/} cut at $part%"; cat "$SANDBOX/err"; return 1; }
            dkv local kill n1 --dir "$CLUSTER" 2>/dev/null || :
        done
    done
}

@test "damage in the middle of the log refuses to start and names the file" {
    # A frame for each of many puts, none of them flushed.
    dkv local up --dir "$SANDBOX/log" --nodes 1 >/dev/null
    seq 500 | sed 's/.*/put frame& value/' |
        dkv --cluster "ipc://$SANDBOX/log/n1/run/router.sock" shell >/dev/null
    dkv local kill n1 --dir "$SANDBOX/log"
    local log
    log=$(ls "$SANDBOX"/log/n1/data/store/*.log | head -n 1)
    flip "$log" 20000
    fails_with 1 timeout 10 "$(dirname "$(command -v dkv)")/dkv-store" \
        --config "$SANDBOX/log/n1/dkv.conf"
    assert_regex "$stderr" 'data/store/[0-9]+\.log.*offset'
}
