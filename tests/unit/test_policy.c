/* SPDX-License-Identifier: MIT */

/*
 * What becomes of a queue that is full: each policy, what the publisher hears of it, and how it can
 * pace itself before.
 */

#include "fixture.h"

#include "server_talk.h"

/* A talk with all hooks, from where the connection stands. */
static void begin_watched(struct server_talk *talk, const struct hark_server_params *params)
{
        server_talk_begin(talk, params, true);
        conversation_run(&talk->conversation, "> hello tester\n"
                                              "! accept: tester\n"
                                              "< hello priority=7\n");
}

static void watched_talk(const char *script)
{
        struct server_talk talk;

        begin_watched(&talk, NULL);
        conversation_run(&talk.conversation, script);
        server_talk_end(&talk);
}

/* --- policies --------------------------------------------------------------------------------- */

START_TEST(the_newest_are_dropped_behind_what_waits)
{
        server_talk("> subscribe #1 policy=1 messages=2 a\n"
                    "< subscribed #1 priority=7\n"
                    "= room 0\n"
                    "= publish a size=1\n"
                    "= publish a size=2\n"
                    "= publish a size=3\n"
                    "= publish a size=4\n"
                    "= room 100000\n"
                    "< publish #1 to=1 sequence=1 a \"a\"\n"
                    "< publish #2 to=1 sequence=2 a \"ab\"\n"
                    "< gap to=1 lost=2 first=3 reason=105 a\n"
                    "= publish a size=5\n"
                    "< publish #3 to=1 sequence=5 a \"abcde\"\n");
}
END_TEST

START_TEST(each_run_of_the_newest_has_its_own_gap)
{
        server_talk("> subscribe #1 policy=1 messages=2 a\n"
                    "< subscribed #1 priority=7\n"
                    "= room 104\n"
                    "= publish a size=1000\n"
                    ".\n"
                    "= publish a size=1000\n"
                    "= publish a size=3\n"
                    "= publish a size=4\n"
                    "= room 1050\n"
                    "< publish #1 to=1 sequence=1 size=1000 a\n"
                    "= publish a size=5\n"
                    "= publish a size=6\n"
                    "= publish a size=7\n"
                    "= room 100000\n"
                    "< publish #2 to=1 sequence=2 size=1000 a\n"
                    "< publish #3 to=1 sequence=3 a \"abc\"\n"
                    "< gap to=1 lost=1 first=4 reason=105 a\n"
                    "< publish #4 to=1 sequence=5 a \"abcde\"\n"
                    "< gap to=1 lost=2 first=6 reason=105 a\n");
}
END_TEST

START_TEST(an_end_takes_back_all_its_gaps)
{
        server_talk("> subscribe #1 policy=1 messages=2 a\n"
                    "< subscribed #1 priority=7\n"
                    "= room 104\n"
                    "= publish a size=1000\n"
                    ".\n"
                    "= publish a size=1000\n"
                    "= publish a size=3\n"
                    "= publish a size=4\n"
                    "= room 1050\n"
                    "< publish #1 to=1 sequence=1 size=1000 a\n"
                    "= publish a size=5\n"
                    "= publish a size=6\n"
                    "> unsubscribe #1\n"
                    "> subscribe #1 a\n"
                    "= room 100000\n"
                    "< publish #2 to=1 sequence=2 size=1000 a\n"
                    "< subscribed #1 priority=7\n"
                    "= publish a size=7\n"
                    "< publish #5 to=1 sequence=1 a \"abcdefg\"\n");
}
END_TEST

START_TEST(the_newest_are_lost_to_a_full_connection_too)
{
        struct hark_server_params params = {.limits.queue_size = 4096};
        struct server_talk talk;

        server_talk_begin(&talk, &params, false);
        server_talk_greet(&talk);
        conversation_run(&talk.conversation, "> subscribe #1 policy=1 a\n"
                                             "< subscribed #1 priority=7\n"
                                             "= room 0\n"
                                             "= publish a size=5000\n"
                                             "= publish a size=1\n"
                                             "= room 100000\n"
                                             "< publish #1 to=1 sequence=1 size=5000 a\n"
                                             "< gap to=1 lost=1 first=2 reason=105 a\n");
        server_talk_end(&talk);
}
END_TEST

