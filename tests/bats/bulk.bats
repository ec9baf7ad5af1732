#!/usr/bin/env bats
# load and dump: everything that goes in comes out, through every format, and a load that was
# killed goes on where it was. PAIRS says how many (1000000 in the long run of the tests).
load cluster

PAIRS=${PAIRS:-20000}

setup_file() {
    isolate
    cluster_up --nodes 3
    export FIRST=$DKV_CLUSTER
    local line
    line=$(dkv local up --dir "$SANDBOX/second")
    eval "$line"
    export SECOND=$DKV_CLUSTER
    export DKV_CLUSTER=$FIRST
    perl "$BATS_TEST_DIRNAME/pairs.pl" "$PAIRS" 1 >"$SANDBOX/any.cdb"
    perl "$BATS_TEST_DIRNAME/pairs.pl" "$PAIRS" 2 plain >"$SANDBOX/plain.cdb"
}

teardown_file() {
    cluster_down
}

# Starts both clusters anew and empty.
empty() {
    local dir
    for dir in "$CLUSTER" "$SANDBOX/second"; do
        dkv local down --dir "$dir" --wipe --yes
        dkv local up --dir "$dir" >/dev/null
    done
    FIRST=ipc://$CLUSTER/n1/run/router.sock,ipc://$CLUSTER/n2/run/router.sock
    SECOND=ipc://$SANDBOX/second/n1/run/router.sock,ipc://$SANDBOX/second/n2/run/router.sock
    export FIRST SECOND DKV_CLUSTER=$FIRST
}

# FORMAT INPUT.cdb: first cluster -> dump -> second cluster -> dump, the same.
round_trip() {
    empty
    dkv load --format cdb "$2"
    dkv dump --format "$1" >"$SANDBOX/one" 2>"$SANDBOX/one.err"
    dkv --cluster "$SECOND" load --format "$1" "$SANDBOX/one"
    dkv --cluster "$SECOND" dump --format "$1" >"$SANDBOX/two"
    cmp "$SANDBOX/one" "$SANDBOX/two"
    [[ -s $SANDBOX/one ]]
    assert_regex "$(cat "$SANDBOX/one.err")" '^[0-9]+ records, 256/256 partitions, epoch 1$'
}

@test "cdb: what is loaded is dumped, loaded and dumped again" {
    round_trip cdb "$SANDBOX/any.cdb"
    # The dump has exactly the last value of every key of the input.
    assert_equal "$(sort "$SANDBOX/one" | sha256sum)" \
        "$(perl "$BATS_TEST_DIRNAME/last.pl" <"$SANDBOX/any.cdb" | sort | sha256sum)"
}

@test "tsv: what is loaded is dumped, loaded and dumped again" {
    round_trip tsv "$SANDBOX/any.cdb"
}

@test "json: what is loaded is dumped, loaded and dumped again" {
    round_trip json "$SANDBOX/any.cdb"
}

@test "null: what is loaded is dumped, loaded and dumped again" {
    round_trip null "$SANDBOX/plain.cdb"
}

@test "dump --full keeps siblings and what they have seen" {
    empty
    dkv put k base
    dkv get --context-to "$BATS_TEST_TMPDIR/context" k >/dev/null
    dkv put --context "@$BATS_TEST_TMPDIR/context" k left
    dkv put --context "@$BATS_TEST_TMPDIR/context" k right
    dkv put gone v
    dkv del gone
    fails_with 9 dkv dump
    dkv dump --full >"$SANDBOX/full"
    dkv --cluster "$SECOND" load --format json "$SANDBOX/full"
    # The same, but for the seals: each cluster takes its own contexts alone.
    dkv --cluster "$SECOND" dump --full >"$SANDBOX/again"
    cmp <(jq -c 'del(.context)' "$SANDBOX/full") <(jq -c 'del(.context)' "$SANDBOX/again")
    fails_with 2 dkv --cluster "$SECOND" put --context "$(jq -r .context "$SANDBOX/full")" k merged
    dkv --cluster "$SECOND" put --context "$(jq -r .context "$SANDBOX/again")" k merged
    assert_equal "$(dkv --cluster "$SECOND" get k)" merged
}

