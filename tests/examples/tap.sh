# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# Tests in bash, told as TAP: every function whose name ends in `_test` is one.
#
#         source tap.sh
#         a_server_tells_the_time_test() { start server unix:s; [[ $(client "$address") =~ : ]]; }
#         run_tests [PATTERN]
#
# Each runs in a subshell of its own, in an empty directory of its own, under `set -e`: the first
# command that fails fails the test, and what it printed is shown. What it has started is killed; what
# that has started must have ended by itself.
# No test sleeps: servers print a line when they serve, and everything else waits for an event.

readonly patience_s=20 # for an event that comes at once unless something is broken
readonly skipped=77    # an exit status

# start COMMAND...: starts a server and waits for its first line.
# Sets pid, address (that line) and output (the fd of the lines that follow).
# shellcheck disable=SC2034 # address: for those who source this
start() {
        mkfifo output
        "$@" >output &
        pid=$!
        started+=("$pid")
        exec {output}<output
        rm output
        read -r -t "$patience_s" -u "$output" address
}

# next_line FD: prints the next line that comes from it.
next_line() {
        local next
        read -r -t "$patience_s" -u "$1" next
        printf '%s\n' "$next"
}

# wait_for_line PATTERN: waits until the server that was started last prints such a line; sets line.
wait_for_line() {
        local end=$((SECONDS + patience_s))
        while ((SECONDS <= end)) && read -r -t "$patience_s" -u "$output" line; do
                # shellcheck disable=SC2053 # a pattern, on purpose
                if [[ $line == $1 ]]; then
                        return 0
                fi
        done
        echo "no line like: $1"
        return 1
}

# eventually COMMAND...: tries it until it succeeds, for what no event tells of.
eventually() {
        local end=$((SECONDS + patience_s))
        until "$@"; do
                ((SECONDS <= end)) || return 1
                sleep 0.02
        done
}

# status_is STATUS COMMAND...
status_is() {
        local expected=$1 status=0
        shift
        timeout "$patience_s" "$@" || status=$?
        if ((status != expected)); then
                echo "exit status $status instead of $expected: $*"
                return 1
        fi
}

# ends_well PID: asks it to end by SIGTERM; it must, with exit status 0.
ends_well() {
        local status=0
        kill -TERM "$1"
        wait "$1" || status=$?
        if ((status != 0)); then
                echo "exit status $status after SIGTERM"
                return 1
        fi
}

# skip REASON: ends the test, which counts neither as good nor as bad.
skip() {
        echo "$1"
        exit "$skipped"
}

# equals ACTUAL EXPECTED, matches ACTUAL REGEX, contains ACTUAL TEXT
equals() {
        [[ $1 == "$2" ]] || { printf '"%s" is not "%s"\n' "$1" "$2" && return 1; }
}
matches() {
        [[ $1 =~ $2 ]] || { printf '"%s" does not match %s\n' "$1" "$2" && return 1; }
}
contains() {
        [[ $1 == *"$2"* ]] || { printf '"%s" does not contain "%s"\n' "$1" "$2" && return 1; }
}

kill_what_was_started() {
        local one
        for one in "${started[@]}"; do
                kill -CONT "$one" 2>/dev/null || true
                kill -KILL "$one" 2>/dev/null || true
        done
        wait
}

# Whose environment names the test, however long ago its parent has gone.
left_behind() {
        grep -lzsxF "HARK_TEST=$HARK_TEST" /proc/[0-9]*/environ |
                while IFS=/ read -r _ _ process _; do
                        tr '\0' ' ' <"/proc/$process/cmdline"
                        echo
                done 2>/dev/null
}

nothing_is_left() {
        [[ -z $(left_behind) ]]
}

run_one() {
        set -eu
        started=()
        trap kill_what_was_started EXIT
        cd "$1"
        "$2"
}

# run_tests [PATTERN]: those whose name it matches.
run_tests() {
        local names=() name number=0 n_failed=0 scratch status
        while read -r _ _ name; do
                # shellcheck disable=SC2053 # a pattern, on purpose
                [[ $name != ${1-*}_test ]] || names+=("$name")
        done < <(declare -F)
        echo "1..${#names[@]}"
        for name in "${names[@]}"; do
                number=$((number + 1))
                scratch=$(mktemp -d /tmp/hark-test-XXXXXX)
                mkdir "$scratch/directory"
                HARK_TEST=$scratch
                (export HARK_TEST && run_one "$scratch/directory" "$name") \
                        >"$scratch/log" 2>&1 </dev/null
                status=$?
                if ! eventually nothing_is_left; then # what is about to end may take its time
                        echo "left behind: $(left_behind)" >>"$scratch/log"
                        status=1
                fi
                if ((status == 0)); then
                        echo "ok $number - ${name%_test}"
                elif ((status == skipped)); then
                        echo "ok $number - ${name%_test} # SKIP $(tail -n 1 "$scratch/log")"
                else
                        echo "not ok $number - ${name%_test}"
                        sed 's/^/# /' "$scratch/log"
                        n_failed=$((n_failed + 1))
                fi
                rm -rf "$scratch"
        done
        return $((n_failed > 0))
}
