#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# shellcheck source=common.sh
#
# hark sub and hark pub, which meet at hark serve --hub.

source "$(dirname "$0")/common.sh"

# subscribe ARGUMENT...: starts hark sub, and waits until nothing can be missed any more. Sets
# subscriber, its pid; what it prints goes to the file heard, what it complains of to the fd words.
subscribe() {
        mkfifo words
        hark sub --verbose "$@" >heard 2>words &
        subscriber=$!
        started+=("$subscriber")
        exec {words}<words
        rm words
        matches "$(next_line "$words")" '^hark: subscribed to '
}

ends_with() {
        local status=0
        wait "$subscriber" || status=$?
        equals "$status" "$1"
}

publications_reach_subscribers_test() {
        serve "unix:$PWD/x" --hub
        subscribe "$address" 'room.*.temperature' --count 2
        hark pub "$address" room.kitchen.temperature 21.5
        hark pub "$address" room.kitchen.light on
        hark pub "$address" room.cellar.temperature 12
        ends_with 0
        equals "$(<heard)" $'room.kitchen.temperature\t21.5\nroom.cellar.temperature\t12'
}

what_a_rule_allows_to_publish_is_passed_on_test() {
        serve "unix:$PWD/x" --hub --allow 'publish news.* self' --allow 'subscribe > self'
        subscribe "$address" '>' --count 2
        hark pub "$address" news.local hello
        fails 1 "no rule allows uid $UID to publish secret" hark pub "$address" secret hello
        hark pub "$address" news.other hello
        ends_with 0
        equals "$(<heard)" $'news.local\thello\nnews.other\thello'
}

they_meet_over_different_transports_test() {
        serve "unix:$PWD/x" tcp:127.0.0.1:0 --hub
        subscribe "$address" '>' --count 1
        address=$(next_line "$output")
        hark pub "${address#listening on }" a.b hello
        ends_with 0
        equals "$(<heard)" $'a.b\thello'
}

several_filters_are_one_stream_test() {
        serve "unix:$PWD/x" --hub
        subscribe "$address" a b --count 2
        next_line "$words"
        hark pub "$address" b 1
        hark pub "$address" a 2
        ends_with 0
        equals "$(<heard)" $'b\t1\na\t2'
}

values_are_kept_for_those_who_come_later_test() {
        serve "unix:$PWD/x" --hub
        hark pub "$address" room.kitchen 21 --retain
        hark pub "$address" room.cellar 12 --retain
        hark pub "$address" room.attic 30
        hark pub "$address" room.cellar --withdraw
        subscribe "$address" 'room.*' --retained --count 2
        equals "$(next_line "$words")" 'hark: these were all values of room.*'
        hark pub "$address" room.kitchen 22
        ends_with 0
        equals "$(<heard)" $'room.kitchen\t21\nroom.kitchen\t22'
}

a_withdrawal_is_told_test() {
        serve "unix:$PWD/x" --hub
        hark pub "$address" a 1 --retain
        subscribe "$address" a --retained --json
        hark pub "$address" a --withdraw
        eventually grep -q '"kind":"withdrawn"' heard
        grep -q '"kind":"current"' heard
        grep -q '"retained":true' heard
        kill -INT "$subscriber"
        ends_with 0
}

a_withdrawal_has_no_data_test() {
        fails 2 '--withdraw' hark pub "unix:$PWD/x" a 1 --withdraw
        fails 2 '--withdraw' hark pub "unix:$PWD/x" a --retain --withdraw
}

each_notification_is_one_line_test() {
        serve "unix:$PWD/x" --hub
        subscribe "$address" a --count 2
        hark pub "$address" a $'tab\tline\nback\\slash \e[1m é'
        printf '\377\0\n' | hark pub "$address" a -
        ends_with 0
        equals "$(<heard)" 'a	tab\tline\nback\\slash \x1b[1m é
a	\xff\x00\n'
}

notifications_as_json_test() {
        serve "unix:$PWD/x" --hub
        subscribe "$address" 'a.>' --count 2 --json
        hark pub "$address" a.b '"1"'
        printf '\377' | hark pub "$address" a.c -
        ends_with 0
        json heard
        head -n 1 heard >first
        equals "$(field kind first)" notification
        equals "$(field topic first)" a.b
        equals "$(field sequence first)" 1
        equals "$(field text first)" '"1"'
        tail -n 1 heard >second
        equals "$(field sequence second)" 2
        equals "$(field base64 second)" /w==
}

