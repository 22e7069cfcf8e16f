/* SPDX-License-Identifier: MIT */

/* What a connection takes and what it refuses, by itself and for want of a role; what it queues. */

#include "fixture.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "conn_talk.h"
#include "frame_text.h"
#include "loop_kit.h"

/* A greeted talk with other limits than the default ones. */
static void talk_within(enum talk_end end, const struct hark_limits *limits, const char *script)
{
        struct hark_conn_params params = talk_params(end);
        struct talk talk;

        ck_assert_int_eq(hark_limits_complete(limits, &params.limits), 0);
        talk_begin(&talk, &params);
        talk_greet(&talk);
        conversation_run(&talk.conversation, script);
        talk_end(&talk);
}

/* --- roles that nobody has -------------------------------------------------------------------- */

START_TEST(who_answers_nothing_says_so)
{
        talk_as_client("> request #1 priority=2 a \"x\"\n"
                       "> subscribe #2 a.*\n"
                       "> publish #3 a.b\n"
                       "> cancel #1\n"
                       "> unsubscribe #2\n"
                       "< error #1 status=12 priority=2 from-library "
                       "text=\"this end of the connection answers nothing\"\n"
                       "< subscribed #2 status=12 "
                       "text=\"this end of the connection answers nothing\"\n"
                       "< error #3 status=12 from-library a.b "
                       "text=\"this end of the connection answers nothing\"\n");
}
END_TEST

START_TEST(what_expects_no_answer_is_refused_by_name)
{
        talk_as_client("> request #1 one-way valve.Open \"x\"\n"
                       "< error #1 status=12 from-library valve.Open "
                       "text=\"this end of the connection answers nothing\"\n");
}
END_TEST

START_TEST(a_name_is_known_from_the_first_fragment_on)
{
        talk_as_client("> request #1 more one-way total=300000 valve.Open size=200000\n"
                       "> request #1 continued at=200000 size=100000\n"
                       "< error #1 status=12 from-library valve.Open "
                       "text=\"this end of the connection answers nothing\"\n");
}
END_TEST

START_TEST(an_answer_to_nothing_is_a_mistake)
{
        static const char *const answers[] = {
                "> reply #1\n",          "> error #1 status=12\n",
                "> subscribed #1\n",     "> gap to=1 lost=1 first=1 reason=105 a\n",
                "> publish #1 to=1 a\n",
        };

        for (size_t i = 0; i < sizeof(answers) / sizeof(*answers); i++) {
                char script[512];

                snprintf(script, sizeof(script),
                         "%s"
                         "< goaway status=3 text=\"an answer to what was never asked\"\n"
                         "< closed\n"
                         "! closed EPROTO\n",
                         answers[i]);
                talk_as_server(script);
        }
}
END_TEST

/* --- what the other side may make us keep ----------------------------------------------------- */

static const struct hark_limits small = {.message_size = 2000, .received_size = 5000};

START_TEST(a_message_that_is_too_large_is_refused_and_passed_over)
{
        talk_within(TALK_ACCEPTING, &small,
                    "> request #1 a size=2001\n"
                    "> request #2 a size=2000\n"
                    "> publish #3 b size=5000\n"
                    "> request #4 one-way c size=3000\n"
                    "< error #1 status=8 from-library "
                    "text=\"larger than the limit for a message\"\n"
                    "< error #3 status=8 from-library b "
                    "text=\"larger than the limit for a message\"\n"
                    "< error #4 status=8 from-library c "
                    "text=\"larger than the limit for a message\"\n"
                    "! request #2 a\n");
}
END_TEST

START_TEST(it_is_refused_as_soon_as_it_begins)
{
        talk_within(TALK_ACCEPTING, &small,
                    "> request #1 more total=1000000 a size=500\n"
                    "< error #1 status=8 from-library "
                    "text=\"larger than the limit for a message\"\n"
                    "> request #1 more continued at=500 size=300000\n"
                    "> ping #9\n"
                    "< goaway status=3 "
                    "text=\"a frame between the fragments of a message of its priority\"\n"
                    "< closed\n"
                    "! closed EPROTO\n");
        talk_within(TALK_ACCEPTING, &small,
                    "> request #1 more total=1000000 a size=500\n"
                    "< error #1 status=8 from-library "
                    "text=\"larger than the limit for a message\"\n"
                    "> request #1 more continued at=500 size=300000\n"
                    "> cancel #1\n"
                    "> request #2 a\n"
                    "! cancel #1 \n"
                    "! request #2 a\n");
}
END_TEST

