/* SPDX-License-Identifier: MIT */

/* See udp_server.h. */

#include "transport/udp_server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>

#include "base/cleanup.h"
#include "base/map.h"
#include "transport/inet_listen.h"
#include "transport/udp_opening.h"
#include "transport/udp_port.h"

#define READ_MAX 64 /* datagrams in one go: others get their turn */

struct udp_listener {
        struct hark_listener base; /* the first member */
        struct hark_io io;
        int claim; /* of the address */
        struct hark_cookie_key key;
        struct hark_map connections; /* by what key_of() says */
        bool *is_closed;             /* of what is going on with it, which may close it; or NULL */
};

struct udp_connection {
        struct udp_port port;          /* the first member */
        struct udp_listener *listener; /* NULL: it has gone */
        struct hark_map_node node;
        struct hark_udp_path path; /* of what has opened it */
        uint64_t nonce;
};

static struct udp_connection *connection_of(struct udp_port *port)
{
        return hark_container_of(port, struct udp_connection, port);
}

/* --- opening ---------------------------------------------------------------------------------- */

/* Whoever asks, at the listener's socket or at that of a connection. */
struct asking {
        struct udp_listener *listener;
        struct hark_udp_path path;
        struct hark_udp_opening opening;
        size_t packet_size;
        uint8_t key[HARK_UDP_OPENING_KEY];
};

/* false: it is none. What is smaller than its answers is not answered. */
static bool read_asking(struct asking *asking, struct udp_listener *listener,
                        const struct hark_udp_path *path, const struct hark_chunk *chunk,
                        const uint8_t *bytes)
{
        asking->listener = listener;
        asking->path = *path;
        asking->packet_size = HARK_CHUNK_HEADER + (size_t)chunk->size;
        if (chunk->kind != HARK_CHUNK_OPEN || asking->packet_size < HARK_UDP_LEAST ||
            !hark_udp_opening_decode(chunk, bytes, &asking->opening))
                return false;
        hark_udp_opening_key(&path->peer, asking->opening.nonce, asking->key);
        return true;
}

static bool has_cookie(const struct asking *asking)
{
        return hark_cookie_is_good(&asking->listener->key, asking->key, sizeof(asking->key),
                                   hark_now_ns(), asking->opening.cookie);
}

static void answer(const struct asking *asking, uint8_t kind, uint64_t connection, size_t size)
{
        uint8_t packet[HARK_UDP_LOOPBACK];
        struct iovec iov = {packet, size};

        hark_udp_opening_encode(&asking->opening, kind, connection, packet, size);
        (void)hark_udp_send(asking->listener->io.fd, &asking->path, &iov, 1);
}

static void give_cookie(struct asking *asking)
{
        asking->opening.cookie = hark_cookie_make(&asking->listener->key, asking->key,
                                                  sizeof(asking->key), hark_now_ns());
        answer(asking, HARK_CHUNK_COOKIE, 0, HARK_CHUNK_HEADER + HARK_UDP_OPENING);
}

/* --- connections ------------------------------------------------------------------------------ */

/* There is one connection from an address to an address, or who is sent what comes is anybody's
 * guess. Nobody can find two of one key, who does not know the listener's. */
static uint64_t key_of(const struct udp_listener *listener, const struct hark_udp_path *path)
{
        uint8_t bytes[HARK_UDP_OPENING_KEY + sizeof(path->local)];

        hark_udp_opening_key(&path->peer, 0, bytes);
        memcpy(bytes + HARK_UDP_OPENING_KEY, &path->local, sizeof(path->local));
        return hark_siphash(listener->key.bytes, bytes, sizeof(bytes));
}

static void close_connection(struct udp_port *port)
{
        struct udp_connection *connection = connection_of(port);

        if (connection->listener)
                hark_map_remove(&connection->listener->connections, &connection->node);
        hark_udp_port_done(port);
        free(connection);
}

