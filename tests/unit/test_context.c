/* SPDX-License-Identifier: MIT */

/* What a call inherits that a handler makes, as it is seen from the other end. The handlers ask the
 * very peer that asked them. */

#include "fixture.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "frame_text.h"
#include "loop_kit.h"
#include "server_talk.h"

#define SHORT_MS 20 /* of a call that nobody answers */

static void tell_end(struct server_talk *talk, int result, hark_message *message)
{
        conversation_tell(&talk->conversation, "end: %s%s%s", conversation_result(result),
                          result > 0 ? " " : "", result > 0 ? hark_reason(result, message) : "");
}

static void on_end(int result, hark_message *message, void *userdata)
{
        tell_end(userdata, result, message);
}

/* invoke.parent has one, invoke.detached is it, invoke.trace has a trace of its own. */
static struct hark_payload payload_for(hark_request *request)
{
        const char *wish = strchr(hark_request_method(request), '.') + 1;
        struct hark_payload payload = HARK_NOTHING;

        if (strcmp(wish, "parent") == 0)
                payload.parent = request;
        else if (strcmp(wish, "detached") == 0)
                payload.is_detached = true;
        else if (strcmp(wish, "trace") == 0)
                payload.trace = "mine";
        else if (strcmp(wish, "quiet") == 0)
                payload.trace = "";
        return payload;
}

static hark_client *asker_of(const hark_request *request)
{
        return hark_peer_client(hark_request_peer(request));
}

static void keep(struct server_talk *talk, hark_request *request)
{
        talk->kept[++talk->n_kept] = hark_request_ref(request);
}

static void on_invoke(hark_request *request, void *userdata)
{
        keep(userdata, request);
        ck_assert_int_eq(hark_invoke(asker_of(request), "further", payload_for(request),
                                     HARK_FOREVER, on_end, userdata, NULL),
                         0);
}

static void on_invoke_after_answer(hark_request *request, void *userdata)
{
        hark_reply(request, HARK_NOTHING);
        on_invoke(request, userdata);
}

static void on_send(hark_request *request, void *userdata)
{
        int r = hark_send(asker_of(request), "further", payload_for(request));

        if (r != 0)
                conversation_tell(&((struct server_talk *)userdata)->conversation, "not sent: %s",
                                  conversation_result(r));
        hark_reply(request, HARK_NOTHING);
}

static void on_call(hark_request *request, void *userdata)
{
        hark_message *reply = NULL;
        int r;

        keep(userdata, request);
        r = hark_call(asker_of(request), "further", payload_for(request), SHORT_MS, &reply);
        tell_end(userdata, r, reply);
        hark_message_unref(reply);
}

static void on_trace(hark_request *request, void *userdata)
{
        (void)userdata;
        hark_reply(request, hark_text(hark_request_trace(request)));
}

static void begin(struct server_talk *talk, const char *hello)
{
        static const struct {
                const char *method;
                hark_on_request *on_request;
        } methods[] = {{"invoke.*", on_invoke},
                       {"answered.*", on_invoke_after_answer},
                       {"send.*", on_send},
                       {"call.*", on_call},
                       {"trace", on_trace}};
        char script[128];

        server_talk_begin(talk, NULL, false);
        for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++)
                ck_assert_int_eq(hark_server_handle(talk->server, methods[i].method,
                                                    methods[i].on_request, talk),
                                 0);
        snprintf(script, sizeof(script), "> hello %s\n< hello priority=7\n", hello);
        conversation_run(&talk->conversation, script);
}

/* A talk in which the last calls may end by closing. */
static void talk(const char *script)
{
        struct server_talk talk;

        begin(&talk, "tester");
        conversation_run(&talk.conversation, script);
        server_talk_end(&talk);
}

/* --- what goes along -------------------------------------------------------------------------- */

START_TEST(a_call_in_a_handler_says_on_whose_behalf_it_is)
{
        talk("> request #1 invoke.plain\n"
             "< request #1 further chain=\"-tester -test_context\"\n"
             "> reply #1\n"
             "! end: 0\n");
}
END_TEST

START_TEST(a_chain_goes_on)
{
        talk("> request #1 chain=\"7 12!a 1-tester\" invoke.plain\n"
             "< request #1 further chain=\"!a -tester -test_context\"\n"
             "> reply #1\n"
             "! end: 0\n");
}
END_TEST

START_TEST(the_time_that_is_left_goes_along)
{
        talk("> request #1 us=60000000 invoke.plain\n"
             "> request #2 us=60000000 invoke.detached\n"
             "> request #3 us=60000000 send.plain\n"
             "> request #4 us=60000000 answered.plain\n"
             "< request #1 timed further chain=\"-tester -test_context\"\n"
             "< request #2 further\n"
             "< request #3 one-way timed further\n"
             "< reply #3\n"
             "< reply #4\n"
             "< request #4 further\n"
             "> reply #1\n"
             "> reply #2\n"
             "> reply #4\n"
             "! end: 0\n"
             "! end: 0\n"
             "! end: 0\n");
}
END_TEST

