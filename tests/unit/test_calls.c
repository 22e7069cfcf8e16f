/* SPDX-License-Identifier: MIT */

/* Calls as their caller sees them: every way in which one ends, each exactly once. */

#include "fixture.h"

#include "client_talk.h"

START_TEST(a_reply_ends_a_call)
{
        client_talk("= call 1 clock.Now\n"
                    "< request #1 clock.Now\n"
                    "> reply #1 \"12:00\"\n"
                    "! answer 1: 0 \"12:00\"\n");
}
END_TEST

START_TEST(an_error_ends_a_call_with_its_status_and_words)
{
        client_talk("= call 1 clock.Now\n"
                    "= call 2 clock.Now\n"
                    "= call 3 clock.Now\n"
                    "< request #1 clock.Now\n"
                    "< request #2 clock.Now\n"
                    "< request #3 clock.Now\n"
                    "> error #1 status=1005 text=\"no battery\"\n"
                    "> error #2 status=12 from-library\n"
                    "> error #3 status=2147483647\n"
                    "! answer 1: 1005 no battery\n"
                    "! answer 2: 12 no such method\n"
                    "! answer 3: 2147483647 the application answered with a failure of its own\n");
}
END_TEST

START_TEST(answers_come_in_any_order)
{
        client_talk("= call 1 a\n"
                    "= call 2 b priority=3\n"
                    "= call 3 c\n"
                    "< request #2 priority=3 b\n"
                    "< request #1 a\n"
                    "< request #3 c\n"
                    "> reply #3 \"three\"\n"
                    "> reply #1 \"one\"\n"
                    "> reply #2 priority=3 \"two\"\n"
                    "! answer 2: 0 \"two\"\n"
                    "! answer 3: 0 \"three\"\n"
                    "! answer 1: 0 \"one\"\n");
}
END_TEST

START_TEST(an_answer_to_what_has_ended_is_ignored)
{
        client_talk("= call 1 a\n"
                    "< request #1 a\n"
                    "> reply #1 \"one\"\n"
                    "> reply #1 \"again\"\n"
                    "> error #1 status=9\n"
                    "> reply #77 \"what?\"\n"
                    "! answer 1: 0 \"one\"\n"
                    "= call 2 b\n"
                    "< request #2 b\n"
                    "> reply #2 \"two\"\n"
                    "! answer 2: 0 \"two\"\n");
}
END_TEST

START_TEST(a_deadline_goes_along_and_ends_a_call)
{
        struct client_talk talk;

        client_talk_begin(&talk, NULL);
        conversation_run(&talk.conversation, "< hello priority=7 us\n"
                                             "> hello server\n"
                                             "! state: HARK_CONNECTED 0\n"
                                             "= call 1 a timeout=100000\n"
                                             "= call 2 a timeout=300\n"
                                             "< request #1 timed a\n"
                                             "< request #2 timed a\n");
        conversation_wait(&talk.conversation);
        conversation_run(&talk.conversation, "! answer 2: ETIMEDOUT\n"
                                             "< cancel #2 status=4\n"
                                             "> reply #2 \"late\"\n"
                                             "> reply #1 \"in time\"\n"
                                             "! answer 1: 0 \"in time\"\n");
        client_talk_end(&talk);
}
END_TEST

START_TEST(a_call_without_time_is_over_before_it_is_sent)
{
        client_talk("= call 1 a timeout=0\n"
                    "! answer 1: ETIMEDOUT\n");
}
END_TEST

START_TEST(a_call_that_never_left_in_time_was_not_sent)
{
        struct client_talk talk;

        client_talk_begin(&talk, NULL);
        conversation_run(&talk.conversation, "< hello priority=7 us\n"
                                             "> hello server\n"
                                             "! state: HARK_CONNECTED 0\n"
                                             "= room 0\n"
                                             "= call 1 a timeout=300\n"
                                             ".\n");
        conversation_wait(&talk.conversation);
        conversation_run(&talk.conversation, "! answer 1: ENOTCONN\n"
                                             "= room 100000\n");
        client_talk_end(&talk);
}
END_TEST

START_TEST(a_cancelled_call_tells_the_other_side)
{
        client_talk("= call 1 a priority=2\n"
                    "< request #1 priority=2 a\n"
                    "= cancel 1\n"
                    "= cancel 1\n"
                    "< cancel #1 priority=2\n"
                    "! not done: ENOENT\n"
                    "! answer 1: ECANCELED\n"
                    "> reply #1 priority=2 \"late\"\n");
}
END_TEST

