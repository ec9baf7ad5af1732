#!/usr/bin/env bats
# What dkv-install(7) says, done by a real systemd: three machines are containers, each booted on
# an overlay of this root, with a network of their own between them.
load cluster

SOURCES=$BATS_TEST_DIRNAME/../..
PAGE=$SOURCES/cmd/dkv/dkv-install.7

setup() {
    [[ $BATS_TEST_DESCRIPTION != *machine* ]] && return
    [[ $(id -u) == 0 ]] || skip "a container needs root"
    command -v systemd-nspawn >/dev/null || skip "systemd-nspawn is not installed"
    isolate
    OVER=$SANDBOX/over
    mkdir "$OVER"
    mount -t tmpfs tmpfs "$OVER" 2>/dev/null || skip "no mounts here"
    declare -gA INIT=()
    export EVENTUALLY=60
}

teardown() {
    [[ ${OVER:-} ]] || return 0
    local machine
    [[ $BATS_TEST_COMPLETED ]] || collect_journals
    kill -9 "${INIT[@]}" "${STARTED[@]}" 2>/dev/null || :
    for machine in "${!INIT[@]}"; do
        eventually eval "! mountpoint -q '$OVER/$machine/root' || umount '$OVER/$machine/root' 2>/dev/null"
    done
    umount "$OVER" 2>/dev/null || :
    cluster_down
}

collect_journals() {
    local machine
    for machine in "${!INIT[@]}"; do
        echo "--- $machine"
        on "$machine" journalctl --no-pager -o cat -u dkv-store -u dkv-hintd -u dkv-router | tail -n 50 || :
    done
}

# make MACHINE: what was installed on this machine is hidden.
make_machine() {
    local dir=$OVER/$1 file
    mkdir -p "$dir/up" "$dir/work" "$dir/root"
    mount -t overlay overlay "$dir/root" 2>/dev/null \
        -o "lowerdir=/,upperdir=$dir/up,workdir=$dir/work" || skip "no overlays here"
    rm -rf "$dir"/root/{etc,var/lib}/dkv
    for file in $(cd "$dir/root/usr/local" && find . -name 'dkv*'); do
        rm -rf "$dir/root/usr/local/$file"
    done
    share_files "$dir/root"
}

# boot MACHINE: until its systemd answers.
boot() {
    local root=$OVER/$1/root
    [[ -d $root ]] || make_machine "$1"
    systemd-nspawn -q --register=no --keep-unit --private-network --boot -D "$root" \
        --bind-ro="$SOURCES:/usr/src/dkv" --hostname="$1" >>"$root/../console" 2>&1 3>&- &
    STARTED+=($!)
    find_init() { pgrep -P "${STARTED[-1]}"; }
    eventually find_init
    INIT[$1]=$(find_init)
    eventually on "$1" systemctl show-environment 2>/dev/null
}

power_off() {
    on "$1" systemctl poweroff
    wait "${STARTED[-1]}" || :
    unset 'STARTED[-1]'
}

install_on() {
    on "$1" bash -e -c 'cd /usr/src/dkv; make install; systemctl daemon-reload
        systemd-sysusers dkv.conf; systemd-tmpfiles --create dkv.conf' >/dev/null
}

on() {
    local machine=$1
    shift
    nsenter -t "${INIT[$machine]}" -a \
        env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"
}

# In a network namespace of its own, the first of STARTED.
make_bridge() {
    unshare --net bash -c 'ip link add dkv type bridge && ip link set dkv up && exec sleep infinity' 3>&- &
    STARTED=($!)
    eventually nsenter -t "${STARTED[0]}" -n ip link show dkv 2>/dev/null
}

# connect MACHINE ADDRESS
connect() {
    local hub=${STARTED[0]}
    nsenter -t "$hub" -n ip link add "$1" type veth peer name host0 netns "${INIT[$1]}"
    nsenter -t "$hub" -n ip link set "$1" master dkv up
    on "$1" ip address add "$2/24" dev host0
    on "$1" ip link set host0 up
}

