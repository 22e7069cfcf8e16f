/* SPDX-License-Identifier: MIT */

/*
 * dgram:/path and dgram:@name: UNIX datagram sockets, unix(7).
 *
 *         client    SENDING --the opening is in the server's queue--> AWAITED --its welcome--> open
 *         server    open at once
 *
 * dgram_opening.h says how a connection begins, and what the lifeline is for; users.h who may
 * be at the other end. A full queue of the server's is EAGAIN, and nothing shows when it has room
 * again: so it is tried again by a timer.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "transport/acceptor.h"
#include "transport/dgram_opening.h"
#include "transport/fd_port.h"
#include "transport/path_watch.h"
#include "transport/peercred.h"
#include "transport/retry.h"
#include "transport/unix_place.h"

struct dgram_port {
        struct hark_fd_port base; /* the first member */
        struct hark_io lifeline;
        int other;               /* the other side's socket, held */
        struct hark_sender peer; /* who is there, by its first message; its pidfd is ours */
        /* The client's, until it is open: */
        bool is_awaited; /* the opening has been sent */
        int server;      /* where to; -1: not any more */
        struct hark_dgram_ends far;
        struct hark_retry retry;
        struct hark_io welcome;
        struct hark_unix_name name;
        struct hark_users users;
};

struct dgram_listener {
        struct hark_acceptor acceptor; /* the first member */
        struct hark_unix_place place;
};

/* --- ports ------------------------------------------------------------------------------------ */

static struct dgram_port *dgram_port_of(struct hark_port *port)
{
        return hark_container_of(port, struct dgram_port, base.port);
}

/* Takes the ends over, also when there is no memory (NULL). */
static struct dgram_port *new_dgram_port(hark_loop *loop, struct hark_dgram_ends *ends)
{
        struct dgram_port *port = calloc(1, sizeof(*port));

        if (!port) {
                hark_dgram_ends_close(ends);
                return NULL;
        }
        hark_fd_port_init(&port->base, &hark_transport_dgram, loop);
        hark_fd_port_set_socket(&port->base, ends->socket);
        port->lifeline.fd = ends->lifeline;
        port->other = ends->other;
        port->peer.pidfd = port->server = -1;
        port->far = (struct hark_dgram_ends){-1, -1, -1};
        return port;
}

static void stop_opening(struct dgram_port *port)
{
        hark_timer_stop(&port->retry.timer);
        hark_io_stop(&port->welcome);
        hark_dgram_ends_close(&port->far);
        port->server = hark_close(port->server);
}

static void close_dgram(struct hark_port *base)
{
        struct dgram_port *port = dgram_port_of(base);

        stop_opening(port);
        hark_io_stop(&port->lifeline);
        hark_close(port->lifeline.fd);
        hark_close(port->other);
        hark_close(port->peer.pidfd);
        hark_fd_port_done(&port->base);
        free(port);
}

/* An older kernel has told the pid only: whoever asks it must do so before it can be another's. */
static void note_peer(struct dgram_port *port, const struct hark_sender *sender)
{
        port->peer = *sender;
        if (port->peer.pidfd < 0 && port->peer.pid > 0)
                port->peer.pidfd = hark_pidfd_open(port->peer.pid);
}

/* --- opening ---------------------------------------------------------------------------------- */

static int check_welcome(struct dgram_port *port)
{
        struct hark_sender server;
        int r = hark_dgram_receive_welcome(port->base.in.fd, &server);

        if (r <= 0)
                return r;
        note_peer(port, &server);
        r = hark_unix_check_server(&port->base.port, &port->name, &port->users, server.uid);
        return r < 0 ? r : 1;
}

/* What the other side has sent before it went can still be read, a welcome first. */
static void on_lifeline(struct hark_io *io, uint32_t events)
{
        struct dgram_port *port = hark_container_of(io, struct dgram_port, lifeline);
        int r = port->welcome.loop ? check_welcome(port) : 0;

        (void)events;
        hark_io_stop(io);
        stop_opening(port);
        if (r > 0)
                hark_fd_port_was_open(&port->base, -ECONNRESET);
        else
                hark_fd_port_broke(&port->base, r < 0 ? r : -ECONNRESET);
}