static int start_connection(struct udp_port *port)
{
        hark_inbox_port_open_soon(&port->base);
        return hark_udp_port_watch(port);
}

/* From the same address: the client has not heard that it is accepted; or it has gone, and there is
 * another one now, which then has a cookie of its own. */
static int take_other(struct udp_port *port, const struct hark_udp_path *path,
                      const struct hark_chunk *chunk, const uint8_t *bytes)
{
        struct udp_connection *connection = connection_of(port);
        struct asking asking;

        if (!connection->listener || !hark_udp_is_same(&path->peer, &connection->path.peer) ||
            !read_asking(&asking, connection->listener, &connection->path, chunk, bytes))
                return 0;
        if (asking.opening.nonce == connection->nonce) {
                if (port->has_heard)
                        return 0;
                /* It asks for less and less: what is larger was overtaken. */
                if (asking.packet_size < port->packet_size)
                        port->packet_size = asking.packet_size;
                answer(&asking, HARK_CHUNK_ACCEPT, port->connection, port->packet_size);
        } else if (has_cookie(&asking)) {
                return -ECONNRESET; /* it asks again, and then nobody is in its way */
        } else {
                give_cookie(&asking);
        }
        return 0;
}

static const struct udp_port_ops connection_ops = {
        .start = start_connection,
        .take_other = take_other,
        .lose = hark_udp_port_break,
        .close = close_connection,
};

static struct udp_connection *new_connection(const struct asking *asking)
{
        struct udp_connection *connection = calloc(1, sizeof(*connection));
        struct udp_listener *listener = asking->listener;
        struct udp_port *port;
        uint64_t number = 0;

        if (!connection)
                return NULL;
        port = &connection->port;
        hark_udp_port_init(port, &connection_ops, listener->base.loop);
        connection->listener = listener;
        connection->path = asking->path;
        connection->nonce = asking->opening.nonce;
        hark_map_add(&listener->connections, &connection->node, key_of(listener, &asking->path));
        port->io.fd = hark_udp_split(listener->io.fd, &asking->path);
        hark_inet_print(&asking->path.peer, port->base.port.remote, sizeof(port->base.port.remote));
        if (port->io.fd < 0 || getrandom(&number, sizeof(number), 0) != (ssize_t)sizeof(number) ||
            number == 0) {
                close_connection(port);
                return NULL;
        }
        hark_udp_port_stand(port, number, asking->packet_size);
        return connection;
}

/* Whoever is not accepted for want of descriptors or memory asks again. */
static void accept_connection(const struct asking *asking)
{
        struct hark_listener *base = &asking->listener->base;
        struct udp_connection *connection = new_connection(asking);

        if (!connection)
                return;
        answer(asking, HARK_CHUNK_ACCEPT, connection->port.connection, asking->packet_size);
        base->on_port(base, &connection->port.base.port);
}

/* --- the listener's socket -------------------------------------------------------------------- */

/* There is no such connection, any more or yet: no larger than what has asked for it. */
static void say_reset(struct udp_listener *listener, const struct hark_udp_path *path,
                      const struct hark_chunk *asked)
{
        struct hark_chunk chunk = {.kind = HARK_CHUNK_RESET, .connection = asked->connection};
        uint8_t header[HARK_CHUNK_HEADER];
        struct iovec iov = {header, sizeof(header)};

        if (asked->kind != HARK_CHUNK_DATA && asked->kind != HARK_CHUNK_PROBE)
                return;
        hark_chunk_encode(&chunk, header);
        (void)hark_udp_send(listener->io.fd, path, &iov, 1);
}

/* It came to the listener before there was the connection's socket. */
static void ask_connection(struct udp_port *port, const struct hark_udp_path *path,
                           const struct hark_chunk *chunk, const uint8_t *bytes)
{
        int r = take_other(port, path, chunk, bytes);

        if (r < 0)
                hark_udp_port_break(port, r);
}

