/* SPDX-License-Identifier: MIT */

/* The values that topics keep, as a server tells them, and lets them be told. */

#include "fixture.h"

#include <stdio.h>

#include "conn/conn.h"
#include "server_talk.h"

static void hub_talk(const struct hark_server_params *given, const char *script)
{
        struct hark_server_params params = {.is_hub = true};
        struct server_talk talk;

        if (given)
                params = *given;
        server_talk_begin(&talk, &params, false);
        server_talk_greet(&talk);
        conversation_run(&talk.conversation, script);
        server_talk_end(&talk);
}

/* --- subscribing ------------------------------------------------------------------------------ */

START_TEST(the_current_values_come_first_then_their_number)
{
        server_talk("= publish a.x size=1 retain=1\n"
                    "= publish b size=2 retain=1\n"
                    "= publish a.y size=3 retain=1\n"
                    "> subscribe #1 wishes=1 a.*\n"
                    "< subscribed #1 priority=7 sequence=2\n"
                    "< publish #1 to=1 retained a.x \"a\"\n"
                    "< publish #2 to=1 retained a.y \"abc\"\n"
                    "= publish a.x size=4 retain=1\n"
                    "< publish #3 to=1 sequence=1 kept a.x \"abcd\"\n"
                    "= publish a.z size=5\n"
                    "< publish #4 to=1 sequence=2 a.z \"abcde\"\n");
}
END_TEST

START_TEST(who_does_not_ask_gets_only_what_comes)
{
        server_talk("= publish a size=1 retain=1\n"
                    "> subscribe #1 a\n"
                    "< subscribed #1 priority=7\n"
                    "= publish a retain=3\n"
                    "= publish a size=2 retain=1\n"
                    "< publish #1 to=1 sequence=1 kept a \"ab\"\n");
}
END_TEST

START_TEST(where_there_is_nothing_the_number_is_0)
{
        server_talk("= publish b size=1 retain=1\n"
                    "> subscribe #1 wishes=1 a\n"
                    "< subscribed #1 priority=7\n");
}
END_TEST

START_TEST(a_value_is_withdrawn_where_it_is_wanted)
{
        server_talk("> subscribe #1 wishes=1 a\n"
                    "< subscribed #1 priority=7\n"
                    "= publish a retain=3\n"
                    "= publish a size=1 retain=1 priority=2\n"
                    "= publish a retain=3\n"
                    "= publish a retain=3\n"
                    "= publish a size=2\n"
                    "< publish #1 to=1 priority=2 sequence=1 kept a \"a\"\n"
                    "< withdrawn #2 to=1 priority=2 sequence=2 a\n"
                    "< publish #3 to=1 sequence=3 a \"ab\"\n"
                    "> subscribe #2 wishes=1 a\n"
                    "< subscribed #2 priority=7\n");
}
END_TEST

START_TEST(a_group_hears_of_changes_only)
{
        hub_talk(NULL, "= publish a size=1 retain=1\n"
                       "> subscribe #1 a group=\"crew\"\n"
                       "< subscribed #1 priority=7\n"
                       "= publish a retain=3\n"
                       "= publish a size=2 retain=1\n"
                       "= publish a retain=3\n"
                       "= publish a size=3\n"
                       "< publish #1 to=1 sequence=1 a \"ab\"\n"
                       "< publish #2 to=1 sequence=2 a \"abc\"\n"
                       "> ack to=1 sequence=1\n"
                       "> ack to=1 sequence=2\n");
}
END_TEST

START_TEST(a_withdrawal_has_its_place_in_a_full_queue)
{
        server_talk("> subscribe #1 wishes=1 policy=2 a\n"
                    "> subscribe #2 wishes=1 messages=1 a\n"
                    "< subscribed #1 priority=7\n"
                    "< subscribed #2 priority=7\n"
                    "= room 0\n"
                    "= publish a size=1 retain=1\n"
                    "= publish a retain=3\n"
                    "= room 100000\n"
                    "< gap to=1 lost=1 first=1 reason=105 a\n"
                    "< gap to=2 lost=1 first=1 reason=105 a\n"
                    "< withdrawn #3 to=1 sequence=2 a\n"
                    "< withdrawn #4 to=2 sequence=2 a\n");
}
END_TEST

