/* SPDX-License-Identifier: MIT */

/* See mq_server.h. */

#include "transport/mq_server.h"

#include <errno.h>
#include <mqueue.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "transport/mq_left.h"
#include "transport/users.h"

#define READ_MAX 64 /* messages in one go: others get their turn */
#define LOOK_NS  1000000000ull

struct mq_listener;

/* The queue, and who is connected over it. */
struct mq_queue {
        unsigned n_refs; /* the listener's, each connection's, and that of who reads */
        int fd;
        char *name;
        uint8_t *buffer; /* for one message */
        size_t message_size;
        struct mq_listener *listener; /* NULL: it has gone */
        struct mq_left *left;         /* who hands on what was left; NULL: there is nothing */
        struct hark_map connections;
        struct hark_list all;
        struct hark_list to_tell; /* for whom something has come */
        struct hark_io io;
        struct hark_timer look;
};

struct mq_listener {
        struct hark_listener base; /* the first member */
        struct mq_queue *queue;
        struct hark_users users;
        bool keeps_queue;
};

struct mq_connection {
        struct mq_port port; /* the first member */
        struct mq_queue *queue;
        struct hark_list link;
        struct hark_list told; /* of the queue's to_tell */
        char client[HARK_MQ_NAME];
};

static void unref_queue(struct mq_queue *queue)
{
        if (--queue->n_refs > 0)
                return;
        if (queue->left)
                queue->left->taker = NULL;
        hark_io_stop(&queue->io);
        hark_timer_stop(&queue->look);
        hark_close(queue->fd);
        hark_map_done(&queue->connections);
        free(queue->name);
        free(queue->buffer);
        free(queue);
}

/* --- connections ------------------------------------------------------------------------------ */

static struct mq_connection *connection_of(struct mq_port *port)
{
        return hark_container_of(port, struct mq_connection, port);
}

static void drain_queue(struct mq_queue *queue);

static void drain(struct mq_port *port)
{
        drain_queue(connection_of(port)->queue);
}

/* The queue of one who has died, which has its name still: if not, the name may be another's. */
static bool is_left_behind(const struct mq_port *port)
{
        struct stat status;

        return hark_mq_port_is_alone(port) && fstat(port->out, &status) == 0 && status.st_nlink > 0;
}

static void close_connection(struct mq_port *port)
{
        struct mq_connection *connection = connection_of(port);

        hark_map_remove(&connection->queue->connections, &port->node);
        hark_list_remove(&connection->link);
        hark_list_remove(&connection->told);
        if (is_left_behind(port))
                (void)mq_unlink(connection->client);
        hark_mq_port_done(port);
        unref_queue(connection->queue);
        free(connection);
}

static int start_server(struct mq_port *port)
{
        int r = hark_mq_port_watch(port);

        if (r == 0)
                hark_inbox_port_open_soon(&port->base);
        return r;
}

static const struct mq_port_ops server_ops = {
        .drain = drain,
        .start = start_server,
        .receive = hark_mq_port_take,
        .send = hark_mq_port_send,
        .close = close_connection,
};

/* out is taken over, also when there is no memory (NULL). */
static struct mq_connection *new_connection(struct mq_queue *queue, int out)
{
        struct mq_connection *connection = calloc(1, sizeof(*connection));
        struct mq_port *port;

        if (!connection) {
                hark_close(out);
                return NULL;
        }
        port = &connection->port;
        hark_mq_port_init(port, &server_ops, queue->listener->base.loop);
        port->is_server = true;
        hark_mq_port_set_out(port, out);
        connection->queue = queue;
        queue->n_refs++;
        hark_list_push_back(&queue->all, &connection->link);
        hark_list_init(&connection->told);
        do {
                (void)!getrandom(&port->connection, sizeof(port->connection), 0);
        } while (port->connection == 0 || hark_map_find(&queue->connections, port->connection));
        hark_map_add(&queue->connections, &port->node, port->connection);
        return connection;
}

static int admit(struct mq_listener *listener, const char *name, int *ret_out)
{
        uid_t client;
        int out, r;

        if (!hark_mq_is_client(listener->queue->name, name))
                return -EPROTO;
        out = hark_mq_open(name, &client);
        if (out < 0)
                return out;
        r = hark_users_check_client(&listener->base, &listener->users, true, client);
        if (r < 0)
                hark_close(out);
        else
                *ret_out = out;
        return r;
}

