#!/usr/bin/env bats
# Put, get and del: bytes in, the same bytes out, and an exit status for each outcome.
load cluster

setup_file() {
    isolate
    cluster_up --nodes 3 --set limits/value_max=64KiB
}

teardown_file() {
    cluster_down
}

same() { # KEY FILE: what is stored is the file, byte for byte
    dkv get "$1" | cmp - "$2"
}

@test "what was put is got, with nothing added" {
    printf v | dkv put k
    fails_with 0 dkv get k
    assert_equal "$(dkv get k | xxd -p)" 76
    assert_equal "$(dkv get -n k | xxd -p)" 760a
}

@test "put, get and del print nothing but data" {
    fails_with 0 dkv put quiet value
    assert_equal "$output$stderr" ''
    fails_with 0 dkv del quiet
    assert_equal "$output$stderr" ''
}

@test "the value comes from the argument, a file or stdin" {
    printf 'from a file' >"$BATS_TEST_TMPDIR/value"
    dkv put a 'from the argument'
    dkv put b --file "$BATS_TEST_TMPDIR/value"
    dkv put c <"$BATS_TEST_TMPDIR/value"
    assert_equal "$(dkv get a)" 'from the argument'
    same b "$BATS_TEST_TMPDIR/value"
    same c "$BATS_TEST_TMPDIR/value"
}

@test "values may hold any byte, and be empty" {
    printf 'a\0b\n\xff\xfe\r\n' >"$BATS_TEST_TMPDIR/hostile"
    head -c 65536 /dev/urandom >"$BATS_TEST_TMPDIR/random"
    : >"$BATS_TEST_TMPDIR/empty"
    for value in hostile random empty; do
        dkv put "value-$value" <"$BATS_TEST_TMPDIR/$value"
        same "value-$value" "$BATS_TEST_TMPDIR/$value"
    done
}

@test "keys may hold any byte" {
    printf 'k\0\n\xff' >"$BATS_TEST_TMPDIR/key"
    dkv put --key-file "$BATS_TEST_TMPDIR/key" there
    assert_equal "$(dkv get --key-file "$BATS_TEST_TMPDIR/key")" there
    printf 'k\0\n' >"$BATS_TEST_TMPDIR/other"
    fails_with 3 dkv get --key-file "$BATS_TEST_TMPDIR/other"
    dkv put -- --key dashes
    assert_equal "$(dkv get -- --key)" dashes
}

@test "a key of 4096 bytes is taken, a longer one refused with 10, an empty one with 2" {
    local key
    key=$(printf '%4096s' '' | tr ' ' k)
    dkv put "$key" long
    assert_equal "$(dkv get "$key")" long
    fails_with 10 dkv put "${key}k" v
    fails_with 10 dkv get "${key}k"
    fails_with 2 dkv put '' v
    fails_with 2 dkv get ''
}

@test "a value of the limit is taken, one byte more refused with 10 and nothing written" {
    head -c 65536 /dev/zero >"$BATS_TEST_TMPDIR/limit"
    head -c 65537 /dev/zero >"$BATS_TEST_TMPDIR/more"
    dkv put limit <"$BATS_TEST_TMPDIR/limit"
    same limit "$BATS_TEST_TMPDIR/limit"
    fails_with 10 dkv put limit-more -f "$BATS_TEST_TMPDIR/more"
    fails_with 3 dkv get limit-more
}

@test "what memory cannot take names the settings that count" {
    local line
    line=$(dkv local up --dir "$SANDBOX/small" --nodes 1 --set store/memtable=1MiB)
    (
        eval "$line"
        head -c 300000 /dev/zero >"$SANDBOX/value"
        fails_with 10 dkv put key --file "$SANDBOX/value"
        assert_regex "$stderr" 'too large: .*limits/record_max.*store/memtable'
    )
    grep -q 'limits/value_max is 1048576, but .* 262144 bytes' "$SANDBOX/small/n1/log/dkv-store.log"
    dkv local down --dir "$SANDBOX/small" --wipe --yes
}

@test "a key that is not there is 3, and so is a deleted one" {
    fails_with 3 dkv get never
    assert_equal "$output" ''
    dkv put gone v
    dkv del gone
    fails_with 3 dkv get gone
    dkv del gone
    dkv put gone again
    assert_equal "$(dkv get gone)" again
}

@test "the last of a row of puts is what get shows" {
    local i
    for i in $(seq 20); do
        dkv put row "$i"
    done
    assert_equal "$(dkv get row)" 20
    assert_equal "$(dkv get row --json | jq '.values | length')" 1
}

@test "json has fixed names, strings for big numbers and b64 for what is no text" {
    printf '\xff\xfe' | dkv put json-bytes
    dkv put json-text text
    fails_with 0 dkv get --json json-text
    assert_equal "$(jq -r '.v, .key, .values[0].value, .tombstone' <<<"$output" | paste -sd ' ')" \
        '1 json-text text false'
    jq -e '(.values[0].dot | test("^[0-9a-f]{16}:[0-9]+$")) and (.values[0].hlc | type == "string")
        and (.context | type == "string")' <<<"$output"
    assert_equal "$(dkv get --json json-bytes | jq -r .values[0].value.b64 | base64 -d | xxd -p)" fffe
}

@test "a deleted key has a context, with which it can be put again" {
    dkv put phoenix 1
    dkv del phoenix
    fails_with 3 dkv get --context-to "$BATS_TEST_TMPDIR/context" phoenix
    dkv put --context "@$BATS_TEST_TMPDIR/context" phoenix 2
    assert_equal "$(dkv get phoenix)" 2
}

