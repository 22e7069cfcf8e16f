#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# shellcheck source=common.sh
#
# Notifications to a multicast group: on this machine, and between two, which are network
# namespaces with a cable.

source "$(dirname "$0")/common.sh"

group=239.255.$((RANDOM % 256)).$((RANDOM % 256)):$((20000 + RANDOM % 20000))

# hears ADDRESS: starts a subscriber that ends with the third notification, into the file "heard".
hears() {
        hark sub "$1" 'a.>' --count 3 >heard 2>why &
        sub=$!
}

# tells ADDRESS FILE: publishes until the subscriber, which may not have begun, has ended.
tells() {
        local n=0
        while kill -0 "$sub" 2>/dev/null; do
                hark pub "$1" a.b "$((n += 1))"
        done
        wait "$sub"
}

three_in_a_row() {
        local lines
        mapfile -t lines <heard
        equals "${#lines[@]}" 3
        matches "${lines[0]}" '^a\.b'
}

who_subscribes_hears_who_publishes_test() {
        hears "udp:$group"
        tells "udp:$group"
        three_in_a_row
}

a_server_publishes_to_a_group_test() {
        serve "udp:$group" --hub
        equals "$address" "udp:$group"
        kill "$pid"
        wait "$pid"
}

nobody_answers_at_a_group_test() {
        fails 1 'nobody answers at a multicast group' hark call "udp:$group" m
        fails 1 'keeps no values' hark pub --retain "udp:$group" a.b x
}

other_interfaces_are_not_open_by_accident_test() {
        fails 3 'reached from other machines' hark serve "udp:$group?interface=$(other_interface)" --hub
        fails 3 'no such network interface' hark serve "udp:$group?interface=none" --hub
}

a_group_needs_a_port_test() {
        fails 2 'must be one that all know' hark sub "udp:${group%:*}:0" '>'
}

other_interface() {
        local name
        for name in /sys/class/net/*; do
                [[ ${name##*/} == lo ]] || { echo "${name##*/}" && return; }
        done
        skip 'this machine has no interface but lo'
}

# Runs as root of a network namespace, with a cable to another one: near and far.
between_two_machines() {
        export group hark_directory patience_s
        unshare --user --map-root-user --net "$BASH" -euc '
                unshare --net sleep 60 &
                other=$!
                trap "kill $other" EXIT
                until [[ $(readlink /proc/$other/ns/net) != $(readlink /proc/self/ns/net) ]]; do :; done
                ip link set lo up
                ip link add near type veth peer name far netns "$other"
                ip address add 192.0.2.1/24 dev near
                ip link set near up
                far() { nsenter --target "$other" --net "$@"; }
                far ip address add 192.0.2.2/24 dev far
                far ip link set far up
                far ip link set lo up
                # IPv6 finds out first whether anybody has its address.
                for end in "" far; do
                        until ! $end ip -6 address show tentative | grep -q inet6; do :; done
                done
                far hark sub "$1?interface=far" "a.>" --count 3 >heard &
                sub=$!
                n=0
                while kill -0 "$sub" 2>/dev/null; do
                        hark pub "$1?interface=near" a.b "$((n += 1))"
                done
                wait "$sub"
        ' between "$1"
}

has_two_machines() {
        unshare --user --map-root-user --net ip link add near type veth peer name far 2>why ||
                skip "no namespaces with a cable here: $(<why)"
}

a_group_reaches_another_machine_test() {
        has_two_machines
        between_two_machines "udp:$group"
        three_in_a_row
}

a_group_of_ipv6_reaches_another_machine_test() {
        has_two_machines
        between_two_machines "udp:[ff02::4711]:${group##*:}"
        three_in_a_row
}

run_tests
