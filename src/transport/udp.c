/* SPDX-License-Identifier: MIT */

/*
 * udp:host:port: UDP over IPv4 and IPv6, udp(7).
 *
 *         client    ASKING --OPEN, COOKIE, OPEN, ACCEPT, see udp_opening.h--> open, see udp_port.h
 *         server    open at once, see udp_server.h
 *
 * A multicast group's is another matter, see multicast.h.
 *
 * A name may stand for several addresses, of which a client tries one after the other: the next one
 * when nobody is at this, or nobody answers. Each client has a socket of its own.
 */

#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/cleanup.h"
#include "transport/fd_port.h"
#include "transport/multicast.h"
#include "transport/multicast_socket.h"
#include "transport/udp_opening.h"
#include "transport/udp_port.h"
#include "transport/udp_server.h"

#define ASK_MIN_NS      (50 * 1000000ull)
#define ASK_MAX_NS      (1000 * 1000000ull)
#define N_TRIES         5 /* at an address, while there is another one: about 1.5 s */
#define TRIES_OF_A_SIZE 2

static const size_t packet_sizes[] = {HARK_UDP_LOOPBACK, HARK_UDP_COMMON, HARK_UDP_LEAST};

#define N_SIZES (sizeof(packet_sizes) / sizeof(*packet_sizes))

struct udp_client {
        struct udp_port port;       /* the first member */
        struct addrinfo *addresses; /* that were asked for just now */
        const struct addrinfo *next;
        struct hark_timer again;
        struct hark_udp_opening opening;
        bool is_far; /* not on this machine */
        unsigned n_tries;
};

static struct udp_client *client_of(struct udp_port *port)
{
        return hark_container_of(port, struct udp_client, port);
}

/* --- opening ---------------------------------------------------------------------------------- */

static size_t size_to_try(const struct udp_client *client)
{
        size_t i = client->n_tries / TRIES_OF_A_SIZE + (client->is_far ? 1 : 0);

        return packet_sizes[i < N_SIZES ? i : N_SIZES - 1];
}

static bool has_smaller_size(const struct udp_client *client)
{
        return size_to_try(client) > packet_sizes[N_SIZES - 1];
}

static void ask(struct udp_client *client)
{
        uint8_t packet[HARK_UDP_LOOPBACK];
        struct iovec iov = {packet, 0};
        int r;

        do {
                iov.iov_len = size_to_try(client);
                hark_udp_opening_encode(&client->opening, HARK_CHUNK_OPEN, 0, packet, iov.iov_len);
                r = hark_udp_send(client->port.io.fd, NULL, &iov, 1);
                if (r == -EMSGSIZE)
                        client->n_tries += TRIES_OF_A_SIZE;
        } while (r == -EMSGSIZE && has_smaller_size(client));
}

/* Goes to the first of the addresses left for which there can be a socket. error: the result if
 * there is none. */
static int try_addresses(struct udp_client *client, int error)
{
        client->port.io.fd = hark_close(client->port.io.fd);
        while (client->port.io.fd < 0 && client->next) {
                const struct addrinfo *info = client->next;
                union hark_inet_name name = {0};

                client->next = info->ai_next;
                client->port.io.fd = hark_udp_connect(info);
                if (client->port.io.fd < 0) {
                        error = client->port.io.fd;
                        continue;
                }
                memcpy(&name, info->ai_addr, info->ai_addrlen);
                hark_inet_print(&name, client->port.base.port.remote,
                                sizeof(client->port.base.port.remote));
                client->is_far = !hark_inet_is_loopback(&name);
                client->n_tries = 0;
                client->opening.cookie = 0;
        }
        return client->port.io.fd < 0 ? error : 0;
}

static void on_again(struct hark_timer *timer);

static void ask_later(struct udp_client *client)
{
        uint64_t delay_ns = ASK_MIN_NS << (client->n_tries < 5 ? client->n_tries : 5);

        if (delay_ns > ASK_MAX_NS)
                delay_ns = ASK_MAX_NS;
        hark_timer_start(client->port.base.port.loop, &client->again, hark_now_ns() + delay_ns,
                         on_again);
}

