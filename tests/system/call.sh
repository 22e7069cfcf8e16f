#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# shellcheck source=common.sh
# shellcheck disable=SC2016 # the variables are the commands'
# shellcheck disable=SC2018,SC2019 # bytes, not letters
#
# hark call: replies byte for byte over every transport, and each way to fail with its exit status.

source "$(dirname "$0")/common.sh"

readonly exec_address='exec:hark serve stdio: --echo --method upper=tr%20a-z%20A-Z'

# for_each_transport COMMAND: runs it with `address` set to a server that has echo and upper.
for_each_transport() {
        local address
        serve "unix:$PWD/x" --echo --method 'upper=tr a-z A-Z'
        "$@"
        serve tcp:127.0.0.1:0 --echo --method 'upper=tr a-z A-Z'
        "$@"
        serve "unix:@hark-test-$$-$BASHPID" --echo --method 'upper=tr a-z A-Z'
        "$@"
        address=$exec_address
        "$@"
}

# make_bytes SIZE: prints as many, the same ones each time, of all values.
make_bytes() {
        python3 -c 'import random, sys
random.seed(1)
sys.stdout.buffer.write(random.randbytes(int(sys.argv[1])))' "$1"
}

upper_answers() {
        equals "$(hark call "$address" upper hello)" HELLO
}

a_command_answers_over_every_transport_test() {
        for_each_transport upper_answers
}

echo_is_identical() {
        hark call "$address" echo @bytes >back
        cmp bytes back
        hark call "$address" echo - <bytes >back
        cmp bytes back
        hark call "$address" upper @bytes >back
        tr a-z A-Z <bytes | cmp - back
}

small_echoes_are_identical() {
        local size
        for size in 0 1 31 32 33 4095 65535 65536 65537; do
                make_bytes "$size" >bytes
                echo_is_identical
        done
}

small_payloads_come_back_identical_over_every_transport_test() {
        for_each_transport small_echoes_are_identical
}

a_mebibyte_comes_back_identical_over_every_transport_test() {
        make_bytes 1048576 >bytes
        for_each_transport echo_is_identical
}

sixteen_mebibytes_come_back_identical_over_every_transport_test() {
        make_bytes 16777216 >bytes
        for_each_transport echo_is_identical
}

more_than_the_other_side_takes_is_refused_test() {
        serve "unix:$PWD/x" --echo
        make_bytes 16777217 >bytes
        status_is 1 hark call "$address" echo @bytes 2>complaint
        matches "$(<complaint)" '^hark: echo at unix:'
        equals "$(hark call "$address" echo hello)" hello
}

without_data_nothing_is_sent_test() {
        serve "unix:$PWD/x" --method 'size=wc -c'
        equals "$(hark call "$address" size <<<'not read')" 0
        equals "$(hark call "$address" size '')" 0
}

nothing_is_added_to_a_reply_test() {
        serve "unix:$PWD/x" --echo
        hark call "$address" echo hello >said
        equals "$(wc -c <said)" 5
}

a_call_is_repeated_as_often_as_asked_test() {
        serve "unix:$PWD/x" --echo
        equals "$(hark call "$address" echo hello --repeat 3)" hellohellohello
}

a_reply_as_json_tells_text_from_bytes_test() {
        serve "unix:$PWD/x" --echo
        hark call "$address" echo $'say "hé"\n\t\\' --json >said
        json said
        equals "$(field status said)" 0
        equals "$(field text said)" $'say "hé"\n\t\\'
        equals "$(field encoding said)" text
        equals "$(field size said)" 12
        printf '\377\0a' >bytes
        hark call "$address" echo @bytes --json >said
        equals "$(field base64 said)" /wBh
        equals "$(field encoding said)" raw
}

a_failure_as_json_has_its_status_and_its_reason_test() {
        serve "unix:$PWD/x" --method 'fail=echo no such door >&2; exit 3'
        status_is 1 hark call "$address" fail --json >said 2>complaint
        equals "$(field status said)" 1003
        equals "$(field reason said)" 'no such door'
        equals "$(<complaint)" "hark: fail at $address: no such door"
}

a_handlers_failure_ends_with_1_and_its_words_test() {
        serve "unix:$PWD/x" --method 'fail=echo no such door >&2; exit 3'
        fails 1 "fail at $address: no such door" hark call "$address" fail
}

an_unknown_method_ends_with_1_test() {
        serve "unix:$PWD/x" --echo
        fails 1 "shout at $address: " hark call "$address" shout
}

nobody_there_ends_with_3_test() {
        fails 3 "unix:$PWD/nobody" hark call "unix:$PWD/nobody" echo
        fails 3 'exec:/nonexistent' hark call exec:/nonexistent echo
        fails 3 'exec:false' hark call exec:false echo
}

a_killed_server_leaves_a_socket_where_nobody_is_test() {
        serve "unix:$PWD/x" --echo
        kill -KILL "$pid"
        wait "$pid" || true
        fails 3 "$address" hark call "$address" echo
        serve "unix:$PWD/x" --echo
        equals "$(hark call "$address" echo hello)" hello
}

a_program_that_does_not_speak_hark_ends_with_3_test() {
        fails 3 'exec:echo hello' hark call 'exec:echo hello' echo
}

no_answer_in_time_ends_with_4_test() {
        mkfifo never
        serve "unix:$PWD/x" --method 'wait=cat never'
        fails 4 "wait at $address: " hark call "$address" wait --timeout 50
}

# The signal comes from the command itself, so it is certain that the call waits.
a_server_killed_during_a_call_ends_it_with_5_at_once_test() {
        serve "unix:$PWD/x" --method 'die=kill -KILL $PPID'
        fails 5 "die at $address: " hark call "$address" die --timeout 86400000
}

an_executed_server_that_dies_ends_a_call_with_5_test() {
        fails 5 'exec:hark' hark call \
                'exec:hark serve stdio: --method die=kill%20-KILL%20$PPID' die --timeout 86400000
}

an_executed_server_ends_with_its_client_test() {
        mkfifo alive
        # Whatever the server starts with has the FIFO open until it ends.
        hark call 'exec:sh -c exec%20hark%20serve%20stdio:%20--echo%203>alive' echo hello >said &
        is_released alive
        wait $!
        equals "$(<said)" hello
}

send_ends_when_it_was_taken_test() {
        mkfifo heard
        serve "unix:$PWD/x" --method 'log=cat >heard'
        hark send "$address" log 'it is noon'
        equals "$(timeout "$patience_s" cat heard)" 'it is noon'
}

send_takes_files_and_standard_input_test() {
        mkfifo heard
        serve "unix:$PWD/x" --method 'log=cat >heard'
        make_bytes 1048576 >bytes
        hark send "$address" log @bytes
        timeout "$patience_s" cat heard | cmp - bytes
        hark send "$address" log - <bytes
        timeout "$patience_s" cat heard | cmp - bytes
}

send_to_an_unknown_method_ends_with_1_test() {
        serve "unix:$PWD/x" --echo
        fails 1 "shout at $address: " hark send "$address" shout hello
}

send_to_nobody_ends_with_3_test() {
        fails 3 "unix:$PWD/nobody" hark send "unix:$PWD/nobody" log
}

run_tests
