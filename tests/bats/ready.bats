#!/usr/bin/env bats
# A router whose sockets are open answers: it has heard the other nodes before it opens them.
load cluster

ROUNDS=${ROUNDS:-30}

setup_file() {
    isolate
    cluster_up --nodes 3
}

teardown_file() {
    cluster_down
}

# Until there is a router to answer.
patiently() {
    status=7
    while ((status == 7)); do
        run --separate-stderr dkv --cluster "ipc://$CLUSTER/n1/run/router.sock" "$@"
    done
}

@test "the first requests after the start of a router are served" {
    local round pid # not i, which run changes
    node kill n1 router
    for round in $(seq "$ROUNDS"); do
        rm "$CLUSTER/n1/run/router.sock"
        dkv-router --config "$CLUSTER/n1/dkv.conf" >/dev/null 2>&1 3>&- &
        pid=$!
        patiently put "started-$round" "$round"
        assert_equal "$status $stderr" '0 '
        patiently get "started-$round"
        assert_equal "$status $stderr $output" "0  $round"
        kill -9 "$pid"
        wait "$pid" || :
    done
    node start n1 router
    assert_equal "$(dkv scan --prefix started- 2>/dev/null | wc -l)" "$ROUNDS"
}

@test "a router does not wait for ever for a node that is down" {
    node kill n3
    node kill n1 router
    node start n1 router
    assert_equal "$(dkv --cluster "ipc://$CLUSTER/n1/run/router.sock" put alone v && dkv get alone)" v
    node start n3
}
