/* SPDX-License-Identifier: MIT */

/* Requests as a server sees them: each is answered once, or ends without an answer. */

#include "fixture.h"

#include "server_talk.h"

/* --- answers ---------------------------------------------------------------------------------- */

START_TEST(a_handler_answers_at_once)
{
        server_talk("> request #1 echo \"hello\"\n"
                    "> request #2 priority=3 encoding=5 echo\n"
                    "< reply #2 priority=3 encoding=5\n"
                    "< reply #1 \"hello\"\n");
}
END_TEST

START_TEST(a_handler_answers_later_in_any_order)
{
        server_talk("> request #1 keep.a\n"
                    "> request #2 us=1000000 keep.b \"12345\"\n"
                    "! keep 1: keep.a 0\n"
                    "! keep 2: keep.b 5 timed\n"
                    "= reply 2 size=3\n"
                    "= fail 1 9 later perhaps\n"
                    "< reply #2 \"abc\"\n"
                    "< error #1 status=9 text=\"later perhaps\"\n");
}
END_TEST

START_TEST(an_answer_is_as_urgent_as_its_question_or_more)
{
        server_talk("> request #1 priority=3 keep.a\n"
                    "> request #2 priority=3 keep.b\n"
                    "! keep 1: keep.a 0\n"
                    "! keep 2: keep.b 0\n"
                    "= reply 1 priority=1\n"
                    "= reply 2 priority=6\n"
                    "< reply #2 priority=6\n"
                    "< reply #1 priority=3\n");
}
END_TEST

static void let_go_of_first(hark_request *request, void *userdata)
{
        struct server_talk *talk = userdata;

        talk->kept[1] = hark_request_unref(talk->kept[1]);
        hark_reply(request, HARK_NOTHING);
}

/* The cancel has come, and its turn has not: what would be told may be gone by then. */
START_TEST(who_has_let_go_is_told_of_no_cancel)
{
        struct server_talk talk;

        server_talk_begin(&talk, NULL, false);
        server_talk_greet(&talk);
        ck_assert_int_eq(hark_server_handle(talk.server, "let-go", let_go_of_first, &talk), 0);
        conversation_run(&talk.conversation, "> request #1 keep.a\n"
                                             "! keep 1: keep.a 0\n"
                                             "> cancel #1\n"
                                             "> request #2 priority=1 let-go\n"
                                             "< reply #2 priority=1\n");
        ck_assert_uint_eq(talk.peer->requests.n_kept, 0);
        server_talk_end(&talk);
}
END_TEST

START_TEST(a_request_is_answered_once)
{
        server_talk("> request #1 keep.a\n"
                    "! keep 1: keep.a 0\n"
                    "= reply 1\n"
                    "= reply 1\n"
                    "= fail 1 9 x\n"
                    "< reply #1\n"
                    "! not done: EALREADY\n"
                    "! not done: EALREADY\n"
                    "> cancel #1\n"
                    "= let-go 1\n"
                    ".\n");
}
END_TEST

START_TEST(what_is_forgotten_is_answered_by_the_library)
{
        server_talk("> request #1 forget\n"
                    "> request #2 priority=2 keep.a\n"
                    "< error #1 status=100 from-library "
                    "text=\"the handler let go of the request without answering\"\n"
                    "! keep 1: keep.a 0\n"
                    "= let-go 1\n"
                    "< error #2 status=100 priority=2 from-library "
                    "text=\"the handler let go of the request without answering\"\n");
}
END_TEST

START_TEST(an_unknown_method_is_refused)
{
        server_talk("> request #1 nothing\n"
                    "> request #2 one-way nothing.at.all\n"
                    "< error #1 status=12 from-library text=\"no such method\"\n"
                    "< error #2 status=12 from-library nothing.at.all text=\"no such method\"\n");
}
END_TEST

