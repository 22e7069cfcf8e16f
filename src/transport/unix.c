/* SPDX-License-Identifier: MIT */

/*
 * unix: and seqpacket:, /path or @name: UNIX sockets that are connected, unix(7). They differ in
 * their type only: of the first a frame is cut where the kernel likes, of the second it is a packet.
 *
 * users.h says who may be at the other end, and trust.h who may serve a path.
 *
 * A connection stands as soon as connect(2) returns; but a full backlog is EAGAIN, and then nothing
 * ever shows that there is room again: so it is tried again by a timer.
 */

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "transport/acceptor.h"
#include "transport/inherited.h"
#include "transport/path_watch.h"
#include "transport/peercred.h"
#include "transport/fd_port.h"
#include "transport/retry.h"
#include "transport/unix_place.h"

struct unix_port {
        struct hark_fd_port base; /* the first member */
        bool is_connected;
        struct hark_retry retry;
        struct hark_unix_name name;
        struct hark_users users;
};

struct unix_listener {
        struct hark_acceptor acceptor; /* the first member */
        struct hark_unix_place place;
};

static int type_of(const struct hark_transport_ops *transport)
{
        return transport->public.capabilities & HARK_CAN_STREAM ? SOCK_STREAM : SOCK_SEQPACKET;
}

/* --- ports ------------------------------------------------------------------------------------ */

static struct unix_port *unix_port_of(struct hark_port *port)
{
        return hark_container_of(port, struct unix_port, base.port);
}

/* Takes fd over, also when there is no memory (NULL). */
static struct unix_port *new_unix_port(hark_loop *loop, const struct hark_transport_ops *transport,
                                       int fd)
{
        struct unix_port *port = calloc(1, sizeof(*port));

        if (!port) {
                hark_close(fd);
                return NULL;
        }
        hark_fd_port_init(&port->base, transport, loop);
        hark_fd_port_set_socket(&port->base, fd);
        return port;
}

static int check_server(const struct unix_port *port)
{
        uid_t uid;
        int r = hark_peer_uid(port->base.in.fd, &uid);

        if (r < 0)
                return r;
        return hark_unix_check_server(&port->base.port, &port->name, &port->users, uid);
}

/* 0; -EAGAIN: the backlog is full; negative: no. */
static int try_to_connect(struct unix_port *port)
{
        const struct sockaddr *address = (const struct sockaddr *)&port->name.address;

        if (connect(port->base.in.fd, address, port->name.size) == 0) {
                port->is_connected = true;
                return check_server(port);
        }
        /* A socket of another type is no server of this transport. */
        return errno == EPROTOTYPE ? -ECONNREFUSED : -errno;
}

static void on_retry(struct hark_timer *timer)
{
        struct unix_port *port = hark_container_of(timer, struct unix_port, retry.timer);
        int r = try_to_connect(port);

        if (r == -EAGAIN)
                hark_retry_start(port->base.port.loop, &port->retry, on_retry);
        else if (r < 0)
                hark_fd_port_broke(&port->base, r);
        else
                hark_fd_port_opened(&port->base);
}

static void close_unix(struct hark_port *port)
{
        struct unix_port *unix_port = unix_port_of(port);

        hark_timer_stop(&unix_port->retry.timer);
        hark_fd_port_done(&unix_port->base);
        free(unix_port);
}

static int connect_unix(hark_loop *loop, const struct hark_address *address,
                        struct hark_port **ret_port)
{
        int fd = socket(AF_UNIX, type_of(address->transport) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        struct unix_port *port;
        int r;

        if (fd < 0)
                return -errno;
        port = new_unix_port(loop, address->transport, fd);
        if (!port)
                return -ENOMEM;
        hark_unix_name(&port->name, address);
        port->users = hark_users(address);
        r = try_to_connect(port);
        if (r < 0 && r != -EAGAIN) {
                close_unix(&port->base.port);
                return r;
        }
        *ret_port = &port->base.port;
        return 0;
}

static int watch_unix(hark_loop *loop, const struct hark_address *address,
                      struct hark_watch **ret_watch)
{
        if (address->is_abstract)
                return -EOPNOTSUPP;
        return hark_path_watch(loop, address->path, address->transport, ret_watch);
}

static int start_unix(struct hark_port *port)
{
        struct unix_port *unix_port = unix_port_of(port);

        if (unix_port->is_connected)
                return hark_fd_port_start(port);
        hark_retry_start(port->loop, &unix_port->retry, on_retry);
        return 0;
}

static void identify_unix(struct hark_port *port, struct hark_credentials *credentials)
{
        hark_peer_identify(unix_port_of(port)->base.in.fd, credentials);
}

static int list_groups_unix(struct hark_port *port, gid_t **ret_groups, size_t *ret_n_groups)
{
        return hark_peer_list_groups(unix_port_of(port)->base.in.fd, ret_groups, ret_n_groups);
}

/* --- listeners -------------------------------------------------------------------------------- */

static struct unix_listener *unix_listener_of(struct hark_listener *listener)
{
        return hark_container_of(listener, struct unix_listener, acceptor.listener);
}

static int admit(struct hark_acceptor *acceptor, int fd, struct hark_port **ret_port)
{
        struct unix_listener *listener =
                hark_container_of(acceptor, struct unix_listener, acceptor);
        struct unix_port *port;
        uid_t uid;
        int r = hark_peer_uid(fd, &uid);

        if (r == 0)
                r = hark_users_check_client(&acceptor->listener, &listener->place.users,
                                            !listener->place.is_abstract, uid);
        if (r < 0) {
                hark_close(fd);
                return r;
        }
        port = new_unix_port(acceptor->listener.loop, acceptor->listener.transport, fd);
        if (!port)
                return -ENOMEM;
        port->is_connected = true;
        *ret_port = &port->base.port;
        return 0;
}

static void free_unix_listener(struct unix_listener *listener)
{
        free(listener->acceptor.listener.address);
        free(listener);
}

static int start_unix_listener(struct unix_listener *listener, hark_loop *loop,
                               const struct hark_address *address)
{
        int fd = -1;
        int r = hark_unix_take(address, type_of(address->transport), &listener->place, &fd);

        if (r < 0)
                return r;
        r = hark_acceptor_start(&listener->acceptor, loop, fd, admit);
        if (r == 0)
                return 0;
        hark_unix_leave(&listener->place);
        hark_close(fd);
        return r;
}

/* text: its address, handed over. NULL: no memory, also for that. */
static struct unix_listener *new_unix_listener(const struct hark_transport_ops *transport,
                                               const struct hark_address *address, char *text)
{
        struct unix_listener *listener = text ? calloc(1, sizeof(*listener)) : NULL;

        if (!listener) {
                free(text);
                return NULL;
        }
        listener->acceptor.listener.transport = transport;
        listener->acceptor.listener.address = text;
        listener->place.users = hark_users(address);
        return listener;
}

static int listen_unix(hark_loop *loop, const struct hark_address *address,
                       struct hark_listener **ret_listener)
{
        struct unix_listener *listener =
                new_unix_listener(address->transport, address, hark_address_bare_text(address));
        int r;

