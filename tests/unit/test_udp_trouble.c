/* SPDX-License-Identifier: MIT */

/* udp: what comes late, twice, in bad order or not at all, and what the kernel says of it. */

#include "fixture.h"

#include <errno.h>

#include "udp_kit.h"

/* --- opening ---------------------------------------------------------------------------------- */

/* A server that was held up finds all that a client has asked meanwhile. */
START_TEST(who_asked_more_than_once_before_anybody_looked_is_accepted_once)
{
        struct pair pair;
        struct kit_port end;
        struct heard first;
        uint64_t cookie;
        int fd;

        pair_open(&pair);
        fd = stranger_new(&pair.listener);
        cookie = get_cookie(pair.loop, fd, 1);
        for (unsigned i = 0; i < 3; i++)
                ask(fd, 1, cookie, HARK_UDP_COMMON);
        first = hear(pair.loop, fd);
        for (unsigned i = 0; i < 2; i++) {
                struct heard again = hear(pair.loop, fd);

                ck_assert_uint_eq(again.chunk.kind, HARK_CHUNK_ACCEPT);
                ck_assert_uint_eq(again.chunk.connection, first.chunk.connection);
        }
        ck_assert_uint_eq(pair.listener.n_ports, 1);
        kit_accept(pair.loop, &pair.listener, &end);
        say(fd, HARK_CHUNK_PROBE, first.chunk.connection);
        ck_assert_uint_eq(hear(pair.loop, fd).chunk.kind, HARK_CHUNK_ACK);
        ask(fd, 1, cookie, HARK_UDP_LEAST); /* was overtaken by what it has led to */
        say(fd, HARK_CHUNK_PROBE, first.chunk.connection);
        ck_assert_uint_eq(hear(pair.loop, fd).chunk.kind, HARK_CHUNK_ACK);
        kit_close(&end);
        close(fd);
        pair_close(&pair);
}
END_TEST

/* -errno of binding a socket that would share the address. */
static int try_to_join(const char *address)
{
        struct sockaddr_in name = name_of(address);
        int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), yes = 1, r;

        ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &yes, sizeof(yes)), 0);
        r = bind(fd, (struct sockaddr *)&name, sizeof(name)) < 0 ? -errno : 0;
        close(fd);
        return r;
}

START_TEST(nobody_shares_the_address_of_who_listens)
{
        struct kit_listener next = {.n_ports = 0};
        struct pair pair;
        char address[64];

        pair_open(&pair);
        snprintf(address, sizeof(address), "%s", pair.listener.listener->address);
        kit_close_listener(&pair.listener);
        kit_listen(pair.loop, address, &next); /* shares it with a connection, */
        kit_close(&pair.client);
        kit_close(&pair.server);
        ck_assert_int_eq(try_to_join(address), -EADDRINUSE);
        kit_connect(pair.loop, address, &pair.client);
        kit_accept(pair.loop, &next, &pair.server); /* and so it does here */
        kit_close(&pair.client);
        kit_close(&pair.server);
        ck_assert_int_eq(try_to_join(address), -EADDRINUSE);
        kit_close_listener(&next);
        hark_loop_unref(pair.loop);
}
END_TEST

START_TEST(of_two_clients_at_one_address_the_later_one_is_served)
{
        struct pair pair;
        struct kit_port end;
        uint64_t cookies[2];
        uint64_t number;
        int fd;

        pair_open(&pair);
        fd = stranger_new(&pair.listener);
        for (uint64_t i = 0; i < 2; i++)
                cookies[i] = get_cookie(pair.loop, fd, i + 1);
        for (uint64_t i = 0; i < 2; i++)
                ask(fd, i + 1, cookies[i], HARK_UDP_COMMON);
        ck_assert_uint_eq(hear(pair.loop, fd).chunk.kind, HARK_CHUNK_ACCEPT);
        kit_accept(pair.loop, &pair.listener, &end);
        kit_close(&end);
        ck_assert_uint_eq(hear(pair.loop, fd).chunk.kind, HARK_CHUNK_CLOSE);
        ck_assert_uint_eq(pair.listener.n_ports, 0);
        number = get_accepted(pair.loop, fd, 2);
        kit_accept(pair.loop, &pair.listener, &end);
        say(fd, HARK_CHUNK_PROBE, number);
        ck_assert_uint_eq(hear(pair.loop, fd).chunk.kind, HARK_CHUNK_ACK);
        kit_close(&end);
        close(fd);
        pair_close(&pair);
}
END_TEST