/* --- races ------------------------------------------------------------------------------------ */

START_TEST(a_change_may_overtake_the_value_that_it_changes)
{
        server_talk("= publish a.x size=1 retain=1\n"
                    "= publish a.y size=2 retain=1\n"
                    "= room 0\n"
                    "> subscribe #1 wishes=1 a.*\n"
                    "= publish a.x size=3 retain=1 priority=1\n"
                    "= publish a.y size=4 retain=1\n"
                    "= room 100000\n"
                    "< subscribed #1 priority=7 sequence=2\n"
                    "< publish #3 to=1 priority=1 sequence=1 kept a.x \"abc\"\n"
                    "< publish #1 to=1 retained a.x \"a\"\n"
                    "< publish #2 to=1 retained a.y \"ab\"\n"
                    "< publish #4 to=1 sequence=2 kept a.y \"abcd\"\n");
}
END_TEST

START_TEST(what_changes_before_its_turn_is_told_when_it_has_it)
{
        struct hark_server_params params = {.limits.queue_size = 4096};

        hub_talk(&params, "= publish a size=3000 retain=1\n"
                          "= publish b size=3000 retain=1\n"
                          "= publish c size=3000 retain=1\n"
                          "= publish d size=3000 retain=1\n"
                          "= room 0\n"
                          "> subscribe #1 wishes=1 >\n"
                          "= publish c size=1 retain=1\n"
                          "= publish d retain=3\n"
                          ".\n"
                          "= room 100000\n"
                          "< publish #1 to=1 size=3000 retained a\n"
                          "< publish #2 to=1 size=3000 retained b\n"
                          "< subscribed #1 priority=7 sequence=3\n"
                          "< publish #4 to=1 retained c \"a\"\n");
}
END_TEST

/* Who reads nothing pays for it with no more than one subscription could. */
START_TEST(many_subscriptions_have_no_more_waiting_than_one)
{
        struct hark_server_params params = {.is_hub = true};
        struct server_talk talk;
        char line[80];

        server_talk_begin(&talk, &params, false);
        server_talk_greet(&talk);
        for (int i = 0; i < 40; i++) {
                snprintf(line, sizeof(line), "= publish v%d retain=1\n", i);
                conversation_run(&talk.conversation, line);
        }
        conversation_run(&talk.conversation, "= room 0\n");
        for (int i = 1; i <= 20; i++) {
                snprintf(line, sizeof(line), "> subscribe #%d wishes=1 >\n", i);
                conversation_run(&talk.conversation, line);
        }
        ck_assert_uint_le(talk.peer->conn->writer.queued_size, (size_t)16 * HARK_BLOCK_SIZE);
        for (int i = 1; i <= 20; i++) {
                snprintf(line, sizeof(line), "> unsubscribe #%d\n", i);
                conversation_run(&talk.conversation, line);
        }
        ck_assert_uint_eq(talk.peer->conn->writer.queued_size, 0);
        conversation_run(&talk.conversation, "= room 100000\n");
        server_talk_end(&talk);
}
END_TEST

START_TEST(they_are_given_theirs_one_after_the_other)
{
        hub_talk(NULL, "= publish a retain=1\n"
                       "= room 0\n"
                       "> subscribe #1 wishes=1 >\n"
                       "> subscribe #2 wishes=1 b\n"
                       "> subscribe #3 wishes=1 >\n"
                       "= publish b retain=1\n"
                       "= room 100000\n"
                       "< subscribed #1 priority=7 sequence=1\n"
                       "< subscribed #2 priority=7\n"
                       "< subscribed #3 priority=7 sequence=1\n"
                       "< publish #1 to=1 retained a\n"
                       "< publish #2 to=3 retained a\n"
                       "< publish #3 to=2 sequence=1 kept b\n"
                       "< publish #4 to=1 sequence=1 kept b\n"
                       "< publish #5 to=3 sequence=1 kept b\n");
}
END_TEST

