/* SPDX-License-Identifier: MIT */

/*
 * A connection as a channel: what is published comes, or is reported as lost, in the place where it
 * would have come; whatever is slow.
 */

#include "fixture.h"

#include "server_talk.h"

/* A talk with these limits of the connection's. */
static void slow_talk(size_t queue_size, const char *script)
{
        struct hark_server_params params = {.limits.queue_size = queue_size};
        struct server_talk talk;

        server_talk_begin(&talk, &params, false);
        server_talk_greet(&talk);
        conversation_run(&talk.conversation, script);
        server_talk_end(&talk);
}

/* --- subscriptions ---------------------------------------------------------------------------- */

START_TEST(a_subscriber_gets_what_its_filter_matches)
{
        server_talk("> subscribe #1 load.*\n"
                    "> subscribe #2 >\n"
                    "< subscribed #1 priority=7\n"
                    "< subscribed #2 priority=7\n"
                    "= publish load.one size=2\n"
                    "= publish other size=3\n"
                    "= publish load.two\n"
                    "< publish #1 to=1 sequence=1 load.one \"ab\"\n"
                    "< publish #2 to=2 sequence=1 load.one \"ab\"\n"
                    "< publish #3 to=2 sequence=2 other \"abc\"\n"
                    "< publish #4 to=1 sequence=2 load.two\n"
                    "< publish #5 to=2 sequence=3 load.two\n");
}
END_TEST

START_TEST(whether_anybody_listens_is_known)
{
        struct server_talk talk;

        server_talk_begin(&talk, NULL, false);
        server_talk_greet(&talk);
        ck_assert(!hark_server_has_subscribers(talk.server, "load.one"));
        conversation_run(&talk.conversation, "> subscribe #1 load.*\n"
                                             "< subscribed #1 priority=7\n");
        ck_assert(hark_server_has_subscribers(talk.server, "load.one"));
        ck_assert(!hark_server_has_subscribers(talk.server, "load"));
        conversation_run(&talk.conversation, "> unsubscribe #1\n");
        ck_assert(!hark_server_has_subscribers(talk.server, "load.one"));
        server_talk_end(&talk);
}
END_TEST

START_TEST(an_end_takes_back_what_was_queued)
{
        server_talk("> subscribe #1 a\n"
                    "> subscribe #2 a\n"
                    "< subscribed #1 priority=7\n"
                    "< subscribed #2 priority=7\n"
                    "= room 0\n"
                    "= publish a size=1\n"
                    "= publish a size=2\n"
                    "> unsubscribe #1\n"
                    "= room 100000\n"
                    "< publish #2 to=2 sequence=1 a \"a\"\n"
                    "< publish #4 to=2 sequence=2 a \"ab\"\n");
}
END_TEST

START_TEST(an_id_can_be_used_again_after_its_end)
{
        server_talk("> subscribe #1 a\n"
                    "> unsubscribe #1\n"
                    "> unsubscribe #1\n"
                    "> subscribe #1 b\n"
                    "< subscribed #1 priority=7\n"
                    "< subscribed #1 priority=7\n"
                    "= publish a\n"
                    "= publish b\n"
                    "< publish #1 to=1 sequence=1 b\n");
}
END_TEST

START_TEST(an_id_in_use_is_a_mistake)
{
        server_talk("> subscribe #1 a\n"
                    "< subscribed #1 priority=7\n"
                    "> subscribe #1 b\n"
                    "< goaway status=3 text=\"the id of a subscription that has not ended\"\n"
                    "< closed\n"
                    "! leave: EPROTO\n");
}
END_TEST

START_TEST(no_more_subscriptions_are_taken_than_the_limit)
{
        struct hark_server_params params = {.limits.subscriptions = 1};
        struct server_talk talk;

        server_talk_begin(&talk, &params, false);
        server_talk_greet(&talk);
        conversation_run(&talk.conversation, "> subscribe #1 a\n"
                                             "> subscribe #2 b\n"
                                             "< subscribed #1 priority=7\n"
                                             "< subscribed #2 status=8 "
                                             "text=\"too many subscriptions\"\n"
                                             "> unsubscribe #1\n"
                                             "> subscribe #2 b\n"
                                             "< subscribed #2 priority=7\n");
        server_talk_end(&talk);
}
END_TEST

