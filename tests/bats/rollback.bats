#!/usr/bin/env bats
# A store whose data was put back to an older state is told so by the others when it starts, before
# it answers a read.
load cluster

setup_file() {
    cluster_up --nodes 3
}

teardown_file() {
    cluster_down
}

teardown() {
    touch "$SANDBOX/enough" # for a reader that a failed test left behind
}

load_all() { # VALUE
    seq 500 | sed "s/.*/k&\t$1/" | dkv load --quiet
}

# Of n1 alone, again and again, while and after its store starts. What is not answered is no harm.
read_until() { # FILE
    until [[ -e $1 || ! -d $SANDBOX ]]; do
        dkv --cluster "ipc://$CLUSTER/n1/run/router.sock" --timeout 300 dump --local --quiet \
            2>/dev/null || :
    done
}

is_whole() {
    [[ $(dkv status --json | jq -s 'map(.lost_copies) | add') == 0 ]]
}

@test "data that was put back to an older state is not read before it is whole again" {
    load_all old
    node stop n1 store
    cp -a "$CLUSTER/n1/data/store" "$SANDBOX/older"
    node start n1 store
    load_all new
    dkv repair --wait >/dev/null # everybody hears how far n1 has come
    node stop n1 store
    rm -r "$CLUSTER/n1/data/store"
    mv "$SANDBOX/older" "$CLUSTER/n1/data/store"
    read_until "$SANDBOX/enough" >"$SANDBOX/read" 3>&- &
    local reader=$!
    node start n1 store
    grep -q 'all other stores told' "$CLUSTER/n1/log/dkv-store.log"
    grep -q 'a peer has heard of more than is here' "$CLUSTER/n1/log/dkv-store.log"
    eventually is_whole
    sleep 1
    touch "$SANDBOX/enough"
    wait "$reader"
    run ! grep -q 'old$' "$SANDBOX/read"
    grep -q 'new$' "$SANDBOX/read"
}

@test "a store whose peers are all down serves after a second" {
    dkv local kill n2 --dir "$CLUSTER"
    dkv local kill n3 --dir "$CLUSTER"
    node kill n1 store
    node start n1 store
    eventually dkv --cluster "ipc://$CLUSTER/n1/run/router.sock" get -R 1 k1
    grep -q 'not all other stores told' "$CLUSTER/n1/log/dkv-store.log"
}
