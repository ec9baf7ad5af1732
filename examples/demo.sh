#!/bin/bash
# demo.sh - what `make demo` shows: a cluster of three, a real file, a killed node that catches up
# by itself, a delete that is final.
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

say 'Meanwhile others write on: 1000 new records, and 500 are deleted'
seq 1000 | sed 's/.*/new&\tvalue &/' >"$scratch/new"
dkv load "$scratch/new"
tail -n 500 "$scratch/pairs" | cut -f 1 | dkv load --delete

say 'dkv local start n2 - and it is back'
dkv local start n2
for _ in {1..100}; do
    dkv --quiet status >/dev/null && break
    sleep 0.1
done
dkv status

say 'dkv repair --wait - it has what it missed (it would have got it without being asked)'
dkv repair --wait
digests() { dkv digest | cut -f "$1" | sort -u | wc -l; }
[[ $(digests 2) == "$(digests 2,3)" ]]
echo "the three replicas of all $(digests 2) partitions have equal digests"

say 'dkv del --wait-gone - a delete is final (in a small cluster whose settings make it soon)'
(
    eval "$(dkv local up --dir "$scratch/soon" --set request/memory=1s --set purge/age=1s \
        --set repair/interval=1s --set repair/settle=100ms)"
    dkv put greeting hello
    dkv del --wait-gone greeting
    dkv explain greeting
    dkv local down --dir "$scratch/soon" --wipe --yes
)

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