START_TEST(of_each_topic_only_the_latest_waits)
{
        server_talk("> subscribe #1 policy=2 a.*\n"
                    "< subscribed #1 priority=7\n"
                    "= room 0\n"
                    "= publish a.x size=1\n"
                    "= publish a.y size=2\n"
                    "= publish a.x size=3\n"
                    "= publish a.x size=4 priority=3\n"
                    "= publish a.x size=5\n"
                    "= publish a.z size=6\n"
                    "= room 100000\n"
                    "< gap to=1 priority=3 lost=3 first=1 reason=105 a.x\n"
                    "< publish #2 to=1 sequence=2 a.y \"ab\"\n"
                    "< publish #5 to=1 sequence=5 a.x \"abcde\"\n"
                    "< publish #6 to=1 sequence=6 a.z \"abcdef\"\n"
                    "= publish a.x size=7\n"
                    "< publish #7 to=1 sequence=7 a.x \"abcdefg\"\n");
}
END_TEST

START_TEST(of_too_many_topics_the_oldest_goes)
{
        server_talk("> subscribe #1 policy=2 messages=2 a.*\n"
                    "< subscribed #1 priority=7\n"
                    "= room 0\n"
                    "= publish a.x size=1\n"
                    "= publish a.y size=2\n"
                    "= publish a.z size=3\n"
                    "= publish a.x size=4\n"
                    "= room 100000\n"
                    "< gap to=1 lost=2 first=1 reason=105 a.*\n"
                    "< publish #3 to=1 sequence=3 a.z \"abc\"\n"
                    "< publish #4 to=1 sequence=4 a.x \"abcd\"\n");
}
END_TEST

START_TEST(a_full_queue_ends_the_connection_where_that_is_wished)
{
        server_talk("> subscribe #1 policy=3 messages=2 a\n"
                    "> subscribe #2 b\n"
                    "< subscribed #1 priority=7\n"
                    "< subscribed #2 priority=7\n"
                    "> request #1 echo \"x\"\n"
                    "< reply #1 \"x\"\n"
                    "= room 0\n"
                    "> request #2 echo \"y\"\n"
                    "= publish a size=1\n"
                    "= publish b size=1\n"
                    "= publish a size=2\n"
                    "= publish a size=3\n"
                    "= publish a size=4\n"
                    ".\n"
                    "= room 100000\n"
                    "< reply #2 \"y\"\n"
                    "< goaway #2 status=8 "
                    "text=\"the queue of the subscription a is full (max_messages)\"\n"
                    "< closed\n"
                    "! leave: EDQUOT\n");
}
END_TEST

START_TEST(so_does_one_that_is_full_of_bytes)
{
        server_talk(
                "> subscribe #1 policy=3 bytes=100 a\n"
                "< subscribed #1 priority=7\n"
                "= room 0\n"
                "= publish a size=100\n"
                "= publish a\n"
                ".\n"
                "= room 100000\n"
                "< goaway status=8 text=\"the queue of the subscription a is full (max_size)\"\n"
                "< closed\n"
                "! leave: EDQUOT\n");
}
END_TEST

START_TEST(a_policy_that_is_not_known_is_refused)
{
        server_talk("> subscribe #1 policy=4 a\n"
                    "< subscribed #1 status=3 text=\"an unknown policy\"\n"
                    "= publish a\n");
}
END_TEST

/* --- what the publisher hears ----------------------------------------------------------------- */

START_TEST(the_publisher_hears_of_all_that_was_dropped_at_once)
{
        watched_talk("> subscribe #1 messages=1 a.*\n"
                     "> subscribe #2 policy=1 messages=1 a.x\n"
                     "< subscribed #1 priority=7\n"
                     "< subscribed #2 priority=7\n"
                     "= room 0\n"
                     "= publish a.x\n"
                     "= publish a.x\n"
                     "= publish a.x\n"
                     "! drop: a.x 2\n"
                     "! drop: a.x 2\n"
                     "= publish a.x\n"
                     "= publish a.y\n"
                     "! drop: a.x 1\n"
                     "! drop: a.x 2\n"
                     "= publish a.x\n"
                     "= publish a.y\n"
                     "! drop: a.x 1\n"
                     "! drop: a.* 2\n"
                     "= unref\n"
                     "< closed\n"
                     "! leave: ECANCELED\n");
}
END_TEST

