# dkv.bash - completion of dkv(1) in bash, from its own --help.

# The long options that a help text lists.
_dkv_options() {
    dkv "$@" --help 2>/dev/null | sed -n 's/^ .*\(--[a-z][a-z-]*\).*/\1/p'
}

_dkv_verbs() {
    dkv --help 2>/dev/null | sed -n '/^Options/q; s/^  \([a-z][a-z]*\)  .*/\1/p'
}

_dkv() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
    local verb='' i candidates=''
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        --cluster | --keyspace | --timeout | --key-dir | -k) ((i++)) ;;
        -*) ;;
        *)
            verb=${COMP_WORDS[i]}
            break
            ;;
        esac
    done
    COMPREPLY=()

    case $before in
    --write-quorum | --read-quorum | -W | -R)
        candidates='1 2 3 one quorum all local-quorum each-quorum'
        ;;
    --format) candidates='tsv json cdb null' ;;
    --role) candidates='reader client admin' ;;
    --keyspace | -k) candidates=$(dkv --quiet --timeout 500 keyspace list 2>/dev/null | cut -f 1) ;;
    --cluster | --timeout) return ;;
    *)
        if [[ $word == -* ]]; then
            candidates="$(_dkv_options) --help"
            [[ $verb ]] && candidates+=" $(_dkv_options "$verb")"
        elif [[ ! $verb ]]; then
            candidates=$(_dkv_verbs)
        else
            case $verb:$((COMP_CWORD - i)) in
            ring:1) candidates='init show export' ;;
            keyspace:1) candidates='list' ;;
            local:1) candidates='up down status start stop kill pause resume' ;;
            local:2)
                candidates=$(dkv --quiet local status 2>/dev/null | cut -f 1 | sort -u)
                ;;
            local:3) candidates='store router' ;;
            esac
        fi
        ;;
    esac

    local match
    while IFS= read -r match; do
        COMPREPLY+=("$match")
    done < <(compgen -W "$candidates" -- "$word")
}

complete -o default -F _dkv dkv