static void on_welcome(struct hark_io *io, uint32_t events)
{
        struct dgram_port *port = hark_container_of(io, struct dgram_port, welcome);
        int r = check_welcome(port);

        (void)events;
        if (r == 0)
                return;
        hark_io_stop(&port->welcome);
        if (r < 0)
                hark_fd_port_broke(&port->base, r);
        else
                hark_fd_port_opened(&port->base);
}

/* 0; -EAGAIN: the server has no room for it, or too many fds of this user are under way. */
static int send_opening(struct dgram_port *port)
{
        int r = hark_dgram_send_opening(port->server, &port->far);

        if (r < 0)
                return r == -ETOOMANYREFS || r == -ENOBUFS ? -EAGAIN : r;
        port->is_awaited = true;
        hark_dgram_ends_close(&port->far); /* the server has them now: else it could not go */
        port->server = hark_close(port->server);
        return 0;
}

static void on_retry(struct hark_timer *timer)
{
        struct dgram_port *port = hark_container_of(timer, struct dgram_port, retry.timer);
        int r = send_opening(port);

        if (r == -EAGAIN)
                hark_retry_start(port->base.port.loop, &port->retry, on_retry);
        else if (r < 0)
                hark_fd_port_broke(&port->base, r);
}

/* The socket of a server of this transport. Returns it, or -errno. */
static int find_server(const struct hark_unix_name *name)
{
        hark_cleanup(hark_closep) int fd =
                socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        if (fd < 0)
                return -errno;
        /* A socket of another type is no server of this transport. */
        if (connect(fd, (const struct sockaddr *)&name->address, name->size) < 0)
                return errno == EPROTOTYPE ? -ECONNREFUSED : -errno;
        return HARK_TAKE_FD(fd);
}

static int begin_opening(struct dgram_port *port, const struct hark_address *address)
{
        int r;

        hark_unix_name(&port->name, address);
        port->users = hark_users(address);
        r = find_server(&port->name);
        if (r < 0)
                return r;
        port->server = r;
        r = send_opening(port);
        return r == -EAGAIN ? 0 : r;
}

static int connect_dgram(hark_loop *loop, const struct hark_address *address,
                         struct hark_port **ret_port)
{
        struct hark_dgram_ends near, far;
        struct dgram_port *port;
        int r = hark_dgram_make(&near, &far);

        if (r < 0)
                return r;
        port = new_dgram_port(loop, &near);
        if (!port) {
                hark_dgram_ends_close(&far);
                return -ENOMEM;
        }
        port->far = far;
        r = begin_opening(port, address);
        if (r < 0) {
                close_dgram(&port->base.port);
                return r;
        }
        *ret_port = &port->base.port;
        return 0;
}

static int watch_dgram(hark_loop *loop, const struct hark_address *address,
                       struct hark_watch **ret_watch)
{
        if (address->is_abstract)
                return -EOPNOTSUPP;
        return hark_path_watch(loop, address->path, address->transport, ret_watch);
}

/* The reader of a pipe is told EPOLLHUP, the writer EPOLLERR, without asking. */
static int watch_lifeline(struct dgram_port *port)
{
        return hark_io_start(port->base.port.loop, &port->lifeline, port->lifeline.fd, 0,
                             on_lifeline);
}

static int start_client(struct dgram_port *port)
{
        hark_loop *loop = port->base.port.loop;
        int r = hark_io_start(loop, &port->welcome, port->base.in.fd, EPOLLIN, on_welcome);

        if (r == 0 && !port->is_awaited)
                hark_retry_start(loop, &port->retry, on_retry);
        return r;
}

static int start_dgram(struct hark_port *base)
{
        struct dgram_port *port = dgram_port_of(base);
        bool is_client = port->far.socket >= 0 || port->is_awaited;
        int r = watch_lifeline(port);

        if (r < 0)
                return r;
        return is_client ? start_client(port) : hark_fd_port_start(base);
}

/* --- messages --------------------------------------------------------------------------------- */

/* Whoever else got hold of the other end is not whom we talk to. */
static ssize_t receive_dgram(struct hark_port *base, const struct iovec *iov, unsigned n_iov,
                             struct hark_in_fds *fds)
{
        struct dgram_port *port = dgram_port_of(base);
        struct hark_sender sender;
        ssize_t n = hark_socket_receive_from(port->base.in.fd, iov, n_iov, fds, &sender);

        hark_close(sender.pidfd);
        if (n >= 0 && (sender.uid != port->peer.uid || sender.pid != port->peer.pid))
                return -EPROTO;
        return n;
}

