/* SPDX-License-Identifier: MIT */

/*
 * Timers: a pairing heap, whose root is the earliest, and one timerfd.
 *
 *         root (no siblings)
 *          |child
 *         first <-> second <-> ...      siblings, linked both ways; the first one's `previous`
 *          |child                       is the parent
 *         ...
 *
 * Most timers are deadlines that are stopped before they are due. So the timerfd is set only when
 * it would come too late, which a later deadline never causes, and nobody sets it back when the
 * earliest timer is stopped: it then fires for nothing and is set anew. A thousand calls with a
 * timeout of a second cost one timerfd_settime() a second.
 */

#include <assert.h>
#include <errno.h>
#include <sys/timerfd.h>

#include "base/cleanup.h"
#include "loop/internal.h"

#define NS_PER_S 1000000000u

/* Two heaps, neither NULL, become one; neither root has siblings. Returns its root. */
static struct hark_timer *merge(struct hark_timer *a, struct hark_timer *b)
{
        if (b->due_ns < a->due_ns) {
                struct hark_timer *swap = a;

                a = b;
                b = swap;
        }
        b->sibling = a->child;
        if (b->sibling != NULL)
                b->sibling->previous = b;
        b->previous = a;
        a->child = b;
        return a;
}

static struct hark_timer *merge_any(struct hark_timer *a, struct hark_timer *b)
{
        if (a == NULL || b == NULL)
                return a != NULL ? a : b;
        return merge(a, b);
}

/* Takes the first timer from a list of siblings. */
static struct hark_timer *shift(struct hark_timer **list)
{
        struct hark_timer *first = *list;

        if (first == NULL)
                return NULL;
        *list = first->sibling;
        first->sibling = first->previous = NULL;
        return first;
}

/* Makes one heap of siblings, in pairs and then pair by pair, which is what keeps it shallow. */
static struct hark_timer *merge_siblings(struct hark_timer *list)
{
        struct hark_timer *pairs = NULL, *heap = NULL, *timer;

        while ((timer = shift(&list)) != NULL) {
                timer = merge_any(timer, shift(&list));
                timer->sibling = pairs;
                pairs = timer;
        }
        while ((timer = shift(&pairs)) != NULL)
                heap = merge_any(heap, timer);
        return heap;
}

/* Takes a timer that is not the root, with what is below it, out of the heap. */
static void cut(struct hark_timer *timer)
{
        if (timer->previous->child == timer)
                timer->previous->child = timer->sibling;
        else
                timer->previous->sibling = timer->sibling;
        if (timer->sibling != NULL)
                timer->sibling->previous = timer->previous;
        timer->sibling = timer->previous = NULL;
}

static void remove_from_heap(hark_loop *loop, struct hark_timer *timer)
{
        struct hark_timer *below = merge_siblings(timer->child);

        if (timer == loop->earliest) {
                loop->earliest = below;
        } else {
                cut(timer);
                loop->earliest = merge_any(loop->earliest, below);
        }
        timer->child = NULL;
}

static void on_timerfd(struct hark_io *io, uint32_t events)
{
        hark_loop *loop = io->loop;
        uint64_t now_ns = hark_now_ns();

        (void)events;
        /* Not read: setting it anew is what must be done anyway, and makes it silent as well. */
        loop->armed_ns = HARK_TIMER_FIRED;
        while (loop->earliest != NULL && loop->earliest->due_ns <= now_ns) {
                struct hark_timer *timer = loop->earliest;

                hark_timer_stop(timer);
                timer->on_due(timer);
        }
}

/* HARK_NEVER disarms it. A point that is over makes it fire at once. */
static void set_timerfd(hark_loop *loop, uint64_t due_ns)
{
        struct itimerspec spec = {0};
        int r;

        if (due_ns != HARK_NEVER) {
                spec.it_value.tv_sec = (time_t)(due_ns / NS_PER_S);
                spec.it_value.tv_nsec = (long)(due_ns % NS_PER_S);
        }
        r = timerfd_settime(loop->timer_io.fd, TFD_TIMER_ABSTIME, &spec, NULL);
        assert(r == 0);
        (void)r;
        loop->armed_ns = due_ns;
}

int hark_timers_init(hark_loop *loop)
{
        hark_cleanup(hark_closep) int fd = -1;
        int r;

        fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
        if (fd < 0)
                return -errno;
        r = hark_io_start(loop, &loop->timer_io, fd, EPOLLIN, on_timerfd);
        if (r < 0)
                return r;
        loop->armed_ns = HARK_NEVER;
        HARK_TAKE_FD(fd);
        return 0;
}

void hark_timers_done(hark_loop *loop)
{
        if (loop->timer_io.loop == NULL)
                return;
        hark_io_stop(&loop->timer_io);
        hark_close(loop->timer_io.fd);
}

void hark_timers_arm(hark_loop *loop)
{
        uint64_t due_ns = loop->earliest != NULL ? loop->earliest->due_ns : HARK_NEVER;

        if (due_ns < loop->armed_ns || loop->armed_ns == HARK_TIMER_FIRED)
                set_timerfd(loop, due_ns);
}

void hark_timer_start(hark_loop *loop, struct hark_timer *timer, uint64_t due_ns,
                      hark_timer_fn *on_due)
{
        hark_timer_stop(timer);
        if (due_ns == HARK_NEVER)
                return;
        *timer = (struct hark_timer){
                .loop = loop,
                .due_ns = due_ns > HARK_TIMER_FIRED ? due_ns : HARK_TIMER_FIRED + 1,
                .on_due = on_due,
        };
        loop->earliest = merge_any(loop->earliest, timer);
        hark_loop_changed(loop);
}

void hark_timer_stop(struct hark_timer *timer)
{
        if (timer->loop == NULL)
                return;
        remove_from_heap(timer->loop, timer);
        timer->loop = NULL;
}
