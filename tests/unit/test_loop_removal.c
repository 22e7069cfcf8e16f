/* SPDX-License-Identifier: MIT */

/*
 * Anything may be removed in any callback. A crowd of sources, all of them ready all the time, adds
 * and removes one another at random, now and then from behind a wait. What a removed one was given
 * is freed, so that a callback too many is seen at the latest by AddressSanitizer.
 */

#include "fixture.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "loop_kit.h"

#define N_SLOTS     40
#define N_CALLBACKS 4000

enum kind {
        KIND_FD,
        KIND_TIMER,
        KIND_SIGNAL,
        KIND_CHILD,
        N_KINDS
};

struct source {
        enum kind kind;
        size_t slot;
        uint64_t id;
        int fds[2];
        pid_t pid;
};

static hark_loop *loop;
static struct source *slots[N_SLOTS]; /* NULL: free */
static unsigned n_callbacks;
static bool is_late;

static void act(struct source *source, bool is_gone);

static void on_fd(int fd, uint32_t events, void *userdata)
{
        (void)fd;
        (void)events;
        act(userdata, false);
}

static void on_timer(void *userdata)
{
        act(userdata, false);
}

static void on_signal(int signo, void *userdata)
{
        (void)signo;
        act(userdata, false);
}

static void on_child(pid_t pid, int wait_status, void *userdata)
{
        (void)pid;
        (void)wait_status;
        act(userdata, true);
}

static int add_fd(struct source *source)
{
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, source->fds), 0);
        return hark_loop_add_fd(loop, source->fds[0], EPOLLOUT, on_fd, source, &source->id);
}

static int add_signal(struct source *source)
{
        int signo = random() % 2 == 0 ? SIGUSR1 : SIGUSR2;
        int r = hark_loop_add_signal(loop, signo, on_signal, source, &source->id);

        raise(signo);
        return r;
}

static int add_child(struct source *source)
{
        source->pid = fork();
        if (source->pid == 0)
                _exit(0);
        return hark_loop_add_child(loop, source->pid, on_child, source, &source->id);
}

static int add_kind(struct source *source)
{
        switch (source->kind) {
        case KIND_FD:
                return add_fd(source);
        case KIND_TIMER:
                return hark_loop_add_timer(loop, 0, 1, on_timer, source, &source->id);
        case KIND_SIGNAL:
                return add_signal(source);
        case KIND_CHILD:
                return add_child(source);
        case N_KINDS:
                break;
        }
        return -EINVAL;
}

static void add(size_t slot)
{
        struct source *source = calloc(1, sizeof(*source));

        ck_assert_ptr_nonnull(source);
        /* Children are slow to make: one in sixteen. */
        source->kind = random() % 16 == 0 ? KIND_CHILD : (enum kind)(random() % KIND_CHILD);
        source->slot = slot;
        source->fds[0] = source->fds[1] = -1;
        slots[slot] = source;
        ck_assert_int_eq(add_kind(source), 0);
}

static void discard(struct source *source, bool is_gone)
{
        slots[source->slot] = NULL;
        ck_assert_int_eq(hark_loop_remove(loop, source->id), is_gone ? -ENOENT : 0);
        if (source->kind == KIND_CHILD && !is_gone)
                ck_assert_int_eq(waitpid(source->pid, NULL, 0), source->pid);
        hark_close(source->fds[0]);
        hark_close(source->fds[1]);
        free(source);
}

static void be_late(struct hark_timer *timer)
{
        (void)timer;
        is_late = true;
}

/* A signal may end it. */
static void wait_a_moment(void)
{
        struct hark_timer timer = {0};

        is_late = false;
        hark_timer_start(loop, &timer, hark_now_ns() + 100000, be_late);
        (void)hark_loop_wait(loop, &is_late, NULL);
        hark_timer_stop(&timer);
}

static void replace_some(void)
{
        for (int i = 0; i < 4; i++) {
                size_t slot = (size_t)random() % N_SLOTS;

                if (slots[slot] != NULL)
                        discard(slots[slot], false);
                else
                        add(slot);
        }
}

static void act(struct source *source, bool is_gone)
{
        ck_assert_ptr_eq(slots[source->slot], source);
        if (is_gone)
                discard(source, true);
        if (random() % 16 == 0)
                wait_a_moment();
        replace_some();
        if (++n_callbacks >= N_CALLBACKS)
                hark_loop_stop(loop);
}

static void close_all(void)
{
        for (size_t i = 0; i < N_SLOTS; i++)
                if (slots[i] != NULL)
                        discard(slots[i], false);
}

START_TEST(anything_is_removed_in_any_callback)
{
        loop = kit_new_loop();
        for (size_t i = 0; i < N_SLOTS; i++)
                add(i);
        ck_assert_int_eq(hark_loop_run(loop), 0);
        close_all();
        hark_loop_unref(loop);
}
END_TEST

static void let_go(void *userdata)
{
        (void)userdata;
        loop = hark_loop_unref(loop);
}

static void never(void *userdata)
{
        (void)userdata;
        ck_abort_msg("the loop has gone");
}

START_TEST(a_callback_may_let_go_of_the_loop_and_all_that_was_added)
{
        loop = kit_new_loop();
        ck_assert_int_eq(hark_loop_add_timer(loop, 1, 0, let_go, NULL, NULL), 0);
        ck_assert_int_eq(hark_loop_add_timer(loop, 1000, 0, never, NULL, NULL), 0);
        ck_assert_int_eq(hark_loop_process(loop, KIT_PATIENCE_MS), 0);
        ck_assert_ptr_null(loop);
}
END_TEST

FIXTURE_MAIN("loop_removal", anything_is_removed_in_any_callback,
             a_callback_may_let_go_of_the_loop_and_all_that_was_added)
