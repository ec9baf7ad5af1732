# Replicas that differ are found and made equal: repair, digest, scrub.
load cluster

setup() {
    cluster_up --set repair/interval=1h --set repair/settle=100ms
}

teardown() {
    cluster_down
}

pairs() { # PREFIX COUNT
    awk -v prefix="$1" -v count="$2" 'BEGIN {
        for (i = 0; i < count; i++) print prefix i "\tvalue-" i }'
}

# Of every partition how many different hashes there are, once each.
digests() {
    dkv digest | cut -f 2,3 | sort -u | cut -f 1 | uniq -c | awk '{ print $1 }' | sort -u
}

stop_repair() {
    local name
    for name in n1 n2 n3; do node stop $name repair; done
}

# n3 misses these, and its own process pulls nothing.
diverge() { # PREFIX COUNT
    node stop n3 repair
    node stop n3 store
    sleep 1 # nothing waits for it on a connection
    pairs "$1" "$2" | dkv load --quiet
    node start n3 store
    eventually all_reached
}

# By the processes that run.
all_reached() {
    ! dkv repair --quiet status | cut -f 3 | grep -q down
}

@test "a dry run lists exactly the keys that a store missed, and a run brings them back" {
    pairs old 3000 | dkv load --quiet
    diverge missed 2000
    run --separate-stderr dkv repair --dry-run
    assert_equal "$(cut -f 1 <<<"$output" | sort -u)" "$(pairs missed 2000 | cut -f 1 | sort)"
    assert_equal "$(cut -f 2,3 <<<"$output" | sort -u)" "n1	n3
n2	n3"
    node start n3 repair
    dkv repair --wait
    assert_equal "$(digests)" 1
    run dkv repair --dry-run
    assert_success
    assert_output "0 differences"
    # n3 has them: it answers alone.
    assert_equal "$(DKV_CLUSTER=ipc://$CLUSTER/n3/run/router.sock dkv get --local missed1999)" \
        value-1999
}

@test "deletions that a store missed come back, too" {
    pairs gone 500 | dkv load --quiet
    node stop n3 repair
    node stop n3 store
    sleep 1
    pairs gone 500 | cut -f 1 | dkv load --delete --quiet
    node start n3 store
    node start n3 repair
    dkv repair --wait
    assert_equal "$(digests)" 1
    fails_with 3 env DKV_CLUSTER="ipc://$CLUSTER/n3/run/router.sock" dkv get --local gone77
}

@test "few bytes find that large replicas are equal, and bring few keys back" {
    pairs key 30000 | dkv load --quiet
    dkv repair --wait >"$SANDBOX/equal"
    diverge key 10
    node start n3 repair
    dkv repair --wait
    assert_equal "$(digests)" 1
    dkv repair --json status >"$SANDBOX/status"
    # An opening of each of 256 shards, of a few hundred bytes; less than 2 KiB a key.
    run jq -s '[.[] | select(.node == "n3") | .bytes] | max' "$SANDBOX/status"
    assert [ "$output" -lt $((256 * 1024 + 10 * 2048)) ]
}

@test "a store that comes back pulls at once, without being asked" {
    pairs old 100 | dkv load --quiet
    node stop n3 store
    sleep 1
    pairs missed 300 | dkv load --quiet
    node start n3 store
    is_equal() { [[ $(digests) == 1 ]]; }
    EVENTUALLY=20 eventually is_equal
}

@test "a key, a partition and a keyspace can be named" {
    diverge missed 200
    run --separate-stderr dkv repair --dry-run missed7
    assert_equal "$(sort <<<"$output")" "missed7	n1	n3
missed7	n2	n3"
    partition=$(dkv where missed7 | cut -f 1 | sort -u)
    run --separate-stderr dkv repair --dry-run "$partition"
    grep -q '^missed7	' <<<"$output"
    assert [ "$(cut -f 1 <<<"$output" | sort -u | wc -l)" -lt 20 ]
    run --separate-stderr dkv repair --dry-run default
    assert_equal "$(cut -f 1 <<<"$output" | sort -u | wc -l)" 200
    run --separate-stderr dkv repair --dry-run --json missed7
    assert_equal "$(jq -r '[.key, .keyspace, .nodes[1]] | join(" ")' <<<"${lines[0]}")" \
        "missed7 default n3"
    node start n3 repair
    dkv repair --wait missed7
    run --separate-stderr dkv repair --dry-run missed7
    assert_equal "$output" ""
}

