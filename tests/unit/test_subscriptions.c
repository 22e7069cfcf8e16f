/* SPDX-License-Identifier: MIT */

/* Subscriptions as their subscriber sees them: what is told, in which order, and the end. */

#include "fixture.h"

#include <errno.h>

#include "client_talk.h"
#include "frame_text.h"

/* A client with a subscription that stands. */
static void subscribed_talk(const char *script)
{
        struct client_talk talk;

        client_talk_begin(&talk, NULL);
        conversation_run(&talk.conversation, "< hello priority=7 us\n"
                                             "> hello server\n"
                                             "! state: HARK_CONNECTED 0\n"
                                             "= subscribe 1 load.*\n"
                                             "< subscribe #1 load.*\n"
                                             "> subscribed #1 priority=7\n");
        conversation_run(&talk.conversation, script);
        client_talk_end(&talk);
}

START_TEST(notifications_are_told_with_their_numbers)
{
        subscribed_talk("> publish #8 to=1 sequence=1 load.one \"0.25\"\n"
                        "> publish #9 to=1 sequence=2 load.two \"0.50\"\n"
                        "! note 1: load.one 1 \"0.25\"\n"
                        "! note 1: load.two 2 \"0.50\"\n"
                        "= unref\n"
                        "< goaway\n"
                        "< closed\n"
                        "! end 1: ECANCELED\n");
}
END_TEST

START_TEST(a_large_notification_comes_in_fragments)
{
        subscribed_talk("> publish #8 more to=1 sequence=1 total=10 load.one \"01234\"\n"
                        "> publish #9 to=1 priority=3 sequence=2 load.two \"urgent\"\n"
                        "> publish #8 continued at=5 \"56789\"\n"
                        "! note 1: load.two 2 \"urgent\"\n"
                        "! note 1: load.one 1 \"0123456789\"\n"
                        "= unref\n"
                        "< goaway\n"
                        "< closed\n"
                        "! end 1: ECANCELED\n");
}
END_TEST

START_TEST(wishes_for_the_queue_go_along)
{
        client_talk("= subscribe 1 a.> messages=10 bytes=2000\n"
                    "= subscribe 2 a.> messages=3\n"
                    "< subscribe #1 messages=10 bytes=2000 a.>\n"
                    "< subscribe #2 messages=3 a.>\n"
                    "= unref\n"
                    "< goaway\n"
                    "< closed\n"
                    "! end 1: ECANCELED\n"
                    "! end 2: ECANCELED\n");
}
END_TEST

START_TEST(a_refused_subscription_ends_with_the_reason)
{
        client_talk("= subscribe 1 a.>\n"
                    "= subscribe 2 b\n"
                    "< subscribe #1 a.>\n"
                    "< subscribe #2 b\n"
                    "> subscribed #1 status=7 text=\"not for you\"\n"
                    "> subscribed #2\n"
                    "> publish #3 to=1 sequence=1 a.b\n"
                    "> publish #4 to=2 sequence=1 b \"x\"\n"
                    "! end 1: 7 not for you\n"
                    "! note 2: b 1 \"x\"\n"
                    "= unsubscribe 1\n"
                    "! not done: ENOENT\n"
                    "= unref\n"
                    "< goaway\n"
                    "< closed\n"
                    "! end 2: ECANCELED\n");
}
END_TEST

START_TEST(what_is_no_filter_is_not_subscribed_to)
{
        client_talk("= subscribe 1 a..b\n"
                    "= subscribe 1 >.a\n"
                    "! not done: EINVAL\n"
                    "! not done: EINVAL\n");
}
END_TEST

START_TEST(no_more_subscriptions_are_made_than_the_other_side_takes)
{
        client_talk_connecting("< hello priority=7 us\n"
                               "> hello subscriptions=1 server\n"
                               "! state: HARK_CONNECTED 0\n"
                               "= subscribe 1 a\n"
                               "= subscribe 2 b\n"
                               "< subscribe #1 a\n"
                               "! not done: EDQUOT\n"
                               "= unsubscribe 1\n"
                               "= subscribe 2 b\n"
                               "< unsubscribe #1\n"
                               "< subscribe #2 b\n"
                               "! end 1: ECANCELED\n"
                               "= unref\n"
                               "< goaway\n"
                               "< closed\n"
                               "! end 2: ECANCELED\n");
}
END_TEST