/* As a process has it that was forked, and executes nothing. */
START_TEST(a_copy_of_a_closed_connection_s_socket_swallows_nothing)
{
        struct pair pair;
        struct kit_port end;
        int fd, copy;

        pair_open(&pair);
        fd = stranger_new(&pair.listener);
        (void)get_accepted(pair.loop, fd, 1);
        kit_accept(pair.loop, &pair.listener, &end);
        copy = dup(inside(&end)->io.fd);
        ck_assert_int_ge(copy, 0);
        kit_close(&end);
        ck_assert_uint_eq(hear(pair.loop, fd).chunk.kind, HARK_CHUNK_CLOSE);
        (void)get_accepted(pair.loop, fd, 2);
        close(copy);
        close(fd);
        pair_close(&pair);
}
END_TEST

START_TEST(who_asks_for_less_and_then_for_more_is_sent_no_more)
{
        struct pair pair;
        struct kit_port end;
        uint64_t cookie;
        int fd;

        pair_open(&pair);
        fd = stranger_new(&pair.listener);
        cookie = get_cookie(pair.loop, fd, 1);
        ask(fd, 1, cookie, HARK_UDP_LEAST);
        ck_assert_uint_eq(hear(pair.loop, fd).size, HARK_UDP_LEAST);
        kit_accept(pair.loop, &pair.listener, &end);
        ask(fd, 1, cookie, HARK_UDP_COMMON); /* was overtaken */
        ck_assert_uint_eq(hear(pair.loop, fd).size, HARK_UDP_LEAST);
        ck_assert_uint_eq(inside(&end)->packet_size, HARK_UDP_LEAST);
        kit_close(&end);
        close(fd);
        pair_close(&pair);
}
END_TEST

/* Before a connection's socket is connected it is sent what others send to the address, too. */
START_TEST(who_asks_from_elsewhere_is_not_taken_for_the_client)
{
        struct hark_udp_path elsewhere = {.peer.in.sin_family = AF_INET};
        uint8_t packet[HARK_UDP_LEAST];
        struct hark_chunk chunk;
        struct udp_port *port;
        struct pair pair;
        struct kit_port end;
        int fd;

        pair_open(&pair);
        fd = stranger_new(&pair.listener);
        (void)get_accepted(pair.loop, fd, 1);
        kit_accept(pair.loop, &pair.listener, &end);
        port = inside(&end);
        hark_udp_opening_encode(&(struct hark_udp_opening){.nonce = 1}, HARK_CHUNK_OPEN, 0, packet,
                                sizeof(packet));
        ck_assert(hark_chunk_decode(packet, sizeof(packet), &chunk));
        ck_assert_int_eq(
                port->ops->take_other(port, &elsewhere, &chunk, packet + HARK_CHUNK_HEADER), 0);
        ck_assert_uint_eq(port->packet_size, HARK_UDP_COMMON);
        ck_assert(!is_there(fd));
        kit_close(&end);
        close(fd);
        pair_close(&pair);
}
END_TEST

/* --- what the kernel says --------------------------------------------------------------------- */

START_TEST(the_report_of_one_datagram_does_not_cost_the_next_one)
{
        struct iovec iov = {(void *)(uintptr_t) "x", 1};
        struct hark_udp_path gone = {0}, there = {0};
        struct addrinfo info = {.ai_family = AF_INET, .ai_addrlen = sizeof(gone.peer.in)};
        struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        int fd, receiver;

        close(bind_anywhere(&gone.peer.in));
        receiver = bind_anywhere(&there.peer.in);
        info.ai_addr = (struct sockaddr *)&any;
        fd = hark_udp_bind(&info, false);
        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(hark_udp_send(fd, &gone, &iov, 1), 0); /* is reported at once */
        ck_assert_int_eq(hark_udp_send(fd, &there, &iov, 1), 0);
        ck_assert(is_there(receiver));
        close(fd);
        close(receiver);
}
END_TEST

START_TEST(what_cannot_go_on_is_lost_although_something_has_left)
{
        static uint8_t small[64], large[66000]; /* of which no datagram can be made */
        struct hark_out_frame frames[2] = {
                {.iov = {{small, sizeof(small)}}, .n_iov = 1, .size = sizeof(small)},
                {.iov = {{large, sizeof(large)}}, .n_iov = 1, .size = sizeof(large)}};
        struct pair pair;
        struct hark_port *port;

        pair_open(&pair);
        port = pair.client.port;
        inside(&pair.client)->packet_size = 70000;
        /* Else the rest would be sent once more, under another number. */
        ck_assert_int_eq(port->transport->send(port, frames, 2), -ECONNRESET);
        pair_close(&pair);
}
END_TEST

