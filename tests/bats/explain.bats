#!/usr/bin/env bats
# explain shows the copies of a key as they are at each owner, and what a read makes of them.
load cluster

setup() {
    cluster_up --nodes 3
}

teardown() {
    cluster_down
}

# Of each replica, in the order of nodes: what this filter says.
replicas() {
    dkv --json explain "${@:2}" 2>/dev/null | jq -c "[.replicas | sort_by(.node)[] | $1]"
}

@test "a key with siblings: its place, and every version at every owner" {
    dkv put -W all key left
    dkv put -W all --sibling --ttl 1000 key rights
    run --separate-stderr dkv explain key
    assert_success
    assert_equal "$stderr" "dkv: explain: key: 2 values, of writes that had not seen one another: \
'dkv get' exits 4 until a write has seen them all: 'dkv resolve', or 'dkv put --context'"
    assert_equal "${#lines[@]}" 6
    assert_equal "$(cut -f 1-4 <<<"$output" | uniq)" \
        "$(dkv where key | awk -F '\t' -v OFS='\t' '{ print $1, $4, $5, $6 }')"
    assert_equal "$(cut -f 5-7,11,13 <<<"$output" | sort | uniq -c | sed 's/^ *//')" \
        $'3 up\tequal\tvalue\t4\talways\n3 up\tequal\tvalue\t6\talways'
    assert_equal "$(cut -f 8,9 <<<"$output" | sort -u)" "$(dkv get --json key |
        jq -r '.values[] | [.dot, .hlc] | @tsv' | sort)"
    # The time of a hlc, and that of the expiry, are now.
    local time
    time=$(date -d "$(cut -f 10 <<<"${lines[0]}")" +%s)
    ((time > $(date +%s) - 60 && time <= $(date +%s)))
    time=$(date -d "$(cut -f 12 <<<"$output" | grep -m 1 T)" +%s)
    ((time > $(date +%s) + 900 && time < $(date +%s) + 1001))
}

@test "a deleted key: its tombstone, which every read finds" {
    dkv put -W all key value
    dkv del -W all key
    assert_equal "$(replicas '.siblings[] | [.kind, .bytes, .read]' key)" \
        '[["tombstone","0","always"],["tombstone","0","always"],["tombstone","0","always"]]'
    assert_equal "$(dkv explain nothing | cut -f 5-8 | sort -u)" $'up\tequal\tnothing\t-'
}

@test "an owner that is down is named, and one that is behind is shown as such" {
    dkv put -W all key before
    node kill n3
    dkv put key after
    eventually eval '[[ $(replicas .state key) == *down* ]]'
    run --separate-stderr dkv explain key
    assert_success
    assert_equal "$stderr" 'dkv: explain: key: not known what is at n3 (does not answer)
dkv: explain: key: not known whether hints of it wait at n3 (its dkv-hintd does not answer)'
    assert_equal "$(replicas '[.node, .state, .problem, .copy]' key)" \
        '[["n1","up",null,"equal"],["n2","up",null,"equal"],["n3","down","does not answer","unknown"]]'
    node kill n2
    eventually eval '[[ $(replicas .state key) == *down*down* ]]'
    run --separate-stderr dkv explain key
    assert_success
    assert_regex "$stderr" 'too few owners are left for a read of level .*, with --strict and without'
    assert_equal "$(dkv -q explain key | cut -f 13 | sort -u)" $'-\nunavailable'
    assert_equal "$(dkv --json explain key 2>/dev/null | jq -c '.hints_unknown | sort')" '["n2","n3"]'
    fails_with 5 dkv get key
}

@test "too few owners: a strict read fails, and one that asks hints, too, does not; explain says so" {
    cluster_down
    cluster_up --nodes 4 --set ping/interval=50ms --set ping/down_after=300ms
    DKV_CLUSTER=ipc://$CLUSTER/n1/run/router.sock
    local key
    key=$(key_of n1)
    local -a others
    mapfile -t others < <(dkv where "$key" | cut -f 4 | grep -vx n1)
    dkv put -W all "$key" value
    node kill "${others[0]}"
    node kill "${others[1]}"
    eventually eval '[[ $(replicas .state "$key") == *down*down* ]]'
    says "$key" 'a read with --strict fails; one without asks those that keep hints, too$'
    assert_equal "$(dkv -q explain "$key" | cut -f 13 | sort -u)" $'-\nhints'
    fails_with 5 dkv get --strict "$key"
    assert_equal "$(dkv get "$key")" value
}