/* --- the end ---------------------------------------------------------------------------------- */

START_TEST(who_unsubscribes_is_told_the_end_and_nothing_more)
{
        subscribed_talk("= unsubscribe 1\n"
                        "= unsubscribe 1\n"
                        "< unsubscribe #1\n"
                        "! not done: ENOENT\n"
                        "! end 1: ECANCELED\n"
                        "> publish #8 to=1 sequence=1 load.one \"0.25\"\n"
                        "> gap to=1 lost=1 first=2 reason=105 load.one\n"
                        "> subscribed #1\n");
}
END_TEST

/* A notification comes while a function waits, which holds back what would tell it. */
static void end_before_it_is_told(const char *script)
{
        uint8_t bytes[8192];
        size_t size = frame_from_text("publish #8 to=1 sequence=1 a \"x\"", bytes, sizeof(bytes));
        struct client_talk talk;

        client_talk_begin(&talk, NULL);
        conversation_run(&talk.conversation, "< hello priority=7 us\n"
                                             "> hello server\n"
                                             "! state: HARK_CONNECTED 0\n"
                                             "= subscribe 1 a\n"
                                             "< subscribe #1 a\n"
                                             "> subscribed #1 priority=7\n");
        memory_port_put(&talk.conversation.memory, bytes, size);
        ck_assert_int_eq(hark_client_flush(talk.client, 20), -ETIMEDOUT);
        memory_port_take(&talk.conversation.memory, HARK_HEADER_SIZE); /* its ping */
        conversation_run(&talk.conversation, script);
        client_talk_end(&talk);
}

START_TEST(what_was_not_told_before_the_end_is_not_told_any_more)
{
        end_before_it_is_told("= unsubscribe 1\n"
                              "< unsubscribe #1\n"
                              "! end 1: ECANCELED\n");
        end_before_it_is_told("= unref\n"
                              "< goaway\n"
                              "< closed\n"
                              "! end 1: ECANCELED\n");
}
END_TEST

START_TEST(a_lost_connection_leaves_a_gap_without_an_end)
{
        subscribed_talk("= subscribe 2 not.yet\n"
                        "< subscribe #2 not.yet\n"
                        "> publish #8 to=1 sequence=1 load.one \"0.25\"\n"
                        "> reset\n"
                        "! note 1: load.one 1 \"0.25\"\n"
                        "! gap 1: load.* -1 from 2 ECONNRESET\n"
                        "! end 1: ECONNRESET\n"
                        "! end 2: ENOTCONN\n"
                        "! state: HARK_CLOSED ECONNRESET\n"
                        "< closed\n");
}
END_TEST

START_TEST(a_goodbye_leaves_no_gap)
{
        subscribed_talk("> publish #8 to=1 sequence=1 load.one \"0.25\"\n"
                        "> goaway\n"
                        "> end\n"
                        "! note 1: load.one 1 \"0.25\"\n"
                        "! end 1: 14 unavailable\n"
                        "! state: HARK_CLOSED 0\n"
                        "< closed\n");
}
END_TEST

/* --- gaps ------------------------------------------------------------------------------------- */

START_TEST(a_gap_is_told_in_its_place)
{
        subscribed_talk("> publish #8 to=1 sequence=1 load.one \"x\"\n"
                        "> gap to=1 lost=3 first=2 reason=105 load.one\n"
                        "> publish #9 to=1 sequence=5 load.one \"y\"\n"
                        "! note 1: load.one 1 \"x\"\n"
                        "! gap 1: load.one 3 from 2 ENOBUFS\n"
                        "! note 1: load.one 5 \"y\"\n"
                        "> reset\n"
                        "! gap 1: load.* -1 from 6 ECONNRESET\n"
                        "! end 1: ECONNRESET\n"
                        "! state: HARK_CLOSED ECONNRESET\n"
                        "< closed\n");
}
END_TEST