static void identify_dgram(struct hark_port *base, struct hark_credentials *credentials)
{
        const struct dgram_port *port = dgram_port_of(base);

        credentials->uid = port->peer.uid;
        credentials->gid = port->peer.gid;
        credentials->pid = port->peer.pid; /* 0: it is in a pid namespace that we do not see */
        if (port->peer.pidfd >= 0)
                credentials->pidfd = fcntl(port->peer.pidfd, F_DUPFD_CLOEXEC, 0);
}

/* --- listeners -------------------------------------------------------------------------------- */

static struct dgram_port *new_served_port(struct hark_acceptor *acceptor,
                                          struct hark_dgram_ends *ends, struct hark_sender *client)
{
        struct dgram_port *port = new_dgram_port(acceptor->listener.loop, ends);

        if (port)
                note_peer(port, client);
        else
                hark_close(client->pidfd);
        return port;
}

static int take(struct hark_acceptor *acceptor, struct hark_port **ret_port)
{
        struct dgram_listener *listener =
                hark_container_of(acceptor, struct dgram_listener, acceptor);
        struct hark_dgram_ends ends;
        struct hark_sender client;
        struct dgram_port *port;
        int r = hark_dgram_receive_opening(acceptor->io.fd, &ends, &client);

        if (r < 0)
                return r;
        r = hark_users_check_client(&acceptor->listener, &listener->place.users,
                                    !listener->place.is_abstract, client.uid);
        if (r == 0 && hark_dgram_send_welcome(ends.socket) < 0)
                r = -ECONNABORTED;
        if (r < 0) {
                hark_dgram_ends_close(&ends);
                hark_close(client.pidfd);
                return r;
        }
        port = new_served_port(acceptor, &ends, &client);
        if (!port)
                return -ENOMEM;
        *ret_port = &port->base.port;
        return 0;
}

static void close_dgram_listener(struct hark_listener *base)
{
        struct dgram_listener *listener =
                hark_container_of(base, struct dgram_listener, acceptor.listener);

        hark_unix_leave(&listener->place);
        hark_acceptor_stop(&listener->acceptor);
        free(base->address);
        free(listener);
}

static int start_dgram_listener(struct dgram_listener *listener, hark_loop *loop,
                                const struct hark_address *address)
{
        int fd, r = hark_unix_take(address, SOCK_DGRAM, &listener->place, &fd);

        if (r < 0)
                return r;
        r = hark_dgram_ask_who_opens(fd);
        if (r == 0)
                r = hark_acceptor_start_taking(&listener->acceptor, loop, fd, take);
        if (r == 0)
                return 0;
        hark_unix_leave(&listener->place);
        hark_close(fd);
        return r;
}

static int listen_dgram(hark_loop *loop, const struct hark_address *address,
                        struct hark_listener **ret_listener)
{
        struct dgram_listener *listener = calloc(1, sizeof(*listener));
        struct hark_listener *base;
        int r = -ENOMEM;

        if (!listener)
                return r;
        base = &listener->acceptor.listener;
        base->transport = &hark_transport_dgram;
        base->address = hark_address_bare_text(address);
        if (base->address)
                r = start_dgram_listener(listener, loop, address);
        if (r < 0)
                close_dgram_listener(base);
        else
                *ret_listener = base;
        return r;
}

const struct hark_transport_ops hark_transport_dgram = {
        .public = {.scheme = "dgram",
                   .syntax = "dgram:/path or dgram:@name",
                   .capabilities = HARK_CAN_PASS_FDS | HARK_CAN_IDENTIFY | HARK_CAN_SEE_DEATH,
                   .max_frame = HARK_PACKET_FRAME,
                   .peer_death = "at once",
                   .credentials = "uid, gid, pid, pidfd, of each message",
                   .memory_per_connection = 21 * 1024,
                   .fds_per_connection = 5},
        .options = HARK_OPTION_UID | HARK_OPTION_MODE,
        .parse = hark_unix_parse,
        .listen = listen_dgram,
        .close_listener = close_dgram_listener,
        .connect = connect_dgram,
        .watch = watch_dgram,
        .unwatch = hark_path_unwatch,
        .start = start_dgram,
        .receive = receive_dgram,
        .send = hark_fd_port_send,
        .want = hark_fd_port_want,
        .identify = identify_dgram,
        .close = close_dgram,
};
