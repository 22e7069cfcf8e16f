/* SPDX-License-Identifier: MIT */

/*
 * Calls that would wait for each other. Methods `call.*` ask the peer that asked them, and wait for
 * it; what the peer says `meanwhile` comes when the wait has begun, what it says `later` when the
 * loop looks for the first time after that.
 */

#include "fixture.h"

#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/instance.h"
#include "endpoint/client.h"
#include "frame_text.h"
#include "server_talk.h"

#define SHORT_MS 30 /* of a call that nobody answers */

#define CIRCLE "the call would wait for itself: "

/* A server with a second connection, from the same peer. */
struct circle {
        struct server_talk talk;
        struct memory_port memory;
        bool has_second;
        const char *meanwhile, *later; /* frames; NULL: none */
        struct hark_io io;             /* says what is said later */
};

static void tell_end(struct circle *circle, int result, hark_message *message)
{
        conversation_tell(&circle->talk.conversation, "end: %s%s%s", conversation_result(result),
                          result > 0 ? " " : "", result > 0 ? hark_reason(result, message) : "");
}

static void on_end(int result, hark_message *message, void *userdata)
{
        tell_end(userdata, result, message);
}

static void say(struct memory_port *memory, const char *line)
{
        static uint8_t bytes[8192];
        size_t size = frame_from_text(line, bytes, sizeof(bytes));

        ck_assert_uint_gt(size, 0);
        memory_port_put(memory, bytes, size);
}

/* It has come before the loop looks for the first time. */
static void say_later(struct hark_io *io, uint32_t events)
{
        struct circle *circle = hark_container_of(io, struct circle, io);

        (void)events;
        hark_io_stop(io);
        close(io->fd);
        say(&circle->talk.conversation.memory, circle->later);
        hark_conn_look(circle->talk.peer->conn);
}

static void prepare_wait(struct circle *circle)
{
        struct memory_port *first = &circle->talk.conversation.memory;

        if (circle->meanwhile)
                say(circle->has_second ? &circle->memory : first, circle->meanwhile);
        if (circle->later)
                ck_assert_int_eq(hark_io_start(circle->talk.conversation.loop, &circle->io,
                                               eventfd(1, EFD_CLOEXEC), EPOLLIN, say_later),
                                 0);
}

/* `detached` is a wish, all else what is asked for. */
static void on_call(hark_request *request, void *userdata)
{
        struct circle *circle = userdata;
        const char *wish = strchr(hark_request_method(request), '.') + 1;
        struct hark_payload payload = {.is_detached = strcmp(wish, "detached") == 0};
        hark_message *reply = NULL;
        int r;

        prepare_wait(circle);
        r = hark_call(hark_peer_client(hark_request_peer(request)), wish, payload, SHORT_MS,
                      &reply);
        tell_end(circle, r, reply);
        hark_message_unref(reply);
        hark_reply(request, HARK_NOTHING);
}

static void on_invoke(hark_request *request, void *userdata)
{
        ck_assert_int_eq(hark_invoke(hark_peer_client(hark_request_peer(request)), "further",
                                     HARK_NOTHING, HARK_FOREVER, on_end, userdata, NULL),
                         0);
        hark_reply(request, HARK_NOTHING);
}

static void begin(struct circle *circle, const char *meanwhile, const char *later,
                  const char *hello)
{
        struct server_talk *talk = &circle->talk;
        char script[256];

        *circle = (struct circle){.meanwhile = meanwhile, .later = later};
        server_talk_begin(talk, NULL, false);
        ck_assert_int_eq(hark_server_handle(talk->server, "call.*", on_call, circle), 0);
        ck_assert_int_eq(hark_server_handle(talk->server, "invoke", on_invoke, circle), 0);
        snprintf(script, sizeof(script), "> %s\n< hello priority=7\n", hello);
        conversation_run(&talk->conversation, script);
}

static void circle_talk(const char *meanwhile, const char *later, const char *script)
{
        struct circle circle;

        begin(&circle, meanwhile, later, "hello tester");
        conversation_run(&circle.talk.conversation, script);
        server_talk_end(&circle.talk);
}

/* --- the caller ------------------------------------------------------------------------------- */

