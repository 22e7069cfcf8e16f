#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Runs every example, as a newcomer would:
#
#         examples.sh DIRECTORY_OF_THE_PROGRAMS MUTE [PATTERN_OF_TESTS]

# shellcheck disable=SC2154 # pid, address, output, line: set by tap.sh
set -u
here=$(dirname "$(realpath "$0")")
programs=$(realpath "$1")
mute=$(realpath "$2")
PATH=$programs:$PATH
# shellcheck disable=SC1091 # lies beside this one
source "$here/../fixture/tap.sh"

readonly clock='^[0-9]{2}:[0-9]{2}:[0-9]{2}$'

the_client_prints_what_the_server_answers_test() {
        start server "unix:$PWD/clock"
        matches "$(client "$address")" "$clock"
}

the_server_tells_the_port_that_the_kernel_chose_test() {
        start server tcp:127.0.0.1:0
        matches "$address" '^tcp:127\.0\.0\.1:[1-9][0-9]*$'
        matches "$(client "$address")" "$clock"
}

the_child_answers_the_client_that_started_it_and_ends_with_it_test() {
        matches "$(client "exec:$programs/child")" "$clock"
}

both_meet_at_an_abstract_name_test() {
        start server "unix:@hark-test-$$-$BASHPID"
        matches "$(client "$address")" "$clock"
}

the_client_says_why_when_nobody_listens_test() {
        status_is 1 client "unix:$PWD/nobody" 2>complaint
        contains "$(<complaint)" "unix:$PWD/nobody: "
}

a_second_server_at_the_same_path_is_refused_test() {
        start server "unix:$PWD/clock"
        status_is 1 server "unix:$PWD/clock" 2>complaint
        contains "$(<complaint)" "unix:$PWD/clock: "
        matches "$(client "$address")" "$clock"
}

a_killed_server_starts_again_at_the_same_path_test() {
        start server "unix:$PWD/clock"
        kill -KILL "$pid"
        wait "$pid" || true
        start server "unix:$PWD/clock"
        matches "$(client "$address")" "$clock"
}

the_service_that_drains_tells_its_manager_and_ends_well_test() {
        start python3 -u -c '
import socket, sys
manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
manager.bind(sys.argv[1])
print("here")
for _ in range(2):
    print(manager.recv(100).decode())' "$PWD/notify"
        local manager=$output
        NOTIFY_SOCKET=$PWD/notify start drain "unix:$PWD/service"
        equals "$address" "unix:$PWD/service"
        equals "$(next_line "$manager")" READY=1
        ends_well "$pid"
        equals "$(next_line "$manager")" STOPPING=1
        equals "$(find . -name service)" ''
        rm notify
}

the_subscriber_ends_after_as_many_as_it_wanted_test() {
        start publisher "unix:$PWD/clock" 10
        status_is 0 subscriber "$address" 'clock.*' 3 >heard
        equals "$(grep -c '^clock\.tick: [0-9]*$' heard)" 3
        matches "$(head -n 1 heard)" '^clock\.zone: UTC$'
}

the_subscriber_says_why_when_the_publisher_ends_test() {
        start publisher "unix:$PWD/clock" 10
        local publisher=$pid
        start subscriber "$address" 2>complaint
        ends_well "$publisher"
        local status=0
        wait "$pid" || status=$?
        equals "$status" 1
        contains "$(<complaint)" '>: '
}

the_subscriber_does_not_say_how_many_it_lost_with_its_publisher_test() {
        start publisher "unix:$PWD/clock" 10
        local publisher=$pid
        start subscriber "$address" 2>complaint
        kill -KILL "$publisher"
        wait_for_line '>: perhaps some lost: connection lost*'
}

the_publisher_leaves_no_file_behind_test() {
        start publisher "unix:$PWD/clock" 10
        test -S clock
        ends_well "$pid"
        test ! -e clock
}

the_fanout_asks_all_of_them_at_once_test() {
        local one
        start server "unix:$PWD/one"
        one=$address
        start server tcp:127.0.0.1:0
        status_is 0 fanout "$one" "$address" "exec:$programs/child" >answers
        equals "$(grep -c ': ..:..:..$' answers)" 3
}

the_fanout_tells_who_did_not_answer_test() {
        start server "unix:$PWD/one"
        status_is 1 fanout "$address" "unix:$PWD/nobody" nonsense: >answers
        equals "$(wc -l <answers)" 3
        equals "$(grep -c ': ..:..:..$' answers)" 1
}

# comes FD PATTERN: waits until it prints such a line.
comes() {
        local next
        while read -r -t 10 -u "$1" next; do
                [[ ! $next =~ $2 ]] || return 0
        done
        echo "no '$2' came"
        return 1
}

