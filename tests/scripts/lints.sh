#!/bin/bash
# SPDX-License-Identifier: MIT
#
# lints.sh SOURCE: each lint fails on a broken copy of the tree, and says where.

source_root=$1
# shellcheck source=../fixture/tap.sh
source "$source_root/tests/fixture/tap.sh"

# copy PATH...: of the tree, into this directory.
copy() {
        local path
        for path in scripts "$@"; do
                mkdir -p "$(dirname "$path")"
                cp -r "$source_root/$path" "$path"
        done
}

# finds LINT TEXT [ARGUMENT...]
finds() {
        local lint=$1 text=$2 said status=0
        shift 2
        said=$("scripts/lint-$lint" "$@" 2>&1) || status=$?
        [[ $status != 0 ]] || { echo "lint-$lint is content" && return 1; }
        contains "$said" "$text"
}

layers_a_layer_that_looks_up_test() {
        copy meson.build src include
        scripts/lint-layers
        echo '#include "conn/conn.h"' >>src/base/fd.c
        finds layers 'src/base/fd.c:'
}

layers_a_command_that_looks_inside_test() {
        copy meson.build src include
        mkdir -p tools/hark
        echo '#include "rpc/calls.h"' >tools/hark/main.c
        finds layers 'tools/hark/main.c:1:'
}

symbols_a_function_that_the_map_lacks_test() {
        copy src/hark.map include
        scripts/lint-symbols
        sed -i /hark_call/d src/hark.map
        finds symbols 'hark_call is declared HARK_API, but not in src/hark.map'
}

symbols_a_function_without_a_contract_test() {
        copy src/hark.map include
        printf 'HARK_API int\nhark_new(void);\n' >>include/hark/version.h
        finds symbols 'hark_new has no contract'
        finds symbols 'hark_new is declared HARK_API, but not in src/hark.map'
}

symbols_a_function_that_nobody_declares_test() {
        copy src/hark.map include
        sed -i 's/hark_call;/hark_call; hark_secret;/' src/hark.map
        finds symbols 'hark_secret is in src/hark.map, but not declared'
}

symbols_a_library_that_lets_out_more_test() {
        copy src/hark.map include
        echo 'int hark_secret(void); int hark_secret(void) { return 0; }' >secret.c
        gcc -shared -o library.so secret.c
        finds symbols 'hark_secret is in library.so' library.so
        finds symbols 'hark_call is declared HARK_API, but not in library.so' library.so
}

headers_one_that_does_not_stand_alone_test() {
        copy include
        find include -name '*.h' ! -name types.h ! -name version.h -delete
        scripts/lint-headers
        echo 'size_t hark_count(FILE *file);' >>include/hark/types.h
        finds headers 'include/hark/types.h: not as c99 with gcc'
}

headers_one_that_is_no_cxx_test() {
        copy include
        find include -name '*.h' ! -name types.h ! -name version.h -delete
        echo 'int hark_delete(int delete);' >>include/hark/types.h
        finds headers 'include/hark/types.h: not as c++11 with clang'
}

headers_a_contract_of_something_else_test() {
        copy include
        find include -name '*.h' ! -name types.h ! -name version.h -delete
        printf '/** Counts.\n * @param bytes what */\nint hark_count(int size);\n' \
                >>include/hark/types.h
        finds headers "parameter 'bytes' not found"
}

man_a_function_without_a_page_test() {
        copy include docs/man
        scripts/lint-man-examples
        sed -i 's/hark_invoke, //' docs/man/hark_call.3.scd
        finds man-examples 'hark_invoke: in the NAME and SYNOPSIS of 0 man pages'
}

man_a_page_that_is_not_there_test() {
        copy docs/man
        echo 'See *hark_nowhere*(3) and hark_call(3).' >>docs/man/hark_call.3.scd
        finds man-references 'there is no hark_nowhere(3)'
        [[ $(scripts/lint-man-references) != *'hark_call(3)'* ]]
}

man_a_page_that_is_not_installed_test() {
        copy docs/man
        sed -i "/'hark.7'/d" docs/man/meson.build
        finds man-references 'docs/man/hark.7.scd: not in docs/man/meson.build'
}

results_a_status_taken_for_an_answer_test() {
        copy
        mkdir -p tools
        printf 'r = hark_call(c, m, p, 1000, &reply);\nif (r == 0)\n\tputs("");\n' >tools/good.c
        scripts/lint-results
        printf 'if (hark_call(c, m, p, 1000, NULL) < 0)\n\treturn;\n' >tools/direct.c
        printf '\nr = hark_call(c, m, p,\n\t1000, &reply);\nif (r < 0)\n' >tools/later.c
        finds results 'tools/direct.c:1:'
        finds results 'tools/later.c:2:'
}

words_what_is_unfinished_test() {
        copy
        mkdir -p src
        printf '/* SPDX-License-Identifier: MIT */\n/* %s: */\n' 'XX''X' >src/a.c
        finds words 'src/a.c:2:'
}

words_a_file_without_a_licence_test() {
        copy
        mkdir -p src
        echo >src/a.c
        finds words 'src/a.c: no SPDX line'
}

format_a_line_out_of_place_test() {
        copy .clang-format
        mkdir -p src
        echo 'int a ;' >src/a.c
        finds format 'src/a.c:1:'
        scripts/lint-format -i
        scripts/lint-format
}

# tidy BODY: checks a function of that body.
tidy() {
        mkdir -p src build
        printf 'int f(int a);\nint f(int a)\n{\n%s\n}\n' "$1" >src/a.c
        echo "[{\"directory\": \"$PWD\", \"command\": \"clang -c src/a.c\", \"file\": \"src/a.c\"}]" \
                >build/compile_commands.json
}

tidy_a_function_that_is_too_long_test() {
        copy .clang-tidy
        tidy "$(yes 'a++;' | head -n 59) return a;"
        scripts/lint-tidy build
        tidy "$(yes 'a++;' | head -n 62) return a;"
        finds tidy 'src/a.c:2:5: error: function '\''f'\'' exceeds' build
}

tidy_a_function_that_is_too_deep_test() {
        copy .clang-tidy
        tidy 'if (a) { if (a > 1) { return 2; } } return a;'
        scripts/lint-tidy build
        tidy 'if (a) { if (a > 1) { if (a > 2) { return 3; } } } return a;'
        finds tidy 'readability-function-size' build
}

shell_a_script_that_does_not_parse_test() {
        copy
        mkdir -p tests .ci tools
        printf '#!/bin/sh\n# SPDX-License-Identifier: MIT\nif true; then\n' >tests/a.sh
        finds shell 'tests/a.sh'
}

all_of_them_are_told_as_tap_test() {
        mkdir scripts
        cp "$source_root/scripts/lint" scripts
        printf '#!/bin/sh\nexit 0\n' >scripts/lint-good
        printf '#!/bin/sh\necho why; exit 1\n' >scripts/lint-bad
        chmod +x scripts/*
        scripts/lint >said && return 1
        equals "$(<said)" $'not ok 1 - lint-bad\n# why\nok 2 - lint-good\n1..2'
}

run_tests
