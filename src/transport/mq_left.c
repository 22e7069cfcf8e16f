/* SPDX-License-Identifier: MIT */

/* See mq_left.h. */

#include "transport/mq_left.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <hark/types.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "link/pose.h"
#include "transport/users.h"
#include "wire/frame.h"

#define ID_AT 8 /* of a frame, in its header */

/* What the name and extensions of what is left may take of a message. */
#define PREFIX_MAX 512

static void drain_nothing(struct mq_port *port)
{
        (void)port;
}

/* --- leaving ---------------------------------------------------------------------------------- */

static bool may_be_left(const struct hark_header *header)
{
        if (header->flags & (HARK_FLAG_MORE | HARK_FLAG_CONTINUED) || header->n_fds > 0)
                return false;
        return (header->type == HARK_FRAME_REQUEST && header->flags & HARK_FLAG_ONE_WAY) ||
               header->type == HARK_FRAME_PUBLISH;
}

static int refuse(struct mq_port *port, const struct hark_header *header, const uint8_t *frame,
                  bool is_too_large)
{
        char name[HARK_NAME_MAX + 1] = "";

        memcpy(name, frame + HARK_HEADER_SIZE, header->name_size);
        if (is_too_large)
                return hark_pose_refusal(&port->base.inbox, header, name, HARK_RESOURCE_EXHAUSTED,
                                         "larger than a message of the queue may be");
        return hark_pose_refusal(&port->base.inbox, header, name, HARK_UNIMPLEMENTED,
                                 "in a queue only what expects no answer can be left");
}

static int put_left(struct mq_port *port, const uint8_t *frame, size_t size, unsigned priority)
{
        uint8_t message[HARK_MQ_SIZE_MAX];
        struct hark_chunk chunk = {
                .kind = HARK_CHUNK_LEFT, .flags = HARK_CHUNK_LAST, .size = (uint16_t)size};

        hark_chunk_encode(&chunk, message);
        memcpy(message + HARK_CHUNK_HEADER, frame, size);
        return hark_mq_put(port->out, message, HARK_CHUNK_HEADER + size, priority);
}

/* One frame. 0; -EAGAIN: the queue is full; -errno. */
static int leave_frame(struct mq_port *port, const uint8_t *frame, size_t size)
{
        struct hark_header header;
        const char *why;

        if (hark_header_decode(frame, &header, &why) < 0)
                return -EPROTO; /* it is our own */
        if (may_be_left(&header) && size <= port->chunk_size)
                return put_left(port, frame, size, header.priority);
        switch (header.type) {
        case HARK_FRAME_HELLO:
                return hark_pose_hello(&port->base.inbox, NULL, port->chunk_size - PREFIX_MAX);
        case HARK_FRAME_PING:
                return hark_pose_pong(&port->base.inbox, header.id);
        case HARK_FRAME_REQUEST:
        case HARK_FRAME_SUBSCRIBE:
        case HARK_FRAME_PUBLISH:
        case HARK_FRAME_WITHDRAWN:
                return refuse(port, &header, frame, may_be_left(&header));
        default:
                return 0;
        }
}

static ssize_t send_left(struct mq_port *port, const struct hark_out_frame *frames,
                         unsigned n_frames)
{
        size_t sent = 0;

        for (unsigned i = 0; i < n_frames; i++) {
                uint8_t bytes[HARK_MQ_FRAME];
                int r;

                hark_out_frame_copy(&frames[i], 0, frames[i].size, bytes);
                r = leave_frame(port, bytes, frames[i].size);
                if (r < 0 && sent == 0)
                        return r;
                if (r < 0)
                        break;
                sent += frames[i].size;
        }
        if (hark_inbox_has_frame(&port->base.inbox))
                hark_inbox_port_tell_soon(&port->base);
        return (ssize_t)sent;
}

