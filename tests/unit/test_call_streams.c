/* SPDX-License-Identifier: MIT */

/* Streams as the asking side sees them: items of an answer, and of a question. */

#include "client_talk.h"
#include "fixture.h"

#include <check.h>

/* A window of 4096 bytes, of which credit is due at 2048. */
static void talk_with_small_window(const char *script)
{
        struct hark_limits limits = {.window_size = 4096};
        struct client_talk talk;

        client_talk_begin(&talk, &limits);
        conversation_run(&talk.conversation, "< hello priority=7 us\n"
                                             "> hello window=4096 server\n"
                                             "! state: HARK_CONNECTED 0\n");
        conversation_run(&talk.conversation, script);
        client_talk_end(&talk);
}

/* --- items of an answer ----------------------------------------------------------------------- */

START_TEST(items_come_before_the_end)
{
        client_talk("= observe 1 count\n"
                    "< request #1 observes count\n"
                    "> item #1 \"one\"\n"
                    "> item #1 \"two\"\n"
                    "> reply #1 \"three\"\n"
                    "! more 1: \"one\"\n"
                    "! more 1: \"two\"\n"
                    "! answer 1: 0 \"three\"\n");
}
END_TEST

START_TEST(items_keep_their_place_among_all_callbacks)
{
        client_talk("= observe 1 count\n"
                    "= observe 2 count\n"
                    "= call 3 echo\n"
                    "< request #1 observes count\n"
                    "< request #2 observes count\n"
                    "< request #3 echo\n"
                    "> item #1 \"a\"\n"
                    "> item #2 \"b\"\n"
                    "> reply #3 \"c\"\n"
                    "> item #1 \"d\"\n"
                    "> error #1 status=1000 text=\"e\"\n"
                    "> reply #2 \"f\"\n"
                    "! more 1: \"a\"\n"
                    "! more 2: \"b\"\n"
                    "! answer 3: 0 \"c\"\n"
                    "! more 1: \"d\"\n"
                    "! answer 1: 1000 e\n"
                    "! answer 2: 0 \"f\"\n");
}
END_TEST

START_TEST(an_item_in_fragments_comes_whole)
{
        client_talk("= observe 1 count priority=2\n"
                    "< request #1 priority=2 observes count\n"
                    "> item #1 more priority=2 total=8 \"0123\"\n"
                    "> item #1 continued priority=2 at=4 \"4567\"\n"
                    "! more 1: \"01234567\"\n"
                    "> reply #1 priority=2\n"
                    "! answer 1: 0 \"\"\n");
}
END_TEST

START_TEST(credit_is_given_for_what_was_told)
{
        talk_with_small_window("= observe 1 count priority=3\n"
                               "< request #1 priority=3 observes count\n"
                               "> item #1 priority=3 size=1000\n"
                               "! more 1: 1000\n"
                               "> item #1 priority=3 size=1000\n"
                               "! more 1: 1000\n"
                               "< credit #1 status=2512 priority=3\n"
                               "> item #1 priority=3 size=5000\n"
                               "! more 1: 5000\n"
                               "< credit #1 status=5256 priority=3\n"
                               "> reply #1\n"
                               "! answer 1: 0 \"\"\n");
}
END_TEST

START_TEST(what_is_stopped_is_held_and_not_credited)
{
        talk_with_small_window("= observe 1 count\n"
                               "< request #1 observes count\n"
                               "= pause 1\n"
                               "> item #1 \"a\"\n"
                               "> item #1 size=3500\n"
                               "> item #1 \"c\"\n"
                               ".\n"
                               "= resume 1\n"
                               "! more 1: \"a\"\n"
                               "! more 1: 3500\n"
                               "! more 1: \"c\"\n"
                               "< credit #1 status=4013\n"
                               "> item #1 \"d\"\n"
                               "! more 1: \"d\"\n"
                               "> reply #1\n"
                               "! answer 1: 0 \"\"\n");
}
END_TEST

