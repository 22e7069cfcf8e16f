#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The monitor and its demo: sysmon.sh DIRECTORY_OF_THE_EXAMPLES [PATTERN_OF_TESTS]

# shellcheck disable=SC2154 # pid, address, output, line: set by tap.sh
set -u
here=$(dirname "$(realpath "$0")")
programs=$(realpath "$1")
PATH=$programs:$programs/sysmon:$PATH
# shellcheck disable=SC1091 # lies beside this one
source "$here/../fixture/tap.sh"

# ask METHOD [TEXT]
ask() {
        robust "$address" "$1" "${2-}"
}

# is_listed_as PID NAME
is_listed_as() {
        equals "$(ask sys.Processes | awk -v pid="$1" '$1 == pid {print $4, $5, $6}')" "$2"
}

is_zombie() {
        grep -q '^State:.Z' "/proc/$1/status"
}

it_tells_the_load_test() {
        start sysmon "unix:$PWD/sysmon"
        matches "$(ask sys.Load)" '^load_1min +[0-9.]+.load_5min +[0-9.]+.load_15min +[0-9.]+.'
}

it_tells_the_memory_test() {
        local total
        start sysmon "unix:$PWD/sysmon"
        total=$(awk '$1 == "MemTotal:" {print $2}' /proc/meminfo)
        equals "$(ask sys.Memory | awk '$1 == "total_kib" {print $2}')" "$total"
        matches "$(ask sys.Memory | awk '$1 == "available_kib" {print $2}')" '^[1-9][0-9]*$'
}

it_tells_the_uptime_test() {
        start sysmon "unix:$PWD/sysmon"
        local before after told
        before=$(cut -d ' ' -f 1 /proc/uptime)
        told=$(ask sys.Uptime | awk '$1 == "up_s" {print $2}')
        after=$(cut -d ' ' -f 1 /proc/uptime)
        awk -v before="$before" -v told="$told" -v after="$after" \
                'BEGIN {exit !(before <= told && told <= after)}'
}

it_echoes_any_bytes_test() {
        start sysmon "unix:$PWD/sysmon"
        equals "$(ask sys.Echo 'as it was')" 'as it was'
}

it_lists_processes_by_a_part_of_their_name_test() {
        start sysmon "unix:$PWD/sysmon"
        ask sys.Processes sysmo >table
        matches "$(head -n 1 table)" '^ *pid +rss_kib +cpu_s +name$'
        equals "$(awk -v pid="$pid" '$1 == pid {print $4}' table)" sysmon
        equals "$(awk 'NR > 1 && $4 !~ /sysmo/' table)" ''
}

it_lists_processes_by_a_pattern_test() {
        start sysmon "unix:$PWD/sysmon"
        ask sys.Processes 's?sm[n-p]n' >table
        equals "$(awk -v pid="$pid" '$1 == pid {print $4}' table)" sysmon
        equals "$(ask sys.Processes 's?s' | awk '{print $1}')" pid
}

it_lists_all_processes_when_not_told_which_test() {
        start sysmon "unix:$PWD/sysmon"
        ask sys.Processes >table
        local own=$BASHPID
        equals "$(awk -v pid="$own" '$1 == pid {print $1}' table)" "$own"
        equals "$(awk '$1 == 1 {print $1}' table)" 1
}

it_names_a_process_by_a_name_of_any_kind_test() {
        cp "$(command -v cat)" 'a) b (c'
        mkfifo input
        start sysmon "unix:$PWD/sysmon"
        ./'a) b (c' <input &
        local odd=$!
        started+=("$odd")
        exec {keys}>input # returns once the process has opened the other end
        eventually is_listed_as "$odd" 'a) b (c' # between fork and exec it has another
        exec {keys}>&-
}

it_takes_a_zombie_for_ended_test() {
        mkfifo input childs_input
        start sysmon "unix:$PWD/sysmon"
        sh -c 'cat <childs_input & echo $! >child; exec cat <input' & # cat waits for no child
        started+=($!)
        exec {childs_keys}>childs_input {keys}>input
        exec {childs_keys}>&-
        eventually is_zombie "$(<child)"
        is_listed_as "$(<child)" ''
        exec {keys}>&-
}

it_publishes_what_starts_and_what_ends_test() {
        start sysmon --every 20 "unix:$PWD/sysmon"
        mkfifo input
        start subscriber "$address" 'sys.>'
        wait_for_line 'sys.load: *'
        cat <input &
        local idle=$!
        exec {keys}>input
        wait_for_line "sys.process.started: $idle *"
        exec {keys}>&-
        wait "$idle"
        wait_for_line "sys.process.ended: $idle *"
}