START_TEST(who_waits_for_us_is_not_asked)
{
        circle_talk(NULL, NULL,
                    "> request #1 waits invoke\n"
                    "> request #2 waits call.further\n"
                    "< reply #1\n"
                    "< reply #2\n"
                    "! end: 102 " CIRCLE "tester -> test_circle -> tester\n"
                    "! end: 102 " CIRCLE "tester -> test_circle -> tester\n");
}
END_TEST

START_TEST(who_waits_further_back_is_not_asked_either)
{
        circle_talk(NULL, NULL,
                    "> request #1 chain=\"7 1!first 12-second\" invoke\n"
                    "< reply #1\n"
                    "! end: 102 " CIRCLE "first -> second -> test_circle -> first\n");
}
END_TEST

START_TEST(who_does_not_wait_is_asked)
{
        circle_talk(NULL, NULL,
                    "> request #1 chain=\"7 1-first 12!second\" invoke\n"
                    "< request #1 further chain=\"-first !second -test_circle\"\n"
                    "< reply #1\n"
                    "> reply #1\n"
                    "! end: 0\n");
}
END_TEST

static void build_chain(char *line, size_t size, unsigned n_hops)
{
        size_t used = (size_t)snprintf(line, size, "request #1 chain=\"7");

        for (unsigned i = 0; i < n_hops; i++)
                used += (size_t)snprintf(line + used, size - used, " %u!h", 100 + i);
        snprintf(line + used, size - used, "\" invoke");
}

START_TEST(a_chain_is_not_longer_than_sixteen)
{
        char line[512], script[1024];

        build_chain(line, sizeof(line), 16);
        snprintf(script, sizeof(script),
                 "> %s\n"
                 "< reply #1\n"
                 "! end: 8 more than 16 calls deep\n",
                 line);
        circle_talk(NULL, NULL, script);
}
END_TEST

START_TEST(a_chain_that_came_longer_is_refused)
{
        static uint8_t hops[HARK_CHAIN_HEAD + 17 * HARK_CHAIN_HOP_HEAD];
        uint8_t extensions[256], bytes[512] = {0};
        struct hark_extension_writer writer;
        struct hark_header header = {
                .type = HARK_FRAME_REQUEST, .flags = HARK_FLAG_EXTENSIONS, .id = 1, .name_size = 6};
        struct circle circle;
        size_t size;

        hark_extensions_start(&writer, extensions);
        hark_extensions_put(&writer, HARK_EXTENSION_CHAIN, hops, sizeof(hops));
        size = hark_extensions_finish(&writer);
        header.size = (uint32_t)(8 + size);
        hark_header_encode(&header, bytes);
        memcpy(bytes + HARK_HEADER_SIZE, "invoke", 6);
        memcpy(bytes + HARK_HEADER_SIZE + 8, extensions, size);
        begin(&circle, NULL, NULL, "hello tester");
        memory_port_put(&circle.talk.conversation.memory, bytes, HARK_HEADER_SIZE + 8 + size);
        conversation_run(&circle.talk.conversation,
                         "< error #1 status=8 from-library text=\"more than 16 calls deep\"\n");
        server_talk_end(&circle.talk);
}
END_TEST

/* --- the one who is asked --------------------------------------------------------------------- */

/* The wait is in a chain of number 7. */
static void ask_while_waiting(unsigned number, char waits, const char *expected)
{
        char line[256], script[1024];

        snprintf(line, sizeof(line), "request #2 chain=\"%u %llu%ctest_circle 99-x\" echo", number,
                 (unsigned long long)hark_instance_to_tell(), waits);
        snprintf(script, sizeof(script),
                 "> request #1 chain=\"7 1-tester\" call.x\n"
                 "< request #1 waits timed x chain=\"-tester !test_circle\"\n"
                 "%s",
                 expected);
        circle_talk(line, NULL, script);
}

START_TEST(a_request_of_the_chain_that_is_waited_for_is_refused)
{
        ask_while_waiting(7, '!',
                          "< error #2 status=102 from-library text=\"" CIRCLE
                          "test_circle -> x -> test_circle\"\n"
                          "< cancel #1 status=4\n"
                          "< reply #1\n"
                          "! end: ETIMEDOUT\n");
}
END_TEST