START_TEST(what_was_dropped_is_told_before_the_end)
{
        watched_talk("> subscribe #1 messages=1 a\n"
                     "< subscribed #1 priority=7\n"
                     "= room 0\n"
                     "= publish a\n"
                     "= publish a\n"
                     "= unref\n"
                     "< closed\n"
                     "! drop: a 1\n"
                     "! leave: ECANCELED\n");
}
END_TEST

START_TEST(who_dropped_may_be_shown_out)
{
        struct server_talk talk;

        begin_watched(&talk, NULL);
        talk.disconnects_at = "a";
        conversation_run(&talk.conversation, "> subscribe #1 messages=1 a\n"
                                             "< subscribed #1 priority=7\n"
                                             "= room 0\n"
                                             "= publish a\n"
                                             "= publish a\n"
                                             "! drop: a 1\n"
                                             "= room 100000\n"
                                             "< gap to=1 lost=1 first=1 reason=105 a\n"
                                             "< publish #2 to=1 sequence=2 a\n"
                                             "< goaway\n"
                                             "< closed\n"
                                             "! relief\n"
                                             "! leave: 0\n");
        server_talk_end(&talk);
}
END_TEST

/* --- pace ------------------------------------------------------------------------------------- */

START_TEST(queues_above_half_are_counted_until_they_are_not)
{
        watched_talk("> subscribe #1 messages=4 a\n"
                     "> subscribe #2 bytes=4000 a\n"
                     "< subscribed #1 priority=7\n"
                     "< subscribed #2 priority=7\n"
                     "= room 0\n"
                     "= publish a size=900\n"
                     "= publish a size=900\n"
                     "= n-slow\n"
                     "! slow: 0\n"
                     "= publish a size=900\n"
                     "= n-slow\n"
                     "! slow: 2\n"
                     "= room 940\n"
                     ".\n"
                     "= n-slow\n"
                     "! slow: 1\n"
                     "= room 100000\n"
                     "! relief\n"
                     "< publish #1 to=1 sequence=1 size=900 a\n"
                     "< publish #2 to=2 sequence=1 size=900 a\n"
                     "< publish #3 to=1 sequence=2 size=900 a\n"
                     "< publish #4 to=2 sequence=2 size=900 a\n"
                     "< publish #5 to=1 sequence=3 size=900 a\n"
                     "< publish #6 to=2 sequence=3 size=900 a\n"
                     "= n-slow\n"
                     "! slow: 0\n");
}
END_TEST

START_TEST(who_goes_is_not_slow_any_more)
{
        watched_talk("> subscribe #1 messages=2 a\n"
                     "> subscribe #2 messages=2 a\n"
                     "< subscribed #1 priority=7\n"
                     "< subscribed #2 priority=7\n"
                     "= room 0\n"
                     "= publish a\n"
                     "= publish a\n"
                     "> unsubscribe #1\n"
                     "= n-slow\n"
                     "! slow: 1\n"
                     "> reset\n"
                     "< closed\n"
                     "! relief\n"
                     "! leave: ECONNRESET\n"
                     "= n-slow\n"
                     "! slow: 0\n");
}
END_TEST

FIXTURE_MAIN("policy", the_newest_are_dropped_behind_what_waits,
             each_run_of_the_newest_has_its_own_gap, an_end_takes_back_all_its_gaps,
             the_newest_are_lost_to_a_full_connection_too, of_each_topic_only_the_latest_waits,
             of_too_many_topics_the_oldest_goes,
             a_full_queue_ends_the_connection_where_that_is_wished,
             so_does_one_that_is_full_of_bytes, a_policy_that_is_not_known_is_refused,
             the_publisher_hears_of_all_that_was_dropped_at_once,
             what_was_dropped_is_told_before_the_end, who_dropped_may_be_shown_out,
             queues_above_half_are_counted_until_they_are_not, who_goes_is_not_slow_any_more)