@test "what dump --full writes of the greatest values load takes" {
    cluster_up --nodes 1 --dir "$SANDBOX/great" --set limits/value_max=16MiB
    head -c 15000000 /dev/urandom | dkv put noise
    head -c 15000000 /dev/zero | tr '\0' '\1' | dkv put "six bytes for one"
    dkv dump --full >"$SANDBOX/full"
    dkv load --format json "$SANDBOX/full"
    dkv get "six bytes for one" | cmp - <(head -c 15000000 /dev/zero | tr '\0' '\1')
    dkv local down --dir "$SANDBOX/great" --wipe --yes
}

@test "bad lines are rejected verbatim, counted, and the rest is loaded" {
    empty
    printf 'a\t1\nno tab\nb\t\\x4\nc\t3\nd\traw\ttab\n' >"$BATS_TEST_TMPDIR/in"
    fails_with 9 dkv load --continue-on-error --rejects "$BATS_TEST_TMPDIR/rejects" "$BATS_TEST_TMPDIR/in"
    assert_regex "$stderr" 'loaded 2, rejected 3, in '
    assert_equal "$(cat "$BATS_TEST_TMPDIR/rejects")" "$(printf 'no tab\nb\t\\x4\nd\traw\ttab')"
    assert_equal "$(dkv get a)$(dkv get c)" 13
}

@test "lines of one key apply in input order" {
    empty
    for i in $(seq 5000); do
        printf 'same\t%s\nother%s\tx\n' "$i" "$i"
    done | dkv load
    assert_equal "$(dkv get same)" 5000
    assert_equal "$(dkv get --json same | jq '.values | length')" 1
}

@test "a load killed ten times and resumed applies each pair once, and rejects all bad lines once" {
    empty
    perl -e 'for (1 .. 60000) { $_ % 5000 ? printf("key%d\t%d\n", $_, $_) : print("bad line $_\n") }' \
        >"$BATS_TEST_TMPDIR/in"
    local args=(--journal "$BATS_TEST_TMPDIR/journal" --rejects "$BATS_TEST_TMPDIR/rejects"
        --continue-on-error "$BATS_TEST_TMPDIR/in")
    local round pid
    for round in $(seq 10); do
        dkv load "${args[@]}" 2>/dev/null &
        pid=$!
        sleep "0.$((RANDOM % 3))$((RANDOM % 10))"
        kill -9 $pid 2>/dev/null || :
        wait $pid || :
    done
    fails_with 9 dkv load "${args[@]}"
    assert_equal "$(sort "$BATS_TEST_TMPDIR/rejects")" \
        "$(seq 5000 5000 60000 | sed 's/^/bad line /' | sort)"
    dkv dump >"$BATS_TEST_TMPDIR/out"
    cmp <(sort "$BATS_TEST_TMPDIR/out") <(grep -v bad "$BATS_TEST_TMPDIR/in" | sort)
}

@test "scan pages through the keys, mget reads them" {
    empty
    for i in $(seq 500); do
        printf 'user:%s\t%s\nitem:%s\t%s\n' "$i" "$i" "$i" "$i"
    done | dkv load
    assert_equal "$(dkv scan --prefix user: | sort)" "$(seq 500 | sed 's/^/user:/' | sort)"
    dkv scan --prefix user: | dkv mget >"$BATS_TEST_TMPDIR/pairs"
    assert_equal "$(wc -l <"$BATS_TEST_TMPDIR/pairs")" 500
    assert_equal "$(awk -F '\t' '"user:" $2 != $1' "$BATS_TEST_TMPDIR/pairs")" ''
    fails_with 9 dkv mget <<<$'user:1\nnobody'
    assert_output $'user:1\t1'
    assert_regex "$stderr" nobody
}

@test "load --delete takes keys away" {
    empty
    seq 100 | sed 's/.*/k&\tv/' | dkv load
    seq 50 | sed 's/^/k/' | dkv load --delete
    assert_equal "$(dkv scan 2>/dev/null | wc -l)" 50
}

@test "an interrupted load says where to go on" {
    empty
    mkfifo "$BATS_TEST_TMPDIR/in"
    dkv load "$BATS_TEST_TMPDIR/in" 2>"$BATS_TEST_TMPDIR/err" &
    local pid=$!
    exec 5>"$BATS_TEST_TMPDIR/in"
    seq 1000 | sed 's/.*/k&\tv/' >&5
    eventually dkv get k1000
    kill -INT $pid
    wait $pid || :
    exec 5>&-
    assert_regex "$(cat "$BATS_TEST_TMPDIR/err")" '1000'
}