/* What asks and is none is not answered: whoever wrote it may have named another's queue. */
static void take_opening(struct mq_queue *queue, const struct hark_chunk *chunk,
                         const uint8_t *bytes)
{
        struct mq_listener *listener = queue->listener;
        char name[HARK_MQ_NAME];
        struct mq_connection *connection;
        size_t size = chunk->size;
        int out;

        if (!listener || size <= HARK_MQ_NONCE || size - HARK_MQ_NONCE >= sizeof(name))
                return;
        memcpy(name, bytes + HARK_MQ_NONCE, size - HARK_MQ_NONCE);
        name[size - HARK_MQ_NONCE] = '\0';
        if (admit(listener, name, &out) < 0)
                return;
        connection = new_connection(queue, out);
        if (!connection)
                return;
        memcpy(connection->client, name, sizeof(name));
        if (hark_mq_port_say(&connection->port, HARK_CHUNK_ACCEPT, bytes, HARK_MQ_NONCE) < 0)
                close_connection(&connection->port);
        else
                listener->base.on_port(&listener->base, &connection->port.base.port);
}

/* --- the queue -------------------------------------------------------------------------------- */

/* When all that lies there has been handed over. */
static void tell_later(struct mq_connection *connection)
{
        hark_list_remove(&connection->told);
        hark_list_push_back(&connection->queue->to_tell, &connection->told);
}

static void tell_all(struct mq_queue *queue)
{
        struct hark_list *link;

        while ((link = hark_list_first(&queue->to_tell))) {
                struct mq_connection *connection =
                        hark_container_of(link, struct mq_connection, told);

                hark_list_remove(link);
                hark_inbox_port_tell(&connection->port.base, 0);
        }
}

static void hand_over(struct mq_queue *queue, const struct hark_chunk *chunk, unsigned priority,
                      const uint8_t *bytes)
{
        struct hark_map_node *node = hark_map_find(&queue->connections, chunk->connection);
        struct mq_port *port = node ? hark_container_of(node, struct mq_port, node) : NULL;
        int r;

        if (!port || port->base.is_broken)
                return;
        r = hark_mq_port_put(port, chunk, priority, bytes);
        if (r < 0)
                hark_mq_port_break(port, r);
        else
                tell_later(connection_of(port));
}

/* What nobody is there to take when the server has stopped to listen is lost. */
static void take_left(struct mq_queue *queue, const struct hark_chunk *chunk, uint8_t *bytes)
{
        struct mq_listener *listener = queue->listener;
        bool is_new = !queue->left;

        if (!listener)
                return;
        if (is_new && !hark_mq_left_new(listener->base.loop, &queue->left))
                return;
        if (!hark_mq_left_put(queue->left, bytes, chunk->size) && is_new)
                hark_port_close(&queue->left->port.base.port);
        else if (is_new)
                listener->base.on_port(&listener->base, &queue->left->port.base.port);
}

static void take_message(struct mq_queue *queue, size_t size, unsigned priority)
{
        uint8_t *bytes = queue->buffer + HARK_CHUNK_HEADER;
        struct hark_chunk chunk;

        if (!hark_chunk_decode(queue->buffer, size, &chunk))
                return;
        if (chunk.kind == HARK_CHUNK_OPEN)
                take_opening(queue, &chunk, bytes);
        else if (chunk.kind == HARK_CHUNK_LEFT)
                take_left(queue, &chunk, bytes);
        else if (chunk.connection != 0)
                hand_over(queue, &chunk, priority, bytes);
}

/* Returns whether there was a message. */
static bool read_one(struct mq_queue *queue)
{
        unsigned priority = 0;
        ssize_t n = mq_receive(queue->fd, (char *)queue->buffer, queue->message_size, &priority);

        if (n < 0)
                return errno == EINTR;
        take_message(queue, (size_t)n, priority);
        return true;
}

/* Not now: whoever has the queue read goes on with one of them. */
static void tell_all_soon(struct mq_queue *queue)
{
        struct hark_list *link;

        while ((link = hark_list_first(&queue->to_tell))) {
                hark_list_remove(link);
                hark_inbox_port_tell_soon(
                        &hark_container_of(link, struct mq_connection, told)->port.base);
        }
        if (queue->left)
                hark_inbox_port_tell_soon(&queue->left->port.base);
}

