#!/bin/sh
# kill-a-node.sh - a node dies without warning, and nobody notices.
set -eu
command -v dkv >/dev/null || PATH=$(dirname "$0")/../build/bin:$PATH # not installed: the build tree
dir=$(mktemp -d /tmp/dkv.XXXXXX)
trap 'dkv local down --dir "$dir/cluster" --wipe --yes; rm -rf "$dir"' EXIT
eval "$(dkv local up --dir "$dir/cluster" --nodes 3)"

# Each key has three copies; two of them on disk are enough for "written" (exit status 0).
for i in 1 2 3 4 5 6 7 8 9 10; do
    dkv put "key$i" "value $i"
done

# kill -9 for all processes of a node.
dkv local kill n2 --dir "$dir/cluster"

# Every write that was acknowledged is still there, and writing goes on.
for i in 1 2 3 4 5 6 7 8 9 10; do
    test "$(dkv get "key$i")" = "value $i"
    dkv put "key$i" "value $i, changed"
done

# `dkv status` is a check: 12 when a node is down. A node is given a moment before it is
# called so.
until code=0; dkv status >/dev/null || code=$?; test "$code" -eq 12; do
    sleep 0.1
done
dkv status || true

# It comes back with the data that it had.
dkv local start n2 --dir "$dir/cluster"
until dkv --quiet status >/dev/null; do
    sleep 0.1
done
for i in 1 2 3 4 5 6 7 8 9 10; do
    test "$(dkv get "key$i")" = "value $i, changed"
done
echo 'kill-a-node: done'
