/* SPDX-License-Identifier: MIT */

/*
 * A loop's life, its steps, and the three ways to take them: process, run and wait.
 *
 *         process, run:  unmute  chores  gather  chores  callbacks  chores
 *         wait:                  chores  gather  chores                      until it is over
 *
 * In the common case a step is one epoll_wait(2) and nothing else: the timerfd is set only where it
 * would come too late, and the bell is rung only where the user gets control with work left.
 */

#include <errno.h>
#include <sched.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/message.h"
#include "loop/internal.h"

#define NS_PER_US   1000u
#define BLOCKS_KEPT 1024

/* So many looks read from one place, before all are asked. */
#define LOOKS_PER_EPOLL 16

/* Where polling has not paid so often in a row, only one in 2 to the power of it waits polls. */
#define MAX_SPINS_MISSED 10

/* Something can be done without waiting for any descriptor. */
static bool must_not_sleep(const hark_loop *loop)
{
        return !hark_list_is_empty(&loop->chores) ||
               (!loop->is_holding && hark_callbacks_are_queued(loop));
}

/* Looks once. Returns as hark_epoll_wait(), and 1 if a look has read something. */
static int look(hark_loop *loop, const struct hark_poll *poll)
{
        if (poll->look == NULL || ++loop->n_looks % LOOKS_PER_EPOLL == 0)
                return hark_epoll_wait(loop, 0);
        return poll->look(poll->userdata);
}

/*
 * Polls for at most spin_us. Whoever shall answer may need this very processor, so it is yielded
 * first; to somebody who only computes, it may be gone for milliseconds. *ret_is_late: it was.
 */
static int poll_for(hark_loop *loop, const struct hark_poll *poll, bool *ret_is_late)
{
        uint64_t begin_ns = hark_now_ns(), spent_ns;
        uint64_t bound_ns = (uint64_t)poll->spin_us * NS_PER_US;
        int n;

        do {
                (void)sched_yield();
                n = look(loop, poll);
                spent_ns = hark_now_ns() - begin_ns;
        } while (n == 0 && spent_ns < bound_ns);
        *ret_is_late = spent_ns > 2 * bound_ns;
        return n;
}

/* Polls if that is wanted and has lately paid. Returns as hark_epoll_wait(). */
static int spin(hark_loop *loop, const struct hark_poll *poll)
{
        bool is_late;
        int n;

        if (poll->spin_us <= 0)
                return 0;
        if (loop->n_spins_to_skip > 0) {
                loop->n_spins_to_skip--;
                return 0;
        }
        n = poll_for(loop, poll, &is_late);
        if (is_late)
                loop->n_spins_missed = MAX_SPINS_MISSED;
        else if (n != 0)
                loop->n_spins_missed = 0;
        else if (loop->n_spins_missed < MAX_SPINS_MISSED)
                loop->n_spins_missed++;
        loop->n_spins_to_skip = (1u << loop->n_spins_missed) - 1;
        return n;
}

static int gather(hark_loop *loop, int timeout_ms, const struct hark_poll *poll)
{
        int n = 0;

        if (loop->is_rung)
                hark_bell_answer(loop);
        if (must_not_sleep(loop))
                timeout_ms = 0;
        hark_timers_arm(loop); /* without sleeping, too: a busy loop has timers all the same */
        if (timeout_ms != 0)
                n = spin(loop, poll);
        if (n == 0)
                n = hark_epoll_wait(loop, timeout_ms);
        if (n < 0)
                return n;
        hark_epoll_dispatch(loop);
        return 0;
}

static int step(hark_loop *loop, int timeout_ms)
{
        int r;

        hark_fd_sources_unmute(loop);
        hark_tasks_run_chores(loop);
        r = gather(loop, timeout_ms, &loop->poll);
        if (r < 0)
                return r;
        hark_tasks_run_chores(loop);
        hark_tasks_run_callbacks(loop);
        hark_tasks_run_chores(loop);
        return 0;
}

static int step_of_wait(hark_loop *loop, const bool *is_over, const struct hark_poll *poll)
{
        int r;

        hark_tasks_run_chores(loop);
        if (*is_over)
                return 0;
        r = gather(loop, HARK_FOREVER, poll);
        hark_tasks_run_chores(loop);
        return r;
}

/* A stop belongs to the run, if there is one; else the wait has used it up. */
static bool is_interrupted(hark_loop *loop)
{
        if (loop->has_seen_signal)
                return true;
        if (!atomic_load(&loop->is_stopped))
                return false;
        if (!loop->is_running)
                atomic_store(&loop->is_stopped, false);
        return true;
}

static int wait_held(hark_loop *loop, const bool *is_over, const struct hark_poll *poll)
{
        int r = 0;

        loop->has_seen_signal = hark_signals_are_queued(loop);
        while (!*is_over && r == 0)
                r = is_interrupted(loop) ? -ECANCELED : step_of_wait(loop, is_over, poll);
        return *is_over ? 0 : r;
}

static int run_until_stopped(hark_loop *loop)
{
        int r = 0;

        while (r == 0 && !atomic_load(&loop->is_stopped))
                r = step(loop, HARK_FOREVER);
        atomic_store(&loop->is_stopped, false);
        return r;
}

/* Callbacks may let go of every reference to the loop but this one. */
static void begin_stepping(hark_loop *loop)
{
        hark_loop_ref(loop);
        hark_loop_enter(loop);
        loop->is_stepping = true;
}

static void end_stepping(hark_loop *loop)
{
        loop->is_stepping = false;
        hark_loop_leave(loop);
        hark_loop_unref(loop);
}

