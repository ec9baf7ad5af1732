#!/usr/bin/env bats
# A daemon whose configuration, ring and keys do not fit together says what is wrong with which,
# and does not start; a running one takes over what is good, or nothing.
load cluster

setup() {
    isolate
    cd "$SANDBOX" || return
    [[ $BATS_TEST_DESCRIPTION != *hangup* ]] || return 0
    dkv -q init d1 --node n1 --address 127.0.0.1 --port 7410 --dc east --rack r7
}

teardown() {
    cluster_down
}

# Both daemons refuse, at their start and when they are asked, and say so: refuses REGEX...
refuses() {
    local daemon option pattern
    for daemon in dkv-store dkv-hintd dkv-router; do
        for option in '' --check-config; do
            fails_with 2 timeout 10 "$daemon" --config d1/dkv.conf ${option:+"$option"}
            for pattern in "$@"; do
                assert_regex "$stderr" "$pattern"
            done
        done
    done
}

@test "without a ring the way to one is named" {
    refuses 'd1/data/ring/ring: there is no ring yet; .dkv ring init NODEFILE... --into d1'
}

@test "what dkv.conf and the ring say differently of the node is named with line, both values, and a way out" {
    dkv ring init d1/n1.node --into d1
    dkv-store --config d1/dkv.conf --check-config
    local good key value
    good=$(cat d1/dkv.conf)
    for key in name=n1 address=127.0.0.1 port=7410 dc=east rack=r7; do
        value=${key#*=} key=${key%=*}
        sed -i "s/    $key = .*/    $key = \"17\"/" d1/dkv.conf
        refuses "d1/dkv.conf:$(grep -n "    $key =" d1/dkv.conf | cut -d: -f1): node/$key is \"17\"" \
            "\"$value\" in the ring .d1/data/ring/ring.*: set it to \"$value\""
        echo "$good" >d1/dkv.conf
    done
    sed -i '/rack/d' d1/dkv.conf # its default is another one
    refuses 'd1/dkv.conf: node/rack is "r1", but "r7" in the ring'
}

@test "the ring of others and a damaged one are named" {
    dkv -q init d2 --node n2 --address 127.0.0.1
    dkv ring init d2/n2.node >d1/data/ring/ring
    refuses 'd1/data/ring/ring: node n1 .* is not in this ring'
    sed -i 's/epoch 1/epoch 2/' d1/data/ring/ring
    refuses 'd1/data/ring/ring: '
}

@test "a key that is open, damaged, missing, or another one is named with the reason" {
    dkv ring init d1/n1.node --into d1
    local good
    good=$(cat d1/keys/node.key)
    chmod 640 d1/keys/node.key
    refuses 'd1/keys/node.key: open to others, mode 0640'
    chmod 600 d1/keys/node.key
    sed -i 's/secret-key = ".*"/secret-key = "short"/' d1/keys/node.key
    refuses "d1/keys/node.key:$(sed -n '/secret-key/=' d1/keys/node.key): not a key"
    sed '/^curve/,$d' <<<"$good" >d1/keys/node.key
    refuses 'd1/keys/node.key: name, role or public-key is missing'
    rm d1/keys/node.key
    refuses 'd1/keys/node.key: No such file'
    dkv -q init d2 --node n2 --address 127.0.0.1
    cp -p d2/keys/node.key d1/keys/node.key
    refuses 'd1/keys/node.key: not the key that the ring names for node n1'
}

@test "who owns what cannot be opened is told" {
    [[ $(id -u) == 0 ]] || skip "only root can give files away"
    dkv ring init d1/n1.node --into d1
    chmod 711 "$SANDBOX"
    chown -R nobody d1
    chown root d1/keys d1/data/store
    fails_with 2 dkv-store --config d1/dkv.conf --check-config # as nobody, as the daemon will
    assert_regex "$stderr" 'node.key: closed to user nobody: d1/keys belongs to root, mode 0700 .chown nobody: d1/keys'
    assert_regex "$stderr" 'd1/data/store: closed to user nobody: d1/data/store belongs to root'
    chown nobody d1/keys d1/data/store
    dkv-store --config d1/dkv.conf --check-config
    fails_with 2 dkv-store --config d1/dkv.conf # as root
    assert_regex "$stderr" 'd1/keys/node.key: belongs to user nobody, not to root'
}

@test "all that is wrong is told at once" {
    dkv ring init d1/n1.node --into d1
    sed -i 's/r7/r8/; s/east/west/' d1/dkv.conf
    chmod 644 d1/keys/node.key
    refuses node/rack node/dc keys/node.key
}

@test "a client's key that cannot be read is told, and keeps only that client out" {
    dkv ring init d1/n1.node --into d1
    echo nonsense >d1/keys/authorized/ann.pub
    fails_with 0 dkv-store --config d1/dkv.conf --check-config
    assert_regex "$stderr" 'd1/keys/authorized/ann.pub: name, role or public-key is missing: passed over'
}

@test "a hangup: the log says what changed, what needs a restart, and why a file is refused" {
    cluster_up --nodes 1
    local conf=$CLUSTER/n1/dkv.conf daemon good
    good=$(cat "$conf")
    hang_up() { kill -HUP "$(pid_of n1 "${daemon#dkv-}")"; }
    logged() { grep -qE -- "$1" "$CLUSTER/n1/log/$daemon.log"; }
    for daemon in dkv-store dkv-hintd dkv-router; do
        echo "$good" >"$conf"
        hang_up
        eventually logged 'dkv.conf: nothing changed'
        printf 'log\n    level = "debug"\nping\n    interval = "100ms"\n' >>"$conf"
        hang_up
        eventually logged "<6>$daemon: log/level: info -> debug"
        eventually logged "<4>$daemon: ping/interval: 200ms -> 100ms needs a restart; until then it is 200ms"
        printf 'store\n    memtable = "lots"\n' >>"$conf"
        hang_up
        eventually logged "<3>$daemon: $conf:$(grep -n lots "$conf" | cut -d: -f1): store/memtable: "
        eventually logged "<3>$daemon: nothing of $conf was taken over"
        sed 's/rack = .*/rack = "r9"/; $alog\n    level = "error"' <<<"$good" >"$conf"
        hang_up
        eventually logged "<3>$daemon: $conf:[0-9]+: node/rack is \"r9\", but \"r1\" in the ring"
        refute logged 'level: debug -> error'
    done
    dkv put key value
}