START_TEST(what_expects_no_answer_gets_none)
{
        server_talk("> request #1 one-way echo \"x\"\n"
                    "> request #2 one-way forget\n"
                    "> request #3 one-way keep.a\n"
                    "> request #3 one-way keep.a\n"
                    "! keep 1: keep.a 0 one-way\n"
                    "! keep 2: keep.a 0 one-way\n"
                    "= reply 1\n"
                    "= reply 1\n"
                    "= let-go 2\n"
                    "! not done: EALREADY\n");
}
END_TEST

START_TEST(a_reply_that_is_too_large_is_answered_otherwise)
{
        struct server_talk talk;

        server_talk_begin(&talk, NULL, false);
        conversation_run(&talk.conversation, "> hello takes=1024 passes=1 tester\n"
                                             "< hello priority=7\n"
                                             "> request #1 keep.a\n"
                                             "> request #2 keep.b\n"
                                             "> request #3 keep.c\n"
                                             "! keep 1: keep.a 0\n"
                                             "! keep 2: keep.b 0\n"
                                             "! keep 3: keep.c 0\n"
                                             "= reply 1 size=1025\n"
                                             "= reply 2 size=1025\n"
                                             "= reply 3 fds=2\n"
                                             "! not done: EMSGSIZE\n"
                                             "! not done: EMSGSIZE\n"
                                             "! not done: EDQUOT\n"
                                             "= reply 1 size=3\n"
                                             "= let-go 2\n"
                                             "= let-go 3\n"
                                             "< reply #1 \"abc\"\n"
                                             "< error #2 status=101 from-library "
                                             "text=\"the reply is larger than this client takes\"\n"
                                             "< error #3 status=8 from-library "
                                             "text=\"the reply has more file descriptors than "
                                             "this client takes\"\n");
        server_talk_end(&talk);
}
END_TEST

START_TEST(a_client_that_does_not_read_gets_no_replies)
{
        struct hark_server_params params = {.limits.queue_size = 4096};
        struct server_talk talk;

        server_talk_begin(&talk, &params, false);
        server_talk_greet(&talk);
        conversation_run(&talk.conversation, "> request #1 keep.a\n"
                                             "> request #2 keep.b\n"
                                             "> request #3 keep.c\n"
                                             "! keep 1: keep.a 0\n"
                                             "! keep 2: keep.b 0\n"
                                             "! keep 3: keep.c 0\n"
                                             "= room 0\n"
                                             "= reply 1 size=5000\n"
                                             "= reply 2\n"
                                             "= reply 3\n"
                                             "= let-go 3\n"
                                             "! not done: EAGAIN\n"
                                             "! not done: EAGAIN\n"
                                             "= room 100000\n"
                                             "< reply #1 size=5000\n"
                                             "< error #3 status=8 from-library "
                                             "text=\"the client does not read its replies\"\n"
                                             "= reply 2\n"
                                             "< reply #2\n");
        server_talk_end(&talk);
}
END_TEST

/* --- ends that are no answer ------------------------------------------------------------------ */

START_TEST(a_cancel_reaches_who_keeps_the_request)
{
        server_talk("> request #1 keep.a\n"
                    "! keep 1: keep.a 0\n"
                    "> cancel #1\n"
                    "! cancel 1: ECANCELED\n"
                    "= reply 1\n"
                    "= let-go 1\n"
                    "! not done: ECANCELED\n");
}
END_TEST

START_TEST(a_cancel_for_want_of_time_says_so)
{
        server_talk("> request #1 keep.a\n"
                    "! keep 1: keep.a 0\n"
                    "> cancel #1 status=4\n"
                    "! cancel 1: ETIMEDOUT\n"
                    "= reply 1\n"
                    "! not done: ETIMEDOUT\n");
}
END_TEST

START_TEST(a_request_cancelled_before_its_turn_is_not_handled)
{
        server_talk("> request #1 keep.a\n"
                    "> request #2 keep.b\n"
                    "> cancel #1\n"
                    "> cancel #77\n"
                    "! keep 1: keep.b 0\n");
}
END_TEST

