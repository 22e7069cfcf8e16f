#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# shellcheck source=common.sh
#
# Help, and what is said of wrong usage.

source "$(dirname "$0")/common.sh"

readonly verbs='serve call send sub pub wait transports bench'

the_help_names_every_verb_and_every_exit_status_test() {
        local verb number
        hark --help >help
        for verb in $verbs; do
                grep -q "^  $verb " help
        done
        for number in 0 1 2 3 4 5; do
                grep -q "^  $number  " help
        done
        hark -h | cmp - help
}

every_verb_explains_itself_with_an_example_test() {
        local verb
        for verb in $verbs; do
                hark "$verb" --help >help
                matches "$(<help)" "^Usage: hark $verb "
                matches "$(<help)" $'\nExample:\n  hark '"$verb"
        done
}

no_explanation_begins_beside_its_column_test() {
        local verb
        for verb in $verbs; do
                hark "$verb" --help >help
                sed -n '/^Options:/,/^$/{/^Options:/d;/^$/d;p}' help >options
                equals "$(grep -vE '^(  --[a-z-]+( [^ ]+)?|  .{22} [^ ].*)$' options)" ''
        done
        hark sub --help >help
        grep -qx '  --policy oldest|newest|latest|disconnect' help
}

every_number_says_its_default_and_its_bounds_test() {
        local verb
        for verb in $verbs; do
                hark "$verb" --help >help
                equals "$(grep -cE '^  --[a-z]+ (MS|N|S) ' help)" \
                        "$(grep -cE '^ +\(default [0-9]+, [0-9]+ to [0-9]+\)$' help)"
        done
}

the_version_is_told_test() {
        matches "$(hark --version)" '^hark [0-9]+\.[0-9]+\.[0-9]+$'
}

a_verb_must_be_given_and_exist_test() {
        fails 2 'a verb is missing' hark
        fails 2 "'shout' is no verb" hark shout
}

an_option_that_does_not_exist_is_named_test() {
        fails 2 '--shout' hark call --shout unix:/x y
        fails 2 '-5' hark call unix:/x y -5
        fails 2 '--timeout' hark call unix:/x y --timeout
}

a_number_must_lie_within_its_bounds_test() {
        fails 2 'from 1 to 86400000' hark call unix:/x y --timeout 0
        fails 2 'from 1 to 86400000' hark call unix:/x y --timeout 86400001
        fails 2 'from 1 to 86400000' hark call unix:/x y --timeout 1s
        fails 2 'from 1 to 86400000' hark call unix:/x y --timeout ''
        fails 2 'from 0 to 7' hark call unix:/x y --priority 8
        fails 2 'from 0 to 7' hark pub unix:/x y --priority -1
        fails 2 'from 1 to' hark call unix:/x y --repeat 0
        fails 2 'from 0 to' hark sub unix:/x y --count 99999999999999999999
        fails 2 "takes oldest|newest" hark sub unix:/x y --policy eldest
        fails 2 'from 1 to 4096' hark serve unix:/x --echo --jobs 0
        fails 2 'from 1 to 600' hark bench --seconds 0
}

operands_must_be_neither_too_few_nor_too_many_test() {
        fails 2 'ADDRESS METHOD' hark call
        fails 2 'ADDRESS METHOD' hark call unix:/x
        fails 2 'ADDRESS METHOD' hark call unix:/x y z more
        fails 2 'ADDRESS METHOD' hark send unix:/x
        fails 2 'ADDRESS TOPIC' hark pub unix:/x
        fails 2 'ADDRESS FILTER' hark sub unix:/x
        fails 2 'ADDRESS' hark serve --echo
        fails 2 'no more than [TRANSPORT]' hark transports unix: tcp:
        fails 2 "no transport 'smoke'" hark transports smoke
}

an_address_that_is_none_is_explained_test() {
        fails 2 "'nowhere'" hark call nowhere y
        fails 2 "'smoke:/signal'" hark send smoke:/signal y
        fails 2 "'tcp:localhost'" hark pub tcp:localhost y
        fails 2 "'unix:'" hark sub unix: y
        fails 2 "'tcp:localhost:99999'" hark serve tcp:localhost:99999 --echo
}

what_only_listens_or_is_not_there_is_explained_test() {
        fails 2 'only listens' hark call inherit: y
        fails 3 'nothing there' hark serve inherit: --echo
        fails 3 'is the server running' hark sub "unix:$PWD/x" y
        fails 3 'a longer --wait' hark sub "unix:$PWD/x" y --wait 20
}

a_method_to_serve_needs_a_name_and_a_command_test() {
        fails 2 'NAME=COMMAND' hark serve "unix:$PWD/x" --method upper
        fails 2 'NAME=COMMAND' hark serve "unix:$PWD/x" --method =cat
        fails 2 'NAME=COMMAND' hark serve "unix:$PWD/x" --method upper=
        fails 2 'tokens' hark serve "unix:$PWD/x" --method 'no spaces=cat'
        equals "$(find . -type s)" ''
}

there_must_be_something_to_serve_test() {
        fails 2 'nothing to serve' hark serve "unix:$PWD/x"
}

a_file_that_cannot_be_read_is_wrong_usage_test() {
        fails 2 'missing' hark call unix:/x y @missing
        fails 2 'cannot read' hark call unix:/x y @.
}

a_name_that_is_none_is_wrong_usage_test() {
        serve "unix:$PWD/x" --echo --hub
        fails 2 "'no spaces' is no name: " hark call "$address" 'no spaces'
        fails 2 'a..b' hark send "$address" a..b
        fails 2 'a.*' hark pub "$address" 'a.*'
        fails 2 '>.a' hark sub "$address" '>.a'
}

options_may_stand_anywhere_test() {
        serve --echo "unix:$PWD/x" --jobs 2
        equals "$(hark call --timeout 5000 "$address" --priority=3 echo hello --repeat 1)" hello
}

data_that_looks_like_an_option_goes_behind_two_dashes_test() {
        serve "unix:$PWD/x" --echo
        equals "$(hark call "$address" echo -- --hello)" --hello
}

output_that_cannot_be_written_is_a_failure_test() {
        status_is 1 hark --help >/dev/full 2>complaint
        contains "$(<complaint)" 'standard output'
}

run_tests
