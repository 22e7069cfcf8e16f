/* SPDX-License-Identifier: MIT */

/* udp: as those see it who are no clients, or bad ones; and what only its clock shows. */

#include "fixture.h"

#include <errno.h>

#include "udp_kit.h"

/* --- opening ---------------------------------------------------------------------------------- */

START_TEST(without_a_cookie_nothing_is_kept_and_little_is_said)
{
        struct pair pair;
        struct heard heard;
        int fd;

        pair_open(&pair);
        fd = stranger_new(&pair.listener);
        ask(fd, 1, 0, HARK_UDP_LEAST - 1); /* is not answered */
        ask(fd, 2, 12345, HARK_UDP_LEAST);
        heard = hear(pair.loop, fd);
        ck_assert_uint_eq(heard.chunk.kind, HARK_CHUNK_COOKIE);
        ck_assert_uint_eq(heard.opening.nonce, 2);
        ck_assert_uint_eq(heard.size, HARK_CHUNK_HEADER + HARK_UDP_OPENING);
        ck_assert(!is_there(fd));
        ck_assert_uint_eq(pair.listener.n_ports, 0);
        close(fd);
        expect_unharmed(&pair);
        pair_close(&pair);
}
END_TEST

START_TEST(a_cookie_is_of_no_use_to_another)
{
        struct pair pair;
        uint64_t cookie;
        int fds[2];

        pair_open(&pair);
        fds[0] = stranger_new(&pair.listener);
        fds[1] = stranger_new(&pair.listener);
        cookie = get_cookie(pair.loop, fds[0], 1);
        ask(fds[1], 1, cookie, HARK_UDP_LEAST); /* from another address */
        ck_assert_uint_eq(hear(pair.loop, fds[1]).chunk.kind, HARK_CHUNK_COOKIE);
        ask(fds[0], 2, cookie, HARK_UDP_LEAST); /* for another nonce */
        ck_assert_uint_eq(hear(pair.loop, fds[0]).chunk.kind, HARK_CHUNK_COOKIE);
        ck_assert_uint_eq(pair.listener.n_ports, 0);
        ask(fds[0], 1, cookie, HARK_UDP_LEAST);
        ck_assert_uint_eq(hear(pair.loop, fds[0]).chunk.kind, HARK_CHUNK_ACCEPT);
        ck_assert_uint_eq(pair.listener.n_ports, 1);
        close(fds[0]);
        close(fds[1]);
        pair_close(&pair);
}
END_TEST

START_TEST(who_asks_again_is_accepted_once)
{
        struct pair pair;
        struct kit_port end;
        struct heard first, second;
        uint64_t cookie;
        int fd;

        pair_open(&pair);
        fd = stranger_new(&pair.listener);
        cookie = get_cookie(pair.loop, fd, 1);
        ask(fd, 1, cookie, HARK_UDP_COMMON);
        first = hear(pair.loop, fd);
        ck_assert_uint_eq(first.chunk.kind, HARK_CHUNK_ACCEPT);
        ck_assert_uint_eq(first.size, HARK_UDP_COMMON);
        ck_assert_uint_ne(first.chunk.connection, 0);
        kit_accept(pair.loop, &pair.listener, &end);
        ask(fd, 1, cookie, HARK_UDP_LEAST);
        second = hear(pair.loop, fd);
        ck_assert_uint_eq(second.chunk.kind, HARK_CHUNK_ACCEPT);
        ck_assert_uint_eq(second.size, HARK_UDP_LEAST);
        ck_assert_uint_eq(second.chunk.connection, first.chunk.connection);
        ck_assert_uint_eq(inside(&end)->packet_size, HARK_UDP_LEAST);
        ck_assert_uint_eq(pair.listener.n_ports, 0);
        kit_close(&end);
        close(fd);
        pair_close(&pair);
}
END_TEST