@test "an owner that is behind: what it lacks, who could bring it, and what a read returns, by its level" {
    local node
    dkv put -W all key before
    for node in n1 n2 n3; do
        node kill $node repair
    done
    node kill n3
    dkv put key after
    for node in store hintd router; do
        node start n3 $node
    done
    eventually eval '[[ $(replicas .copy key) == "[\"ahead\",\"ahead\",\"behind\"]" ]]'
    # What it lacks, and that nobody is there who brings it.
    local dot
    dot=$(dkv --json explain key 2>/dev/null | jq -r '.replicas[] | select(.node == "n3") | .lacks[]')
    says key "^dkv: explain: key: n3 lacks the value $dot of 2.*Z: dkv-repair of n3 is down: start it$"
    # Every two owners have one that is ahead; of one alone that depends.
    assert_equal "$(replicas '.siblings[].read' key)" '["always","always","never"]'
    assert_equal "$(replicas '.siblings[].read' -R 1 key)" '["perhaps","perhaps","perhaps"]'
    dkv get key >/dev/null
    dkv get -R all key >/dev/null
    eventually eval '[[ $(replicas .copy key) == "[\"equal\",\"equal\",\"equal\"]" ]]'
}

# A key that this node owns, and n1 is there to be asked.
key_of() { # NODE
    local key
    for key in key{1..50}; do
        if dkv where "$key" | cut -f 4 | grep -qx "$1"; then
            echo "$key"
            return
        fi
    done
}

says() { # KEY REGEX
    dkv explain "$1" 2>&1 >/dev/null | grep -qE "$2"
}

@test "a deletion says what keeps it: the owner that is waited for, hints, time; and then it is gone" {
    cluster_down
    cluster_up --nodes 4 --set ping/interval=50ms --set ping/down_after=300ms \
        --set purge/age=3s --set request/memory=1s --set repair/interval=1s --set repair/settle=100ms
    DKV_CLUSTER=ipc://$CLUSTER/n1/run/router.sock
    local key
    key=$(key_of n3)
    dkv put -W all "$key" value
    node kill n3
    eventually eval '[[ $(replicas .state "$key") == *down* ]]'
    dkv del "$key"
    EVENTUALLY=20 eventually says "$key" \
        "$key: n. keeps the deletion: it waits to hear from .*n3 that .* are known there$"
    says "$key" "$key: n3 does not answer: nothing is purged .*left .*\('dkv node leave n3'\)$"
    says "$key" "$key: a hint of it for n3 waits at n[124] for [0-9.]+ s \(1 deletion, [0-9]+ bytes\): n3 is down$"
    # Those that are up have only to tell; if nobody lets them, that is said.
    local node
    for node in n1 n2 n4; do
        node kill $node repair
    done
    EVENTUALLY=20 eventually eval "! says '$key' 'with the next round of repair'"
    for node in n1 n2 n4; do
        node start $node repair
    done
    # The two others have heard of one another when their round is done.
    EVENTUALLY=20 eventually eval '[[ $(replicas ".purge | select(.) | [.state, .behind]" "$key") == \
        "[[\"waits\",[\"n3\"]],[\"waits\",[\"n3\"]]]" ]]'
    assert_equal "$(replicas '.purge | select(.) | .wait_ms' "$key")" '[null,null]'
    assert_equal "$(dkv --json explain "$key" 2>/dev/null | jq -c '.hints | map(.node) | unique')" \
        '["n3"]'
    assert_equal "$(dkv --json explain "$key-other" 2>/dev/null | jq -c '.hints[]')" ''
    node start n3
    EVENTUALLY=20 eventually says "$key" 'all owners know it; it is purged [0-3]\.[0-9] s from now'
    EVENTUALLY=30 eventually eval '[[ $(replicas .siblings "$key") == "[[],[],[]]" ]]'
    assert_equal "$(dkv --json explain "$key" | jq -c '[.hints, .replicas[].purge] | unique')" \
        '[null]'
}

