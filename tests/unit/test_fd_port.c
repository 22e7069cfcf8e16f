/* SPDX-License-Identifier: MIT */

#include "fixture.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "port_kit.h"

static const char *address(void)
{
        static char text[64];

        (void)snprintf(text, sizeof(text), "unix:@%s", fixture_name("stream"));
        return text;
}

START_TEST(opened_is_told_once_and_by_the_loop)
{
        hark_loop *loop = kit_new_loop();
        struct kit_port client = {0}, server = {0};

        kit_pair(loop, address(), &client, &server);
        kit_talk(loop, &client, &server);
        ck_assert_uint_eq(client.n_opened, 1);
        ck_assert_uint_eq(server.n_opened, 1);
        ck_assert(client.port->is_open);
        ck_assert_int_eq(kit_receive(&client, &(char){0}, 1, NULL), -EAGAIN);
        kit_close(&client);
        kit_close(&server);
        hark_loop_unref(loop);
}
END_TEST

START_TEST(several_frames_of_several_pieces_leave_in_one_send)
{
        hark_loop *loop = kit_new_loop();
        struct kit_port client = {0}, server = {0};
        struct hark_out_frame frames[HARK_SEND_FRAMES];
        char expected[HARK_SEND_FRAMES * 6 + 1] = "";

        kit_pair(loop, address(), &client, &server);
        for (unsigned i = 0; i < HARK_SEND_FRAMES; i++) {
                frames[i] = (struct hark_out_frame){
                        .iov = {{"a", 1}, {"bc", 2}, {"", 0}, {"def", 3}}, .n_iov = 4, .size = 6};
                memcpy(expected + 6 * (size_t)i, "abcdef", 6);
        }
        ck_assert_int_eq(client.port->transport->send(client.port, frames, HARK_SEND_FRAMES),
                         HARK_SEND_FRAMES * 6);
        kit_expect(loop, &server, expected, HARK_SEND_FRAMES * 6);
        kit_close(&client);
        kit_close(&server);
        hark_loop_unref(loop);
}
END_TEST

/* Bytes that tell where they belong. */
static void make_pattern(uint8_t *bytes, size_t size, size_t offset)
{
        for (size_t i = 0; i < size; i++)
                bytes[i] = (uint8_t)((offset + i) * 2654435761u >> 24);
}

/* Sends until there is no room; returns how many bytes have left, these included. */
static size_t fill(struct kit_port *end, size_t offset)
{
        uint8_t bytes[30000];
        ssize_t n;

        for (;;) {
                make_pattern(bytes, sizeof(bytes), offset);
                n = kit_send(end, bytes, sizeof(bytes));
                if (n == -EAGAIN)
                        return offset;
                ck_assert_int_gt(n, 0);
                offset += (size_t)n;
        }
}

static size_t drain(struct kit_port *end, size_t offset)
{
        uint8_t bytes[7001], expected[sizeof(bytes)];
        ssize_t n;

        while ((n = kit_receive(end, bytes, sizeof(bytes), NULL)) > 0) {
                make_pattern(expected, sizeof(expected), offset);
                ck_assert_mem_eq(bytes, expected, (size_t)n);
                offset += (size_t)n;
        }
        ck_assert_int_eq(n, -EAGAIN);
        return offset;
}

START_TEST(what_is_full_says_when_there_is_room_again)
{
        hark_loop *loop = kit_new_loop();
        struct kit_port client = {0}, server = {0};
        size_t sent = 0, received = 0;

        kit_pair(loop, address(), &client, &server);
        for (unsigned i = 1; i <= 20; i++) {
                sent = fill(&client, sent);
                hark_loop_process(loop, 0);
                ck_assert_uint_eq(client.n_writable, i - 1); /* full, or not asked for */
                client.port->transport->want(client.port, HARK_PORT_READABLE | HARK_PORT_WRITABLE);
                received = drain(&server, received);
                ck_assert_uint_eq(received, sent);
                kit_wait(loop, &client.n_writable, i);
                client.port->transport->want(client.port, HARK_PORT_READABLE);
        }
        kit_close(&client);
        kit_close(&server);
        hark_loop_unref(loop);
}
END_TEST

START_TEST(what_is_not_wanted_is_not_told)
{
        hark_loop *loop = kit_new_loop();
        struct kit_port client = {0}, server = {0};

        kit_pair(loop, address(), &client, &server);
        server.port->transport->want(server.port, 0);
        ck_assert_int_eq(kit_send(&client, "x", 1), 1);
        kit_process_what_shows(loop);
        ck_assert_uint_eq(server.n_readable + server.n_writable, 0);
        server.port->transport->want(server.port, HARK_PORT_READABLE);
        kit_wait(loop, &server.n_readable, 1);
        kit_close(&client);
        kit_close(&server);
        hark_loop_unref(loop);
}
END_TEST