START_TEST(a_new_client_at_the_address_of_one_that_has_gone_takes_its_place)
{
        struct pair pair;
        struct kit_port end, next;
        uint64_t first;
        int fd;

        pair_open(&pair);
        fd = stranger_new(&pair.listener);
        first = get_accepted(pair.loop, fd, 1);
        kit_accept(pair.loop, &pair.listener, &end);
        /* Whoever only writes the address into his datagrams gets no cookie, and harms nobody. */
        ask(fd, 2, 12345, HARK_UDP_LEAST);
        ck_assert_uint_eq(hear(pair.loop, fd).chunk.kind, HARK_CHUNK_COOKIE);
        ck_assert_uint_eq(end.n_broken, 0);
        ask(fd, 2, get_cookie(pair.loop, fd, 2), HARK_UDP_LEAST);
        kit_wait(pair.loop, &end.n_broken, 1);
        kit_close(&end);
        ck_assert_uint_ne(get_accepted(pair.loop, fd, 2), first);
        kit_accept(pair.loop, &pair.listener, &next);
        kit_close(&next);
        close(fd);
        pair_close(&pair);
}
END_TEST

START_TEST(an_address_is_taken_as_long_as_somebody_listens)
{
        struct kit_listener rival = {.n_ports = 0};
        struct pair pair;
        char address[64];

        pair_open(&pair);
        snprintf(address, sizeof(address), "%s", pair.listener.listener->address);
        ck_assert_int_eq(kit_try_listen(pair.loop, address, &rival), -EADDRINUSE);
        kit_close_listener(&pair.listener);
        kit_listen(pair.loop, address, &rival); /* although a connection stands */
        expect_unharmed(&pair);
        kit_close_listener(&rival);
        pair_close(&pair);
}
END_TEST

START_TEST(an_answer_comes_from_where_was_asked)
{
        hark_loop *loop = kit_new_loop();
        struct kit_listener listener = {.n_ports = 0};
        struct kit_port client, server;
        char address[64];

        kit_listen(loop, "udp:*:0?open", &listener);
        snprintf(address, sizeof(address), "udp:127.0.0.2%s",
                 strrchr(listener.listener->address, ':'));
        kit_connect(loop, address, &client);
        kit_accept(loop, &listener, &server);
        kit_wait(loop, &client.n_opened, 1);
        ck_assert_int_eq(send_frame(&server, 64, 3), 64);
        expect_frame(loop, &client, 64, 3);
        kit_close(&client);
        kit_close(&server);
        kit_close_listener(&listener);
        hark_loop_unref(loop);
}
END_TEST

START_TEST(beyond_this_machine_only_who_says_so_listens)
{
        hark_loop *loop = kit_new_loop();
        struct kit_listener listener = {.n_ports = 0};

        ck_assert_int_eq(kit_try_listen(loop, "udp:*:0", &listener), -EPERM);
        ck_assert_int_eq(kit_try_listen(loop, "udp:0.0.0.0:0", &listener), -EPERM);
        hark_loop_unref(loop);
}
END_TEST

/* --- strangers on a connection ---------------------------------------------------------------- */

START_TEST(who_is_not_at_the_address_cannot_speak_even_with_the_number)
{
        struct pair pair;
        uint64_t number;
        int fd;

        pair_open(&pair);
        number = inside(&pair.server)->connection;
        fd = stranger_new(&pair.listener);
        say(fd, HARK_CHUNK_CLOSE, number);
        say(fd, HARK_CHUNK_RESET, number);
        say(fd, HARK_CHUNK_DATA, number);
        ck_assert_uint_eq(hear(pair.loop, fd).chunk.kind, HARK_CHUNK_RESET);
        expect_unharmed(&pair);
        close(fd);
        pair_close(&pair);
}
END_TEST

START_TEST(who_is_at_the_address_cannot_speak_without_the_number)
{
        struct pair pair;
        struct udp_port *port;

        pair_open(&pair);
        port = inside(&pair.client);
        say(port->io.fd, HARK_CHUNK_CLOSE, port->connection ^ 1);
        say(port->io.fd, HARK_CHUNK_RESET, port->connection ^ 1);
        say(port->io.fd, HARK_CHUNK_CLOSE, 0);
        ck_assert_int_eq(send(port->io.fd, "garbage", 7, 0), 7);
        expect_unharmed(&pair);
        pair_close(&pair);
}
END_TEST

