/* SPDX-License-Identifier: MIT */

/* Retained values as a client takes and publishes them. */

#include "fixture.h"

#include <stdio.h>

#include "client_talk.h"
#include "pubsub/known.h"

#define SUBSCRIBED                   \
        "= subscribe 1 > retained\n" \
        "< subscribe #1 wishes=1 >\n"
#define UNREF        \
        "= unref\n"  \
        "< goaway\n" \
        "< closed\n" \
        "! end 1: ECANCELED\n"

/* --- the current ones ------------------------------------------------------------------------- */

START_TEST(all_have_come_when_as_many_as_were_sent_have)
{
        client_talk(SUBSCRIBED "> publish #1 to=1 retained a \"x\"\n"
                               "! note 1: a 0 \"x\" retained\n"
                               "> subscribed #1 priority=7 sequence=3\n"
                               "> publish #2 to=1 sequence=1 kept a \"y\"\n"
                               "! note 1: a 1 \"y\"\n"
                               "> publish #3 to=1 retained b \"z\"\n"
                               "! note 1: b 0 \"z\" retained\n"
                               "> publish #4 to=1 retained c\n"
                               "! note 1: c 0 \"\" retained\n"
                               "! current 1: >\n"
                               "> publish #5 to=1 sequence=2 c\n"
                               "! note 1: c 2 \"\"\n" UNREF);
}
END_TEST

START_TEST(none_have_come_at_once_where_there_are_none)
{
        client_talk(SUBSCRIBED "> subscribed #1 priority=7\n"
                               "! current 1: >\n" UNREF);
}
END_TEST

START_TEST(a_value_whose_change_was_more_urgent_is_old)
{
        client_talk(SUBSCRIBED "> publish #3 to=1 priority=5 sequence=1 kept a \"new\"\n"
                               "> publish #1 to=1 retained a \"old\"\n"
                               "> publish #2 to=1 retained b \"x\"\n"
                               "> subscribed #1 priority=7 sequence=2\n"
                               "! note 1: a 1 \"new\"\n"
                               "! note 1: b 0 \"x\" retained\n"
                               "! current 1: >\n" UNREF);
}
END_TEST

START_TEST(so_is_one_whose_end_was)
{
        client_talk(SUBSCRIBED "> withdrawn #3 to=1 priority=5 sequence=1 a\n"
                               "> publish #1 to=1 retained a \"old\"\n"
                               "> subscribed #1 priority=7 sequence=1\n"
                               "! withdrawn 1: a 1\n"
                               "! current 1: >\n" UNREF);
}
END_TEST

START_TEST(what_is_published_in_passing_makes_no_value_old)
{
        client_talk(SUBSCRIBED "> publish #3 to=1 priority=5 sequence=1 a \"new\"\n"
                               "> publish #1 to=1 retained a \"old\"\n"
                               "> subscribed #1 priority=7 sequence=1\n"
                               "! note 1: a 1 \"new\"\n"
                               "! note 1: a 0 \"old\" retained\n"
                               "! current 1: >\n" UNREF);
}
END_TEST

START_TEST(a_connection_that_breaks_meanwhile_leaves_a_gap)
{
        client_talk(SUBSCRIBED "> publish #1 to=1 retained a \"x\"\n"
                               "! note 1: a 0 \"x\" retained\n"
                               "> reset\n"
                               "< closed\n"
                               "! gap 1: > -1 from 1 ECONNRESET\n"
                               "! end 1: ECONNRESET\n"
                               "! state: HARK_CLOSED ECONNRESET\n");
}
END_TEST

/* So numbers delivered and numbers lost add up to the highest. */
START_TEST(values_that_are_lost_have_a_gap_of_their_own)
{
        struct hark_limits limits = {.message_size = 1024, .received_size = 1024};
        struct client_talk talk;

        client_talk_begin(&talk, &limits);
        conversation_run(&talk.conversation, "< hello priority=7 us\n"
                                             "> hello server\n"
                                             "! state: HARK_CONNECTED 0\n" SUBSCRIBED
                                             "> publish #1 to=1 retained a \"1\"\n"
                                             "> publish #2 to=1 retained b \"2\"\n"
                                             "> publish #3 to=1 retained c \"3\"\n"
                                             "> publish #4 to=1 retained d \"4\"\n"
                                             "> publish #5 to=1 retained e \"5\"\n"
                                             "> publish #6 to=1 sequence=1 kept a \"6\"\n"
                                             "> publish #7 to=1 retained f \"7\"\n"
                                             "> publish #8 to=1 sequence=2 kept a \"8\"\n"
                                             "> subscribed #1 priority=7 sequence=6\n"
                                             "! note 1: a 0 \"1\" retained\n"
                                             "! note 1: b 0 \"2\" retained\n"
                                             "! note 1: c 0 \"3\" retained\n"
                                             "! note 1: d 0 \"4\" retained\n"
                                             "! gap 1: > 2 from 0 ENOBUFS\n"
                                             "! gap 1: a 2 from 1 ENOBUFS\n"
                                             "! current 1: >\n" UNREF);
        client_talk_end(&talk);
}
END_TEST

START_TEST(more_topics_than_can_be_kept_track_of_end_it)
{
        struct client_talk talk;
        char line[200];

        client_talk_begin(&talk, NULL);
        conversation_run(&talk.conversation, "< hello priority=7 us\n"
                                             "> hello server\n"
                                             "! state: HARK_CONNECTED 0\n");
        conversation_run(&talk.conversation, SUBSCRIBED "> subscribed #1 priority=7\n"
                                                        "! current 1: >\n");
        for (unsigned i = 1; i <= HARK_KNOWN_TOPICS_MAX; i++) {
                snprintf(line, sizeof(line),
                         "> publish #%u to=1 sequence=%u kept t%u\n! note 1: t%u %u \"\"\n", i, i,
                         i, i, i);
                conversation_run(&talk.conversation, line);
        }
        snprintf(line, sizeof(line),
                 "> publish #%u to=1 sequence=%u kept t0\n"
                 "! note 1: t0 %u \"\"\n"
                 "! end 1: 8 resource exhausted\n"
                 "< unsubscribe #1\n",
                 HARK_KNOWN_TOPICS_MAX + 1, HARK_KNOWN_TOPICS_MAX + 1, HARK_KNOWN_TOPICS_MAX + 1);
        conversation_run(&talk.conversation, line);
        client_talk_end(&talk);
}
END_TEST

/* --- publishing ------------------------------------------------------------------------------- */

START_TEST(what_becomes_of_the_value_goes_along)
{
        client_talk("= publish a size=1 retain=1\n"
                    "= publish a size=2 retain=2 priority=3\n"
                    "= publish a retain=3\n"
                    "= publish a size=3\n"
                    "= publish a size=1 retain=3\n"
                    "= publish a size=1 retain=4\n"
                    "! not done: EINVAL\n"
                    "! not done: EINVAL\n"
                    "< publish #2 priority=3 retain live a \"ab\"\n"
                    "< publish #1 retain a \"a\"\n"
                    "< withdrawn #3 a\n"
                    "< publish #4 a \"abc\"\n");
}
END_TEST

FIXTURE_MAIN("values", values_that_are_lost_have_a_gap_of_their_own,
             all_have_come_when_as_many_as_were_sent_have,
             none_have_come_at_once_where_there_are_none,
             a_value_whose_change_was_more_urgent_is_old, so_is_one_whose_end_was,
             what_is_published_in_passing_makes_no_value_old,
             a_connection_that_breaks_meanwhile_leaves_a_gap,
             more_topics_than_can_be_kept_track_of_end_it, what_becomes_of_the_value_goes_along)
