/* SPDX-License-Identifier: MIT */

/*
 * Descriptors in the loop's epoll, level-triggered.
 *
 * What epoll gives back with an event, 64 bits, is one of
 *
 *         0               stopped while its event was waiting to be handed out
 *         pointer         a struct hark_io, whose lowest bit is 0
 *         id * 2 + 1      an fd of the user
 */

#include <assert.h>
#include <errno.h>

#include "loop/internal.h"

#define ALWAYS_REPORTED (EPOLLERR | EPOLLHUP) /* whether asked for or not */

static uint64_t tag_of_io(const struct hark_io *io)
{
        return (uintptr_t)io;
}

static int control(hark_loop *loop, int operation, int fd, uint32_t events, uint64_t tag)
{
        struct epoll_event event = {.events = events, .data.u64 = tag};

        return epoll_ctl(loop->epoll_fd, operation, fd, &event) < 0 ? -errno : 0;
}

/* What one io function does to another may have made an event of the same batch pointless. */
static void dispatch_to_io(struct hark_io *io, uint32_t events)
{
        events &= io->events | ALWAYS_REPORTED;
        if (events != 0)
                io->on_io(io, events);
}

static void dispatch(hark_loop *loop, uint64_t tag, uint32_t events)
{
        if (tag & 1)
                hark_fd_source_event(loop, tag >> 1, events);
        else if (tag != 0)
                dispatch_to_io((struct hark_io *)(uintptr_t)tag, events);
}

static void forget_events(hark_loop *loop, uint64_t tag)
{
        for (unsigned i = 0; i < loop->n_events; i++)
                if (loop->events[i].data.u64 == tag)
                        loop->events[i].data.u64 = 0;
}

int hark_epoll_set(hark_loop *loop, int operation, int fd, uint32_t events, uint64_t id)
{
        return control(loop, operation, fd, events, id * 2 + 1);
}

int hark_epoll_wait(hark_loop *loop, int timeout_ms)
{
        int n;

        assert(loop->n_events == 0);
        n = epoll_wait(loop->epoll_fd, loop->events, HARK_BATCH,
                       timeout_ms == HARK_FOREVER ? -1 : timeout_ms);
        if (n < 0)
                return errno == EINTR ? 0 : -errno;
        loop->n_events = (unsigned)n;
        return n;
}

void hark_epoll_dispatch(hark_loop *loop)
{
        for (unsigned i = 0; i < loop->n_events; i++)
                dispatch(loop, loop->events[i].data.u64, loop->events[i].events);
        loop->n_events = 0;
}

int hark_io_start(hark_loop *loop, struct hark_io *io, int fd, uint32_t events, hark_io_fn *on_io)
{
        int r;

        assert(io->loop == NULL);
        r = control(loop, EPOLL_CTL_ADD, fd, events, tag_of_io(io));
        if (r < 0)
                return r;
        *io = (struct hark_io){.loop = loop, .fd = fd, .events = events, .on_io = on_io};
        return 0;
}

void hark_io_set(struct hark_io *io, uint32_t events)
{
        int r;

        if (io->events == events)
                return;
        io->events = events;
        r = control(io->loop, EPOLL_CTL_MOD, io->fd, events, tag_of_io(io));
        assert(r == 0); /* it is in there, and a change needs no memory */
        (void)r;
}

void hark_io_stop(struct hark_io *io)
{
        if (io->loop == NULL)
                return;
        (void)control(io->loop, EPOLL_CTL_DEL, io->fd, 0, 0);
        forget_events(io->loop, tag_of_io(io));
        io->loop = NULL;
}
