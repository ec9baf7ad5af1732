#!/usr/bin/env bats
# Keyspaces are made, changed and dropped: the nodes agree on each change, whoever asks whom, whatever
# is down, and keep it.
load cluster

setup() {
    cluster_up --nodes 3
}

teardown() {
    cluster_down
}

# NODE COMMAND...: through the router of this node alone.
at() {
    local node=$1
    shift
    DKV_CLUSTER=ipc://$CLUSTER/$node/run/router.sock "$@"
}

document_of() {
    at "$1" dkv ring export | tail -n 1
}

# NODE...: they all have the same document.
agree() {
    local node first
    first=$(document_of "$1") && [[ $first ]] || return 1
    for node in "$@"; do
        [[ $(document_of "$node") == "$first" ]] || return 1
    done
}

names() {
    at "$1" dkv keyspace list | cut -f 1 | sort | tr '\n' ' '
}

@test "a keyspace is made, and every node serves it as soon as the command returned" {
    local node number
    for number in 1 2 3 4 5; do
        run --separate-stderr dkv keyspace create "ks$number"
        assert_success
        assert_output ''
        assert_equal "$stderr" "dkv: keyspace: ks$number: epoch $((number + 1))"
        for node in n1 n2 n3; do
            at $node dkv -k "ks$number" put "key-$node" "$node"
        done
        for node in n1 n2 n3; do
            assert_equal "$(at $node dkv -k "ks$number" get -R all key-n1)" n1
        done
    done
    agree n1 n2 n3
    assert_equal "$(dkv -k ks3 scan 2>/dev/null | wc -l)" 3
    fails_with 3 dkv get key-n1
    run bash -c 'dkv ring show --json | jq -c "[.epoch, (.keyspaces | length)]"'
    assert_output '["6",6]'
    dkv ring export >"$SANDBOX/ring"
    assert_equal "$(dkv keyspace list --file "$SANDBOX/ring" | wc -l)" 6
}

@test "options say what it is like; else it is like the keyspace default" {
    dkv keyspace create plain
    dkv keyspace create all --n 2 --conflict lww --r one --w all --ttl 3600
    {
        printf 'default\t3\tversions\tquorum\tquorum\t0\n'
        printf 'plain\t3\tversions\tquorum\tquorum\t0\n'
        printf 'all\t2\tlww\t1\tall\t3600\n'
    } >"$SANDBOX/wanted"
    dkv keyspace list | diff - "$SANDBOX/wanted"
    dkv keyspace set all --r 2 --ttl 0
    assert_equal "$(dkv keyspace list | tail -n 1)" "$(printf 'all\t2\tlww\t2\tall\t0')"
    fails_with 0 dkv keyspace set all --r 2
    assert_equal "$stderr" 'dkv: keyspace: all: it is so already'
    assert_equal "$(dkv -k all where key | wc -l)" 2
    dkv -k all put key 1
    dkv -k all put --sibling key 2
    assert_equal "$(dkv -k all get key)" 2
    dkv keyspace set all --ttl 1
    dkv -k all put short value
    sleep 1.3
    fails_with 3 dkv -k all get short
}

@test "on four nodes there are keyspaces of one to four copies" {
    cluster_down
    cluster_up --nodes 4
    dkv ring export >"$SANDBOX/ring1"
    local n node
    for n in 1 2 3 4; do
        dkv keyspace create "copies$n" --n $n
        assert_equal "$(dkv -k "copies$n" where key | wc -l)" $n
        for node in n1 n2 n3 n4; do
            at $node dkv -k "copies$n" put "key-$node" $n
        done
        for node in n1 n2 n3 n4; do
            assert_equal "$(at $node dkv -k "copies$n" get -R all key-n4)" $n
        done
    done
    agree n1 n2 n3 n4
    # The lists of owners got longer for it, and nothing that was there has moved.
    assert_equal "$(dkv ring export | grep '^owners')" 'owners 4'
    dkv ring export | grep '^partition ' | cut -d ' ' -f 1-5 >"$SANDBOX/now"
    grep '^partition ' "$SANDBOX/ring1" | cmp - "$SANDBOX/now"
    fails_with 2 dkv keyspace create copies5 --n 5
    assert_regex "$stderr" 'there are not nodes enough'
}

@test "what cannot be is refused with the reason, and changes nothing" {
    dkv keyspace create data --n 2
    fails_with 2 dkv keyspace create data
    assert_regex "$stderr" 'there is a keyspace data already'
    fails_with 10 dkv keyspace set data --conflict lww
    assert_regex "$stderr" 'conflict policy of a keyspace is for ever'
    fails_with 2 dkv keyspace create 'a/b'
    fails_with 2 dkv keyspace create -- -x
    fails_with 2 dkv keyspace create "$(printf 'x%.0s' {1..64})"
    fails_with 2 dkv keyspace create x --n 0
    fails_with 2 dkv keyspace create x --n 4
    fails_with 2 dkv keyspace create x --n dc9:1
    fails_with 2 dkv keyspace create x --w 4
    fails_with 2 dkv keyspace create x --r none
    fails_with 2 dkv keyspace create x --conflict last
    fails_with 2 dkv keyspace create x --ttl soon
    fails_with 2 dkv keyspace create
    fails_with 2 dkv keyspace create x y
    fails_with 2 dkv keyspace list --n 2
    fails_with 2 dkv keyspace drop x --n 2
    fails_with 2 dkv keyspace drop default --yes
    fails_with 2 dkv keyspace drop x --yes
    fails_with 2 dkv keyspace drop data
    assert_regex "$stderr" 'yes is needed'
    fails_with 2 dkv keyspace set x --w 1
    assert_equal "$(names n2)" 'data default '
    assert_equal "$(dkv ring export | grep '^epoch')" 'epoch 2'
}

