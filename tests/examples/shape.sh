#!/bin/bash
# SPDX-License-Identifier: MIT
#
# What examples owe their reader: shape.sh DIRECTORY_OF_THE_SOURCES

set -u
here=$(dirname "$(realpath "$0")")
sources=$(realpath "$1")
# shellcheck disable=SC1091 # they lie beside this one
source "$here/../fixture/tap.sh"
# shellcheck disable=SC1091
source "$here/statements.sh"

readonly max_lines=80

no_example_is_longer_than_a_screen_or_two_test() {
        local file
        for file in "$sources"/*.c; do
                (($(wc -l <"$file") <= max_lines)) || { echo "$file is too long" && return 1; }
        done
}

the_client_has_ten_statements_test() {
        (($(statements "$sources/client.c") <= 10))
}

the_server_has_fifteen_statements_test() {
        (($(statements "$sources/server.c") <= 15))
}

every_example_says_what_it_shows_test() {
        local file
        for file in "$sources"/*.c; do
                sed -n '3p' "$file" | grep -q '^/\*' || { echo "$file" && return 1; }
        done
}

every_example_is_run_test() {
        local file name
        for file in "$sources"/*.c; do
                name=$(basename "$file" .c)
                grep -qw "$name" "$here/examples.sh" || { echo "$name" && return 1; }
        done
}

run_tests
