/* SPDX-License-Identifier: MIT */

/* Who of a group gets what, and what becomes of it, as tables of events (group_scene.h). */

#include "fixture.h"

#include <stdio.h>

#include "group_scene.h"
#include "pubsub/group.h"

/* --- who gets it ------------------------------------------------------------------------------ */

START_TEST(each_goes_to_one_in_turns)
{
        group_scene("> join a jobs.*\n> join b jobs.*\n> join c jobs.*\n"
                    "> publish jobs.1\n< a 1 jobs.1\n"
                    "> publish jobs.2\n< b 1 jobs.2\n"
                    "> publish jobs.3\n< c 1 jobs.3\n"
                    "> publish jobs.4\n< a 2 jobs.4\n"
                    "> publish other\n");
}
END_TEST

START_TEST(who_has_the_least_to_confirm_gets_it)
{
        group_scene("> join a >\n> join b >\n> join c >\n"
                    "> publish 1\n< a 1 1\n"
                    "> publish 2\n< b 1 2\n"
                    "> publish 3\n< c 1 3\n"
                    "> ack b 1\n"
                    "> publish 4\n< b 2 4\n"
                    "> ack c 1\n"
                    "> publish 5\n< c 2 5\n"
                    "> publish 6\n< a 2 6\n");
}
END_TEST

START_TEST(only_who_matches_gets_it)
{
        group_scene("> join a jobs.print\n> join b jobs.scan\n> join c jobs.*\n"
                    "> publish jobs.scan x3\n< b 1 jobs.scan\n< c 1 jobs.scan\n< b 2 jobs.scan\n"
                    "> publish jobs.print x2\n< a 1 jobs.print\n< c 2 jobs.print\n"
                    "> publish jobs.copy\n< c 3 jobs.copy\n");
}
END_TEST

START_TEST(sixteen_wait_for_one_and_the_rest_for_anybody)
{
        group_scene_begin();
        group_scene_play("> join a >\n");
        for (int i = 1; i <= HARK_GROUP_WINDOW; i++) {
                char lines[64];

                snprintf(lines, sizeof(lines), "> publish x\n< a %d x\n", i);
                group_scene_play(lines);
        }
        group_scene_play("> publish y.1\n"
                         "> publish y.2\n"
                         "> ack a 3\n< a 17 y.1\n"
                         "> join b >\n< b 1 y.2\n"
                         "> ack a 17\n"
                         "> publish y.3\n< b 2 y.3\n");
        group_scene_end();
}
END_TEST

START_TEST(its_bytes_bound_what_one_has_to_confirm)
{
        group_scene("> join a > bytes=100\n"
                    "> publish x\n< a 1 x\n"
                    "> publish y\n< a 2 y\n"
                    "> publish z\n< a 3 z\n"
                    "> publish w\n"
                    "> ack a 1\n< a 4 w\n");
}
END_TEST

START_TEST(a_full_connection_waits_for_room)
{
        group_scene("> join a >\n> join b >\n> full a\n"
                    "> publish 1\n< b 1 1\n"
                    "> publish 2\n< b 2 2\n"
                    "> full b\n"
                    "> publish 3\n"
                    "> publish 4 priority=2\n"
                    "> ack b 1\n"
                    "> free a\n< a 1 4\n< a 2 3\n");
}
END_TEST

START_TEST(what_nobody_takes_is_lost_and_told)
{
        group_scene("> join a >\n> join b >\n> unfit a\n"
                    "> publish 1\n< b 1 1\n"
                    "> unfit b\n"
                    "> publish 2\n< unconfirmed 2\n"
                    "> join c >\n"
                    "> publish 3\n< c lost 1 2\n< c 2 3\n");
}
END_TEST

/* --- confirming ------------------------------------------------------------------------------- */

