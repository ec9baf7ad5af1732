#!/usr/bin/env bats
# The installed units under a real systemd: booted in a container on an overlay of this root.
load cluster

setup() {
    [[ $(id -u) == 0 ]] || skip "a container needs root"
    command -v systemd-nspawn >/dev/null || skip "systemd-nspawn is not installed"
    isolate
    ROOT=$SANDBOX/over/root
    mkdir -p "$SANDBOX/over"
    mount -t tmpfs tmpfs "$SANDBOX/over" 2>/dev/null || skip "no mounts here"
    mkdir "$SANDBOX/over/up" "$SANDBOX/over/work" "$ROOT"
    mount -t overlay overlay "$ROOT" 2>/dev/null \
        -o "lowerdir=/,upperdir=$SANDBOX/over/up,workdir=$SANDBOX/over/work" || skip "no overlays here"
}

teardown() {
    [[ ${SANDBOX:-} ]] || return 0
    [[ -z ${CONTAINER:-} ]] || kill -9 "$INIT" "$CONTAINER" 2>/dev/null || :
    eventually eval "! mountpoint -q '$ROOT' || umount '$ROOT' 2>/dev/null"
    umount "$SANDBOX/over" 2>/dev/null || :
    cluster_down
}

# Copies what is tested, not what may be installed on this machine.
install_into() {
    local bin
    bin=$(dirname "$(command -v dkv)")
    install -D -t "$1/usr/local/bin" "$bin"/dkv "$bin"/dkv-store "$bin"/dkv-router
    local source=$BATS_TEST_DIRNAME/../../systemd
    install -D -m 644 -t "$1/usr/lib/systemd/system" "$source"/*.service "$source"/*.target
    install -D -m 644 -t "$1/usr/lib/sysusers.d" "$source"/sysusers.d/*.conf
    install -D -m 644 -t "$1/usr/lib/tmpfiles.d" "$source"/tmpfiles.d/*.conf
}

boot() {
    systemd-nspawn -q --register=no --keep-unit --private-network --boot -D "$ROOT" \
        >"$SANDBOX/console" 2>&1 3>&- &
    CONTAINER=$!
    find_init() { INIT=$(pgrep -P "$CONTAINER"); }
    eventually find_init
    INIT=$(pgrep -P "$CONTAINER")
}

inside() {
    nsenter -t "$INIT" -a "$@"
}

@test "a node set up as the manual says starts, serves, and comes back after kill -9" {
    install_into "$ROOT"
    boot
    EVENTUALLY=30 eventually inside systemctl show-environment
    inside systemd-sysusers dkv.conf
    inside systemd-tmpfiles --create dkv.conf
    inside dkv init /etc/dkv --node n1 --address 127.0.0.1
    inside dkv ring init /etc/dkv/n1.node --into /etc/dkv
    inside chown -R dkv:dkv /etc/dkv /var/lib/dkv
    inside systemctl start dkv.target
    EVENTUALLY=20 eventually inside dkv status
    inside dkv put key value
    assert_equal "$(inside dkv get key)" value
    inside systemctl kill -s KILL dkv-store dkv-router
    EVENTUALLY=20 eventually inside dkv get key
    assert_equal "$(inside dkv get key)" value
    inside systemctl stop dkv.target
    run inside systemctl is-failed dkv-store dkv-router
    refute_output --partial failed
}

@test "the units are hardened" {
    local unit
    for unit in store router; do
        systemd-analyze security --offline=true --threshold=15 \
            "$BATS_TEST_DIRNAME/../../systemd/dkv-$unit.service"
    done
}
