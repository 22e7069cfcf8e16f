/* SPDX-License-Identifier: MIT */

/* Streams as the answering side sees them: items of an answer, and of a question. */

#include "fixture.h"
#include "server_talk.h"

#include <check.h>

/* A window of 4096 bytes, of which credit is due at 2048, and not much more is kept. */
static void talk_with_small_limits(const char *script)
{
        struct hark_server_params params = {
                .limits = {.window_size = 4096, .message_size = 4096, .received_size = 8192}};
        struct server_talk talk;

        server_talk_begin(&talk, &params, false);
        conversation_run(&talk.conversation, "> hello window=4096 tester\n"
                                             "< hello priority=7\n");
        conversation_run(&talk.conversation, script);
        server_talk_end(&talk);
}

/* --- items of an answer ----------------------------------------------------------------------- */

START_TEST(items_leave_before_the_answer)
{
        server_talk("> request #1 priority=3 observes keep.a\n"
                    "! keep 1: keep.a 0\n"
                    "= push 1 size=3\n"
                    "= push 1 size=1 priority=7\n"
                    "= reply 1 priority=7\n"
                    "= push 1\n"
                    "< item #1 priority=3 \"abc\"\n"
                    "< item #1 priority=3 \"a\"\n"
                    "< reply #1 priority=3\n"
                    "! not done: EALREADY\n"
                    "> request #2 observes keep.b\n"
                    "! keep 2: keep.b 0\n"
                    "= reply 2 priority=7\n"
                    "< reply #2 priority=7\n");
}
END_TEST

START_TEST(as_many_are_pushed_as_the_window_takes)
{
        talk_with_small_limits("> request #1 observes keep.room\n"
                               "! keep 1: keep.room 0\n"
                               "! room 1\n"
                               "= push 1 size=4000\n"
                               "= push 1 size=1\n"
                               "< item #1 size=4000\n"
                               "! not done: EAGAIN\n"
                               "> credit #1 status=100\n"
                               ".\n"
                               "> credit #1 status=61\n"
                               "! room 1\n"
                               "> credit #1 status=4095\n"
                               ".\n"
                               "= push 1 size=3839\n"
                               "= push 1 size=4000\n"
                               "= push 1\n"
                               "= fail 1 1001 enough\n"
                               "< item #1 size=3839\n"
                               "< item #1 size=4000\n"
                               "! not done: EAGAIN\n"
                               "< error #1 status=1001 text=\"enough\"\n"
                               "> credit #1 status=8351\n"
                               ".\n");
}
END_TEST

START_TEST(a_handler_hears_of_room_also_where_no_items_are_wanted)
{
        server_talk("> request #1 keep.room.a\n"
                    "> request #2 keep.room.b\n"
                    "> request #3 one-way keep.room.c\n"
                    "> request #4 keep.d\n"
                    "! keep 1: keep.room.a 0\n"
                    "! keep 2: keep.room.b 0\n"
                    "! keep 3: keep.room.c 0 one-way\n"
                    "! keep 4: keep.d 0\n"
                    "! room 1\n"
                    "! room 2\n"
                    "! room 3\n"
                    "= push 1\n"
                    "= push 2\n"
                    "= push 3\n"
                    "= push 4\n"
                    "! not done: EOPNOTSUPP\n"
                    "! not done: EOPNOTSUPP\n"
                    "! not done: EOPNOTSUPP\n"
                    "! not done: EOPNOTSUPP\n"
                    "= fail 1 -95\n"
                    "= let-go 2\n"
                    "= let-go 3\n"
                    "= reply 4\n"
                    "< error #1 status=103 text=\"\"\n"
                    "< error #2 status=103 from-library "
                    "text=\"the method answers with items: it needs to be observed\"\n"
                    "< reply #4\n");
}
END_TEST

