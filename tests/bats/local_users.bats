#!/usr/bin/env bats
# A local user who is neither the node's nor root has the role that the group has, at one socket.
load cluster

NOBODY=65534

setup_file() {
    isolate
    ((EUID == 0)) || return 0
    cluster_up --nodes 1
    # What the group of the node may enter, as /run/dkv is where systemd runs it.
    chmod 750 "$SANDBOX" "$CLUSTER" "$CLUSTER/n1" "$CLUSTER/n1/run"
    restart_with client
    dkv put there v
}

teardown_file() {
    cluster_down
}

setup() {
    ((EUID == 0)) || skip "only root can be another user"
    command -v setpriv >/dev/null || skip "no setpriv"
}

restart_with() {
    local conf=$CLUSTER/n1/dkv.conf
    sed -i '/^net$/,$d' "$conf"
    printf 'net\n    local_role = "%s"\n' "$1" >>"$conf"
    node kill n1
    node start n1
}

# A member of the group of the node, and somebody else.
member() {
    setpriv --reuid $NOBODY --regid "$(id -g)" --clear-groups "$@"
}

other() {
    setpriv --reuid $NOBODY --regid $NOBODY --clear-groups "$@"
}

# The programs, where another user can run them.
programs() {
    install -d -m 755 "$BATS_TEST_TMPDIR/bin"
    install -m 755 "$(command -v dkv)" "$BATS_TEST_TMPDIR/bin/dkv"
    chmod 755 "$BATS_TEST_TMPDIR" "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR"/*
    DKV=$BATS_TEST_TMPDIR/bin/dkv
}

@test "a member of the group writes and reads" {
    programs
    member "$DKV" put from-member v
    assert_equal "$(member "$DKV" get from-member)" v
}

@test "others do not get near the socket" {
    programs
    run other "$DKV" --timeout 500 get there
    ((status != 0))
    assert_equal "$(stat -c %a "$CLUSTER/n1/run/router.sock")" 770
}

@test "the socket of the store is for the node alone" {
    assert_equal "$(stat -c %a "$CLUSTER/n1/run/private")" 700
    local socket=$CLUSTER/n1/run/private/store.sock
    [[ -S $socket && ! -e $CLUSTER/n1/run/store.sock ]]
    run member perl -MSocket -e '
        socket(my $s, PF_UNIX, SOCK_STREAM, 0) or die;
        connect($s, sockaddr_un($ARGV[0])) or die "$!\n"' "$socket"
    ((status != 0))
    assert_output 'Permission denied'
}

@test "net/local_role = reader lets members read alone" {
    programs
    restart_with reader
    assert_equal "$(member "$DKV" get there)" v
    fails_with 10 member "$DKV" put there w
    dkv put there v # root is no member, but root
}

@test "net/local_role = none keeps members out" {
    programs
    restart_with none
    assert_equal "$(stat -c %a "$CLUSTER/n1/run/router.sock")" 700
    run member "$DKV" --timeout 500 get there
    ((status != 0))
    assert_equal "$(dkv get there)" v
}

@test "a directory for private sockets that others may enter is refused" {
    chmod 750 "$CLUSTER/n1/run/private"
    node kill n1
    run ! node start n1
    grep -q 'run/private: must be a directory of our own user' "$CLUSTER/n1/log/dkv-store.log"
    chmod 700 "$CLUSTER/n1/run/private"
}
