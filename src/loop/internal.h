/* SPDX-License-Identifier: MIT */
#ifndef HARK_LOOP_INTERNAL_H
#define HARK_LOOP_INTERNAL_H

/*
 * The inside of a loop, for the files of this folder only.
 *
 *         loop.c     a loop's life; steps, runs and waits
 *         io.c       descriptors in the epoll, and the events that it gave last
 *         timer.c    the heap of timers and the one timerfd
 *         task.c     the queues of callbacks and chores
 *         post.c     what other threads may do: posts, stop; and the bell
 *         source.c   what the user adds, by id; source_*.c are its four kinds
 *
 * What makes hark_loop_fd() tell everything: while the user has control (depth is 0),
 *
 *         the timerfd is armed for the earliest timer, or for a time before it, and
 *         the bell is rung if anything is queued or muted.
 *
 * hark_loop_settle() makes that true; it runs when the library returns control, and after any
 * change that is made from outside.
 */

#include <stdatomic.h>
#include <sys/epoll.h>

#include "base/map.h"
#include "loop/loop.h"

#define HARK_BATCH 64 /* events taken at once */

struct hark_post;

struct hark_loop {
        unsigned n_refs;
        unsigned depth;      /* of hark_loop_enter(): 0 means that the user has control */
        bool is_stepping;    /* in a step or a wait: callbacks have their turn in it, not now */
        bool is_holding;     /* in a wait: callbacks stay queued */
        bool is_in_callback; /* also during a wait inside one */
        bool is_running;     /* hark_loop_run() is on the stack */
        struct hark_log log;
        struct hark_message_pools *messages;
        struct hark_pool *blocks;
        uint8_t *scratch;
        struct hark_list waiting_askers; /* a higher layer's */
        struct hark_poll poll;           /* of steps that are no waits */
        unsigned n_looks;
        unsigned n_spins_missed, n_spins_to_skip;

        int epoll_fd;
        unsigned n_events; /* 0 unless they are being handed out */
        struct epoll_event events[HARK_BATCH];

        struct hark_timer *earliest; /* the root of the heap */
        uint64_t armed_ns;           /* what the timerfd is set to; HARK_TIMER_FIRED */
        struct hark_io timer_io;

        struct hark_list callbacks[HARK_PRIORITIES];
        struct hark_list ends;     /* callbacks that all others go before */
        struct hark_list closing;  /* callbacks of owners that close: before any other */
        const void *closing_owner; /* of the one of these that runs now */
        uint64_t n_queued;         /* callbacks so far: the number of the last */
        struct hark_list chores;
        unsigned round; /* of chores */

        struct hark_io bell;
        bool is_rung; /* by this thread */
        atomic_bool is_stopped;
        _Atomic(struct hark_post *) posts; /* newest first */

        struct hark_map sources;
        uint64_t last_id;
        struct hark_list muted;   /* fds of the user, silent because callbacks are held back */
        struct hark_list signals; /* sources of signals */
        struct hark_io signal_io;
        bool has_seen_signal; /* in this wait, which leaves it where it is */
};

/* --- io.c --- */

/* Puts an fd that is the user's into the epoll (operation of epoll_ctl(2)). Its events come to
 * hark_fd_source_event(), by id and not by pointer: the user may have closed the fd while a
 * duplicate of it keeps it in the epoll, so events can come for what was removed. */
int hark_epoll_set(hark_loop *loop, int operation, int fd, uint32_t events, uint64_t id);

/* Takes what is ready; sleeps up to timeout_ms, HARK_FOREVER too. Returns how many, or what
 * epoll_wait(2) said, but for EINTR, which is 0. */
int hark_epoll_wait(hark_loop *loop, int timeout_ms);

/* Hands out what hark_epoll_wait() took. */
void hark_epoll_dispatch(hark_loop *loop);

/* --- timer.c --- */

#define HARK_TIMER_FIRED 0 /* armed_ns: the timerfd is readable until it is set anew */

int hark_timers_init(hark_loop *loop);
void hark_timers_done(hark_loop *loop);
/* Sets the timerfd if it would come too late, or has fired. */
void hark_timers_arm(hark_loop *loop);

/* --- task.c --- */

void hark_tasks_init(hark_loop *loop);
bool hark_tasks_are_queued(const hark_loop *loop);
bool hark_callbacks_are_queued(const hark_loop *loop);
/* One turn of callbacks that are queued now: see task.c. */
void hark_tasks_run_callbacks(hark_loop *loop);
/* Runs chores, and those that these queue, but none twice. */
void hark_tasks_run_chores(hark_loop *loop);

/* --- post.c --- */

int hark_bell_init(hark_loop *loop);
void hark_bell_done(hark_loop *loop);
void hark_bell_ring(hark_loop *loop);
/* Makes it silent and queues the posts that have come. */
void hark_bell_answer(hark_loop *loop);
bool hark_posts_have_come(const hark_loop *loop);

/* --- loop.c --- */

void hark_loop_settle(hark_loop *loop);

/* For whatever changes what there is to do. */
static inline void hark_loop_changed(hark_loop *loop)
{
        if (loop->depth == 0)
                hark_loop_settle(loop);
}

/* --- source.c --- */

struct hark_source;
typedef void hark_source_stop_fn(struct hark_source *source);

/* The first member of each kind. */
struct hark_source {
        struct hark_map_node node; /* its key is the id */
        struct hark_task task;     /* calls the user */
        hark_loop *loop;
        hark_source_stop_fn *stop; /* lets go of all but the memory */
        void *userdata;
};

/* Makes one of so many bytes, zeros behind this structure, with an id but not in the loop yet:
 * free() undoes it. NULL: no memory. */
void *hark_source_new(size_t size, hark_loop *loop, hark_task_fn *run, hark_source_stop_fn *stop,
                      void *userdata);
/* Gives it to the loop. ret_id may be NULL. */
void hark_source_add(struct hark_source *source, uint64_t *ret_id);
/* NULL: there is none of this id that is stopped by this function, which tells the kind. */
struct hark_source *hark_source_find(hark_loop *loop, uint64_t id, hark_source_stop_fn *stop);
/* Takes it from the loop, which frees it. */
void hark_source_remove(struct hark_source *source);
void hark_sources_done(hark_loop *loop);

/* --- source_fd.c --- */

void hark_fd_source_event(hark_loop *loop, uint64_t id, uint32_t events);
void hark_fd_sources_unmute(hark_loop *loop);

/* --- source_signal.c --- */

/* Whether one has been taken that its callback does not know of yet. */
bool hark_signals_are_queued(const hark_loop *loop);

#endif
