/* SPDX-License-Identifier: MIT */
#ifndef PORT_KIT_H
#define PORT_KIT_H

/* What the tests of transports share: ports and listeners that note what they are told. */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "loop_kit.h"
#include "transport/transport.h"

/* A port, and what it said so far. */
struct kit_port {
        struct hark_port *port;
        unsigned n_opened, n_readable, n_writable, n_broken;
};

/* A listener, and the first ports that it yielded; more are closed, but counted. */
struct kit_listener {
        struct hark_listener *listener;
        struct hark_port *ports[8];
        unsigned n_ports;
};

/* One turn, as a foreign loop takes it: processes what shows, or waits until something does. A
 * waiting hark_loop_process() would sleep on when a chore has done what was waited for. */
static inline void kit_turn(hark_loop *loop, uint64_t end_ns)
{
        ck_assert_msg(kit_is_readable_within(loop, hark_time_left_ms(end_ns)), "nothing happens");
        ck_assert_int_eq(hark_loop_process(loop, 0), 0);
}

static inline void kit_wait(hark_loop *loop, const unsigned *n, unsigned enough)
{
        uint64_t end_ns = hark_deadline_ns(KIT_PATIENCE_MS);

        while (*n < enough)
                kit_turn(loop, end_ns);
}

static inline struct hark_address *kit_address(const char *text)
{
        struct hark_address *address = NULL;
        char why[128] = "";

        ck_assert_msg(hark_address_parse(text, &address, why, sizeof(why)) == 0, "%s: %s", text,
                      why);
        return address;
}

static inline void kit_on_event(struct hark_port *port, unsigned events)
{
        struct kit_port *end = port->userdata;

        end->n_opened += (events & HARK_PORT_OPENED) != 0;
        end->n_readable += (events & HARK_PORT_READABLE) != 0;
        end->n_writable += (events & HARK_PORT_WRITABLE) != 0;
        end->n_broken += (events & HARK_PORT_BROKEN) != 0;
}

static inline void kit_on_port(struct hark_listener *base, struct hark_port *port)
{
        struct kit_listener *listener = base->userdata;

        if (listener->n_ports < sizeof(listener->ports) / sizeof(*listener->ports))
                listener->ports[listener->n_ports] = port;
        else
                hark_port_close(port);
        listener->n_ports++;
}

/* 0 with listener->listener, or what listen says. */
static inline int kit_try_listen(hark_loop *loop, const char *text, struct kit_listener *listener)
{
        struct hark_address *address = kit_address(text);
        int r = address->transport->listen(loop, address, &listener->listener);

        hark_address_free(address);
        if (r < 0)
                return r;
        listener->listener->userdata = listener;
        listener->listener->on_port = kit_on_port;
        return 0;
}

static inline void kit_listen(hark_loop *loop, const char *text, struct kit_listener *listener)
{
        ck_assert_int_eq(kit_try_listen(loop, text, listener), 0);
}

/* 0 with a port that is not started, or what connect says. */
static inline int kit_try_connect(hark_loop *loop, const char *text, struct kit_port *end)
{
        struct hark_address *address = kit_address(text);
        int r;

        *end = (struct kit_port){0};
        r = address->transport->connect(loop, address, &end->port);

        hark_address_free(address);
        return r;
}

static inline void kit_start(struct kit_port *end)
{
        ck_assert_int_eq(hark_port_start(end->port, kit_on_event, end), 0);
        ck_assert_uint_eq(end->n_opened, 0);
}

static inline void kit_connect(hark_loop *loop, const char *text, struct kit_port *end)
{
        ck_assert_int_eq(kit_try_connect(loop, text, end), 0);
        kit_start(end);
}

/* The next port that the listener yields, started and open. */
static inline void kit_accept(hark_loop *loop, struct kit_listener *listener, struct kit_port *end)
{
        kit_wait(loop, &listener->n_ports, 1);
        *end = (struct kit_port){.port = listener->ports[--listener->n_ports]};
        kit_start(end);
        kit_wait(loop, &end->n_opened, 1);
}

static inline void kit_close(struct kit_port *end)
{
        end->port = hark_port_close(end->port);
}

static inline void kit_close_listener(struct kit_listener *listener)
{
        while (listener->n_ports > 0)
                hark_port_close(listener->ports[--listener->n_ports]);
        listener->listener = hark_listener_close(listener->listener);
}

/* Two ends of one connection, both open, and the listener gone again. */
static inline void kit_pair(hark_loop *loop, const char *text, struct kit_port *client,
                            struct kit_port *server)
{
        struct kit_listener listener = {0};

        kit_listen(loop, text, &listener);
        kit_connect(loop, listener.listener->address, client);
        kit_wait(loop, &client->n_opened, 1);
        kit_accept(loop, &listener, server);
        kit_close_listener(&listener);
}

/* As send of the port, for one frame of one piece. */
static inline ssize_t kit_send(struct kit_port *end, const void *bytes, size_t size)
{
        struct hark_out_frame frame = {
                .iov = {{(void *)(uintptr_t)bytes, size}}, .n_iov = 1, .size = size};

        return end->port->transport->send(end->port, &frame, 1);
}

/* As receive of the port, for one piece; fds may be NULL if there must be none. */
static inline ssize_t kit_receive(struct kit_port *end, void *bytes, size_t size,
                                  struct hark_in_fds *fds)
{
        struct iovec iov = {bytes, size};
        struct hark_in_fds none = {.n_fds = 0};
        ssize_t n = end->port->transport->receive(end->port, &iov, 1, fds ? fds : &none);

        ck_assert_uint_eq(none.n_fds, 0);
        return n;
}

/* Processes until so many bytes have come; what comes before the end of a stream is a failure. */
static inline void kit_expect(hark_loop *loop, struct kit_port *end, const void *bytes, size_t size)
{
        uint64_t end_ns = hark_deadline_ns(KIT_PATIENCE_MS);
        char received[4096];
        size_t n_received = 0;

        ck_assert_uint_le(size, sizeof(received));
        while (n_received < size) {
                ssize_t n = kit_receive(end, received + n_received, size - n_received, NULL);

                ck_assert_msg(n > 0 || n == -EAGAIN, "received %zd after %zu bytes", n, n_received);
                if (n > 0)
                        n_received += (size_t)n;
                else
                        kit_turn(loop, end_ns);
        }
        ck_assert_mem_eq(received, bytes, size);
}

/* Processes until receive says so, reading and dropping whatever comes before. */
static inline void kit_expect_end(hark_loop *loop, struct kit_port *end, ssize_t result)
{
        uint64_t end_ns = hark_deadline_ns(KIT_PATIENCE_MS);
        char dropped[4096];
        ssize_t n;

        while ((n = kit_receive(end, dropped, sizeof(dropped), NULL)) > 0 || n == -EAGAIN) {
                if (n == -EAGAIN)
                        kit_turn(loop, end_ns);
        }
        ck_assert_int_eq(n, result);
}

/* Something said at the connection's two ends arrives at the other. */
static inline void kit_talk(hark_loop *loop, struct kit_port *a, struct kit_port *b)
{
        ck_assert_int_eq(kit_send(a, "ping", 4), 4);
        kit_expect(loop, b, "ping", 4);
        ck_assert_int_eq(kit_send(b, "pong", 4), 4);
        kit_expect(loop, a, "pong", 4);
}

#endif