START_TEST(a_caller_without_a_window_takes_no_items)
{
        struct server_talk talk;

        server_talk_begin(&talk, NULL, false);
        server_talk_greet(&talk);
        /* As the hello of an end says that knows nothing of items. */
        talk.peer->conn->peer.window_size = 0;
        conversation_run(&talk.conversation, "> request #1 observes keep.room\n"
                                             "! keep 1: keep.room 0\n"
                                             "! room 1\n"
                                             "= push 1\n"
                                             "! not done: EOPNOTSUPP\n"
                                             "= reply 1\n"
                                             "< reply #1\n");
        server_talk_end(&talk);
}
END_TEST

START_TEST(room_in_the_queue_is_told_as_well)
{
        struct hark_server_params params = {.limits = {.queue_size = 4096}};
        struct server_talk talk;

        server_talk_begin(&talk, &params, false);
        server_talk_greet(&talk);
        conversation_run(&talk.conversation, "> request #1 observes keep.room\n"
                                             "! keep 1: keep.room 0\n"
                                             "! room 1\n"
                                             "= room 0\n"
                                             "= push 1 size=5000\n"
                                             "= push 1 size=1\n"
                                             "! not done: EAGAIN\n"
                                             "= room 100000\n"
                                             "< item #1 size=5000\n"
                                             "! room 1\n"
                                             "= push 1 size=1\n"
                                             "< item #1 \"a\"\n"
                                             "= reply 1\n"
                                             "< reply #1\n");
        server_talk_end(&talk);
}
END_TEST

START_TEST(what_waits_to_leave_of_a_cancelled_answer_never_leaves)
{
        server_talk("> request #1 observes keep.room\n"
                    "! keep 1: keep.room 0\n"
                    "! room 1\n"
                    "= room 0\n"
                    "= push 1 size=1\n"
                    "= push 1 size=2\n"
                    ".\n"
                    "> cancel #1\n"
                    "! cancel 1: ECANCELED\n"
                    "= push 1\n"
                    "! not done: ECANCELED\n"
                    "= room 1000\n"
                    "> request #2 echo\n"
                    "< reply #2\n");
}
END_TEST

START_TEST(what_was_pushed_leaves_although_the_request_is_gone)
{
        server_talk("> request #1 observes keep.a\n"
                    "! keep 1: keep.a 0\n"
                    "= room 0\n"
                    "= push 1 size=1\n"
                    "= push 1 size=2\n"
                    "= reply 1\n"
                    "= let-go 1\n"
                    ".\n"
                    "= room 1000\n"
                    "< item #1 \"a\"\n"
                    "< item #1 \"ab\"\n"
                    "< reply #1\n");
}
END_TEST

START_TEST(credit_for_more_than_was_pushed_breaks_the_protocol)
{
        server_talk("> request #1 observes keep.a\n"
                    "! keep 1: keep.a 0\n"
                    "= push 1 size=1\n"
                    "< item #1 \"a\"\n"
                    "> credit #77 status=4294967295\n"
                    "> credit #1 status=257\n"
                    "> credit #1 status=1\n"
                    "! cancel 1: ECONNRESET\n"
                    "! leave: EPROTO\n"
                    "< goaway #1 status=3 text=\"credit for more than is under way\"\n"
                    "< closed\n");
}
END_TEST

START_TEST(credit_for_what_is_not_observed_breaks_the_protocol)
{
        server_talk("> request #1 feeds keep.a\n"
                    "! keep 1: keep.a 0\n"
                    "> credit #1\n"
                    "! cancel 1: ECONNRESET\n"
                    "! leave: EPROTO\n"
                    "< goaway #1 status=3 "
                    "text=\"credit for the items of an answer that has none\"\n"
                    "< closed\n");
}
END_TEST

/* --- items of a question ---------------------------------------------------------------------- */

