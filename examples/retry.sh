#!/bin/sh
# retry.sh - a write that is repeated until it is known to be written, and applied once.
set -eu
command -v dkv >/dev/null || PATH=$(dirname "$0")/../build/bin:$PATH # not installed: the build tree
dir=$(mktemp -d /tmp/dkv.XXXXXX)
trap 'dkv local down --dir "$dir/cluster" --wipe --yes; rm -rf "$dir"' EXIT
eval "$(dkv local up --dir "$dir/cluster")"
dkv put -W all account 'opened'

# Two of three nodes stand still, so that a write is sent and not confirmed. They go on later.
dkv local pause n2 --dir "$dir/cluster"
dkv local pause n3 --dir "$dir/cluster"
(
    sleep 3
    dkv local resume n2 --dir "$dir/cluster"
    dkv local resume n3 --dir "$dir/cluster"
) &

# The id is chosen before the first try: the same id is the same write, however often it is sent.
# 5 and 7: nothing was written, or nobody knows; 6: nobody knows. All else is an answer.
id=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
tries=1
until dkv --timeout 1000 put -W all --receipt --request-id "$id" account 'paid' 2>"$dir/said"; do
    code=$?
    cat "$dir/said"
    tries=$((tries + 1))
    case $code in
    5 | 6 | 7) sleep 0.2 ;;
    *) exit 1 ;;
    esac
done
wait
echo "written after $tries tries"

# The receipt is a barrier: go on when all owners have the write, and read what is not older.
sed -n 's/^receipt=//p' "$dir/said" >"$dir/receipt"
dkv --timeout 10000 wait "@$dir/receipt"
test "$(dkv get --after "@$dir/receipt" account)" = 'paid'
echo 'retry: done'
