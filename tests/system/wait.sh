#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# shellcheck source=common.sh
#
# What waits for a server: hark wait, the --wait of the others, and calls that are asked again.

source "$(dirname "$0")/common.sh"

# begin COMMAND...: starts a command in the background. Sets waiting, its pid; what it prints goes to the
# file said, what it complains of to the file complaint.
begin() {
        "$@" >said 2>complaint </dev/null &
        waiting=$!
        started+=("$waiting")
}

ended_with() {
        local status=0
        wait "$waiting" || status=$?
        equals "$status" "$1"
}

who_waits_goes_on_when_somebody_serves_test() {
        begin hark wait "unix:$PWD/x"
        serve "unix:$PWD/x" --echo
        ended_with 0
        equals "$(<said)$(<complaint)" ''
}

the_directory_may_be_missing_yet_test() {
        begin hark wait "unix:$PWD/one/two/x"
        mkdir -p one/two
        serve "unix:$PWD/one/two/x" --echo
        ended_with 0
}

who_is_there_need_not_be_waited_for_test() {
        serve "unix:$PWD/x" tcp:127.0.0.1:0 --echo
        hark wait "$address"
        address=$(next_line "$output")
        hark wait "${address#listening on }" --timeout 60000
        hark wait 'exec:hark serve stdio: --echo'
}

waiting_in_vain_ends_test() {
        fails 4 'nobody has come to ' hark wait "unix:$PWD/x" --timeout 50
        fails 4 'nobody has come to ' hark wait "unix:@hark-test-$$-$BASHPID" --timeout 50
        fails 2 'path' hark wait unix: --timeout 50
}

a_call_waits_for_its_server_test() {
        begin hark call "unix:$PWD/x" echo hello --wait 60000
        serve "unix:$PWD/x" --echo
        ended_with 0
        equals "$(<said)" hello
        fails 3 'cannot connect' hark call "unix:$PWD/y" echo hello --wait 50
}

the_others_wait_as_well_test() {
        begin hark sub "unix:$PWD/x" a --count 1 --wait 60000
        local subscriber=$waiting
        hark pub "unix:$PWD/x" b before --wait 60000 &
        started+=($!)
        local publisher=$!
        serve "unix:$PWD/x" --hub
        wait "$publisher"
        # The subscription may stand later than this, so it is published until it has come.
        while kill -0 "$subscriber" 2>/dev/null; do
                hark pub "unix:$PWD/x" a hello
        done
        ended_with 0
        equals "$(<said)" $'a\thello'
}

# serve_and_hang: a server whose method says that it was asked, and hangs until it is let go.
serve_and_hang() {
        mkfifo asked hold alive
        serve "unix:$PWD/x" --method 'slow=exec 9>alive; echo >asked; read -r line <hold'
}

an_idempotent_call_is_asked_again_test() {
        local released
        serve_and_hang
        begin hark call "unix:$PWD/x" slow --idempotent --timeout 60000
        is_released alive &
        released=$!
        cat asked >/dev/null
        kill -KILL "$pid"
        echo >hold
        wait "$pid" || true # else the next may find that it still lives
        serve "unix:$PWD/x" --method 'slow=echo done'
        ended_with 0
        equals "$(<said)" done
        wait "$released"
}

an_ordinary_call_is_not_test() {
        local released
        serve_and_hang
        begin hark call "unix:$PWD/x" slow --timeout 60000
        is_released alive &
        released=$!
        cat asked >/dev/null
        kill -KILL "$pid"
        echo >hold
        ended_with 5
        equals "$(<said)" ''
        wait "$released"
}

run_tests