START_TEST(an_end_takes_a_walk_back)
{
        struct hark_server_params params = {.limits.queue_size = 4096};

        hub_talk(&params, "= publish a size=3000 retain=1\n"
                          "= publish b size=3000 retain=1\n"
                          "= publish c size=3000 retain=1\n"
                          "= room 0\n"
                          "> subscribe #1 wishes=1 >\n"
                          ".\n"
                          "> unsubscribe #1\n"
                          "= room 100000\n"
                          "> subscribe #1 wishes=1 c\n"
                          "< subscribed #1 priority=7 sequence=1\n"
                          "< publish #4 to=1 size=3000 retained c\n");
}
END_TEST

START_TEST(a_value_that_is_too_large_for_it_is_lost_to_a_subscriber)
{
        struct server_talk talk;

        server_talk_begin(&talk, NULL, false);
        conversation_run(&talk.conversation, "> hello takes=1024 tester\n"
                                             "< hello priority=7\n"
                                             "= publish a size=1025 retain=1\n"
                                             "= publish b size=2 retain=1\n"
                                             "> subscribe #1 wishes=1 >\n"
                                             "< subscribed #1 priority=7 sequence=1\n"
                                             "< gap to=1 lost=1 first=1 reason=90 a\n"
                                             "< publish #2 to=1 retained b \"ab\"\n");
        server_talk_end(&talk);
}
END_TEST

/* --- limits ----------------------------------------------------------------------------------- */

START_TEST(only_so_many_topics_keep_a_value)
{
        struct hark_server_params params = {.is_hub = true, .retained_topics = 2};

        hub_talk(&params, "= publish a size=1 retain=1\n"
                          "= publish b size=1 retain=1\n"
                          "> subscribe #1 c\n"
                          "< subscribed #1 priority=7\n"
                          "= publish c size=1 retain=1\n"
                          "! not done: EDQUOT\n"
                          "> publish #1 retain c \"x\"\n"
                          "< error #1 status=8 from-library c "
                          "text=\"too much is retained (retained_topics)\"\n"
                          "= publish b size=2 retain=1\n"
                          "= publish b retain=3\n"
                          "= publish c size=1 retain=1\n"
                          "< publish #1 to=1 sequence=1 kept c \"a\"\n");
}
END_TEST

START_TEST(only_so_many_bytes_are_kept)
{
        struct hark_server_params params = {.is_hub = true, .retained_size = 1000};

        hub_talk(&params, "= publish a size=745 retain=1\n"
                          "! not done: EDQUOT\n"
                          "= publish a size=744 retain=1\n"
                          "= publish a size=745 retain=1\n"
                          "! not done: EDQUOT\n"
                          "= publish a size=400 retain=1\n"
                          "> publish #1 retain b size=100\n"
                          "< error #1 status=8 from-library b "
                          "text=\"too much is retained (retained_size)\"\n"
                          "= publish b size=88 retain=1\n"
                          "> subscribe #1 wishes=1 >\n"
                          "< subscribed #1 priority=7 sequence=2\n"
                          "< publish #1 to=1 size=400 retained a\n"
                          "< publish #2 to=1 size=88 retained b\n");
}
END_TEST

START_TEST(a_value_has_no_files)
{
        server_talk("= publish a fds=1 retain=1\n"
                    "! not done: EINVAL\n"
                    "= publish a size=1 retain=3\n"
                    "! not done: EINVAL\n"
                    "= publish a size=1 retain=4\n"
                    "! not done: EINVAL\n");
}
END_TEST