static void take_packet(struct udp_listener *listener, const struct hark_udp_path *path,
                        const struct hark_chunk *chunk, const uint8_t *bytes)
{
        struct hark_map_node *node = hark_map_find(&listener->connections, key_of(listener, path));
        struct asking asking;

        if (!read_asking(&asking, listener, path, chunk, bytes))
                say_reset(listener, path, chunk);
        else if (node)
                ask_connection(&hark_container_of(node, struct udp_connection, node)->port, path,
                               chunk, bytes);
        else if (has_cookie(&asking))
                accept_connection(&asking);
        else
                give_cookie(&asking);
}

/* Returns whether there may be another datagram. What came of one that was sent from here nobody
 * waits for: a report of it is read so that there can be the next. */
static bool read_one(struct udp_listener *listener)
{
        uint8_t packet[HARK_UDP_LOOPBACK + 1]; /* what is larger shows by filling it */
        struct hark_udp_path path;
        struct hark_chunk chunk;
        ssize_t n = hark_udp_receive(listener->io.fd, packet, sizeof(packet), &path);
        int error;

        if (n == -EAGAIN)
                return hark_udp_receive_error(listener->io.fd, packet, 0, &error) >= 0;
        if (n >= 0 && (size_t)n < sizeof(packet) && hark_chunk_decode(packet, (size_t)n, &chunk))
                take_packet(listener, &path, &chunk, packet + HARK_CHUNK_HEADER);
        return true;
}

static void on_readable(struct hark_io *io, uint32_t events)
{
        struct udp_listener *listener = hark_container_of(io, struct udp_listener, io);
        bool is_closed = false;

        (void)events;
        listener->is_closed = &is_closed;
        for (unsigned i = 0; i < READ_MAX && read_one(listener); i++)
                if (is_closed)
                        return;
        listener->is_closed = NULL;
}

/* --- listeners -------------------------------------------------------------------------------- */

/* They go on without it. */
static void forget_connections(struct hark_map *connections)
{
        struct hark_map_node *node;

        while ((node = hark_map_any(connections))) {
                hark_map_remove(connections, node);
                hark_container_of(node, struct udp_connection, node)->listener = NULL;
        }
        hark_map_done(connections);
}

void hark_udp_close_listener(struct hark_listener *base)
{
        struct udp_listener *listener = hark_container_of(base, struct udp_listener, base);

        if (listener->is_closed)
                *listener->is_closed = true;
        forget_connections(&listener->connections);
        hark_io_stop(&listener->io);
        hark_close(listener->io.fd);
        hark_close(listener->claim);
        free(base->address);
        free(listener);
}

static int open_listener(struct udp_listener *listener, const struct hark_address *address)
{
        struct hark_listener *base = &listener->base;
        int fd = hark_inet_listen(base->loop, address, SOCK_DGRAM, hark_udp_bind), r;

        if (fd < 0)
                return fd;
        listener->io.fd = fd;
        r = hark_udp_claim(fd, &listener->claim);
        if (r < 0)
                return r;
        if (getrandom(&listener->key, sizeof(listener->key), 0) != (ssize_t)sizeof(listener->key))
                return -EIO; /* so few bytes are never cut by a signal, see getrandom(2) */
        base->address = hark_inet_listener_address(fd, address);
        if (!base->address)
                return -ENOMEM;
        return hark_io_start(base->loop, &listener->io, fd, EPOLLIN, on_readable);
}

int hark_udp_listen(hark_loop *loop, const struct hark_address *address,
                    struct hark_listener **ret_listener)
{
        struct udp_listener *listener = calloc(1, sizeof(*listener));
        int r;

        if (!listener)
                return -ENOMEM;
        listener->base.transport = &hark_transport_udp;
        listener->base.loop = loop;
        listener->io.fd = listener->claim = -1;
        r = open_listener(listener, address);
        if (r < 0)
                hark_udp_close_listener(&listener->base);
        else
                *ret_listener = &listener->base;
        return r;
}
