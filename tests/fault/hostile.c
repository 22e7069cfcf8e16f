/* SPDX-License-Identifier: MIT */

/*
 * What a server bears from those who are no clients.
 *
 *         hostile ADDRESS
 *
 * Each of them is told why and thrown out where the stream still allows it, or bounded where all
 * that it does is too much; and a good client on the same server notices nothing.
 */

#include <stdio.h>

#include "hostile_kit.h"
#include "hostile_tests.h"

int main(int argc, char **argv)
{
        const TTest *tests[64];
        size_t n = 0;

        if (argc != 2) {
                fprintf(stderr, "usage: %s ADDRESS\n", argv[0]);
                return 2;
        }
        hostile_address = argv[1];
        add_byte_tests(tests, &n);
        add_silence_tests(tests, &n);
        add_frame_tests(tests, &n);
        add_flood_tests(tests, &n);
        add_group_tests(tests, &n);
        return fixture_run(hostile_address, tests, n);
}
