#!/bin/bash
# SPDX-License-Identifier: MIT
#
# What the tutorial shows, done:
#
#         tutorial.sh DIRECTORY_OF_THE_PAGES DIRECTORY_OF_THE_PROGRAMS HARK
#
# A page NAME.md has two blocks that begin with a command, and what that prints: ./NAME, and the
# service and client of hark at some address. A C block of it stands in one of the programs.

# shellcheck disable=SC2154 # pid, address, set by tap.sh
set -u
here=$(dirname "$(realpath "$0")")
pages=$(realpath "$1")
programs=$(realpath "$2")
hark=$(realpath "$3")
# shellcheck disable=SC1091 # lies beside this one
source "$here/../fixture/tap.sh"

readonly max_lines=79

# shown PAGE BEGINNING: the block of the page whose first line begins so.
shown() {
        awk -v beginning="$2" '
                /^```/ { is_inside = !is_inside; n = 0; next }
                is_inside && n++ == 0 { is_it = index($0, beginning) == 1 }
                is_inside && is_it
        ' "$pages/$1.md"
}

# c_blocks PAGE: each C block, and a NUL.
c_blocks() {
        awk '
                /^```c$/ { is_inside = 1; next }
                /^```$/ && is_inside { is_inside = 0; printf "%c", 0 }
                is_inside
        ' "$pages/$1.md"
}

# of_our_own ADDRESS: the same, at a path or name that is this test's alone.
of_our_own() {
        local address=${1/:\/tmp\//:$PWD/}
        echo "${address/#mq:\//mq:/hark-test-$$-$BASHPID-}"
}

here_are_the_programs() {
        ln -s "$programs"/* .
}

schemes() {
        "$hark" transports | sed -n '2,$s|^\([a-z]\+\) .*|\1|p'
}

# needs SCHEME: skips what this library, or this kernel, does not have.
needs() {
        schemes | grep -qx "$1" || skip "this library has no $1:"
        [[ $1 != mq || -e /proc/sys/fs/mqueue ]] || skip 'this kernel has no message queues'
}

# bare NAME: prints what its page shows.
bare() {
        [[ $1 != mq || -e /proc/sys/fs/mqueue ]] || skip 'this kernel has no message queues'
        [[ $1 != multicast || -e /proc/net/igmp ]] || skip 'this kernel has no multicast'
        here_are_the_programs
        local output
        output=$(timeout "$patience_s" "./$1" 2>&1)
        equals "\$ ./$1"$'\n'"$output" "$(shown "$1" "\$ ./$1")"
}

# started_by_the_client TEXT: its first line is the command.
started_by_the_client() {
        local command output
        command=$(head -n 1 <<<"$1")
        [[ $command =~ ^\$\ ./client\ \'(exec:.*)\'$ ]]
        output=$(timeout "$patience_s" ./client "${BASH_REMATCH[1]}" 2>&1)
        equals "$output" "$(tail -n +2 <<<"$1")"
}

# started_before TEXT: the service, its address, the client, what that prints.
started_before() {
        local lines output
        mapfile -t lines <<<"$1"
        [[ ${lines[0]} =~ ^\$\ ./service\ ([^\ ]+)\ \&$ ]]
        needs "${BASH_REMATCH[1]%%:*}"
        start ./service "$(of_our_own "${BASH_REMATCH[1]}")"
        equals "${lines[2]}" "\$ ./client ${lines[1]}"
        equals "${address%%:*}" "${lines[1]%%:*}"
        output=$(timeout "$patience_s" ./client "$address" 2>&1)
        equals "$output" "$(printf '%s\n' "${lines[@]:3}")"
        wait "$pid"
}

# over_hark NAME: service and client print what the page shows, end well, and leave nothing.
over_hark() {
        local text before
        here_are_the_programs
        before=$(ls)
        text=$(shown "$1" "\$ ./service")
        if [[ -n $text ]]; then
                started_before "$text"
        else
                started_by_the_client "$(shown "$1" "\$ ./client")"
        fi
        equals "$(ls)" "$before"
}

# stands_in PAGE: each C block of it, as it is, in a program of its own or one of hark's.
stands_in() {
        local block file found
        while IFS= read -r -d '' block; do
                found=no
                for file in "$pages/$1.c" "$pages/service.c" "$pages/client.c"; do
                        [[ ! -e $file || $'\n'$(<"$file") != *$'\n'"$block"* ]] || found=yes
                done
                [[ $found == yes ]] || { printf '%s.md: in no program:\n%s' "$1" "$block" && return 1; }
        done < <(c_blocks "$1")
}

every_piece_of_c_stands_in_a_program_test() {
        local page
        for page in "$pages"/*.md; do
                stands_in "$(basename "$page" .md)"
        done
}

every_program_has_a_page_and_every_page_is_in_the_table_test() {
        local file name
        for file in "$pages"/*.c; do
                name=$(basename "$file" .c)
                grep -qF "($name.c)" "$pages/README.md" || { echo "$name.c" && return 1; }
                [[ $name == service || $name == client || -e $pages/$name.md ]]
        done
        for file in "$pages"/*.md; do
                name=$(basename "$file")
                [[ $name == README.md ]] || grep -qF "($name)" "$pages/README.md"
        done
}

no_page_leads_to_what_is_not_there_test() {
        local target
        cd "$pages"
        while read -r target; do
                test -e "$target" || { echo "$target" && return 1; }
        done < <(grep -oh '](\([^)]*\))' ./*.md | sed 's/^](//; s/)$//')
}

no_program_has_eighty_lines_test() {
        local file
        for file in "$pages"/*.[ch]; do
                (($(wc -l <"$file") <= max_lines)) || { echo "$file is too long" && return 1; }
        done
}

the_bare_programs_know_nothing_of_hark_test() {
        local file
        for file in "$pages"/*.[ch]; do
                case $(basename "$file") in
                service.c | client.c) ;;
                *) equals "$(grep -n hark "$file")" '' ;;
                esac
        done
}

service_and_client_name_no_transport_test() {
        local name
        while read -r name; do
                equals "$(grep -nw "$name:" "$pages/service.c" "$pages/client.c")" ''
        done < <(schemes)
}

one_compiles_as_the_readme_says_test() {
        cp "$pages"/*.[ch] .
        local command
        command=$(shown README '$ cc')
        eval "${command#\$ }"
        test -x pipe
}

for page in "$pages"/*.md; do
        name=$(basename "$page" .md)
        [[ $name != README ]] || continue
        eval "the_bare_${name}_prints_what_its_page_shows_test() { bare $name; }"
        if grep -qE '^\$ ./(service|client)' "$page"; then
                eval "the_adder_is_the_same_over_${name}_test() { over_hark $name; }"
        fi
done

run_tests "${4-*}"
