#!/usr/bin/env bats
# Every file that a node keeps is damaged, in every way: no read is wrong, and by what the messages
# say, done as they say it, the cluster is whole again.
#
# The files are found, not listed: a new kind of file is tested by being there. The first few of each
# process are damaged in one way, while the node runs or while it does not; which of these differs
# from file to file. DKV_LONG=1 damages all, in all ways, both times, which takes minutes.
load cluster

export LONG=${LONG:-${DKV_LONG:-}} # isolate forgets what begins with DKV_

WAYS=(flip cut empty remove)
FILES=${LONG:+1000} # of each process
FILES=${FILES:-3}

setup_file() {
    isolate
    cluster_up --nodes 3 --set store/memtable=1MiB --set store/log_segment=1MiB \
        --set store/separate=16KiB --set repair/interval=1s --set repair/settle=100ms \
        --set ping/interval=50ms --set ping/down_after=300ms
    dkv -q keyspace create lww --conflict lww
    seq 1000 | sed 's/.*/k&\tvalue & & &/' | dkv load -q
    local i
    for i in 1 2 3; do
        printf 'big%s\t%s\n' $i "$(head -c 60000 /dev/urandom | base64 -w 0)"
    done | dkv load -q
    seq 200 | sed 's/.*/l&\tlast &/' | dkv -k lww load -q
    node kill n3
    # More than a memtable of hints on each node.
    awk 'BEGIN { for (i = 0; i < 400; i++) { printf "h%d\t", i
        for (j = 0; j < 500; j++) printf "hinted %d ", i; print "" } }' | dkv load -q
    node start n3
    dkv hints wait
    dkv compact --wait >/dev/null
    seq 50 | sed 's/^/k/' | dkv load -q --delete
    dkv repair --wait >/dev/null
    expected >"$SANDBOX/default" default
    expected >"$SANDBOX/lww" lww
    dkv local down --dir "$CLUSTER"
    cp -a "$CLUSTER" "$SANDBOX/pristine"
}

teardown_file() {
    cluster_down
}

# What was written, by the arithmetic of the lines above; only random values are read back.
expected() { # KEYSPACE
    if [[ $1 == lww ]]; then
        seq 200 | sed 's/.*/l&\tlast &/'
    else
        seq 51 1000 | sed 's/.*/k&\tvalue & & &/'
        printf 'big1\nbig2\nbig3\n' | dkv mget
        awk 'BEGIN { for (i = 0; i < 400; i++) { printf "h%d\t", i
            for (j = 0; j < 500; j++) printf "hinted %d ", i; print "" } }'
    fi | sort
}

# Everything as it was, and running but for n1.
begin_anew() {
    local name
    for name in n1 n2 n3; do
        node kill $name 2>/dev/null || :
    done
    rm -rf "$CLUSTER"
    cp -a "$SANDBOX/pristine" "$CLUSTER"
    node start n2
    node start n3
}

files() {
    (cd "$CLUSTER" && find n1/data n1/keys/seals -type f ! -path '*.damaged-*' | sort)
}

# FILE WAY PERCENT. A flip is in what was written, not in zeros behind it.
damage() {
    local file=$CLUSTER/$1 size at byte
    size=$(perl -0777 -ne 's/\0+\z//; print length' "$file")
    case $2 in
    flip)
        at=$((size * $3 / 100))
        byte=$(od -An -tu1 -j $at -N 1 "$file")
        printf '%b' "\\x$(printf %x $((byte ^ 1)))" |
            dd of="$file" bs=1 seek=$at conv=notrunc status=none
        ;;
    cut) truncate -s $((size / 2)) "$file" ;;
    empty) truncate -s 0 "$file" ;;
    remove) rm "$file" ;;
    esac
}