@test "a damaged context and one of another key are 2" {
    dkv put one 1
    dkv get --context-to "$BATS_TEST_TMPDIR/context" one
    local context
    context=$(cat "$BATS_TEST_TMPDIR/context")
    fails_with 2 dkv put --context "${context%?}" one 2
    fails_with 2 dkv put --context "$context" two 2
    fails_with 3 dkv get two
    assert_equal "$(dkv get one)" 1
}

@test "a request sent twice is applied once" {
    local id=000102030405060708090a0b0c0d0e0f
    dkv put --request-id $id once 1
    dkv put once 2
    dkv put --request-id $id once 1
    assert_equal "$(dkv get once)" 2
    dkv put --request-id $id another 1
    assert_equal "$(dkv get another)" 1
}

@test "receipt and context are printed on stderr" {
    fails_with 0 dkv put --print-context --receipt receipt v
    assert_equal "$output" ''
    assert_regex "$stderr" 'context=[A-Za-z0-9_-]+'
    assert_regex "$stderr" 'receipt=[A-Za-z0-9_-]+'
}

@test "R and W above the number of owners are 2" {
    fails_with 2 dkv put -W 4 k v
    fails_with 2 dkv get -R 4 k
    fails_with 2 dkv put -W nonsense k v
    fails_with 0 dkv put -W all k v
    fails_with 0 dkv get -R all k
    fails_with 0 dkv get -R one k
}

@test "nobody there is 7, at once whatever the timeout, and says where and why" {
    local before=$SECONDS
    fails_with 7 dkv --cluster "ipc://$SANDBOX/nowhere.sock" --timeout 60000 get k
    assert_regex "$stderr" 'nowhere.sock: nobody listens there \(No such file or directory\)'
    assert_regex "$stderr" 'dkv local up'
    fails_with 7 dkv --cluster "ipc://$SANDBOX/nowhere.sock,tcp://127.0.0.1:1" --timeout 60000 put k v
    assert_regex "$stderr" 'nowhere.sock: .*; tcp://127.0.0.1:1: nobody takes the connection'
    fails_with 7 dkv --cluster "ipc://$SANDBOX/nowhere.sock" --timeout 60000 status
    assert_regex "$stderr" 'nowhere.sock: nobody listens there'
    ((SECONDS - before < 30))
}

@test "an endpoint where nobody is is passed over" {
    assert_equal "$(dkv --cluster "ipc://$SANDBOX/nowhere.sock,$DKV_CLUSTER" put passed v &&
        dkv --cluster "tcp://127.0.0.1:1,$DKV_CLUSTER" get passed)" v
}

@test "of routers on one machine the first of the list has all keys" {
    local first=${DKV_CLUSTER%%,*} second before
    second=${DKV_CLUSTER#*,} second=${second%%,*}
    puts_of() { dkv --cluster "$1" metrics | sed -n 's/^dkv_router_puts_total{.*} //p'; }
    before=$(puts_of "$second")
    for i in {1..300}; do printf 'share-%s\tv\n' "$i"; done | dkv load
    assert_equal "$(puts_of "$second")" "$before"
    (($(puts_of "$first") >= 300))
}

@test "an unknown keyspace is 2" {
    fails_with 2 dkv -k nonsense put k v
    fails_with 2 dkv -k nonsense get k
}

@test "get --local reads the contacted node's replica" {
    dkv put -W all local-key here
    local router
    for router in ${DKV_CLUSTER//,/ }; do
        assert_equal "$(dkv --cluster "$router" get --local local-key)" here
    done
}

@test "a context goes into a pipe or a device without replacing it" {
    dkv put device v
    mkfifo "$BATS_TEST_TMPDIR/pipe"
    cat "$BATS_TEST_TMPDIR/pipe" >"$BATS_TEST_TMPDIR/read" &
    dkv get --context-to "$BATS_TEST_TMPDIR/pipe" device
    wait
    [[ -p $BATS_TEST_TMPDIR/pipe && -s $BATS_TEST_TMPDIR/read ]]
    dkv put --context "@$BATS_TEST_TMPDIR/read" device w
    assert_equal "$(dkv get device)" w
}

@test "a value that is put with --ttl expires, and get says when" {
    dkv put --ttl 1 brief v
    dkv put --ttl 3600 long v
    local now expires
    now=$(date +%s%3N)
    expires=$(dkv get --json long | jq -r '.values[0].expires')
    ((expires > now + 3500000 && expires < now + 3700000))
    assert_equal "$(dkv get --json k 2>/dev/null | jq -r '.values[0].expires')" null
    expired() { run dkv get brief && ((status == 3)); }
    eventually expired
}

@test "a ttl that is none is 2 and says what one is" {
    local ttl
    for ttl in 0 -1 1.5 never 99999999999999; do
        fails_with 2 dkv put --ttl=$ttl ttl v
        assert_regex "$stderr" "'$ttl' is no time to live; use whole seconds"
    done
    fails_with 2 dkv del --ttl 1 ttl
    fails_with 3 dkv get ttl
}

@test "a request id of zeros names no request: 2" {
    fails_with 2 dkv put --request-id 00000000000000000000000000000000 zeros v
    assert_regex "$stderr" 'zeros names no request'
    fails_with 2 dkv put --request-id 0011 zeros v
    fails_with 2 dkv del --request-id 00000000000000000000000000000000 zeros
    fails_with 3 dkv get zeros
}
