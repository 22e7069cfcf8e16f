/* SPDX-License-Identifier: MIT */

/*
 * mq:/name: POSIX message queues, mq_overview(7). mq_queue.h says which queues there are, mq_port.h
 * how a connection runs over two of them. It begins like this:
 *
 *         client                                        server
 *         makes its queue
 *         OPEN: its queue's name, a number  ----->      opens that queue, and looks whose it is
 *                                           <-----      ACCEPT: that number, the connection's
 *
 * The number is known to nobody but who reads the server's queue, and the connection's to nobody but
 * who reads the client's: so nobody else can speak as either, although others may be able to write
 * to both queues.
 */

#include <errno.h>
#include <mqueue.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>

#include "base/cleanup.h"
#include "transport/mq_left.h"
#include "transport/mq_port.h"
#include "transport/mq_server.h"
#include "transport/users.h"

struct mq_client {
        struct mq_port port; /* the first member */
        int own;             /* our queue; -1: none */
        char own_name[HARK_MQ_NAME];
        unsigned n_in_a_row; /* messages that were read since it was last seen empty */
        uint8_t nonce[HARK_MQ_NONCE];
        struct hark_io readable;
        struct hark_io asking; /* until the server's queue has room */
};

static struct mq_client *client_of(struct mq_port *port)
{
        return hark_container_of(port, struct mq_client, port);
}

/* --- receiving -------------------------------------------------------------------------------- */

static void accept_connection(struct mq_client *client, const struct hark_chunk *chunk,
                              const uint8_t *bytes)
{
        struct mq_port *port = &client->port;

        if (port->connection != 0 || chunk->connection == 0 || chunk->size != HARK_MQ_NONCE ||
            memcmp(bytes, client->nonce, HARK_MQ_NONCE) != 0)
                return;
        port->connection = chunk->connection;
}

/* Others may write here, too: what does not have the connection's number is not heeded. */
static int take_message(struct mq_client *client, const uint8_t *message, size_t size,
                        unsigned priority)
{
        const uint8_t *bytes = message + HARK_CHUNK_HEADER;
        struct hark_chunk chunk;

        if (!hark_chunk_decode(message, size, &chunk))
                return 0;
        if (chunk.kind == HARK_CHUNK_ACCEPT) {
                accept_connection(client, &chunk, bytes);
                return 0;
        }
        if (chunk.connection != client->port.connection || chunk.connection == 0)
                return 0;
        return hark_mq_port_put(&client->port, &chunk, priority, bytes);
}

/* A close for which there was no room shows only now. */
static int look_for_end(struct mq_client *client)
{
        if (client->n_in_a_row >= HARK_MQ_FULL && client->port.connection != 0 &&
            !hark_mq_port_is_held(client->own))
                client->port.base.is_ended = true;
        client->n_in_a_row = 0;
        return -EAGAIN;
}

/* Reads one message. 0; -EAGAIN: there is none; -EPROTO, ... */
static int read_one(struct mq_client *client)
{
        uint8_t message[HARK_MQ_SIZE_MAX];
        unsigned priority = 0;
        ssize_t n = mq_receive(client->own, (char *)message, sizeof(message), &priority);

        if (n < 0 && errno == EINTR)
                return 0;
        if (n < 0)
                return errno == EAGAIN ? look_for_end(client) : -errno;
        client->n_in_a_row++;
        return take_message(client, message, (size_t)n, priority);
}

static void on_readable(struct hark_io *io, uint32_t events)
{
        struct mq_client *client = hark_container_of(io, struct mq_client, readable);
        struct hark_port *port = &client->port.base.port;

        (void)events;
        if (port->is_open) {
                port->on_event(port, HARK_PORT_READABLE);
                return;
        }
        (void)read_one(client);
        if (client->port.connection != 0)
                hark_inbox_port_tell(&client->port.base, 0);
}

static void drain_client(struct mq_port *port)
{
        (void)port; /* its own queue is read as long as the connection is */
}

static ssize_t receive_client(struct mq_port *port, const struct iovec *iov, unsigned n_iov)
{
        struct mq_client *client = client_of(port);
        int r = 0;

        while (r == 0 && !hark_inbox_has_frame(&port->base.inbox) && !port->base.is_ended)
                r = read_one(client);
        if (r < 0 && r != -EAGAIN)
                return r;
        return hark_mq_port_take(port, iov, n_iov);
}

/* --- opening ---------------------------------------------------------------------------------- */

static int ask(struct mq_client *client)
{
        uint8_t bytes[HARK_MQ_NONCE + HARK_MQ_NAME];
        size_t size = strlen(client->own_name);

        memcpy(bytes, client->nonce, HARK_MQ_NONCE);
        memcpy(bytes + HARK_MQ_NONCE, client->own_name, size);
        return hark_mq_port_say(&client->port, HARK_CHUNK_OPEN, bytes, HARK_MQ_NONCE + size);
}

static void on_asking(struct hark_io *io, uint32_t events)
{
        struct mq_client *client = hark_container_of(io, struct mq_client, asking);
        int r = ask(client);

        (void)events;
        if (r == -EAGAIN)
                return;
        hark_io_stop(io);
        if (r == 0)
                r = hark_mq_port_watch(&client->port);
        if (r < 0)
                hark_mq_port_break(&client->port, r);
}

