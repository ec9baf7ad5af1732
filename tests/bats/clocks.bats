#!/usr/bin/env bats
# Wall clocks that are off: nothing is lost where versions are kept, and where the last write wins
# a clock that is far off decides nothing.
load cluster

setup() {
    cluster_up --nodes 3
    dkv keyspace create lww --conflict lww
}

teardown() {
    cluster_down
}

# NODE SECONDS: its processes from now on, with a wall clock that is so far ahead.
shift_clock() {
    local library
    library=$(compgen -G '/usr/lib/*/faketime/libfaketime.so.1')
    node stop "$1"
    LD_PRELOAD=$library FAKETIME=$2 FAKETIME_DONT_FAKE_MONOTONIC=1 FAKETIME_NO_CACHE=1 \
        node start "$1"
}

router() {
    echo "ipc://$CLUSTER/$1/run/router.sock"
}

all_up() {
    [[ $(dkv --json status | jq -r 'select(.state == "up") | .node' | wc -l) == 3 ]]
}

# Whether the answers of n1's router say how far the clock of n2 is off.
clock_is_known() {
    grep -qs "n2: its clock is" "$CLUSTER/n1/log/dkv-router.log"
}


# KEY: its time is that of clocks that are right.
assert_time() {
    local written_ms=$(($(dkv -k lww --json get -R all "$1" | jq -r '.values[0].hlc') >> 16))
    local off_ms=$(($(date +%s%3N) - written_ms))
    ((off_ms > -60000 && off_ms < 60000)) || fail "$1 was written $off_ms ms ago"
}

@test "a clock that is an hour ahead gives no write its time where the last write wins" {
    shift_clock n2 +3600s
    eventually all_up
    EVENTUALLY=30 eventually clock_is_known
    for key in a b c d e f g h; do
        dkv -k lww put -W all "$key" first
        assert_time "$key"
        dkv --cluster "$(router n2)" -k lww put -W all "$key" second
        assert_time "$key"
        assert_equal "$(dkv -k lww get -R all "$key")" second
    done
}

@test "where all owners that are up have wrong clocks the write is refused: 10, and says whose" {
    shift_clock n2 +3600s
    eventually all_up
    EVENTUALLY=30 eventually clock_is_known
    dkv keyspace create one --n 1 --conflict lww
    local refused=0 key
    for key in {1..20}; do
        run --separate-stderr dkv -k one put "$key" value
        [[ $status == 0 || $status == 10 ]]
        if [[ $status == 10 ]]; then
            assert_regex "$stderr" 'that of n2 is 3[56][0-9][0-9] s ahead'
            refused=$((refused + 1))
        fi
    done
    ((refused > 0 && refused < 20))
    dkv put versions value # times decide nothing there
}
