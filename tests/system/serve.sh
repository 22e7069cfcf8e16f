#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# shellcheck source=common.sh
# shellcheck disable=SC2016 # the variables are the commands'
#
# hark serve: commands as methods, what becomes of them, and how a server starts and ends.

source "$(dirname "$0")/common.sh"

# Each waits for the other: one after the other they would never end.
commands_run_at_once_test() {
        mkfifo meeting
        serve "unix:$PWD/x" --method 'give=cat >meeting' --method 'take=cat meeting'
        hark call "$address" take >said &
        hark call "$address" give hello
        wait $!
        equals "$(<said)" hello
}

no_more_commands_run_at_once_than_allowed_test() {
        local i calls=()
        serve "unix:$PWD/x" --jobs 1 --method 'alone=mkdir busy && echo "$HARK_PEER" && rmdir busy'
        for ((i = 0; i < 20; i++)); do
                hark call "$address" alone >/dev/null &
                calls+=($!)
        done
        for i in "${calls[@]}"; do
                wait "$i"
        done
}

a_command_knows_what_was_asked_by_whom_and_for_how_long_test() {
        serve "unix:$PWD/x" --method 'who=env'
        hark call "$address" who --timeout 4000 >said
        grep -qx 'HARK_METHOD=who' said
        grep -q '^HARK_PEER=.*hark' said
        matches "$(grep ^HARK_TIMEOUT_MS= said)" '^HARK_TIMEOUT_MS=[1-3]?[0-9]{1,3}|4000$'
        grep -q '^PATH=' said
}

a_command_may_answer_a_whole_family_of_methods_test() {
        serve "unix:$PWD/x" --method 'say.*=echo one $HARK_METHOD' --method 'say.>=echo all' \
                --method 'say.no=echo no'
        equals "$(hark call "$address" say.yes)" 'one say.yes'
        equals "$(hark call "$address" say.no)" no
        equals "$(hark call "$address" say.yes.sir)" all
}

a_command_need_not_read_its_input_test() {
        head -c 4194304 /dev/zero >bytes
        serve "unix:$PWD/x" --method 'deaf=echo what'
        equals "$(hark call "$address" deaf @bytes)" what
}

output_is_waited_for_after_the_shell_has_ended_test() {
        mkfifo go
        serve "unix:$PWD/x" --method 'later=(cat go; echo late) &'
        hark call "$address" later >said &
        echo now >go
        wait $!
        equals "$(<said)" $'now\nlate'
}

a_background_process_that_lets_go_of_the_output_is_left_alone_test() {
        mkfifo go heard
        serve "unix:$PWD/x" --method 'start=(read -r word <go; echo "$word" >heard) >/dev/null 2>&1 & echo started'
        equals "$(hark call "$address" start)" started
        echo alive >go
        equals "$(timeout "$patience_s" cat heard)" alive
}

a_silent_failure_is_described_test() {
        serve "unix:$PWD/x" --method 'fail=exit 7' --method 'die=kill -KILL $$'
        fails 1 'exited with status 7' hark call "$address" fail
        fails 1 'killed by signal 9' hark call "$address" die
        status_is 1 hark call "$address" fail --json >said 2>/dev/null
        equals "$(field status said)" 1007
        status_is 1 hark call "$address" die --json >said 2>/dev/null
        equals "$(field status said)" 1137
}

a_long_complaint_is_one_line_and_cut_test() {
        serve "unix:$PWD/x" --method 'fail=seq 100000 >&2; exit 1'
        fails 1 'fail at' hark call "$address" fail
        equals "$(wc -l <complaint)" 1
        contains "$(<complaint)" ': 1 2 3 4 5 '
        [[ $(wc -c <complaint) -lt 1200 ]]
}

too_much_output_is_refused_and_the_command_killed_test() {
        mkfifo held
        serve "unix:$PWD/x" --method 'flood=exec cat /dev/zero 3>held'
        hark call "$address" flood --json >said 2>/dev/null &
        is_released held
        wait $! || true
        equals "$(field status said)" 101
}

exactly_as_much_as_fits_is_answered_test() {
        serve "unix:$PWD/x" --method 'fill=head -c $((16 << 20)) /dev/zero'
        equals "$(hark call "$address" fill | wc -c)" 16777216
}

a_command_and_its_children_are_killed_when_the_time_is_over_test() {
        mkfifo held
        serve "unix:$PWD/x" --method 'wait=exec >held; sleep 1000 & sleep 1000'
        status_is 4 hark call "$address" wait --timeout 100 2>/dev/null &
        is_released held
        wait $!
}