# In place of ssh: a service that gives every file away, and scp that asks for it.
share_files() {
    local root=$1
    mkdir -p "$root"/usr/local/bin "$root"/etc/systemd/system
    cat >"$root/usr/local/bin/give-file" <<'end'
#!/bin/bash
read -r user path
cd "$(getent passwd "$user" | cut -d: -f6)" && cat "$path"
end
    cat >"$root/usr/local/bin/scp" <<'end'
#!/bin/bash
# scp [USER@]HOST:FILE... TO
set -eu
to=${*: -1}
for from in "${@:1:$#-1}"; do
    user=root host=${from%%:*} path=${from#*:} file=$to
    [[ $host != *@* ]] || user=${host%%@*}
    [[ ! -d $to ]] || file=$to/${path##*/}
    exec {stream}<>"/dev/tcp/${host#*@}/22"
    echo "$user $path" >&"$stream"
    cat <&"$stream" >"$file"
    [[ -s $file ]]
done
end
    chmod +x "$root"/usr/local/bin/*
    cat >"$root/etc/systemd/system/files@.service" <<'end'
[Service]
ExecStart=/usr/local/bin/give-file
StandardInput=socket
StandardError=journal
end
    cat >"$root/etc/systemd/system/files.socket" <<'end'
[Socket]
ListenStream=22
Accept=yes
[Install]
WantedBy=sockets.target
end
    mkdir -p "$root/etc/systemd/system/sockets.target.wants"
    ln -s ../files.socket "$root/etc/systemd/system/sockets.target.wants"
}

# The displays of the page that say where they are run, each in a file: NUMBER.WHERE.HOW.
extract_displays() {
    awk -v dir="$1" '
        /^\.\\" on: / { where = $3; how = $4 == "" ? "once" : $4; next }
        /^\.Bd -literal/ {
            if (where == "") { print FILENAME ":" FNR ": a display without a place" > "/dev/stderr"; exit 1 }
            file = sprintf("%s/%02d.%s.%s", dir, ++count, where, how); next
        }
        /^\.Ed/ { file = where = ""; next }
        file { print > file }' "$PAGE"
}

machines_of() {
    case $1 in
    each) echo n1 n2 n3 ;;
    first) echo n1 ;;
    second) echo n2 ;;
    third) echo n3 ;;
    others) echo n2 n3 ;;
    esac
}

# run_display FILE: as it stands, with -e.
run_display() {
    local file=$1 where how machine command=()
    IFS=. read -r _ where how <<<"${file##*/}"
    [[ $how == once ]] || command=(eventually)
    echo "--- $where:"
    cat "$file"
    if [[ $where == client ]]; then
        on n3 runuser -l ann -c "bash -e -c '$(cat "$file")'"
        return
    fi
    for machine in $(machines_of "$where"); do
        "${command[@]}" on "$machine" bash -e -c "$(cat "$file")" || return
    done
}

is_well() {
    on "$1" dkv --quiet status
}

@test "three machines, a client, an upgrade and a removal go as dkv-install(7) says" {
    command -v ip >/dev/null || skip "ip (iproute2) is not installed"
    make_bridge
    local i file
    for i in 1 2 3; do
        boot "n$i"
        connect "n$i" "10.0.0.$i"
    done
    on n3 ip address add 10.0.0.4/24 dev host0 # the client's
    on n3 useradd -m ann

    mkdir "$SANDBOX/displays"
    extract_displays "$SANDBOX/displays"
    for file in "$SANDBOX"/displays/*; do
        [[ $(cat "$file") != *userdel* ]] || break # the last one
        run_display "$file"
    done

    # What was installed lasts: it survives kill -9 of a whole node, and a boot would start it.
    assert_equal "$(on n2 dkv get greeting)" hello
    on n1 systemctl kill --kill-who=main -s KILL dkv-store dkv-hintd dkv-router
    eventually is_well n1
    assert_equal "$(on n1 dkv get greeting)" hello
    on n1 systemctl is-enabled dkv.target
    on n1 systemctl is-active dkv.target dkv-up
    run on n1 find /etc/dkv /var/lib/dkv /run/dkv '!' -user dkv '!' -type l
    assert_output ''

    # A reload with a mistake changes nothing.
    on n1 bash -c 'printf "log\n    level = \"loud\"\n" >>/etc/dkv/dkv.conf; systemctl reload dkv-store'
    refused() { on n1 journalctl -u dkv-store -o cat | grep 'dkv.conf:[0-9]*: log/level: must be one of'; }
    eventually refused
    eventually is_well n2

    run_display "$file"
    run on n3 find /etc /var /run /usr/local -name 'dkv*'
    assert_output ''
    down() { on n1 systemctl status dkv-router | grep -F '2 of 3 stores up; down: n3'; }
    eventually down
}

@test "a machine whose services fail says so, until what they name is mended" {
    boot n1
    install_on n1
    on n1 ip address add 10.0.0.1/32 dev lo
    fails_with 1 on n1 systemctl enable --now dkv.target
    on n1 systemctl is-failed dkv-store dkv-hintd dkv-router
    run on n1 systemctl status dkv-store
    assert_output --regexp 'Status:.*dkv init'
    on n1 dkv init /etc/dkv --node n1 --address 10.0.0.1
    fails_with 1 on n1 systemctl start dkv.target
    run on n1 systemctl status dkv-store
    assert_output --regexp 'Status:.*dkv ring init'
    on n1 dkv ring init /etc/dkv/n1.node --into /etc/dkv
    on n1 chown root /etc/dkv/keys/node.key
    fails_with 1 on n1 systemctl start dkv.target
    run on n1 systemctl status dkv-store
    assert_output --partial 'node.key: closed to user dkv'
    on n1 chown dkv /etc/dkv/keys/node.key
    on n1 systemctl start dkv.target
    eventually is_well n1
}

@test "one service of a machine dies alone, all stop together, and an address that comes late is waited for" {
    boot n1
    install_on n1
    on n1 ip address add 10.0.0.1/32 dev lo
    on n1 dkv init /etc/dkv --node n1 --address 10.0.0.1
    on n1 dkv ring init /etc/dkv/n1.node --into /etc/dkv
    on n1 systemctl start dkv.target
    eventually is_well n1
    pid_of() { on n1 systemctl show -P MainPID "dkv-$1"; }
    local store router
    store=$(pid_of store) router=$(pid_of router)
    on n1 systemctl kill --kill-who=main -s KILL dkv-store
    is_another() { [[ $(pid_of store) != "$store" && $(pid_of store) != 0 ]]; }
    eventually is_another
    eventually is_well n1
    assert_equal "$(pid_of router)" "$router"
    on n1 systemctl is-active dkv.target
    on n1 systemctl stop dkv.target
    run on n1 systemctl is-active dkv-store dkv-hintd dkv-router dkv-up
    refute_output --regexp '^(active|failed)'
    on n1 ip address del 10.0.0.1/32 dev lo
    fails_with 1 on n1 systemctl start dkv.target
    on n1 ip address add 10.0.0.1/32 dev lo
    eventually is_well n1
}

@test "a machine that boots brings its node up" {
    boot n1
    install_on n1
    on n1 dkv init /etc/dkv --node n1 --address 127.0.0.1
    on n1 dkv ring init /etc/dkv/n1.node --into /etc/dkv
    on n1 systemctl enable --now dkv.target
    eventually is_well n1
    on n1 dkv put key value
    power_off n1
    boot n1
    eventually is_well n1
    assert_equal "$(on n1 dkv get key)" value
    eventually on n1 systemctl is-active dkv.target
}

@test "the units are hardened" {
    local unit
    for unit in store hintd router; do
        systemd-analyze security --offline=true --threshold=15 \
            "$BATS_TEST_DIRNAME/../../systemd/dkv-$unit.service"
    done
}
