/* SPDX-License-Identifier: MIT */

/* The life of a connection: hello, admission, goodbye, and all the ways in which it ends. */

#include "fixture.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "conn_talk.h"
#include "frame_text.h"

#define N_WAITING 64 /* messages, and a connection is not read: see receive.c */

/* --- hello ------------------------------------------------------------------------------------ */

START_TEST(an_accepting_end_is_silent_until_it_admits)
{
        talk_accepting(".\n"
                       "> hello tester\n"
                       "! hello from tester\n"
                       "= control ping #9\n"
                       ".\n"
                       "= admit\n"
                       "< hello priority=7 us\n"
                       "< ping #9\n"
                       "! open\n");
}
END_TEST

START_TEST(a_connecting_end_says_hello_first)
{
        talk_connecting("< hello priority=7 us\n"
                        "> hello server\n"
                        "! open\n");
}
END_TEST

START_TEST(what_is_sent_early_follows_the_hello)
{
        talk_connecting("= send request #1 priority=7 a\n"
                        "< hello priority=7 us\n"
                        "< request #1 priority=7 a\n"
                        "= send request #2 a\n"
                        "< request #2 a\n");
}
END_TEST

START_TEST(a_name_is_made_fit_to_print)
{
        talk_accepting("> hello \x1b[31m\x07\n"
                       "! hello from ?[31m?\n");
}
END_TEST

START_TEST(hello_must_come_first)
{
        talk_accepting("> ping #1\n"
                       "< goaway status=3 text=\"hello must come first\"\n"
                       "< closed\n"
                       "! closed EPROTO\n");
        talk_accepting("> goaway #1\n"
                       "< goaway status=3 text=\"hello must come first\"\n"
                       "< closed\n"
                       "! closed EPROTO\n");
        talk_connecting("< hello priority=7 us\n"
                        "> reply #1\n"
                        "< goaway status=3 text=\"hello must come first\"\n"
                        "< closed\n"
                        "! closed EPROTO\n");
}
END_TEST

START_TEST(hello_comes_once)
{
        talk_as_server("> hello tester\n"
                       "< goaway status=3 text=\"a second hello\"\n"
                       "< closed\n"
                       "! closed EPROTO\n");
        talk_accepting("> hello tester\n"
                       "> hello tester\n"
                       "! hello from tester\n"
                       "< goaway status=3 text=\"a second hello\"\n"
                       "< closed\n"
                       "! closed EPROTO\n");
}
END_TEST

START_TEST(a_hello_that_takes_too_little_is_refused)
{
        talk_accepting("> hello takes=1000 tester\n"
                       "< goaway status=3 text=\"a hello that takes no message of 1 KiB\"\n"
                       "< closed\n"
                       "! closed EPROTO\n");
}
END_TEST

/* --- admission -------------------------------------------------------------------------------- */

START_TEST(a_peer_is_refused_with_a_reason)
{
        talk_accepting("> hello tester\n"
                       "! hello from tester\n"
                       "= refuse 7 not for you\n"
                       "< goaway status=7 text=\"not for you\"\n"
                       "< closed\n"
                       "! closed EACCES\n");
        talk_accepting("> hello tester\n"
                       "! hello from tester\n"
                       "= refuse 8\n"
                       "< goaway status=8\n"
                       "< closed\n"
                       "! closed EDQUOT\n");
}
END_TEST

START_TEST(what_comes_before_the_admission_waits_for_nobody)
{
        talk_accepting("> hello tester\n"
                       "> request #1 a\n"
                       "> ping #2\n"
                       "! hello from tester\n"
                       "! request #1 a\n"
                       "= admit\n"
                       "< hello priority=7 us\n"
                       "< pong #2\n"
                       "! open\n");
}
END_TEST