START_TEST(only_its_own_can_be_confirmed_and_once)
{
        group_scene("> join a >\n> join b >\n"
                    "> publish 1\n< a 1 1\n"
                    "> publish 2\n< b 1 2\n"
                    "> ack a 2\n< not its own\n"
                    "> ack a 1\n"
                    "> ack a 1\n< not its own\n"
                    "> holds b\n"
                    "> publish 3\n< a 2 3\n"
                    "> publish 4\n< b 2 4\n"
                    "> ack b 2\n< not its own\n"
                    "> ack b 1\n");
}
END_TEST

/* --- the end of a member ---------------------------------------------------------------------- */

START_TEST(what_it_may_have_seen_goes_to_others_marked)
{
        group_scene("> join a >\n> join b >\n"
                    "> publish 1\n< a 1 1\n"
                    "> publish 2\n< b 1 2\n"
                    "> publish 3\n< a 2 3\n"
                    "> leave a\n< b 2 1 repeated\n< b 3 3 repeated\n"
                    "> leave b\n< unconfirmed 1\n< unconfirmed 2\n< unconfirmed 3\n");
}
END_TEST

START_TEST(what_had_not_left_goes_to_others_unmarked)
{
        group_scene("> join a >\n> join b >\n> holds a\n"
                    "> publish 1\n< a 1 1\n"
                    "> leave a\n< b 1 1\n");
}
END_TEST

START_TEST(what_comes_back_goes_before_what_waits)
{
        group_scene("> join a >\n> join b >\n"
                    "> publish 1\n< a 1 1\n"
                    "> publish 2\n< b 1 2\n"
                    "> publish 3\n< a 2 3\n"
                    "> full a\n> full b\n"
                    "> publish 4\n"
                    "> publish 5 priority=1\n"
                    "> leave a\n"
                    "> join c >\n< c 1 5\n< c 2 1 repeated\n< c 3 3 repeated\n< c 4 4\n");
}
END_TEST

START_TEST(what_comes_back_from_several_is_in_order)
{
        group_scene("> join a >\n> join b >\n> join c >\n"
                    "> publish 1\n< a 1 1\n"
                    "> publish 2\n< b 1 2\n"
                    "> full c\n"
                    "> publish 3\n< a 2 3\n"
                    "> publish 4\n< b 2 4\n"
                    "> full a\n> full b\n"
                    "> publish 5\n"
                    "> leave b\n"
                    "> leave a\n"
                    "> free c\n< c 1 1 repeated\n< c 2 2 repeated\n< c 3 3 repeated\n"
                    "< c 4 4 repeated\n< c 5 5\n");
}
END_TEST

START_TEST(those_that_end_together_get_nothing_of_each_other)
{
        group_scene("> join a >\n> join b >\n> join c >\n"
                    "> publish 1\n< a 1 1\n"
                    "> publish 2\n< b 1 2\n"
                    "> publish 3\n< c 1 3\n"
                    "> publish 4\n< a 2 4\n"
                    "> leave a b\n< c 2 1 repeated\n< c 3 4 repeated\n< c 4 2 repeated\n");
}
END_TEST

START_TEST(once_only_means_no_other)
{
        group_scene("> join a > once\n> join b >\n"
                    "> publish 1\n< a 1 1\n"
                    "> publish 2\n< b 1 2\n"
                    "> holds a\n"
                    "> publish 3\n< a 2 3\n"
                    "> leave a\n< b 2 3\n< unconfirmed 1\n");
}
END_TEST

START_TEST(what_once_only_has_not_seen_goes_on_though_others_have)
{
        group_scene("> join a >\n> join b > once\n> holds b\n"
                    "> publish 1\n< a 1 1\n"
                    "> leave a\n< b 1 1 repeated\n"
                    "> join c >\n"
                    "> leave b\n< c 1 1 repeated\n");
}
END_TEST

