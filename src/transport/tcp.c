/* SPDX-License-Identifier: MIT */

/*
 * tcp:host:port: TCP over IPv4 and IPv6, tcp(7).
 *
 * A name may stand for several addresses. A listener takes the first that can be had. A client
 * tries one after the other:
 *
 *         connect()   resolve, try an address ----.----> none left: the last error
 *                                   ^             |
 *         refused, or no answer in time     in progress or connected
 *                                   |             |
 *                                   `------- on_connecting() ----> open
 *
 * Names are asked of the resolver, which blocks; numbers are not. `*` is every address of this
 * machine to a listener, and this machine to a client.
 */

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "transport/acceptor.h"
#include "transport/inherited.h"
#include "transport/fd_port.h"
#include "transport/inet_address.h"
#include "transport/inet_listen.h"
#include "transport/tcp_socket.h"

/* How long an address may leave us waiting before the next one is tried: its first packet is sent
 * again after a second (RFC 6298), and that one should have a chance as well. */
#define ADDRESS_NS (1500 * 1000000ull)

struct tcp_port {
        struct hark_fd_port base;   /* the first member */
        struct addrinfo *addresses; /* that were asked for just now; NULL once it is connected */
        const struct addrinfo *next;
        bool is_connected;
        struct hark_io connecting;
        struct hark_timer patience; /* with this address */
        struct hark_timer look;     /* after what was sent, see tcp_socket.h */
        uint64_t look_began_ns;     /* nothing was on its way before */
};

struct tcp_listener {
        struct hark_acceptor acceptor; /* the first member */
};

/* --- ports ------------------------------------------------------------------------------------ */

static struct tcp_port *tcp_port_of(struct hark_port *port)
{
        return hark_container_of(port, struct tcp_port, base.port);
}

static struct tcp_port *new_tcp_port(hark_loop *loop)
{
        struct tcp_port *port = calloc(1, sizeof(*port));

        if (port)
                hark_fd_port_init(&port->base, &hark_transport_tcp, loop);
        return port;
}

static void print_remote(struct tcp_port *port)
{
        struct hark_port *base = &port->base.port;
        union hark_inet_name peer = {0};
        socklen_t size = sizeof(peer);

        if (getpeername(port->base.in.fd, &peer.any, &size) == 0)
                hark_inet_print(&peer, base->remote, sizeof(base->remote));
}

static void free_addresses(struct tcp_port *port)
{
        if (port->addresses)
                freeaddrinfo(HARK_TAKE(port->addresses));
}

static int become_connected(struct tcp_port *port)
{
        if (hark_tcp_is_own_peer(port->base.in.fd))
                return -ECONNREFUSED;
        port->is_connected = true;
        print_remote(port);
        port->next = NULL;
        free_addresses(port);
        return 0;
}

/* 0: connected; -EINPROGRESS; else: not with this one. */
static int try_address(struct tcp_port *port, const struct addrinfo *address)
{
        int fd = hark_tcp_open(address->ai_family);

        if (fd < 0)
                return fd;
        hark_end_close(&port->base.in);
        hark_fd_port_set_socket(&port->base, fd);
        if (connect(fd, address->ai_addr, address->ai_addrlen) < 0)
                return -errno;
        return become_connected(port);
}

/* Tries until one is connected (0) or in progress (-EINPROGRESS). error: what the result is if
 * there is none left to be tried. */
static int try_addresses(struct tcp_port *port, int error)
{
        while (port->next) {
                const struct addrinfo *address = port->next;

                port->next = address->ai_next;
                error = try_address(port, address);
                if (error == 0 || error == -EINPROGRESS)
                        break;
        }
        return error;
}

static void on_connecting(struct hark_io *io, uint32_t events);
static void on_impatient(struct hark_timer *timer);

static int watch_connecting(struct tcp_port *port)
{
        hark_loop *loop = port->base.port.loop;
        int r = hark_io_start(loop, &port->connecting, port->base.in.fd, EPOLLOUT, on_connecting);

        if (r == 0 && port->next)
                hark_timer_start(loop, &port->patience, hark_now_ns() + ADDRESS_NS, on_impatient);
        return r;
}