START_TEST(a_request_cancelled_under_way_is_not_handled)
{
        server_talk("> request #1 more total=100 keep.a size=50\n"
                    "> cancel #1\n"
                    "> request #2 keep.b\n"
                    "! keep 1: keep.b 0\n");
}
END_TEST

START_TEST(a_deadline_ends_a_request)
{
        struct server_talk talk;

        server_talk_begin(&talk, NULL, false);
        server_talk_greet(&talk);
        conversation_run(&talk.conversation, "> request #1 us=300000 keep.a\n"
                                             "! keep 1: keep.a 0 timed\n");
        conversation_wait(&talk.conversation);
        conversation_run(&talk.conversation, "! cancel 1: ETIMEDOUT\n"
                                             "= reply 1\n"
                                             "! not done: ETIMEDOUT\n"
                                             "> cancel #1\n"
                                             "> request #1 echo\n"
                                             "< reply #1\n");
        server_talk_end(&talk);
}
END_TEST

/* Nobody waits for it: its handler is as free as with any other, but knows how late it is. */
START_TEST(a_deadline_ends_no_one_way_request_that_had_its_turn)
{
        struct server_talk talk;

        server_talk_begin(&talk, NULL, false);
        server_talk_greet(&talk);
        conversation_run(&talk.conversation, "> request #1 one-way us=300000 keep.a\n"
                                             "> request #2 us=300001 keep.b\n"
                                             "! keep 1: keep.a 0 one-way timed\n"
                                             "! keep 2: keep.b 0 timed\n");
        conversation_wait(&talk.conversation);
        conversation_run(&talk.conversation, "! cancel 2: ETIMEDOUT\n"
                                             "= reply 1\n");
        ck_assert_int_eq(hark_request_time_left_ms(talk.kept[1]), 0);
        server_talk_end(&talk);
}
END_TEST

START_TEST(a_lost_connection_ends_all_requests)
{
        server_talk("> request #1 keep.a\n"
                    "> request #2 one-way keep.b\n"
                    "> request #3 keep.c\n"
                    "! keep 1: keep.a 0\n"
                    "! keep 2: keep.b 0 one-way\n"
                    "! keep 3: keep.c 0\n"
                    "= reply 3\n"
                    "< reply #3\n"
                    "> reset\n"
                    "! cancel 1: ECONNRESET\n"
                    "! leave: ECONNRESET\n"
                    "< closed\n"
                    "= reply 1\n"
                    "= reply 2\n"
                    "! not done: ECONNRESET\n");
}
END_TEST

START_TEST(a_goodbye_ends_all_requests)
{
        server_talk("> request #1 keep.a\n"
                    "! keep 1: keep.a 0\n"
                    "> goaway\n"
                    "> end\n"
                    "! cancel 1: ECANCELED\n"
                    "! leave: 0\n"
                    "< closed\n");
}
END_TEST

START_TEST(what_came_with_the_end_is_not_handled_if_it_is_a_question)
{
        server_talk("> request #1 keep.a\n"
                    "> request #2 one-way keep.b\n"
                    "> end\n"
                    "! keep 1: keep.b 0 one-way\n"
                    "! leave: ECONNRESET\n"
                    "< closed\n");
}
END_TEST

START_TEST(a_server_that_closes_tells_all)
{
        server_talk("> request #1 keep.a\n"
                    "! keep 1: keep.a 0\n"
                    "= unref\n"
                    "< goaway #1\n"
                    "< closed\n"
                    "! cancel 1: ECANCELED\n"
                    "! leave: ECANCELED\n");
}
END_TEST

START_TEST(a_peer_is_shown_out_after_what_it_was_sent)
{
        server_talk("> request #1 echo \"x\"\n"
                    "> request #2 keep.a\n"
                    "< reply #1 \"x\"\n"
                    "! keep 1: keep.a 0\n"
                    "= disconnect\n"
                    "< goaway #2\n"
                    "< closed\n"
                    "! cancel 1: ECANCELED\n"
                    "! leave: 0\n");
}
END_TEST

