#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# shellcheck source=common.sh
#
# hark transports.

source "$(dirname "$0")/common.sh"

the_table_has_a_row_for_every_transport_test() {
        local scheme
        hark transports >all
        sed '/^$/,$d' all >table
        for scheme in unix seqpacket dgram tcp udp pipe fifo mq exec stdio inherit; do
                equals "$(grep -c "^$scheme " table)" 1
        done
}

the_table_says_who_passes_descriptors_test() {
        python3 - <(hark transports --json) <<'CHECK'
import json, sys
table = {row["scheme"]: row for row in json.load(open(sys.argv[1]))}
assert table["unix"]["passes_fds"] and table["unix"]["identifies"], table
assert "pidfd" in table["unix"]["credentials"], table
assert not table["tcp"]["passes_fds"] and not table["tcp"]["identifies"], table
assert table["unix"]["stream"] and not table["seqpacket"]["stream"], table
assert all(row["sees_death"] != row["loses"] for row in table.values()), table
assert all(row["reliable"] != row["loses"] and row["ordered"] for row in table.values()), table
assert table["mq"]["prioritises"] and not table["unix"]["prioritises"], table
assert 0 < table["unix"]["max_frame"] < table["unix"]["max_message"] == 1 << 30, table
assert 4096 < table["unix"]["memory_per_connection"] < table["fifo"]["memory_per_connection"], table
assert table["unix"]["fds_per_connection"] < table["dgram"]["fds_per_connection"], table
assert table["inherit"]["memory_per_connection"] is None, table
assert table["udp"]["loses"] and not table["tcp"]["loses"], table
assert all(row["address"].startswith(scheme) for scheme, row in table.items()), table
CHECK
}

# limit SCHEME NAME: prints its value, as a program would read it.
limit() {
        python3 - "$2" <(hark transports --json "$1") <<'PRINT'
import json, sys
rows = json.load(open(sys.argv[2]))
assert len(rows) == 1, rows
print(*(limit["value"] for limit in rows[0]["limits"] if limit["name"] == sys.argv[1]))
PRINT
}

the_table_is_as_wide_as_a_terminal_test() {
        hark transports >all
        equals "$(awk 'length > 100' all)" ''
}

the_table_says_each_limit_once_and_whose_it_is_test() {
        hark transports >all
        matches "$(grep '^RLIMIT_NOFILE ' all)" ' all$'
        matches "$(grep '^fs.mqueue.msg_max ' all)" ' mq$'
        matches "$(grep '^net.core.somaxconn ' all)" ' unix seqpacket tcp'
}

a_limit_is_that_of_this_process_and_this_machine_test() {
        ulimit -Sn 99
        equals "$(limit unix RLIMIT_NOFILE)" 99
        contains "$(hark transports unix)" ' 99 descriptors '
        equals "$(limit mq fs.mqueue.msg_max)" "$(cat /proc/sys/fs/mqueue/msg_max)"
        equals "$(limit unix: net.core.somaxconn)" "$(cat /proc/sys/net/core/somaxconn)"
        equals "$(limit unix fs.mqueue.msg_max)" ''
}

one_transport_is_told_in_detail_test() {
        hark transports mq: >one
        contains "$(head -n 1 one)" 'mq:/'
        matches "$(<one)" 'reliable +yes'
        matches "$(<one)" 'credentials +uid, gid'
        matches "$(<one)" 'RLIMIT_MSGQUEUE .* in all queues of this user'
        hark transports tcp >one
        matches "$(<one)" 'credentials +none'
}

run_tests
