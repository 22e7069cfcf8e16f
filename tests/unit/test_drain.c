/* SPDX-License-Identifier: MIT */

/* A server that drains, as one of its clients sees it. */

#include "fixture.h"

#include <errno.h>

#include "frame_text.h"
#include "server_talk.h"

START_TEST(who_has_nothing_left_is_shown_out)
{
        server_talk("= drain 10000\n"
                    "< goaway status=14\n"
                    "< closed\n"
                    "! leave: 0\n"
                    "! drained: 0\n");
}
END_TEST

START_TEST(what_was_asked_is_answered)
{
        server_talk("> request #1 keep.a\n"
                    "> request #2 one-way keep.b\n"
                    "! keep 1: keep.a 0\n"
                    "! keep 2: keep.b 0 one-way\n"
                    "= drain 10000\n"
                    "< goaway #2 status=14\n"
                    "= reply 1 size=3\n"
                    "< reply #1 \"abc\"\n"
                    "= let-go 2\n"
                    "< closed\n"
                    "! leave: 0\n"
                    "! drained: 0\n");
}
END_TEST

START_TEST(what_comes_behind_the_goodbye_is_not_handled)
{
        server_talk("> request #1 keep.a\n"
                    "! keep 1: keep.a 0\n"
                    "= drain 10000\n"
                    "< goaway #1 status=14\n"
                    "> request #2 echo\n"
                    "> request #3 one-way keep.b\n"
                    "> subscribe #1 a\n"
                    "< subscribed #1 status=14 text=\"the server is going away\"\n"
                    "= reply 1\n"
                    "< reply #1\n"
                    "< closed\n"
                    "! leave: 0\n"
                    "! drained: 0\n");
}
END_TEST

START_TEST(what_an_urgent_one_overtook_is_handled)
{
        server_talk("> request #2 priority=7 keep.a\n"
                    "! keep 1: keep.a 0\n"
                    "= drain 10000\n"
                    "< goaway #2 status=14\n"
                    "> request #1 keep.b\n"
                    "! keep 2: keep.b 0\n"
                    "= reply 1\n"
                    "< reply #2 priority=7\n"
                    "= reply 2\n"
                    "< reply #1\n"
                    "< closed\n"
                    "! leave: 0\n"
                    "! drained: 0\n");
}
END_TEST

#define OVERTAKEN                                      \
        "> request #1 more total=100 keep.b size=50\n" \
        "> request #2 priority=7 keep.a\n"             \
        "! keep 1: keep.a 0\n"                         \
        "= drain 10000\n"                              \
        "< goaway #2 status=14\n"                      \
        "= reply 1\n"                                  \
        "< reply #2 priority=7\n"

START_TEST(the_rest_of_an_overtaken_one_is_waited_for)
{
        server_talk(OVERTAKEN "> request #1 continued at=50 size=50\n"
                              "! keep 2: keep.b 100\n"
                              "= reply 2\n"
                              "< reply #1\n"
                              "< closed\n"
                              "! leave: 0\n"
                              "! drained: 0\n");
}
END_TEST

START_TEST(unless_it_is_cancelled)
{
        server_talk(OVERTAKEN "> cancel #1\n"
                              "< closed\n"
                              "! leave: 0\n"
                              "! drained: 0\n");
}
END_TEST

START_TEST(what_was_published_before_arrives_and_nothing_after)
{
        server_talk("> subscribe #1 a\n"
                    "< subscribed #1 priority=7\n"
                    "= publish a size=1\n"
                    "= publish a size=2\n"
                    "= drain 10000\n"
                    "= publish a size=3\n"
                    "< publish #1 to=1 sequence=1 a \"a\"\n"
                    "< publish #2 to=1 sequence=2 a \"ab\"\n"
                    "< goaway status=14\n"
                    "< closed\n"
                    "! leave: 0\n"
                    "! drained: 0\n");
}
END_TEST