START_TEST(a_large_notification_is_shared_and_sent_in_fragments)
{
        server_talk("> subscribe #1 a\n"
                    "> subscribe #2 a\n"
                    "< subscribed #1 priority=7\n"
                    "< subscribed #2 priority=7\n"
                    "= publish a size=70000\n"
                    "< publish #1 to=1 sequence=1 total=70000 size=65536 more a\n"
                    "< publish #1 to=1 sequence=1 at=65536 size=4464 continued\n"
                    "< publish #2 to=2 sequence=1 total=70000 size=65536 more a\n"
                    "< publish #2 to=2 sequence=1 at=65536 size=4464 continued\n");
}
END_TEST

/* --- gaps ------------------------------------------------------------------------------------- */

START_TEST(the_oldest_are_dropped_and_reported_in_their_place)
{
        server_talk("> subscribe #1 messages=2 a\n"
                    "< subscribed #1 priority=7\n"
                    "= publish a size=1\n"
                    "< publish #1 to=1 sequence=1 a \"a\"\n"
                    "= room 0\n"
                    "= publish a size=2\n"
                    "= publish a size=3\n"
                    "= publish a size=4\n"
                    "= publish a size=5\n"
                    "= publish a size=6\n"
                    "= room 100000\n"
                    "< gap to=1 lost=3 first=2 reason=105 a\n"
                    "< publish #5 to=1 sequence=5 a \"abcde\"\n"
                    "< publish #6 to=1 sequence=6 a \"abcdef\"\n");
}
END_TEST

START_TEST(each_gap_counts_anew)
{
        server_talk("> subscribe #1 messages=1 a\n"
                    "< subscribed #1 priority=7\n"
                    "= room 0\n"
                    "= publish a size=1\n"
                    "= publish a size=2\n"
                    "= room 100000\n"
                    "< gap to=1 lost=1 first=1 reason=105 a\n"
                    "< publish #2 to=1 sequence=2 a \"ab\"\n"
                    "= room 0\n"
                    "= publish a size=3\n"
                    "= publish a size=4\n"
                    "= publish a size=5\n"
                    "= room 100000\n"
                    "< gap to=1 lost=2 first=3 reason=105 a\n"
                    "< publish #5 to=1 sequence=5 a \"abcde\"\n");
}
END_TEST

START_TEST(the_bytes_that_wait_are_bounded)
{
        server_talk("> subscribe #1 bytes=2500 a\n"
                    "< subscribed #1 priority=7\n"
                    "= room 0\n"
                    "= publish a size=1000\n"
                    "= publish a size=1000\n"
                    "= publish a size=1000\n"
                    "= publish a size=1000\n"
                    "= publish a size=1000\n"
                    "= room 100000\n"
                    "< gap to=1 lost=2 first=1 reason=105 a\n"
                    "< publish #3 to=1 sequence=3 size=1000 a\n"
                    "< publish #4 to=1 sequence=4 size=1000 a\n"
                    "< publish #5 to=1 sequence=5 size=1000 a\n");
}
END_TEST

START_TEST(a_gap_names_the_topic_if_there_was_only_one)
{
        server_talk("> subscribe #1 messages=1 a.*\n"
                    "> subscribe #2 messages=1 a.>\n"
                    "< subscribed #1 priority=7\n"
                    "< subscribed #2 priority=7\n"
                    "= room 0\n"
                    "= publish a.x\n"
                    "= publish a.x\n"
                    "= publish a.b.c\n"
                    "= publish a.x\n"
                    "= room 100000\n"
                    "< gap to=1 lost=2 first=1 reason=105 a.x\n"
                    "< gap to=2 lost=3 first=1 reason=105 a.>\n"
                    "< publish #6 to=1 sequence=3 a.x\n"
                    "< publish #7 to=2 sequence=4 a.x\n");
}
END_TEST