START_TEST(an_answer_that_is_too_large_is_a_mistake)
{
        talk_within(TALK_CONNECTING, &small,
                    "> reply #1 size=2001\n"
                    "< goaway status=3 text=\"an answer larger than the limit that hello told\"\n"
                    "< closed\n"
                    "! closed EPROTO\n");
}
END_TEST

START_TEST(too_much_received_is_refused_until_some_is_released)
{
        talk_within(TALK_ACCEPTING, &small,
                    "> request #1 a size=2000\n"
                    "> request #2 a size=2000\n"
                    "> request #3 a size=2000\n"
                    "> publish #4 b size=2000\n"
                    "! request #1 a\n"
                    "! request #2 a\n"
                    "< error #3 status=8 from-library "
                    "text=\"too much is received and not handled yet\"\n"
                    "< error #4 status=8 from-library b "
                    "text=\"too much is received and not handled yet\"\n"
                    "= release\n"
                    "> request #5 a size=2000\n"
                    "! request #5 a\n");
}
END_TEST

START_TEST(an_answer_is_taken_however_much_is_received)
{
        talk_within(TALK_CONNECTING, &small,
                    "> reply #1 size=2000\n"
                    "> reply #2 size=2000\n"
                    "> reply #3 size=2000\n"
                    "> publish #4 to=1 a size=2000\n"
                    "! reply #1 \n"
                    "! reply #2 \n"
                    "! reply #3 \n"
                    "! publish #4 a\n");
}
END_TEST

START_TEST(what_is_cancelled_under_way_counts_no_more)
{
        talk_within(TALK_ACCEPTING, &small,
                    "> request #1 more total=2000 a size=500\n"
                    "> request #2 more priority=1 total=2000 a size=500\n"
                    "> request #3 priority=2 a size=2000\n"
                    "< error #3 status=8 priority=2 from-library "
                    "text=\"too much is received and not handled yet\"\n"
                    "> cancel #1\n"
                    "> request #4 priority=2 a size=2000\n"
                    "> request #5 a size=10\n"
                    "! cancel #1 \n"
                    "! request #4 a\n"
                    "! request #5 a\n");
}
END_TEST

START_TEST(more_fds_than_were_allowed_are_a_mistake)
{
        talk_as_server("> request #1 fds=17 a\n"
                       "< goaway status=3 "
                       "text=\"more file descriptors than one message may have\"\n"
                       "< closed\n"
                       "! closed EPROTO\n");
}
END_TEST

/* --- what is queued --------------------------------------------------------------------------- */

START_TEST(a_full_queue_says_so_and_tells_when_there_is_room)
{
        struct hark_limits limits = {.queue_size = 4096};

        talk_within(TALK_ACCEPTING, &limits,
                    "= room 0\n"
                    "= send reply #1 size=3000\n"
                    "= send reply #2 size=30000\n"
                    "= send reply #3\n"
                    "= control reply #4\n"
                    "! not sent: EAGAIN\n"
                    "= room 3032\n"
                    "< reply #1 size=3000\n"
                    "= room 100000\n"
                    "! room\n"
                    "< reply #2 size=30000\n"
                    "< reply #4\n");
}
END_TEST

START_TEST(who_asks_and_does_not_read_is_closed)
{
        struct hark_conn_params params = talk_params(TALK_CONNECTING);
        uint8_t question[8192];
        struct talk talk;
        size_t size = frame_from_text("publish #1 a.topic", question, sizeof(question));

        params.limits.queue_size = 4096;
        talk_begin(&talk, &params);
        conversation_run(&talk.conversation, "< hello priority=7 us\n"
                                             "> hello takes=1073741824 keeps=1073741824 server\n"
                                             "! open\n"
                                             "= room 0\n");
        for (unsigned i = 0; i < 100000 && talk.conn; i++) {
                ck_assert_uint_lt(talk.conn->writer.queued_size, 2 << 20);
                memory_port_put(&talk.conversation.memory, question, size);
                kit_process_what_shows(talk.conversation.loop);
        }
        conversation_run(&talk.conversation, "! closed EDQUOT\n"
                                             "< closed\n");
        talk_end(&talk);
}
END_TEST