members_of_a_group_share_test() {
        local i first
        serve "unix:$PWD/x" --hub
        subscribe "$address" jobs --group crew --count 5
        first=$subscriber
        mv heard first
        subscribe "$address" jobs --group crew --count 5
        for ((i = 0; i < 10; i++)); do
                hark pub "$address" jobs "$i"
        done
        ends_with 0
        subscriber=$first
        ends_with 0
        equals "$(cat heard first | sort | tr -d '\n')" \
                "$(printf 'jobs\t%d' 0 1 2 3 4 5 6 7 8 9)"
}

what_a_member_has_printed_goes_to_no_other_test() {
        local i
        serve "unix:$PWD/x" --hub
        subscribe "$address" jobs --group crew --count 3
        mv heard first
        for ((i = 0; i < 3; i++)); do
                hark pub "$address" jobs "$i"
        done
        ends_with 0
        subscribe "$address" jobs --group crew --count 1
        hark pub "$address" jobs 3
        ends_with 0
        equals "$(<heard)" $'jobs\t3'
        equals "$(wc -l <first)" 3
}

what_a_killed_member_had_is_repeated_test() {
        local killed
        serve "unix:$PWD/x" --hub
        subscribe "$address" jobs --group crew
        killed=$subscriber
        mv heard first
        subscribe "$address" jobs --group crew --count 2 --json
        kill -STOP "$killed"
        hark pub "$address" jobs 1
        hark pub "$address" jobs 2
        kill -KILL "$killed"
        ends_with 0
        equals "$(grep -c '"repeated":true' heard)" 1
        equals "$(wc -c <first)" 0
}

once_is_for_members_of_a_group_test() {
        fails 2 '--once' hark sub unix:/x a --once
        serve "unix:$PWD/x" --hub
        subscribe "$address" jobs --group crew --once --count 1
        hark pub "$address" jobs 1
        ends_with 0
}

a_group_has_a_name_test() {
        serve "unix:$PWD/x" --hub
        fails 2 '--retained' hark sub "$address" a --group crew --retained
        fails 2 "group 'a b'" hark sub "$address" a --group 'a b'
}

# A subscriber that is stopped does not read; then what it may hold at the hub overflows.
what_was_lost_is_reported_test() {
        local i
        serve "unix:$PWD/x" --hub
        subscribe "$address" a
        head -c 1048576 /dev/zero >bytes
        kill -STOP "$subscriber"
        for ((i = 0; i < 16; i++)); do
                hark pub "$address" a @bytes
        done
        kill -CONT "$subscriber"
        matches "$(next_line "$words")" '^hark: lost [0-9]+ of a: '
        kill -INT "$subscriber"
        ends_with 0
}

who_must_not_lose_anything_is_disconnected_test() {
        local i
        serve "unix:$PWD/x" --hub
        subscribe "$address" a --policy disconnect
        head -c 1048576 /dev/zero >bytes
        kill -STOP "$subscriber"
        for ((i = 0; i < 16; i++)); do
                hark pub "$address" a @bytes
        done
        kill -CONT "$subscriber"
        matches "$(next_line "$words")" '^hark: lost an unknown number of a: '
        ends_with 5
}

both_are_heard() {
        (($(grep -c '"text":"last"' heard) == 2))
}

# Of two topics one notification each waits, so the last ones always come.
who_needs_only_the_latest_gets_that_test() {
        local i
        serve "unix:$PWD/x" --hub
        subscribe "$address" 'a.*' --policy latest --json
        head -c 1048576 /dev/zero >bytes
        kill -STOP "$subscriber"
        for ((i = 0; i < 8; i++)); do
                hark pub "$address" a.x @bytes
                hark pub "$address" a.y @bytes
        done
        hark pub "$address" a.x last
        hark pub "$address" a.y last
        kill -CONT "$subscriber"
        eventually both_are_heard
        grep -q '"kind":"gap"' heard
        kill -INT "$subscriber"
        ends_with 0
}

what_was_lost_is_an_object_in_json_test() {
        local i line
        serve "unix:$PWD/x" --hub
        mkfifo words notes
        hark sub --verbose --json "$address" a >notes 2>words &
        subscriber=$!
        started+=("$subscriber")
        exec {notes}<notes {words}<words
        next_line "$words"
        head -c 1048576 /dev/zero | tr '\0' x >bytes
        kill -STOP "$subscriber"
        for ((i = 0; i < 16; i++)); do
                hark pub "$address" a @bytes
        done
        kill -CONT "$subscriber"
        while read -r -t "$patience_s" -u "$notes" line; do
                if [[ $line == *'"kind":"gap"'* ]]; then
                        break
                fi
        done
        printf '%s\n' "$line" >gap
        equals "$(field topic gap)" a
        matches "$(field lost gap)" '^[1-9][0-9]?$'
        kill -KILL "$subscriber"
}

