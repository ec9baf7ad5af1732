# dkv.bash - completion of dkv(1) in bash, from its own --help.

# The long options that a help text lists.
_dkv_options() {
    dkv "$@" --help 2>/dev/null | sed -En 's/^  (-[a-zA-Z],|   ) (--[a-z-]+).*/\2/p'
}

# Those, long and short, that the next word is the value of: its name follows theirs.
_dkv_options_with_value() {
    dkv "$@" --help 2>/dev/null |
        sed -En 's/^  (-[a-zA-Z]), (--[a-z-]+) [A-Z].*/\1 \2/p; s/^      (--[a-z-]+) [A-Z].*/\1/p'
}

_dkv_verbs() {
    dkv --help 2>/dev/null | sed -n '/^Options/q; s/^  \([a-z][a-z]*\)  .*/\1/p'
}

_dkv() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
    local verb='' position=0 i candidates='' with_value
    # Bash makes three words of --format=tsv.
    if [[ $word == = ]]; then
        word=''
    elif [[ $before == = ]]; then
        before=${COMP_WORDS[COMP_CWORD - 2]}
    fi
    with_value=" $(_dkv_options_with_value | tr '\n' ' ')"
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        -*)
            if [[ ${COMP_WORDS[i + 1]} == = ]]; then
                ((i += 2))
            elif [[ $with_value == *" ${COMP_WORDS[i]} "* ]]; then
                ((i++))
            fi
            ;;
        *)
            ((position++))
            if [[ ! $verb ]]; then
                verb=${COMP_WORDS[i]}
                with_value+=$(_dkv_options_with_value "$verb" | tr '\n' ' ')
            fi
            ;;
        esac
    done
    COMPREPLY=()

    case $before in
    --write-quorum | --read-quorum | -W | -R)
        candidates='1 2 3 one quorum all local-quorum each-quorum'
        ;;
    --format) candidates='tsv json cdb null' ;;
    --workload) candidates='fill read a b c f' ;;
    --conflict) candidates='versions lww' ;;
    --r | --w) candidates='1 2 3 one quorum all local-quorum each-quorum' ;;
    --role) candidates='reader client admin' ;;
    --keyspace | -k) candidates=$(dkv --quiet --timeout 500 keyspace list 2>/dev/null | cut -f 1) ;;
    --cluster | --timeout | --owners | --request-id) return ;;
    *)
        if [[ $word == -* ]]; then
            candidates="$(_dkv_options) --help"
            [[ $verb ]] && candidates+=" $(_dkv_options "$verb")"
        elif [[ ! $verb ]]; then
            candidates=$(_dkv_verbs)
        else
            case $verb:$position in
            ring:1) candidates='init show export plan commit abort status' ;;
            node:1) candidates='join leave forget set' ;;
            node:2) candidates=$(dkv --quiet --timeout 500 status 2>/dev/null | cut -f 1) ;;
            keyspace:1) candidates='list create set drop' ;;
            keyspace:2) candidates=$(dkv --quiet --timeout 500 keyspace list 2>/dev/null | cut -f 1) ;;
            hints:1) candidates='list wait flush' ;;
            hints:2)
                candidates=$(dkv --quiet --timeout 500 status 2>/dev/null | cut -f 1)
                ;;
            local:1) candidates='up down status start stop kill pause resume' ;;
            local:2)
                candidates=$(dkv --quiet local status 2>/dev/null | cut -f 1 | sort -u)
                ;;
            local:3) candidates='store hintd router repair' ;;
            resolve:2) candidates=$(compgen -c -- "$word") ;;
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