the_reconnecting_client_waits_and_goes_on_test() {
        start reconnect "unix:$PWD/clock" "unix:$PWD/spare"
        local client=$pid states=$output
        matches "$address" '^retrying: nothing there'
        start server "unix:$PWD/spare"
        comes "$states" '^connected$'
        comes "$states" "$clock"
        kill -KILL "$pid"
        comes "$states" '^retrying'
        start server "unix:$PWD/clock"
        comes "$states" '^connected$'
        comes "$states" "$clock"
        ends_well "$client"
}

the_robust_client_exits_with_0_when_answered_test() {
        start embed_epoll "unix:$PWD/echo"
        status_is 0 robust "$address" echo hello >answer
        equals "$(<answer)" hello
}

the_robust_client_exits_with_1_when_told_no_test() {
        start embed_epoll "unix:$PWD/echo"
        status_is 1 robust "$address" no.such.Method hello
}

the_robust_client_exits_with_2_when_used_wrongly_test() {
        status_is 2 robust
        status_is 2 robust nonsense echo hello
        status_is 2 robust tcp:127.0.0.1:port echo hello
}

the_robust_client_exits_with_3_when_nobody_listens_test() {
        status_is 3 robust "unix:$PWD/nobody" echo hello
}

the_robust_client_exits_with_4_when_not_answered_in_time_test() {
        start "$mute" "unix:$PWD/mute"
        status_is 4 robust "$address" echo hello
        equals "$(next_line "$output")" asked
        equals "$(next_line "$output")" cancelled
}

the_robust_client_exits_with_5_when_the_connection_is_lost_test() {
        local caller status=0
        start "$mute" "unix:$PWD/mute"
        robust "$address" echo hello &
        caller=$!
        equals "$(next_line "$output")" asked
        kill -KILL "$pid"
        wait "$caller" || status=$?
        equals "$status" 5
}

jobs_go_to_one_of_the_crew_each_test() {
        local jobs first i
        start dispatcher "unix:$PWD/jobs"
        jobs=$address
        status_is 1 robust "$jobs" jobs.Add nothing 2>complaint
        contains "$(<complaint)" 'nobody is here to do it'
        start crew "$jobs"
        first=$output
        start crew "$jobs"
        for i in 1 2 3 4; do
                equals "$(robust "$jobs" jobs.Add "job $i")" taken
        done
        equals "$(next_line "$first")" 'job 1'
        equals "$(next_line "$output")" 'job 2'
        next_line "$first" >one
        next_line "$output" >other
        equals "$(sort one other | tr '\n' ,)" 'job 3,job 4,'
}

a_job_goes_to_another_when_its_worker_dies_test() {
        local jobs told first
        start dispatcher "unix:$PWD/jobs"
        jobs=$address
        told=$output
        start crew "$jobs"
        first=$pid
        kill -STOP "$first"
        equals "$(robust "$jobs" jobs.Add one)" taken
        kill -KILL "$first"
        equals "$(next_line "$told")" 'not done by any of the crew: one'
        start crew "$jobs"
        first=$pid
        start crew "$jobs"
        kill -STOP "$first"
        equals "$(robust "$jobs" jobs.Add two)" taken
        kill -KILL "$first"
        equals "$(next_line "$output")" 'two, which another may have begun'
}

the_crew_waits_for_the_next_dispatcher_test() {
        local jobs dispatcher crew
        start dispatcher "unix:$PWD/jobs"
        jobs=$address
        dispatcher=$pid
        start crew "$jobs"
        crew=$output
        kill -KILL "$dispatcher"
        equals "$(next_line "$crew")" 'the dispatcher is away'
        start dispatcher "unix:$PWD/jobs"
        eventually robust "$jobs" jobs.Add one
        equals "$(next_line "$crew")" one
}

rules_allow_and_refuse_test() {
        start rules "unix:$PWD/light"
        equals "$(robust "$address" light.Off now)" off
        status_is 1 robust "$address" light.Break now 2>complaint
        contains "$(<complaint)" 'rule "call light.Break uid=65432" does not allow uid '
        status_is 1 robust "$address" light.On now 2>complaint
        contains "$(<complaint)" 'no rule allows uid '
}

rules_that_only_report_let_all_pass_test() {
        start rules "unix:$PWD/light" report 2>log
        equals "$(robust "$address" light.On now)" off
        contains "$(<log)" 'would be refused: no rule allows uid '
}

an_open_file_is_passed_test() {
        seq 10000 >file
        start fds "unix:$PWD/files" "$PWD/file"
        fds "$address" >copy
        cmp file copy
}