/* --- before the other side's hello, and what that says ---------------------------------------- */

START_TEST(little_is_sent_before_the_hello)
{
        struct hark_conn_params params = talk_params(TALK_CONNECTING);
        char script[100 * 64] = "";
        struct talk talk;

        talk_begin(&talk, &params);
        for (int i = 1; i <= 66; i++)
                sprintf(script + strlen(script), "= send request #%d a\n", i);
        strcat(script, "< hello priority=7 us\n");
        for (int i = 1; i <= 64; i++)
                sprintf(script + strlen(script), "< request #%d a\n", i);
        conversation_run(&talk.conversation, script);
        conversation_run(&talk.conversation, "> hello server\n"
                                             "! open\n"
                                             "< request #65 a\n"
                                             "< request #66 a\n");
        talk_end(&talk);
}
END_TEST

START_TEST(what_waits_for_the_hello_does_not_wait_for_the_port)
{
        struct hark_conn_params params = talk_params(TALK_CONNECTING);
        struct memory_port *memory;
        struct talk talk;

        talk_begin(&talk, &params);
        memory = &talk.conversation.memory;
        memory->is_discarding = true;
        memory->room = 100000;
        conversation_run(&talk.conversation, "= send request #1 a size=1000000\n"
                                             "= send request #2 b size=1000000\n");
        ck_assert_uint_eq(memory->wanted, HARK_PORT_READABLE | HARK_PORT_WRITABLE);
        memory_port_set_room(memory, SIZE_MAX);
        kit_process_what_shows(talk.conversation.loop);
        ck_assert_uint_ge(memory->n_discarded, 1000000);
        ck_assert_uint_le(memory->n_discarded, 1 << 20);
        ck_assert_uint_eq(memory->wanted, HARK_PORT_READABLE);
        talk_end(&talk);
}
END_TEST

START_TEST(the_port_knows_of_a_bulky_message_as_long_as_that_leaves)
{
        struct hark_conn_params params = talk_params(TALK_CONNECTING);
        struct memory_port *memory;
        struct talk talk;

        talk_begin(&talk, &params);
        talk_greet(&talk);
        memory = &talk.conversation.memory;
        memory->is_discarding = true;
        conversation_run(&talk.conversation, "= send request #1 a size=262144\n");
        ck_assert_uint_eq(memory->n_bulky, 0);
        memory->room = 100000;
        conversation_run(&talk.conversation, "= send request #2 a size=1000000\n"
                                             "= send request #3 a size=1000\n");
        ck_assert(memory->is_bulky);
        memory_port_set_room(memory, 800000);
        kit_process_what_shows(talk.conversation.loop);
        ck_assert(memory->is_bulky);
        memory_port_set_room(memory, 120000);
        kit_process_what_shows(talk.conversation.loop);
        ck_assert(!memory->is_bulky);
        ck_assert_uint_eq(memory->n_bulky, 1);
        memory_port_set_room(memory, SIZE_MAX);
        conversation_run(&talk.conversation, "= send request #4 a size=1000000\n");
        ck_assert(!memory->is_bulky);
        ck_assert_uint_eq(memory->n_bulky, 2);
        talk_end(&talk);
}
END_TEST