START_TEST(items_wait_for_the_turn_of_their_request)
{
        server_talk("> request #1 feeds keep.items\n"
                    "> item #1 feed \"a\"\n"
                    "> item #1 feed \"b\"\n"
                    "> item #1 feed end\n"
                    "! keep 1: keep.items 0\n"
                    "! item 1: \"a\"\n"
                    "! item 1: \"b\"\n"
                    "! item 1: end\n"
                    "= reply 1\n"
                    "< reply #1\n"
                    "> item #1 feed \"too late\"\n"
                    "> item #77 feed \"of nothing\"\n"
                    ".\n");
}
END_TEST

START_TEST(items_wait_for_the_admission_of_their_peer)
{
        struct server_talk talk;

        server_talk_begin(&talk, NULL, true);
        conversation_run(&talk.conversation, "> hello tester\n"
                                             "> request #1 feeds keep.items\n"
                                             "> item #1 feed \"a\"\n"
                                             "> item #1 feed end\n"
                                             "! accept: tester\n"
                                             "< hello priority=7\n"
                                             "! keep 1: keep.items 0\n"
                                             "! item 1: \"a\"\n"
                                             "! item 1: end\n"
                                             "= reply 1\n"
                                             "< reply #1\n");
        server_talk_end(&talk);
}
END_TEST

START_TEST(credit_is_given_for_what_the_handler_was_told)
{
        talk_with_small_limits("> request #1 priority=1 feeds keep.items\n"
                               "> item #1 priority=1 feed size=1000\n"
                               "! keep 1: keep.items 0\n"
                               "! item 1: 1000\n"
                               "> item #1 priority=1 feed size=600\n"
                               "! item 1: 600\n"
                               "< credit #1 status=2112 priority=1 feed\n"
                               "> item #1 priority=1 feed end\n"
                               "! item 1: end\n"
                               "= reply 1\n"
                               "< reply #1 priority=1\n");
}
END_TEST

START_TEST(what_the_handler_was_told_counts_no_more)
{
        talk_with_small_limits("> request #1 feeds keep.items\n"
                               "> item #1 feed size=3500\n"
                               "! keep 1: keep.items 0\n"
                               "! item 1: 3500\n"
                               "< credit #1 status=3756 feed\n"
                               "> item #1 feed size=3500\n"
                               "! item 1: 3500\n"
                               "< credit #1 status=3756 feed\n"
                               "> item #1 feed size=3500\n"
                               "! item 1: 3500\n"
                               "< credit #1 status=3756 feed\n"
                               "= reply 1\n"
                               "< reply #1\n");
}
END_TEST

START_TEST(items_that_nobody_watches_for_are_dropped)
{
        talk_with_small_limits("> request #1 feeds keep.a\n"
                               "> item #1 feed size=3000\n"
                               "> item #1 feed end\n"
                               "! keep 1: keep.a 0\n"
                               "< credit #1 status=3256 feed\n"
                               "= reply 1\n"
                               "< reply #1\n");
}
END_TEST

START_TEST(who_watches_late_is_told_the_end)
{
        server_talk("> request #1 feeds keep.a\n"
                    "> item #1 feed \"missed\"\n"
                    "> item #1 feed end\n"
                    "! keep 1: keep.a 0\n"
                    "= watch 1\n"
                    "! item 1: end\n"
                    "= watch 1\n"
                    "= reply 1\n"
                    "< reply #1\n");
}
END_TEST

START_TEST(a_question_without_items_is_at_its_end)
{
        server_talk("> request #1 keep.items\n"
                    "> request #2 one-way keep.items\n"
                    "! keep 1: keep.items 0\n"
                    "! keep 2: keep.items 0 one-way\n"
                    "! item 1: end\n"
                    "! item 2: end\n"
                    "= reply 1\n"
                    "= reply 2\n"
                    "< reply #1\n");
}
END_TEST

START_TEST(what_is_stopped_is_held_and_not_credited)
{
        talk_with_small_limits("> request #1 feeds keep.items\n"
                               "! keep 1: keep.items 0\n"
                               "= pause 1\n"
                               "> item #1 feed \"a\"\n"
                               "> item #1 feed size=3000\n"
                               "> item #1 feed end\n"
                               ".\n"
                               "= resume 1\n"
                               "! item 1: \"a\"\n"
                               "! item 1: 3000\n"
                               "! item 1: end\n"
                               "< credit #1 status=3513 feed\n"
                               "= reply 1\n"
                               "= pause 1\n"
                               "< reply #1\n"
                               "! not done: EALREADY\n");
}
END_TEST

