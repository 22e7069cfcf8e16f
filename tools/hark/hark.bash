# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# bash completion for hark(1). Verbs, options and transports are asked of the command itself, so that
# they cannot be out of date.

_hark_verbs() {
        hark --help 2>/dev/null | sed -n '/^Verbs:/,/^$/s/^  \([a-z]*\) .*/\1/p'
}

_hark_options() {
        if [[ $1 ]]; then
                hark "$1" --help 2>/dev/null | sed -n 's/^  \(-h, \)\?\(--[a-z-]*\).*/\2/p'
        else
                printf '%s\n' --help --version
        fi
}

# Those options of a verb that take a value, between spaces.
_hark_value_options() {
        hark "$1" --help 2>/dev/null | sed -n 's/^  \(--[a-z-]*\) [^ ].*/\1/p' | tr '\n' ' '
}

# Whether addresses of that scheme may be paths.
_hark_has_paths() {
        hark transports 2>/dev/null | grep -q " $1:/path"
}

# Addresses that the command can be given: transports, and sockets and FIFOs that are there.
_hark_addresses() {
        local path scheme=${1%%:*} kind=-S
        if [[ $1 == *:* ]] && _hark_has_paths "$scheme"; then
                [[ $scheme != fifo ]] || kind=-p
                while read -r path; do
                        if [[ -d $path ]]; then
                                printf '%s:%s/\n' "$scheme" "$path"
                        elif test "$kind" "$path"; then
                                printf '%s:%s\n' "$scheme" "$path"
                        fi
                done < <(compgen -f -- "${1#*:}")
        else
                hark transports 2>/dev/null | sed -n '2,/^$/s/^\([a-z]*\) .*/\1:/p'
        fi
}

# The operands before the cursor, past the verb; what an option takes is not one.
_hark_count_operands() {
        local i n=0 takes_value
        takes_value=" $(_hark_value_options "$1")"
        for ((i = 2; i < cword; i++)); do
                if [[ $takes_value == *" ${words[i]} "* ]]; then
                        i=$((i + 1))
                elif [[ ${words[i]} != -?* ]]; then
                        n=$((n + 1))
                fi
        done
        printf '%d\n' "$n"
}

# Words as the user typed them: readline has cut them at every colon.
_hark_join_words() {
        local i line=${COMP_LINE:0:COMP_POINT}
        read -r -a words <<<"$line"
        if [[ $line == *[[:space:]] ]]; then
                words+=('')
        fi
        cword=$((${#words[@]} - 1))
        cur=${words[cword]}
}

_hark() {
        local words=() cword=0 cur='' verb='' candidates='' n_operands

        _hark_join_words
        if ((cword >= 2)); then
                verb=${words[1]}
        fi
        if [[ $cur == -* ]]; then
                candidates=$(_hark_options "$verb")
        elif [[ ! $verb ]]; then
                candidates=$(_hark_verbs)
        else
                n_operands=$(_hark_count_operands "$verb")
                if ((n_operands == 0)) || [[ $verb == serve || $verb == bench ]]; then
                        candidates=$(_hark_addresses "$cur")
                elif ((n_operands == 2)) && [[ $cur == @* ]]; then
                        candidates=$(compgen -P @ -f -- "${cur#@}")
                fi
        fi
        mapfile -t COMPREPLY < <(compgen -W "$candidates" -- "$cur")
        # What stands before the last colon is on the line already.
        if [[ $cur == *:* && $COMP_WORDBREAKS == *:* ]]; then
                COMPREPLY=("${COMPREPLY[@]#"${cur%"${cur##*:}"}"}")
        fi
        # A scheme or a directory is only a beginning.
        if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[:/] ]]; then
                compopt -o nospace 2>/dev/null
        fi
}

complete -F _hark hark
