#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# shellcheck source=common.sh
# shellcheck disable=SC2016 # the variables are the commands'
#
# hark call --stream and hark serve --stream: items as lines, no faster than they are taken.

source "$(dirname "$0")/common.sh"

each_line_is_an_item_test() {
        serve "unix:$PWD/x" --stream 'count=seq "$(cat)"'
        equals "$(hark call --stream "$address" count 3)" $'1\n2\n3'
        seq 100000 >expected
        hark call --stream "$address" count 100000 >printed
        cmp expected printed
        equals "$(hark call --stream "$address" count 0)" ''
}

lines_come_as_they_are_test() {
        serve "unix:$PWD/x" --stream 'odd=printf "a\tb\n\n\nno end"'
        equals "$(hark call --stream "$address" odd)" $'a\\tb\n\n\nno end'
}

items_are_printed_as_json_test() {
        serve "unix:$PWD/x" --stream 'count=seq 2'
        hark call --stream --json "$address" count >printed
        equals "$(sed -n 1p printed)" '{"item":true,"encoding":"raw","size":1,"text":"1"}'
        equals "$(sed -n 2p printed)" '{"item":true,"encoding":"raw","size":1,"text":"2"}'
        contains "$(sed -n 3p printed)" '"status":0'
}

an_answer_without_items_is_printed_as_ever_test() {
        serve "unix:$PWD/x" --echo
        equals "$(hark call --stream "$address" echo hello)" hello
}

items_come_before_the_command_has_ended_test() {
        mkfifo go_on printed
        serve "unix:$PWD/x" --stream "wait=echo first; cat $PWD/go_on; echo last"
        hark call --stream "$address" wait >printed &
        local caller=$!
        exec {lines}<printed
        read -r -t 10 -u "$lines" line
        equals "$line" first
        : >go_on
        read -r -t 10 -u "$lines" line
        equals "$line" last
        wait "$caller"
}

a_failure_comes_behind_the_items_test() {
        serve "unix:$PWD/x" --stream 'fail=echo one; echo broken >&2; exit 3'
        status_is 1 hark call --stream "$address" fail >printed 2>complaint
        equals "$(<printed)" one
        contains "$(<complaint)" broken
}

a_plain_call_is_told_that_there_are_items_test() {
        serve "unix:$PWD/x" --stream 'count=seq 200000'
        status_is 1 hark call "$address" count 2>complaint
        contains "$(<complaint)" --stream
        hark send "$address" count
        equals "$(hark call --stream "$address" count --timeout 30000 | tail -n 1)" 200000
}

a_slow_reader_holds_up_the_command_test() {
        mkfifo printed
        serve "unix:$PWD/x" --stream "flood=trap 'echo ended >$PWD/ended' EXIT; seq 200000"
        hark call --stream "$address" flood --timeout 30000 >printed &
        local caller=$!
        exec {lines}<printed
        read -r -t 10 -u "$lines" line
        equals "$line" 1
        test ! -e ended
        equals "$(cat <&"$lines" | tail -n 1)" 200000
        wait "$caller"
        test -e ended
}

a_reader_that_goes_ends_the_command_test() {
        mkfifo held
        serve "unix:$PWD/x" --stream 'flood=exec yes 3>held'
        hark call --stream "$address" flood 2>/dev/null | head -n 1 >printed &
        is_released held
        wait $!
        equals "$(<printed)" y
}

a_stopped_command_is_killed_when_the_time_is_over_test() {
        mkfifo held printed
        serve "unix:$PWD/x" --stream 'flood=exec yes 3>held'
        hark call --stream "$address" flood --timeout 300 >printed 2>/dev/null &
        exec {lines}<printed # and does not read
        is_released held
        exec {lines}<&-
}

a_stream_that_is_no_command_is_refused_test() {
        status_is 2 hark serve "unix:$PWD/x" --stream count 2>complaint
        contains "$(<complaint)" '--stream takes NAME=COMMAND'
}

run_tests
