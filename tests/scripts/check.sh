#!/bin/bash
# SPDX-License-Identifier: MIT
#
# check.sh SOURCE: how scripts/check adds up what meson's log says.

source_root=$1
# shellcheck source=../fixture/tap.sh
source "$source_root/tests/fixture/tap.sh"

# tally JSON...: prints what the programs with these logs come to.
tally() {
        python3 - "$source_root/scripts/check" "$@" <<'EOF'
import importlib.machinery, importlib.util, json, sys

sys.dont_write_bytecode = True
loader = importlib.machinery.SourceFileLoader("check", sys.argv[1])
check = importlib.util.module_from_spec(importlib.util.spec_from_loader("check", loader))
loader.exec_module(check)
tally = check.Tally()
for text in sys.argv[2:]:
    test = {"name": "sample", "returncode": 0, "variant": "gcc"} | json.loads(text)
    check.add_test(tally, test["variant"], test)
tally.print()
EOF
}

every_line_of_tap_counts_test() {
        equals "$(tally '{"result": "OK", "stdout": "ok 1 - a\nok 2 - b\n1..2\n"}' \
                '{"result": "OK", "stdout": "1..1\nok 1 - c\n"}')" '3 passed, 0 failed'
}

a_program_without_tap_counts_as_one_test() {
        equals "$(tally '{"result": "OK", "stdout": "fine\n"}')" '1 passed, 0 failed'
        contains "$(tally '{"result": "TIMEOUT", "stdout": "hm\n", "stderr": "why\n"}')" 'why'
        contains "$(tally '{"result": "FAIL", "stdout": "hm\n"}')" '0 passed, 1 failed'
}

a_failure_is_named_with_its_reason_test() {
        equals "$(tally '{"result": "ERROR", "returncode": 1,
                "stdout": "ok 1 - a\nnot ok 2 - b\n# 1 == 2\nok 3 - c\n1..3\n"}')" \
                $'FAILED  gcc sample: b\n        # 1 == 2\n2 passed, 1 failed'
}

a_skip_is_named_with_its_reason_test() {
        equals "$(tally '{"result": "OK", "stdout": "ok 1 - a # SKIP no fds here\nok 2 - b\n1..2\n"}')" \
                $'SKIPPED gcc sample: a: no fds here\n1 passed, 0 failed, 1 skipped'
        equals "$(tally '{"result": "SKIP", "stdout": "1..0 # SKIP not here\n"}')" \
                $'SKIPPED gcc sample: not here\n0 passed, 0 failed, 1 skipped'
        equals "$(tally '{"result": "SKIP", "returncode": 77, "stdout": "not here\n"}')" \
                $'SKIPPED gcc sample: not here\n0 passed, 0 failed, 1 skipped'
}

a_skip_in_two_variants_is_told_once_test() {
        equals "$(tally '{"result": "SKIP", "stdout": "1..0 # SKIP not here\n"}' \
                '{"result": "SKIP", "stdout": "1..0 # SKIP not here\n", "variant": "asan"}')" \
                $'SKIPPED gcc, asan sample: not here\n0 passed, 0 failed, 2 skipped'
}

a_skip_without_a_reason_is_a_failure_test() {
        contains "$(tally '{"result": "OK", "stdout": "ok 1 - a # SKIP\n1..1\n"}')" \
                '0 passed, 1 failed'
        contains "$(tally '{"result": "SKIP", "stdout": ""}')" '0 passed, 1 failed'
}

a_program_that_ends_early_is_a_failure_test() {
        contains "$(tally '{"result": "ERROR", "returncode": 139, "stdout": "1..2\nok 1 - a\n"}')" \
                '1 passed, 1 failed'
        contains "$(tally '{"result": "TIMEOUT", "returncode": -9, "stdout": "ok 1 - a\n"}')" \
                ' 1 failed'
        contains "$(tally '{"result": "ERROR", "returncode": 23, "stdout": "ok 1 - a\n1..1\n"}')" \
                '1 passed, 1 failed'
}

run_tests
