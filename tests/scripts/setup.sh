#!/bin/bash
# SPDX-License-Identifier: MIT
#
# setup.sh SOURCE: scripts/setup, on a machine whose dpkg-query, apt-get, id and sudo are made up.

source_root=$1
# shellcheck source=../fixture/tap.sh
source "$source_root/tests/fixture/tap.sh"

# pretend COMMAND SCRIPT: puts such a command before the real one; it logs how it was called.
pretend() {
        mkdir -p bin
        printf '#!/bin/sh\necho "%s $*" >>log\n%s\n' "$1" "$2" >"bin/$1"
        chmod +x "bin/$1"
        PATH=$PWD/bin:$PATH
}

# All is installed but scdoc, which is in some of its other states.
lack_scdoc() {
        pretend dpkg-query "for word; do case \$word in -*) ;; scdoc) printf '$1' ;;
                libc6-dev) printf 'ii libc6-dev:amd64 ' ;; *) printf \"ii \$word \" ;; esac; done"
}

nothing_is_missing_test() {
        lack_scdoc 'ii scdoc '
        pretend apt-get 'exit 1'
        equals "$("$source_root/scripts/setup" build 2>&1)" ''
        equals "$(cut -d' ' -f1 <log)" dpkg-query
}

root_installs_what_is_missing_test() {
        lack_scdoc ''
        pretend apt-get ''
        pretend id 'echo 0'
        equals "$("$source_root/scripts/setup" build)" 'hark: installing scdoc'
        contains "$(<log)" 'apt-get -qq update'
        contains "$(<log)" 'apt-get -qq install -y --no-install-recommends scdoc'
}

what_was_removed_is_missing_test() {
        lack_scdoc 'rc scdoc '
        pretend apt-get ''
        pretend id 'echo 0'
        equals "$("$source_root/scripts/setup" build)" 'hark: installing scdoc'
}

another_user_installs_with_sudo_test() {
        lack_scdoc ''
        pretend apt-get ''
        pretend id 'echo 1000'
        pretend sudo '"$@"'
        "$source_root/scripts/setup" build
        contains "$(<log)" 'sudo apt-get -qq update'
        contains "$(<log)" 'sudo env DEBIAN_FRONTEND=noninteractive apt-get -qq install'
}

a_refusal_names_the_packages_test() {
        lack_scdoc ''
        pretend apt-get 'exit 100'
        pretend id 'echo 0'
        status_is 1 "$source_root/scripts/setup" build 2>complaint
        equals "$(<complaint)" \
                'hark: apt-get failed; install these packages and try again: scdoc'
}

# Nothing but what the script itself needs, so that there is no apt-get and no sudo.
only_these() {
        mkdir -p bin
        local tool
        for tool in sh sed id; do
                [[ -e bin/$tool ]] || ln -s "$(command -v "$tool")" bin
        done
        PATH=$PWD/bin
}

without_apt_it_names_the_packages_test() {
        lack_scdoc ''
        only_these
        complaint=$("$source_root/scripts/setup" build 2>&1) && return 1
        equals "$complaint" "hark: packages are missing and there is no apt-get; install these \
packages and try again: scdoc"
}

without_sudo_it_names_the_packages_test() {
        lack_scdoc ''
        pretend apt-get ''
        pretend id 'echo 1000'
        only_these
        complaint=$("$source_root/scripts/setup" build 2>&1) && return 1
        equals "$complaint" "hark: packages are missing, and neither root nor sudo is here; install \
these packages and try again: scdoc"
}

every_target_has_its_packages_test() {
        pretend dpkg-query ''
        pretend apt-get ''
        pretend id 'echo 0'
        local target
        for target in build demo check lint fuzz bench; do
                matches "$("$source_root/scripts/setup" $target)" 'gcc .*meson '
        done
        status_is 2 "$source_root/scripts/setup" other 2>complaint
}

run_tests