/* The address that is being tried has come to its end. The last thing to do, see
 * hark_fd_port_opened(). */
static void go_on(struct tcp_port *port, int result)
{
        hark_timer_stop(&port->patience);
        hark_io_stop(&port->connecting);
        if (result == 0)
                result = become_connected(port);
        if (result < 0)
                result = try_addresses(port, result);
        if (result == -EINPROGRESS)
                result = watch_connecting(port);
        if (result < 0)
                hark_fd_port_broke(&port->base, result);
        else if (port->is_connected)
                hark_fd_port_opened(&port->base);
}

static void on_connecting(struct hark_io *io, uint32_t events)
{
        struct tcp_port *port = hark_container_of(io, struct tcp_port, connecting);
        int error = 0;
        socklen_t size = sizeof(error);

        (void)events;
        if (getsockopt(io->fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
                error = errno;
        go_on(port, -error);
}

static void on_impatient(struct hark_timer *timer)
{
        go_on(hark_container_of(timer, struct tcp_port, patience), -ETIMEDOUT);
}

static void close_tcp(struct hark_port *base)
{
        struct tcp_port *port = tcp_port_of(base);

        hark_timer_stop(&port->patience);
        hark_timer_stop(&port->look);
        hark_io_stop(&port->connecting);
        hark_fd_port_done(&port->base);
        free_addresses(port);
        free(port);
}

static int look_up(const struct hark_address *address, struct addrinfo **ret_addresses)
{
        struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_protocol = IPPROTO_TCP};

        return hark_inet_resolve(address, hints, -EHOSTUNREACH, ret_addresses);
}

static int resolve_tcp(struct hark_address *address)
{
        return address->resolved ? 0 : look_up(address, &address->resolved);
}

static int connect_tcp(hark_loop *loop, const struct hark_address *address,
                       struct hark_port **ret_port)
{
        struct tcp_port *port = new_tcp_port(loop);
        int r;

        if (!port)
                return -ENOMEM;
        r = address->resolved ? 0 : look_up(address, &port->addresses);
        if (r == 0) {
                port->next = address->resolved ? address->resolved : port->addresses;
                r = try_addresses(port, -EHOSTUNREACH);
        }
        if (r < 0 && r != -EINPROGRESS) {
                close_tcp(&port->base.port);
                return r;
        }
        *ret_port = &port->base.port;
        return 0;
}

static int start_tcp(struct hark_port *base)
{
        struct tcp_port *port = tcp_port_of(base);

        return port->is_connected ? hark_fd_port_start(base) : watch_connecting(port);
}

static void on_look(struct hark_timer *timer)
{
        struct tcp_port *port = hark_container_of(timer, struct tcp_port, look);
        uint64_t now_ns = hark_now_ns();
        enum hark_tcp_health health = hark_tcp_look(port->base.in.fd, HARK_TCP_SILENCE_MS);
        bool is_long = now_ns - port->look_began_ns >= HARK_TCP_SILENCE_MS * 1000000ull;

        if (health == HARK_TCP_SILENT && is_long)
                hark_fd_port_broke(&port->base, -ETIMEDOUT);
        else if (health != HARK_TCP_SETTLED)
                hark_timer_start(port->base.port.loop, timer,
                                 now_ns + HARK_TCP_LOOK_MS * 1000000ull, on_look);
}

static ssize_t send_tcp(struct hark_port *base, const struct hark_out_frame *frames,
                        unsigned n_frames)
{
        struct tcp_port *port = tcp_port_of(base);
        ssize_t n = hark_fd_port_send(base, frames, n_frames);

        if (n <= 0 || hark_timer_is_running(&port->look))
                return n;
        port->look_began_ns = hark_now_ns();
        hark_timer_start(base->loop, &port->look,
                         port->look_began_ns + HARK_TCP_LOOK_MS * 1000000ull, on_look);
        return n;
}

/* --- listeners -------------------------------------------------------------------------------- */

static int admit(struct hark_acceptor *acceptor, int fd, struct hark_port **ret_port)
{
        struct tcp_port *port = new_tcp_port(acceptor->listener.loop);

        if (!port) {
                hark_close(fd);
                return -ENOMEM;
        }
        hark_fd_port_set_socket(&port->base, fd);
        port->is_connected = true;
        print_remote(port);
        *ret_port = &port->base.port;
        return 0;
}

static int start_tcp_listener(struct tcp_listener *listener, hark_loop *loop,
                              const struct hark_address *address)
{
        hark_cleanup(hark_closep) int fd =
                hark_inet_listen(loop, address, SOCK_STREAM, hark_tcp_listen);
        struct hark_listener *base = &listener->acceptor.listener;
        int r;

        if (fd < 0)
                return fd;
        base->address = hark_inet_listener_address(fd, address);
        if (!base->address)
                return -ENOMEM;
        r = hark_acceptor_start(&listener->acceptor, loop, fd, admit);
        if (r == 0)
                (void)HARK_TAKE_FD(fd);
        return r;
}

static void close_tcp_listener(struct hark_listener *base)
{
        struct tcp_listener *listener =
                hark_container_of(base, struct tcp_listener, acceptor.listener);

        hark_acceptor_stop(&listener->acceptor);
        free(base->address);
        free(listener);
}

static int listen_tcp(hark_loop *loop, const struct hark_address *address,
                      struct hark_listener **ret_listener)
{
        struct tcp_listener *listener = calloc(1, sizeof(*listener));
        int r;

        if (!listener)
                return -ENOMEM;
        listener->acceptor.listener.transport = &hark_transport_tcp;
        r = start_tcp_listener(listener, loop, address);
        if (r < 0) {
                close_tcp_listener(&listener->acceptor.listener);
                return r;
        }
        *ret_listener = &listener->acceptor.listener;
        return 0;
}

static int adopt(struct tcp_listener *listener, hark_loop *loop, const struct hark_address *address,
                 int fd)
{
        struct hark_listener *base = &listener->acceptor.listener;
        union hark_inet_name name = {0};
        socklen_t size = sizeof(name);
        char text[64] = "";
        int r;

        if (getsockname(fd, &name.any, &size) < 0)
                return -errno;
        hark_inet_print(&name, text, sizeof(text));
        if (asprintf(&base->address, "tcp:%s", text) < 0) {
                base->address = NULL;
                return -ENOMEM;
        }
        r = hark_inet_check_exposure(address, &name);
        if (r < 0) {
                hark_inet_log_exposure(loop, base->address);
                return r;
        }
        hark_tcp_set_up(fd);
        return hark_acceptor_start(&listener->acceptor, loop, fd, admit);
}

int hark_tcp_adopt(hark_loop *loop, const struct hark_address *address, int fd,
                   struct hark_listener **ret_listener)
{
        struct tcp_listener *listener = calloc(1, sizeof(*listener));
        int r;

        if (!listener)
                return -ENOMEM;
        listener->acceptor.listener.transport = &hark_transport_tcp;
        r = adopt(listener, loop, address, fd);
        if (r < 0) {
                close_tcp_listener(&listener->acceptor.listener);
                return r;
        }
        *ret_listener = &listener->acceptor.listener;
        return 0;
}

const struct hark_transport_ops hark_transport_tcp = {
        .public = {.scheme = "tcp",
                   .syntax = "tcp:host:port or tcp:[::1]:port",
                   .capabilities = HARK_CAN_STREAM | HARK_CAN_SEE_DEATH,
                   .max_frame = HARK_STREAM_FRAME,
                   .peer_death = "at once, of its machine in about a minute",
                   .credentials = "none",
                   .memory_per_connection = 17 * 1024,
                   .fds_per_connection = 1},
        .options = HARK_OPTION_OPEN,
        .parse = hark_inet_parse,
        .listen = listen_tcp,
        .close_listener = close_tcp_listener,
        .resolve = resolve_tcp,
        .connect = connect_tcp,
        .start = start_tcp,
        .receive = hark_fd_port_receive,
        .send = send_tcp,
        .want = hark_fd_port_want,
        .identify = hark_fd_port_identify_nobody,
        .close = close_tcp,
};