# Does what the messages of n1 say. False if they say nothing that can be done.
obey() {
    local text command done=1
    text=$(cat "$CLUSTER"/n1/log/*.log)
    while read -r command; do
        eval "$command" && done=0
    done < <(grep -o "'mv [^']*'" <<<"$text" | tr -d "'")
    if grep -q 'data/ring/adopted: .*copy it from another node' <<<"$text"; then
        cp "$CLUSTER/n2/data/ring/adopted" "$CLUSTER/n1/data/ring/adopted" && done=0
    fi
    if grep -q 'keys/seals: .*without the file a new key is made' <<<"$text"; then
        rm "$CLUSTER/n1/keys/seals" && done=0
    fi
    ! grep -q 'start again, that start will be the youngest' <<<"$text" || done=0
    return $done
}

# As often as the messages of daemons that end say what to do.
start_as_told() {
    local try log
    for try in 1 2 3 4; do
        for log in "$CLUSTER"/n1/log/*.log; do
            cat "$log" >>"$SANDBOX/told"
            : >"$log"
        done
        node start n1 >"$SANDBOX/start" 2>&1 && return
        grep -q ' ended$' "$SANDBOX/start" || return 0 # the machine is slow
        node kill n1 2>/dev/null || :
        obey || break
    done
    echo "no way out in try $try"
    return 1
}

# Whatever is read was written; a read that fails is none.
reads_nothing_wrong() {
    local space
    for space in default lww; do
        cut -f 1 "$SANDBOX/$space" | dkv -k $space mget 2>/dev/null | sort >"$SANDBOX/read" || :
        [[ ! $(comm -13 "$SANDBOX/$space" "$SANDBOX/read") ]] || return 1
    done
    [[ ! $(seq 50 | sed 's/^/k/' | dkv mget 2>/dev/null) ]]
}

# By itself n1 has all that was written.
is_whole() {
    local space
    if grep -q 'start again, that start' "$CLUSTER/n1/log/dkv-store.log"; then
        start_as_told
    fi
    for space in default lww; do
        dkv --cluster "ipc://$CLUSTER/n1/run/router.sock" -k $space -q dump --local 2>/dev/null | sort |
            cmp -s - "$SANDBOX/$space" || return 1
    done
    [[ $(dkv status --json | jq -s 'map(.lost_copies) | add') == 0 ]]
}

# What the round damages: of each process its file of this number, in one of the ways.
plan() { # NUMBER SHIFT
    local kind file way=$(($1 + $2))
    for kind in hints ring store; do
        file=$(files | grep -E "$(kind_of $kind)" | sed -n "$1p")
        way=$((way + 1))
        [[ ! $file ]] || echo "${WAYS[way % 4]} $file"
    done
}

kind_of() {
    [[ $1 == ring ]] && echo '/data/ring|/keys/' || echo "/data/$1/"
}

# Damages what stdin names, while n1 runs or not; then all is well again, as the messages say.
round() { # running|stopped
    local way file
    : >"$SANDBOX/told"
    [[ $1 == stopped ]] || node start n1
    while read -r way file; do
        [[ -s $CLUSTER/$file ]] || way=remove
        damage "$file" "$way" $((RANDOM % 100))
        echo "# $1: $way $file" >&3
    done
    if [[ $1 == running ]]; then
        reads_nothing_wrong
        dkv scrub --wait >/dev/null 2>&1 || :
        node kill n1
    fi
    start_as_told
    reads_nothing_wrong
    EVENTUALLY=60 eventually is_whole
    node kill n1
}

# SHIFT WHEN...: the files, each in one way.
rounds() {
    local number shift=$1 when
    shift
    for ((number = 1; number <= FILES; number++)); do
        begin_anew
        plan $number "$shift" >"$SANDBOX/plan"
        [[ -s $SANDBOX/plan ]] || return 0
        when=$(($# > 1 && number % 2 ? 2 : 1))
        round "${!when}" <"$SANDBOX/plan" ||
            { cat "$SANDBOX"/{told,start} "$CLUSTER"/n1/log/*; return 1; }
    done
}

@test "every file is damaged, while its process runs or between stop and start" {
    local shift
    if [[ ! $LONG ]]; then
        rounds 0 running stopped
        return
    fi
    for shift in 0 1 2 3; do
        rounds $shift running
        rounds $shift stopped
    done
}
