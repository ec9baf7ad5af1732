#!/bin/bash
# demo.sh - what `make demo` shows: a cluster of three, a real file, a killed node.
#
# The file is the list of all Unicode characters: 35,000 lines, the code point as key. The
# cluster is the default one of `dkv local` and keeps running.
set -euo pipefail
file=${1:-/usr/share/unicode/UnicodeData.txt}
command -v dkv >/dev/null || PATH=$(cd "$(dirname "$0")/../build/bin" && pwd):$PATH
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

say() { # bold on a terminal
    if [[ -t 1 ]]; then
        printf '\n\033[1m%s\033[0m\n' "$*"
    else
        printf '\n%s\n' "$*"
    fi
}

if dkv local status >/dev/null 2>&1; then
    say 'A local cluster is running already; using it.'
    unset DKV_CLUSTER
else
    say 'dkv local up - three nodes on this machine'
    line=$(dkv local up)
    eval "$line"
fi
dkv status

# One record a line: the code point, a tab, the line itself.
awk -F ';' '{ print $1 "\t" $0 }' "$file" | sort >"$scratch/pairs"
say "dkv load - $(wc -l <"$scratch/pairs") records of $file"
dkv load "$scratch/pairs"

say 'dkv local kill n2 - SIGKILL to every process of one node of three'
dkv local kill n2
dkv local status || true

say 'Reading every record back, byte for byte'
cut -f 1 "$scratch/pairs" | dkv mget | sort | cmp - "$scratch/pairs"
echo "$(wc -l <"$scratch/pairs") records, all as they were written"

say 'dkv local start n2 - and it is back'
dkv local start n2
for _ in {1..100}; do
    dkv --quiet status >/dev/null && break
    sleep 0.1
done
dkv status

say 'Now you'
cat <<END
    export PATH=$(dirname "$(command -v dkv)"):\$PATH
    dkv get -n 1F427                     # a penguin
    printf 'hello' | dkv put greeting
    dkv get -n greeting
    dkv where greeting                   # which nodes hold it
    dkv --help
    dkv local down                       # --wipe removes the data too
END