an_interrupted_subscriber_ends_well_test() {
        serve "unix:$PWD/x" --hub
        subscribe "$address" a
        kill -INT "$subscriber"
        ends_with 0
        rm heard
        subscribe "$address" a
        ends_well "$subscriber"
}

a_killed_server_ends_a_subscription_with_5_test() {
        serve "unix:$PWD/x" --hub
        subscribe "$address" a
        kill -KILL "$pid"
        ends_with 5
        equals "$(next_line "$words")" 'hark: lost an unknown number of a: connection lost'
        matches "$(next_line "$words")" "^hark: a at unix:$PWD/x: .*with --wait"
}

a_goodbye_ends_a_subscription_with_5_as_well_test() {
        serve "unix:$PWD/x" --hub
        subscribe "$address" a
        ends_well "$pid"
        ends_with 5
        contains "$(next_line "$words")" 'said goodbye'
}

a_subscriber_that_waits_goes_on_with_the_next_server_test() {
        serve "unix:$PWD/x" --hub
        subscribe "$address" a --wait 60000 --count 2
        hark pub "$address" a 1
        eventually grep -q 1 heard
        kill -KILL "$pid"
        equals "$(next_line "$words")" 'hark: lost an unknown number of a: connection lost'
        serve "unix:$PWD/x" --hub
        equals "$(next_line "$words")" "hark: subscribed to a at $address"
        hark pub "$address" a 2
        ends_with 0
        equals "$(<heard)" $'a\t1\na\t2'
}

a_goodbye_is_waited_out_as_well_test() {
        serve "unix:$PWD/x" --hub
        subscribe "$address" a --wait 60000 --count 1 --json
        ends_well "$pid"
        serve "unix:$PWD/x" --hub
        equals "$(next_line "$words")" "hark: subscribed to a at $address"
        hark pub "$address" a 2
        ends_with 0
        json heard
        head -n 1 heard >gap
        equals "$(field kind gap)" gap
        equals "$(field lost gap)" None
}

who_has_waited_long_enough_ends_with_5_test() {
        serve "unix:$PWD/x" --hub
        subscribe "$address" a --wait 500
        kill -KILL "$pid"
        ends_with 5
        equals "$(next_line "$words")" 'hark: lost an unknown number of a: connection lost'
        matches "$(next_line "$words")" "^hark: unix:$PWD/x: the server has gone, .* 500 ms"
}

# The time of the first wait must not go on. A method is the clock: it answers when that would be over.
each_wait_has_its_whole_time_test() {
        serve "unix:$PWD/x" --hub
        subscribe "$address" a --wait 2000 --count 1
        kill -KILL "$pid"
        next_line "$words"
        serve "unix:$PWD/x" --hub --method 'nap=sleep 2.5'
        equals "$(next_line "$words")" "hark: subscribed to a at $address"
        hark call "$address" nap
        hark pub "$address" a 1
        ends_with 0
}

a_subscriber_that_waits_can_be_interrupted_test() {
        serve "unix:$PWD/x" --hub
        subscribe "$address" a --wait 60000
        kill -KILL "$pid"
        next_line "$words"
        kill -INT "$subscriber"
        ends_with 0
}

a_subscriber_without_a_server_ends_with_3_test() {
        fails 3 "unix:$PWD/x" hark sub "unix:$PWD/x" a
}

who_is_no_hub_refuses_publications_test() {
        serve "unix:$PWD/x" --echo
        fails 1 "a at $address: " hark pub "$address" a hello
}

publishing_to_nobody_is_good_test() {
        serve "unix:$PWD/x" --hub
        hark pub "$address" a hello
}

publishing_without_a_server_ends_with_3_test() {
        fails 3 "unix:$PWD/x" hark pub "unix:$PWD/x" a
}

large_publications_arrive_whole_test() {
        serve "unix:$PWD/x" --hub
        subscribe "$address" a --count 1
        head -c 3000000 /dev/zero | tr '\0' x >bytes
        hark pub "$address" a @bytes
        ends_with 0
        cut -f 2 heard | tr -d '\n' | cmp - bytes
}

run_tests