START_TEST(the_last_one_leaves_all_to_the_publisher_in_order)
{
        group_scene("> join a >\n> join b >\n"
                    "> publish 1\n< a 1 1\n"
                    "> publish 2\n< b 1 2\n"
                    "> publish 3\n< a 2 3\n"
                    "> full a\n> full b\n"
                    "> publish 4 priority=3\n> publish 5\n"
                    "> leave a b\n"
                    "< unconfirmed 1\n< unconfirmed 2\n< unconfirmed 3\n"
                    "< unconfirmed 4\n< unconfirmed 5\n"
                    "> join c >\n"
                    "> publish 6\n< c 1 6\n");
}
END_TEST

START_TEST(what_matches_nobody_waits_for_who_comes)
{
        group_scene("> join a jobs.a\n> join b jobs.b\n"
                    "> publish jobs.a\n< a 1 jobs.a\n"
                    "> leave a\n"
                    "> publish jobs.b\n< b 1 jobs.b\n"
                    "> join c jobs.*\n< c 1 jobs.a repeated\n");
}
END_TEST

START_TEST(a_closing_server_gives_nothing_on)
{
        group_scene("> join a >\n> join b >\n"
                    "> publish 1\n< a 1 1\n"
                    "> publish 2\n< b 1 2\n"
                    "> close\n"
                    "> leave a\n"
                    "> leave b\n< unconfirmed 1\n< unconfirmed 2\n");
}
END_TEST

/* --- the bounds ------------------------------------------------------------------------------- */

START_TEST(beyond_its_bound_the_oldest_waiting_goes)
{
        group_scene("> join a > messages=2\n> full a\n"
                    "> publish old x16\n"
                    "> publish 17\n< unconfirmed old\n"
                    "> publish 18\n< unconfirmed old\n"
                    "> full a\n"
                    "> leave a\n"
                    "< unconfirmed old\n< unconfirmed old\n< unconfirmed old\n< unconfirmed old\n"
                    "< unconfirmed old\n< unconfirmed old\n< unconfirmed old\n< unconfirmed old\n"
                    "< unconfirmed old\n< unconfirmed old\n< unconfirmed old\n< unconfirmed old\n"
                    "< unconfirmed old\n< unconfirmed old\n< unconfirmed 17\n< unconfirmed 18\n");
}
END_TEST

START_TEST(who_gets_the_next_is_told_of_what_was_dropped)
{
        group_scene("> join a > bytes=90\n> full a\n"
                    "> publish x\n"
                    "> publish y\n"
                    "> publish z\n"
                    "> publish w\n< unconfirmed x\n"
                    "> publish v\n< unconfirmed y\n"
                    "> join b >\n< b lost 2 \n< b 3 z\n< b 4 w\n< b 5 v\n"
                    "> publish u\n< b 6 u\n");
}
END_TEST

START_TEST(word_of_a_loss_that_has_not_left_comes_back)
{
        group_scene("> join a > bytes=90\n> full a\n> holds a\n"
                    "> publish x x4\n< unconfirmed x\n"
                    "> free a\n< a lost 1 x\n< a 2 x\n< a 3 x\n< a 4 x\n"
                    "> join b >\n"
                    "> leave a\n< b lost 1 \n< b 2 x\n< b 3 x\n< b 4 x\n");
}
END_TEST

START_TEST(no_wish_leads_beyond_what_its_connection_may_cost)
{
        group_scene_begin();
        group_scene_play("> join a > messages=1000000 memory=20480\n> full a\n");
        for (int i = 1; i <= 20; i++)
                group_scene_play("> publish x\n");
        group_scene_play("> publish y\n< unconfirmed x\n");
        group_scene_play("> full b\n> join b > memory=50000\n");
        for (int i = 1; i <= 20; i++)
                group_scene_play("> publish z\n");
        group_scene_ignore_unconfirmed();
        group_scene_end();
}
END_TEST

