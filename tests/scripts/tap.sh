#!/bin/bash
# SPDX-License-Identifier: MIT
#
# tap.sh SOURCE: what the tests in shell stand on, given tests that fail, hang and leave things behind.

source_root=$1
# shellcheck source=../fixture/tap.sh
source "$source_root/tests/fixture/tap.sh"

# tells TEXT BODY: a test of that body is told with such a line.
tells() {
        local said
        printf 'source %s\nsample_test() { %s; }\nrun_tests\n' \
                "$source_root/tests/fixture/tap.sh" "$2" >sample.sh
        said=$(env -u HARK_TEST TAP_DEADLINE_S=1 bash sample.sh) || true
        contains "$said"$'\n' "$1"$'\n'
}

a_good_test_is_told_and_what_it_started_is_killed_test() {
        # shellcheck disable=SC2016 # the sample expands it
        tells 'ok 1 - sample' 'mkfifo never; cat <>never & started+=($!)'
}

a_failure_is_told_with_what_was_printed_test() {
        tells $'not ok 1 - sample\n# why' 'echo why >&2; false; true'
}

a_skip_is_told_with_its_reason_test() {
        tells 'ok 1 - sample # SKIP no such thing' 'skip "no such thing"'
}

a_test_that_hangs_is_killed_with_all_it_started_test() {
        tells $'not ok 1 - sample\n# not done after 1 seconds' 'mkfifo never; cat <>never'
}

run_tests