START_TEST(who_stops_the_flow_in_its_callback_gives_no_credit_either)
{
        talk_with_small_window("= observe 1 count stops\n"
                               "< request #1 observes count\n"
                               "> item #1 size=3000\n"
                               "> item #1 size=3000\n"
                               "! more 1: 3000\n"
                               "= resume 1\n"
                               "! more 1: 3000\n"
                               "< credit #1 status=3256\n"
                               "= resume 1\n"
                               "< credit #1 status=3256\n"
                               "> reply #1\n"
                               "! answer 1: 0 \"\"\n");
}
END_TEST

START_TEST(credit_that_was_due_is_given_when_the_flow_goes_on)
{
        talk_with_small_window("= observe 1 count\n"
                               "< request #1 observes count\n"
                               "= pause 1\n"
                               "> item #1 size=1500\n"
                               ".\n"
                               "= resume 1\n"
                               "= pause 1\n"
                               ".\n"
                               "= resume 1\n"
                               "! more 1: 1500\n"
                               "> item #1 size=1500\n"
                               "! more 1: 1500\n"
                               "< credit #1 status=3512\n"
                               "= cancel 1\n"
                               "< cancel #1\n"
                               "! answer 1: ECANCELED\n");
}
END_TEST

START_TEST(an_answer_waits_behind_held_items)
{
        client_talk("= observe 1 count\n"
                    "= observe 2 count\n"
                    "< request #1 observes count\n"
                    "< request #2 observes count\n"
                    "= pause 1\n"
                    "= pause 2\n"
                    "> item #1 \"a\"\n"
                    "> reply #1 \"end\"\n"
                    "> reply #2 \"of nothing\"\n"
                    "! answer 2: 0 \"of nothing\"\n"
                    "= resume 1\n"
                    "! more 1: \"a\"\n"
                    "! answer 1: 0 \"end\"\n"
                    "= resume 1\n"
                    "! not done: ENOENT\n");
}
END_TEST

START_TEST(a_lost_connection_waits_behind_held_items_too)
{
        client_talk("= observe 1 count\n"
                    "< request #1 observes count\n"
                    "= pause 1\n"
                    "> item #1 \"a\"\n"
                    "> reset\n"
                    "! state: HARK_CLOSED ECONNRESET\n"
                    "< closed\n"
                    "= resume 1\n"
                    "! more 1: \"a\"\n"
                    "! answer 1: ECONNRESET\n");
}
END_TEST

START_TEST(a_cancel_drops_what_is_held)
{
        client_talk("= observe 1 count\n"
                    "< request #1 observes count\n"
                    "= pause 1\n"
                    "> item #1 \"a\"\n"
                    ".\n"
                    "= cancel 1\n"
                    "= resume 1\n"
                    "< cancel #1\n"
                    "! answer 1: ECANCELED\n"
                    "> item #1 \"b\"\n"
                    "> reply #1\n"
                    ".\n"
                    "= cancel 1\n"
                    "! not done: ENOENT\n");
}
END_TEST

START_TEST(a_cancel_reaches_an_answer_that_waits_behind_items)
{
        client_talk("= observe 1 count\n"
                    "< request #1 observes count\n"
                    "= pause 1\n"
                    "> item #1 \"a\"\n"
                    "> reply #1\n"
                    ".\n"
                    "= cancel 1\n"
                    "! answer 1: ECANCELED\n"
                    "= cancel 1\n"
                    "! not done: ENOENT\n");
}
END_TEST

START_TEST(a_deadline_does_not_wait_for_what_is_held)
{
        struct client_talk talk;

        client_talk_begin(&talk, NULL);
        conversation_run(&talk.conversation, "< hello priority=7 us\n"
                                             "> hello server\n"
                                             "! state: HARK_CONNECTED 0\n"
                                             "= observe 1 count timeout=300\n"
                                             "= pause 1\n"
                                             "< request #1 observes timed count\n"
                                             "> item #1 \"a\"\n");
        conversation_wait(&talk.conversation);
        conversation_run(&talk.conversation, "! answer 1: ETIMEDOUT\n"
                                             "< cancel #1 status=4\n");
        client_talk_end(&talk);
}
END_TEST