START_TEST(a_window_opens_although_the_word_of_it_is_lost)
{
        struct pair pair;
        unsigned n_sent;

        pair_open(&pair);
        n_sent = send_until_shut(&pair);
        pair.client.n_writable = 0;
        for (unsigned i = 0; i < n_sent; i++)
                expect_frame(pair.loop, &pair.server, SHUT_SIZE, (uint8_t)i);
        while (is_there(inside(&pair.client)->io.fd))
                (void)recv(inside(&pair.client)->io.fd, (char[64]){0}, 64, 0);
        ck_assert(hark_send_window_is_shut(&inside(&pair.client)->out));
        kit_wait(pair.loop, &pair.client.n_writable, 1); /* it asks, and long before 15 s */
        pair_close(&pair);
}
END_TEST

/* --- a peer that does not keep to it ---------------------------------------------------------- */

/* As if so much time had passed since any of what waits was acknowledged. */
START_TEST(who_answers_but_takes_nothing_is_given_up)
{
        struct pair pair;
        struct udp_port *port;

        pair_open(&pair);
        port = inside(&pair.client);
        ck_assert_int_eq(send_frame(&pair.client, 64, 1), 64);
        port->came_ns -= HARK_UDP_SILENCE_NS;
        hark_timer_start(pair.loop, &port->timer, hark_now_ns(), port->timer.on_due);
        /* Not in the process that should read it: so nothing is acknowledged. */
        ck_assert_int_eq(recv(inside(&pair.server)->io.fd, (char[128]){0}, 128, 0),
                         HARK_CHUNK_HEADER + 64);
        kit_wait(pair.loop, &pair.client.n_broken, 1);
        ck_assert_int_eq(pair.client.port->error, -ETIMEDOUT);
        pair_close(&pair);
}
END_TEST

START_TEST(who_has_nothing_to_say_for_long_is_not_given_up_by_his_first_word)
{
        struct pair pair;
        struct udp_port *port;

        pair_open(&pair);
        port = inside(&pair.client);
        port->came_ns -= HARK_UDP_SILENCE_NS;
        ck_assert_int_eq(send_frame(&pair.client, 64, 1), 64);
        hark_timer_start(pair.loop, &port->timer, hark_now_ns(), port->timer.on_due);
        expect_frame(pair.loop, &pair.server, 64, 1);
        expect_unharmed(&pair);
        ck_assert_uint_eq(pair.client.n_broken, 0);
        pair_close(&pair);
}
END_TEST

/* Whoever reads of his own accord is told of the end in the same order. */
START_TEST(what_came_before_a_reset_is_still_handed_out)
{
        uint8_t bytes[64];
        struct pair pair;
        struct udp_port *port;

        pair_open(&pair);
        port = inside(&pair.client);
        ck_assert_int_eq(send_frame(&pair.client, 64, 1), 64);
        say(port->io.fd, HARK_CHUNK_RESET, port->connection);
        ck_assert_int_eq(kit_receive(&pair.server, bytes, sizeof(bytes), NULL), 64);
        ck_assert_int_eq(kit_receive(&pair.server, bytes, sizeof(bytes), NULL), -ECONNRESET);
        ck_assert_int_eq(kit_receive(&pair.server, bytes, sizeof(bytes), NULL), -ECONNRESET);
        pair_close(&pair);
}
END_TEST

FIXTURE_MAIN("udp_trouble", who_asked_more_than_once_before_anybody_looked_is_accepted_once,
             nobody_shares_the_address_of_who_listens,
             of_two_clients_at_one_address_the_later_one_is_served,
             a_copy_of_a_closed_connection_s_socket_swallows_nothing,
             who_asks_for_less_and_then_for_more_is_sent_no_more,
             who_asks_from_elsewhere_is_not_taken_for_the_client,
             the_report_of_one_datagram_does_not_cost_the_next_one,
             what_cannot_go_on_is_lost_although_something_has_left,
             a_window_opens_although_the_word_of_it_is_lost,
             who_answers_but_takes_nothing_is_given_up,
             who_has_nothing_to_say_for_long_is_not_given_up_by_his_first_word,
             what_came_before_a_reset_is_still_handed_out)