START_TEST(an_end_of_items_waits_while_they_are_stopped)
{
        server_talk("> request #1 feeds keep.items\n"
                    "! keep 1: keep.items 0\n"
                    "= pause 1\n"
                    "> item #1 feed end\n"
                    ".\n"
                    "= resume 1\n"
                    "! item 1: end\n"
                    "= reply 1\n"
                    "< reply #1\n");
}
END_TEST

START_TEST(a_cancel_drops_what_is_held)
{
        server_talk("> request #1 feeds keep.items\n"
                    "! keep 1: keep.items 0\n"
                    "= pause 1\n"
                    "> item #1 feed \"a\"\n"
                    "> cancel #1\n"
                    "! cancel 1: ECANCELED\n"
                    "= resume 1\n"
                    "! not done: ECANCELED\n");
}
END_TEST

START_TEST(an_answer_drops_what_is_held)
{
        server_talk("> request #1 feeds keep.items\n"
                    "! keep 1: keep.items 0\n"
                    "= pause 1\n"
                    "> item #1 feed \"a\"\n"
                    ".\n"
                    "= reply 1\n"
                    "< reply #1\n"
                    "= let-go 1\n");
}
END_TEST

START_TEST(an_item_for_which_there_is_no_room_ends_its_request)
{
        talk_with_small_limits("> request #1 feeds keep.items size=4000\n"
                               "> request #2 keep.b\n"
                               "! keep 1: keep.items 4000\n"
                               "! keep 2: keep.b 0\n"
                               "= pause 1\n"
                               "> item #1 feed size=3600\n"
                               "> item #1 feed size=3600\n"
                               "> item #1 feed size=3600\n"
                               "< error #1 status=8 from-library "
                               "text=\"too much is received and not handled yet\"\n"
                               "! cancel 1: EDQUOT\n"
                               "= reply 2\n"
                               "< reply #2\n"
                               "> request #3 echo size=4000\n"
                               "< reply #3 size=4000\n");
}
END_TEST

START_TEST(an_item_beyond_the_window_breaks_the_protocol)
{
        talk_with_small_limits("> request #1 feeds keep.items\n"
                               "! keep 1: keep.items 0\n"
                               "= pause 1\n"
                               "> item #1 feed size=3840\n"
                               "> item #1 feed\n"
                               "! cancel 1: ECONNRESET\n"
                               "! leave: EPROTO\n"
                               "< goaway #1 status=3 text=\"an item beyond the window\"\n"
                               "< closed\n");
}
END_TEST

START_TEST(an_item_behind_the_end_breaks_the_protocol)
{
        server_talk("> request #1 feeds keep.items\n"
                    "> item #1 feed end\n"
                    "! keep 1: keep.items 0\n"
                    "! item 1: end\n"
                    "> item #1 feed end\n"
                    "! cancel 1: ECONNRESET\n"
                    "! leave: EPROTO\n"
                    "< goaway #1 status=3 text=\"an item behind the end of the items\"\n"
                    "< closed\n");
}
END_TEST

START_TEST(an_item_of_a_question_without_breaks_the_protocol)
{
        server_talk("> request #1 observes keep.items\n"
                    "! keep 1: keep.items 0\n"
                    "! item 1: end\n"
                    "> item #1 feed \"a\"\n"
                    "! cancel 1: ECONNRESET\n"
                    "! leave: EPROTO\n"
                    "< goaway #1 status=3 "
                    "text=\"an item of a question that shall have none\"\n"
                    "< closed\n");
}
END_TEST