/* All that lies there now, and so all that one who has died has sent. */
static void drain_queue(struct mq_queue *queue)
{
        struct mq_attr attributes;
        long n = mq_getattr(queue->fd, &attributes) == 0 ? attributes.mq_curmsgs : 0;

        queue->n_refs++;
        while (n-- > 0 && read_one(queue))
                ;
        tell_all_soon(queue);
        unref_queue(queue);
}

/* A close for which there was no room. */
static void on_look(struct hark_timer *timer)
{
        struct mq_queue *queue = hark_container_of(timer, struct mq_queue, look);

        hark_list_for_each (link, &queue->all) {
                struct mq_connection *connection =
                        hark_container_of(link, struct mq_connection, link);

                if (!hark_mq_port_is_alone(&connection->port))
                        continue;
                connection->port.base.is_ended = true;
                tell_later(connection);
        }
        queue->n_refs++;
        tell_all(queue);
        unref_queue(queue);
}

static void on_readable(struct hark_io *io, uint32_t events)
{
        struct mq_queue *queue = hark_container_of(io, struct mq_queue, io);
        unsigned n = 0;

        (void)events;
        queue->n_refs++;
        while (n < READ_MAX && !(queue->left && hark_mq_left_is_full(queue->left)) &&
               read_one(queue))
                n++;
        tell_all(queue);
        if (queue->left)
                hark_inbox_port_tell(&queue->left->port.base, 0);
        if (n >= HARK_MQ_FULL && !hark_timer_is_running(&queue->look) && queue->io.loop)
                hark_timer_start(queue->io.loop, &queue->look, hark_now_ns() + LOOK_NS, on_look);
        unref_queue(queue);
}

/* --- listeners -------------------------------------------------------------------------------- */

void hark_mq_close_listener(struct hark_listener *base)
{
        struct mq_listener *listener = hark_container_of(base, struct mq_listener, base);
        struct mq_queue *queue = listener->queue;

        if (queue && queue->fd >= 0) {
                if (!listener->keeps_queue)
                        (void)mq_unlink(queue->name);
                hark_mq_sweep(queue->name);
        }
        if (queue) {
                queue->listener = NULL;
                unref_queue(queue);
        }
        free(base->address);
        free(listener);
}

static struct mq_queue *new_queue(const char *name)
{
        struct mq_queue *queue = calloc(1, sizeof(*queue));

        if (!queue)
                return NULL;
        queue->n_refs = 1;
        queue->fd = -1;
        hark_list_init(&queue->all);
        hark_list_init(&queue->to_tell);
        queue->name = strdup(name);
        if (queue->name)
                return queue;
        unref_queue(queue);
        return NULL;
}

static int open_queue(struct mq_queue *queue, hark_loop *loop, mode_t mode)
{
        queue->fd = hark_mq_take(loop, queue->name, mode);
        if (queue->fd < 0)
                return queue->fd;
        hark_mq_sweep(queue->name);
        queue->message_size = hark_mq_message_size(queue->fd);
        queue->buffer = malloc(queue->message_size);
        if (!queue->buffer)
                return -ENOMEM;
        return hark_io_start(loop, &queue->io, queue->fd, EPOLLIN, on_readable);
}

int hark_mq_listen(hark_loop *loop, const struct hark_address *address,
                   struct hark_listener **ret_listener)
{
        struct mq_listener *listener = calloc(1, sizeof(*listener));
        int r = -ENOMEM;

        if (!listener)
                return r;
        listener->base.transport = &hark_transport_mq;
        listener->base.loop = loop;
        listener->base.address = hark_address_bare_text(address);
        listener->users = hark_users(address);
        listener->keeps_queue = address->keeps;
        listener->queue = new_queue(address->path);
        if (listener->base.address && listener->queue) {
                listener->queue->listener = listener;
                r = open_queue(listener->queue, loop, address->has_mode ? address->mode : 0600);
        }
        if (r < 0)
                hark_mq_close_listener(&listener->base);
        else
                *ret_listener = &listener->base;
        return r;
}
