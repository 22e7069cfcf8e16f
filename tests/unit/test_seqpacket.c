/* SPDX-License-Identifier: MIT */

/* What seqpacket: does not share with unix:, whose tests stand for both. */

#include "fixture.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "port_kit.h"
#include "transport/fd_port.h"

struct pair {
        hark_loop *loop;
        struct kit_listener listener;
        struct kit_port client, server;
};

static const char *address(void)
{
        static char text[200];

        (void)snprintf(text, sizeof(text), "seqpacket:%s", fixture_path("s"));
        return text;
}

static void pair_open(struct pair *pair)
{
        *pair = (struct pair){.loop = kit_new_loop()};
        kit_listen(pair->loop, address(), &pair->listener);
        kit_connect(pair->loop, address(), &pair->client);
        kit_accept(pair->loop, &pair->listener, &pair->server);
        kit_wait(pair->loop, &pair->client.n_opened, 1);
}

static void pair_close(struct pair *pair)
{
        kit_close(&pair->client);
        kit_close(&pair->server);
        kit_close_listener(&pair->listener);
        hark_loop_unref(pair->loop);
}

static struct hark_out_frame frame_of(void *bytes, size_t size)
{
        return (struct hark_out_frame){
                .iov = {{.iov_base = bytes, .iov_len = size}}, .n_iov = 1, .size = size};
}

static ssize_t receive(struct kit_port *end, void *bytes, size_t size)
{
        struct iovec iov = {.iov_base = bytes, .iov_len = size};
        struct hark_in_fds fds = {.n_fds = 0};

        return end->port->transport->receive(end->port, &iov, 1, &fds);
}

START_TEST(each_frame_is_a_packet)
{
        char bytes[64] = "";
        struct hark_out_frame frames[] = {frame_of("one", 3), frame_of("three", 5)};
        struct pair pair;

        pair_open(&pair);
        ck_assert_int_eq(pair.client.port->transport->send(pair.client.port, frames, 2), 8);
        ck_assert_int_eq(receive(&pair.server, bytes, sizeof(bytes)), 3);
        ck_assert_int_eq(receive(&pair.server, bytes, sizeof(bytes)), 5);
        ck_assert_int_eq(receive(&pair.server, bytes, sizeof(bytes)), -EAGAIN);
        pair_close(&pair);
}
END_TEST

START_TEST(the_largest_frame_is_taken)
{
        size_t size = hark_transport_seqpacket.public.max_frame;
        char *there = calloc(1, size), *here = malloc(size + 1);
        struct hark_out_frame frame = frame_of(there, size);
        struct pair pair;

        pair_open(&pair);
        ck_assert_int_eq(pair.client.port->transport->send(pair.client.port, &frame, 1), size);
        ck_assert_int_eq(receive(&pair.server, here, size + 1), size);
        pair_close(&pair);
        free(there);
        free(here);
}
END_TEST

START_TEST(whole_frames_are_taken_until_there_is_no_room)
{
        char *bytes = calloc(1, 50000);
        struct hark_out_frame frames[HARK_SEND_FRAMES];
        struct pair pair;
        ssize_t n;

        pair_open(&pair);
        for (size_t i = 0; i < HARK_SEND_FRAMES; i++)
                frames[i] = frame_of(bytes, 50000);
        n = pair.client.port->transport->send(pair.client.port, frames, HARK_SEND_FRAMES);
        ck_assert_int_gt(n, 0);
        ck_assert_int_lt(n, HARK_SEND_FRAMES * 50000);
        ck_assert_int_eq(n % 50000, 0);
        ck_assert_int_eq(pair.client.port->transport->send(pair.client.port, frames, 1), -EAGAIN);
        pair_close(&pair);
        free(bytes);
}
END_TEST

START_TEST(a_packet_that_is_too_large_is_an_error_and_not_cut)
{
        char bytes[16];
        struct hark_out_frame frame = frame_of("seventeen letters", 17);
        struct pair pair;

        pair_open(&pair);
        ck_assert_int_eq(pair.client.port->transport->send(pair.client.port, &frame, 1), 17);
        ck_assert_int_eq(receive(&pair.server, bytes, sizeof(bytes)), -EMSGSIZE);
        pair_close(&pair);
}
END_TEST

START_TEST(what_was_sent_before_an_end_is_read_before_it)
{
        char bytes[16];
        struct hark_out_frame frame = frame_of("last", 4);
        struct pair pair;

        pair_open(&pair);
        ck_assert_int_eq(pair.client.port->transport->send(pair.client.port, &frame, 1), 4);
        kit_close(&pair.client);
        kit_wait(pair.loop, &pair.server.n_readable, 1);
        ck_assert_int_eq(receive(&pair.server, bytes, sizeof(bytes)), 4);
        ck_assert_int_eq(receive(&pair.server, bytes, sizeof(bytes)), 0);
        pair_close(&pair);
}
END_TEST

/* Who listens at a path with a socket of another type serves another transport. */
START_TEST(a_server_of_another_type_is_none)
{
        hark_loop *loop = kit_new_loop();
        struct kit_listener stream = {0};
        struct kit_port client = {0};
        char text[200];

        (void)snprintf(text, sizeof(text), "unix:%s", fixture_path("s"));
        kit_listen(loop, text, &stream);
        ck_assert_int_eq(kit_try_connect(loop, address(), &client), -ECONNREFUSED);
        kit_close_listener(&stream);
        hark_loop_unref(loop);
}
END_TEST

FIXTURE_MAIN("seqpacket", each_frame_is_a_packet, the_largest_frame_is_taken,
             whole_frames_are_taken_until_there_is_no_room,
             a_packet_that_is_too_large_is_an_error_and_not_cut,
             what_was_sent_before_an_end_is_read_before_it, a_server_of_another_type_is_none)