/* --- limits and mistakes ---------------------------------------------------------------------- */

START_TEST(no_more_calls_are_taken_than_the_limit)
{
        struct hark_server_params params = {.limits.calls_in_flight = 2};
        struct server_talk talk;

        server_talk_begin(&talk, &params, false);
        server_talk_greet(&talk);
        conversation_run(&talk.conversation, "> request #1 keep.a\n"
                                             "> request #2 keep.b\n"
                                             "> request #3 keep.c\n"
                                             "> request #4 one-way keep.d\n"
                                             "< error #3 status=8 from-library "
                                             "text=\"too many calls in flight\"\n"
                                             "< error #4 status=8 from-library keep.d "
                                             "text=\"too many calls in flight\"\n"
                                             "! keep 1: keep.a 0\n"
                                             "! keep 2: keep.b 0\n"
                                             "= reply 1\n"
                                             "< reply #1\n"
                                             "> request #5 keep.e\n"
                                             "! keep 3: keep.e 0\n");
        server_talk_end(&talk);
}
END_TEST

START_TEST(an_id_in_use_is_a_mistake)
{
        server_talk("> request #1 keep.a\n"
                    "> request #1 keep.b\n"
                    "< goaway #1 status=3 "
                    "text=\"the id of a request that is not answered yet\"\n"
                    "< closed\n"
                    "! leave: EPROTO\n");
}
END_TEST

START_TEST(what_is_kept_counts_until_it_is_answered)
{
        struct hark_server_params params = {
                .limits = {.message_size = 2000, .received_size = 5000}};
        struct server_talk talk;

        server_talk_begin(&talk, &params, false);
        server_talk_greet(&talk);
        conversation_run(&talk.conversation, "> request #1 keep.a size=2000\n"
                                             "> request #2 keep.b size=2000\n"
                                             "! keep 1: keep.a 2000\n"
                                             "! keep 2: keep.b 2000\n"
                                             "> request #3 keep.c size=2000\n"
                                             "< error #3 status=8 from-library "
                                             "text=\"too much is received and not handled yet\"\n"
                                             "= reply 1\n"
                                             "< reply #1\n"
                                             "> request #4 keep.d size=2000\n"
                                             "! keep 3: keep.d 2000\n");
        server_talk_end(&talk);
}
END_TEST

/* --- hooks ------------------------------------------------------------------------------------ */

START_TEST(a_hook_lets_a_client_in)
{
        struct server_talk talk;

        server_talk_begin(&talk, NULL, true);
        conversation_run(&talk.conversation, "> hello tester\n"
                                             "> request #1 echo \"early\"\n"
                                             "< hello priority=7\n"
                                             "< reply #1 \"early\"\n"
                                             "! accept: tester\n");
        server_talk_end(&talk);
}
END_TEST

START_TEST(a_hook_keeps_a_client_out)
{
        struct server_talk talk;

        server_talk_begin(&talk, NULL, true);
        talk.accept_status = HARK_PERMISSION_DENIED;
        conversation_run(&talk.conversation, "> hello tester\n"
                                             "> request #1 keep.a\n"
                                             "> request #2 one-way keep.b\n"
                                             "> publish #3 a\n"
                                             "! accept: tester\n"
                                             "< goaway status=7\n"
                                             "< closed\n");
        server_talk_end(&talk);
}
END_TEST

static void do_nothing(struct hark_task *task)
{
        (void)task;
}

/* However much that is more urgent stands before the hook: its turn comes before any of theirs. */
START_TEST(nothing_is_handled_before_it_was_accepted)
{
        static struct hark_task others[200];
        struct server_talk talk;

        server_talk_begin(&talk, NULL, true);
        for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
                hark_task_init(&others[i], do_nothing, NULL);
                others[i].priority = HARK_PRIORITIES - 1;
                hark_loop_queue_callback(talk.conversation.loop, &others[i]);
        }
        conversation_run(&talk.conversation, "> hello tester\n"
                                             "> request #1 keep.a\n"
                                             "> publish #2 b\n"
                                             "! accept: tester\n"
                                             "! keep 1: keep.a 0\n"
                                             "! publication: b 0\n"
                                             "< hello priority=7\n");
        server_talk_end(&talk);
}
END_TEST

