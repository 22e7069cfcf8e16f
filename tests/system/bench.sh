#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# shellcheck source=common.sh
#
# hark bench: that it measures all it promises, not what.

source "$(dirname "$0")/common.sh"

all_transports_are_measured_at_all_sizes_test() {
        local cpus transports
        cpus=$(nproc)
        hark bench --seconds 1 --json >rows
        json rows
        transports=$(hark transports | sed '1d; /^$/,$d' | grep -Ecv '^(stdio|inherit) ')
        ((transports >= 8))
        equals "$(wc -l <rows)" $((transports * 4 * 2 * (cpus > 1 ? 2 : 1)))
        equals "$(grep -c '"size":1048576' rows)" "$(grep -c '"size":32' rows)"
}

the_table_has_a_row_for_each_size_test() {
        hark bench --seconds 1 --sizes 32,3K unix: >table
        contains "$(<table)" 'a waiting call, both on one CPU'
        contains "$(<table)" 'notifications, both on one CPU'
        grep -q '^ *32 B  ' table
        grep -q '^ *3 KiB ' table
}

an_address_of_ones_own_is_measured_test() {
        hark bench --seconds 1 --sizes 1 --json "unix:$PWD/x" >rows
        grep -q "unix:$PWD/x" rows
        equals "$(find . -type s)" ''
}

# A packet less, as much as one takes, and more, in some.
payloads_of_all_sizes_pass_the_floor_in_packets_test() {
        local addresses
        mapfile -t addresses < <(hark transports |
                sed -n '2,/^$/s/^\(seqpacket\|dgram\|udp\|mq\) .*/\1:/p')
        hark bench --seconds 1 --sizes 8191,8192,8193,300K,3M --json "${addresses[@]}" >rows
        equals "$(grep -c '"size":8193' rows)" "$(grep -c '"size":3145728' rows)"
        contains "$(<rows)" '"mq:"'
}

what_is_lacking_does_not_keep_the_others_from_being_measured_test() {
        (ulimit -q 0 && status_is 1 hark bench --seconds 1 --sizes 32 --json mq: pipe: >rows 2>complaint)
        contains "$(<complaint)" "'mq:': a limit was reached"
        grep -q '"pipe:"' rows
        equals "$(grep -c '"mq:"' rows)" 0
}

what_cannot_be_measured_is_refused_test() {
        fails 2 "'stdio:'" hark bench stdio: --json
        fails 2 "'nothing:'" hark bench nothing: --json
        fails 2 "'tcp:1:x'" hark bench tcp:1:x --json
        fails 3 "unix:$PWD/none/x" hark bench "unix:$PWD/none/x" --json
        fails 2 '17M' hark bench --sizes 17M
        fails 2 '32,,1' hark bench --sizes 32,,1
        fails 2 '0' hark bench --sizes 0
}

an_interrupted_bench_leaves_nothing_test() {
        mkfifo rows
        hark bench --seconds 600 --sizes 1 "unix:$PWD/x" >rows &
        started+=($!)
        exec {rows}<rows
        next_line "$rows"
        kill -INT $!
        wait $! || true
        equals "$(find . -type s)" ''
}

run_tests