START_TEST(a_client_that_closes_ends_what_is_held)
{
        client_talk("= observe 1 count\n"
                    "= observe 2 count\n"
                    "= observe 3 count\n"
                    "< request #1 observes count\n"
                    "< request #2 observes count\n"
                    "< request #3 observes count\n"
                    "= pause 1\n"
                    "= pause 2\n"
                    "> item #1 \"a\"\n"
                    "> item #2 \"b\"\n"
                    "> reply #2\n"
                    ".\n"
                    "= unref\n"
                    "! answer 1: ECANCELED\n"
                    "! answer 3: ECANCELED\n"
                    "! answer 2: ECANCELED\n"
                    "< goaway\n"
                    "< closed\n");
}
END_TEST

START_TEST(a_client_that_closes_later_ends_what_is_held)
{
        client_talk("= observe 1 count\n"
                    "< request #1 observes count\n"
                    "= pause 1\n"
                    "> item #1 \"a\"\n"
                    "> reset\n"
                    "! state: HARK_CLOSED ECONNRESET\n"
                    "< closed\n"
                    "= unref\n"
                    "! answer 1: ECONNRESET\n");
}
END_TEST

START_TEST(an_item_beyond_the_window_breaks_the_protocol)
{
        talk_with_small_window("= observe 1 count\n"
                               "< request #1 observes count\n"
                               "= pause 1\n"
                               "> item #1 size=4000\n"
                               "> item #1\n"
                               "! state: HARK_CLOSED EPROTO\n"
                               "< goaway status=3 text=\"an item beyond the window\"\n"
                               "< closed\n"
                               "= resume 1\n"
                               "! more 1: 4000\n"
                               "! answer 1: ECONNRESET\n");
}
END_TEST

START_TEST(an_item_of_what_is_not_observed_breaks_the_protocol)
{
        client_talk("= call 1 count\n"
                    "< request #1 count\n"
                    "> item #77 \"of nothing\"\n"
                    "> item #1 \"a\"\n"
                    "! answer 1: ECONNRESET\n"
                    "! state: HARK_CLOSED EPROTO\n"
                    "< goaway status=3 text=\"an item of an answer that shall have none\"\n"
                    "< closed\n");
}
END_TEST

START_TEST(an_item_at_another_priority_breaks_the_protocol)
{
        client_talk("= observe 1 count\n"
                    "< request #1 observes count\n"
                    "> item #1 priority=1 \"a\"\n"
                    "! answer 1: ECONNRESET\n"
                    "! state: HARK_CLOSED EPROTO\n"
                    "< goaway status=3 text=\"an item at another priority than its call's\"\n"
                    "< closed\n");
}
END_TEST

START_TEST(only_what_is_observed_can_be_stopped)
{
        client_talk("= call 1 count\n"
                    "= call 2 count feeds\n"
                    "= pause 1\n"
                    "= pause 2\n"
                    "= pause 3\n"
                    "< request #1 count\n"
                    "< request #2 feeds count\n"
                    "! not done: EINVAL\n"
                    "! not done: EINVAL\n"
                    "! not done: ENOENT\n"
                    "> reply #1\n"
                    "> reply #2\n"
                    "! answer 1: 0 \"\"\n"
                    "! answer 2: 0 \"\"\n");
}
END_TEST

/* --- items of a question ---------------------------------------------------------------------- */

