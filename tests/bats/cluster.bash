# cluster.bash - what every bats file of dkv begins with: load cluster
#
#     setup_file()    { cluster_up --nodes 3; }    one cluster for the file, or
#     setup()         { cluster_up; }              one for each test
#     teardown_file() { cluster_down; }
#
# Each cluster has a directory of its own, $CLUSTER, under a temporary one; nothing of the
# user's is read or touched. Only processes that it started are ever signalled.
#
#     node kill n2            dkv local kill n2 --dir $CLUSTER
#     eventually COMMAND...   until it succeeds, at most EVENTUALLY (10) seconds; no stdout
#     fails_with CODE COMMAND...
#     tell_logs               in teardown: the end of all logs, if the test failed
#     port_of n1, pid_of n1 store, stranger mode=flood PORT
#     memory_begin, memory_look, memory_within MIB    what the daemons of n1 take meanwhile

bats_require_minimum_version 1.5.0
load /usr/lib/bats/bats-support/load
load /usr/lib/bats/bats-assert/load

isolate() {
    local name
    for name in $(compgen -e | grep '^DKV_'); do
        unset "$name"
    done
    command -v dkv >/dev/null || PATH=$BATS_TEST_DIRNAME/../../build/bin:$PATH
    # Short, because the path of a unix socket is.
    SANDBOX=$(mktemp -d /tmp/dkv-bats.XXXXXX)
    HOME=$SANDBOX/home
    mkdir "$HOME"
    export PATH SANDBOX HOME XDG_STATE_HOME=$HOME/state XDG_CONFIG_HOME=$HOME/config
}

# Arguments are those of dkv local up. Exports DKV_CLUSTER and CLUSTER.
cluster_up() {
    [[ ${SANDBOX:-} ]] || isolate
    export CLUSTER=$SANDBOX/c
    local line
    line=$(dkv local up --dir "$CLUSTER" "$@") || return
    eval "$line"
}

# The last lines of every log of the clusters, if the test failed that is being torn down: they say
# why. cluster_down does it in teardown, this teardown where the file has none of its own.
tell_logs() {
    [[ ${BATS_TEARDOWN_STARTED:-} && ! ${BATS_TEST_COMPLETED:-} && ! ${BATS_TEST_SKIPPED:-} ]] ||
        return 0
    [[ ${SANDBOX:-} ]] || return 0
    local log
    find "$SANDBOX" -name 'dkv-*.log' -size +0 | sort | while read -r log; do
        echo "${log#"$SANDBOX"/}:"
        tail -n "${LOG_LINES:-15}" "$log" | sed 's/^/    /'
    done
}

teardown() {
    tell_logs
}

# Kills what is left and removes the sandbox. May be called when nothing was started.
cluster_down() {
    [[ ${SANDBOX:-} ]] || return 0
    tell_logs
    local dir node
    for dir in "$SANDBOX"/* "$XDG_STATE_HOME"/dkv/local; do
        [[ -f $dir/local ]] || continue
        for node in "$dir"/n*; do
            dkv local kill "${node##*/}" --dir "$dir" 2>/dev/null || :
        done
    done
    rm -rf "$SANDBOX"
    unset SANDBOX
}

# The base port of a node, and the process of one of its daemons.
port_of() {
    sed -n 's/.*port = "\([0-9]*\)".*/\1/p' "$CLUSTER/$1/dkv.conf"
}

pid_of() {
    grep -oE '^[0-9]+' "$CLUSTER/$1/run/dkv-$2.pid"
}

# What both daemons of n1 have from the system at most between memory_begin and the last of many
# memory_look. memory_within says it, and fails if it is more than so many MiB above what they had.
anonymous_kib() {
    awk '/RssAnon/ { print $2 }' "/proc/$(pid_of n1 "$1")/status"
}

memory_begin() {
    local name
    declare -gA memory_before memory_most
    for name in router store; do
        memory_before[$name]=$(anonymous_kib $name)
        memory_most[$name]=0
    done
}

memory_look() {
    local name now
    for name in router store; do
        now=$(anonymous_kib $name)
        ((now <= memory_most[$name])) || memory_most[$name]=$now
    done
}

memory_within() {
    local name failed=0
    for name in router store; do
        echo "# $name: ${memory_before[$name]} KiB before, ${memory_most[$name]} KiB at most" >&3
        ((memory_most[$name] <= memory_before[$name] + $1 * 1024)) || failed=1
    done
    return "$failed"
}

# stranger OPTION... PORT...: see stranger.pl
stranger() {
    perl "$BATS_TEST_DIRNAME/stranger.pl" "$@"
}

node() {
    dkv local "$@" --dir "$CLUSTER"
}

eventually() {
    local deadline=$((SECONDS + ${EVENTUALLY:-10}))
    until "$@" >/dev/null; do
        if ((SECONDS >= deadline)); then
            echo "not within ${EVENTUALLY:-10} s: $*" >&2
            return 1
        fi
        sleep 0.05
    done
}

# The command, with its stdout and stderr apart in $output and $stderr, ends with CODE.
fails_with() {
    local code=$1
    shift
    run --separate-stderr "$@"
    # shellcheck disable=SC2154 # run sets it
    if ((status != code)); then
        echo "exit status $status, not $code: $*" >&2
        echo "stderr: $stderr" >&2
        return 1
    fi
}
