/* SPDX-License-Identifier: MIT */

/* See udp_port.h. */

#include "transport/udp_port.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/bytes.h"
#include "base/cleanup.h"

#define READ_MAX       64 /* datagrams in one go: others get their turn */
#define ACKNOWLEDGE_NS (5 * 1000000ull)
#define REOPEN_NS      (200 * 1000000ull)  /* asks whether the other side takes something again */
#define END_NS         (100 * 1000000ull)  /* for what the network has kept back, behind the end */
#define HELD_MAX       ((size_t)64 * 1024) /* more than that waits: nothing more is let in */

static struct udp_port *udp_port_of(struct hark_port *port)
{
        return hark_container_of(port, struct udp_port, base.port);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
        return a < b ? a : b;
}

/* --- datagrams -------------------------------------------------------------------------------- */

struct hark_chunk hark_udp_port_chunk(struct udp_port *port, uint8_t kind, size_t size)
{
        struct hark_chunk chunk = {.kind = kind,
                                   .size = (uint16_t)size,
                                   .connection = port->connection,
                                   .sequence = port->out.next,
                                   .acknowledged = port->in.next};

        port->is_full = port->base.inbox.size > HELD_MAX;
        if (port->is_full)
                chunk.flags = HARK_CHUNK_FULL;
        else
                hark_receive_window_let_in(&port->in);
        /* Without what came early it does not say all. */
        if (port->in.early == 0) {
                port->acknowledge_ns = HARK_NEVER;
                port->n_unacknowledged = 0;
        }
        return chunk;
}

static int say(struct udp_port *port, uint8_t kind, const void *bytes, size_t size)
{
        struct hark_chunk chunk = hark_udp_port_chunk(port, kind, size);
        uint8_t header[HARK_CHUNK_HEADER];
        struct iovec iov[2] = {{header, sizeof(header)}, {(void *)(uintptr_t)bytes, size}};

        hark_chunk_encode(&chunk, header);
        return hark_udp_send(port->io.fd, NULL, iov, size > 0 ? 2 : 1);
}

static void acknowledge(struct udp_port *port)
{
        uint8_t early[8];

        hark_store64(early, port->in.early);
        (void)say(port, HARK_CHUNK_ACK, early, port->in.early != 0 ? sizeof(early) : 0);
        port->acknowledge_ns = HARK_NEVER;
        port->n_unacknowledged = 0;
}

/* What it says of us is as old as it is, which does no harm. */
static int send_again(struct udp_port *port, const struct hark_sent_chunk *chunk)
{
        struct iovec iov = {chunk->packet, chunk->size};

        return hark_udp_send(port->io.fd, NULL, &iov, 1);
}

/* --- time ------------------------------------------------------------------------------------- */

static void on_due(struct hark_timer *timer);
static int read_packets(struct udp_port *port, bool until_whole);
static void settle(struct udp_port *port);

void hark_udp_port_schedule(struct udp_port *port)
{
        uint64_t due = earlier(port->heard_ns + HARK_UDP_SILENCE_NS, port->probe_ns);

        due = earlier(due, earlier(port->acknowledge_ns, port->end_ns));
        due = earlier(due, hark_send_window_due_ns(&port->out));
        if (hark_timer_is_running(&port->timer) && port->timer.due_ns <= due)
                return;
        hark_timer_start(port->base.port.loop, &port->timer, due, on_due);
}

static void note_heard(struct udp_port *port, uint64_t now_ns)
{
        bool is_shut = hark_send_window_is_shut(&port->out);

        port->heard_ns = now_ns;
        port->probe_ns = now_ns + (is_shut ? REOPEN_NS : HARK_UDP_PROBE_NS);
}

static void probe(struct udp_port *port, uint64_t now_ns)
{
        bool is_shut = hark_send_window_is_shut(&port->out);

        if (port->probe_ns > now_ns)
                return;
        (void)say(port, HARK_CHUNK_PROBE, NULL, 0);
        port->probe_ns = now_ns + (is_shut ? REOPEN_NS : HARK_UDP_PROBE_NS);
}

