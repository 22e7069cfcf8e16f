/* SPDX-License-Identifier: MIT */
#ifndef HARK_LOOP_LOOP_H
#define HARK_LOOP_LOOP_H

/*
 * What the library's own layers use of the loop; the public face is <hark/loop.h>.
 *
 * One step of the loop:
 *
 *         chores     -> gather (epoll_wait, the library's own io and timers) -> chores
 *                    -> callbacks, unless held back                          -> chores
 *
 * io and timer functions belong to the library: they read, write and keep time, and never call the
 * user. What would call the user is queued as a callback. So a waiting call is the same step with
 * the callbacks held back, and it may stand inside a callback, because no batch of epoll events is
 * half-way through when callbacks run.
 *
 * chores are what must be done before the thread sleeps or returns to the user, each queued at most
 * once: mostly to write what a connection has queued, in one writev for many frames.
 *
 * Everything that can be done now but waits for the user's next process() sets an eventfd, so that
 * hark_loop_fd() is readable: one level-triggered fd tells all.
 *
 * All of it is embedded in what uses it, so only starting an io can fail. Everything here is for
 * the loop's thread.
 */

#include <hark/loop.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "base/message.h"
#include "base/pool.h"
#include "base/priority.h"

/* --- io: a descriptor in the loop's epoll --------------------------------------------------- */

struct hark_io;
typedef void hark_io_fn(struct hark_io *io, uint32_t events);

struct hark_io {
        hark_loop *loop; /* NULL: not started */
        int fd;          /* the user's of this io, which also closes it, after hark_io_stop() */
        uint32_t events;
        hark_io_fn *on_io;
};

/* Zero-initialised or stopped before. 0; -ENOMEM, -ENOSPC, -EPERM (epoll_ctl(2)). */
int hark_io_start(hark_loop *loop, struct hark_io *io, int fd, uint32_t events, hark_io_fn *on_io);

/* Changes what is waited for; no system call if that is what it was. */
void hark_io_set(struct hark_io *io, uint32_t events);

/* Takes one that was never started, too. on_io does not run any more, also not for events of the
 * current batch. */
void hark_io_stop(struct hark_io *io);

/* --- timers: an intrusive heap over one timerfd ----------------------------------------------- */

struct hark_timer;
typedef void hark_timer_fn(struct hark_timer *timer);

struct hark_timer {
        struct hark_timer *child, *sibling,
                *previous; /* pairing heap; previous: NULL at the root */
        hark_loop *loop;   /* NULL: not running */
        uint64_t due_ns;
        hark_timer_fn *on_due;
};

/* Starts, or starts anew. HARK_NEVER stops. on_due runs once, in the gathering phase, with the
 * timer stopped; it may start it again, for later than now, and may free what holds it. */
void hark_timer_start(hark_loop *loop, struct hark_timer *timer, uint64_t due_ns,
                      hark_timer_fn *on_due);

/* Takes one that does not run, too. */
void hark_timer_stop(struct hark_timer *timer);

static inline bool hark_timer_is_running(const struct hark_timer *timer)
{
        return timer->loop != NULL;
}

/* --- tasks: callbacks and chores -------------------------------------------------------------- */

struct hark_task;
typedef void hark_task_fn(struct hark_task *task);

struct hark_task {
        struct hark_list link; /* hark_task_init() first */
        hark_task_fn *run;
        unsigned round;    /* chores: in which it ran last */
        uint8_t priority;  /* callbacks: 0, as it is at first, to 7, which runs before all others */
        uint64_t number;   /* callbacks: counts up as they are queued */
        const void *owner; /* callbacks: whose unref runs them at once, may be NULL */
};

void hark_task_init(struct hark_task *task, hark_task_fn *run, const void *owner);

static inline bool hark_task_is_queued(const struct hark_task *task)
{
        return !hark_list_is_empty(&task->link);
}

/* Takes it out of its queue, if it is in one. */
void hark_task_cancel(struct hark_task *task);

/* Queues a callback: run from the loop, those of one priority in order, each out of the queue
 * before it runs, so that it may free itself. Does nothing if it is queued already. */
void hark_loop_queue_callback(hark_loop *loop, struct hark_task *task);

/* Queues a callback behind all that are queued now, whatever their priority: what an object is told
 * last. Does nothing if it is queued already. */
void hark_loop_queue_end(hark_loop *loop, struct hark_task *task);

/* Queues a chore. Does nothing if it is queued already. One that queues itself again runs after the
 * next look at the descriptors, which then does not sleep: so long work is done in fair pieces. */
void hark_loop_queue_chore(hark_loop *loop, struct hark_task *task);

/*
 * Runs the queued callbacks of one owner, also those that these queue, because the owner is being
 * closed: at once where callbacks may run, else right after the callback that runs now, before any
 * other.
 */
void hark_loop_run_callbacks_of(hark_loop *loop, const void *owner);

/* Whether a wait holds callbacks back. */
bool hark_loop_is_holding(const hark_loop *loop);

/* Whether a callback of this loop is running now, also while it waits. */
bool hark_loop_is_in_callback(const hark_loop *loop);

/* --- verbs ------------------------------------------------------------------------------------ */

/*
 * Around a public function of a higher layer that queues and then waits, or queues much: the loop
 * shows on its fd what was queued when the last bracket closes, not at once for each, and not at
 * all for what a wait in between has done. Right without it too, with a few system calls more.
 * They nest.
 */
void hark_loop_enter(hark_loop *loop);
void hark_loop_leave(hark_loop *loop);

/* --- waiting ---------------------------------------------------------------------------------- */

/* How to poll, yielding the processor, before a wait sleeps. */
struct hark_poll {
        int spin_us; /* how long at the most; 0: do not */
        /* Reads where the answer will most likely come from, which is one system call less than to
         * ask the epoll first. Returns whether anything was there. NULL: only the epoll is asked.
         * It is asked in between in any case, so that all others have their turn. */
        bool (*look)(void *userdata);
        void *userdata;
};

/*
 * Steps with callbacks held back until *is_over, which io, timer and chore functions set. The
 * deadline is a timer of the caller's. poll may be NULL: sleep at once.
 *
 * Returns 0: *is_over; -ECANCELED: hark_loop_stop(), or a signal that the loop takes is pending.
 */
int hark_loop_wait(hark_loop *loop, const bool *is_over, const struct hark_poll *poll);

/* Has hark_loop_run() and hark_loop_process() poll as well; the longest that anybody asked for
 * holds. Both kinds stop polling for a while where it does not pay. */
void hark_loop_set_spin(hark_loop *loop, int spin_us);

/* --- what a loop lends ------------------------------------------------------------------------ */

/* Bytes to read into, the same for all: whoever fills it empties it before it returns. */
#define HARK_SCRATCH_SIZE (160 * 1024) /* above the 128 KiB packets of seqpacket and datagram */
uint8_t *hark_loop_scratch(hark_loop *loop);

const struct hark_log *hark_loop_log(const hark_loop *loop);

struct hark_message_pools *hark_loop_message_pools(hark_loop *loop);

/* A list for a higher layer: the requests of this loop whose askers wait for nothing else. */
struct hark_list *hark_loop_waiting_askers(hark_loop *loop);

/* Blocks of HARK_BLOCK_SIZE bytes for what comes and goes with every call: what is queued to be
 * sent, pending calls, requests. */
#define HARK_BLOCK_SIZE 1024
struct hark_pool *hark_loop_block_pool(hark_loop *loop);

#endif