START_TEST(gaps_in_a_row_are_told_as_one)
{
        subscribed_talk("> gap to=1 lost=3 first=1 reason=105 load.one\n"
                        "> gap to=1 lost=2 first=4 reason=105 load.one\n"
                        "> publish #9 to=1 sequence=6 load.one \"x\"\n"
                        "> gap to=1 lost=1 first=7 reason=105 load.one\n"
                        "> gap to=1 lost=4 first=8 reason=90 load.two\n"
                        "! gap 1: load.one 5 from 1 ENOBUFS\n"
                        "! note 1: load.one 6 \"x\"\n"
                        "! gap 1: load.* 5 from 7 EMSGSIZE\n"
                        "= unref\n"
                        "< goaway\n"
                        "< closed\n"
                        "! end 1: ECANCELED\n");
}
END_TEST

START_TEST(a_gap_of_unknown_size_swallows_others)
{
        subscribed_talk("> gap to=1 lost=18446744073709551615 first=1 reason=104 load.one\n"
                        "> gap to=1 lost=3 first=4 reason=105 load.one\n"
                        "! gap 1: load.one -1 from 1 ENOBUFS\n"
                        "> publish #9 to=1 sequence=9 load.one \"x\"\n"
                        "> reset\n"
                        "! note 1: load.one 9 \"x\"\n"
                        "! gap 1: load.* -1 from 10 ECONNRESET\n"
                        "! end 1: ECONNRESET\n"
                        "! state: HARK_CLOSED ECONNRESET\n"
                        "< closed\n");
}
END_TEST

START_TEST(a_malformed_gap_is_a_mistake)
{
        subscribed_talk("> gap to=1 load.* \"short\"\n"
                        "! gap 1: load.* -1 from 1 ECONNRESET\n"
                        "! end 1: ECONNRESET\n"
                        "! state: HARK_CLOSED EPROTO\n"
                        "< goaway status=3 text=\"a gap of less than 24 bytes\"\n"
                        "< closed\n");
}
END_TEST

/* --- what this end can not keep --------------------------------------------------------------- */

/* Four are received and not told yet, and there is no room for more. */
static void full_talk(const char *script)
{
        struct hark_limits limits = {.message_size = 1024, .received_size = 1024};
        struct client_talk talk;

        client_talk_begin(&talk, &limits);
        conversation_run(&talk.conversation, "< hello priority=7 us\n"
                                             "> hello server\n"
                                             "! state: HARK_CONNECTED 0\n"
                                             "= subscribe 1 load.*\n"
                                             "< subscribe #1 load.*\n"
                                             "> subscribed #1 priority=7\n");
        conversation_run(&talk.conversation, script);
        client_talk_end(&talk);
}

#define FOUR                                            \
        "> publish #1 to=1 sequence=1 load.one \"1\"\n" \
        "> publish #2 to=1 sequence=2 load.one \"2\"\n" \
        "> publish #3 to=1 sequence=3 load.one \"3\"\n" \
        "> publish #4 to=1 sequence=4 load.one \"4\"\n"
#define FOUR_ARE_TOLD                  \
        "! note 1: load.one 1 \"1\"\n" \
        "! note 1: load.one 2 \"2\"\n" \
        "! note 1: load.one 3 \"3\"\n" \
        "! note 1: load.one 4 \"4\"\n"
#define UNREF        \
        "= unref\n"  \
        "< goaway\n" \
        "< closed\n" \
        "! end 1: ECANCELED\n"

START_TEST(what_is_lost_in_pieces_is_told_by_its_topic)
{
        full_talk(FOUR "> publish #5 more to=1 sequence=5 total=10 load.two \"01234\"\n"
                       "> publish #5 continued at=5 \"56789\"\n" FOUR_ARE_TOLD
                       "! gap 1: load.two 1 from 5 ENOBUFS\n" UNREF);
}
END_TEST