START_TEST(who_is_refused_learns_why)
{
        talk_connecting("< hello priority=7 us\n"
                        "> goaway status=7 text=\"not for you\"\n"
                        "> end\n"
                        "! goaway after #0\n"
                        "! closed EACCES\n"
                        "< closed\n");
        talk_connecting("< hello priority=7 us\n"
                        "> goaway status=8 text=\"too many\"\n"
                        "> reset\n"
                        "! goaway after #0\n"
                        "! closed EDQUOT\n"
                        "< closed\n");
        talk_connecting("< hello priority=7 us\n"
                        "> goaway\n"
                        "> end\n"
                        "! goaway after #0\n"
                        "! closed ECONNREFUSED\n"
                        "< closed\n");
}
END_TEST

/* --- pings ------------------------------------------------------------------------------------ */

START_TEST(a_ping_is_answered)
{
        talk_as_server("> ping #7\n"
                       "> ping #8\n"
                       "< pong #7\n"
                       "< pong #8\n");
}
END_TEST

START_TEST(a_pong_is_told)
{
        talk_as_client("= ping\n"
                       "< ping #1\n"
                       "> pong #1\n"
                       "! pong #1\n");
}
END_TEST

START_TEST(who_is_silent_is_asked_and_then_given_up)
{
        struct hark_conn_params params = talk_params(TALK_CONNECTING);
        struct talk talk;

        params.ping_ms = 400;
        talk_begin(&talk, &params);
        talk_greet(&talk);
        conversation_wait(&talk.conversation);
        conversation_run(&talk.conversation, "! closed ETIMEDOUT\n"
                                             "< ping #1\n"
                                             "< closed\n");
        talk_end(&talk);
}
END_TEST

START_TEST(who_answers_pings_is_not_given_up)
{
        struct hark_conn_params params = talk_params(TALK_CONNECTING);
        struct talk talk;

        params.ping_ms = 1000;
        talk_begin(&talk, &params);
        talk_greet(&talk);
        for (int i = 1; i <= 2; i++) {
                char script[64];

                conversation_wait_for_frame(&talk.conversation);
                snprintf(script, sizeof(script), "< ping #%d\n> pong #%d\n! pong #%d\n", i, i, i);
                conversation_run(&talk.conversation, script);
        }
        talk_end(&talk);
}
END_TEST

/* This process is slow, and not the other one: what that sent is there, and would be too much. */
START_TEST(who_is_not_read_for_now_is_not_given_up)
{
        static uint8_t request[8192];
        size_t size = frame_from_text("request #1 a", request, sizeof(request));
        struct hark_conn_params params = talk_params(TALK_ACCEPTING);
        struct talk talk;
        struct hark_conn *conn;
        uint64_t due_ns;
        unsigned n_receives;

        params.ping_ms = INT_MAX;
        talk_begin(&talk, &params);
        talk_greet(&talk);
        conn = talk.conn;
        for (unsigned i = 0; i < N_WAITING; i++)
                hark_conn_wait_for_turn(conn);
        memory_port_put(&talk.conversation.memory, request, size);
        n_receives = talk.conversation.memory.n_receives;
        conn->has_heard = false;
        conn->is_ping_out = true;
        hark_timer_start(conn->loop, &conn->ping_timer, hark_now_ns(), conn->ping_timer.on_due);
        due_ns = conn->ping_timer.due_ns;
        while (talk.conn && conn->ping_timer.due_ns == due_ns)
                ck_assert_int_eq(hark_loop_process(conn->loop, 0), 0);
        ck_assert_ptr_nonnull(talk.conn);
        ck_assert_uint_eq(talk.conversation.memory.n_receives, n_receives);
        for (unsigned i = 0; i < N_WAITING; i++)
                hark_conn_had_turn(conn);
        conversation_run(&talk.conversation, ".\n! request #1 a\n");
        talk_end(&talk);
}
END_TEST

/* --- time ------------------------------------------------------------------------------------- */

static void wait_in_vain(enum talk_end end, const char *before, const char *after)
{
        struct hark_conn_params params = talk_params(end);
        struct talk talk;

        params.open_ms = 200;
        talk_begin(&talk, &params);
        conversation_run(&talk.conversation, before);
        conversation_wait(&talk.conversation);
        conversation_run(&talk.conversation, after);
        talk_end(&talk);
}