START_TEST(what_nobody_knows_is_answered_no_larger)
{
        struct pair pair;
        struct heard heard;
        int fd;

        pair_open(&pair);
        fd = stranger_new(&pair.listener);
        say(fd, HARK_CHUNK_ACK, 77);
        say(fd, HARK_CHUNK_CLOSE, 77);
        say(fd, HARK_CHUNK_RESET, 77);
        say(fd, HARK_CHUNK_PROBE, 78);
        heard = hear(pair.loop, fd);
        ck_assert_uint_eq(heard.chunk.kind, HARK_CHUNK_RESET);
        ck_assert_uint_eq(heard.chunk.connection, 78);
        ck_assert_uint_eq(heard.size, HARK_CHUNK_HEADER);
        close(fd);
        pair_close(&pair);
}
END_TEST

/* --- frames, and their end -------------------------------------------------------------------- */

START_TEST(frames_of_any_size_arrive_in_order)
{
        static const size_t sizes[] = {32, 4096, HARK_UDP_LOOPBACK - HARK_CHUNK_HEADER,
                                       HARK_UDP_LOOPBACK, HARK_UDP_FRAME};
        struct pair pair;

        pair_open_at(&pair, "udp:[::1]:0");
        for (uint8_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
                ck_assert_int_eq(send_frame(&pair.client, sizes[i], i), (ssize_t)sizes[i]);
        for (uint8_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
                expect_frame(pair.loop, &pair.server, sizes[i], i);
        pair_close(&pair);
}
END_TEST

START_TEST(the_end_comes_behind_all_that_was_sent)
{
        struct pair pair;

        pair_open(&pair);
        for (uint8_t i = 0; i < 5; i++)
                ck_assert_int_eq(send_frame(&pair.client, 64, i), 64);
        kit_close(&pair.client);
        for (uint8_t i = 0; i < 5; i++)
                expect_frame(pair.loop, &pair.server, 64, i);
        kit_expect_end(pair.loop, &pair.server, 0);
        pair_close(&pair);
}
END_TEST

START_TEST(the_end_waits_for_what_it_has_overtaken)
{
        struct hark_chunk chunk = {.kind = HARK_CHUNK_CLOSE, .sequence = 1};
        uint8_t packet[HARK_CHUNK_HEADER + 64];
        struct pair pair;
        struct udp_port *port;

        pair_open(&pair);
        port = inside(&pair.client);
        chunk.connection = port->connection;
        hark_chunk_encode(&chunk, packet);
        ck_assert_int_eq(send(port->io.fd, packet, HARK_CHUNK_HEADER, 0), HARK_CHUNK_HEADER);
        while (inside(&pair.server)->end_ns == HARK_NEVER)
                kit_turn(pair.loop, hark_deadline_ns(KIT_PATIENCE_MS));
        ck_assert(!inside(&pair.server)->base.is_ended);
        inside(&pair.server)->end_ns = HARK_NEVER - 1; /* however long we take */
        chunk = (struct hark_chunk){.kind = HARK_CHUNK_DATA,
                                    .flags = HARK_CHUNK_LAST,
                                    .size = 64,
                                    .connection = port->connection};
        hark_chunk_encode(&chunk, packet);
        make_frame(packet + HARK_CHUNK_HEADER, 64, 9);
        ck_assert_int_eq(send(port->io.fd, packet, sizeof(packet), 0), sizeof(packet));
        expect_frame(pair.loop, &pair.server, 64, 9);
        kit_expect_end(pair.loop, &pair.server, 0);
        pair_close(&pair);
}
END_TEST

START_TEST(who_does_not_read_lets_in_no_more_and_then_more_again)
{
        struct pair pair;
        unsigned n_sent;
        size_t held;

        pair_open(&pair);
        n_sent = send_until_shut(&pair);
        held = inside(&pair.server)->base.inbox.size;
        ck_assert_uint_eq(held, n_sent * (size_t)SHUT_SIZE);
        ck_assert_uint_lt(held, 700 * 1024);
        pair.client.n_writable = 0;
        for (unsigned i = 0; i < n_sent; i++)
                expect_frame(pair.loop, &pair.server, SHUT_SIZE, (uint8_t)i);
        kit_wait(pair.loop, &pair.client.n_writable, 1);
        ck_assert_int_eq(send_frame(&pair.client, 4096, 7), 4096);
        expect_frame(pair.loop, &pair.server, 4096, 7);
        pair_close(&pair);
}
END_TEST

START_TEST(all_has_arrived_when_it_says_so)
{
        struct pair pair;
        struct hark_port *port;

        pair_open(&pair);
        port = pair.client.port;
        ck_assert(port->transport->has_arrived(port));
        ck_assert_int_eq(send_frame(&pair.client, 64, 1), 64);
        port->transport->want(port, HARK_PORT_READABLE);
        ck_assert(!port->transport->has_arrived(port));
        kit_wait(pair.loop, &pair.client.n_writable, 1);
        ck_assert(port->transport->has_arrived(port));
        pair_close(&pair);
}
END_TEST

/* --- silence ---------------------------------------------------------------------------------- */

/* As if so much time had passed since it heard something. */
static void age(struct udp_port *port, uint64_t age_ns)
{
        port->heard_ns -= age_ns;
        port->probe_ns -= age_ns;
        hark_timer_start(port->base.port.loop, &port->timer, hark_now_ns(), port->timer.on_due);
}

START_TEST(who_is_silent_is_asked)
{
        struct pair pair;
        struct udp_port *port;
        uint64_t before_ns;

        pair_open(&pair);
        expect_unharmed(&pair);
        port = inside(&pair.client);
        age(port, HARK_UDP_PROBE_NS);
        before_ns = port->heard_ns;
        while (port->heard_ns == before_ns)
                kit_turn(pair.loop, hark_deadline_ns(KIT_PATIENCE_MS));
        ck_assert_uint_gt(port->probe_ns, hark_now_ns());
        expect_unharmed(&pair);
        pair_close(&pair);
}
END_TEST

START_TEST(who_does_not_answer_is_given_up)
{
        struct pair pair;
        struct udp_port *port;

        pair_open(&pair);
        port = inside(&pair.server);
        age(port, HARK_UDP_SILENCE_NS);
        kit_wait(pair.loop, &pair.server.n_broken, 1);
        ck_assert_int_eq(pair.server.port->error, -ETIMEDOUT);
        pair_close(&pair);
}
END_TEST

START_TEST(what_came_while_nobody_looked_counts)
{
        struct pair pair;
        struct udp_port *port;

        pair_open(&pair);
        port = inside(&pair.server);
        ck_assert_int_eq(send_frame(&pair.client, 64, 5), 64);
        age(port, HARK_UDP_SILENCE_NS);
        hark_timer_stop(&port->timer);
        port->timer.on_due(&port->timer); /* before the socket's turn */
        expect_frame(pair.loop, &pair.server, 64, 5);
        ck_assert_uint_eq(pair.server.n_broken, 0);
        expect_unharmed(&pair);
        pair_close(&pair);
}
END_TEST

START_TEST(who_has_nobody_at_his_port_any_more_is_found_out_by_the_next_send)
{
        struct pair pair;
        struct udp_port *port;

        pair_open(&pair);
        port = inside(&pair.server);
        kit_close_listener(&pair.listener);
        /* As if its process had been killed: no goodbye. */
        port->connection = 0;
        kit_close(&pair.server);
        ck_assert_int_eq(send_frame(&pair.client, 64, 5), 64);
        kit_wait(pair.loop, &pair.client.n_broken, 1);
        ck_assert_int_eq(pair.client.port->error, -ECONNRESET);
        pair_close(&pair);
}
END_TEST

FIXTURE_MAIN("udp", without_a_cookie_nothing_is_kept_and_little_is_said,
             a_cookie_is_of_no_use_to_another, who_asks_again_is_accepted_once,
             a_new_client_at_the_address_of_one_that_has_gone_takes_its_place,
             an_address_is_taken_as_long_as_somebody_listens, an_answer_comes_from_where_was_asked,
             beyond_this_machine_only_who_says_so_listens,
             who_is_not_at_the_address_cannot_speak_even_with_the_number,
             who_is_at_the_address_cannot_speak_without_the_number,
             what_nobody_knows_is_answered_no_larger, frames_of_any_size_arrive_in_order,
             the_end_comes_behind_all_that_was_sent, the_end_waits_for_what_it_has_overtaken,
             who_does_not_read_lets_in_no_more_and_then_more_again, all_has_arrived_when_it_says_so,
             who_is_silent_is_asked, who_does_not_answer_is_given_up,
             what_came_while_nobody_looked_counts,
             who_has_nobody_at_his_port_any_more_is_found_out_by_the_next_send)