START_TEST(a_full_connection_costs_its_own_subscribers)
{
        slow_talk(8192, "> subscribe #1 a\n"
                        "< subscribed #1 priority=7\n"
                        "= room 0\n"
                        "= publish a size=5000\n"
                        "= publish a size=3000\n"
                        "= publish a size=10\n"
                        "= publish a size=20\n"
                        "= room 100000\n"
                        "< gap to=1 lost=1 first=1 reason=105 a\n"
                        "< publish #2 to=1 sequence=2 size=3000 a\n"
                        "< publish #3 to=1 sequence=3 a \"abcdefghij\"\n"
                        "< publish #4 to=1 sequence=4 a \"abcdefghijklmnopqrst\"\n");
}
END_TEST

START_TEST(a_connection_that_is_full_of_other_things_leaves_only_a_gap)
{
        slow_talk(4096, "> subscribe #1 a\n"
                        "> request #1 echo size=5000\n"
                        "< subscribed #1 priority=7\n"
                        "< reply #1 size=5000\n"
                        "= room 0\n"
                        "> request #2 echo size=5000\n"
                        "= publish a size=1\n"
                        "= publish a size=2\n"
                        "= room 100000\n"
                        "< reply #2 size=5000\n"
                        "< gap to=1 lost=2 first=1 reason=105 a\n"
                        "= publish a size=3\n"
                        "< publish #3 to=1 sequence=3 a \"abc\"\n");
}
END_TEST

START_TEST(what_a_subscriber_does_not_take_is_lost_to_it)
{
        struct server_talk talk;

        server_talk_begin(&talk, NULL, false);
        conversation_run(&talk.conversation, "> hello takes=1024 passes=1 tester\n"
                                             "< hello priority=7\n"
                                             "> subscribe #1 a\n"
                                             "< subscribed #1 priority=7\n"
                                             "= publish a size=1\n"
                                             "= publish a size=1025\n"
                                             "= publish a size=2 fds=2\n"
                                             "= publish a size=3\n"
                                             "< publish #1 to=1 sequence=1 a \"a\"\n"
                                             "< gap to=1 lost=2 first=2 reason=122 a\n"
                                             "< publish #4 to=1 sequence=4 a \"abc\"\n");
        server_talk_end(&talk);
}
END_TEST

START_TEST(the_urgent_are_not_held_up_by_the_lost)
{
        server_talk("> subscribe #1 messages=2 a\n"
                    "< subscribed #1 priority=7\n"
                    "= room 0\n"
                    "= publish a size=1\n"
                    "= publish a size=2 priority=5\n"
                    "= publish a size=3\n"
                    "= publish a size=4 priority=5\n"
                    "= room 100000\n"
                    "< gap to=1 priority=5 lost=2 first=1 reason=105 a\n"
                    "< publish #4 to=1 priority=5 sequence=4 a \"abcd\"\n"
                    "< publish #3 to=1 sequence=3 a \"abc\"\n");
}
END_TEST

START_TEST(what_has_begun_to_leave_is_not_dropped)
{
        server_talk("> subscribe #1 messages=1 a\n"
                    "< subscribed #1 priority=7\n"
                    "= room 100\n"
                    "= publish a size=2000\n"
                    ".\n"
                    "= publish a size=2\n"
                    "= publish a size=3\n"
                    "= room 100000\n"
                    "< publish #1 to=1 sequence=1 size=2000 a\n"
                    "< gap to=1 lost=1 first=2 reason=105 a\n"
                    "< publish #3 to=1 sequence=3 a \"abc\"\n");
}
END_TEST

FIXTURE_MAIN("channel", a_subscriber_gets_what_its_filter_matches, whether_anybody_listens_is_known,
             an_end_takes_back_what_was_queued, an_id_can_be_used_again_after_its_end,
             an_id_in_use_is_a_mistake, no_more_subscriptions_are_taken_than_the_limit,
             a_large_notification_is_shared_and_sent_in_fragments,
             the_oldest_are_dropped_and_reported_in_their_place, each_gap_counts_anew,
             the_bytes_that_wait_are_bounded, a_gap_names_the_topic_if_there_was_only_one,
             a_full_connection_costs_its_own_subscribers,
             a_connection_that_is_full_of_other_things_leaves_only_a_gap,
             what_a_subscriber_does_not_take_is_lost_to_it, the_urgent_are_not_held_up_by_the_lost,
             what_has_begun_to_leave_is_not_dropped)
