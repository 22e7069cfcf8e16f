/* SPDX-License-Identifier: MIT */

/*
 * Checks, through the public interface alone, that what hark promises holds at one address.
 *
 *         conformance ADDRESS here|apart|foreign
 *
 * here: server and clients on one loop of one process; apart: in two; foreign: in a poll(2) that
 * knows nothing but hark_loop_fd(). Transports are run by being listed in meson.build. What one of
 * them can not do is skipped, by hark_transport_get(), and said.
 *
 *         conformance serve IS_FOREIGN WISHES ADDRESS
 *
 * is the service that exec: starts.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests.h"

/* One a line: whoever adds one touches no other. */
/* clang-format off */
static chapter *const either[] = {
        test_calls,
        test_answers,
        test_endings,
        test_two_way,
        test_topics,
        test_slow,
        test_policies,
        test_retained,
        test_order,
        test_priority,
        test_farewell,
        test_limits,
        test_quotas,
        test_identity,
        test_rules,
        test_files,
        test_groups,
        test_return,
        test_outbox,
        test_streams,
        test_feeds,
};
static chapter *const here[] = {
        test_hooks,
        test_drain,
        test_removal,
};
static chapter *const apart[] = {
        test_order_in_flight,
        test_priority_apart,
        test_death,
        test_waiting,
        test_waits,
        test_hops,
};
/* clang-format on */

static int skip_all(const char *why)
{
        printf("1..0 # SKIP %s at %s\n", why, setting.address);
        return EXIT_SUCCESS;
}

/* A setting runs what runs anywhere, and what only it can run; foreign all that can be run. */
static int run_tests(void)
{
        static struct test_list list;

        for (size_t i = 0; i < COUNT(either); i++)
                either[i](&list);
        for (size_t i = 0; i < COUNT(apart) && (!setting.is_here || setting.is_foreign); i++)
                apart[i](&list);
        for (size_t i = 0; i < COUNT(here) && setting.is_here; i++)
                here[i](&list);
        return fixture_run(setting.address, list.tests, list.n);
}

static bool parse_setting(const char *address, const char *where)
{
        bool can_be_here = rig_can_be_here(address);

        setting = (struct setting){
                .address = address,
                .is_here = can_be_here && strcmp(where, "apart") != 0,
                .is_foreign = strcmp(where, "foreign") == 0,
        };
        return setting.is_foreign || strcmp(where, "apart") == 0 || strcmp(where, "here") == 0;
}

int main(int argc, char **argv)
{
        const char *why;

        if (argc == 5 && strcmp(argv[1], "serve") == 0) {
                setting.is_program = true;
                setting.is_foreign = atoi(argv[2]);
                setting.address = argv[4];
                return rig_become_service(argv[3], argv[4]);
        }
        if (argc != 3 || !parse_setting(argv[1], argv[2])) {
                fprintf(stderr, "usage: %s ADDRESS here|apart|foreign\n", argv[0]);
                return 2;
        }
        if (strcmp(argv[2], "here") == 0 && !setting.is_here)
                return skip_all("its server is always another process");
        setting.is_program = true;
        why = rig_why_not(argv[1]);
        setting.is_program = false;
        return why ? skip_all(why) : run_tests();
}
