# Nodes and keys on disk.
load cluster

setup() {
    isolate
    cd "$SANDBOX" || return
}

teardown() {
    cluster_down
}

mode() {
    stat -c %a "$1"
}

@test "init lays out a node: configuration, keys, empty data, public part" {
    fails_with 0 dkv init n1 --node n1 --address 10.0.0.1 --port 7500 --dc east --rack r7
    assert_equal "$output" ''
    [[ -f n1/dkv.conf && -f n1/n1.node && -d n1/data/store && -d n1/data/ring && -d n1/run ]]
    assert_equal "$(mode n1/keys)" 700
    assert_equal "$(mode n1/keys/node.key)" 600
    assert_equal "$(mode n1/keys/client.key)" 600
    run cat n1/n1.node
    assert_line --regexp '^node [0-9a-f]{16} n1 address=10.0.0.1 port=7500 dc=east rack=r7 .*key=.{40}$'
}

@test "the public part holds no secret" {
    dkv -q init n1 --node n1 --address 127.0.0.1
    local secret
    for secret in n1/keys/*.key; do
        secret=$(sed -n 's/.*secret-key = "\(.*\)"/\1/p' "$secret")
        [[ ${#secret} -eq 40 ]]
        run grep -rlF -e "$secret" n1 --exclude='*.key'
        assert_output ''
    done
}

@test "a daemon accepts the configuration that init writes" {
    dkv -q init n1 --node n1 --address 127.0.0.1 --set ping/interval=50ms --set store/cache=64MiB
    dkv ring init n1/n1.node --into n1
    dkv-store --config n1/dkv.conf --check-config
    dkv-router --config n1/dkv.conf --check-config
}

@test "init refuses a directory that is not empty and leaves it alone" {
    mkdir n1
    touch n1/mine
    fails_with 2 dkv init n1 --node n1 --address 127.0.0.1
    assert_regex "$stderr" 'not an empty directory'
    assert_equal "$(ls n1)" mine
    mkdir empty
    dkv -q init empty --node n1 --address 127.0.0.1
}

@test "init refuses bad names, ports and settings before it writes anything" {
    fails_with 2 dkv init n1 --node 'a b' --address 127.0.0.1
    fails_with 2 dkv init n1 --node n1 --address 'not an address'
    fails_with 2 dkv init n1 --node n1 --address 127.0.0.1 --port 65535
    fails_with 2 dkv init n1 --node n1 --address 127.0.0.1 --rack 'r 1'
    fails_with 2 dkv init n1 --node n1 --address 127.0.0.1 --set no/such=1
    assert_regex "$stderr" 'no/such'
    fails_with 2 dkv init n1 --node n1 --address 127.0.0.1 --set ping/interval=fast
    fails_with 2 dkv init n1 --node n1 --address 127.0.0.1 --set ping/interval
    fails_with 2 dkv init n1 --node n1
    fails_with 2 dkv init --node n1 --address 127.0.0.1
    [[ ! -e n1 ]]
}

@test "of a setting given twice the last one counts" {
    dkv -q init n1 --node n1 --address 127.0.0.1 --set store/cache=1MiB --set ping/interval=1s \
        --set store/cache=2MiB
    assert_equal "$(grep -c cache n1/dkv.conf)" 1
    grep -q 'cache = "2MiB"' n1/dkv.conf
}

@test "two nodes never have the same id or key" {
    dkv -q init a --node n1 --address 127.0.0.1
    dkv -q init b --node n1 --address 127.0.0.1
    run bash -c 'cut -d" " -f2 a/n1.node b/n1.node | grep -c . ; grep -ho "key=.*" a/n1.node b/n1.node | sort | uniq -d'
    assert_equal "${#lines[@]}" 1
}

@test "keygen makes a secret file and a public one, and never overwrites" {
    fails_with 0 dkv keygen me.key --name me
    assert_equal "$(mode me.key)" 600
    run grep -c secret me.key.pub
    assert_output 0
    cp me.key before
    fails_with 2 dkv keygen me.key --name me
    cmp me.key before
    fails_with 2 dkv keygen other.key
}

@test "authorize installs a public key with a role, or gives it another" {
    dkv -q init n1 --node n1 --address 127.0.0.1
    dkv keygen me --name me
    dkv authorize n1 me.pub --role reader
    grep -q 'role = "reader"' n1/keys/authorized/me-*.pub
    dkv authorize n1 me.pub --role admin
    grep -q 'role = "admin"' n1/keys/authorized/me-*.pub
    assert_equal "$(find n1/keys/authorized -name 'me-*' | wc -l)" 1
    fails_with 2 dkv authorize n1 me.pub --role peer
    fails_with 2 dkv authorize n1 me.pub --role king
}

@test "authorize never installs a secret" {
    dkv -q init n1 --node n1 --address 127.0.0.1
    dkv keygen me --name me
    dkv authorize n1 me || true
    run grep -rl secret-key n1/keys/authorized
    assert_output ''
}

@test "a place that is not there is exit 2, named as it was given" {
    dkv -q init n1 --node n1 --address 127.0.0.1
    dkv keygen key --name joe
    fails_with 2 dkv init /proc/n2 --node n2 --address 127.0.0.1
    fails_with 2 dkv keygen missing/key --name joe
    fails_with 2 dkv authorize n1 missing.pub
    fails_with 2 dkv authorize missing key.pub
    refute_regex "$stderr" '\.new'
}

@test "what root writes into a directory of somebody else belongs to its owner" {
    [[ $(id -u) == 0 ]] || skip "only root can give files away"
    mkdir n1
    chown nobody n1
    chmod 711 . n1
    dkv -q init n1 --node n1 --address 127.0.0.1
    dkv ring init n1/n1.node --into n1
    dkv keygen me --name me
    dkv authorize n1 me.pub
    run find n1 '!' -user nobody
    assert_output ''
    assert_equal "$(mode n1/keys/node.key)" 600
    # A link that the owner put there leads root nowhere that the owner may not go.
    mkdir secret
    chmod 700 secret
    rm -r n1/data/ring
    ln -s "$PWD/secret" n1/data/ring
    fails_with 1 dkv ring init n1/n1.node --into n1
    assert_equal "$(ls secret)" ''
    assert_equal "$(stat -c %U me.pub)" root
}
