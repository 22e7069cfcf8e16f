/* SPDX-License-Identifier: MIT */
#ifndef TESTS_H
#define TESTS_H

/*
 * The chapters of this program, each a file of tests, and where its service has to be.
 *
 *         either   where the setting says; observes only through calls
 *         apart    in another process, whatever the setting is: it is killed, or called by waiting
 *         here     in this process: hooks, removal in callbacks
 */

#include <assert.h>

#include "rig.h"

struct test_list {
        const TTest *tests[512];
        size_t n;
};

typedef void chapter(struct test_list *list);

/* Defines a chapter by its tests. */
#define CHAPTER(name, ...)                                    \
        void name(struct test_list *list)                     \
        {                                                     \
                const TTest *const tests[] = {__VA_ARGS__};   \
                                                              \
                for (size_t i = 0; i < COUNT(tests); i++) {   \
                        assert(list->n < COUNT(list->tests)); \
                        list->tests[list->n++] = tests[i];    \
                }                                             \
        }

/* either */
chapter test_calls;
chapter test_answers;
chapter test_endings;
chapter test_streams;
chapter test_feeds;
chapter test_two_way;
chapter test_topics;
chapter test_slow;
chapter test_policies;
chapter test_retained;
chapter test_groups;
chapter test_order;
chapter test_priority;
chapter test_farewell;
chapter test_limits;
chapter test_quotas;
chapter test_identity;
chapter test_rules;
chapter test_files;
chapter test_return;
chapter test_outbox;

/* apart */
chapter test_order_in_flight;
chapter test_priority_apart;
chapter test_death;
chapter test_waiting;
chapter test_waits;
chapter test_hops;

/* here */
chapter test_hooks;
chapter test_drain;
chapter test_removal;

#endif