START_TEST(the_end_comes_behind_what_was_sent_before)
{
        hark_loop *loop = kit_new_loop();
        struct kit_port client = {0}, server = {0};

        kit_pair(loop, address(), &client, &server);
        ck_assert_int_eq(kit_send(&client, "last words", 10), 10);
        kit_close(&client);
        kit_wait(loop, &server.n_readable, 1);
        kit_expect(loop, &server, "last words", 10);
        kit_expect_end(loop, &server, 0);
        ck_assert_uint_eq(server.n_broken, 0);
        ck_assert_int_eq(kit_send(&server, "x", 1), -EPIPE);
        kit_close(&server);
        hark_loop_unref(loop);
}
END_TEST

START_TEST(what_the_other_side_left_unread_is_told_behind_what_it_sent)
{
        hark_loop *loop = kit_new_loop();
        struct kit_port client = {0}, server = {0};

        kit_pair(loop, address(), &client, &server);
        ck_assert_int_eq(kit_send(&client, "last words", 10), 10);
        ck_assert_int_eq(kit_send(&server, "unread", 6), 6);
        kit_close(&client);
        kit_wait(loop, &server.n_readable, 1);
        kit_expect(loop, &server, "last words", 10);
        kit_expect_end(loop, &server, -ECONNRESET);
        kit_close(&server);
        hark_loop_unref(loop);
}
END_TEST

START_TEST(who_does_not_read_is_told_of_the_end_all_the_same_and_once)
{
        hark_loop *loop = kit_new_loop();
        struct kit_port client = {0}, server = {0};

        kit_pair(loop, address(), &client, &server);
        ck_assert_int_eq(kit_send(&client, "last words", 10), 10);
        server.port->transport->want(server.port, 0);
        kit_close(&client);
        kit_wait(loop, &server.n_broken, 1);
        ck_assert_int_eq(server.port->error, -ECONNRESET);
        kit_process_what_shows(loop); /* does not spin */
        ck_assert_uint_eq(server.n_broken, 1);
        kit_expect(loop, &server, "last words", 10);
        ck_assert_int_eq(kit_receive(&server, &(char){0}, 1, NULL), 0);
        kit_close(&server);
        hark_loop_unref(loop);
}
END_TEST

START_TEST(writing_to_who_has_gone_raises_no_signal)
{
        hark_loop *loop = kit_new_loop();
        struct kit_port client = {0}, server = {0};

        signal(SIGPIPE, SIG_DFL);
        kit_pair(loop, address(), &client, &server);
        kit_close(&client);
        ck_assert_int_eq(kit_send(&server, "x", 1), -EPIPE);
        kit_close(&server);
        hark_loop_unref(loop);
}
END_TEST

static void close_in_event(struct hark_port *port, unsigned events)
{
        struct kit_port *end = port->userdata;

        kit_on_event(port, events);
        kit_close(end);
}

START_TEST(a_port_may_be_closed_by_whoever_it_tells)
{
        hark_loop *loop = kit_new_loop();
        struct kit_port client = {0}, server = {0};
        struct kit_listener listener = {0};

        kit_listen(loop, address(), &listener);
        ck_assert_int_eq(kit_try_connect(loop, address(), &client), 0);
        ck_assert_int_eq(hark_port_start(client.port, close_in_event, &client), 0);
        kit_wait(loop, &client.n_opened, 1);
        ck_assert_ptr_null(client.port);
        kit_wait(loop, &listener.n_ports, 1);
        server.port = listener.ports[--listener.n_ports];
        ck_assert_int_eq(hark_port_start(server.port, close_in_event, &server), 0);
        kit_wait(loop, &server.n_opened, 1);
        ck_assert_ptr_null(server.port);
        kit_close_listener(&listener);
        hark_loop_unref(loop);
}
END_TEST

START_TEST(a_port_that_is_closed_before_it_opened_tells_nothing)
{
        hark_loop *loop = kit_new_loop();
        struct kit_port never_started = {0}, started = {0};
        struct kit_listener listener = {0};

        kit_listen(loop, address(), &listener);
        ck_assert_int_eq(kit_try_connect(loop, address(), &never_started), 0);
        kit_connect(loop, address(), &started);
        kit_close(&never_started);
        kit_close(&started);
        kit_wait(loop, &listener.n_ports, 2);
        ck_assert_uint_eq(started.n_opened + started.n_broken, 0);
        kit_close_listener(&listener);
        hark_loop_unref(loop);
}
END_TEST

FIXTURE_MAIN("stream", opened_is_told_once_and_by_the_loop,
             several_frames_of_several_pieces_leave_in_one_send,
             what_is_full_says_when_there_is_room_again, what_is_not_wanted_is_not_told,
             the_end_comes_behind_what_was_sent_before,
             what_the_other_side_left_unread_is_told_behind_what_it_sent,
             who_does_not_read_is_told_of_the_end_all_the_same_and_once,
             writing_to_who_has_gone_raises_no_signal, a_port_may_be_closed_by_whoever_it_tells,
             a_port_that_is_closed_before_it_opened_tells_nothing)