static int begin_asking(struct udp_client *client)
{
        int r = hark_udp_port_watch(&client->port);

        if (r < 0)
                return r;
        ask(client);
        ask_later(client);
        return 0;
}

/* This address has come to its end. */
static void go_on(struct udp_client *client, int error)
{
        int r;

        hark_io_stop(&client->port.io);
        hark_timer_stop(&client->again);
        r = try_addresses(client, error);
        if (r == 0)
                r = begin_asking(client);
        if (r < 0)
                hark_udp_port_break(&client->port, r);
}

/* As long as there is no other address, this one is asked until whoever waits has had enough. */
static void on_again(struct hark_timer *timer)
{
        struct udp_client *client = hark_container_of(timer, struct udp_client, again);

        client->n_tries++;
        if (client->n_tries >= N_TRIES && client->next) {
                go_on(client, -ETIMEDOUT);
                return;
        }
        ask(client);
        ask_later(client);
}

static void stop_asking(struct udp_client *client)
{
        hark_timer_stop(&client->again);
        client->next = NULL;
        if (client->addresses)
                freeaddrinfo(HARK_TAKE(client->addresses));
}

static int take_answer(struct udp_port *port, const struct hark_udp_path *path,
                       const struct hark_chunk *chunk, const uint8_t *bytes)
{
        struct udp_client *client = client_of(port);
        size_t size = HARK_CHUNK_HEADER + (size_t)chunk->size;
        struct hark_udp_opening opening;

        (void)path;
        if (port->connection != 0 || !hark_udp_opening_decode(chunk, bytes, &opening) ||
            opening.nonce != client->opening.nonce)
                return 0;
        if (chunk->kind == HARK_CHUNK_COOKIE && opening.cookie != client->opening.cookie) {
                client->opening.cookie = opening.cookie;
                ask(client);
        } else if (chunk->kind == HARK_CHUNK_ACCEPT && chunk->connection != 0 &&
                   size >= HARK_UDP_LEAST) {
                stop_asking(client);
                hark_udp_port_stand(&client->port, chunk->connection, size);
        }
        return 0;
}

/* Of what did not arrive: an opening of ours, whose number only they know who could see it. */
static int judge_opening(struct udp_port *port, const uint8_t *packet, size_t size, int error)
{
        struct udp_client *client = client_of(port);
        struct hark_udp_opening opening;
        struct hark_chunk chunk;

        if (port->connection != 0 || size < HARK_CHUNK_HEADER + HARK_UDP_OPENING ||
            !hark_chunk_decode_header(packet, size, &chunk) || chunk.kind != HARK_CHUNK_OPEN ||
            !hark_udp_opening_decode(&chunk, packet + HARK_CHUNK_HEADER, &opening) ||
            opening.nonce != client->opening.nonce)
                return 0;
        /* There may be several of a size, and smaller ones are tried already. */
        if (error == EMSGSIZE && HARK_CHUNK_HEADER + (size_t)chunk.size > size_to_try(client))
                return 0;
        return -error;
}

static void lose(struct udp_port *port, int error)
{
        struct udp_client *client = client_of(port);

        if (port->connection != 0) {
                hark_udp_port_break(port, error);
        } else if (error == -EMSGSIZE && has_smaller_size(client)) {
                client->n_tries += TRIES_OF_A_SIZE;
                ask(client);
        } else {
                go_on(client, error == -EMSGSIZE ? -EHOSTUNREACH : error);
        }
}

/* --- life ------------------------------------------------------------------------------------- */

static void close_client(struct udp_port *port)
{
        struct udp_client *client = client_of(port);

        stop_asking(client);
        hark_udp_port_done(port);
        free(client);
}

static int start_client(struct udp_port *port)
{
        return begin_asking(client_of(port));
}

