# SPDX-License-Identifier: MIT
# shellcheck shell=bash

# statements FILE: how many its main has, declarations counted, comments and texts left out.
statements() {
        sed -n '/^int main(/,/^}/p' "$1" | sed 's|/\*.*\*/||; s|"[^"]*"||g' | tr -cd ';' | wc -c
}