@test "an owner that has purged a deletion before others is not behind, and there is nothing to repair" {
    cluster_down
    cluster_up --nodes 3 --set ping/interval=50ms --set ping/down_after=300ms \
        --set purge/age=60s --set request/memory=1s --set repair/interval=1s --set repair/settle=100ms
    DKV_CLUSTER=ipc://$CLUSTER/n2/run/router.sock
    local node
    node kill n1
    sed -i 's/age = "60s"/age = "5s"/' "$CLUSTER/n1/dkv.conf"
    node start n1
    eventually dkv put -W all key value
    dkv del -W all key
    EVENTUALLY=20 eventually eval \
        '[[ $(replicas .purge.state key) == "[\"ages\",\"ages\",\"ages\"]" ]]'
    for node in n1 n2 n3; do
        node kill $node repair # so that others do not hear of it
    done
    EVENTUALLY=20 eventually eval '[[ $(replicas .siblings key) == "[[],"* ]]'
    assert_equal "$(replicas .copy key)" '["purged","equal","equal"]'
    assert_equal "$(replicas '[.lacks, (.purged | length)]' key)" '[[[],1],[[],0],[[],0]]'
    says key '^dkv: explain: key: n1 has purged the deletion [0-9a-f:]* of 2.*Z'
    run ! says key 'lacks|behind|--wait'
}

# NODE: its copies are known to be lost.
is_lost() {
    [[ $(replicas "select(.node == \"$1\") | .lost" key) == '[true]' ]]
}

@test "a lost copy answers no reads, and is said to, with the way out" {
    cluster_down
    cluster_up --nodes 3 --set ping/interval=50ms --set ping/down_after=300ms
    local node
    dkv put -W all key value
    for node in n1 n2 n3; do
        node kill $node repair
    done
    node kill n2 store
    rm -r "$CLUSTER/n2/data/store"
    node kill n3 store # so that it cannot become whole
    node start n2 store
    node start n2 repair
    EVENTUALLY=20 eventually is_lost n2
    says key "lost what it had known: the copy at n2; .* answers no reads"
    says key ": start n3 first, then 'dkv repair --wait key'"
    says key "; only if n3 never comes back, 'dkv repair --accept-loss --node n2 --yes key' gives up"
    says key 'too few owners are left for a read'
    assert_equal "$(replicas .copy key)" '["equal","lost","unknown"]'
    assert_equal "$(dkv -q explain key | cut -f 13 | sort -u)" $'-\nunavailable'
    fails_with 5 dkv get --strict key
    node start n3
    node start n1 repair
    dkv repair --wait key >/dev/null # as it says
    assert_equal "$(dkv explain key 2>&1 | cut -f 6,7,13 | sort -u)" $'equal\tvalue\talways'
}

@test "a lost copy whose other owners never come back is given up as explain says, and no other" {
    cluster_down
    cluster_up --nodes 3 --set ping/interval=50ms --set ping/down_after=300ms
    dkv keyspace create other
    dkv -k other put -W all key value
    node kill n3
    node kill n2 store
    rm -r "$CLUSTER/n2/data/store"
    node start n2 store
    EVENTUALLY=20 eventually eval '[[ $(replicas .lost key -k other) == *true* ]]'
    local command
    command=$(dkv -k other explain key 2>&1 >/dev/null | grep -o "dkv [^']*--accept-loss[^']*")
    assert_equal "$command" 'dkv -k other repair --accept-loss --node n2 --yes key'
    assert_equal "$(bash -c "$command")" '1 copies'
    assert_equal "$(replicas .lost key -k other)" '[false,false,false]'
    assert_equal "$(replicas '.lost' key)" '[false,true,false]'
}

@test "mistakes in what is asked are told" {
    fails_with 2 dkv explain
    fails_with 2 dkv explain key other
    fails_with 2 dkv -k nowhere explain key
    assert_regex "$stderr" 'no such keyspace'
    fails_with 2 dkv explain -R 4 key
    fails_with 7 dkv --cluster "ipc://$SANDBOX/none" explain key
}

@test "the keyspace may stand behind the verb" {
    dkv keyspace create other
    dkv -k other put key value
    assert_equal "$(replicas .copy key -k other)" '["equal","equal","equal"]'
    fails_with 2 dkv explain key -k nowhere
}
