# A cluster on this machine. The tests share it and leave it running and well.
load cluster

setup_file() {
    isolate
    cluster_up --nodes 3 --racks 3 --set ping/interval=50ms --set ping/down_after=300ms
}

teardown_file() {
    cluster_down
}

is_down() {
    [[ $(dkv status --json | jq -r "select(.node == \"$1\") | .state") == down ]]
}

@test "up prints nothing but the line to evaluate" {
    fails_with 0 dkv local up --dir "$SANDBOX/one" --nodes 1
    assert_equal "${#lines[@]}" 1
    assert_output --regexp '^export DKV_CLUSTER=ipc://'
    (eval "$output" && dkv status)
    dkv local down --dir "$SANDBOX/one" --wipe --yes
    [[ ! -e $SANDBOX/one ]]
}

@test "status has a line for each node and exits 0 when all are up" {
    fails_with 0 dkv status
    assert_equal "$(cut -f 1,2,3,4,5 <<<"$output")" "n1	up	dc1	r1	router,store,hintd,repair
n2	up	dc1	r2	router,store,hintd,repair
n3	up	dc1	r3	router,store,hintd,repair"
    run bash -c 'dkv status --json | jq -r .v'
    assert_output $'1\n1\n1'
}

@test "local status has a line for each process" {
    fails_with 0 node status
    assert_equal "${#lines[@]}" 12
    refute_line --regexp 'stopped'
}

@test "a second up on a running cluster exits 2 and disturbs nothing" {
    local before
    before=$(node status)
    fails_with 2 dkv local up --dir "$CLUSTER"
    assert_equal "$output" ''
    assert_equal "$(node status)" "$before"
}

@test "ring show, keyspace list and where ask the cluster" {
    dkv ring export >"$BATS_TEST_TMPDIR/ring"
    cmp "$BATS_TEST_TMPDIR/ring" "$CLUSTER/n1/data/ring/ring"
    assert_equal "$(dkv where key)" "$(dkv where --file "$BATS_TEST_TMPDIR/ring" key)"
    assert_equal "$(dkv keyspace list | cut -f 1)" default
    assert_equal "$(dkv ring show | cut -f 1 | paste -sd ' ')" 'n1 n2 n3'
}