START_TEST(output_leaves_before_the_end)
{
        server_talk("> subscribe #1 a\n"
                    "< subscribed #1 priority=7\n"
                    "= room 0\n"
                    "= publish a size=100\n"
                    "= drain 10000\n"
                    "= room 100000\n"
                    "< publish #1 to=1 sequence=1 size=100 a\n"
                    "< goaway status=14\n"
                    "< closed\n"
                    "! leave: 0\n"
                    "! drained: 0\n");
}
END_TEST

START_TEST(a_client_that_cancels_or_goes_holds_up_nothing)
{
        server_talk("> request #1 keep.a\n"
                    "> request #2 keep.b\n"
                    "! keep 1: keep.a 0\n"
                    "! keep 2: keep.b 0\n"
                    "= drain 10000\n"
                    "< goaway #2 status=14\n"
                    "> cancel #1\n"
                    "! cancel 1: ECANCELED\n"
                    "> reset\n"
                    "< closed\n"
                    "! cancel 2: ECONNRESET\n"
                    "! leave: ECONNRESET\n"
                    "! drained: 0\n");
}
END_TEST

START_TEST(what_is_not_done_in_time_is_cut_off)
{
        server_talk("> request #1 keep.a\n"
                    "! keep 1: keep.a 0\n"
                    "= drain 0\n"
                    "< goaway #1 status=14\n"
                    "< closed\n"
                    "! cancel 1: ECANCELED\n"
                    "! leave: ECANCELED\n"
                    "! drained: ETIMEDOUT\n");
}
END_TEST

START_TEST(output_that_does_not_leave_in_time_is_cut_off)
{
        server_talk("> subscribe #1 a\n"
                    "< subscribed #1 priority=7\n"
                    "= room 0\n"
                    "= publish a size=100\n"
                    "= drain 0\n"
                    "< closed\n"
                    "! leave: ECANCELED\n"
                    "! drained: ETIMEDOUT\n");
}
END_TEST

START_TEST(letting_go_ends_it)
{
        server_talk("> request #1 keep.a\n"
                    "! keep 1: keep.a 0\n"
                    "= drain 10000\n"
                    "< goaway #1 status=14\n"
                    "= unref\n"
                    "< closed\n"
                    "! cancel 1: ECANCELED\n"
                    "! leave: ECANCELED\n"
                    "! drained: ECANCELED\n");
}
END_TEST

START_TEST(a_server_drains_once)
{
        server_talk("> request #1 keep.a\n"
                    "! keep 1: keep.a 0\n"
                    "= drain 10000\n"
                    "= drain 10000\n"
                    "! not done: EALREADY\n"
                    "< goaway #1 status=14\n"
                    "= reply 1\n"
                    "< reply #1\n"
                    "< closed\n"
                    "! leave: 0\n"
                    "! drained: 0\n"
                    "= drain 10000\n"
                    "! not done: EALREADY\n");
}
END_TEST

START_TEST(who_is_shown_out_meanwhile_is_said_goodbye_to_once)
{
        server_talk("> request #1 keep.a\n"
                    "! keep 1: keep.a 0\n"
                    "= drain 10000\n"
                    "< goaway #1 status=14\n"
                    "= disconnect\n"
                    "< closed\n"
                    "! cancel 1: ECANCELED\n"
                    "! leave: 0\n"
                    "! drained: 0\n");
}
END_TEST

/* A client of this process whose connection is answered by the server. */
static void connect_to(struct server_talk *talk, struct memory_port *memory,
                       struct hark_conn **ret_conn, hark_peer **ret_peer)
{
        struct hark_conn_params params = {.open_ms = HARK_FOREVER};
        struct hark_limits zeros = {.message_size = 0};
        hark_loop *loop = talk->conversation.loop;

        memory_port_init(memory, loop);
        ck_assert_int_eq(hark_limits_complete(&zeros, &params.limits), 0);
        ck_assert_int_eq(hark_conn_new(loop, memory->port, &params, ret_conn), 0);
        ck_assert_int_eq(hark_peer_new(talk->server, NULL, *ret_conn, "memory:", ret_peer), 0);
}