        if (!listener)
                return -ENOMEM;
        r = start_unix_listener(listener, loop, address);
        if (r < 0) {
                free_unix_listener(listener);
                return r;
        }
        *ret_listener = &listener->acceptor.listener;
        return 0;
}

int hark_unix_adopt(hark_loop *loop, const struct hark_transport_ops *transport,
                    const struct hark_address *address, int fd, struct hark_listener **ret_listener)
{
        struct unix_listener *listener;
        struct hark_unix_name name;
        int r = hark_unix_name_of(fd, &name);

        if (r < 0)
                return r;
        listener = new_unix_listener(transport, address,
                                     hark_unix_print(transport->public.scheme, &name));
        if (!listener)
                return -ENOMEM;
        listener->place.is_abstract = hark_unix_is_abstract(&name);
        r = hark_acceptor_start(&listener->acceptor, loop, fd, admit);
        if (r < 0) {
                free_unix_listener(listener);
                return r;
        }
        *ret_listener = &listener->acceptor.listener;
        return 0;
}

static void close_unix_listener(struct hark_listener *base)
{
        struct unix_listener *listener = unix_listener_of(base);

        hark_unix_leave(&listener->place);
        hark_acceptor_stop(&listener->acceptor);
        free_unix_listener(listener);
}

const struct hark_transport_ops hark_transport_unix = {
        .public = {.scheme = "unix",
                   .syntax = "unix:/path or unix:@name",
                   .capabilities = HARK_CAN_STREAM | HARK_CAN_PASS_FDS | HARK_CAN_IDENTIFY |
                                   HARK_CAN_SEE_DEATH,
                   .max_frame = HARK_STREAM_FRAME,
                   .peer_death = "at once",
                   .credentials = "uid, gid, pid, pidfd",
                   .memory_per_connection = 15 * 1024,
                   .fds_per_connection = 2},
        .options = HARK_OPTION_UID | HARK_OPTION_MODE,
        .parse = hark_unix_parse,
        .listen = listen_unix,
        .close_listener = close_unix_listener,
        .connect = connect_unix,
        .watch = watch_unix,
        .unwatch = hark_path_unwatch,
        .start = start_unix,
        .receive = hark_fd_port_receive,
        .send = hark_fd_port_send,
        .want = hark_fd_port_want,
        .set_bulky = hark_fd_port_set_bulky,
        .identify = identify_unix,
        .list_groups = list_groups_unix,
        .close = close_unix,
};

const struct hark_transport_ops hark_transport_seqpacket = {
        .public = {.scheme = "seqpacket",
                   .syntax = "seqpacket:/path or seqpacket:@name",
                   .capabilities = HARK_CAN_PASS_FDS | HARK_CAN_IDENTIFY | HARK_CAN_SEE_DEATH,
                   .max_frame = HARK_PACKET_FRAME,
                   .peer_death = "at once",
                   .credentials = "uid, gid, pid, pidfd",
                   .memory_per_connection = 15 * 1024,
                   .fds_per_connection = 2},
        .options = HARK_OPTION_UID | HARK_OPTION_MODE,
        .parse = hark_unix_parse,
        .listen = listen_unix,
        .close_listener = close_unix_listener,
        .connect = connect_unix,
        .watch = watch_unix,
        .unwatch = hark_path_unwatch,
        .start = start_unix,
        .receive = hark_fd_port_receive,
        .send = hark_fd_port_send,
        .want = hark_fd_port_want,
        .identify = identify_unix,
        .list_groups = list_groups_unix,
        .close = close_unix,
};
