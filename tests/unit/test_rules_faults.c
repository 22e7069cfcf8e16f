/* SPDX-License-Identifier: MIT */

/* Rules when memory runs out: what could not be added is not there, and what is there holds. */

#include "fixture.h"

#include <string.h>

#include "endpoint/rules.h"
#include "faults.h"

static bool allows(const struct hark_rules *rules, uid_t uid, const char *name)
{
        struct hark_subject subject = {.uid = uid, .gid = (gid_t)-1};
        struct hark_wish wish = {&subject, HARK_VERB_CALL, name, strlen(name)};
        const struct hark_rule *nearest;

        return hark_rules_allow(rules, &wish, &nearest);
}

/* Adds a rule as soon as there is memory for all of it, and looks after each failure. */
static unsigned add_at_last(struct hark_rules *rules, const char *text,
                            void (*check)(const struct hark_rules *rules))
{
        unsigned n_faults = 0;

        FAULTS_FOR_EACH(n)
        {
                int r = hark_rules_add(rules, text);

                if (!faults_stop()) {
                        ck_assert_int_eq(r, 0);
                        return n_faults;
                }
                ck_assert_int_eq(r, -ENOMEM);
                check(rules);
                n_faults++;
        }
}

static void check_open(const struct hark_rules *rules)
{
        ck_assert(hark_rules_are_empty(rules));
        ck_assert(!rules->speak_of_anyone && !rules->speak_of_groups);
        ck_assert(allows(rules, 7, "a.b.c"));
}

static void check_closed(const struct hark_rules *rules)
{
        ck_assert(!rules->speak_of_anyone && !rules->speak_of_groups);
        ck_assert(allows(rules, 5, "a.b.c"));
        ck_assert(!allows(rules, 7, "a.b.c"));
}

START_TEST(a_rule_is_added_whole_or_not_at_all)
{
        struct hark_rules rules;

        ck_assert_int_eq(hark_rules_init(&rules), 0);
        ck_assert_uint_ge(add_at_last(&rules, "call a.b.* uid=5", check_open), 4);
        ck_assert_uint_ge(add_at_last(&rules, "call a.x.> anyone gid=3", check_closed), 3);
        ck_assert(rules.speak_of_anyone && rules.speak_of_groups);
        ck_assert(allows(&rules, 7, "a.x.y"));
        hark_rules_done(&rules);
}
END_TEST

START_TEST(rules_without_memory_can_be_done_with)
{
        struct hark_rules rules;

        FAULTS_FOR_EACH(n)
        {
                int r = hark_rules_init(&rules);
                bool has_failed = faults_stop();

                ck_assert_int_eq(r, has_failed ? -ENOMEM : 0);
                hark_rules_done(&rules);
                if (!has_failed)
                        break;
        }
}
END_TEST

FIXTURE_MAIN("rules_faults", a_rule_is_added_whole_or_not_at_all,
             rules_without_memory_can_be_done_with)