a_command_is_killed_when_its_caller_is_test() {
        mkfifo held
        serve "unix:$PWD/x" --method 'wait=exec sleep 1000 >held'
        hark call "$address" wait &
        exec {held}<held # opens only once the command has
        kill -KILL $!
        timeout "$patience_s" cat <&"$held"
}

a_command_that_ignores_a_polite_end_is_killed_test() {
        mkfifo held
        serve "unix:$PWD/x" --method 'wait=trap "" TERM; exec >held; while :; do sleep 1000; done'
        status_is 4 hark call "$address" wait --timeout 100 2>/dev/null &
        is_released held
        wait $!
}

a_command_outlives_the_sender_of_a_one_way_request_test() {
        mkfifo go heard
        serve "unix:$PWD/x" --method 'log=read -r word <go; echo "$word" >heard'
        hark send "$address" log
        echo survived >go
        equals "$(timeout "$patience_s" cat heard)" survived
}

the_failure_of_a_one_way_request_is_said_by_the_server_test() {
        mkfifo errors
        exec {errors}<>errors
        serve "unix:$PWD/x" --method 'log=echo disk full >&2; exit 1' 2>&"$errors"
        hark send "$address" log hello
        contains "$(next_line "$errors")" 'disk full'
}

# Whether nobody listens there any more.
is_refusing() {
        status_is 3 hark call "$1" x 2>/dev/null
}

a_polite_end_waits_for_what_runs_test() {
        mkfifo begun go
        serve "unix:$PWD/x" --method 'wait=echo >begun; cat go'
        hark call "$address" wait >said &
        read -r <begun
        kill -TERM "$pid"
        eventually is_refusing "$address"
        echo done >go
        wait $!
        equals "$(<said)" done
        wait "$pid"
}

what_is_not_done_in_time_is_cut_off_test() {
        mkfifo held
        serve "unix:$PWD/x" --drain 1 --method 'wait=exec sleep 1000 >held' 2>complaint
        status_is 5 hark call "$address" wait 2>/dev/null &
        exec {held}<held
        ends_well "$pid"
        contains "$(<complaint)" 'cut off'
        timeout "$patience_s" cat <&"$held"
        wait $!
}