START_TEST(what_the_other_side_does_not_take_is_told)
{
        talk_connecting("= send request #1 a size=5000\n"
                        "= send request #2 priority=1 a fds=3\n"
                        "= send request #3 a size=900\n"
                        "< hello priority=7 us\n"
                        "> hello takes=1024 passes=2 server\n"
                        "! unfit #1 EMSGSIZE\n"
                        "! unfit #2 EDQUOT\n"
                        "! open\n"
                        "< request #3 size=900 a\n");
        talk_connecting("= send request #1 a fds=1\n"
                        "= send request #2 a size=5000\n"
                        "< hello priority=7 us\n"
                        "> hello takes=1024 passes=2 server\n"
                        "! unfit #2 EMSGSIZE\n"
                        "! open\n"
                        "< request #1 fds=1 a\n"
                        "= send request #3 a size=1025\n"
                        "= send request #4 a fds=3\n"
                        "! not sent: EMSGSIZE\n"
                        "! not sent: EDQUOT\n");
}
END_TEST

START_TEST(a_port_may_pass_more_than_its_transport_promises)
{
        struct hark_conn_params params = talk_params(TALK_CONNECTING);
        struct talk talk;

        talk_begin(&talk, &params);
        talk_greet(&talk);
        talk.conn->port->capabilities &= ~(uint32_t)HARK_CAN_PASS_FDS;
        conversation_run(&talk.conversation, "= send request #1 a fds=1\n"
                                             "! not sent: EOPNOTSUPP\n");
        talk_end(&talk);
}
END_TEST

/* --- limits ----------------------------------------------------------------------------------- */

START_TEST(zeros_are_the_default_limits)
{
        struct hark_limits zeros = {.message_size = 0}, limits;

        ck_assert_int_eq(hark_limits_complete(&zeros, &limits), 0);
        ck_assert_uint_eq(limits.message_size, 16 << 20);
        ck_assert_uint_ge(limits.received_size, 32 << 20);
        ck_assert_uint_eq(limits.queue_size, 16 << 20);
        ck_assert_uint_eq(limits.window_size, 1 << 20);
        ck_assert_uint_eq(limits.calls_in_flight, 1024);
        ck_assert_uint_eq(limits.subscriptions, 4096);
        ck_assert_uint_eq(limits.fds_per_message, 16);
        ck_assert_uint_eq(limits.hello_ms, 10000);
}
END_TEST

START_TEST(limits_have_limits)
{
        static const struct hark_limits wrong[] = {
                {.message_size = 1023},
                {.message_size = ((size_t)1 << 30) + 1},
                {.message_size = 4096, .received_size = 4095},
                {.queue_size = 4095},
                {.queue_size = SIZE_MAX},
                {.window_size = 4095},
                {.window_size = (1 << 30) + 1},
                {.fds_per_message = 65},
                {.hello_ms = UINT32_MAX},
                {.reserved = {0, 0, 0, 1}},
        };
        struct hark_limits limits;

        for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
                ck_assert_int_eq(hark_limits_complete(&wrong[i], &limits), -EINVAL);
}
END_TEST

START_TEST(what_is_received_has_room_for_two_messages)
{
        struct hark_limits given = {.message_size = 1 << 30}, limits;

        ck_assert_int_eq(hark_limits_complete(&given, &limits), 0);
        ck_assert_uint_ge(limits.received_size, (size_t)2 << 30);
}
END_TEST

FIXTURE_MAIN("conn_limits", who_answers_nothing_says_so, what_expects_no_answer_is_refused_by_name,
             a_name_is_known_from_the_first_fragment_on, an_answer_to_nothing_is_a_mistake,
             a_message_that_is_too_large_is_refused_and_passed_over,
             it_is_refused_as_soon_as_it_begins, an_answer_that_is_too_large_is_a_mistake,
             too_much_received_is_refused_until_some_is_released,
             an_answer_is_taken_however_much_is_received,
             what_is_cancelled_under_way_counts_no_more, more_fds_than_were_allowed_are_a_mistake,
             a_full_queue_says_so_and_tells_when_there_is_room,
             who_asks_and_does_not_read_is_closed, little_is_sent_before_the_hello,
             what_waits_for_the_hello_does_not_wait_for_the_port,
             the_port_knows_of_a_bulky_message_as_long_as_that_leaves,
             what_the_other_side_does_not_take_is_told,
             a_port_may_pass_more_than_its_transport_promises, zeros_are_the_default_limits,
             limits_have_limits, what_is_received_has_room_for_two_messages)
