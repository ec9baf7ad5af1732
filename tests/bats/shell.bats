#!/usr/bin/env bats
# The shell: many verbs on one connection; nothing that a line says is ignored.
load cluster

setup_file() {
    isolate
    cluster_up --nodes 3
}

teardown_file() {
    cluster_down
}

# The answer to one line of JSON: LINE [OPTION]...
answer() {
    dkv shell --json "${@:2}" <<<"$1" || (($? == 9))
}

# The same, its status and error: LINE
outcome() {
    answer "$1" | jq -r '"\(.id) \(.status) \(.error)"'
}

@test "each line has its answer, and a failure its exit status" {
    run dkv shell <<<$'put k "a b"\nget k\nget nobody\ndel k\nget k'
    assert_equal "$status" 0
    assert_equal "$output" $'ok\na b\n! 3 not found\nok\n! 3 not found'
}

@test "an unknown option is no key" {
    run dkv shell <<<$'put --sibbling k\nput -x k v\nget -n k\nput --local k v\nfly k'
    assert_equal "$status" 9
    assert_equal "$output" "! 2 unknown option --sibbling
! 2 unknown option -x
! 2 unknown option -n
! 2 unknown option --local
! 2 unknown verb; use get, put, del or quit"
}

@test "behind -- a word that begins with - is a key or a value" {
    assert_equal "$(dkv shell <<<$'put -- -k -v\nget -- -k\nput dash -\nget dash')" $'ok\n-v\nok\n-'
}

@test "options take their value as in the other verbs" {
    assert_equal "$(dkv shell <<<$'put -W3 o v\nput --write-quorum=all o w\nget -R 3 o\nget --local o')" \
        $'ok\nok\nw\nw'
    assert_equal "$(dkv shell <<<$'put --sibling=yes o v\nput o v -W' || :)" \
        $'! 2 --sibling takes no value\n! 2 --write-quorum needs a value'
}

@test "a quorum in JSON is a number or a string" {
    assert_equal "$(outcome '{"id":1,"op":"put","key":"q","value":"v","write_quorum":3}')" '1 0 null'
    assert_equal "$(outcome '{"id":1,"op":"put","key":"q","value":"v","write_quorum":"all"}')" \
        '1 0 null'
    assert_equal "$(outcome '{"id":1,"op":"get","key":"q","read_quorum":2}')" '1 0 null'
    assert_regex "$(outcome '{"id":1,"op":"put","key":"q","value":"v","write_quorum":9}')" \
        '^1 2 .*number of owners'
    assert_regex "$(outcome '{"id":1,"op":"put","key":"q","value":"v","write_quorum":10}')" \
        "^1 2 '10' is no quorum"
}

@test "a member of a wrong type fails with 2 and is named" {
    local member
    for member in '"write_quorum":true' '"write_quorum":[2]' '"sibling":1' '"strict":"yes"' \
        '"context":7' '"context":null'; do
        assert_regex "$(outcome "{\"id\":\"i\",\"op\":\"put\",\"key\":\"m\",\"value\":\"v\",$member}")" \
            "^i 2 ${member%%:*} is "
    done
    assert_regex "$(outcome '{"id":5,"op":"put","key":3,"value":"v"}')" '^5 2 "key" is not'
    assert_regex "$(outcome '{"id":5,"op":"put","key":"m","value":{"b65":"AA=="}}')" \
        '^5 2 "value" is not'
    assert_equal "$(outcome '{"id":5,"op":7}')" '5 2 "op" is not a string'
    assert_equal "$(dkv shell --json <<<'{"op":"get","key":"m"}' | jq .status)" 3
}

@test "a member that is unknown or of another verb fails with 2 and is named" {
    assert_equal "$(outcome '{"id":1,"op":"put","key":"k","value":"v","sibbling":true}')" \
        '1 2 put has no member "sibbling"'
    assert_equal "$(outcome '{"id":1,"op":"get","key":"k","write_quorum":1}')" \
        '1 2 get has no member "write_quorum"'
}

@test "the context in JSON is a string or base64" {
    local context
    context=$(answer '{"op":"put","key":"c","value":"1"}' | jq -r .context)
    answer "{\"op\":\"put\",\"key\":\"c\",\"value\":\"2\",\"context\":\"$context\"}"
    context=$(answer '{"op":"get","key":"c"}' | jq -r '.context | @base64')
    answer "{\"op\":\"put\",\"key\":\"c\",\"value\":\"3\",\"context\":{\"b64\":\"$context\"}}"
    assert_equal "$(dkv get c)" 3
}