@test "for a key, those that own nothing of it are not waited for" {
    cluster_down
    cluster_up --nodes 4 --set repair/interval=1h --set repair/settle=100ms
    DKV_CLUSTER=ipc://$CLUSTER/n1/run/router.sock
    local key
    key=$(for key in key{1..50}; do
        dkv where "$key" | cut -f 4 | grep -qx n4 || echo "$key"
    done | head -n 1)
    dkv put "$key" value
    node kill n4
    run --separate-stderr dkv repair --wait --timeout 8000 "$key"
    assert_success
    assert_equal "$(cut -f 1 <<<"$output" | sort)" $'n1\nn2\nn3'
    assert_equal "$stderr" ''
    node kill n3
    fails_with 12 dkv repair --wait --timeout 1500 "$key"
}

@test "status says when replicas last agreed" {
    dkv repair --wait
    dkv repair status --max-age 3600
    run dkv repair status
    assert_equal "$(cut -f 1-5 <<<"$output" | sort)" "n1	n2	up	256	0
n1	n3	up	256	0
n2	n1	up	256	0
n2	n3	up	256	0
n3	n1	up	256	0
n3	n2	up	256	0"
    node stop n2 store
    sleep 2
    fails_with 12 dkv repair status --max-age 1
    node stop n2 repair
    fails_with 12 dkv repair status
}

# How many shards of n1 never agreed with those of n2, and since when all did, in seconds.
never() { dkv repair status | awk '$1 == "n1" && $2 == "n2" { print $5 }'; }
oldest() { dkv repair status | awk '$1 == "n1" && $2 == "n2" { print $11 }'; }

@test "a restart does not forget when replicas last agreed, and says so if it cannot know" {
    dkv repair --wait
    node stop n1 repair # it writes that down
    node kill n2
    sleep 2
    node start n1 repair
    eventually eval '[[ $(never) == 0 ]]'
    assert [ "$(oldest | cut -d. -f1)" -ge 2 ]
    node stop n1 repair
    printf x | dd of="$CLUSTER/n1/data/repair" bs=1 seek=100 conv=notrunc status=none
    node start n1 repair
    eventually eval '[[ $(never) == 256 ]]'
    grep -q 'data/repair: it is damaged; so the ages' "$CLUSTER/n1/log/dkv-repair.log"
}

@test "a run that cannot end is over in time, and says so" {
    node stop n3 store
    fails_with 12 dkv repair --wait --timeout 1500
    grep -q 'do not agree yet' <<<"$stderr"
    node stop n3 repair
    fails_with 9 dkv repair
    node stop n1 repair
    node stop n2 repair
    fails_with 5 dkv repair
}

@test "repair may be killed at any moment" {
    diverge missed 3000
    node start n3 repair
    for i in 1 2 3; do
        sleep 0.1
        node kill n3 repair
        node start n3 repair
    done
    dkv repair --wait
    assert_equal "$(digests)" 1
}

@test "a store that lost everything finds that out and is whole again" {
    pairs key 3000 | dkv load --quiet
    dkv repair --wait
    node stop n3 repair
    node stop n3 store
    rm -r "$CLUSTER"/n3/data/store/*
    node start n3 store
    node start n3 repair
    is_whole() {
        [[ $(dkv repair --json status | jq -s 'map(.lost + .failing) | add') == 0 &&
            $(digests) == 1 ]]
    }
    EVENTUALLY=20 eventually is_whole
    grep -q 'this data was wiped' "$CLUSTER/n3/log/dkv-store.log"
    run bash -c 'DKV_CLUSTER=ipc://$CLUSTER/n3/run/router.sock dkv dump --local 2>/dev/null | wc -l'
    assert_output 3000
}

@test "scrub reads everything and finds nothing" {
    pairs key 5000 | dkv load --quiet
    run dkv scrub --wait
    assert_success
    assert_equal "$(cut -f 3 <<<"$output" | sort -u)" 0
    assert [ "$(cut -f 2 <<<"$output" | sort -n | head -n 1)" -gt 4000 ]
}

@test "digest is a line for each replica, of one node if it is named" {
    echo hello | dkv put greeting
    assert_equal "$(dkv digest | wc -l)" 768
    assert_equal "$(dkv digest --node n2 | cut -f 1 | sort | uniq -c | awk '{ print $1, $2 }')" "256 n2"
    fails_with 2 dkv digest --node n9
    partition=$(dkv where greeting | cut -f 1 | sort -u)
    assert_equal "$(dkv digest --json --node n1 | jq -r "select(.partition == $partition) | .hash")" \
        "$(dkv digest --node n1 | awk -v p="$partition" '$2 == p { print $3 }')"
}
