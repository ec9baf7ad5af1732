#!/usr/bin/env bats
# Strangers are refused on every tcp port, whatever they send; roles are what was authorised.
load cluster

setup_file() {
    isolate
    cluster_up --nodes 3
    PORT=$(port_of n1)
    export PORT TCP=tcp://127.0.0.1:$PORT
}

teardown_file() {
    cluster_down
}

pids() {
    cat "$CLUSTER"/n1/run/*.pid | sort
}

rss_kib() {
    local pid total=0
    for pid in $(pids | grep -oE '^[0-9]+'); do
        total=$((total + $(awk '/VmRSS/ { print $2 }' "/proc/$pid/status")))
    done
    echo "$total"
}

@test "the operator's key of a node is an admin by tcp" {
    dkv --cluster "$TCP" --key-dir "$CLUSTER/n1/keys" put by-tcp v
    assert_equal "$(dkv --cluster "$TCP" --key-dir "$CLUSTER/n1/keys" get by-tcp)" v
}

@test "no key is 2, a stranger's key is 10, both at once and with the way out" {
    local keys=$BATS_TEST_TMPDIR/keys before=$SECONDS
    fails_with 2 dkv --cluster "$TCP" --timeout 60000 get k
    assert_regex "$stderr" "$TCP: .*--key-dir"
    cp -r "$CLUSTER/n1/keys" "$keys"
    rm "$keys/client.key"
    dkv keygen "$keys/client.key" --name stranger
    fails_with 10 dkv --cluster "$TCP" --key-dir "$keys" --timeout 60000 get k
    assert_regex "$stderr" "$TCP: .*client.key.*dkv authorize"
    fails_with 10 dkv --cluster "$TCP" --key-dir "$keys" --timeout 60000 status
    ((SECONDS - before < 30))
}

@test "an authorised client may do what its role says, until it is revoked" {
    local keys=$BATS_TEST_TMPDIR/keys public
    cp -r "$CLUSTER/n1/keys" "$keys"
    rm "$keys/client.key"
    dkv keygen "$keys/client.key" --name reporter
    dkv authorize "$CLUSTER/n1" "$keys/client.key.pub" --role reader
    public=$(dkv authorize "$CLUSTER/n1" --list | awk -F '\t' '$2 == "reporter" { print $3 }')
    assert_equal "$(dkv authorize "$CLUSTER/n1" --list --json | jq -r 'select(.name == "reporter") |
        "\(.v) \(.role) \(.key)"')" "1 reader $public"
    dkv put readable v
    run -0 dkv --quiet --cluster "$TCP" --key-dir "$keys" --timeout 500 get readable
    fails_with 10 dkv --cluster "$TCP" --key-dir "$keys" put readable w
    assert_equal "$(dkv get readable)" v
    # A session that is open when the key is revoked ends, too.
    coproc SESSION { dkv --cluster "$TCP" --key-dir "$keys" --timeout 4000 shell; }
    local in=${SESSION[1]} out=${SESSION[0]} answer
    echo 'get readable' >&"$in"
    IFS= read -r -t 10 answer <&"$out"
    assert_equal "$answer" v
    dkv authorize "$CLUSTER/n1" --revoke "$public"
    revoked() {
        echo 'get readable' >&"$in"
        IFS= read -r -t 10 answer <&"$out"
        [[ $answer == '! 10 '* ]]
    }
    eventually revoked
    echo quit >&"$in"
    fails_with 10 dkv --cluster "$TCP" --key-dir "$keys" --timeout 60000 get readable
    fails_with 3 dkv authorize "$CLUSTER/n1" --revoke "$public"
    assert_regex "$stderr" '--list'
    fails_with 2 dkv authorize "$SANDBOX/none" --list
}

@test "a socket without permission is 10 and says so" {
    ((EUID == 0)) || skip 'needs another user to be'
    chmod 755 "$SANDBOX" "$CLUSTER" "$CLUSTER/n1" "$CLUSTER/n1/run"
    HOME=/ fails_with 10 setpriv --reuid 65534 --regid 65534 --clear-groups \
        "$(command -v dkv)" --cluster "ipc://$CLUSTER/n1/run/router.sock" get k
    assert_regex "$stderr" 'router.sock: no permission'
    chmod 700 "$CLUSTER" "$CLUSTER/n1"
}

@test "garbage, half greetings, floods and idle connections: same processes, bounded memory" {
    local before_pids before_rss port i
    before_pids=$(pids)
    before_rss=$(rss_kib)
    for port in "$PORT" $((PORT + 1)) $((PORT + 2)); do
        head -c 1000000 /dev/urandom >"/dev/tcp/127.0.0.1/$port" 2>/dev/null || :
        printf 'GET / HTTP/1.1\r\n\r\n' >"/dev/tcp/127.0.0.1/$port" 2>/dev/null || :
        printf '\xff\0\0\0\0\0\0\0\x01\x7f' >"/dev/tcp/127.0.0.1/$port" 2>/dev/null || :
        # A ZMTP greeting without security, then a frame that claims 2^62 bytes.
        printf '\xff\0\0\0\0\0\0\0\1\x7f\3\0NULL%s\2\x40\0\0\0\0\0\0\0' "$(printf '%048d' 0 | tr 0 '\001')" \
            >"/dev/tcp/127.0.0.1/$port" 2>/dev/null || :
        (
            for i in $(seq 200); do
                exec {fd}<>"/dev/tcp/127.0.0.1/$port" || break
            done
            sleep 0.5
        ) 2>/dev/null 3>&-
    done
    dkv put after-garbage v
    assert_equal "$(dkv get after-garbage)" v
    assert_equal "$(pids)" "$before_pids"
    eventually dkv status
    (($(rss_kib) < before_rss + 65536))
}

@test "a secret key that others can read is refused" {
    chmod 644 "$CLUSTER/n1/keys/client.key"
    fails_with 2 dkv --cluster "$TCP" --key-dir "$CLUSTER/n1/keys" get k ||
        fails_with 10 dkv --cluster "$TCP" --key-dir "$CLUSTER/n1/keys" get k
    chmod 600 "$CLUSTER/n1/keys/client.key"
}

@test "a daemon says at its start that a stranger was refused" {
    grep -q 'ready' "$CLUSTER/n1/log/dkv-store.log"
    grep -qi 'stranger' "$CLUSTER/n1/log/dkv-store.log"
}

@test "--plain: clients need no keys, the ports for nodes do" {
    local dir=$SANDBOX/plain port
    DKV_CLUSTER='' dkv local up --dir "$dir" --plain --nodes 3 >/dev/null
    port=$(CLUSTER=$dir port_of n1)
    dkv --cluster "tcp://127.0.0.1:$port" put plain v
    assert_equal "$(dkv --cluster "tcp://127.0.0.1:$port" get plain)" v
    run ! dkv --cluster "tcp://127.0.0.1:$((port + 1))" --timeout 500 get plain
    run ! dkv --cluster "tcp://127.0.0.1:$((port + 2))" --timeout 500 get plain
    dkv local down --dir "$dir" --wipe --yes
}

@test "the key of a client opens no port for nodes" {
    local keys=$BATS_TEST_TMPDIR/keys name port=$PORT key log
    cp -r "$CLUSTER/n1/keys" "$keys"
    key=$(sed -n "s/.* port=$PORT .* key=\(.*\)/\1/p" "$CLUSTER/n1/keys/cluster.pub")
    printf 'metadata\n    name = "n1"\n    role = "peer"\ncurve\n    public-key = "%s"\n' "$key" \
        >"$keys/cluster.pub"
    dkv --cluster "tcp://127.0.0.1:$PORT" --key-dir "$keys" put by-key v
    for name in router store; do
        port=$((port + 1))
        log=$CLUSTER/n1/log/dkv-$name.log
        run ! dkv --cluster "tcp://127.0.0.1:$port" --key-dir "$keys" --timeout 500 get k
        eventually grep -q 'refused .* connections, the last from key' "$log"
    done
}