a_file_that_cannot_be_opened_is_told_of_test() {
        start fds "unix:$PWD/files" "$PWD/none"
        status_is 1 fds "$address" 2>complaint
        contains "$(<complaint)" "$PWD/none: No such file"
}

a_file_over_tcp_is_refused_in_words_test() {
        start fds tcp:127.0.0.1:0 /dev/null
        status_is 1 fds "$address" 2>complaint
        contains "$(<complaint)" 'files need a unix: connection'
}

the_server_asks_its_client_back_test() {
        start callback_server "unix:$PWD/installer"
        status_is 0 callback_client "$address" >told
        equals "$(<told)" $'asked: install vim, really?\nvim: installed'
}

the_client_that_says_no_is_told_no_test() {
        start callback_server "unix:$PWD/installer"
        status_is 1 callback_client "$address" no >told
        contains "$(<told)" 'vim: you did not want it'
}

a_client_that_cannot_be_asked_back_is_told_so_test() {
        start callback_server "unix:$PWD/installer"
        status_is 1 robust "$address" install.Run vim 2>complaint
        contains "$(<complaint)" 'not asked: '
}

calls_go_onward_and_answers_come_back_test() {
        start embed_epoll "unix:$PWD/echo"
        start onward "unix:$PWD/onward" "$address"
        equals "$(robust "$address" echo hello)" hello
        status_is 1 robust "$address" no.such.Method hello 2>complaint
}

files_go_onward_test() {
        seq 10000 >file
        start fds "unix:$PWD/files" "$PWD/file"
        start onward "unix:$PWD/onward" "$address"
        fds "$address" >copy
        cmp file copy
}

the_cancel_of_a_lost_caller_goes_onward_test() {
        local muted caller
        start "$mute" "unix:$PWD/mute"
        muted=$output
        start onward "unix:$PWD/onward" "$address"
        callback_client "$address" & # it would wait for 5 s
        caller=$!
        equals "$(next_line "$muted")" asked
        kill -KILL "$caller"
        read -r -t 3 -u "$muted" line
        equals "$line" cancelled
}

the_worker_answers_from_its_threads_test() {
        local calls=() one
        start worker "unix:$PWD/math"
        equals "$(robust "$address" math.Sum abc)" 294
        for one in {1..20}; do
                robust "$address" math.Sum abc >"sum$one" &
                calls+=($!)
        done
        wait "${calls[@]}"
        equals "$(cat sum* | sort | uniq -c | tr -s ' ')" ' 20 294'
}

items_go_from_an_answer_into_a_question_test() {
        start stream_server "unix:$PWD/stream"
        equals "$(stream_client "$address")" 55
        equals "$(stream_client "$address" 100000)" 5000050000
        equals "$(stream_client "$address" 0)" 0
}

a_call_to_a_method_of_items_is_told_so_test() {
        start stream_server "unix:$PWD/stream"
        equals "$(robust "$address" demo.Sum '')" 0
        status_is 1 robust "$address" demo.Count 3 2>complaint
        contains "$(<complaint)" 'observed'
}

what_is_typed_into_poll_comes_back_from_epoll_test() {
        start embed_epoll "unix:$PWD/echo"
        local server=$pid
        equals "$(echo hello | embed_poll "$address")" hello
        equals "$(seq 1000 | embed_poll "$address" | tail -n 1)" 1000
        ends_well "$server"
        test ! -e echo
}

a_reply_shows_in_poll_while_nothing_is_typed_test() {
        start embed_epoll "unix:$PWD/echo"
        local server=$address
        mkfifo typed answers
        embed_poll "$server" <typed >answers &
        started+=($!)
        local poller=$!
        exec {keys}>typed {output}<answers
        echo one >&"$keys"
        equals "$(next_line "$output")" one
        echo two >&"$keys"
        equals "$(next_line "$output")" two
        exec {keys}>&-
        wait "$poller"
}

what_libuv_publishes_arrives_test() {
        command -v embed_uv >/dev/null || skip 'no libuv when this was built'
        start embed_uv "unix:$PWD/uv"
        status_is 0 subscriber "$address" uv.tick 3 >heard
        equals "$(grep -c '^uv\.tick: ' heard)" 3
        ends_well "$pid"
        test ! -e uv
}

what_glib_asks_is_answered_test() {
        command -v embed_glib >/dev/null || skip 'no GLib when this was built'
        start server "unix:$PWD/clock"
        status_is 0 embed_glib "$address" >answers
        equals "$(wc -l <answers)" 3
        matches "$(head -n 1 answers)" "$clock"
}

run_tests "${3-*}"