START_TEST(a_hello_that_does_not_come_is_not_waited_for)
{
        wait_in_vain(TALK_ACCEPTING, "",
                     "< goaway status=4 text=\"no hello came in time\"\n"
                     "< closed\n"
                     "! closed ETIMEDOUT\n");
        wait_in_vain(TALK_CONNECTING, "< hello priority=7 us\n",
                     "< closed\n"
                     "! closed ETIMEDOUT\n");
}
END_TEST

/* --- goodbye ---------------------------------------------------------------------------------- */

START_TEST(who_leaves_names_the_last_request_and_closes)
{
        talk_as_server("> request #7 a\n"
                       "! request #7 a\n"
                       "= leave\n"
                       "< goaway #7\n"
                       "< closed\n"
                       "! closed 0\n");
}
END_TEST

START_TEST(the_last_request_is_the_highest_not_the_latest)
{
        talk_as_server("> request #7 more total=9 a \"12345678\"\n"
                       "> request #8 priority=3 a\n"
                       "> request #7 continued at=8 \"9\"\n"
                       "! request #8 a\n"
                       "! request #7 a\n"
                       "= leave\n"
                       "< goaway #8\n"
                       "< closed\n"
                       "! closed 0\n");
}
END_TEST

START_TEST(who_leaves_first_sends_what_is_queued)
{
        talk_as_server("= room 100\n"
                       "= send reply #1 size=1000\n"
                       "= leave\n"
                       ".\n"
                       "= room 10000\n"
                       "< reply #1 size=1000\n"
                       "< goaway\n"
                       "< closed\n"
                       "! closed 0\n");
}
END_TEST

START_TEST(who_leaves_waits_for_what_is_on_its_way)
{
        talk_as_server("= depart\n"
                       "= send reply #1 size=1000\n"
                       "= leave\n"
                       "< reply #1 size=1000\n"
                       "< goaway\n"
                       ".\n"
                       "= arrive\n"
                       "< closed\n"
                       "! closed 0\n");
}
END_TEST

START_TEST(who_leaves_takes_no_more_requests)
{
        talk_as_server("= room 0\n"
                       "= leave\n"
                       "> request #1 a\n"
                       "= room 10000\n"
                       "< goaway\n"
                       "< closed\n"
                       "! closed 0\n");
}
END_TEST

START_TEST(who_has_left_can_send_no_more)
{
        talk_as_server("= room 0\n"
                       "= leave\n"
                       "= send reply #1\n"
                       "! not sent: ENOTCONN\n"
                       "= room 10000\n"
                       "< goaway\n"
                       "< closed\n"
                       "! closed 0\n");
}
END_TEST

START_TEST(leaving_does_not_wait_for_ever)
{
        struct hark_conn_params params = talk_params(TALK_ACCEPTING);
        struct talk talk;

        /* Long enough for the script to be over first, on a busy machine too. */
        params.limits.hello_ms = 300;
        talk_begin(&talk, &params);
        talk_greet(&talk);
        conversation_run(&talk.conversation, "= room 0\n"
                                             "= leave\n"
                                             ".\n");
        conversation_wait(&talk.conversation);
        conversation_run(&talk.conversation, "! closed 0\n"
                                             "< closed\n");
        talk_end(&talk);
}
END_TEST

START_TEST(a_goodbye_is_told_and_ends_in_good_order)
{
        talk_as_client("> goaway #12\n"
                       "! goaway after #12\n"
                       "= send request #13 a\n"
                       "! not sent: ENOTCONN\n"
                       "> reply #11\n"
                       "! reply #11 \n"
                       "> end\n"
                       "! closed 0\n"
                       "< closed\n");
}
END_TEST

START_TEST(closing_says_goodbye)
{
        talk_as_client("= send request #1 a\n"
                       "= close\n"
                       "< request #1 a\n"
                       "< goaway\n"
                       "< closed\n"
                       "! closed ECANCELED\n");
}
END_TEST

START_TEST(letting_go_closes_without_a_word)
{
        talk_as_client("= unref\n"
                       "< closed\n");
}
END_TEST

/* --- the end ---------------------------------------------------------------------------------- */

