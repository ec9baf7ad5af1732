#!/usr/bin/env bats
# A context is good in the cluster that made it, unchanged, through every router; nowhere else.
load cluster

setup_file() {
    isolate
    cluster_up --nodes 3
}

teardown_file() {
    cluster_down
}

via() { # NODE VERB...: through the router of that node alone
    local node=$1
    shift
    dkv --cluster "ipc://$CLUSTER/$node/run/router.sock" "$@"
}

# The context of KEY, as NODE gives it: NODE KEY
context_of() {
    via "$1" get --context-to /dev/stdout --newline "$2" | grep -v '^v'
}

hex_of() { # TOKEN
    local text=$1
    while ((${#text} % 4)); do text+='='; done
    tr -- '-_' '+/' <<<"$text" | base64 -d | xxd -p | tr -d '\n'
}

token_of() { # HEX
    xxd -r -p <<<"$1" | base64 -w 0 | tr -d = | tr '+/' '-_'
}

# The seal key that a node made for itself.
own_key() {
    sed -n 's/^ *own = "\(.*\)"$/\1/p' "$CLUSTER/$1/keys/seals"
}

knows() { # NODE KEY
    grep -q "$2" "$CLUSTER/$1/keys/seals"
}

refuses() { # TOKEN: no router takes it, and each says why
    local n
    for n in n1 n2 n3; do
        fails_with 2 via "$n" put --context "$1" victim forged
        assert_regex "$stderr" 'not made by this cluster.*dkv get --context-to'
    done
    assert_equal "$(dkv get victim)" v
}

@test "a context of a read, of a write and of a dump is taken by every router" {
    local n token
    dkv put shared v
    for n in n1 n2 n3; do
        for token in "$(context_of n1 shared)" "$(via n2 get --json shared | jq -r .context)" \
            "$(via n3 dump --full --prefix shared 2>/dev/null | jq -r .context)"; do
            via "$n" put --context "$token" shared v
        done
        token=$(dkv put --print-context shared v 2>&1)
        via "$n" put --context "${token#context=}" shared v
    done
    assert_equal "$(echo '{"op":"get","key":"shared"}' | dkv --json shell | jq -r '.context | length > 40')" true
}

@test "a context that names writes of others that were never made is refused" {
    dkv put victim v
    local hex body seal
    hex=$(hex_of "$(context_of n1 victim)")
    seal=${hex: -48}
    # Version, key and greatest hlc as they were; then { another actor: 1..2^62 }, no requests.
    body=${hex:0:26}01$(printf '%016x' 0xfeedfacecafe)01ffffffffffffffff3f00
    refuses "$(token_of "$body$seal")"
    dkv put victim v
}

@test "a context with any byte changed is refused" {
    dkv put victim v
    local hex at byte
    hex=$(hex_of "$(context_of n1 victim)")
    for ((at = 0; at < ${#hex}; at += 10)); do
        byte=$(printf '%02x' $((0x${hex:at:2} ^ 0x10)))
        fails_with 2 dkv put --context "$(token_of "${hex:0:at}$byte${hex:at+2}")" victim forged
    done
    fails_with 2 dkv put --context "$(token_of "${hex:0:${#hex}-2}")" victim forged
    assert_equal "$(dkv get victim)" v
}

@test "a context of another key is refused, and the message says so" {
    dkv put victim v
    dkv put other v
    fails_with 2 dkv put --context "$(context_of n1 other)" victim forged
    assert_regex "$stderr" 'of another key'
}

@test "a context of one cluster is refused by another" {
    dkv put victim v
    dkv local up --nodes 1 --dir "$SANDBOX/d" >/dev/null
    local there=ipc://$SANDBOX/d/n1/run/router.sock
    dkv --cluster "$there" put victim v
    refuses "$(dkv --cluster "$there" get --json victim | jq -r .context)"
    dkv local down --dir "$SANDBOX/d"
}

@test "a context survives the restart of its router" {
    local token
    dkv put kept v
    token=$(context_of n1 kept)
    node kill n1 router
    via n2 put --context "$token" kept v
    node start n1 router
    via n1 put --context "$token" kept v
    assert_equal "$(dkv --json get kept | jq '.values | length')" 2 # each had seen the first alone
}

@test "a router without keys makes its own, learns the others' and tells them its own" {
    local n before now token
    before=$(own_key n3)
    dkv put moved v
    token=$(context_of n3 moved)
    node kill n3 router
    rm "$CLUSTER/n3/keys/seals"
    node start n3 router
    now=$(own_key n3)
    assert [ "$now" != "$before" ]
    for n in n1 n2 n3; do
        knows n3 "$(own_key "$n")"
        eventually knows "$n" "$now"
    done
    knows n3 "$before" # which n1 and n2 knew
    via n3 put --context "$token" moved v
    token=$(context_of n3 moved)
    via n1 put --context "$token" moved v
    assert_equal "$(stat -c %a "$CLUSTER/n3/keys/seals")" 600
}

@test "a file of keys that others can read, or that is damaged, is named and not used" {
    local file=$CLUSTER/n2/keys/seals
    node kill n2 router
    chmod 640 "$file"
    fails_with 2 dkv-router --config "$CLUSTER/n2/dkv.conf"
    assert_regex "$stderr" "$file: open to others"
    chmod 600 "$file"
    cp "$file" "$BATS_TEST_TMPDIR/seals"
    sed -i 's/own = "../own = "zz/' "$file"
    fails_with 2 dkv-router --config "$CLUSTER/n2/dkv.conf"
    assert_regex "$stderr" "$file:[0-9]+:"
    mv "$file" "$file.away"
    ln -s "$file.away" "$file"
    fails_with 2 dkv-router --config "$CLUSTER/n2/dkv.conf"
    assert_regex "$stderr" 'symbolic link'
    rm "$file.away" "$file"
    cp "$BATS_TEST_TMPDIR/seals" "$file"
    node start n2 router
}

@test "a receipt names key and request, and is sealed by the router that answered" {
    local receipt id
    id=$(printf '%032x' 77)
    receipt=$(dkv put --receipt --request-id "$id" receipted v 2>&1)
    receipt=$(hex_of "${receipt#receipt=}")
    assert_regex "$receipt" "$(printf receipted | xxd -p)$id"
    refute [ "${receipt: -48:16}" = 0000000000000000 ]
}