START_TEST(a_call_cancelled_before_it_left_is_never_sent)
{
        client_talk("= call 1 a\n"
                    "= call 2 b\n"
                    "= cancel 1\n"
                    "< request #2 b\n"
                    "! answer 1: ENOTCONN\n"
                    "> reply #2\n"
                    "! answer 2: 0 \"\"\n");
}
END_TEST

START_TEST(a_cancel_under_way_comes_before_what_waits_behind_it)
{
        client_talk("= room 65576\n"
                    "= call 1 a size=200000\n"
                    "= call 2 b\n"
                    "< request #1 total=200000 size=65536 more a\n"
                    "= cancel 1\n"
                    "= room 1000000\n"
                    "< cancel #1\n"
                    "< request #2 b\n"
                    "! answer 1: ECANCELED\n"
                    "> reply #2\n"
                    "! answer 2: 0 \"\"\n");
}
END_TEST

START_TEST(a_cancel_within_a_frame_waits_for_its_end)
{
        client_talk("= room 40000\n"
                    "= call 1 a size=200000\n"
                    "= call 2 b\n"
                    ".\n"
                    "= cancel 1\n"
                    "! answer 1: ECANCELED\n"
                    "= room 1000000\n"
                    "< request #1 total=200000 size=65536 more a\n"
                    "< cancel #1\n"
                    "< request #2 b\n"
                    "> reply #2\n"
                    "! answer 2: 0 \"\"\n");
}
END_TEST

START_TEST(a_lost_connection_ends_what_was_sent)
{
        client_talk("= call 1 a\n"
                    "< request #1 a\n"
                    "= room 0\n"
                    "= call 2 b\n"
                    "> end\n"
                    "! answer 1: ECONNRESET\n"
                    "! answer 2: ENOTCONN\n"
                    "! state: HARK_CLOSED ECONNRESET\n"
                    "< closed\n"
                    "= call 3 a\n"
                    "! not done: ENOTCONN\n");
}
END_TEST

START_TEST(a_refused_client_has_sent_nothing)
{
        client_talk_connecting("= call 1 a\n"
                               "< hello priority=7 us\n"
                               "< request #1 a\n"
                               "> goaway status=7 text=\"not you\"\n"
                               "> end\n"
                               "! answer 1: ENOTCONN\n"
                               "! state: HARK_CLOSED EACCES\n"
                               "< closed\n");
}
END_TEST

START_TEST(a_goodbye_ends_what_will_not_be_handled)
{
        client_talk("= call 1 a\n"
                    "= call 2 b\n"
                    "= call 3 c\n"
                    "< request #1 a\n"
                    "< request #2 b\n"
                    "< request #3 c\n"
                    "> goaway #2\n"
                    "! answer 3: ENOTCONN\n"
                    "> reply #1\n"
                    "! answer 1: 0 \"\"\n"
                    "> end\n"
                    "! answer 2: ECONNRESET\n"
                    "! state: HARK_CLOSED 0\n"
                    "< closed\n");
}
END_TEST

START_TEST(letting_go_ends_all_calls)
{
        client_talk("= call 1 a\n"
                    "< request #1 a\n"
                    "= call 2 b\n"
                    "= unref\n"
                    "< request #2 b\n"
                    "< goaway\n"
                    "< closed\n"
                    "! answer 1: ECANCELED\n"
                    "! answer 2: ECANCELED\n");
}
END_TEST

START_TEST(a_call_that_is_too_large_never_leaves)
{
        client_talk_connecting("= call 1 a size=100000 priority=1\n"
                               "= call 2 b size=1500\n"
                               "< hello priority=7 us\n"
                               "< request #1 priority=1 total=100000 size=65536 more a\n"
                               "< request #1 priority=1 at=65536 size=34464 continued\n"
                               "< request #2 size=1500 b\n"
                               "> hello takes=1024 server\n"
                               "! state: HARK_CONNECTED 0\n"
                               "= call 3 c size=1025\n"
                               "! not done: EMSGSIZE\n"
                               "> error #1 priority=1 status=8 text=\"too large\"\n"
                               "> reply #2\n"
                               "! answer 1: 8 too large\n"
                               "! answer 2: 0 \"\"\n");
}
END_TEST