START_TEST(an_end_without_goodbye_is_a_loss)
{
        talk_as_client("> end\n"
                       "! closed ECONNRESET\n"
                       "< closed\n");
        talk_accepting("> reset\n"
                       "! closed ECONNRESET\n"
                       "< closed\n");
}
END_TEST

START_TEST(what_was_said_before_the_end_is_heard)
{
        talk_as_client("> reply #1\n"
                       "> reset\n"
                       "! reply #1 \n"
                       "! closed ECONNRESET\n"
                       "< closed\n");
}
END_TEST

START_TEST(why_sending_failed_is_looked_for_in_what_came)
{
        struct hark_conn_params params = talk_params(TALK_CONNECTING);
        struct talk talk;

        talk_begin(&talk, &params);
        talk_greet(&talk);
        talk.conversation.memory.send_error = -EPIPE;
        talk.conversation.memory.wanted = 0; /* what comes is not shown before it is looked for */
        conversation_run(&talk.conversation, "> goaway status=7\n"
                                             "= send request #1 a\n"
                                             "! goaway after #0\n"
                                             "! closed EACCES\n"
                                             "< closed\n");
        talk_end(&talk);
}
END_TEST

START_TEST(a_frame_that_is_cut_short_is_a_loss)
{
        struct hark_conn_params params = talk_params(TALK_CONNECTING);
        struct talk talk;

        talk_begin(&talk, &params);
        talk_greet(&talk);
        conversation_run(&talk.conversation, "> reply #1 size=10000\n"
                                             "! reply #1 \n");
        memory_port_put(&talk.conversation.memory, (const uint8_t *)"\xc1\x01\x11", 3);
        conversation_run(&talk.conversation, "> end\n"
                                             "! closed ECONNRESET\n"
                                             "< closed\n");
        talk_end(&talk);
}
END_TEST

START_TEST(a_conversation_is_the_same_byte_by_byte)
{
        struct hark_conn_params params = talk_params(TALK_ACCEPTING);
        struct talk talk;

        talk_begin(&talk, &params);
        talk.conversation.memory.receive_max = 1;
        talk.conversation.memory.send_max = 1;
        talk_greet(&talk);
        conversation_run(&talk.conversation, "> request #7 more total=9 a \"12345678\"\n"
                                             "> request #8 priority=3 a.b size=300\n"
                                             "> request #7 continued at=8 \"9\"\n"
                                             "> ping #1\n"
                                             "! request #8 a.b\n"
                                             "! request #7 a\n"
                                             "< pong #1\n"
                                             "= send reply #7 size=300\n"
                                             "< reply #7 size=300\n"
                                             "= leave\n"
                                             "< goaway #8\n"
                                             "< closed\n"
                                             "! closed 0\n");
        talk_end(&talk);
}
END_TEST

FIXTURE_MAIN("conn", an_accepting_end_is_silent_until_it_admits, a_connecting_end_says_hello_first,
             what_is_sent_early_follows_the_hello, a_name_is_made_fit_to_print,
             hello_must_come_first, hello_comes_once, a_hello_that_takes_too_little_is_refused,
             a_peer_is_refused_with_a_reason, what_comes_before_the_admission_waits_for_nobody,
             who_is_refused_learns_why, a_ping_is_answered, a_pong_is_told,
             who_is_silent_is_asked_and_then_given_up, who_answers_pings_is_not_given_up,
             who_is_not_read_for_now_is_not_given_up, a_hello_that_does_not_come_is_not_waited_for,
             who_leaves_names_the_last_request_and_closes,
             the_last_request_is_the_highest_not_the_latest, who_leaves_first_sends_what_is_queued,
             who_leaves_waits_for_what_is_on_its_way, who_leaves_takes_no_more_requests,
             who_has_left_can_send_no_more, leaving_does_not_wait_for_ever,
             a_goodbye_is_told_and_ends_in_good_order, closing_says_goodbye,
             letting_go_closes_without_a_word, an_end_without_goodbye_is_a_loss,
             what_was_said_before_the_end_is_heard, why_sending_failed_is_looked_for_in_what_came,
             a_frame_that_is_cut_short_is_a_loss, a_conversation_is_the_same_byte_by_byte)