START_TEST(a_request_of_another_chain_waits_for_its_turn)
{
        ask_while_waiting(8, '!',
                          "< cancel #1 status=4\n"
                          "< reply #1\n"
                          "< reply #2\n"
                          "! end: ETIMEDOUT\n");
}
END_TEST

START_TEST(a_request_behind_one_who_did_not_wait_does_too)
{
        ask_while_waiting(7, '-',
                          "< cancel #1 status=4\n"
                          "< reply #1\n"
                          "< reply #2\n"
                          "! end: ETIMEDOUT\n");
}
END_TEST

/* --- both ------------------------------------------------------------------------------------- */

START_TEST(the_end_that_accepted_gives_way)
{
        circle_talk("request #2 waits echo", "request #3 echo",
                    "> request #1 call.x\n"
                    "< request #1 waits timed x chain=\"-tester !test_circle\"\n"
                    "< error #2 status=102 from-library text=\"" CIRCLE
                    "tester -> test_circle -> tester\"\n"
                    "< cancel #1 status=4\n"
                    "< reply #1\n"
                    "< reply #3\n"
                    "! end: ETIMEDOUT\n");
}
END_TEST

START_TEST(also_to_what_has_come_before)
{
        circle_talk(NULL, NULL,
                    "> request #1 call.x\n"
                    "> request #2 waits echo\n"
                    "> request #3 echo\n"
                    "< request #1 waits timed x chain=\"-tester !test_circle\"\n"
                    "< error #2 status=102 from-library text=\"" CIRCLE
                    "tester -> test_circle -> tester\"\n"
                    "< cancel #1 status=4\n"
                    "< reply #1\n"
                    "< reply #3\n"
                    "! end: ETIMEDOUT\n");
}
END_TEST

/* Not even as many as may wait for their turn before the connection is not read any more. */
START_TEST(who_was_refused_does_not_wait_any_more)
{
        static char script[64 * 256];
        size_t size = (size_t)snprintf(script, sizeof(script), "> request #1 call.x\n");

        for (unsigned i = 0; i < 64; i++)
                size += (size_t)snprintf(script + size, sizeof(script) - size,
                                         "> request #%u waits echo\n", i + 2);
        size += (size_t)snprintf(script + size, sizeof(script) - size,
                                 "< request #1 waits timed x chain=\"-tester !test_circle\"\n");
        for (unsigned i = 0; i < 64; i++)
                size += (size_t)snprintf(script + size, sizeof(script) - size,
                                         "< error #%u status=102 from-library text=\"" CIRCLE
                                         "tester -> test_circle -> tester\"\n",
                                         i + 2);
        snprintf(script + size, sizeof(script) - size,
                 "< cancel #1 status=4\n"
                 "< reply #1\n"
                 "! end: ETIMEDOUT\n"
                 "> request #100 echo\n"
                 "< reply #100\n");
        circle_talk(NULL, NULL, script);
}
END_TEST

START_TEST(where_a_handler_has_it_our_own_call_ends)
{
        circle_talk(NULL, NULL,
                    "> request #1 waits keep.a\n"
                    "> request #2 call.x\n"
                    "! keep 1: keep.a 0\n"
                    "! end: 102 " CIRCLE "tester -> test_circle -> tester\n"
                    "< request #1 waits timed x chain=\"-tester !test_circle\"\n"
                    "< cancel #1\n"
                    "< reply #2\n"
                    "= reply 1\n"
                    "< reply #1\n");
}
END_TEST

START_TEST(a_detached_call_to_who_waits_for_us_ends_as_well)
{
        circle_talk(NULL, NULL,
                    "> request #1 waits call.detached\n"
                    "! end: 102 " CIRCLE "tester -> test_circle -> tester\n"
                    "< request #1 waits timed detached\n"
                    "< cancel #1\n"
                    "< reply #1\n");
}
END_TEST

/* The answer was on its way when the request was sent, but came by another read. */
START_TEST(nobody_gives_way_to_one_who_has_answered)
{
        circle_talk("request #2 waits echo", "reply #1",
                    "> request #1 call.x\n"
                    "< request #1 waits timed x chain=\"-tester !test_circle\"\n"
                    "< reply #1\n"
                    "< reply #2\n"
                    "! end: 0\n");
}
END_TEST