START_TEST(a_trace_goes_along_unless_there_is_another)
{
        talk("> request #1 trace=\"T\" trace\n"
             "> request #2 trace\n"
             "> request #3 trace=\"T\" invoke.detached\n"
             "> request #4 trace=\"T\" answered.plain\n"
             "> request #5 trace=\"T\" send.plain\n"
             "> request #6 trace=\"T\" send.trace\n"
             "> request #7 trace=\"T\" send.quiet\n"
             "< reply #1 encoding=5 \"T\"\n"
             "< reply #2 encoding=5\n"
             "< request #1 further\n"
             "< reply #4\n"
             "< request #2 further trace=\"T\"\n"
             "< request #3 one-way further trace=\"T\"\n"
             "< reply #5\n"
             "< request #4 one-way further trace=\"mine\"\n"
             "< reply #6\n"
             "< request #5 one-way further\n"
             "< reply #7\n"
             "> reply #1\n"
             "> reply #2\n"
             "! end: 0\n"
             "! end: 0\n");
}
END_TEST

START_TEST(what_is_said_of_a_request_outlives_its_fragments)
{
        talk("> request #1 more total=4 trace=\"T\" chain=\"7 12!a 1-tester\" invoke.plain \"ab\"\n"
             "> request #1 continued at=2 \"cd\"\n"
             "< request #1 further chain=\"!a -tester -test_context\" trace=\"T\"\n"
             "> reply #1\n"
             "! end: 0\n");
}
END_TEST

START_TEST(who_expects_no_answer_begins_no_chain)
{
        talk("> request #1 one-way invoke.plain\n"
             "< request #1 further\n"
             "> reply #1\n"
             "! end: 0\n");
}
END_TEST

/* --- a parent --------------------------------------------------------------------------------- */

START_TEST(a_cancel_reaches_the_children)
{
        talk("> request #1 invoke.parent\n"
             "> request #2 invoke.plain\n"
             "< request #1 further chain=\"-tester -test_context\"\n"
             "< request #2 further chain=\"-tester -test_context\"\n"
             "> cancel #1\n"
             "> cancel #2\n"
             "< cancel #1\n"
             "! end: ECANCELED\n"
             "> reply #2\n"
             "! end: 0\n");
}
END_TEST

START_TEST(a_parent_s_deadline_is_its_child_s)
{
        talk("> request #1 invoke.parent\n"
             "< request #1 further chain=\"-tester -test_context\"\n"
             "> cancel #1 status=4\n"
             "< cancel #1 status=4\n"
             "! end: ETIMEDOUT\n");
}
END_TEST

START_TEST(a_parent_that_is_answered_ends_nothing)
{
        talk("> request #1 invoke.parent\n"
             "< request #1 further chain=\"-tester -test_context\"\n"
             "= reply 1\n"
             "< reply #1\n"
             "> cancel #1\n"
             ".\n"
             "> reply #1\n"
             "! end: 0\n");
}
END_TEST

/* Asked later, on behalf of a request that was kept. */
static void invoke_later(struct server_talk *talk, unsigned number)
{
        struct hark_payload payload = {.parent = talk->kept[number]};

        ck_assert_int_eq(hark_invoke(asker_of(talk->kept[number]), "later", payload, HARK_FOREVER,
                                     on_end, talk, NULL),
                         0);
}

START_TEST(a_kept_request_is_a_parent_outside_of_its_handler)
{
        struct server_talk talk;

        begin(&talk, "tester");
        conversation_run(&talk.conversation, "> request #1 us=60000000 keep.a\n"
                                             "! keep 1: keep.a 0 timed\n");
        invoke_later(&talk, 1);
        conversation_run(&talk.conversation,
                         "< request #1 timed later chain=\"-tester -test_context\"\n"
                         "> cancel #1\n"
                         "< cancel #1\n"
                         "! end: ECANCELED\n"
                         "! cancel 1: ECANCELED\n");
        server_talk_end(&talk);
}
END_TEST

START_TEST(on_behalf_of_what_has_ended_nothing_is_sent)
{
        struct hark_payload payload = HARK_NOTHING;
        struct server_talk talk;

        begin(&talk, "tester");
        conversation_run(&talk.conversation, "> request #1 keep.a\n"
                                             "! keep 1: keep.a 0\n"
                                             "> cancel #1\n"
                                             "! cancel 1: ECANCELED\n");
        invoke_later(&talk, 1);
        payload.parent = talk.kept[1];
        ck_assert_int_eq(hark_send(asker_of(talk.kept[1]), "later", payload), -ECANCELED);
        ck_assert_int_eq(hark_call(asker_of(talk.kept[1]), "later", payload, HARK_FOREVER, NULL),
                         -ECANCELED);
        conversation_run(&talk.conversation, "! end: ECANCELED\n");
        server_talk_end(&talk);
}
END_TEST