START_TEST(a_question_is_fed_as_far_as_the_window_goes)
{
        talk_with_small_window("= call 1 sum feeds priority=2\n"
                               "= feed 1 size=1000\n"
                               "= feed 1 size=5000\n"
                               "= feed 1 size=1\n"
                               "= feed 1 size=1\n"
                               "< request #1 priority=2 feeds sum\n"
                               "< item #1 priority=2 size=1000 feed\n"
                               "< item #1 priority=2 size=5000 feed\n"
                               "! not done: EAGAIN\n"
                               "! not done: EAGAIN\n"
                               "> credit #1 priority=2 status=1256 feed\n"
                               ".\n"
                               "> credit #1 priority=2 status=5256 feed\n"
                               "! room 1\n"
                               "= feed 1 size=2\n"
                               "= feed-end 1\n"
                               "< item #1 priority=2 feed \"ab\"\n"
                               "< item #1 priority=2 end feed\n"
                               "= feed 1 size=1\n"
                               "= feed-end 1\n"
                               "! not done: EALREADY\n"
                               "! not done: EALREADY\n"
                               "> credit #1 priority=2 status=258 feed\n"
                               "> reply #1 priority=2 \"5002\"\n"
                               "! answer 1: 0 \"5002\"\n"
                               "= feed 1\n"
                               "= feed-end 1\n"
                               "! not done: ENOENT\n"
                               "! not done: ENOENT\n");
}
END_TEST

START_TEST(room_is_told_only_to_who_waits_for_it)
{
        talk_with_small_window("= call 1 sum feeds\n"
                               "= feed 1 size=1000\n"
                               "< request #1 feeds sum\n"
                               "< item #1 size=1000 feed\n"
                               "> credit #1 status=1256 feed\n"
                               ".\n"
                               "> reply #1\n"
                               "! answer 1: 0 \"\"\n");
}
END_TEST

START_TEST(room_in_the_queue_is_told_as_well)
{
        struct hark_limits limits = {.queue_size = 4096};
        struct client_talk talk;

        client_talk_begin(&talk, &limits);
        conversation_run(&talk.conversation, "< hello priority=7 us\n"
                                             "> hello server\n"
                                             "! state: HARK_CONNECTED 0\n"
                                             "= call 1 sum feeds\n"
                                             "< request #1 feeds sum\n"
                                             "= room 0\n"
                                             "= feed 1 size=5000\n"
                                             "= feed 1 size=1\n"
                                             "! not done: EAGAIN\n"
                                             "= room 100000\n"
                                             "< item #1 size=5000 feed\n"
                                             "! room 1\n"
                                             "! room\n"
                                             "> reply #1\n"
                                             "! answer 1: 0 \"\"\n");
        client_talk_end(&talk);
}
END_TEST

START_TEST(nothing_is_fed_before_the_window_is_known)
{
        client_talk_connecting("= call 1 sum feeds\n"
                               "= feed 1 size=1\n"
                               "= call 2 sum feeds\n"
                               "= feed-end 2\n"
                               "< hello priority=7 us\n"
                               "< request #1 feeds sum\n"
                               "< request #2 feeds sum\n"
                               "< item #2 end feed\n"
                               "! not done: EAGAIN\n"
                               "> hello server\n"
                               "! state: HARK_CONNECTED 0\n"
                               "! room 1\n"
                               "= feed 1 size=1\n"
                               "< item #1 feed \"a\"\n"
                               "> reply #1\n"
                               "> reply #2\n"
                               "! answer 1: 0 \"\"\n"
                               "! answer 2: 0 \"\"\n");
}
END_TEST

START_TEST(only_what_was_asked_with_a_feed_is_fed)
{
        client_talk("= call 1 sum\n"
                    "= observe 2 sum\n"
                    "= feed 1 size=1\n"
                    "= feed 2 size=1\n"
                    "= feed-end 2\n"
                    "= feed 3\n"
                    "= send sum feeds\n"
                    "< request #1 sum\n"
                    "< request #2 observes sum\n"
                    "! not done: EINVAL\n"
                    "! not done: EINVAL\n"
                    "! not done: EINVAL\n"
                    "! not done: ENOENT\n"
                    "< request #3 one-way sum\n"
                    "> reply #1\n"
                    "> reply #2\n"
                    "! answer 1: 0 \"\"\n"
                    "! answer 2: 0 \"\"\n");
}
END_TEST