@test "every node answers for the cluster" {
    local router
    for router in ${DKV_CLUSTER//,/ }; do
        dkv --cluster "$router" status
    done
}

@test "the operator's key opens the encrypted port of every node, a stranger's does not" {
    local port
    for port in $(sed -n 's/^node .*port=\([0-9]*\).*/\1/p' "$CLUSTER/n1/data/ring/ring"); do
        dkv --cluster "tcp://127.0.0.1:$port" --key-dir "$CLUSTER/n1/keys" status
    done
    mkdir "$BATS_TEST_TMPDIR/keys"
    dkv keygen "$BATS_TEST_TMPDIR/keys/client.key" --name stranger
    cp "$CLUSTER/n1/keys/cluster.pub" "$BATS_TEST_TMPDIR/keys"
    fails_with 10 dkv --cluster "tcp://127.0.0.1:$port" --key-dir "$BATS_TEST_TMPDIR/keys" \
        --timeout 1500 status
}

@test "an authorized key opens the port until it is revoked" {
    local keys=$BATS_TEST_TMPDIR/keys port
    mkdir "$keys"
    dkv keygen "$keys/client.key" --name me
    cp "$CLUSTER/n1/keys/cluster.pub" "$keys"
    dkv authorize "$CLUSTER/n1" "$keys/client.key.pub" --role admin
    port=$(sed -n 's/^node .* n1 .*port=\([0-9]*\).*/\1/p' "$CLUSTER/n1/data/ring/ring")
    export DKV_CLUSTER=tcp://127.0.0.1:$port DKV_KEY_DIR=$keys DKV_TIMEOUT=1500
    eventually dkv -q status
    rm "$CLUSTER"/n1/keys/authorized/me-*.pub
    refused() { ! dkv -q status; }
    eventually refused
}

@test "kill is noticed: status exits 12 and says which node; start heals it" {
    node kill n2
    eventually is_down n2
    fails_with 12 dkv status
    fails_with 12 node status
    assert_line --regexp $'^n2\tstore\tstopped'
    fails_with 9 dkv dump -R all
    assert_regex "$stderr" '^dkv: dump: partition [0-9]+: unavailable: .*n2 .does not answer.'
    assert_regex "$stderr" '0 records, 0/256 partitions'
    (($(wc -l <<<"$stderr") == 5))
    node start n2
    dkv status
}

@test "the log of a router names who went away, and who is back and after how long" {
    local log=$CLUSTER/n1/log/dkv-router.log
    logged() { grep -qE "$1" "$log"; }
    node pause n3 store
    eventually logged '<4>dkv-router: n3: its store does not answer$'
    node resume n3 store
    eventually logged '<6>dkv-router: n3: its store answers again, after [0-9]+\.[0-9] s$'
    eventually dkv status
}

@test "what is started takes part at once" {
    local round second=ipc://$CLUSTER/n2/run/router.sock
    for round in 1 2 3; do
        node kill n2 store
        eventually is_down n2
        node start n2 store
        dkv status
        dkv put -W all "key$round" v
        assert_equal "$(dkv --cluster "$second" get --local "key$round")" v
        node stop n2
        node start n2
        dkv --cluster "$second" status
        dkv --cluster "$second" put -W all "key$round" w
    done
}

@test "one process of a node can be named" {
    node kill n3 store
    run node status
    assert_line --regexp $'^n3\tstore\tstopped'
    assert_line --regexp $'^n3\trouter\trunning'
    node start n3 store
    eventually dkv status
}

@test "a paused process is noticed, and well again when it is resumed" {
    node pause n1 store
    run node status
    assert_line --regexp $'^n1\tstore\tpaused'
    eventually is_down n1
    node resume n1 store
    eventually dkv status
}

@test "to start what runs and to kill what does not are told apart from success" {
    fails_with 2 node start n1
    node stop n1 router
    fails_with 3 node kill n1 router
    node start n1 router
    eventually dkv status
    fails_with 2 node kill n9
    fails_with 2 node kill n1 hint
}

@test "a pid file with the number of another process does no harm" {
    sleep 60 &
    local other=$! file=$CLUSTER/n1/run/dkv-router.pid
    cp "$file" "$BATS_TEST_TMPDIR/pid"
    echo "$other 1" >"$file"
    fails_with 3 node kill n1 router
    kill -0 "$other"
    kill "$other"
    cp "$BATS_TEST_TMPDIR/pid" "$file"
    node status
}

@test "after down, up brings the same cluster back; paused processes go down too" {
    local before
    before=$(cat "$CLUSTER/n1/data/ring/ring")
    node pause n2
    dkv local down --dir "$CLUSTER"
    fails_with 12 node status
    refute_line --regexp 'running|paused'
    dkv local down --dir "$CLUSTER"
    dkv local up --dir "$CLUSTER"
    assert_equal "$(cat "$CLUSTER/n1/data/ring/ring")" "$before"
    dkv status
}

@test "up does not change the shape of a cluster" {
    dkv local down --dir "$CLUSTER"
    fails_with 2 dkv local up --dir "$CLUSTER" --nodes 5
    assert_regex "$stderr" '3 nodes'
    dkv local up --dir "$CLUSTER" --nodes 3
}

@test "a daemon that does not start is shown with its log, and nothing is left running" {
    dkv local down --dir "$CLUSTER"
    cp "$CLUSTER/n2/dkv.conf" "$BATS_TEST_TMPDIR"
    echo 'nonsense = "1"' >>"$CLUSTER/n2/dkv.conf"
    fails_with 1 dkv local up --dir "$CLUSTER"
    assert_equal "$output" ''
    assert_regex "$stderr" 'nonsense'
    run node status
    refute_line --regexp 'running'
    cp "$BATS_TEST_TMPDIR/dkv.conf" "$CLUSTER/n2/dkv.conf"
    dkv local up --dir "$CLUSTER"
}

@test "a daemon that ends after its door opened is not waited for" {
    mkdir "$SANDBOX/bin"
    cp "$(command -v dkv)" "$SANDBOX/bin" # which starts what lies beside it
    cat >"$SANDBOX/bin/dkv-hintd" <<'END'
#!/usr/bin/perl
use IO::Socket::UNIX;
(my $path = $ARGV[1]) =~ s(dkv.conf$)(run/private/hintd.sock);
unlink $path;
my $socket = IO::Socket::UNIX->new(Local => $path, Listen => 5) or die "$path: $!";
sleep 1;
print STDERR "<3>dkv-hintd: thought better of it\n";
END
    chmod +x "$SANDBOX/bin/dkv-hintd"
    node kill n2 hintd
    fails_with 1 "$SANDBOX/bin/dkv" local start n2 hintd --dir "$CLUSTER"
    assert_regex "$stderr" 'n2: dkv-hintd ended'
    assert_regex "$stderr" 'thought better of it'
    node start n2 hintd
    dkv status
}

@test "up refuses a directory of somebody else, and down --wipe does not touch it" {
    mkdir "$BATS_TEST_TMPDIR/mine"
    touch "$BATS_TEST_TMPDIR/mine/file"
    fails_with 2 dkv local up --dir "$BATS_TEST_TMPDIR/mine"
    fails_with 2 dkv local down --wipe --yes --dir "$BATS_TEST_TMPDIR/mine"
    assert_equal "$(ls "$BATS_TEST_TMPDIR/mine")" file
}

@test "an up that was interrupted is begun anew by the next one" {
    local dir=$SANDBOX/half
    mkdir "$dir"
    printf 'dkv-local 1 making\n' >"$dir/local"
    dkv -q init "$dir/n1" --node n1 --address 127.0.0.1
    dkv local up --dir "$dir" --nodes 1
    dkv local down --dir "$dir" --wipe --yes
}

@test "two ups at once make one cluster" {
    local dir=$SANDBOX/twice first=0 second=0
    dkv local up --dir "$dir" --nodes 1 &
    dkv -q local up --dir "$dir" --nodes 1 || first=$?
    wait $! || second=$?
    assert_equal "$((first + second))" 2
    dkv local status --dir "$dir"
    dkv local down --dir "$dir" --wipe --yes
}

@test "a directory too long for a socket is refused with the limit" {
    fails_with 2 dkv local up --dir "/tmp/$(printf 'x%.0s' {1..100})"
    assert_regex "$stderr" 'at most [0-9]+ bytes'
}

@test "without --cluster, dkv finds the running local cluster of the user" {
    unset DKV_CLUSTER
    fails_with 7 dkv status
    dkv local up --nodes 1
    dkv status
    dkv local down --wipe --yes
    fails_with 7 dkv status
}

@test "up puts nodes into racks and datacenters, checks --set, and takes --base-port" {
    local dir=$SANDBOX/many
    fails_with 2 dkv local up --dir "$dir" --set no/such=1
    dkv local up --dir "$dir" --nodes 4 --dcs 2 --racks 2 --base-port 29400 --plain
    run dkv -q ring show --file "$dir/n1/data/ring/ring"
    assert_equal "$(cut -f 1-4 <<<"$output")" "n1	dc1	r1	127.0.0.1:29400
n2	dc2	r1	127.0.0.1:29410
n3	dc1	r2	127.0.0.1:29420
n4	dc2	r2	127.0.0.1:29430"
    dkv local down --dir "$dir" --wipe --yes
}

@test "down --wipe without --yes asks on a terminal and refuses elsewhere" {
    fails_with 2 dkv local down --wipe --dir "$CLUSTER" </dev/null
    assert_regex "$stderr" '--yes'
    node status
}

@test "get writes its files with the umask of the user, and a bad place is exit 2" {
    cd "$BATS_TEST_TMPDIR"
    dkv put umask v
    (umask 077 && dkv get umask --context-to token --siblings values)
    assert_equal "$(stat -c %a token values values/* | sort -u)" $'600\n700'
    fails_with 2 dkv get umask --context-to missing/token
    refute_regex "$stderr" '\.new'
    fails_with 2 dkv get umask --siblings /proc/values
}

@test "a closed standard output loses no value silently" {
    dkv put closed v
    fails_with 1 bash -c 'dkv get closed >&-'
}

@test "scan --limit 0 prints no key" {
    dkv put scanned v
    fails_with 0 dkv scan --limit 0
    assert_equal "$output" ''
}