it_publishes_load_and_pressure_test() {
        start sysmon --every 20 "unix:$PWD/sysmon"
        status_is 0 subscriber "$address" sys.load 2 >heard
        matches "$(head -n 1 heard)" '^sys\.load: [0-9.]+ [0-9.]+ [0-9.]+$'
        status_is 0 subscriber "$address" sys.memory.pressure 1 >heard
        matches "$(<heard)" '^sys\.memory\.pressure: .* source /proc/(pressure/memory|meminfo)$'
}

it_serves_several_addresses_at_once_test() {
        start sysmon "unix:$PWD/one" tcp:127.0.0.1:0
        local second
        second=$(next_line "$output")
        matches "$(ask sys.Uptime)" '^up_s '
        address=$second
        matches "$(ask sys.Uptime)" '^up_s '
}

it_ends_cleanly_when_asked_to_test() {
        start sysmon "unix:$PWD/sysmon"
        ends_well "$pid"
        test ! -e sysmon
}

it_ends_with_the_one_who_started_it_test() {
        matches "$(robust "exec:$programs/sysmon/sysmon stdio:" sys.Uptime '')" '^up_s '
}

it_ends_with_the_one_who_never_spoke_test() {
        set -o pipefail
        : | status_is 0 sysmon stdio: | cat >said # a pipe: a file as stdout it does not take
}

it_says_which_address_it_cannot_serve_test() {
        status_is 1 sysmon "unix:$PWD/none/sysmon" 2>complaint
        contains "$(<complaint)" "unix:$PWD/none/sysmon: "
        status_is 2 sysmon
        status_is 2 sysmon --every never "unix:$PWD/sysmon"
}

# row TRANSPORT: its row of the demo's table, from the file shown.
row() {
        grep -E "^$1 " shown
}

readonly figures='[0-9]+ +[0-9.]+ us +[0-9.]+ us +[0-9.]+ ms +8 of 8 +[1-9][0-9]+ +0$'

the_demo_shows_everything_over_every_transport_test() {
        status_is 0 sysmon-demo >shown
        local transport
        for transport in unix seqpacket dgram tcp pipe fifo mq exec; do
                matches "$(row "$transport")" "^$transport +($figures|not on this machine: )"
        done
        matches "$(row unix)" "$figures"
        contains "$(<shown)" 'sys.process.ended'
        contains "$(<shown)" 'the same bytes'
        test ! -e "$(sed -n 's|^unix:\(/.*\)/sysmon$|\1|p' shown)"
        equals "$(awk 'length > 100' shown)" ''
}

what_the_machine_lacks_loses_only_its_row_test() {
        (ulimit -q 0 && status_is 0 sysmon-demo >shown)
        matches "$(row mq)" '^mq +not on this machine: '
        matches "$(row fifo)" "$figures"
        matches "$(row exec)" "$figures"
        contains "$(<shown)" 'that this machine offers'
}

# The server of unix: leaves a file, and that of exec: a process.
the_demo_tells_what_is_left_behind_test() {
        mkfifo keys
        cat >leaver <<END
#!/bin/bash
case \$3 in
unix:*) touch "\${3#unix:}.left" ;;
stdio:) cat <"$PWD/keys" >"$PWD/caught" & ;;
esac
exec "$programs/sysmon/sysmon" "\$@"
END
        chmod +x leaver
        exec {keys}<>keys
        status_is 1 sysmon-demo "$PWD/leaver" >shown 2>complaint
        exec {keys}>&-
        matches "$(row unix)" '^unix +failed'
        matches "$(row exec)" '^exec +failed'
        matches "$(row tcp)" "$figures"
        contains "$(<complaint)" 'sysmon.left was left behind'
        contains "$(<complaint)" 'a process was left behind'
        test ! -e "$(sed -n 's|^unix:\(/.*\)/sysmon$|\1|p' shown)"
}

the_demo_leaves_nothing_behind_when_interrupted_test() {
        start sysmon-demo
        wait_for_line 'unix:*'
        kill -TERM "$pid"
        local status=0
        wait "$pid" || status=$?
        equals "$status" 1
        line=${line#unix:}
        test ! -e "${line%/*}"
}

the_demo_says_when_the_server_does_not_start_test() {
        status_is 1 sysmon-demo "$PWD/none" 2>complaint
        contains "$(<complaint)" "$PWD/none"
        status_is 1 sysmon-demo /bin/false >shown
        matches "$(row unix)" '^unix +failed, no server'
}

run_tests "${2-*}"