START_TEST(all_members_of_a_connection_have_one_bound)
{
        group_scene_begin();
        group_scene_bound((size_t)4 * HARK_BLOCK_SIZE);
        group_scene_play(
                "> join a >\n> join b >\n> join c >\n"
                "> publish 1\n< a 1 1\n"
                "> publish 2\n< b 1 2\n"
                "> publish 3\n< c 1 3\n"
                "> publish 4\n< a 2 4\n"
                "> publish 5\n"
                "> ack b 1\n< b 2 5\n"
                "> publish 6\n"
                "> leave a b c\n"
                "< unconfirmed 1\n< unconfirmed 3\n< unconfirmed 4\n< unconfirmed 5\n< unconfirmed "
                "6\n");
        group_scene_end();
}
END_TEST

START_TEST(what_a_member_had_is_dropped_last)
{
        group_scene("> join a > messages=1\n> join b > messages=1\n"
                    "> publish 1\n< a 1 1\n"
                    "> full b\n> full a\n"
                    "> publish f x15\n"
                    "> leave a\n"
                    "> publish g\n< unconfirmed f\n"
                    "> free b\n< b lost 1 f\n< b 2 1 repeated\n"
                    "< b 3 f\n< b 4 f\n< b 5 f\n< b 6 f\n< b 7 f\n< b 8 f\n< b 9 f\n< b 10 f\n"
                    "< b 11 f\n< b 12 f\n< b 13 f\n< b 14 f\n< b 15 f\n< b 16 f\n< b 17 g\n");
}
END_TEST

START_TEST(without_memory_it_waits_for_the_next_occasion)
{
        group_scene("> join a >\n> poor a\n"
                    "> publish 1\n"
                    "> rich a\n"
                    "> publish 2\n< a 1 1\n< a 2 2\n");
}
END_TEST

/* So who has thousands of members can have the server look through thousands of items once, and not
 * with every byte that it reads. */
START_TEST(what_a_member_does_not_take_it_looks_through_once)
{
        unsigned n_before;

        group_scene_begin();
        group_scene_play("> join a >\n> full a\n> unfit b\n> join b >\n");
        group_scene_play("> publish x x100\n> free b\n");
        n_before = group_scene_checks();
        for (int i = 0; i < 10; i++)
                group_scene_play("> free b\n");
        ck_assert_uint_lt(group_scene_checks(), n_before + 100);
        group_scene_ignore_unconfirmed();
        group_scene_end();
}
END_TEST

START_TEST(what_there_was_no_memory_to_give_another_finds)
{
        group_scene("> join a >\n> join b >\n> poor a\n"
                    "> publish 1\n"
                    "> free b\n< b 1 1\n");
}
END_TEST

FIXTURE_MAIN("group", what_a_member_does_not_take_it_looks_through_once,
             what_there_was_no_memory_to_give_another_finds, each_goes_to_one_in_turns,
             who_has_the_least_to_confirm_gets_it, only_who_matches_gets_it,
             sixteen_wait_for_one_and_the_rest_for_anybody, its_bytes_bound_what_one_has_to_confirm,
             a_full_connection_waits_for_room, what_nobody_takes_is_lost_and_told,
             only_its_own_can_be_confirmed_and_once, what_it_may_have_seen_goes_to_others_marked,
             what_had_not_left_goes_to_others_unmarked, what_comes_back_goes_before_what_waits,
             what_comes_back_from_several_is_in_order,
             those_that_end_together_get_nothing_of_each_other, once_only_means_no_other,
             what_once_only_has_not_seen_goes_on_though_others_have,
             the_last_one_leaves_all_to_the_publisher_in_order,
             what_matches_nobody_waits_for_who_comes, a_closing_server_gives_nothing_on,
             beyond_its_bound_the_oldest_waiting_goes,
             who_gets_the_next_is_told_of_what_was_dropped,
             word_of_a_loss_that_has_not_left_comes_back,
             no_wish_leads_beyond_what_its_connection_may_cost,
             all_members_of_a_connection_have_one_bound, what_a_member_had_is_dropped_last,
             without_memory_it_waits_for_the_next_occasion)
