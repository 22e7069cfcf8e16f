/* SPDX-License-Identifier: MIT */
#ifndef UDP_KIT_H
#define UDP_KIT_H

/* What the tests of udp: share: a connection whose ends can be looked into, and strangers. */

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/bytes.h"
#include "port_kit.h"
#include "transport/udp_opening.h"
#include "transport/udp_port.h"
#include "wire/frame.h"

/* --- frames ----------------------------------------------------------------------------------- */

/* A pong of so many bytes in all, which says what it is with its first byte of payload. */
static inline void make_frame(uint8_t *frame, size_t size, uint8_t mark)
{
        struct hark_header header = {.type = HARK_FRAME_PONG,
                                     .size = (uint32_t)(size - HARK_HEADER_SIZE)};

        memset(frame, mark, size);
        hark_header_encode(&header, frame);
}

static inline ssize_t send_frame(struct kit_port *end, size_t size, uint8_t mark)
{
        static uint8_t frame[HARK_UDP_FRAME];

        make_frame(frame, size, mark);
        return kit_send(end, frame, size);
}

static inline void expect_frame(hark_loop *loop, struct kit_port *end, size_t size, uint8_t mark)
{
        static uint8_t expected[HARK_UDP_FRAME], frame[HARK_UDP_FRAME];
        uint64_t end_ns = hark_deadline_ns(KIT_PATIENCE_MS);
        ssize_t n;

        make_frame(expected, size, mark);
        while ((n = kit_receive(end, frame, sizeof(frame), NULL)) == -EAGAIN)
                kit_turn(loop, end_ns);
        ck_assert_int_eq(n, (ssize_t)size);
        ck_assert_mem_eq(frame, expected, size);
}

/* --- a client, a server's end, and where that came from --------------------------------------- */

struct pair {
        hark_loop *loop;
        struct kit_listener listener;
        struct kit_port client, server;
};

static inline void pair_open_at(struct pair *pair, const char *address)
{
        *pair = (struct pair){.loop = kit_new_loop()};
        kit_listen(pair->loop, address, &pair->listener);
        kit_connect(pair->loop, pair->listener.listener->address, &pair->client);
        kit_accept(pair->loop, &pair->listener, &pair->server);
        kit_wait(pair->loop, &pair->client.n_opened, 1);
}

static inline void pair_open(struct pair *pair)
{
        pair_open_at(pair, "udp:127.0.0.1:0");
}

static inline void pair_close(struct pair *pair)
{
        kit_close(&pair->client);
        kit_close(&pair->server);
        kit_close_listener(&pair->listener);
        hark_loop_unref(pair->loop);
}

static inline struct udp_port *inside(struct kit_port *end)
{
        return hark_container_of(end->port, struct udp_port, base.port);
}

/* Has the client send to a server that does not read, until nothing moves any more: the window is
 * shut, and all is acknowledged. Returns how many frames of SHUT_SIZE that were, marked from 0 on. */
#define SHUT_SIZE 4096
static inline unsigned send_until_shut(struct pair *pair)
{
        struct hark_port *client = pair->client.port, *server = pair->server.port;
        unsigned n_sent = 0;

        server->transport->want(server, 0);
        client->transport->want(client, HARK_PORT_READABLE | HARK_PORT_WRITABLE);
        while (!hark_send_window_is_shut(&inside(&pair->client)->out)) {
                if (send_frame(&pair->client, SHUT_SIZE, (uint8_t)n_sent) == SHUT_SIZE)
                        n_sent++;
                else
                        kit_turn(pair->loop, hark_deadline_ns(KIT_PATIENCE_MS));
        }
        return n_sent;
}

static inline void expect_unharmed(struct pair *pair)
{
        ck_assert_int_eq(send_frame(&pair->client, 64, 1), 64);
        expect_frame(pair->loop, &pair->server, 64, 1);
        ck_assert_int_eq(send_frame(&pair->server, 64, 2), 64);
        expect_frame(pair->loop, &pair->client, 64, 2);
        ck_assert_uint_eq(pair->client.n_broken + pair->server.n_broken, 0);
}

/* --- a stranger: a socket, and datagrams by hand ---------------------------------------------- */

static inline struct sockaddr_in name_of(const char *address)
{
        struct sockaddr_in name = {.sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

        name.sin_port = htons((uint16_t)atoi(strrchr(address, ':') + 1));
        return name;
}

/* A socket of UDP; where it is. */
static inline int bind_anywhere(struct sockaddr_in *ret_name)
{
        struct sockaddr_in name = {.sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t size = sizeof(name);
        int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        ck_assert_int_eq(bind(fd, (struct sockaddr *)&name, size), 0);
        ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&name, &size), 0);
        *ret_name = name;
        return fd;
}

static inline int stranger_new(const struct kit_listener *listener)
{
        struct sockaddr_in server = name_of(listener->listener->address);
        int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(connect(fd, (struct sockaddr *)&server, sizeof(server)), 0);
        return fd;
}

static inline void ask(int fd, uint64_t nonce, uint64_t cookie, size_t size)
{
        struct hark_udp_opening opening = {nonce, cookie};
        uint8_t packet[HARK_UDP_LOOPBACK];

        hark_udp_opening_encode(&opening, HARK_CHUNK_OPEN, 0, packet, size);
        ck_assert_int_eq(send(fd, packet, size, 0), (ssize_t)size);
}

static inline void say(int fd, uint8_t kind, uint64_t connection)
{
        struct hark_chunk chunk = {.kind = kind, .connection = connection};
        uint8_t packet[HARK_CHUNK_HEADER];

        hark_chunk_encode(&chunk, packet);
        ck_assert_int_eq(send(fd, packet, sizeof(packet), 0), sizeof(packet));
}

struct heard {
        struct hark_chunk chunk;
        struct hark_udp_opening opening;
        size_t size;
};

static inline bool is_there(int fd)
{
        struct pollfd pollfd = {.fd = fd, .events = POLLIN};

        return poll(&pollfd, 1, 0) == 1;
}

static inline struct heard hear(hark_loop *loop, int fd)
{
        uint64_t end_ns = hark_deadline_ns(KIT_PATIENCE_MS);
        uint8_t packet[HARK_UDP_LOOPBACK];
        struct heard heard = {.size = 0};
        ssize_t n;

        while (!is_there(fd))
                kit_turn(loop, end_ns);
        n = recv(fd, packet, sizeof(packet), 0);
        ck_assert(hark_chunk_decode(packet, (size_t)n, &heard.chunk));
        heard.size = (size_t)n;
        (void)hark_udp_opening_decode(&heard.chunk, packet + HARK_CHUNK_HEADER, &heard.opening);
        return heard;
}

static inline uint64_t get_cookie(hark_loop *loop, int fd, uint64_t nonce)
{
        struct heard heard;

        ask(fd, nonce, 0, HARK_UDP_LEAST);
        heard = hear(loop, fd);
        ck_assert_uint_eq(heard.chunk.kind, HARK_CHUNK_COOKIE);
        ck_assert_uint_eq(heard.opening.nonce, nonce);
        return heard.opening.cookie;
}

static inline uint64_t get_accepted(hark_loop *loop, int fd, uint64_t nonce)
{
        struct heard heard;

        ask(fd, nonce, get_cookie(loop, fd, nonce), HARK_UDP_COMMON);
        heard = hear(loop, fd);
        ck_assert_uint_eq(heard.chunk.kind, HARK_CHUNK_ACCEPT);
        return heard.chunk.connection;
}

#endif
