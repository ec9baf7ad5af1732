#!/usr/bin/env bats
# A full disk and a disk that fails: no false success, a clear message, service when it is over.
load cluster

setup() {
    [[ $(id -u) == 0 ]] || skip "mounting a small file system needs root"
    isolate
}

teardown() {
    [[ ${SANDBOX:-} ]] || return 0
    tell_logs
    local mount=$SANDBOX/mnt
    [[ ! -d $mount ]] || for n in "$mount"/c/n*; do
        dkv local kill "${n##*/}" --dir "$mount/c" 2>/dev/null || :
    done
    umount "$mount" 2>/dev/null || :
    cluster_down
}

small_disk() { # SIZE
    truncate -s "$1" "$SANDBOX/image"
    mkfs.ext4 -q "$SANDBOX/image"
    mkdir "$SANDBOX/mnt"
    mount -o loop "$SANDBOX/image" "$SANDBOX/mnt" 2>/dev/null || skip "no loop mounts here"
}

@test "a full disk refuses with 10, loses nothing, and serves again when there is space" {
    small_disk 64M
    CLUSTER=$SANDBOX/mnt/c
    eval "$(dkv local up --dir "$CLUSTER" --nodes 1 --set store/memtable=1MiB --set store/log_segment=1MiB)"
    # What it logs goes elsewhere, or there would be no room for it either.
    dkv local stop n1 store --dir "$CLUSTER"
    mv "$CLUSTER/n1/log" "$SANDBOX/log"
    ln -s "$SANDBOX/log" "$CLUSTER/n1/log"
    dkv local start n1 store --dir "$CLUSTER"
    dd if=/dev/zero of="$SANDBOX/mnt/ballast" bs=1M count=24 status=none
    local i status=0 written=0
    head -c 60000 /dev/urandom >"$SANDBOX/value"
    for i in $(seq 3000); do
        status=0
        dkv put "k$i" <"$SANDBOX/value" 2>"$SANDBOX/err" || status=$?
        ((status == 0)) || break
        written=$i
    done
    assert_equal "$status" 10
    assert_regex "$(cat "$SANDBOX/err")" 'disk full: W=1 of n1'
    local log=$CLUSTER/n1/log/dkv-store.log
    eventually grep -q 'data/store: the disk is full' "$log"
    ((written > 20))
    for i in 1 $((written / 2)) "$written"; do
        dkv get "k$i" | cmp - "$SANDBOX/value"
    done
    fails_with 3 dkv get "k$((written + 1))"
    rm "$SANDBOX/mnt/ballast"
    eventually dkv put after-all v
    eventually grep -q 'there is room on the disk again' "$log"
    # Nothing is lost by a crash now either.
    dkv local kill n1 --dir "$CLUSTER"
    dkv local up --dir "$CLUSTER" >/dev/null
    for i in $(seq "$written"); do
        echo "k$i"
    done | dkv mget | wc -l >"$SANDBOX/count"
    assert_equal "$(cat "$SANDBOX/count")" "$written"
}

@test "a failed fsync stops the store, and no write is reported written" {
    command -v strace >/dev/null || skip "strace is not installed"
    cluster_up --nodes 1
    dkv put before v
    dkv local stop n1 store --dir "$CLUSTER"
    local store
    store=$(dirname "$(command -v dkv)")/dkv-store
    timeout 30 strace -f -qqq -o "$SANDBOX/trace" -e trace=fdatasync \
        -e inject=fdatasync:error=EIO:when=6+ \
        "$store" --config "$CLUSTER/n1/dkv.conf" >"$SANDBOX/log" 2>&1 3>&- &
    local pid=$! i code written=()
    eventually dkv status
    for i in $(seq 40); do
        code=0
        dkv --timeout 2000 put "k$i" v 2>/dev/null || code=$?
        case $code in
        0) written+=("k$i") ;;
        5) break ;; # the store is gone
        *) assert_equal "$code" 6 ;;
        esac
    done
    assert_equal "$code" 5
    code=0
    wait $pid || code=$?
    assert_equal "$code" 1
    assert_regex "$(cat "$SANDBOX/log")" 'unable to sync'
    dkv local start n1 store --dir "$CLUSTER"
    eventually dkv status
    assert_equal "$(dkv get before)" v
    for i in "${written[@]}"; do
        assert_equal "$(dkv get "$i")" v
    done
}
