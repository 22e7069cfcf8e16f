# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# What the tests of the command share: source common.sh HARK, the path of the command. It is then
# found as `hark`.

hark_directory=$(dirname "$(realpath "$1")")
PATH=$hark_directory:$PATH
# shellcheck source=../fixture/tap.sh
source "$(dirname "${BASH_SOURCE[0]}")/../fixture/tap.sh"

# serve ARGUMENT...: starts hark serve; sets pid, and address, the first one it listens on.
serve() {
        start hark serve "$@"
        address=${address#listening on }
}

# fails STATUS TEXT COMMAND...: it ends with STATUS, prints nothing on standard output, and complains
# on standard error with a line that begins with "hark: " and contains TEXT.
fails() {
        local status=$1 text=$2
        shift 2
        status_is "$status" "$@" >said 2>complaint </dev/null
        equals "$(<said)" ''
        matches "$(<complaint)" '^hark: '
        contains "$(<complaint)" "$text"
}

# json FILE: fails unless every line of it is valid JSON.
json() {
        python3 -c 'import json, sys; [json.loads(line) for line in open(sys.argv[1])]' "$1"
}

# field NAME FILE: prints one member of the JSON object in FILE.
field() {
        python3 -c 'import json, sys; print(json.load(open(sys.argv[2])).get(sys.argv[1]))' "$@"
}

# is_released FIFO: waits until nobody holds it open for writing any more.
is_released() {
        timeout "$patience_s" cat "$1" >/dev/null
}