/* What was not answered in time is sent again. 0; -EMSGSIZE: the way carries less than it did. */
static int repeat(struct udp_port *port, uint64_t now_ns)
{
        const struct hark_sent_chunk *chunk;

        while ((chunk = hark_send_window_repeat(&port->out, now_ns))) {
                int r = send_again(port, chunk);

                if (r == -EMSGSIZE)
                        return r;
        }
        return 0;
}

/* Or as good as that: nothing arrives there. */
static bool is_silent(const struct udp_port *port, uint64_t now_ns)
{
        return port->heard_ns + HARK_UDP_SILENCE_NS <= now_ns ||
               (!hark_send_window_is_empty(&port->out) &&
                port->came_ns + HARK_UDP_SILENCE_NS <= now_ns);
}

static void on_due(struct hark_timer *timer)
{
        struct udp_port *port = hark_container_of(timer, struct udp_port, timer);
        uint64_t now_ns = hark_now_ns();
        int r = port->failed;

        if (r == 0 && is_silent(port, now_ns))
                r = read_packets(port, false); /* we may have been held up, and it was not */
        if (r == 0 && is_silent(port, now_ns))
                r = -ETIMEDOUT;
        if (r < 0) {
                hark_udp_port_break(port, r);
                return;
        }
        if (port->end_ns <= now_ns) {
                port->end_ns = HARK_NEVER;
                port->base.is_ended = true;
        }
        if (hark_send_window_due_ns(&port->out) <= now_ns)
                hark_send_window_expire(&port->out, now_ns);
        probe(port, now_ns);
        settle(port);
}

/* --- receiving -------------------------------------------------------------------------------- */

static int take_chunk(struct udp_port *port, uint8_t flags, const uint8_t *bytes, size_t size)
{
        return hark_inbox_put(&port->base.inbox, 0, bytes, size, flags & HARK_CHUNK_LAST);
}

static int take_early_ones(struct udp_port *port)
{
        struct hark_held_chunk held;
        int r = 0;

        while (hark_receive_window_take(&port->in, &held)) {
                if (r == 0)
                        r = take_chunk(port, held.flags, held.bytes, held.size);
                free(held.bytes);
        }
        return r;
}

/* What is twice, early or in vain is told at once, so that the other side knows what is missing. */
static void owe(struct udp_port *port, bool at_once, uint64_t now_ns)
{
        uint64_t due_ns = now_ns + ACKNOWLEDGE_NS;

        port->n_unacknowledged++;
        if (at_once || port->n_unacknowledged > 1)
                due_ns = now_ns;
        port->acknowledge_ns = earlier(port->acknowledge_ns, due_ns);
}

static int put_data(struct udp_port *port, const struct hark_chunk *chunk, const uint8_t *bytes,
                    uint64_t now_ns)
{
        enum hark_arrival arrival = hark_receive_window_put(&port->in, chunk->sequence,
                                                            chunk->flags, bytes, chunk->size);
        int r = 0;

        owe(port, arrival != HARK_ARRIVED_IN_ORDER || port->in.early != 0, now_ns);
        if (arrival == HARK_ARRIVED_IN_ORDER) {
                r = take_chunk(port, chunk->flags, bytes, chunk->size);
                if (r == 0)
                        r = take_early_ones(port);
        }
        if (r == 0 && port->end_ns != HARK_NEVER && port->in.next == port->end)
                port->base.is_ended = true;
        return r;
}

/* The last of its chunks may have been overtaken by that. */
static void put_end(struct udp_port *port, const struct hark_chunk *chunk, uint64_t now_ns)
{
        port->end = chunk->sequence;
        port->end_ns = now_ns + END_NS;
        if (port->in.next == port->end)
                port->base.is_ended = true;
}

