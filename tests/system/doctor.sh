#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# shellcheck source=common.sh
#
# hark doctor: what it says when something is missing, and that what it advises helps.

source "$(dirname "$0")/common.sh"

# finding NAME MEMBER: prints it, of the JSON in the file "all".
finding() {
        python3 - "$@" all <<'PRINT'
import json, sys
rows = [row for row in json.load(open(sys.argv[3])) if row["name"] == sys.argv[1]]
assert len(rows) == 1, (sys.argv[1], rows)
print(rows[0][sys.argv[2]])
PRINT
}

# diagnose STATUS [ARGUMENT...]: into the file "all".
diagnose() {
        status_is "$1" hark doctor --json "${@:2}" >all
}

# has_namespace OPTION...: else skips; unshare(1) with it runs a command as root of a namespace.
has_namespace() {
        unshare "$@" true 2>why || skip "no namespaces here: $(<why)"
}

what_is_found_is_complete_test() {
        hark doctor --json >all || true
        python3 - all <<'CHECK'
import json, sys
rows = json.load(open(sys.argv[1]))
assert len({row["name"] for row in rows}) == len(rows) > 20, rows
for row in rows:
    assert row["verdict"] in ("good", "could be better", "bad"), row
    assert row["found"], row
    assert (row["verdict"] == "good") == (row["meaning"] is None), row
    assert row["meaning"] or not row["command"], row
    assert (row["setting"] is None) == (row["file"] is None), row
CHECK
}

a_machine_on_which_tests_run_is_not_bad_test() {
        diagnose 0 unix
        equals "$(finding 'UNIX sockets' verdict)" good
        equals "$(finding RLIMIT_NOFILE found)" "$(ulimit -n) descriptors"
        hark doctor unix >said
        matches "$(tail -n 1 said)" '^[0-9]+ good, [0-9]+ could be better, 0 bad$'
        equals "$(awk 'length > 120' said)" ''
}

too_few_descriptors_are_bad_test() {
        ulimit -n 15
        diagnose 1 unix
        equals "$(finding RLIMIT_NOFILE verdict)" bad
        contains "$(finding RLIMIT_NOFILE found)" '15 descriptors; 16 are needed'
        status_is 1 hark doctor --quiet unix >said
        matches "$(head -n 1 said)" '^bad +RLIMIT_NOFILE'
}

what_is_advised_makes_it_good_test() {
        ulimit -Sn 100
        diagnose 0 tcp
        equals "$(finding RLIMIT_NOFILE verdict)" 'could be better'
        eval "$(finding RLIMIT_NOFILE command)"
        diagnose 0 tcp
        equals "$(finding RLIMIT_NOFILE verdict)" good
}

where_the_hard_limit_is_in_the_way_the_advice_is_another_test() {
        ulimit -n 100
        diagnose 0 tcp
        contains "$(finding RLIMIT_NOFILE command)" 'prlimit --pid $$ --nofile='
        contains "$(hark doctor tcp)" 'as root:  prlimit'
}

without_room_for_queues_mq_is_bad_and_nothing_else_test() {
        prlimit --msgqueue=0:0 --pid $BASHPID
        diagnose 1 mq
        equals "$(finding RLIMIT_MSGQUEUE verdict)" bad
        equals "$(finding 'message queues' verdict)" bad
        diagnose 0 unix
}

# In a user namespace queues are counted anew.
no_queue_is_left_behind_test() {
        has_namespace --user --map-root-user --ipc
        unshare --user --map-root-user --ipc prlimit --msgqueue=90000:90000 \
                bash -c 'for i in 1 2 3; do hark doctor --json mq; done' >three
        equals "$(grep -c '"message queues","verdict":"good"' three)" 3
}

a_small_room_for_queues_could_be_better_test() {
        has_namespace --user --map-root-user --ipc
        unshare --user --map-root-user --ipc prlimit --msgqueue=20000:20000 hark doctor --json mq >all
        equals "$(finding 'message queues' verdict)" 'could be better'
        contains "$(finding 'message queues' found)" 'smaller'
}

without_loopback_tcp_is_bad_test() {
        has_namespace --user --map-root-user --net
        status_is 1 unshare --user --map-root-user --net hark doctor --json tcp >all
        equals "$(finding loopback verdict)" bad
        equals "$(finding 'IPv6 on loopback' verdict)" 'could be better'
        diagnose 0 tcp
        equals "$(finding loopback verdict)" good
}

a_directory_for_sockets_belongs_to_nobody_else_test() {
        mkdir -m 700 own
        mkdir own/open
        chmod 777 own/open
        XDG_RUNTIME_DIR=$PWD/own diagnose 0 unix
        equals "$(finding 'a directory for sockets' verdict)" good
        XDG_RUNTIME_DIR=$PWD/own/open diagnose 0 unix
        equals "$(finding 'a directory for sockets' verdict)" 'could be better'
        XDG_RUNTIME_DIR=$PWD/none diagnose 0 unix
        contains "$(finding 'a directory for sockets' found)" 'not there'
        equals "$(ls own)" open
}

of_one_transport_only_what_concerns_it_is_said_test() {
        hark doctor mq: >said || true
        contains "$(<said)" RLIMIT_MSGQUEUE
        equals "$(grep -c -e somaxconn -e loopback -e namespaces said)" 0
        fails 2 "no transport 'smoke'" hark doctor smoke
        fails 2 'no more than [TRANSPORT]' hark doctor mq unix
}

quiet_is_what_is_not_good_test() {
        hark doctor >all || true
        hark doctor --quiet >some || true
        equals "$(grep -c '^good' some)" 0
        equals "$(<some)" "$(grep -v -e '^good' -e ' bad$' all)"
        matches "$(hark doctor --quiet --json pipe)" '^\[.*\]$'
}

run_tests
