/* SPDX-License-Identifier: MIT */

/* See acceptor.h. */

#include "transport/acceptor.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/cleanup.h"

/* Accepted in one go: so many that a burst costs few wake-ups, so few that others get their
 * turn. */
#define ACCEPT_MAX 64

/* A tenth of the time after which a human calls it slow. */
#define PAUSE_NS (50 * 1000000ull)

static void on_pause_over(struct hark_timer *timer)
{
        struct hark_acceptor *acceptor = hark_container_of(timer, struct hark_acceptor, pause);

        hark_io_set(&acceptor->io, EPOLLIN);
}

static void pause_accepting(struct hark_acceptor *acceptor, int error)
{
        struct hark_listener *listener = &acceptor->listener;

        hark_io_set(&acceptor->io, 0);
        hark_timer_start(listener->loop, &acceptor->pause, hark_now_ns() + PAUSE_NS, on_pause_over);
        if (acceptor->is_short)
                return;
        acceptor->is_short = true;
        hark_log(hark_loop_log(listener->loop), LOG_WARNING,
                 "%s: cannot accept (%s); connections wait, trying again", listener->address,
                 hark_reason(error, NULL));
}

/* Errors of the connection that was to be accepted, see accept(2): the next one may be good. */
static bool is_of_connection(int error)
{
        switch (error) {
        case EINTR:
        case ECONNABORTED:
        case EPROTO:
        case ENOPROTOOPT:
        case ENETDOWN:
        case ENETUNREACH:
        case EHOSTDOWN:
        case EHOSTUNREACH:
        case ENONET:
        case EOPNOTSUPP:
        case EPERM: /* a firewall */
        case ETIMEDOUT:
                return true;
        default:
                return false;
        }
}

/* What was not foreseen counts as a shortage: it must not make the loop spin either. */
static int accept_next(struct hark_acceptor *acceptor, struct hark_port **ret_port)
{
        int fd = accept4(acceptor->io.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

        if (fd < 0)
                return is_of_connection(errno) ? -ECONNABORTED : -errno;
        return acceptor->admit(acceptor, fd, ret_port);
}

/* 0: go on; negative: that was all for now. */
static int take_one(struct hark_acceptor *acceptor)
{
        struct hark_port *port;
        int r = acceptor->take(acceptor, &port);

        if (r == -EAGAIN)
                return r;
        if (r == -ECONNABORTED || r == -EPERM)
                return 0;
        if (r < 0) {
                pause_accepting(acceptor, r);
                return r;
        }
        acceptor->is_short = false;
        acceptor->listener.on_port(&acceptor->listener, port);
        return 0;
}

static void on_readable(struct hark_io *io, uint32_t events)
{
        struct hark_acceptor *acceptor = hark_container_of(io, struct hark_acceptor, io);
        bool is_closed = false;

        (void)events;
        acceptor->is_closed = &is_closed;
        for (unsigned i = 0; i < ACCEPT_MAX && take_one(acceptor) == 0; i++)
                if (is_closed)
                        return;
        acceptor->is_closed = NULL;
}

int hark_acceptor_start(struct hark_acceptor *acceptor, hark_loop *loop, int fd,
                        hark_admit_fn *admit)
{
        acceptor->admit = admit;
        return hark_acceptor_start_taking(acceptor, loop, fd, accept_next);
}

int hark_acceptor_start_taking(struct hark_acceptor *acceptor, hark_loop *loop, int fd,
                               hark_take_fn *take)
{
        acceptor->listener.loop = loop;
        acceptor->take = take;
        return hark_io_start(loop, &acceptor->io, fd, EPOLLIN, on_readable);
}

void hark_acceptor_stop(struct hark_acceptor *acceptor)
{
        bool was_started = acceptor->io.loop;

        if (acceptor->is_closed)
                *acceptor->is_closed = true;
        hark_timer_stop(&acceptor->pause);
        hark_io_stop(&acceptor->io);
        if (was_started)
                hark_close(acceptor->io.fd);
}
