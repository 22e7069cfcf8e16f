/* SPDX-License-Identifier: MIT */

/*
 * The user's timers. A repeated one starts anew when its callback runs, not when it is due: so one
 * that is held back waits once, however long, and does not wake the waiting thread.
 */

#include <errno.h>

#include "loop/internal.h"

#define NS_PER_MS 1000000u

struct timer_source {
        struct hark_source source;
        struct hark_timer timer;
        hark_on_timer *on_timer;
        uint64_t repeat_ns; /* 0: once; HARK_NEVER: never again, but it is still there */
};

static struct timer_source *timer_source_of(struct hark_source *source)
{
        return hark_container_of(source, struct timer_source, source);
}

static void stop_timer_source(struct hark_source *source)
{
        hark_timer_stop(&timer_source_of(source)->timer);
}

static void on_due(struct hark_timer *timer)
{
        struct timer_source *timer_source = hark_container_of(timer, struct timer_source, timer);

        hark_loop_queue_callback(timer_source->source.loop, &timer_source->source.task);
}

/* The next point of the series that is not over yet. */
static uint64_t next_due_ns(uint64_t due_ns, uint64_t repeat_ns)
{
        uint64_t late_ns = hark_now_ns() - due_ns;

        if (repeat_ns == HARK_NEVER)
                return HARK_NEVER;
        return due_ns + (late_ns / repeat_ns + 1) * repeat_ns;
}

static void run_timer_source(struct hark_task *task)
{
        struct hark_source *source = hark_container_of(task, struct hark_source, task);
        struct timer_source *timer_source = timer_source_of(source);
        hark_on_timer *on_timer = timer_source->on_timer;
        struct hark_timer *timer = &timer_source->timer;
        void *userdata = source->userdata;

        if (timer_source->repeat_ns == 0)
                hark_source_remove(source);
        else
                hark_timer_start(source->loop, timer,
                                 next_due_ns(timer->due_ns, timer_source->repeat_ns), on_due);
        on_timer(userdata);
}

int hark_loop_add_timer(hark_loop *loop, int delay_ms, int repeat_ms, hark_on_timer *on_timer,
                        void *userdata, uint64_t *ret_id)
{
        struct timer_source *timer_source;

        if (loop == NULL || delay_ms < 0 || repeat_ms < 0 || on_timer == NULL)
                return -EINVAL;
        timer_source = hark_source_new(sizeof(*timer_source), loop, run_timer_source,
                                       stop_timer_source, userdata);
        if (timer_source == NULL)
                return -ENOMEM;
        timer_source->on_timer = on_timer;
        timer_source->repeat_ns =
                repeat_ms == HARK_FOREVER ? HARK_NEVER : (uint64_t)repeat_ms * NS_PER_MS;
        hark_source_add(&timer_source->source, ret_id);
        hark_timer_start(loop, &timer_source->timer, hark_deadline_ns(delay_ms), on_due);
        return 0;
}