@test "the answer to a line that cannot be taken has its id" {
    assert_regex "$(outcome '{"id":7,"op":"get","key":"a","key":"b"}')" '^7 2 '
    assert_regex "$(outcome '{"id":7,"op":"get","key":"a","x":99999999999999999999}')" '^7 2 '
    assert_equal "$(answer '{"id":99999999999999999999,"op":"get","key":"a"}' |
        jq '.id == 1e20 and .status == 2')" true
    assert_equal "$(answer '[1]' | jq -c '[has("id"), .status]')" '[false,2]'
}

@test "quorums come from options, environment and client.conf, and a line overrides them" {
    local line='{"id":1,"op":"put","key":"d","value":"v"}'
    local own='{"id":1,"op":"put","key":"d","value":"v","write_quorum":1}'
    assert_equal "$(answer "$line" -W 9 | jq .status)" 2
    assert_equal "$(answer "$own" -W 9 | jq .status)" 0
    assert_equal "$(DKV_WRITE_QUORUM=9 answer "$line" | jq .status)" 2
    assert_equal "$(DKV_WRITE_QUORUM=9 answer "$own" | jq .status)" 0
    mkdir -p "$XDG_CONFIG_HOME/dkv"
    echo 'read-quorum = 9' >"$XDG_CONFIG_HOME/dkv/client.conf"
    run dkv shell <<<$'put d v\nget d\nget -R 1 d'
    rm "$XDG_CONFIG_HOME/dkv/client.conf"
    assert_equal "$output" $'ok\n! 2 invalid request: R is greater than the number of owners\nv'
    fails_with 2 dkv shell -W many </dev/null
}

@test "mget and bench stop at a mistake in the options, with 2 and the reason" {
    fails_with 2 dkv -k nowhere mget <<<$'a\nb'
    assert_equal "$stderr" 'dkv: mget: invalid request: no such keyspace'
    fails_with 2 dkv mget -R 9 <<<$'a\nb'
    assert_equal "$stderr" 'dkv: mget: invalid request: R is greater than the number of owners'
    local before=$SECONDS
    fails_with 2 dkv -k nowhere bench --seconds 30
    assert_equal "$output" ''
    assert_equal "$stderr" 'dkv: bench: invalid request: no such keyspace'
    ((SECONDS - before < 10))
}

@test "a coprocess gets each answer before it says more" {
    local answer i
    for options in '' '--json' '--json --pipeline 64'; do
        # shellcheck disable=SC2086 # options are words
        coproc SHELL_UNDER_TEST { dkv shell $options; }
        local pid=$SHELL_UNDER_TEST_PID in=${SHELL_UNDER_TEST[1]} out=${SHELL_UNDER_TEST[0]}
        for i in 1 2 3; do
            echo "put co$i v" >&"$in"
            IFS= read -r -t 10 answer <&"$out"
            assert_regex "$answer" '^ok$|"status":0'
        done
        echo quit >&"$in"
        wait "$pid"
    done
}

@test "the last of several lines at once is answered while standard input is idle" {
    local i answer
    coproc PIPELINE { dkv shell --json --pipeline 8; }
    local pid=$PIPELINE_PID in=${PIPELINE[1]} out=${PIPELINE[0]}
    for i in $(seq 20); do
        echo "{\"id\":$i,\"op\":\"put\",\"key\":\"p$i\",\"value\":\"v\"}"
    done >&"$in"
    for i in $(seq 20); do
        IFS= read -r -t 10 answer <&"$out"
        assert_equal "$(jq .status <<<"$answer")" 0
    done
    echo quit >&"$in"
    wait "$pid"
}

@test "with --json a line is JSON or words" {
    run dkv shell --json <<<$'put both v\n{"id":1,"op":"get","key":"both"}\n get both -R all\n\n# nothing'
    assert_equal "$status" 0
    assert_equal "$(jq -c '[.id, .status, .values[0].value]' <<<"$output")" \
        $'[null,0,null]\n[1,0,"v"]\n[null,0,"v"]'
    assert_equal "$(answer 'fly k' | jq -r '"\(.status) \(.error)"')" \
        '2 unknown verb; use get, put, del or quit'
}

@test "put --ttl: the value is there, then it is not" {
    assert_equal "$(dkv shell <<<$'put --ttl 3 mortal v\nget mortal\nget --ttl 1 mortal' || :)" \
        $'ok\nv\n! 2 unknown option --ttl'
    gone() { [[ $(dkv shell <<<'get mortal') == '! 3 not found' ]]; }
    eventually gone
    assert_equal "$(outcome '{"id":1,"op":"put","key":"m","value":"v","ttl":60}')" '1 0 null'
    assert_equal "$(answer '{"op":"get","key":"m"}' | jq -r '.values[0].expires | type')" string
    assert_regex "$(outcome '{"id":1,"op":"put","key":"m","value":"v","ttl":0}')" \
        "^1 2 '0' is no time to live"
}