# activate ADDRESS COMMAND...: as a service manager does it, with a socket of unix:PATH or tcp: as its
# descriptor 3.
activate() {
        exec python3 -c '
import os, socket, sys
scheme, path = sys.argv[1].split(":", 1)
if scheme == "unix":
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
else:
    listener = socket.create_server(("127.0.0.1", 0))
listener.listen()
os.dup2(listener.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1", LISTEN_FDNAMES="one")
os.execvp(sys.argv[2], sys.argv[2:])' "$@"
}

sockets_that_are_handed_over_are_served_test() {
        start activate "unix:$PWD/x" hark serve inherit: --echo
        equals "$address" "listening on unix:$PWD/x"
        equals "$(hark call "unix:$PWD/x" echo hello)" hello
        ends_well "$pid"
        equals "$(find . -type s)" ./x
        rm x
        start activate tcp: hark serve inherit:one --echo
        matches "$address" '^listening on tcp:127\.0\.0\.1:[1-9][0-9]*$'
        equals "$(hark call "${address#listening on }" echo hello)" hello
        ends_well "$pid"
}

without_such_sockets_nothing_is_served_test() {
        fails 3 'LISTEN_FDS' hark serve inherit: --echo
}

the_service_manager_is_told_test() {
        start python3 -u -c '
import socket, sys
manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
manager.bind(sys.argv[1])
print("here")
for _ in range(2):
    print(manager.recv(100).decode())' "$PWD/notify"
        local manager=$output
        NOTIFY_SOCKET=$PWD/notify serve "unix:$PWD/x" --echo
        equals "$(next_line "$manager")" READY=1
        kill -TERM "$pid"
        equals "$(next_line "$manager")" STOPPING=1
        wait "$pid"
        rm notify
}

an_early_end_kills_what_runs_test() {
        mkfifo held
        serve "unix:$PWD/x" --method 'wait=exec sleep 1000 >held'
        status_is 5 hark call "$address" wait 2>/dev/null &
        exec {held}<held
        kill -INT "$pid"
        eventually is_refusing "$address"
        ends_well "$pid"
        timeout "$patience_s" cat <&"$held"
        wait $!
}

a_server_ends_well_and_leaves_no_file_test() {
        serve "unix:$PWD/x" "unix:$PWD/y" --echo
        equals "$(hark call "unix:$PWD/y" echo hello)" hello
        ends_well "$pid"
        equals "$(find . -type s)" ''
}

an_interrupted_server_ends_well_test() {
        serve "unix:$PWD/x" --echo
        kill -INT "$pid"
        wait "$pid"
        equals "$(find . -type s)" ''
}

every_address_is_told_with_its_real_port_test() {
        serve "unix:$PWD/x" tcp:127.0.0.1:0 'tcp:[::1]:0' --echo
        equals "$address" "unix:$PWD/x"
        matches "$(next_line "$output")" '^listening on tcp:127\.0\.0\.1:[1-9][0-9]*$'
        matches "$(next_line "$output")" '^listening on tcp:\[::1\]:[1-9][0-9]*$'
}

a_path_that_is_served_is_refused_test() {
        serve "unix:$PWD/x" --echo
        fails 3 "unix:$PWD/x" hark serve "unix:$PWD/x" --echo
        equals "$(hark call "$address" echo hello)" hello
}

a_file_that_is_no_socket_stays_test() {
        echo precious >x
        fails 3 "unix:$PWD/x" hark serve "unix:$PWD/x" --echo
        equals "$(<x)" precious
}

the_network_is_not_open_by_accident_test() {
        fails 3 '?open' hark serve tcp:0.0.0.0:0 --echo
        serve 'tcp:0.0.0.0:0?open' --echo
}

what_no_rule_allows_is_refused_test() {
        serve "unix:$PWD/x" --echo --method 'say.*=echo said' --allow 'call say.* self' \
                --allow "call,subscribe echo uid=$((UID + 1))"
        equals "$(hark call "$address" say.yes)" said
        fails 1 "no rule allows uid $UID to call other" hark call "$address" other
        fails 1 "rule \"call,subscribe echo uid=$((UID + 1))\" does not allow uid $UID to call echo" \
                hark call "$address" echo hello
        fails 1 "no one rule allows uid $UID to subscribe to >" hark sub "$address" '>'
}

a_wrong_rule_is_wrong_usage_test() {
        fails 2 "--allow 'call echo': who: is missing" \
                hark serve "unix:$PWD/x" --echo --allow 'call > self' --allow 'call echo'
        fails 2 "verbs: 'shout' is none of call, subscribe, publish, all" \
                hark serve "unix:$PWD/x" --echo --allow 'shout > self'
        fails 2 "uid: there is no user 'nobody-of-this-name'" \
                hark serve "unix:$PWD/x" --echo --allow 'call > uid=nobody-of-this-name'
        fails 2 'nothing to report' hark serve "unix:$PWD/x" --echo --report-only
        equals "$(find . -type s)" ''
}

what_would_be_refused_can_be_tried_first_test() {
        mkfifo errors
        exec {errors}<>errors
        serve "unix:$PWD/x" --echo --report-only --allow 'call other self' 2>&"$errors"
        equals "$(hark call "$address" echo hello)" hello
        contains "$(next_line "$errors")" "would be refused: no rule allows uid $UID to call echo"
}

a_rule_for_anyone_opens_the_network_test() {
        fails 3 '--allow' hark serve tcp:0.0.0.0:0 --echo --allow 'call > self'
        fails 3 '--allow' hark serve tcp:0.0.0.0:0 --echo --report-only --allow 'call > anyone'
        serve tcp:0.0.0.0:0 --echo --allow 'call echo anyone'
        equals "$(hark call "tcp:127.0.0.1:${address##*:}" echo hello)" hello
        fails 1 'no rule allows an unknown user to call other' \
                hark call "tcp:127.0.0.1:${address##*:}" other
}

a_server_that_cannot_listen_everywhere_serves_nowhere_test() {
        fails 3 'missing' hark serve "unix:$PWD/x" "unix:$PWD/missing/x" --echo
        equals "$(find . -type s)" ''
}

a_transport_that_only_connects_is_wrong_usage_test() {
        fails 2 'exec:' hark serve 'exec:cat' --echo
}

what_is_no_pipe_is_no_conversation_test() {
        fails 2 'stdio:' hark serve stdio: --echo
}

who_never_speaks_hark_over_standard_input_is_not_waited_for_test() {
        : | status_is 3 hark serve stdio: --echo 2>complaint | cat
        contains "$(<complaint)" 'spoken hark'
}

run_tests
