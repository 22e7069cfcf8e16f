#!/bin/bash
# SPDX-License-Identifier: MIT
#
# What README.md says, done: its client and its server, as they stand, compiled as it says against
# what was installed, run against each other. readme.sh README BUILD_DIRECTORY

set -u
here=$(dirname "$(realpath "$0")")
readme=$(realpath "$1")
build=$(realpath "$2")
# shellcheck disable=SC1091 # they lie beside this one
source "$here/../fixture/tap.sh"
# shellcheck disable=SC1091
source "$here/statements.sh"

readonly address_in_readme=unix:/run/clock.sock

# block_with WORD: prints the first C block of the README that holds the word.
block_with() {
        awk -v word="$1" '
                /^```c$/ { is_inside = 1; block = ""; next }
                /^```$/ && is_inside { is_inside = 0; if (index(block, word)) { printf "%s", block; exit } }
                is_inside { block = block $0 "\n" }
        ' "$readme"
}

# Installs into $PWD/root and has pkg-config look there, and nowhere else.
install_here() {
        meson install -C "$build" --no-rebuild --quiet --destdir "$PWD/root"
        local file
        file=$(find "$PWD/root" -name hark.pc)
        test -n "$file"
        PKG_CONFIG_LIBDIR=$(dirname "$file")
        export PKG_CONFIG_LIBDIR
        export PKG_CONFIG_SYSROOT_DIR=$PWD/root
        export PKG_CONFIG_ALLOW_SYSTEM_CFLAGS=1 PKG_CONFIG_ALLOW_SYSTEM_LIBS=1
        LD_LIBRARY_PATH=$PWD/root$(PKG_CONFIG_SYSROOT_DIR='' pkg-config --variable=libdir hark)
        export LD_LIBRARY_PATH
}

# compile NAME WORD: the block with that word, at an address of this test's own.
compile() {
        block_with "$2" | sed "s|$address_in_readme|unix:$PWD/clock.sock|" >"$1.c"
        grep -q "unix:$PWD/clock.sock" "$1.c"
        # shellcheck disable=SC2046 # these are words
        cc "$1.c" $(pkg-config --cflags --libs hark) -o "$1"
}

the_client_and_the_server_of_the_readme_work_test() {
        install_here
        compile client hark_connect
        compile server hark_server_listen
        ./server &
        started+=($!)
        eventually test -S clock.sock # this server prints nothing
        status_is 0 ./client >answer
        test -s answer
}

they_are_as_short_as_it_says_test() {
        block_with hark_connect >client.c
        block_with hark_server_listen >server.c
        (($(statements client.c) <= 10))
        (($(statements server.c) <= 15))
}

run_tests
