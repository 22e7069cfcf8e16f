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
        kit_close(&end);
        close(fd);
        pair_close(&pair);
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

FIXTURE_MAIN("udp_trouble", who_asked_more_than_once_before_anybody_looked_is_accepted_once,
             of_two_clients_at_one_address_the_later_one_is_served)
