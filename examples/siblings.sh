#!/bin/sh
# siblings.sh - two writers who do not know of each other, and how to make peace.
set -eu
command -v dkv >/dev/null || PATH=$(dirname "$0")/../build/bin:$PATH # not installed: the build tree
dir=$(mktemp -d /tmp/dkv.XXXXXX)
trap 'dkv local down --dir "$dir/cluster" --wipe --yes; rm -rf "$dir"' EXIT
eval "$(dkv local up --dir "$dir/cluster")"

# Two people see the same empty cart and fill it. --sibling keeps what is there already.
dkv put cart --sibling apples
dkv put cart --sibling pears

# Both values are kept. A plain get cannot choose: exit status 4, one line for each on
# standard error.
code=0
dkv get cart || code=$?
test "$code" -eq 4

# Read all of them, each in a file, and the context: what this reader has seen.
dkv get cart --siblings "$dir/seen" --context-to "$dir/context"
cat "$dir"/seen/* && echo

# A put with that context replaces exactly what was seen.
dkv put cart --context "@$dir/context" 'apples and pears'
test "$(dkv get cart)" = 'apples and pears'

# The same context again: the value above is not covered by it, so it stays, as a sibling.
dkv put cart --context "@$dir/context" 'plums'
code=0
dkv --quiet get cart || code=$?
test "$code" -eq 4
echo 'siblings: done'
