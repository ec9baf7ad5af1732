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
    refute_output --regexp 'snapshot|repair|hints|watch|doctor'
    fails_with 2 dkv repair
    fails_with 2 dkv ring plan
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