static int put(struct udp_port *port, const struct hark_chunk *chunk, const uint8_t *bytes)
{
        uint64_t now_ns = hark_now_ns();
        uint64_t early = chunk->kind == HARK_CHUNK_ACK && chunk->size >= 8 ? hark_load64(bytes) : 0;
        uint32_t first = port->out.first;
        int r = hark_send_window_acknowledge(&port->out, chunk->acknowledged, early,
                                             chunk->flags & HARK_CHUNK_FULL, now_ns);

        if (port->out.first != first)
                port->came_ns = now_ns;
        port->has_heard = true;
        note_heard(port, now_ns);
        if (r < 0)
                return r;
        switch (chunk->kind) {
        case HARK_CHUNK_DATA:
                return put_data(port, chunk, bytes, now_ns);
        case HARK_CHUNK_PROBE:
                owe(port, true, now_ns);
                return 0;
        case HARK_CHUNK_CLOSE:
                put_end(port, chunk, now_ns);
                return 0;
        case HARK_CHUNK_RESET:
                return -ECONNRESET;
        default:
                return 0;
        }
}

/* Sends what is owed, or has to be sent again. 0; -errno: it is lost. */
static int attend(struct udp_port *port)
{
        uint64_t now_ns = hark_now_ns();

        if (repeat(port, now_ns) < 0)
                return -ECONNRESET; /* the next connection finds out how much the way carries */
        if (port->acknowledge_ns <= now_ns)
                acknowledge(port);
        hark_udp_port_schedule(port);
        return 0;
}

/* Whether somebody waits for that. */
static bool is_writable(const struct udp_port *port)
{
        if (port->is_finishing)
                return hark_send_window_is_empty(&port->out);
        return port->base.wanted & HARK_PORT_WRITABLE && hark_send_window_has_room(&port->out);
}

static void settle(struct udp_port *port)
{
        int r;

        if (port->base.is_broken)
                return;
        r = attend(port);
        if (r < 0)
                hark_udp_port_break(port, r);
        else
                hark_inbox_port_tell(&port->base, is_writable(port) ? HARK_PORT_WRITABLE : 0);
}

/* --- the socket ------------------------------------------------------------------------------- */

/* What the network says of a chunk of this connection. Returns why it is lost; 0: it is not. */
static int judge(int error)
{
        switch (error) {
        case ECONNREFUSED: /* nobody is at the port any more */
        case EMSGSIZE:     /* the next connection finds out how much the way carries */
                return -ECONNRESET;
        default: /* the way may be open again in a moment */
                return 0;
        }
}

/* A report quotes what did not arrive, and so the connection, which nobody knows who could not see
 * it. */
static int read_errors(struct udp_port *port)
{
        uint8_t packet[HARK_CHUNK_HEADER + 64];
        struct hark_chunk chunk;
        int error, r = 0;
        ssize_t n = 0;

        while (r == 0 && n >= 0) {
                n = hark_udp_receive_error(port->io.fd, packet, sizeof(packet), &error);
                if (n < 0 || !hark_chunk_decode_header(packet, (size_t)n, &chunk))
                        continue;
                if (port->connection != 0 && chunk.connection == port->connection)
                        r = judge(error);
                else if (port->ops->judge_other)
                        r = port->ops->judge_other(port, packet, (size_t)n, error);
        }
        return r;
}

/* Of one who has said goodbye it is no news that he has gone. */
static int note_report(const struct udp_port *port, int report)
{
        return port->base.is_ended ? 0 : report;
}

static int take_packet(struct udp_port *port, const struct hark_udp_path *from,
                       const uint8_t *packet, size_t size)
{
        const uint8_t *bytes = packet + HARK_CHUNK_HEADER;
        struct hark_chunk chunk;

        if (size > HARK_UDP_LOOPBACK || !hark_chunk_decode(packet, size, &chunk))
                return 0;
        if (port->connection != 0 && chunk.connection == port->connection)
                return put(port, &chunk, bytes);
        return port->ops->take_other(port, from, &chunk, bytes);
}

/* until_whole: no more than it takes for a frame. What has come counts although a report says by now
 * that the other side is gone: that is the result only when it has been read. */
static int read_packets(struct udp_port *port, bool until_whole)
{
        const struct hark_inbox *inbox = &port->base.inbox;
        uint8_t packet[HARK_UDP_LOOPBACK + 1]; /* what is larger shows by filling it */
        struct hark_udp_path from;
        int r = 0, report = 0;

        for (unsigned i = 0; i < READ_MAX && r == 0; i++) {
                ssize_t n = hark_udp_receive(port->io.fd, packet, sizeof(packet), &from);

                if (n == -EAGAIN)
                        break;
                if (n >= 0)
                        r = take_packet(port, &from, packet, (size_t)n);
                else if (report == 0)
                        report = read_errors(port);
                if (until_whole && report == 0 && hark_inbox_has_frame(inbox))
                        break;
        }
        return r < 0 ? r : note_report(port, report);
}