@test "a keyspace that was dropped is gone, and one of the same name is another one" {
    local before after
    dkv keyspace create data
    before=$(dkv keyspace list --json | jq 'select(.name == "data").id')
    dkv -k data put key value
    dkv keyspace drop data --yes
    fails_with 2 dkv -k data get key
    fails_with 2 at n2 dkv -k data put key value
    dkv keyspace create data
    after=$(dkv keyspace list --json | jq 'select(.name == "data").id')
    ((after > before))
    fails_with 3 dkv -k data get key
    dkv -k data put key other
    assert_equal "$(at n3 dkv -k data get key)" other
}

# Keys that all stores have together.
keys() {
    dkv metrics | awk '/^dkv_store_keys[{ ]/ { sum += $2 } END { print sum }'
}

no_keys() {
    [[ $(keys) == 0 ]]
}

@test "the records of a keyspace that was dropped go, also where the store was down meanwhile" {
    dkv keyspace create data
    seq 1 2000 | awk '{ print "key" $1 "\tvalue" }' | dkv -k data load -W all --quiet
    all_keys() { [[ $(keys) == 6000 ]]; }
    eventually all_keys
    node kill n3 store
    dkv keyspace drop data --yes
    node start n3 store
    EVENTUALLY=60 eventually no_keys
    dkv keyspace create data
    assert_equal "$(dkv -k data dump 2>/dev/null)" ''
    assert_equal "$(dkv compact --wait && dkv status | wc -l)" 3
}

@test "a key of a client that is no admin changes nothing" {
    dkv keygen "$SANDBOX/reader.key" --name reader 2>/dev/null
    dkv authorize "$CLUSTER/n1" "$SANDBOX/reader.key.pub" --role client
    mkdir "$SANDBOX/keys"
    cp "$SANDBOX/reader.key" "$SANDBOX/keys/client.key"
    cp "$CLUSTER/n1/keys/cluster.pub" "$SANDBOX/keys/cluster.pub"
    DKV_CLUSTER=tcp://127.0.0.1:$(port_of n1)
    export DKV_CLUSTER DKV_KEY_DIR=$SANDBOX/keys
    eventually dkv put key value
    fails_with 10 dkv keyspace create data
    assert_regex "$stderr" 'role admin is needed'
}

@test "a node that was down when the ring changed works by the new one when it is back" {
    node kill n3
    dkv keyspace create data
    node start n3
    eventually at n3 dkv -k data put key value
    agree n1 n2 n3
    node kill n3 store
    dkv keyspace create more
    node start n3 store
    eventually at n3 dkv -k more put key value
    eventually grep -q 'ring: epoch 2 -> 3' "$CLUSTER/n3/log/dkv-router.log"
}

@test "without a majority nothing changes, 5, and data operations go on" {
    dkv keyspace create data
    dkv -k data put -W 1 key value
    node kill n2 router
    node kill n3 router
    fails_with 5 at n1 dkv keyspace create more
    assert_regex "$stderr" 'a majority of the 3 voters is needed; no answer from n[23], n[23]'
    assert_equal "$(names n1)" 'data default '
    at n1 dkv -k data put key other
    assert_equal "$(at n1 dkv -k data get key)" other
    node start n2 router
    eventually at n1 dkv keyspace create more
    node start n3 router
    eventually agree n1 n2 n3
    assert_equal "$(names n3)" 'data default more '
}

@test "a node whose votes are damaged or lost serves, and votes again two changes later" {
    dkv keyspace create data
    local votes=$CLUSTER/n1/data/ring/votes
    node kill n1
    [[ -s $votes ]]
    printf 'x' | dd of="$votes" bs=1 seek=30 conv=notrunc status=none
    node start n1
    grep -q 'votes: .*does not match: this node does not vote on what becomes epoch 4 or before' \
        "$CLUSTER/n1/log/dkv-router.log"
    dkv -k data put key value
    node kill n3 router
    fails_with 5 dkv --timeout 2000 keyspace create more
    assert_regex "$stderr" 'no answer from n3; behind, or without its votes .*: n1$'
    node start n3 router
    dkv keyspace create more
    node kill n1
    node start n1
    grep -q 'votes: were lost before: this node does not vote on what becomes epoch 4' \
        "$CLUSTER/n1/log/dkv-router.log"
    dkv keyspace create again
    node kill n3 router
    dkv keyspace create last
    assert_equal "$(names n1)" 'again data default last more '
    node start n3 router
    node kill n1
    rm "$votes"
    node start n1
    grep -q 'votes: missing or empty: this node does not vote on what becomes epoch 7' \
        "$CLUSTER/n1/log/dkv-router.log"
}