START_TEST(what_waits_to_leave_of_a_cancelled_feed_never_leaves)
{
        client_talk("= room 0\n"
                    "= call 1 sum feeds\n"
                    "= feed 1 size=1\n"
                    "= feed-end 1\n"
                    "= call 2 sum\n"
                    ".\n"
                    "= cancel 1\n"
                    "! answer 1: ENOTCONN\n"
                    "= room 1000\n"
                    "< request #2 sum\n"
                    "> reply #2\n"
                    "! answer 2: 0 \"\"\n");
}
END_TEST

START_TEST(an_unfit_question_is_passed_over_with_its_end)
{
        client_talk_connecting("= room 0\n"
                               "= call 1 sum feeds size=5000\n"
                               "= feed-end 1\n"
                               "> hello takes=1024 keeps=2048 server\n"
                               "! state: HARK_CONNECTED 0\n"
                               "! answer 1: EMSGSIZE\n"
                               "= room 1000\n"
                               "< hello priority=7 us\n"
                               "< item #1 end feed\n");
}
END_TEST

START_TEST(credit_for_more_than_is_under_way_breaks_the_protocol)
{
        client_talk("= call 1 sum feeds\n"
                    "= feed 1 size=1\n"
                    "< request #1 feeds sum\n"
                    "< item #1 feed \"a\"\n"
                    "> credit #77 status=1 feed\n"
                    "> credit #1 status=258 feed\n"
                    "! answer 1: ECONNRESET\n"
                    "! state: HARK_CLOSED EPROTO\n"
                    "< goaway status=3 text=\"credit for more than is under way\"\n"
                    "< closed\n");
}
END_TEST

START_TEST(credit_for_what_is_not_fed_breaks_the_protocol)
{
        client_talk("= observe 1 sum\n"
                    "< request #1 observes sum\n"
                    "> credit #1 feed\n"
                    "! answer 1: ECONNRESET\n"
                    "! state: HARK_CLOSED EPROTO\n"
                    "< goaway status=3 "
                    "text=\"credit for the items of a question that has none\"\n"
                    "< closed\n");
}
END_TEST

START_TEST(a_status_is_never_taken_for_progress)
{
        client_talk("= call 1 sum\n"
                    "< request #1 sum\n"
                    "> error #1 status=200 text=\"no item\"\n"
                    "! answer 1: 2 no item\n");
}
END_TEST

FIXTURE_MAIN("call_streams", items_come_before_the_end, items_keep_their_place_among_all_callbacks,
             an_item_in_fragments_comes_whole, credit_is_given_for_what_was_told,
             what_is_stopped_is_held_and_not_credited,
             who_stops_the_flow_in_its_callback_gives_no_credit_either,
             credit_that_was_due_is_given_when_the_flow_goes_on, an_answer_waits_behind_held_items,
             a_lost_connection_waits_behind_held_items_too, a_cancel_drops_what_is_held,
             a_cancel_reaches_an_answer_that_waits_behind_items,
             a_deadline_does_not_wait_for_what_is_held, a_client_that_closes_ends_what_is_held,
             a_client_that_closes_later_ends_what_is_held,
             an_item_beyond_the_window_breaks_the_protocol,
             an_item_of_what_is_not_observed_breaks_the_protocol,
             an_item_at_another_priority_breaks_the_protocol, only_what_is_observed_can_be_stopped,
             a_question_is_fed_as_far_as_the_window_goes, room_is_told_only_to_who_waits_for_it,
             room_in_the_queue_is_told_as_well, nothing_is_fed_before_the_window_is_known,
             only_what_was_asked_with_a_feed_is_fed,
             what_waits_to_leave_of_a_cancelled_feed_never_leaves,
             an_unfit_question_is_passed_over_with_its_end,
             credit_for_more_than_is_under_way_breaks_the_protocol,
             credit_for_what_is_not_fed_breaks_the_protocol, a_status_is_never_taken_for_progress)
