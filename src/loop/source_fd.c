/* SPDX-License-Identifier: MIT */

/*
 * The user's descriptors, level-triggered.
 *
 * While callbacks are held back nobody makes a descriptor unready, so that a wait would spin on it.
 * It is muted at its first event in a wait, and the next step that is no wait unmutes it and sees
 * it afresh. Muted means EPOLLONESHOT without events, because without events alone epoll goes on to
 * report EPOLLHUP and EPOLLERR; so it does once more, and then not again.
 */

#include <errno.h>
#include <stdlib.h>

#include "loop/internal.h"

#define ALWAYS_REPORTED (EPOLLERR | EPOLLHUP)
/* The loop decides how its epoll works: level-triggered. */
#define NOT_FOR_USERS ((uint32_t)EPOLLET | EPOLLONESHOT | EPOLLEXCLUSIVE | EPOLLWAKEUP)

struct fd_source {
        struct hark_source source;
        struct hark_list muted; /* in loop->muted */
        hark_on_fd *on_fd;
        int fd;
        uint32_t events;  /* that are asked for */
        uint32_t pending; /* that the queued callback will tell of */
};

static struct fd_source *fd_source_of(struct hark_source *source)
{
        return hark_container_of(source, struct fd_source, source);
}

static int set_epoll(struct fd_source *fd_source, int operation, uint32_t events)
{
        struct hark_source *source = &fd_source->source;

        return hark_epoll_set(source->loop, operation, fd_source->fd, events, source->node.key);
}

static bool is_muted(const struct fd_source *fd_source)
{
        return !hark_list_is_empty(&fd_source->muted);
}

static void mute(struct fd_source *fd_source)
{
        if (is_muted(fd_source))
                return;
        (void)set_epoll(fd_source, EPOLL_CTL_MOD, EPOLLONESHOT);
        hark_list_push_back(&fd_source->source.loop->muted, &fd_source->muted);
}

/* Whoever closed the fd before removing it makes epoll_ctl(2) fail: nothing to do about it. */
static void unmute(struct fd_source *fd_source)
{
        hark_list_remove(&fd_source->muted);
        (void)set_epoll(fd_source, EPOLL_CTL_MOD, fd_source->events);
}

static void stop_fd_source(struct hark_source *source)
{
        struct fd_source *fd_source = fd_source_of(source);

        hark_list_remove(&fd_source->muted);
        (void)set_epoll(fd_source, EPOLL_CTL_DEL, 0);
}

/* What is asked for may have changed since the events came. */
static void run_fd_source(struct hark_task *task)
{
        struct hark_source *source = hark_container_of(task, struct hark_source, task);
        struct fd_source *fd_source = fd_source_of(source);
        uint32_t events = fd_source->pending & (fd_source->events | ALWAYS_REPORTED);

        fd_source->pending = 0;
        if (events != 0)
                fd_source->on_fd(fd_source->fd, events, source->userdata);
}

void hark_fd_source_event(hark_loop *loop, uint64_t id, uint32_t events)
{
        struct hark_source *source = hark_source_find(loop, id, stop_fd_source);

        if (source == NULL)
                return;
        if (loop->is_holding) {
                mute(fd_source_of(source));
                return;
        }
        fd_source_of(source)->pending |= events;
        hark_loop_queue_callback(loop, &source->task);
}

void hark_fd_sources_unmute(hark_loop *loop)
{
        hark_list_for_each (link, &loop->muted)
                unmute(hark_container_of(link, struct fd_source, muted));
}

int hark_loop_add_fd(hark_loop *loop, int fd, uint32_t events, hark_on_fd *on_fd, void *userdata,
                     uint64_t *ret_id)
{
        struct fd_source *fd_source;
        int r;

        if (loop == NULL || fd < 0 || (events & NOT_FOR_USERS) != 0 || on_fd == NULL)
                return -EINVAL;
        fd_source =
                hark_source_new(sizeof(*fd_source), loop, run_fd_source, stop_fd_source, userdata);
        if (fd_source == NULL)
                return -ENOMEM;
        hark_list_init(&fd_source->muted);
        fd_source->on_fd = on_fd;
        fd_source->fd = fd;
        fd_source->events = events;
        r = set_epoll(fd_source, EPOLL_CTL_ADD, events);
        if (r < 0) {
                free(fd_source);
                return r;
        }
        hark_source_add(&fd_source->source, ret_id);
        return 0;
}

int hark_loop_set_fd(hark_loop *loop, uint64_t id, uint32_t events)
{
        struct hark_source *source;
        struct fd_source *fd_source;

        if (loop == NULL || (events & NOT_FOR_USERS) != 0)
                return -EINVAL;
        source = hark_source_find(loop, id, stop_fd_source);
        if (source == NULL)
                return -ENOENT;
        fd_source = fd_source_of(source);
        if (fd_source->events == events)
                return 0;
        fd_source->events = events;
        return is_muted(fd_source) ? 0 : set_epoll(fd_source, EPOLL_CTL_MOD, events);
}