START_TEST(an_item_at_another_priority_breaks_the_protocol)
{
        server_talk("> request #1 feeds keep.items\n"
                    "! keep 1: keep.items 0\n"
                    "> item #1 feed priority=2 \"a\"\n"
                    "! cancel 1: ECONNRESET\n"
                    "! leave: EPROTO\n"
                    "< goaway #1 status=3 "
                    "text=\"an item at another priority than its request's\"\n"
                    "< closed\n");
}
END_TEST

/* An id is free again when its request has ended, but the rest of an item may still be under
 * way. */
START_TEST(an_item_under_way_is_not_of_a_later_request_with_the_same_id)
{
        server_talk("> request #1 feeds keep.a\n"
                    "> item #1 more feed total=8 \"0123\"\n"
                    "> cancel #1 priority=1\n"
                    "> request #1 priority=1 feeds keep.items\n"
                    "> item #1 continued feed at=4 \"4567\"\n"
                    "> item #1 priority=1 feed \"a\"\n"
                    "! keep 1: keep.items 0\n"
                    "! item 1: \"a\"\n"
                    "= reply 1\n"
                    "< reply #1 priority=1\n");
}
END_TEST

START_TEST(an_item_of_an_answer_to_what_was_never_asked_breaks_the_protocol)
{
        server_talk("> item #1 \"a\"\n"
                    "! leave: EPROTO\n"
                    "< goaway status=3 text=\"an answer to what was never asked\"\n"
                    "< closed\n");
}
END_TEST

static void note_room(hark_request *request, void *userdata)
{
        (void)request;
        ++*(unsigned *)userdata;
}

START_TEST(what_expects_no_answer_may_be_watched_when_its_connection_is_gone)
{
        const struct hark_request_events events = {.on_room = note_room};
        struct server_talk talk;
        unsigned n_told = 0;

        server_talk_begin(&talk, NULL, false);
        server_talk_greet(&talk);
        conversation_run(&talk.conversation, "> request #1 one-way keep.items\n"
                                             "! keep 1: keep.items 0 one-way\n"
                                             "! item 1: end\n"
                                             "> reset\n"
                                             "< closed\n"
                                             "! leave: ECONNRESET\n");
        ck_assert_int_eq(hark_request_watch(talk.kept[1], &events, &n_told), 0);
        conversation_run(&talk.conversation, ".\n");
        ck_assert_uint_eq(n_told, 1);
        server_talk_end(&talk);
}
END_TEST

FIXTURE_MAIN("request_streams", what_expects_no_answer_may_be_watched_when_its_connection_is_gone,
             items_leave_before_the_answer, as_many_are_pushed_as_the_window_takes,
             a_handler_hears_of_room_also_where_no_items_are_wanted,
             a_caller_without_a_window_takes_no_items, room_in_the_queue_is_told_as_well,
             what_waits_to_leave_of_a_cancelled_answer_never_leaves,
             what_was_pushed_leaves_although_the_request_is_gone,
             credit_for_more_than_was_pushed_breaks_the_protocol,
             credit_for_what_is_not_observed_breaks_the_protocol,
             items_wait_for_the_turn_of_their_request, items_wait_for_the_admission_of_their_peer,
             credit_is_given_for_what_the_handler_was_told,
             what_the_handler_was_told_counts_no_more, items_that_nobody_watches_for_are_dropped,
             who_watches_late_is_told_the_end, a_question_without_items_is_at_its_end,
             what_is_stopped_is_held_and_not_credited, an_end_of_items_waits_while_they_are_stopped,
             a_cancel_drops_what_is_held, an_answer_drops_what_is_held,
             an_item_for_which_there_is_no_room_ends_its_request,
             an_item_beyond_the_window_breaks_the_protocol,
             an_item_behind_the_end_breaks_the_protocol,
             an_item_of_a_question_without_breaks_the_protocol,
             an_item_at_another_priority_breaks_the_protocol,
             an_item_under_way_is_not_of_a_later_request_with_the_same_id,
             an_item_of_an_answer_to_what_was_never_asked_breaks_the_protocol)