START_TEST(a_gap_begins_with_the_first_though_the_urgent_was_lost_before)
{
        full_talk(FOUR "> publish #6 to=1 priority=3 sequence=6 load.one \"6\"\n"
                       "> publish #5 to=1 sequence=5 load.one \"5\"\n"
                       "! gap 1: load.one 2 from 5 ENOBUFS\n" FOUR_ARE_TOLD UNREF);
}
END_TEST

START_TEST(withdrawals_are_bounded_too)
{
        full_talk(FOUR "> withdrawn #5 to=1 sequence=5 load.one\n" FOUR_ARE_TOLD
                       "! gap 1: load.one 1 from 5 ENOBUFS\n" UNREF);
}
END_TEST

/* --- numbers ---------------------------------------------------------------------------------- */

START_TEST(numbers_go_on_where_the_wire_has_no_more_bits)
{
        subscribed_talk("> gap to=1 lost=4294967294 first=1 reason=105 load.one\n"
                        "> publish #1 to=1 sequence=4294967295 load.one \"a\"\n"
                        "> publish #2 to=1 sequence=0 load.one \"b\"\n"
                        "> publish #3 to=1 sequence=1 load.one \"c\"\n"
                        "! gap 1: load.one 4294967294 from 1 ENOBUFS\n"
                        "! note 1: load.one 4294967295 \"a\"\n"
                        "! note 1: load.one 4294967296 \"b\"\n"
                        "! note 1: load.one 4294967297 \"c\"\n"
                        "= unref\n"
                        "< goaway\n"
                        "< closed\n"
                        "! end 1: ECANCELED\n");
}
END_TEST

START_TEST(the_urgent_overtake_with_their_own_numbers)
{
        subscribed_talk("> publish #2 to=1 priority=3 sequence=2 load.one \"urgent\"\n"
                        "> publish #1 to=1 sequence=1 load.one \"first\"\n"
                        "> reset\n"
                        "! note 1: load.one 2 \"urgent\"\n"
                        "! note 1: load.one 1 \"first\"\n"
                        "! gap 1: load.* -1 from 3 ECONNRESET\n"
                        "! end 1: ECONNRESET\n"
                        "! state: HARK_CLOSED ECONNRESET\n"
                        "< closed\n");
}
END_TEST

START_TEST(calls_and_notifications_keep_their_order)
{
        subscribed_talk("= call 1 a\n"
                        "< request #1 a\n"
                        "> publish #1 to=1 sequence=1 load.one \"before\"\n"
                        "> reply #1 \"reply\"\n"
                        "> publish #2 to=1 sequence=2 load.one \"after\"\n"
                        "! note 1: load.one 1 \"before\"\n"
                        "! answer 1: 0 \"reply\"\n"
                        "! note 1: load.one 2 \"after\"\n"
                        "= unref\n"
                        "< goaway\n"
                        "< closed\n"
                        "! end 1: ECANCELED\n");
}
END_TEST

FIXTURE_MAIN("subscriptions", what_is_lost_in_pieces_is_told_by_its_topic,
             a_gap_begins_with_the_first_though_the_urgent_was_lost_before,
             withdrawals_are_bounded_too, notifications_are_told_with_their_numbers,
             a_large_notification_comes_in_fragments, wishes_for_the_queue_go_along,
             a_refused_subscription_ends_with_the_reason, what_is_no_filter_is_not_subscribed_to,
             no_more_subscriptions_are_made_than_the_other_side_takes,
             who_unsubscribes_is_told_the_end_and_nothing_more,
             what_was_not_told_before_the_end_is_not_told_any_more,
             a_lost_connection_leaves_a_gap_without_an_end, a_goodbye_leaves_no_gap,
             a_gap_is_told_in_its_place, gaps_in_a_row_are_told_as_one,
             a_gap_of_unknown_size_swallows_others, a_malformed_gap_is_a_mistake,
             numbers_go_on_where_the_wire_has_no_more_bits,
             the_urgent_overtake_with_their_own_numbers, calls_and_notifications_keep_their_order)
