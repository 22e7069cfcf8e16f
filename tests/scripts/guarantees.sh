#!/bin/bash
# SPDX-License-Identifier: MIT
#
# guarantees.sh SOURCE: the table of transports in README.md is what the tests showed.

source_root=$1
# shellcheck source=../fixture/tap.sh
source "$source_root/tests/fixture/tap.sh"

# A project of two chapters, two transports, and a README.md without a table.
make_project() {
        mkdir -p scripts tests/conformance build/gcc/meson-logs
        cp "$source_root/scripts/guarantees" scripts
        echo "CHAPTER(test_calls, a_call, another)" >tests/conformance/test_calls.c
        echo "CHAPTER(test_files, a_file)" >tests/conformance/test_files.c
        printf "  'unix path': 'unix:{path}',\n  'tcp IPv4': 'tcp:127.0.0.1:0',\n" \
                >tests/conformance/meson.build
        printf '<!-- scripts/guarantees -->\n<!-- end -->\n' >README.md
}

# showed NAME TAP: adds a program to the log.
showed() {
        printf '{"name": "hark:conformance / conformance %s", "stdout": "%s"}\n' "$@" \
                >>build/gcc/meson-logs/testlog.json
}

show_all() {
        local lacks='# SKIP this transport lacks HARK_CAN_PASS_FDS'
        showed 'tcp IPv4 apart' "ok 1 - a_call\\nok 2 - another\\nok 3 - a_file $lacks\\n1..3\\n"
        showed 'unix path here' 'ok 1 - a_call\nok 2 - another\nok 3 - a_file\n1..3\n'
}

a_table_says_what_the_tests_showed_test() {
        make_project
        show_all
        scripts/guarantees --write
        contains "$(cat README.md)" $'| \x60unix:\x60 | \x60tcp:\x60 |'
        contains "$(cat README.md)" '| calls, and what answers them | 2 | 2 |'
        contains "$(cat README.md)" '| descriptors | 1 | – F |'
        contains "$(cat README.md)" 'HARK_CAN_PASS_FDS'
        scripts/guarantees
}

a_failure_in_one_setting_is_in_the_table_test() {
        make_project
        show_all
        scripts/guarantees --write
        showed 'unix path apart' 'not ok 1 - a_call\n1..1\n'
        contains "$(scripts/guarantees && echo content)" '| **fails** | 2 |'
}

a_table_that_is_out_of_date_is_a_failure_test() {
        make_project
        show_all
        ! scripts/guarantees
}

a_chapter_and_a_reason_without_words_are_failures_test() {
        make_project
        showed 'unix path here' 'ok 1 - a_call # SKIP for fun\n1..1\n'
        contains "$(scripts/guarantees || true)" 'for fun'
        echo 'CHAPTER(test_new, one)' >tests/conformance/test_new.c
        contains "$(scripts/guarantees || true)" 'no row for: new'
}

run_tests