@test "a node without votes and without the document that counts begins with no other one" {
    dkv keyspace create data
    node kill n1
    rm "$CLUSTER/n1/data/ring/votes" "$CLUSTER/n1/data/ring/adopted"
    fails_with 2 dkv-router --config "$CLUSTER/n1/dkv.conf"
    assert_regex "$stderr" 'n1/data/ring/adopted: missing.*the highest epoch in .dkv status.'
    cp "$CLUSTER/n2/data/ring/adopted" "$CLUSTER/n1/data/ring/adopted"
    node start n1
    at n1 dkv -k data put key value
    grep -q 'does not vote on what becomes epoch 4' "$CLUSTER/n1/log/dkv-router.log"
    # With its votes it needs nobody's help: it follows to the document that the others have.
    node kill n1
    rm "$CLUSTER/n1/data/ring/adopted"
    node start n1
    eventually agree n1 n2 n3
}

@test "where a majority has lost its votes all forget at once, as dkv-ring(5) says" {
    dkv keyspace create data
    local node
    for node in n1 n2; do
        node kill $node router
        rm "$CLUSTER/$node/data/ring/votes"
        node start $node router
    done
    fails_with 5 dkv --timeout 2000 keyspace create more
    assert_regex "$stderr" 'behind, or without its votes .dkv-ring.5..: n[12], n[12]$'
    for node in n1 n2 n3; do
        node kill $node router
    done
    cp "$CLUSTER/n2/data/ring/adopted" "$SANDBOX/latest"
    for node in n1 n2 n3; do
        cp "$SANDBOX/latest" "$CLUSTER/$node/data/ring/ring"
        rm "$CLUSTER/$node"/data/ring/{adopted,votes} "$CLUSTER/$node/keys/seals"
    done
    for node in n1 n2 n3; do
        node start $node router
    done
    dkv keyspace create more
    eventually agree n1 n2 n3
    assert_equal "$(names n3)" 'data default more '
}

@test "the document that counts is damaged: the node does not start, and says why" {
    dkv keyspace create data
    node kill n1
    sed -i 's/^epoch 2/epoch 3/' "$CLUSTER/n1/data/ring/adopted"
    fails_with 2 dkv-router --config "$CLUSTER/n1/dkv.conf" --check-config
    assert_regex "$stderr" 'data/ring/adopted: .*copy it from another node'
    fails_with 2 dkv-store --config "$CLUSTER/n1/dkv.conf" --check-config
    cp "$CLUSTER/n2/data/ring/adopted" "$CLUSTER/n1/data/ring/adopted"
    node start n1
    at n1 dkv -k data put key value
}

@test "when everybody is killed the document is still there, whatever lies beside it" {
    dkv keyspace create data
    dkv -k data put key value
    local node before
    before=$(document_of n1)
    for node in n1 n2 n3; do
        node kill $node
        cmp -s "$CLUSTER/$node/data/ring/adopted" "$CLUSTER/$node/data/ring/ring" && return 1
    done
    for node in n1 n2 n3; do
        node start $node
    done
    assert_equal "$(dkv -k data get key)" value
    agree n1 n2 n3
    assert_equal "$(document_of n2)" "$before"
    dkv keyspace create more
    assert_equal "$(names n3)" 'data default more '
}

@test "three who change the ring at once while a node is killed: one order, one document everywhere" {
    local round node statuses epoch=1 made=0
    for round in 1 2 3 4; do
        for node in n1 n2 n3; do
            (
                set +e
                at $node dkv -q keyspace create "r$round-$node" 3>&-
                echo $? >"$SANDBOX/status-$node"
            ) &
        done
        ((round % 2)) || node kill n$((round / 2 + 1))
        wait
        statuses=$(cat "$SANDBOX"/status-* | sort | tr '\n' ' ')
        echo "# round $round: $statuses" >&3
        for node in n1 n2 n3; do
            node start $node 2>/dev/null || :
        done
        eventually agree n1 n2 n3
        # One of them at least, if nobody was killed; one order: an epoch for each that was made.
        made=$(($(names n1 | wc -w) - 1))
        epoch=$(dkv ring export | sed -n 's/^epoch //p')
        assert_equal "$epoch" $((made + 1))
        ((round % 2 == 0 || made > 0))
        for node in n1 n2 n3; do
            case $(<"$SANDBOX/status-$node") in
            0) [[ " $(names n1)" == *" r$round-$node "* ]] ;;
            11 | 5) [[ " $(names n1)" != *" r$round-$node "* ]] ;;
            6 | 7) ;;
            *) return 1 ;;
            esac
        done
    done
    dkv keyspace list --json | jq .id | sort -n | uniq -d >"$SANDBOX/twice"
    [[ ! -s $SANDBOX/twice ]]
}