START_TEST(what_waited_for_the_hello_ends_if_it_is_too_large)
{
        client_talk_connecting("= call 1 a size=1000000\n"
                               "= call 2 b size=100000\n"
                               "= call 3 c\n"
                               "= room 96\n"
                               "< hello priority=7 us\n"
                               "> hello takes=1024 server\n"
                               "! state: HARK_CONNECTED 0\n"
                               "! answer 1: EMSGSIZE\n"
                               "! answer 2: EMSGSIZE\n"
                               "= room 100000\n"
                               "< request #3 c\n"
                               "> reply #3\n"
                               "! answer 3: 0 \"\"\n");
}
END_TEST

START_TEST(no_more_calls_are_made_than_the_other_side_takes)
{
        client_talk_connecting("< hello priority=7 us\n"
                               "> hello calls=2 server\n"
                               "! state: HARK_CONNECTED 0\n"
                               "= call 1 a\n"
                               "= call 2 a\n"
                               "= call 3 a\n"
                               "< request #1 a\n"
                               "< request #2 a\n"
                               "! not done: EDQUOT\n"
                               "> reply #1\n"
                               "! answer 1: 0 \"\"\n"
                               "= call 3 a\n"
                               "< request #3 a\n"
                               "> reply #3\n"
                               "> reply #2\n"
                               "! answer 3: 0 \"\"\n"
                               "! answer 2: 0 \"\"\n");
}
END_TEST

START_TEST(a_refusal_of_what_expects_no_answer_is_told)
{
        client_talk("= send valve.Open\n"
                    "= publish a.topic\n"
                    "= call 1 a\n"
                    "< request #1 one-way valve.Open\n"
                    "< publish #1 a.topic\n"
                    "< request #2 a\n"
                    "> error #1 status=12 from-library valve.Open text=\"no valve\"\n"
                    "> error #1 status=12 from-library a.topic text=\"no topics\"\n"
                    "> reply #2\n"
                    "! refused: valve.Open 12 no valve\n"
                    "! refused: a.topic 12 no topics\n"
                    "! answer 1: 0 \"\"\n");
}
END_TEST

START_TEST(a_full_queue_takes_no_more_calls)
{
        struct hark_limits limits = {.queue_size = 4096};
        struct client_talk talk;

        client_talk_begin(&talk, &limits);
        conversation_run(&talk.conversation, "< hello priority=7 us\n"
                                             "> hello server\n"
                                             "! state: HARK_CONNECTED 0\n"
                                             "= room 0\n"
                                             "= call 1 a size=5000\n"
                                             "= call 2 a\n"
                                             "! not done: EAGAIN\n"
                                             "= room 100000\n"
                                             "< request #1 size=5000 a\n"
                                             "! room\n"
                                             "> reply #1\n"
                                             "! answer 1: 0 \"\"\n");
        client_talk_end(&talk);
}
END_TEST

START_TEST(a_frame_for_a_server_is_refused_by_a_client)
{
        client_talk("> request #1 a\n"
                    "< error #1 status=12 from-library "
                    "text=\"this end of the connection answers nothing\"\n");
}
END_TEST

FIXTURE_MAIN("calls", a_reply_ends_a_call, an_error_ends_a_call_with_its_status_and_words,
             answers_come_in_any_order, an_answer_to_what_has_ended_is_ignored,
             a_deadline_goes_along_and_ends_a_call, a_call_without_time_is_over_before_it_is_sent,
             a_call_that_never_left_in_time_was_not_sent, a_cancelled_call_tells_the_other_side,
             a_call_cancelled_before_it_left_is_never_sent,
             a_cancel_under_way_comes_before_what_waits_behind_it,
             a_cancel_within_a_frame_waits_for_its_end, a_lost_connection_ends_what_was_sent,
             a_refused_client_has_sent_nothing, a_goodbye_ends_what_will_not_be_handled,
             letting_go_ends_all_calls, a_call_that_is_too_large_never_leaves,
             what_waited_for_the_hello_ends_if_it_is_too_large,
             no_more_calls_are_made_than_the_other_side_takes,
             a_refusal_of_what_expects_no_answer_is_told, a_full_queue_takes_no_more_calls,
             a_frame_for_a_server_is_refused_by_a_client)
