#!/bin/sh
# quickstart.sh - store, read and delete values in a cluster of three nodes.
set -eu
command -v dkv >/dev/null || PATH=$(dirname "$0")/../build/bin:$PATH # not installed: the build tree
dir=$(mktemp -d /tmp/dkv.XXXXXX)
trap 'dkv local down --dir "$dir/cluster" --wipe --yes; rm -rf "$dir"' EXIT

# The only line on standard output is for the shell: where the cluster is.
eval "$(dkv local up --dir "$dir/cluster")"
dkv status

# A value is an argument, a file or whatever comes in.
dkv put greeting hello
printf 'from a pipe' | dkv put note
dkv put script --file "$0"

# Values come back byte for byte, with nothing added.
test "$(dkv get greeting)" = hello
dkv get script | cmp - "$0"

# Exit status 3 says that a key is not there, and nothing else does.
dkv del greeting
code=0
dkv --quiet get greeting || code=$?
test "$code" -eq 3

# Which nodes hold a key?
dkv where note
echo 'quickstart: done'