START_TEST(who_expects_no_answer_waits_for_nobody)
{
        circle_talk("request #2 one-way waits echo", "request #3 echo",
                    "> request #1 call.x\n"
                    "< request #1 waits timed x chain=\"-tester !test_circle\"\n"
                    "< cancel #1 status=4\n"
                    "< reply #1\n"
                    "< reply #3\n"
                    "! end: ETIMEDOUT\n");
}
END_TEST

/* --- over two connections --------------------------------------------------------------------- */

static void open_second(struct circle *circle, const char *hello)
{
        struct hark_conn_params params = {.is_accepting = true, .open_ms = HARK_FOREVER};
        struct hark_limits zeros = {.message_size = 0};
        struct conversation *conversation = &circle->talk.conversation;
        struct hark_conn *conn;
        hark_peer *peer;

        circle->has_second = true;
        memory_port_init(&circle->memory, conversation->loop);
        ck_assert_int_eq(hark_limits_complete(&zeros, &params.limits), 0);
        ck_assert_int_eq(hark_conn_new(conversation->loop, circle->memory.port, &params, &conn), 0);
        ck_assert_int_eq(hark_peer_new(circle->talk.server, NULL, conn, "memory:", &peer), 0);
        hark_conn_unref(conn);
        say(&circle->memory, hello);
        conversation_run(conversation, ".\n");
        memory_port_take(&circle->memory, circle->memory.outgoing.size);
}

/* Each end waits for the other, over a connection of its own. Returns what this end says to
 * that. */
static const char *wait_over_two(const char *hello)
{
        static char line[FRAME_LINE_SIZE];
        struct circle circle;

        begin(&circle, "request #7 waits echo", NULL, hello);
        open_second(&circle, hello);
        conversation_run(&circle.talk.conversation,
                         "> request #1 call.x\n"
                         "< request #1 waits timed x chain=\"-tester !test_circle\"\n"
                         "< cancel #1 status=4\n"
                         "< reply #1\n"
                         "! end: ETIMEDOUT\n");
        frame_to_text(circle.memory.outgoing.bytes, line);
        circle.talk.server = hark_server_unref(circle.talk.server);
        memory_port_done(&circle.memory);
        server_talk_end(&circle.talk);
        return line;
}

START_TEST(over_two_connections_the_smaller_instance_gives_way)
{
        ck_assert_str_eq(wait_over_two("hello instance=18446744073709551615 tester"),
                         "error #7 status=102 from-library text=\"" CIRCLE
                         "tester -> test_circle -> tester\"");
}
END_TEST

START_TEST(and_the_larger_does_not)
{
        ck_assert_str_eq(wait_over_two("hello instance=1 tester"), "reply #7");
}
END_TEST

/* --- before the hello ------------------------------------------------------------------------- */

/* Whom this end has connected to, and asks; it says something while that call waits. */
struct stranger {
        struct circle circle;
        struct hark_conn *conn;
        hark_client *client;
        struct hark_io io;
        const char *line; /* what it says then */
};

static void say_line(struct hark_io *io, uint32_t events)
{
        struct stranger *stranger = hark_container_of(io, struct stranger, io);

        (void)events;
        hark_io_stop(io);
        close(io->fd);
        say(&stranger->circle.memory, stranger->line);
        hark_conn_look(stranger->conn);
}

static void on_call_out(hark_request *request, void *userdata)
{
        struct stranger *stranger = userdata;
        hark_message *reply = NULL;
        int r;

        ck_assert_int_eq(hark_io_start(stranger->circle.talk.conversation.loop, &stranger->io,
                                       eventfd(1, EFD_CLOEXEC), EPOLLIN, say_line),
                         0);
        r = hark_call(stranger->client, "x", HARK_NOTHING, SHORT_MS, &reply);
        tell_end(&stranger->circle, r, reply);
        hark_message_unref(reply);
        hark_reply(request, HARK_NOTHING);
}

static void connect_to_stranger(struct stranger *stranger)
{
        struct hark_conn_params params = {.name = "us", .open_ms = HARK_FOREVER};
        struct hark_limits zeros = {.message_size = 0};
        hark_loop *loop = stranger->circle.talk.conversation.loop;

        stranger->io = (struct hark_io){.loop = NULL};
        memory_port_init(&stranger->circle.memory, loop);
        ck_assert_int_eq(hark_limits_complete(&zeros, &params.limits), 0);
        ck_assert_int_eq(
                hark_conn_new(loop, stranger->circle.memory.port, &params, &stranger->conn), 0);
        ck_assert_int_eq(hark_client_new_for_peer(loop, stranger->conn, NULL, &stranger->client),
                         0);
}

