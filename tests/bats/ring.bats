# The first ring, and what can be asked about placement.
load cluster

setup() {
    isolate
    cd "$SANDBOX" || return
}

teardown() {
    cluster_down
}

# How many, and over how many racks.
make_nodes() {
    local i
    for ((i = 1; i <= $1; i++)); do
        dkv -q init "d$i" --node "n$i" --address 127.0.0.1 --port $((7400 + 10 * i)) \
            --rack "r$((i % ${2:-3}))"
    done
}

@test "ring init prints the document, or puts it into the directories of nodes" {
    make_nodes 3
    dkv ring init d?/*.node >ring
    assert_equal "$(head -n 1 ring)" 'dkv-ring 2'
    fails_with 0 dkv ring init d?/*.node --into d1 --into d2 --into d3
    assert_equal "$output" ''
    cmp d1/data/ring/ring d2/data/ring/ring
    cmp d1/data/ring/ring d3/data/ring/ring
    cmp d1/data/ring/ring d1/keys/cluster.pub
}

@test "directories may follow one --into" {
    make_nodes 2
    dkv ring init d?/*.node --into d1 d2
    cmp d1/data/ring/ring d2/data/ring/ring
}

@test "ring init never replaces a ring, and then changes no directory" {
    make_nodes 2
    dkv ring init d1/n1.node --into d1
    cp d1/data/ring/ring before
    local cluster
    cluster=$(dkv ring show --json --file before | jq -r .cluster)
    fails_with 2 dkv ring init d?/*.node --into d2 --into d1
    assert_regex "$stderr" "d1/data/ring/ring: there is a ring already, of cluster $cluster, epoch 1: .*dkv init"
    cmp d1/data/ring/ring before
    [[ ! -e d2/data/ring/ring ]]
    echo damaged >d1/data/ring/ring
    fails_with 2 dkv ring init d?/*.node --into d1
    assert_regex "$stderr" 'd1/data/ring/ring: there is a ring already, which is damaged'
    assert_equal "$(cat d1/data/ring/ring)" damaged
}

@test "the ring that one machine made is put in place on the others" {
    make_nodes 3
    dkv ring init d?/*.node --into d1
    cp d1/data/ring/ring ring
    fails_with 0 dkv ring init --file ring --into d2 d3
    assert_equal "$output" ''
    cmp ring d2/data/ring/ring
    cmp ring d3/keys/cluster.pub
    fails_with 2 dkv ring init --file ring --into d2
    assert_regex "$stderr" 'there is a ring already, of this cluster'
}

@test "a ring in a file is checked as one that is made, and goes alone" {
    make_nodes 2
    dkv ring init d1/n1.node >ring
    fails_with 2 dkv ring init --file ring --into d2
    assert_regex "$stderr" 'd2: its node n2 is not in the ring'
    fails_with 2 dkv ring init --file ring
    fails_with 2 dkv ring init --file ring d1/n1.node --into d1
    sed -i 's/epoch 1/epoch 2/' ring
    fails_with 2 dkv ring init --file ring --into d1
    [[ ! -e d1/data/ring/ring && ! -e d2/data/ring/ring ]]
}

@test "ring init refuses a directory whose node is not in the ring" {
    make_nodes 2
    fails_with 2 dkv ring init d1/n1.node --into d2
    assert_regex "$stderr" 'not in the ring'
}

@test "ring init refuses duplicate nodes, damaged files and odd numbers of partitions" {
    make_nodes 2
    fails_with 2 dkv ring init d1/n1.node d1/n1.node
    sed 's/port=7420/port=x/' d2/n2.node >bad.node
    fails_with 2 dkv ring init d1/n1.node bad.node
    assert_regex "$stderr" 'bad.node: line 2'
    fails_with 2 dkv ring init d1/n1.node --partitions 100
    fails_with 2 dkv ring init d1/n1.node --partitions 32
    fails_with 2 dkv ring init
}

@test "--partitions is how many there are" {
    make_nodes 1
    dkv ring init d1/n1.node --partitions 64 >ring
    assert_equal "$(dkv ring show --json --file ring | jq .partitions)" 64
    assert_equal "$(grep -c ^partition\  ring)" 64
}

@test "every node owns an equal share and no partition has one node twice" {
    make_nodes 5 1
    dkv ring init d?/*.node >ring
    run bash -c 'dkv -q ring show --file ring | cut -f 6 | sort -n | sed -n "1p;\$p"'
    ((lines[1] - lines[0] <= 2))
    run awk '/^partition / && ($3 == $4 || $3 == $5 || $4 == $5)' ring
    assert_output ''
}

@test "ring export and the file it came from are the same bytes" {
    make_nodes 2
    dkv ring init d?/*.node >ring
    dkv ring export --file ring | cmp - ring
}

@test "a damaged ring document is refused" {
    make_nodes 1
    dkv ring init d1/n1.node | sed 's/epoch 1/epoch 2/' >ring
    fails_with 2 dkv ring show --file ring
    assert_regex "$stderr" '^dkv: ring: ring: '
}

@test "where names the owners of a key in order, for strange keys too" {
    make_nodes 5
    dkv ring init d?/*.node >ring
    fails_with 0 dkv where --file ring key
    assert_equal "${#lines[@]}" 3
    local partition
    partition=$(cut -f 1 <<<"${lines[0]}")
    assert_equal "$(cut -f 4 <<<"$output" | paste -sd ' ')" \
        "$(sed -n "s/^partition $partition //p" ring)"
    printf '\0\377\n' >key
    run bash -c 'dkv where --json --file ring --key-file key | jq -c "[.key, (.owners | length)]"'
    assert_output '[{"b64":"AP8K"},3]'
    fails_with 2 dkv where --file ring ''
    fails_with 2 dkv where --file ring -k none key
}

@test "keyspace list shows the default keyspace" {
    make_nodes 3
    dkv ring init d?/*.node >ring
    fails_with 0 dkv keyspace list --file ring
    assert_output $'default\t3\tversions\tquorum\tquorum\t0'
    run bash -c 'dkv keyspace list --json --file ring | jq -c "[.v, .name, .n]"'
    assert_output '[1,"default","3"]'
    fails_with 2 dkv keyspace create
}

@test "ring init --into a directory that is not there is exit 2" {
    dkv -q init n1 --node n1 --address 127.0.0.1
    fails_with 2 dkv ring init n1/n1.node --into missing
}

@test "check says what the loss of nodes and racks would cost" {
    make_nodes 5
    dkv ring init d?/*.node >ring
    dkv ring check --file ring >each
    assert_equal "$(awk -F '\t' '$1 != "dc1" && $4 + $5 + $6 > 0' each)" '' # racks are kept apart
    assert_equal "$(cut -f 1 each | sort | paste -sd ' ')" 'dc1 n1 n2 n3 n4 n5 r0 r1 r2'
    assert_equal "$(awk -F '\t' '$1 == "dc1" { print $6 }' each)" 256
    fails_with 12 dkv ring check --file ring --what-if down=n1,n2
    local both
    both=$(grep '^partition ' ring | grep -w n1 | grep -cw n2)
    assert_equal "$output" "$(printf 'n1,n2\tdefault\t256\t%d\t%d\t0' "$both" "$both")"
    fails_with 0 dkv ring check --file ring --what-if down=r1
    fails_with 2 dkv ring check --file ring --what-if down=n9
    fails_with 2 dkv ring check --file ring --what-if n1
}