static void say(struct memory_port *memory, const char *line)
{
        static uint8_t bytes[8192];
        size_t size = frame_from_text(line, bytes, sizeof(bytes));

        ck_assert_uint_gt(size, 0);
        memory_port_put(memory, bytes, size);
}

START_TEST(who_was_not_let_in_yet_is_refused)
{
        struct server_talk talk;

        server_talk_begin(&talk, NULL, true);
        conversation_run(&talk.conversation, ""); /* the port opens */
        conversation_run(&talk.conversation,
                         "= drain 10000\n"
                         "< goaway status=14 text=\"the server is going away\"\n"
                         "< closed\n"
                         "! drained: 0\n");
        server_talk_end(&talk);
}
END_TEST

START_TEST(what_no_member_of_a_group_takes_holds_up_nothing)
{
        server_talk("> subscribe #1 a group=\"crew\"\n"
                    "> subscribe #2 b group=\"crew\"\n"
                    "< subscribed #1 priority=7\n"
                    "< subscribed #2 priority=7\n"
                    "= publish a size=1\n"
                    "< publish #1 to=1 sequence=1 a \"a\"\n"
                    "> unsubscribe #1\n"
                    "= drain 10000\n"
                    "< goaway status=14\n"
                    "< closed\n"
                    "! unconfirmed: crew a 1\n"
                    "! leave: 0\n"
                    "! drained: 0\n");
}
END_TEST

START_TEST(what_the_other_end_of_a_client_publishes_before_it_knows_is_let_go_of)
{
        struct server_talk talk;
        struct memory_port memory;
        struct hark_conn *conn;
        hark_peer *peer;

        server_talk_begin(&talk, NULL, false);
        connect_to(&talk, &memory, &conn, &peer);
        conversation_run(&talk.conversation, "> hello tester\n"
                                             "< hello priority=7\n"
                                             "> request #1 keep.a\n"
                                             "! keep 1: keep.a 0\n"
                                             "= drain 10000\n"
                                             "< goaway #1 status=14\n");
        say(&memory, "hello stranger");
        say(&memory, "publish #1 a");
        conversation_run(&talk.conversation, ".\n");
        ck_assert_uint_eq(peer->requests.n_kept, 0);
        conversation_run(&talk.conversation, "= reply 1\n"
                                             "< reply #1\n"
                                             "< closed\n"
                                             "! leave: 0\n"
                                             "! drained: 0\n");
        hark_conn_close(conn, 0);
        hark_conn_unref(conn);
        memory_port_done(&memory);
        server_talk_end(&talk);
}
END_TEST

static void never_called(int result, void *userdata)
{
        (void)userdata;
        ck_abort_msg("drained: %d", result);
}

START_TEST(arguments_are_checked)
{
        struct server_talk talk;

        server_talk_begin(&talk, NULL, false);
        ck_assert_int_eq(hark_server_drain(NULL, 0, never_called, NULL), -EINVAL);
        ck_assert_int_eq(hark_server_drain(talk.server, -1, never_called, NULL), -EINVAL);
        ck_assert_int_eq(hark_server_drain(talk.server, 0, NULL, NULL), -EINVAL);
        server_talk_end(&talk);
}
END_TEST

FIXTURE_MAIN("drain", who_has_nothing_left_is_shown_out, what_was_asked_is_answered,
             what_comes_behind_the_goodbye_is_not_handled, what_an_urgent_one_overtook_is_handled,
             the_rest_of_an_overtaken_one_is_waited_for, unless_it_is_cancelled,
             what_was_published_before_arrives_and_nothing_after, output_leaves_before_the_end,
             a_client_that_cancels_or_goes_holds_up_nothing, what_is_not_done_in_time_is_cut_off,
             output_that_does_not_leave_in_time_is_cut_off, letting_go_ends_it,
             a_server_drains_once, who_is_shown_out_meanwhile_is_said_goodbye_to_once,
             who_was_not_let_in_yet_is_refused, what_no_member_of_a_group_takes_holds_up_nothing,
             what_the_other_end_of_a_client_publishes_before_it_knows_is_let_go_of,
             arguments_are_checked)
