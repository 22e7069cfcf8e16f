#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# shellcheck source=common.sh
#
# Completion in bash, without a terminal: what it would offer for a line that ends at the cursor.

source "$(dirname "$0")/common.sh"
source "$(dirname "$0")/../../tools/hark/hark.bash"

# offers LINE: prints what is offered, sorted, on one line.
offers() {
        COMP_LINE=$1 COMP_POINT=${#1} COMPREPLY=()
        _hark
        printf '%s\n' "${COMPREPLY[@]}" | sort | tr '\n' ' ' | sed 's/ $//'
}

verbs_are_offered_test() {
        equals "$(offers 'hark ')" 'bench call doctor pub send serve sub transports wait'
        equals "$(offers 'hark s')" 'send serve sub'
        equals "$(offers 'hark --')" '--help --version'
}

options_are_those_of_the_verb_test() {
        equals "$(offers 'hark call --')" '--help --idempotent --json --priority --repeat --stream --timeout --wait'
        equals "$(offers 'hark doctor --')" '--help --json --quiet'
        equals "$(offers 'hark serve unix:/x --m')" '--method'
        equals "$(offers 'hark serve unix:/x --r')" '--report-only'
}

transports_are_offered_where_an_address_stands_test() {
        contains "$(offers 'hark call ')" 'unix:'
        equals "$(offers 'hark sub tc')" 'tcp:'
        equals "$(offers 'hark doctor tc')" 'tcp:'
        equals "$(offers 'hark call --timeout 5 tc')" 'tcp:'
        equals "$(offers 'hark call unix:/x tc')" ''
        equals "$(offers 'hark serve unix:/x --echo tc')" 'tcp:'
        equals "$(offers 'hark serve --allow rule tc')" 'tcp:'
        equals "$(offers 'hark serve --stream a=b tc')" 'tcp:'
        equals "$(offers 'hark call --stream unix:/x tc')" ''
        equals "$(offers 'hark sub --policy latest tc')" 'tcp:'
        equals "$(offers 'hark sub --policy latest unix:/x tc')" ''
}

sockets_are_offered_by_their_path_test() {
        serve "unix:$PWD/clock" --echo
        mkdir closet
        equals "$(offers "hark call unix:$PWD/cl")" "$PWD/clock $PWD/closet/"
}

every_transport_with_paths_has_its_own_offered_test() {
        serve "seqpacket:$PWD/clock" --echo
        equals "$(offers "hark call seqpacket:$PWD/cl")" "$PWD/clock"
        equals "$(offers "hark call dgram:$PWD/cl")" "$PWD/clock"
        equals "$(offers "hark call fifo:$PWD/cl")" ''
        mkfifo closet
        equals "$(offers "hark call fifo:$PWD/cl")" "$PWD/closet"
        equals "$(offers "hark call tcp:$PWD/cl")" ''
}

files_are_offered_after_an_at_sign_test() {
        touch payload.bin
        equals "$(offers 'hark call unix:/x echo @pay')" '@payload.bin'
}

run_tests