/* The second request lies where the first one lay. */
START_TEST(a_parent_may_go_before_its_children)
{
        struct server_talk talk;

        begin(&talk, "tester");
        conversation_run(&talk.conversation, "> request #1 keep.a\n"
                                             "! keep 1: keep.a 0\n");
        invoke_later(&talk, 1);
        conversation_run(&talk.conversation, "< request #1 later chain=\"-tester -test_context\"\n"
                                             "= reply 1\n"
                                             "= let-go 1\n"
                                             "< reply #1\n"
                                             "> request #2 keep.b\n"
                                             "! keep 2: keep.b 0\n");
        invoke_later(&talk, 2);
        conversation_run(&talk.conversation, "< request #2 later chain=\"-tester -test_context\"\n"
                                             "> reply #1\n"
                                             "! end: 0\n"
                                             "> cancel #2\n"
                                             "< cancel #2\n"
                                             "! end: ECANCELED\n"
                                             "! cancel 2: ECANCELED\n");
        server_talk_end(&talk);
}
END_TEST

START_TEST(detached_children_and_odd_traces_are_refused)
{
        static char long_trace[257];
        struct hark_payload odd[3] = {{.is_detached = true}, {.trace = "a\nb"}, {.trace = NULL}};
        struct server_talk talk;

        memset(long_trace, 'x', 256);
        begin(&talk, "tester");
        conversation_run(&talk.conversation, "> request #1 keep.a\n"
                                             "! keep 1: keep.a 0\n");
        odd[0].parent = talk.kept[1];
        odd[2].trace = long_trace;
        for (size_t i = 0; i < 3; i++)
                ck_assert_int_eq(hark_send(asker_of(talk.kept[1]), "later", odd[i]), -EINVAL);
        long_trace[255] = '\0';
        ck_assert_int_eq(hark_send(asker_of(talk.kept[1]), "later", odd[2]), 0);
        server_talk_end(&talk);
}
END_TEST

/* --- a parent that ends while its child waits for room ---------------------------------------- */

struct crowd {
        struct server_talk talk;
        struct hark_io io;
};

/* In the wait: the cancel comes, and there is no room. */
static void cancel_in_wait(struct hark_io *io, uint32_t events)
{
        struct crowd *crowd = hark_container_of(io, struct crowd, io);
        struct memory_port *memory = &crowd->talk.conversation.memory;
        static uint8_t bytes[8192];

        (void)events;
        hark_io_stop(io);
        close(io->fd);
        memory_port_put(memory, bytes, frame_from_text("cancel #1", bytes, sizeof(bytes)));
        hark_conn_look(crowd->talk.peer->conn);
}

static void on_crowded(hark_request *request, void *userdata)
{
        static const uint8_t bytes[3000];
        struct crowd *crowd = userdata;
        struct hark_payload payload = {.parent = request};
        hark_client *client = asker_of(request);

        memory_port_set_room(&crowd->talk.conversation.memory, 0);
        while (hark_send(client, "much", hark_bytes(bytes, sizeof(bytes))) == 0)
                ;
        ck_assert_int_eq(hark_io_start(crowd->talk.conversation.loop, &crowd->io,
                                       eventfd(1, EFD_CLOEXEC), EPOLLIN, cancel_in_wait),
                         0);
        ck_assert_int_eq(hark_call(client, "further", payload, KIT_PATIENCE_MS, NULL), -ECANCELED);
        memory_port_set_room(&crowd->talk.conversation.memory, SIZE_MAX);
}

START_TEST(a_parent_that_ends_while_its_child_waits_for_room_ends_it)
{
        struct hark_server_params params = {.limits = {.queue_size = 4096}};
        struct crowd crowd = {.io = {.loop = NULL}};

        server_talk_begin(&crowd.talk, &params, false);
        ck_assert_int_eq(hark_server_handle(crowd.talk.server, "crowd", on_crowded, &crowd), 0);
        server_talk_greet(&crowd.talk);
        conversation_run(&crowd.talk.conversation, "> request #1 crowd\n"
                                                   "< request #1 size=3000 one-way much\n"
                                                   "< request #2 size=3000 one-way much\n");
        server_talk_end(&crowd.talk);
}
END_TEST

FIXTURE_MAIN("context", a_parent_that_ends_while_its_child_waits_for_room_ends_it,
             a_call_in_a_handler_says_on_whose_behalf_it_is, a_chain_goes_on,
             the_time_that_is_left_goes_along, a_trace_goes_along_unless_there_is_another,
             what_is_said_of_a_request_outlives_its_fragments,
             who_expects_no_answer_begins_no_chain, a_cancel_reaches_the_children,
             a_parent_s_deadline_is_its_child_s, a_parent_that_is_answered_ends_nothing,
             a_kept_request_is_a_parent_outside_of_its_handler,
             on_behalf_of_what_has_ended_nothing_is_sent, a_parent_may_go_before_its_children,
             detached_children_and_odd_traces_are_refused)
