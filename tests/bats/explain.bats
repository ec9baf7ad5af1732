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
    assert_equal "$stderr" ''
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
    assert_equal "$stderr" 'dkv: explain: key: not known what is at n3 (does not answer)'
    assert_equal "$(replicas '[.node, .state, .problem, .copy]' key)" \
        '[["n1","up",null,"equal"],["n2","up",null,"equal"],["n3","down","does not answer","unknown"]]'
    node kill n2
    eventually eval '[[ $(replicas .state key) == *down*down* ]]'
    run --separate-stderr dkv explain key
    assert_success
    assert_regex "$stderr" 'too few owners are left for a read'
    assert_equal "$(dkv -q explain key | cut -f 13 | sort -u)" $'-\nunavailable'
    fails_with 5 dkv get key
}

@test "what a read returns depends on its level, as explain says" {
    dkv put -W all key before
    node kill n3
    dkv put key after
    node start n3
    eventually eval '[[ $(replicas .copy key) == "[\"ahead\",\"ahead\",\"behind\"]" ]]'
    # Every two owners have one that is ahead; of one alone that depends.
    assert_equal "$(replicas '.siblings[].read' key)" '["always","always","never"]'
    assert_equal "$(replicas '.siblings[].read' -R 1 key)" '["perhaps","perhaps","perhaps"]'
    dkv get key >/dev/null
    dkv get -R all key >/dev/null
    eventually eval '[[ $(replicas .copy key) == "[\"equal\",\"equal\",\"equal\"]" ]]'
}

@test "mistakes in what is asked are told" {
    fails_with 2 dkv explain
    fails_with 2 dkv explain key other
    fails_with 2 dkv -k nowhere explain key
    assert_regex "$stderr" 'no such keyspace'
    fails_with 2 dkv explain -R 4 key
    fails_with 7 dkv --cluster "ipc://$SANDBOX/none" explain key
}
