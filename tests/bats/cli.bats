# The rules that hold for every verb.
load cluster

setup() {
    isolate
}

teardown() {
    cluster_down
}

# The value that holds for a global option, and where it comes from.
setting() {
    dkv "${@:2}" config | awk -F '\t' -v name="$1" '$1 == "*" && $2 == name { print $3, $4 }'
}

write_conf() {
    mkdir -p "$XDG_CONFIG_HOME/dkv"
    printf '%s\n' "$@" >"$XDG_CONFIG_HOME/dkv/client.conf"
}

@test "--help and --version go to standard output and exit 0" {
    fails_with 0 dkv --help
    assert_line --partial 'usage: dkv'
    assert_equal "$stderr" ''
    fails_with 0 dkv --version
    assert_output --regexp '^dkv [0-9]+\.[0-9]+\.[0-9]+$'
}

@test "every verb of the help has a help of its own, and stays within 100 columns" {
    local verb
    for verb in $(dkv --help | awk '/^Options/ { exit } /^  [a-z]/ { print $1 }'); do
        fails_with 0 dkv "$verb" --help
        assert_line --index 0 --regexp "^usage: dkv $verb"
        ((${#lines[@]} > 2))
        run awk 'length > 100' <<<"$output"
        assert_output ''
    done
}

@test "no verb, an unknown verb or option is a usage error: exit 2, one line and a hint" {
    fails_with 2 dkv
    fails_with 2 dkv no-such-verb
    assert_equal "$output" ''
    assert_equal "$stderr" "dkv: unknown verb \"no-such-verb\"
Try 'dkv --help'."
    fails_with 2 dkv status --no-such-option
    assert_equal "$stderr" "dkv: status: unknown option --no-such-option
Try 'dkv status --help'."
}

@test "a slip of the pen gets a suggestion" {
    fails_with 2 dkv stauts
    assert_regex "$stderr" 'did you mean status\?'
    fails_with 2 dkv ring init --partition 64
    assert_regex "$stderr" 'did you mean --partitions\?'
}

@test "verbs that are not built do not appear and exit 2" {
    run dkv --help
    refute_output --regexp 'snapshot|watch|doctor'
    fails_with 2 dkv doctor
    fails_with 2 dkv ring recover
}

@test "global options stand before or after the verb, with = or a blank" {
    assert_equal "$(setting keyspace --keyspace a)" 'a option'
    assert_equal "$(setting keyspace --keyspace=a)" 'a option'
    assert_equal "$(setting keyspace -k a)" 'a option'
    assert_equal "$(setting keyspace -ka)" 'a option'
    assert_equal "$(setting keyspace -qk a)" 'a option'
    run dkv config --keyspace a
    assert_line "$(printf '*\tkeyspace\ta\toption\tDKV_KEYSPACE')"
}

@test "an option beats the environment, which beats client.conf, which beats the default" {
    assert_equal "$(setting keyspace)" 'default default'
    write_conf '# mine' '' 'keyspace = "from file"' 'timeout=100'
    assert_equal "$(setting keyspace)" 'from file file'
    assert_equal "$(setting timeout)" '100 file'
    export DKV_KEYSPACE=env
    assert_equal "$(setting keyspace)" 'env environment'
    assert_equal "$(setting keyspace -k opt)" 'opt option'
    DKV_KEYSPACE=
    assert_equal "$(setting keyspace)" 'from file file'
}

@test "a mistake in client.conf is named with file and line and exits 2" {
    local file=$XDG_CONFIG_HOME/dkv/client.conf
    write_conf 'keyspace = a' 'nonsense'
    fails_with 2 dkv config
    assert_regex "$stderr" "$file:2: not of the form"
    write_conf '' '' 'no-such-option = 1'
    fails_with 2 dkv config
    assert_regex "$stderr" "$file:3: no verb has an option"
    write_conf 'keyspace = a' 'keyspace = b'
    fails_with 2 dkv config
    assert_regex "$stderr" "$file:2: .* a second time"
    write_conf 'timeout = soon'
    fails_with 2 dkv config
    assert_regex "$stderr" "$file:1: \"soon\" is not a number"
    write_conf 'keyspace = "open'
    fails_with 2 dkv config
    assert_regex "$stderr" "$file:1: the quote is not closed"
}

@test "a bad number names the option or the variable" {
    fails_with 2 dkv --timeout 0 config
    assert_regex "$stderr" '--timeout: "0" is not a number from 1'
    DKV_TIMEOUT=-1 fails_with 2 dkv config
    assert_regex "$stderr" 'DKV_TIMEOUT: "-1" is not a number'
    fails_with 2 dkv --timeout 99999999999999999999999 config
}

@test "-- ends the options" {
    fails_with 2 dkv config -- --json
    assert_regex "$stderr" 'takes no arguments'
}

@test "a flag takes no value and an option does not go without one" {
    fails_with 2 dkv config --json=1
    assert_regex "$stderr" 'takes no value'
    fails_with 2 dkv config --keyspace
    assert_regex "$stderr" 'needs a value'
}

@test "an option of another word of a verb is refused" {
    fails_with 2 dkv local up --wipe
    assert_regex "$stderr" '--wipe belongs to: down'
}

@test "a closed pipe ends quietly" {
    run --separate-stderr bash -c 'dkv config --node | true; exit ${PIPESTATUS[0]}'
    assert_equal "$stderr" ''
}

@test "output that cannot be written is an error, not a success" {
    fails_with 1 bash -c 'dkv --help >/dev/full'
    assert_regex "$stderr" 'unable to write the output: No space left on device'
}

@test "no cluster to talk to is exit 7, and says so unless quiet" {
    export DKV_CLUSTER=ipc://$SANDBOX/none.sock
    fails_with 7 dkv status
    assert_equal "$output" ''
    assert_regex "$stderr" '^dkv: status: '
    fails_with 7 dkv -q status
    assert_equal "$stderr" ''
}

@test "a malformed endpoint is exit 2" {
    fails_with 2 dkv --cluster nonsense status
    fails_with 2 dkv --cluster tcp://10.0.0.1:7400 status
    assert_regex "$stderr" '--key-dir'
    fails_with 2 dkv --cluster tcp://localhost:7400 status # who knows where that leads
    assert_regex "$stderr" '--key-dir'
    fails_with 2 dkv --cluster tcp://127.0.0.1:74000 status
    fails_with 2 dkv --cluster tcp://::1:7400 status
}

@test "a node with an address of IPv6 is found in cluster.pub" {
    dkv -q init "$SANDBOX/v6" --node v6 --address ::1 --port 7420
    dkv ring init "$SANDBOX/v6/v6.node" >"$SANDBOX/v6/keys/cluster.pub"
    fails_with 7 dkv --cluster 'tcp://[::1]:7420' --key-dir "$SANDBOX/v6/keys" get k
    assert_regex "$stderr" '::1.*7420'
    fails_with 2 dkv --cluster 'tcp://[::1]:7421' --key-dir "$SANDBOX/v6/keys" get k
    assert_regex "$stderr" 'no node has the address'
}

@test "config --json has an object a line" {
    run bash -c 'dkv config --json |
        jq -r "select(.option == \"timeout\") | [.v, .value, .source, .environment] | @tsv"'
    assert_output "$(printf '1\t5000\tdefault\tDKV_TIMEOUT')"
}

@test "config --node lists every key of dkv.conf; --file shows what a node has" {
    run dkv config --node
    assert_line --regexp $'^ping/interval\t200ms\tdefault\t.'
    dkv -q init "$SANDBOX/n" --node n1 --address 127.0.0.1 --set ping/interval=50ms
    run dkv config --file "$SANDBOX/n/dkv.conf"
    assert_line --regexp $'^ping/interval\t50ms\tfile\t.'
    assert_line --regexp $'^ping/down_after\t600ms\tdefault\t.'
    assert_line --regexp $'^node/name\tn1\tfile\t.'
    fails_with 2 dkv config --file "$SANDBOX/none"
}

@test "a mistake in client.conf or the environment does not hide --help and --version" {
    write_conf 'rubbish'
    export DKV_TIMEOUT=soon
    fails_with 0 dkv --help
    fails_with 0 dkv --version
    fails_with 0 dkv get --help
    fails_with 2 dkv get k
}

@test "a quorum that is none names the variable, or file and line" {
    DKV_WRITE_QUORUM=foo fails_with 2 dkv put k v
    assert_regex "$stderr" "DKV_WRITE_QUORUM: 'foo' is no quorum"
    write_conf 'timeout = 100' 'read-quorum = foo'
    fails_with 2 dkv get k
    assert_regex "$stderr" "client.conf:2: 'foo' is no quorum"
}

@test "a local file that is missing, too large or damaged is exit 2, never 3" {
    cd "$SANDBOX"
    head -c 9000 /dev/zero >big
    echo 'k	v' >pairs
    fails_with 2 dkv --key-dir missing --cluster tcp://127.0.0.1:1 get k
    fails_with 2 dkv load --journal missing/journal pairs
    fails_with 2 dkv ring init missing.node
    fails_with 2 dkv ring init big
    fails_with 2 dkv ring show --file missing
    fails_with 2 dkv where --file big k
}

@test "a closed standard stream is an error where it is used, and never another file" {
    local journal=$SANDBOX/journal
    fails_with 1 bash -c 'dkv --version >&-'
    assert_regex "$stderr" 'unable to write the output'
    fails_with 1 timeout 5 bash -c 'dkv load <&-'
    fails_with 1 timeout 5 bash -c 'dkv load --journal "$1" <&- >&- 2>&-' - "$journal"
    fails_with 0 bash -c 'dkv --version <&- 2>&-'
}

@test "load refuses to write rejects over an input or its journal" {
    cd "$SANDBOX"
    echo 'k	v' >pairs
    ln pairs twin
    fails_with 2 dkv load --rejects ./pairs pairs
    fails_with 2 dkv load --rejects twin pairs
    fails_with 2 dkv load --rejects pairs <pairs
    fails_with 2 dkv load --rejects journal --journal journal pairs
    fails_with 2 dkv load --rejects ./new --journal new pairs
    assert_equal "$(cat pairs)" 'k	v'
    [[ ! -e journal ]]
}

@test "config --file refuses a dkv.conf that the daemons refuse, with file and line" {
    dkv -q init "$SANDBOX/n1" --node n1 --address 127.0.0.1
    sed -i 's/port = .*/port = "none"/' "$SANDBOX/n1/dkv.conf"
    fails_with 2 dkv config --file "$SANDBOX/n1/dkv.conf"
    assert_equal "$output" ''
    assert_regex "$stderr" 'n1/dkv.conf:[0-9]+: '
}