static int start_leaving(struct mq_port *port)
{
        int r = hark_mq_port_watch_queue(port);

        if (r == 0)
                hark_inbox_port_open_soon(&port->base);
        return r;
}

static void close_leaving(struct mq_port *port)
{
        hark_mq_port_done(port);
        free(port);
}

static const struct mq_port_ops leaving_ops = {
        .drain = drain_nothing,
        .start = start_leaving,
        .receive = hark_mq_port_take,
        .send = send_left,
        .close = close_leaving,
};

static int open_left(struct mq_port *port, const struct hark_address *address)
{
        struct hark_users users = hark_users(address);
        uid_t server;
        int out = hark_mq_open_to_leave(address->path, &server);

        if (out == -ENOENT)
                hark_log(hark_loop_log(port->base.port.loop), LOG_ERR,
                         "there is no queue mq:%s to leave anything in: a server makes it, and one "
                         "at mq:%s?keep lets it stay",
                         address->path, address->path);
        if (out < 0)
                return out;
        hark_mq_port_set_queue(port, out);
        if (port->chunk_size < HARK_MESSAGE_SIZE_MIN + PREFIX_MAX)
                return -EMSGSIZE;
        return hark_users_check_server(&port->base.port, NULL, address->path, &users, server);
}

int hark_mq_leave(hark_loop *loop, const struct hark_address *address, struct hark_port **ret_port)
{
        struct mq_port *port = calloc(1, sizeof(*port));
        int r;

        if (!port)
                return -ENOMEM;
        hark_mq_port_init(port, &leaving_ops, loop);
        r = open_left(port, address);
        if (r < 0)
                close_leaving(port);
        else
                *ret_port = &port->base.port;
        return r;
}

/* --- taking what was left --------------------------------------------------------------------- */

static struct mq_left *left_of(struct mq_port *port)
{
        return hark_container_of(port, struct mq_left, port);
}

/* It has been let in, and goes when it has handed on what there is; or it has been turned away. */
static ssize_t send_to_left(struct mq_port *port, const struct hark_out_frame *frames,
                            unsigned n_frames)
{
        size_t sent = 0;

        for (unsigned i = 0; i < n_frames; i++)
                sent += frames[i].size;
        port->base.is_ended = true;
        hark_inbox_port_tell_soon(&port->base);
        return (ssize_t)sent;
}

static int start_left(struct mq_port *port)
{
        hark_inbox_port_open_soon(&port->base);
        return 0;
}

static void close_left(struct mq_port *port)
{
        struct mq_left *left = left_of(port);

        if (left->taker)
                *left->taker = NULL;
        hark_mq_port_done(port);
        free(left);
}

static const struct mq_port_ops left_ops = {
        .drain = drain_nothing,
        .start = start_left,
        .receive = hark_mq_port_take,
        .send = send_to_left,
        .close = close_left,
};

struct mq_left *hark_mq_left_new(hark_loop *loop, struct mq_left **taker)
{
        struct mq_left *left = calloc(1, sizeof(*left));

        if (!left)
                return NULL;
        hark_mq_port_init(&left->port, &left_ops, loop);
        left->taker = taker;
        *taker = left;
        if (hark_pose_hello(&left->port.base.inbox, "left", HARK_MQ_SIZE_MAX) == 0)
                return left;
        close_left(&left->port);
        return NULL;
}

bool hark_mq_left_is_full(const struct mq_left *left)
{
        return left->port.base.inbox.size > HARK_MQ_WINDOW;
}

bool hark_mq_left_put(struct mq_left *left, uint8_t *frame, size_t size)
{
        struct hark_header header;
        const char *why;

        if (size < HARK_HEADER_SIZE || hark_header_decode(frame, &header, &why) < 0 ||
            !may_be_left(&header))
                return false;
        /* Those of several may have the same. */
        hark_store32(frame + ID_AT, ++left->n);
        return hark_inbox_put(&left->port.base.inbox, 0, frame, size, true) == 0;
}
