/* SPDX-License-Identifier: MIT */

/* See memory_port.h. */

#include "memory_port.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct open_port {
        struct hark_port port;
        struct memory_port *memory;
        struct hark_task task;
};

static struct open_port *open_port_of(struct hark_port *port)
{
        return hark_container_of(port, struct open_port, port);
}

static size_t smaller(size_t a, size_t b)
{
        return a < b ? a : b;
}

static void append(struct memory_bytes *to, const void *bytes, size_t size)
{
        if (to->size + size > to->room) {
                to->room = 2 * (to->size + size);
                to->bytes = realloc(to->bytes, to->room);
                if (!to->bytes)
                        abort();
        }
        if (size > 0)
                memcpy(to->bytes + to->size, bytes, size);
        to->size += size;
}

static void drop_first(struct memory_bytes *from, size_t size)
{
        from->size -= size;
        if (size > 0)
                memmove(from->bytes, from->bytes + size, from->size);
}

/* --- events ----------------------------------------------------------------------------------- */

static unsigned pending_events(const struct memory_port *memory)
{
        unsigned events = 0;

        if (!memory->port->is_open)
                events |= HARK_PORT_OPENED;
        if ((memory->wanted & HARK_PORT_READABLE) &&
            (memory->incoming.size > 0 || memory->is_at_end))
                events |= HARK_PORT_READABLE;
        if ((memory->wanted & HARK_PORT_WRITABLE) && memory->room > 0)
                events |= HARK_PORT_WRITABLE;
        if (memory->is_waited_for && !memory->is_on_its_way)
                events |= HARK_PORT_WRITABLE;
        return events;
}

static void queue_events(struct memory_port *memory)
{
        if (!memory->is_closed && pending_events(memory) != 0)
                hark_loop_queue_chore(memory->port->loop, &open_port_of(memory->port)->task);
}

static void tell_events(struct hark_task *task)
{
        struct open_port *open = hark_container_of(task, struct open_port, task);
        struct memory_port *memory = open->memory;
        unsigned events = pending_events(memory);

        open->port.is_open = true;
        if (events != 0)
                open->port.on_event(&open->port, events);
        queue_events(memory);
}

/* --- the transport ---------------------------------------------------------------------------- */

static int start(struct hark_port *port)
{
        queue_events(open_port_of(port)->memory);
        return 0;
}

static ssize_t receive(struct hark_port *port, const struct iovec *iov, unsigned n_iov,
                       struct hark_in_fds *fds)
{
        struct memory_port *memory = open_port_of(port)->memory;
        size_t left = smaller(memory->incoming.size, memory->receive_max);
        size_t size = 0;

        (void)fds;
        memory->n_receives++;
        if (memory->incoming.size == 0)
                return memory->is_at_end ? memory->error : -EAGAIN;
        for (unsigned i = 0; i < n_iov; i++) {
                size_t n = smaller(iov[i].iov_len, left - size);

                memcpy(iov[i].iov_base, memory->incoming.bytes + size, n);
                size += n;
        }
        drop_first(&memory->incoming, size);
        return (ssize_t)size;
}

static void take_piece(struct memory_port *memory, const struct iovec *piece, size_t size)
{
        if (memory->is_discarding)
                memory->n_discarded += size;
        else
                append(&memory->outgoing, piece->iov_base, size);
}

static size_t take_frame(struct memory_port *memory, const struct hark_out_frame *frame, size_t max)
{
        size_t size = 0;

        for (unsigned i = 0; i < frame->n_iov; i++) {
                size_t n = smaller(frame->iov[i].iov_len, max - size);

                take_piece(memory, &frame->iov[i], n);
                size += n;
        }
        if (size > 0)
                memory->n_fds_sent += frame->n_fds;
        return size;
}

static ssize_t send_frames(struct hark_port *port, const struct hark_out_frame *frames,
                           unsigned n_frames)
{
        struct memory_port *memory = open_port_of(port)->memory;
        size_t max = smaller(memory->room, memory->send_max);
        size_t size = 0;

        memory->n_sends++;
        if (memory->send_error != 0)
                return memory->send_error;
        for (unsigned i = 0; i < n_frames; i++)
                size += take_frame(memory, &frames[i], max - size);
        if (memory->room != SIZE_MAX)
                memory->room -= size;
        return size > 0 ? (ssize_t)size : -EAGAIN;
}

static void want(struct hark_port *port, unsigned events)
{
        struct memory_port *memory = open_port_of(port)->memory;

        memory->wanted = events;
        queue_events(memory);
}

static bool has_arrived(struct hark_port *port)
{
        struct memory_port *memory = open_port_of(port)->memory;

        memory->is_waited_for = memory->is_on_its_way;
        return !memory->is_on_its_way;
}

static void set_bulky(struct hark_port *port, bool is_bulky)
{
        struct memory_port *memory = open_port_of(port)->memory;

        memory->is_bulky = is_bulky;
        memory->n_bulky += is_bulky;
}

static void identify(struct hark_port *port, struct hark_credentials *credentials)
{
        (void)port;
        (void)credentials;
}

static void close_port(struct hark_port *port)
{
        struct open_port *open = open_port_of(port);

        hark_task_cancel(&open->task);
        open->memory->is_closed = true;
        open->memory->port = NULL;
        free(open);
}

static const struct hark_transport_ops memory_ops = {
        .public = {.scheme = "memory", .capabilities = HARK_CAN_STREAM | HARK_CAN_PASS_FDS},
        .start = start,
        .receive = receive,
        .send = send_frames,
        .want = want,
        .has_arrived = has_arrived,
        .set_bulky = set_bulky,
        .identify = identify,
        .close = close_port,
};

/* --- the test's end --------------------------------------------------------------------------- */

void memory_port_init(struct memory_port *memory, hark_loop *loop)
{
        struct open_port *open = calloc(1, sizeof(*open));

        if (!open)
                abort();
        *memory = (struct memory_port){
                .port = &open->port,
                .receive_max = SIZE_MAX,
                .send_max = SIZE_MAX,
                .room = SIZE_MAX,
                .wanted = HARK_PORT_READABLE,
        };
        open->memory = memory;
        open->port.transport = &memory_ops;
        open->port.capabilities = memory_ops.public.capabilities;
        open->port.loop = loop;
        hark_task_init(&open->task, tell_events, NULL);
}

void memory_port_done(struct memory_port *memory)
{
        if (!memory->is_closed)
                abort();
        free(memory->incoming.bytes);
        free(memory->outgoing.bytes);
}

void memory_port_put(struct memory_port *memory, const uint8_t *bytes, size_t size)
{
        append(&memory->incoming, bytes, size);
        queue_events(memory);
}

void memory_port_end(struct memory_port *memory, int error)
{
        memory->is_at_end = true;
        memory->error = error;
        queue_events(memory);
}

void memory_port_set_room(struct memory_port *memory, size_t room)
{
        memory->room = room;
        queue_events(memory);
}

void memory_port_arrive(struct memory_port *memory)
{
        memory->is_on_its_way = false;
        queue_events(memory);
}

void memory_port_take(struct memory_port *memory, size_t size)
{
        drop_first(&memory->outgoing, size);
}