static const struct udp_port_ops client_ops = {
        .start = start_client,
        .take_other = take_answer,
        .judge_other = judge_opening,
        .lose = lose,
        .close = close_client,
};

static int look_up(const struct hark_address *address, struct addrinfo **ret_addresses)
{
        struct addrinfo hints = {.ai_socktype = SOCK_DGRAM, .ai_protocol = IPPROTO_UDP};

        return hark_inet_resolve(address, hints, -EHOSTUNREACH, ret_addresses);
}

/* A group is a number, of an interface that connecting looks for. */
static int resolve_udp(struct hark_address *address)
{
        if (hark_multicast_is_group(address))
                return 0;
        return address->resolved ? 0 : look_up(address, &address->resolved);
}

static int prepare(struct udp_client *client, const struct hark_address *address)
{
        uint64_t *nonce = &client->opening.nonce;
        int r = address->resolved ? 0 : look_up(address, &client->addresses);

        if (r < 0)
                return r;
        if (getrandom(nonce, sizeof(*nonce), 0) != (ssize_t)sizeof(*nonce))
                return -EIO; /* so few bytes are never cut by a signal, see getrandom(2) */
        client->next = address->resolved ? address->resolved : client->addresses;
        return try_addresses(client, -EHOSTUNREACH);
}

static int connect_udp(hark_loop *loop, const struct hark_address *address,
                       struct hark_port **ret_port)
{
        struct udp_client *client;
        int r;

        if (hark_multicast_is_group(address))
                return hark_multicast_connect(loop, address, ret_port);
        client = calloc(1, sizeof(*client));
        if (!client)
                return -ENOMEM;
        hark_udp_port_init(&client->port, &client_ops, loop);
        r = prepare(client, address);
        if (r < 0)
                close_client(&client->port);
        else
                *ret_port = &client->port.base.port;
        return r;
}

/* --- both sides ------------------------------------------------------------------------------- */

static int parse_udp(struct hark_address *address, const char *body, size_t body_size, char *why,
                     size_t why_size)
{
        int r = hark_inet_parse(address, body, body_size, why, why_size);

        if (r < 0)
                return r;
        if (address->interface && !hark_multicast_is_group(address))
                return hark_address_complain(why, why_size,
                                             "interface: only for a multicast group");
        if (address->port == 0 && hark_multicast_is_group(address))
                return hark_address_complain(
                        why, why_size, "port: of a multicast group must be one that all know");
        return 0;
}

static int listen_udp(hark_loop *loop, const struct hark_address *address,
                      struct hark_listener **ret_listener)
{
        return hark_multicast_is_group(address) ? hark_multicast_listen(loop, address, ret_listener)
                                                : hark_udp_listen(loop, address, ret_listener);
}

static int start_udp(struct hark_port *base)
{
        struct udp_port *port = hark_container_of(base, struct udp_port, base.port);

        return port->ops->start(port);
}

static void close_udp(struct hark_port *base)
{
        struct udp_port *port = hark_container_of(base, struct udp_port, base.port);

        port->ops->close(port);
}

const struct hark_transport_ops hark_transport_udp = {
        .public = {.scheme = "udp",
                   .syntax = "udp:host:port, udp:[::1]:port or udp:group:port",
                   .capabilities = HARK_CAN_LOSE,
                   .max_frame = HARK_UDP_FRAME,
                   .peer_death = "at the next send, or in a minute",
                   .credentials = "none",
                   .memory_per_connection = 20 * 1024,
                   .fds_per_connection = 1},
        .options = HARK_OPTION_OPEN | HARK_OPTION_INTERFACE,
        .parse = parse_udp,
        .listen = listen_udp,
        .close_listener = hark_udp_close_listener,
        .resolve = resolve_udp,
        .connect = connect_udp,
        .start = start_udp,
        .receive = hark_udp_port_receive,
        .send = hark_udp_port_send,
        .has_arrived = hark_udp_port_has_arrived,
        .want = hark_udp_port_want,
        .identify = hark_fd_port_identify_nobody,
        .close = close_udp,
};