START_TEST(a_hook_judges_publications)
{
        struct server_talk talk;

        server_talk_begin(&talk, NULL, true);
        conversation_run(&talk.conversation, "> hello tester\n"
                                             "< hello priority=7\n"
                                             "! accept: tester\n"
                                             "> subscribe #1 a.>\n"
                                             "> publish #2 a.b \"x\"\n"
                                             "< subscribed #1 priority=7\n"
                                             "! publication: a.b 1\n"
                                             "< publish #1 to=1 sequence=1 a.b \"x\"\n");
        talk.publication_status = 7;
        conversation_run(&talk.conversation, "> publish #2 a.b \"y\"\n"
                                             "! publication: a.b 1\n"
                                             "< error #2 status=7 from-library a.b\n");
        server_talk_end(&talk);
}
END_TEST

START_TEST(who_is_no_hub_passes_nothing_on)
{
        server_talk("> subscribe #1 a\n"
                    "> publish #2 a \"x\"\n"
                    "< subscribed #1 priority=7\n"
                    "< error #2 status=12 from-library a "
                    "text=\"this server accepts no publications\"\n");
}
END_TEST

START_TEST(a_hub_passes_on_what_is_published)
{
        struct hark_server_params params = {.is_hub = true};
        struct server_talk talk;

        server_talk_begin(&talk, &params, false);
        server_talk_greet(&talk);
        conversation_run(&talk.conversation,
                         "> subscribe #1 a\n"
                         "> publish #2 encoding=3 priority=2 a \"x\"\n"
                         "> publish #3 more total=2000 a size=1000\n"
                         "> publish #3 continued at=1000 size=1000\n"
                         "> publish #4 b \"y\"\n"
                         "< subscribed #1 priority=7\n"
                         "< publish #1 to=1 priority=2 encoding=3 sequence=1 a \"x\"\n"
                         "< publish #2 to=1 sequence=2 size=2000 a\n");
        server_talk_end(&talk);
}
END_TEST

START_TEST(a_frame_for_a_client_is_a_mistake)
{
        server_talk("> reply #1\n"
                    "< goaway status=3 text=\"an answer to what was never asked\"\n"
                    "< closed\n"
                    "! leave: EPROTO\n");
}
END_TEST

FIXTURE_MAIN("requests", nothing_is_handled_before_it_was_accepted, a_handler_answers_at_once,
             a_handler_answers_later_in_any_order, an_answer_is_as_urgent_as_its_question_or_more,
             a_request_is_answered_once, who_has_let_go_is_told_of_no_cancel,
             what_is_forgotten_is_answered_by_the_library, an_unknown_method_is_refused,
             what_expects_no_answer_gets_none, a_reply_that_is_too_large_is_answered_otherwise,
             a_client_that_does_not_read_gets_no_replies, a_cancel_reaches_who_keeps_the_request,
             a_cancel_for_want_of_time_says_so, a_request_cancelled_before_its_turn_is_not_handled,
             a_request_cancelled_under_way_is_not_handled, a_deadline_ends_a_request,
             a_deadline_ends_no_one_way_request_that_had_its_turn,
             a_lost_connection_ends_all_requests, a_goodbye_ends_all_requests,
             what_came_with_the_end_is_not_handled_if_it_is_a_question,
             a_server_that_closes_tells_all, a_peer_is_shown_out_after_what_it_was_sent,
             no_more_calls_are_taken_than_the_limit, an_id_in_use_is_a_mistake,
             what_is_kept_counts_until_it_is_answered, a_hook_lets_a_client_in,
             a_hook_keeps_a_client_out, a_hook_judges_publications, who_is_no_hub_passes_nothing_on,
             a_hub_passes_on_what_is_published, a_frame_for_a_client_is_a_mistake)
