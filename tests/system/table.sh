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
        for scheme in unix seqpacket dgram tcp pipe fifo mq exec stdio inherit; do
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
assert all(row["sees_death"] for row in table.values()), table
assert all(row["address"].startswith(scheme) for scheme, row in table.items()), table
CHECK
}

run_tests
