#!/usr/bin/env bats
# Siblings are found, and a command of the user makes one value of them.
load cluster

setup_file() {
    isolate
    cluster_up --nodes 3
}

teardown_file() {
    cluster_down
}

make_siblings() {
    dkv put "$1" left
    dkv put --sibling "$1" right
}

@test "resolve gives the command a file for each sibling and puts what it prints" {
    make_siblings merged
    run dkv resolve -W all merged -- sh -c 'cat "$@" | sed "s/leftright/both/; s/rightleft/both/"' sh
    assert_success
    assert_output ''
    assert_equal "$(dkv get merged)" both
    assert_equal "$(dkv explain --json merged | jq '.replicas[0].siblings | length')" 1
}

@test "its files are named by dots, its own arguments come first, and the files are gone behind it" {
    make_siblings files
    TMPDIR=$BATS_TEST_TMPDIR dkv resolve files -- bash -c 'echo "$0" "$1" "${@:2}" >"$1"; echo x' \
        first "$BATS_TEST_TMPDIR/said"
    run cat "$BATS_TEST_TMPDIR/said"
    assert_output --regexp '^first [^ ]+ [^ ]*/[0-9a-f]{16}:[0-9]+ [^ ]*/[0-9a-f]{16}:[0-9]+$'
    assert_equal "$(ls "$BATS_TEST_TMPDIR")" said
}

@test "when the command fails nothing is written, and its status is told" {
    make_siblings failed
    fails_with 1 dkv resolve failed -- sh -c 'echo half; exit 7'
    assert_equal "$stderr" 'dkv: resolve: failed: nothing was written: sh ended with status 7'
    fails_with 1 dkv resolve failed -- sh -c 'kill -9 $$'
    assert_regex "$stderr" 'ended by signal 9'
    fails_with 2 dkv resolve failed -- /nonexistent
    assert_regex "$stderr" 'unable to start /nonexistent'
    fails_with 4 dkv -q get failed
}

@test "what was written meanwhile stays beside the new value" {
    make_siblings meanwhile
    dkv resolve meanwhile -- sh -c 'dkv put --sibling meanwhile late >&2; printf merged'
    fails_with 4 dkv -q get meanwhile
    assert_equal "$(dkv get --all meanwhile | jq -r .value | sort | paste -sd ' ')" 'late merged'
}

@test "a key without siblings is left alone, and one that is not there is 3" {
    dkv put single value
    run --separate-stderr dkv resolve --json single -- false
    assert_success
    assert_equal "$(jq -c '[.v, .key, .siblings]' <<<"$output")" '[1,"single",0]'
    fails_with 3 dkv resolve nothing -- cat
    fails_with 2 dkv resolve single
    fails_with 2 dkv resolve
}

@test "resolve --json tells the context of what it wrote" {
    make_siblings json
    run --separate-stderr dkv --json resolve json -- printf merged
    assert_success
    assert_equal "$(jq -c '[.v, .key, .siblings]' <<<"$output")" '[1,"json",2]'
    dkv put --context "$(jq -r .context <<<"$output")" json next
    assert_equal "$(dkv get json)" next
}

@test "conflicts are the keys that have siblings, and a loop resolves them all" {
    local key
    make_siblings 'c/a	tab'
    make_siblings c/b
    dkv put c/c alone
    make_siblings c/d
    dkv del c/d
    run --separate-stderr dkv conflicts --prefix c/
    assert_success
    assert_equal "$(sort <<<"$output")" $'c/a\\ttab\nc/b'
    assert_regex "$stderr" '^2 records, '
    assert_equal "$(dkv -q --json conflicts --prefix c/b | jq -c '[.v, .key, .siblings]')" '[1,"c/b",2]'
    dkv -q conflicts --prefix c/ --null | while IFS= read -rd '' key; do
        dkv resolve "$key" -- cat
    done
    run dkv -q conflicts --prefix c/
    assert_success
    assert_output ''
}
