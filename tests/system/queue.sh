#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# shellcheck source=common.sh
#
# What is left in a message queue while nobody serves it.

source "$(dirname "$0")/common.sh"

queue=mq:/hark-test-$$

# A server that lets its queue stay.
serve_and_go() {
        serve "$queue?keep" --echo
        kill "$pid"
        wait "$pid"
}

# The next server, which takes each into a line of the file, one after the other, and then goes.
take() {
        local n
        serve "$queue" --jobs 1 --method 'note=cat >>taken; echo >>taken'
        for ((n = 0; n < 1000; n++)); do
                if [[ $1 == 0 || (-e taken && $(wc -l <taken) -ge $1) ]]; then
                        break
                fi
                hark call "$queue" none 2>/dev/null || true
        done
        kill "$pid"
        wait "$pid"
}

what_is_sent_while_nobody_serves_waits_in_the_queue_test() {
        serve_and_go
        hark send "$queue?leave" note one
        hark send "$queue?leave" note two
        fails 3 'cannot connect' hark send "$queue" note three
        take 2
        equals "$(<taken)" $'one\ntwo'
}

what_is_left_is_taken_by_a_server_that_is_there_test() {
        serve "$queue" --method 'note=cat >>taken; echo >>taken'
        hark send "$queue?leave" note one
        until [[ -e taken && $(<taken) == one ]]; do
                hark call "$queue" none 2>/dev/null || true
        done
        equals "$(<taken)" one
        kill "$pid"
        wait "$pid"
}

only_what_expects_no_answer_is_left_test() {
        serve_and_go
        fails 1 'only what expects no answer' hark call "$queue?leave" note one
        fails 1 'only what expects no answer' hark sub "$queue?leave" '>'
        take 0
}

without_a_queue_nothing_can_be_left_test() {
        fails 3 'nothing there' hark send "$queue?leave" note one
        serve "$queue" --echo
        kill "$pid"
        wait "$pid"
        fails 3 'nothing there' hark send "$queue?leave" note one
}

a_queue_that_is_full_makes_its_sender_wait_test() {
        local i n=0
        serve_and_go
        for ((i = 0; i < 20; i++)); do
                timeout 1 hark send "$queue?leave" note "$i" --timeout 50 2>/dev/null && n=$((n + 1))
        done
        ((n > 0 && n < 20))
        take "$n"
        equals "$(wc -l <taken)" "$n"
}

a_limit_of_queues_is_told_apart_from_that_of_descriptors_test() {
        (ulimit -q 0 && fails 3 'hark doctor mq' hark serve "$queue" --echo)
}

run_tests