static void on_io(struct hark_io *io, uint32_t events)
{
        struct udp_port *port = hark_container_of(io, struct udp_port, io);
        int r = read_packets(port, false);

        if (r == 0 && events & EPOLLERR)
                r = note_report(port, read_errors(port));
        if (r < 0)
                port->ops->lose(port, r);
        else if (port->connection != 0)
                settle(port);
}

int hark_udp_port_watch(struct udp_port *port)
{
        return hark_io_start(port->base.port.loop, &port->io, port->io.fd, EPOLLIN, on_io);
}

/* For whoever reads of his own accord; what else has come with it is told when the loop gathers. */
static void read_now(struct udp_port *port)
{
        int r = read_packets(port, true);

        if (r == 0)
                r = attend(port);
        port->failed = r;
        if (r < 0)
                hark_io_stop(&port->io);
        if (r < 0 || is_writable(port))
                hark_timer_start(port->base.port.loop, &port->timer, hark_now_ns(), on_due);
}

ssize_t hark_udp_port_receive(struct hark_port *base, const struct iovec *iov, unsigned n_iov,
                              struct hark_in_fds *fds)
{
        struct udp_port *port = udp_port_of(base);
        ssize_t n;

        (void)fds;
        if (port->io.loop && !hark_inbox_has_frame(&port->base.inbox) && !port->base.is_ended &&
            !hark_inbox_port_is_telling(&port->base))
                read_now(port);
        if (port->failed < 0 && !hark_inbox_has_frame(&port->base.inbox))
                return port->failed;
        n = hark_inbox_port_take(&port->base, iov, n_iov);
        if (port->is_full && port->base.inbox.size < HELD_MAX / 2)
                acknowledge(port);
        return n;
}

/* --- what is wanted ------------------------------------------------------------------------- */

void hark_udp_port_want(struct hark_port *base, unsigned events)
{
        udp_port_of(base)->base.wanted = events;
}

bool hark_udp_port_has_arrived(struct hark_port *base)
{
        struct udp_port *port = udp_port_of(base);

        port->is_finishing = !hark_send_window_is_empty(&port->out);
        return !port->is_finishing;
}

/* --- life ------------------------------------------------------------------------------------- */

void hark_udp_port_init(struct udp_port *port, const struct udp_port_ops *ops, hark_loop *loop)
{
        hark_inbox_port_init(&port->base, &hark_transport_udp, loop);
        port->ops = ops;
        port->io.fd = -1;
        hark_send_window_init(&port->out);
        hark_receive_window_init(&port->in);
        port->heard_ns = hark_now_ns();
        port->probe_ns = port->acknowledge_ns = port->end_ns = HARK_NEVER;
}

void hark_udp_port_stand(struct udp_port *port, uint64_t connection, size_t packet_size)
{
        port->connection = connection;
        port->packet_size = packet_size;
        note_heard(port, hark_now_ns());
        hark_udp_port_schedule(port);
}

void hark_udp_port_break(struct udp_port *port, int error)
{
        hark_io_stop(&port->io);
        hark_timer_stop(&port->timer);
        hark_inbox_port_break(&port->base, error);
}

/* What has not been acknowledged leaves once more, for nobody will ask for it again. */
static void say_end(struct udp_port *port)
{
        hark_send_window_hurry(&port->out);
        (void)repeat(port, hark_now_ns());
        (void)say(port, HARK_CHUNK_CLOSE, NULL, 0);
}

void hark_udp_port_done(struct udp_port *port)
{
        if (port->connection != 0 && !port->base.is_ended && !port->base.is_broken)
                say_end(port);
        hark_timer_stop(&port->timer);
        hark_io_stop(&port->io);
        hark_udp_close(port->io.fd);
        hark_send_window_done(&port->out);
        hark_receive_window_done(&port->in);
        hark_inbox_port_done(&port->base);
}
