#!/usr/bin/env bats
# Looking after a store: its numbers, its files, damage that is met while it runs.
load cluster

setup() {
    isolate
}

teardown() {
    cluster_down
}

# One node whose pairs lie in tables and, the large ones, in the log; nothing is cached.
one_node() {
    cluster_up --nodes 1 --set store/memtable=1MiB --set store/log_segment=1MiB --set store/cache=0 \
        --set store/separate=4KiB "$@"
    STORE=$CLUSTER/n1/data/store
    fill
}

fill() {
    {
        seq 20000 | sed 's/.*/k&\tvalue & value & value &/'
        seq -f %04.0f 400 | awk '{
            printf "large%s\t<%s>", $1, $1
            for (i = 0; i < 900; i++)
                printf "%06d,", i
            print ""
        }'
    } >"$SANDBOX/pairs"
    dkv load "$SANDBOX/pairs" 2>/dev/null
    sort -o "$SANDBOX/pairs" "$SANDBOX/pairs"
}

# One node whose large values a flush has copied into value files: among small pairs they do not
# fill their segments of the log. Nothing is there but what the tables point to.
one_node_with_value_files() {
    cluster_up --nodes 1 --set store/memtable=1MiB --set store/log_segment=1MiB --set store/cache=0 \
        --set store/separate=4KiB
    STORE=$CLUSTER/n1/data/store
    perl -MMIME::Base64 -e '
        srand 1;
        for my $i (1 .. 40) {
            printf "large%02d\t<%02d>%s\n", $i, $i,
                encode_base64(pack("L*", map { rand 2**32 } 1 .. 1200), "");
            print map { "k$i-$_\tvalue & value & value $i $_\n" } 1 .. 500;
        }' >"$SANDBOX/pairs"
    dkv load "$SANDBOX/pairs" 2>/dev/null
    sort -o "$SANDBOX/pairs" "$SANDBOX/pairs"
}

# The log of the store has the place of the record whose value begins at OFFSET, behind its head.
log_names_value() { # FILE OFFSET
    awk -v file="data/store/$1: damaged value at offset " -v offset="$2" '
        at = index($0, file) {
            place = substr($0, at + length(file)) + 0
            found = found || (place < offset && offset < place + 200)
        }
        END { exit !found }' "$CLUSTER/n1/log/dkv-store.log"
}