static void close_client(struct mq_port *port)
{
        struct mq_client *client = client_of(port);

        hark_io_stop(&client->readable);
        hark_io_stop(&client->asking);
        hark_mq_port_done(port);
        if (client->own >= 0)
                (void)mq_unlink(client->own_name);
        hark_close(client->own);
        free(client);
}

static int start_client(struct mq_port *port)
{
        struct mq_client *client = client_of(port);
        hark_loop *loop = port->base.port.loop;
        int r = hark_io_start(loop, &client->readable, client->own, EPOLLIN, on_readable);

        if (r == 0)
                r = hark_io_start(loop, &client->asking, client->port.out, EPOLLOUT, on_asking);
        return r;
}

static const struct mq_port_ops client_ops = {
        .drain = drain_client,
        .start = start_client,
        .receive = receive_client,
        .send = hark_mq_port_send,
        .close = close_client,
};

static int open_queues(struct mq_client *client, const struct hark_address *address)
{
        struct hark_users users = hark_users(address);
        struct mq_port *port = &client->port;
        uid_t server;
        int out = hark_mq_open(address->path, &server), r;

        if (out < 0)
                return out;
        hark_mq_port_set_out(port, out);
        r = hark_users_check_server(&port->base.port, NULL, address->path, &users, server);
        if (r < 0)
                return r;
        if (getrandom(client->nonce, HARK_MQ_NONCE, 0) != HARK_MQ_NONCE)
                return -EIO; /* so few bytes are never cut by a signal, see getrandom(2) */
        client->own = hark_mq_make(port->base.port.loop, address->path, server, client->own_name);
        return client->own < 0 ? client->own : 0;
}

static int connect_mq(hark_loop *loop, const struct hark_address *address,
                      struct hark_port **ret_port)
{
        struct mq_client *client;
        int r;

        if (address->leaves)
                return hark_mq_leave(loop, address, ret_port);
        client = calloc(1, sizeof(*client));
        if (!client)
                return -ENOMEM;
        hark_mq_port_init(&client->port, &client_ops, loop);
        client->own = -1;
        r = open_queues(client, address);
        if (r < 0) {
                close_client(&client->port);
                return r;
        }
        *ret_port = &client->port.base.port;
        return 0;
}

/* --- both sides ------------------------------------------------------------------------------- */

static struct mq_port *mq_port_of(struct hark_port *port)
{
        return hark_container_of(port, struct mq_port, base.port);
}

static int start_mq(struct hark_port *base)
{
        struct mq_port *port = mq_port_of(base);

        return port->ops->start(port);
}

static ssize_t send_mq(struct hark_port *base, const struct hark_out_frame *frames,
                       unsigned n_frames)
{
        struct mq_port *port = mq_port_of(base);

        return port->ops->send(port, frames, n_frames);
}

static ssize_t receive_mq(struct hark_port *base, const struct iovec *iov, unsigned n_iov,
                          struct hark_in_fds *fds)
{
        struct mq_port *port = mq_port_of(base);

        (void)fds;
        return port->ops->receive(port, iov, n_iov);
}

static void close_mq(struct hark_port *base)
{
        struct mq_port *port = mq_port_of(base);

        port->ops->close(port);
}

static int parse_mq(struct hark_address *address, const char *body, size_t body_size, char *why,
                    size_t why_size)
{
        address->path = hark_address_decode(body, body_size, &address->path_size);
        if (!address->path)
                return -ENOMEM;
        if (address->path_size < 2 || address->path[0] != '/' || strchr(address->path + 1, '/'))
                return hark_address_complain(why, why_size,
                                             "name: '%.*s' is none; expected mq:/NAME",
                                             hark_quoted(address->path_size), address->path);
        if (address->path_size > HARK_MQ_SERVER_NAME)
                return hark_address_complain(why, why_size,
                                             "name: has %zu bytes; expected at most %d",
                                             address->path_size, HARK_MQ_SERVER_NAME);
        return 0;
}

const struct hark_transport_ops hark_transport_mq = {
        .public = {.scheme = "mq",
                   .syntax = "mq:/name",
                   .capabilities = HARK_CAN_IDENTIFY | HARK_CAN_SEE_DEATH | HARK_CAN_PRIORITISE,
                   .max_frame = HARK_MQ_FRAME,
                   .peer_death = "at once; a close, at most within a second",
                   .credentials = "uid, gid, pid, pidfd",
                   .memory_per_connection = 15 * 1024,
                   .fds_per_connection = 3},
        .options = HARK_OPTION_UID | HARK_OPTION_MODE | HARK_OPTION_KEEP | HARK_OPTION_LEAVE,
        .parse = parse_mq,
        .listen = hark_mq_listen,
        .close_listener = hark_mq_close_listener,
        .connect = connect_mq,
        .start = start_mq,
        .receive = receive_mq,
        .send = send_mq,
        .want = hark_mq_port_want,
        .identify = hark_mq_port_identify,
        .close = close_mq,
};