/* --- through the server ----------------------------------------------------------------------- */

START_TEST(a_client_may_retain_and_withdraw)
{
        hub_talk(NULL, "> publish #1 retain a \"x\"\n"
                       "> subscribe #1 wishes=1 a\n"
                       "< subscribed #1 priority=7\n"
                       "< publish #1 to=1 sequence=1 kept a \"x\"\n"
                       "> subscribe #2 wishes=1 a\n"
                       "< subscribed #2 priority=7 sequence=1\n"
                       "< publish #2 to=2 retained a \"x\"\n"
                       "> withdrawn #2 a \"ignored\"\n"
                       "< withdrawn #3 to=1 sequence=2 a\n"
                       "< withdrawn #4 to=2 sequence=1 a\n");
}
END_TEST

START_TEST(who_is_no_hub_refuses_both)
{
        server_talk("> publish #1 retain a \"x\"\n"
                    "> withdrawn #2 a\n"
                    "< error #1 status=12 from-library a "
                    "text=\"this server accepts no publications\"\n"
                    "< error #2 status=12 from-library a "
                    "text=\"this server accepts no publications\"\n"
                    "> subscribe #1 wishes=1 a\n"
                    "< subscribed #1 priority=7\n");
}
END_TEST

START_TEST(to_withdraw_is_to_publish)
{
        struct hark_server_params params = {.is_hub = true};
        struct server_talk talk;

        server_talk_begin(&talk, &params, false);
        ck_assert_int_eq(hark_server_allow(talk.server, "subscribe > anyone"), 0);
        server_talk_greet(&talk);
        conversation_run(&talk.conversation,
                         "= publish a size=1 retain=1\n"
                         "> withdrawn #1 a\n"
                         "< error #1 status=7 from-library a "
                         "text=\"no rule allows an unknown user to publish a\"\n"
                         "> subscribe #2 wishes=1 a\n"
                         "< subscribed #2 priority=7 sequence=1\n"
                         "< publish #1 to=2 retained a \"a\"\n");
        server_talk_end(&talk);
}
END_TEST

START_TEST(a_live_value_must_be_a_value)
{
        hub_talk(NULL, "> publish #1 live a \"x\"\n"
                       "< goaway status=3 text=\"a flag that a publication to a server has not\"\n"
                       "< closed\n"
                       "! leave: EPROTO\n");
}
END_TEST

START_TEST(a_server_that_goes_withdraws_nothing)
{
        hub_talk(NULL, "> publish #1 retain live a \"x\"\n"
                       ".\n"
                       "> subscribe #1 wishes=1 a\n"
                       "< subscribed #1 priority=7 sequence=1\n"
                       "< publish #1 to=1 retained a \"x\"\n"
                       "= unref\n"
                       "< goaway\n"
                       "< closed\n"
                       "! leave: ECANCELED\n");
}
END_TEST

FIXTURE_MAIN("retained", many_subscriptions_have_no_more_waiting_than_one,
             they_are_given_theirs_one_after_the_other, a_group_hears_of_changes_only,
             the_current_values_come_first_then_their_number, who_does_not_ask_gets_only_what_comes,
             where_there_is_nothing_the_number_is_0, a_value_is_withdrawn_where_it_is_wanted,
             a_withdrawal_has_its_place_in_a_full_queue,
             a_change_may_overtake_the_value_that_it_changes,
             what_changes_before_its_turn_is_told_when_it_has_it, an_end_takes_a_walk_back,
             a_value_that_is_too_large_for_it_is_lost_to_a_subscriber,
             only_so_many_topics_keep_a_value, only_so_many_bytes_are_kept, a_value_has_no_files,
             a_client_may_retain_and_withdraw, who_is_no_hub_refuses_both,
             to_withdraw_is_to_publish, a_live_value_must_be_a_value,
             a_server_that_goes_withdraws_nothing)