# Where a text begins in a value file: FILE:OFFSET; fails if it does in none.
find_in_values() { # TEXT
    (cd "$STORE" && grep -abo "$1" ./*.val) | cut -d : -f 1,2 | grep .
}

metric() { # NAME NODE
    dkv metrics | awk -v name="$1{node=\"$2\"}" '$1 == name { print $2 }'
}

has_metric() { # NAME NODE LEAST
    [[ $(metric "$1" "$2") -ge $3 ]]
}

is_metric() { # NAME NODE VALUE
    [[ $(metric "$1" "$2") -eq $3 ]]
}

# FILE OFFSET: one bit the other way.
flip() {
    local byte
    byte=$(od -An -tu1 -j "$2" -N 1 "$1")
    printf '%b' "\\x$(printf %x $((byte ^ 1)))" |
        dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# Damages every table in its middle, and the large value 0100 where it lies.
damage_tables() { # STORE
    local file
    for file in "$1"/*.tbl; do
        flip "$file" $(($(stat -c %s "$file") / 2))
    done
}

# Wherever it lies: what is stale, in a segment that will be used again, is nobody's.
damage_value() { # STORE
    local found places
    places=$(cd "$1" && grep -abo '<0100>' ./*.log ./*.val 2>/dev/null) || [[ $places ]] || return 1
    for found in $places; do
        flip "$1/${found%%:*}" $(($(cut -d : -f 2 <<<"$found") + 1000))
    done
}

# Flushes and merges of the node are done, those too that an idle store does of its own accord.
is_at_rest() { # NODE
    local work
    work=$(dkv metrics | grep -E "(flushes_total|merges_total|unflushed|merging)\{node=\"$1\"")
    if [[ $work != "${work_seen:-}" || $work != *merging*' 0'* || $work != *unflushed*' 0'* ]]; then
        work_seen=$work at_rest_since=$SECONDS
    fi
    ((SECONDS - at_rest_since > 2)) # it becomes idle after one second
}

# All pairs of the node lie in files that tables point to, which no merge is about to replace;
# none is in memory, and none would be read from the log by a start.
settle() { # NODE
    eventually has_metric dkv_store_keys "$1" 20400
    local flushes
    flushes=$(metric dkv_engine_flushes_total "$1")
    grep -v ^large "$SANDBOX/pairs" | dkv load 2>/dev/null # more than two memory tables hold
    eventually has_metric dkv_engine_flushes_total "$1" $((flushes + 2))
    eventually is_at_rest "$1"
}

# Every pair that is printed is one that was put.
nothing_wrong() { # COMMAND...
    "$@" 2>/dev/null | sort >"$SANDBOX/seen"
    [[ -s $SANDBOX/seen && -z $(comm -13 "$SANDBOX/pairs" "$SANDBOX/seen") ]]
}

log_says() { # NODE PATTERN
    grep -Eq "$2" "$CLUSTER/$1/log/dkv-store.log"
}

# What routers say of a node: each hears of it with its own pings.
states() {
    local router
    for router in ${DKV_CLUSTER//,/ }; do
        dkv --cluster "$router" status --json | jq -r "select(.node == \"$1\") | .state"
    done | sort -u
}

is_damaged() {
    [[ $(states "$1") == damaged ]]
}

@test "a damaged table fails the reads of its block; the store says where and serves all else" {
    one_node
    settle n1
    damage_tables "$STORE"
    nothing_wrong dkv dump
    (($(wc -l <"$SANDBOX/seen") < 20400))
    cut -f 1 "$SANDBOX/pairs" >"$SANDBOX/keys"
    nothing_wrong dkv mget <"$SANDBOX/keys"
    local count
    count=$(wc -l <"$SANDBOX/seen")
    ((count > 15000 && count < 20400))
    eventually log_says n1 'data/store/[0-9]+\.tbl.*offset'
    eventually is_damaged n1
    fails_with 12 dkv status
    has_metric dkv_store_damaged_reads_total n1 1
    dkv put new value
    assert_equal "$(dkv get new)" value
}

@test "a damaged large value fails, its neighbours do not" {
    one_node
    settle n1
    damage_value "$STORE"
    fails_with 1 dkv get --local large0100
    assert_equal "$output" ''
    assert_regex "$stderr" 'corrupt: what n1 has of it; the log of its store names the place'
    eventually log_says n1 'data/store/[0-9]+\.(log|val).*offset'
    sed -n 's/^\(large[0-9]*\)\t.*/\1/p' "$SANDBOX/pairs" >"$SANDBOX/keys"
    nothing_wrong dkv mget <"$SANDBOX/keys"
    assert_equal "$(wc -l <"$SANDBOX/seen")" 399
    eventually is_damaged n1
}

@test "a bit flipped in a value file under a running store: corrupt, with file and offset" {
    one_node_with_value_files
    eventually find_in_values '<03>'
    local key bad=0 place file offset
    for key in 01 02 03; do
        place=$(find_in_values "<$key>")
        file=${place%%:*} file=${file#./} offset=${place##*:}
        assert_equal "$(dkv get "large$key" | head -c 4)" "<$key>"
        # The first, one in the middle, and the last byte of the value.
        flip "$STORE/$file" $((offset + bad * 3201))
        bad=$((bad + 1))
        fails_with 1 dkv get --local "large$key"
        refute_output
        assert_regex "$stderr" corrupt
        eventually log_names_value "$file" "$offset"
        eventually has_metric dkv_store_damaged_reads_total n1 "$bad"
    done
    # Bytes of the file that are nobody's value do no harm: its header.
    flip "$STORE/$file" 20
    eventually is_damaged n1
    fails_with 12 dkv status
    fails_with 5 dkv put large02 new
    grep -Ev '^large0[123]' "$SANDBOX/pairs" >"$SANDBOX/rest"
    cut -f 1 "$SANDBOX/pairs" | dkv mget 2>/dev/null | sort | cmp - "$SANDBOX/rest"
    nothing_wrong dkv dump
    dkv put new value
    assert_equal "$(dkv get new)" value
    # A start does not look there, and does not forget it either.
    node kill n1 store
    node start n1 store
    eventually has_metric dkv_store_keys n1 1
    fails_with 1 dkv get --local large02
    refute_output
    cut -f 1 "$SANDBOX/rest" | dkv mget | sort | cmp - "$SANDBOX/rest"
    dkv local down --dir "$CLUSTER"
    fails_with 1 dkv-store --verify "$STORE"
    assert_regex "$stderr" 'data/store/[0-9]+\.val: damaged value at offset'
}

@test "merges over damage leave it alone, and writes go on" {
    one_node --set store/separate=1GiB
    settle n1
    damage_tables "$STORE"
    local round
    for round in $(seq 12); do
        # A key is looked for before it is put, now and then in the damaged block.
        sed "s/^/$round/" "$SANDBOX/pairs" | dkv load --continue-on-error 2>/dev/null || :
    done
    eventually has_metric dkv_store_damaged_merges_total n1 1
    eventually log_says n1 'data/store/[0-9]+\.tbl.*[1-9][0-9]* merges failed'
    dkv put new value
    assert_equal "$(dkv get new)" value
}

@test "with replicas every value is served, and status names the damaged node" {
    cluster_up --nodes 3 --set store/memtable=1MiB --set store/log_segment=1MiB --set store/cache=0
    fill
    settle n1
    node kill n1 repair # it would bring back what is damaged, as soon as that is found
    damage_tables "$CLUSTER/n1/data/store"
    damage_value "$CLUSTER/n1/data/store"
    dkv dump --read-quorum 2 | sort | cmp - "$SANDBOX/pairs"
    cut -f 1 "$SANDBOX/pairs" | dkv mget | sort | cmp - "$SANDBOX/pairs"
    eventually is_damaged n1
    [[ $(states n2) != *damaged* ]]
    fails_with 12 dkv status
    fails_with 5 dkv get -R all large0100
    assert_regex "$stderr" 'n1 \(damaged\)'
    # It starts again with its damage, whether a merge has met it by then or not.
    node stop n1 store
    node start n1 store
    eventually has_metric dkv_store_keys n1 1
    dkv dump --read-quorum 2 | sort | cmp - "$SANDBOX/pairs"
}

# The system forgets what it has of the store's files, so that they have to be read from the disk.
cool() {
    local file
    for file in "$STORE"/*.{tbl,val,log}; do
        [[ ! -e $file ]] || dd of="$file" oflag=nocache conv=notrunc,fdatasync count=0 status=none
    done
}

@test "what is not in memory is read beside other work" {
    one_node
    [[ $(stat -f -c %T "$STORE") != tmpfs ]] || skip "a tmpfs is never cold"
    cool
    cut -f 1 "$SANDBOX/pairs" | dkv mget | sort | cmp - "$SANDBOX/pairs"
    eventually has_metric dkv_engine_cold_reads_total n1 1
    has_metric dkv_store_parked_total n1 1
    cool
    sed 's/$/ again/' "$SANDBOX/pairs" >"$SANDBOX/new" # each write reads what is there
    dkv load "$SANDBOX/new" 2>/dev/null
    dkv dump | sort | cmp - "$SANDBOX/new"
    eventually is_metric dkv_store_parked_now n1 0
    is_metric dkv_store_damaged_reads_total n1 0
}

@test "metrics are what Prometheus reads, and status shows the most important ones" {
    one_node
    eventually has_metric dkv_store_keys n1 20400
    dkv metrics >"$SANDBOX/metrics"
    run grep -Ev -e '^# HELP dkv_[a-z_]+ .+$' -e '^# TYPE dkv_[a-z_]+ (gauge|counter)$' \
        -e '^dkv_[a-z_]+\{node="n1"\} [0-9]+$' "$SANDBOX/metrics"
    assert_output ''
    has_metric dkv_router_puts_total n1 20400
    has_metric dkv_store_updates_total n1 20400
    assert_equal "$(metric dkv_store_damaged_reads_total n1)" 0
    has_metric dkv_engine_disk_written_bytes_total n1 "$(metric dkv_engine_written_bytes_total n1)"
    run bash -c 'dkv status --json | jq -r "[.state, .damage, .write_amplification >= 1] | @tsv"'
    assert_output $'up\t0\ttrue'
    fails_with 2 dkv metrics extra
}

@test "the thread of the second merge gives way to the others" {
    cluster_up --nodes 1
    local pid
    pid=$(node status | awk '$2 == "store" { print $4 }')
    sed 's/.*) //' /proc/"$pid"/task/*/stat | cut -d ' ' -f 17 | sort -n >"$SANDBOX/nice"
    assert_equal "$(uniq "$SANDBOX/nice" | wc -l)" 2
    assert_equal "$(tail -n 2 "$SANDBOX/nice" | uniq | wc -l)" 2
}

@test "verify finds nothing in a sound store and the place in a damaged one" {
    one_node
    fails_with 10 dkv-store --verify "$STORE"
    assert_regex "$stderr" 'data/store: in use'
    eventually has_metric dkv_engine_value_files n1 1
    dkv local down --dir "$CLUSTER"
    fails_with 0 dkv-store --verify "$STORE"
    assert_line --index 0 $'records\t20400'
    assert_line --index -1 OK
    cp -a "$STORE" "$SANDBOX/copy"
    damage_tables "$SANDBOX/copy"
    fails_with 1 dkv-store --verify "$SANDBOX/copy"
    refute_output
    assert_regex "$stderr" 'copy/[0-9]+\.tbl.*offset'
    damage_value "$STORE"
    fails_with 1 dkv-store --verify "$STORE"
    assert_regex "$stderr" 'data/store/[0-9]+\.(log|val).*offset'
    rm "$STORE"/CURRENT
    fails_with 1 dkv-store --verify "$STORE"
    assert_regex "$stderr" 'data/store/CURRENT: missing'
}

@test "a dump of a store that does not run restores it elsewhere" {
    one_node
    dkv del k1
    fails_with 10 dkv-store --dump "$STORE"
    dkv local down --dir "$CLUSTER"
    dkv-store --dump "$STORE" >"$SANDBOX/dump"
    assert_equal "$(wc -l <"$SANDBOX/dump")" 20400
    assert_equal "$(jq -r 'select(.key == "k1") | .tombstone' "$SANDBOX/dump")" true
    cluster_up --nodes 1 --dir "$SANDBOX/other"
    dkv load --format json "$SANDBOX/dump" 2>/dev/null
    dkv dump | sort | cmp - <(grep -v $'^k1\t' "$SANDBOX/pairs")
    assert_equal "$(dkv-store --dump "$STORE" --raw | grep -Ec $'^[0-9a-f]+\t[0-9a-f]+$')" 20400
}

@test "a damaged snapshot is refused by its name, and the records can still be had" {
    one_node
    dkv local down --dir "$CLUSTER"
    dkv-store --dump "$STORE" >"$SANDBOX/before"
    local snapshot
    snapshot=$(ls "$STORE"/*.snp)
    printf 'x' | dd of="$snapshot" bs=1 seek=100 conv=notrunc status=none
    fails_with 1 dkv-store --verify "$STORE"
    assert_regex "$stderr" "$snapshot: damaged snapshot at offset 64"
    fails_with 1 dkv-store --config "$CLUSTER/n1/dkv.conf"
    assert_regex "$stderr" 'data/store/[0-9]+\.snp: damaged snapshot at offset 64'
    dkv-store --dump "$STORE" | cmp - "$SANDBOX/before"
}

@test "a database of version 1 is upgraded where it is, and a newer one is refused" {
    cp -r "$BATS_TEST_DIRNAME/../golden/1" "$BATS_TEST_DIRNAME/../golden/2" "$SANDBOX"
    dkv-store --dump "$SANDBOX/1" --raw >"$SANDBOX/raw"
    assert_equal "$(wc -l <"$SANDBOX/raw")" "$(($(wc -l <"$BATS_TEST_DIRNAME/../golden/1.txt") - 1))"
    assert_equal "$(od -An -tu4 -j 8 -N 4 "$SANDBOX"/1/MANIFEST-* | tr -d ' ')" 2
    dkv-store --dump "$SANDBOX/1" --raw | cmp - "$SANDBOX/raw"
    # Its notes are of another program.
    (cd "$SANDBOX/2" && sha256sum -- *) >"$SANDBOX/sums"
    fails_with 2 dkv-store --dump "$SANDBOX/2" --raw
    refute_output
    assert_regex "$stderr" '/2: written by a newer dkv \(needs feature golden-notes\)'
    (cd "$SANDBOX/2" && sha256sum --check --quiet "$SANDBOX/sums")
}

@test "the data of another node is refused, exit 2" {
    cluster_up --nodes 2
    dkv local down --dir "$CLUSTER"
    rm -r "$CLUSTER/n1/data/store"
    cp -r "$CLUSTER/n2/data/store" "$CLUSTER/n1/data/store"
    fails_with 2 dkv-store --config "$CLUSTER/n1/dkv.conf"
    assert_regex "$stderr" 'n1/data/store: this is the data of node n2 \(number [1-3]\), not of n1'
}

@test "looking where there is no database is exit 2 and makes none" {
    mkdir "$SANDBOX/empty"
    fails_with 2 dkv-store --verify "$SANDBOX/empty"
    fails_with 2 dkv-store --dump "$SANDBOX/none"
    [[ -z $(ls "$SANDBOX/empty") && ! -e $SANDBOX/none ]]
    fails_with 2 dkv-store --dump
    fails_with 2 dkv-store --raw
    fails_with 2 dkv-store --verify "$SANDBOX/empty" --raw
}