START_TEST(who_is_told_late_who_it_waits_for_gives_way_then)
{
        struct stranger stranger = {.line = "hello instance=18446744073709551615 tester"};

        begin(&stranger.circle, NULL, NULL, "hello instance=18446744073709551615 tester");
        ck_assert_int_eq(
                hark_server_handle(stranger.circle.talk.server, "out", on_call_out, &stranger), 0);
        connect_to_stranger(&stranger);
        conversation_run(&stranger.circle.talk.conversation,
                         "> request #1 out\n"
                         "> request #2 waits echo\n"
                         "< error #2 status=102 from-library text=\"" CIRCLE
                         "tester -> test_circle -> tester\"\n"
                         "< reply #1\n"
                         "! end: ETIMEDOUT\n");
        hark_client_unref(stranger.client);
        hark_conn_unref(stranger.conn);
        memory_port_done(&stranger.circle.memory);
        server_talk_end(&stranger.circle.talk);
}
END_TEST

/* All that has left to the stranger, in lines. */
static void read_all(struct stranger *stranger, char *text, size_t room)
{
        const struct memory_bytes *outgoing = &stranger->circle.memory.outgoing;
        size_t size = 0, used = 0;

        while (size < outgoing->size) {
                const uint8_t *bytes = outgoing->bytes + size;
                char line[FRAME_LINE_SIZE];

                used += (size_t)snprintf(text + used, room - used, "%s\n",
                                         frame_to_text(bytes, line));
                size += HARK_HEADER_SIZE + hark_align8(hark_load32(bytes + 4));
        }
}

START_TEST(the_end_that_connected_does_not)
{
        struct stranger stranger = {.line = "request #2 waits echo"};
        struct conversation *conversation = &stranger.circle.talk.conversation;
        char text[1024];
        hark_peer *peer;

        begin(&stranger.circle, NULL, NULL, "hello tester");
        ck_assert_int_eq(
                hark_server_handle(stranger.circle.talk.server, "out", on_call_out, &stranger), 0);
        connect_to_stranger(&stranger);
        ck_assert_int_eq(
                hark_peer_new(stranger.circle.talk.server, NULL, stranger.conn, "memory:", &peer),
                0);
        say(&stranger.circle.memory, "hello instance=5 stranger");
        conversation_run(conversation, "> request #1 out\n"
                                       "< reply #1\n"
                                       "! end: ETIMEDOUT\n");
        read_all(&stranger, text, sizeof(text));
        ck_assert_str_eq(text, "hello priority=7 us\n"
                               "request #1 waits timed x chain=\"-tester !us\"\n"
                               "cancel #1 status=4\n"
                               "reply #2\n");
        hark_client_unref(stranger.client);
        hark_conn_unref(stranger.conn);
        memory_port_done(&stranger.circle.memory);
        conversation_run(conversation, "! leave: ECANCELED\n");
        server_talk_end(&stranger.circle.talk);
}
END_TEST

FIXTURE_MAIN("circle", the_end_that_connected_does_not,
             who_is_told_late_who_it_waits_for_gives_way_then, who_waits_for_us_is_not_asked,
             who_waits_further_back_is_not_asked_either, who_does_not_wait_is_asked,
             a_chain_is_not_longer_than_sixteen, a_chain_that_came_longer_is_refused,
             a_request_of_the_chain_that_is_waited_for_is_refused,
             a_request_of_another_chain_waits_for_its_turn,
             a_request_behind_one_who_did_not_wait_does_too, the_end_that_accepted_gives_way,
             also_to_what_has_come_before, who_was_refused_does_not_wait_any_more,
             where_a_handler_has_it_our_own_call_ends,
             a_detached_call_to_who_waits_for_us_ends_as_well,
             nobody_gives_way_to_one_who_has_answered, who_expects_no_answer_waits_for_nobody,
             over_two_connections_the_smaller_instance_gives_way, and_the_larger_does_not)