static void free_loop(hark_loop *loop)
{
        hark_sources_done(loop);
        hark_timers_done(loop);
        hark_bell_done(loop);
        hark_close(loop->epoll_fd);
        hark_message_pools_close(loop->messages);
        hark_pool_close(loop->blocks);
        free(loop->scratch);
        free(loop);
}

static void free_loopp(hark_loop **loop)
{
        if (*loop != NULL)
                free_loop(*loop);
}

/* Posts may post again; and may keep the loop, which then lives on. */
static void run_last_posts(hark_loop *loop)
{
        hark_loop_enter(loop);
        loop->is_stepping = true;
        while (hark_posts_have_come(loop) || hark_callbacks_are_queued(loop)) {
                hark_bell_answer(loop);
                hark_tasks_run_callbacks(loop);
        }
        loop->is_stepping = false;
        hark_loop_leave(loop);
}

static int allocate_what_it_lends(hark_loop *loop)
{
        loop->messages = hark_message_pools_new();
        loop->blocks = hark_pool_new(HARK_BLOCK_SIZE, BLOCKS_KEPT);
        loop->scratch = malloc(HARK_SCRATCH_SIZE);
        if (loop->messages == NULL || loop->blocks == NULL || loop->scratch == NULL)
                return -ENOMEM;
        return 0;
}

static int open_fds(hark_loop *loop)
{
        int r;

        loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
        if (loop->epoll_fd < 0)
                return -errno;
        r = hark_timers_init(loop);
        if (r < 0)
                return r;
        return hark_bell_init(loop);
}

void hark_loop_settle(hark_loop *loop)
{
        hark_timers_arm(loop);
        if (hark_tasks_are_queued(loop) || !hark_list_is_empty(&loop->muted))
                hark_bell_ring(loop);
}

void hark_loop_enter(hark_loop *loop)
{
        loop->depth++;
}

void hark_loop_leave(hark_loop *loop)
{
        loop->depth--;
        hark_loop_changed(loop);
}

int hark_loop_wait(hark_loop *loop, const bool *is_over, const struct hark_poll *poll)
{
        static const struct hark_poll none;
        bool was_stepping = loop->is_stepping;
        int r;

        hark_loop_enter(loop);
        loop->is_stepping = true;
        loop->is_holding = true;
        r = wait_held(loop, is_over, poll != NULL ? poll : &none);
        loop->is_holding = false;
        loop->is_stepping = was_stepping;
        hark_loop_leave(loop);
        return r;
}

bool hark_loop_is_holding(const hark_loop *loop)
{
        return loop->is_holding;
}

void hark_loop_set_spin(hark_loop *loop, int spin_us)
{
        if (spin_us > loop->poll.spin_us)
                loop->poll.spin_us = spin_us;
}

uint8_t *hark_loop_scratch(hark_loop *loop)
{
        return loop->scratch;
}

const struct hark_log *hark_loop_log(const hark_loop *loop)
{
        return &loop->log;
}

struct hark_message_pools *hark_loop_message_pools(hark_loop *loop)
{
        return loop->messages;
}

struct hark_list *hark_loop_waiting_askers(hark_loop *loop)
{
        return &loop->waiting_askers;
}

struct hark_pool *hark_loop_block_pool(hark_loop *loop)
{
        return loop->blocks;
}

int hark_loop_new(hark_loop **ret_loop)
{
        hark_cleanup(free_loopp) hark_loop *loop = NULL;
        int r;

        if (ret_loop == NULL)
                return -EINVAL;
        loop = calloc(1, sizeof(*loop));
        if (loop == NULL)
                return -ENOMEM;
        loop->n_refs = 1;
        loop->epoll_fd = -1;
        hark_tasks_init(loop);
        hark_list_init(&loop->waiting_askers);
        hark_list_init(&loop->muted);
        hark_list_init(&loop->signals);
        r = allocate_what_it_lends(loop);
        if (r < 0)
                return r;
        r = open_fds(loop);
        if (r < 0)
                return r;
        *ret_loop = HARK_TAKE(loop);
        return 0;
}

hark_loop *hark_loop_ref(hark_loop *loop)
{
        if (loop != NULL)
                loop->n_refs++;
        return loop;
}

hark_loop *hark_loop_unref(hark_loop *loop)
{
        if (loop == NULL)
                return NULL;
        if (loop->n_refs == 1) {
                hark_sources_done(loop);
                run_last_posts(loop);
        }
        if (--loop->n_refs == 0)
                free_loop(loop);
        return NULL;
}

int hark_loop_run(hark_loop *loop)
{
        int r;

        if (loop == NULL)
                return -EINVAL;
        if (loop->is_in_callback)
                return -EDEADLK;
        begin_stepping(loop);
        loop->is_running = true;
        r = run_until_stopped(loop);
        loop->is_running = false;
        end_stepping(loop);
        return r;
}

int hark_loop_process(hark_loop *loop, int timeout_ms)
{
        int r;

        if (loop == NULL || timeout_ms < 0)
                return -EINVAL;
        if (loop->is_in_callback)
                return -EDEADLK;
        begin_stepping(loop);
        r = step(loop, timeout_ms);
        end_stepping(loop);
        return r;
}

int hark_loop_fd(const hark_loop *loop)
{
        return loop != NULL ? loop->epoll_fd : -EINVAL;
}

int hark_loop_set_log(hark_loop *loop, hark_on_log *on_log, void *userdata)
{
        if (loop == NULL)
                return -EINVAL;
        loop->log = (struct hark_log){.on_log = on_log, .userdata = userdata};
        return 0;
}
