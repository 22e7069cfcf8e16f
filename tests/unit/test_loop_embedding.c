/* SPDX-License-Identifier: MIT */

/*
 * The loop inside foreign ones: poll(2), another epoll, another loop of this kind, and libuv. Each
 * calls hark_loop_process(loop, 0) when hark_loop_fd() is readable and at no other time, and must
 * miss nothing of a run of errands, in which each kind of event leads to the next one.
 */

#include "fixture.h"

#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include "base/cleanup.h"
#include "loop_kit.h"

#define N_ROUNDS 20

struct errands {
        hark_loop *loop;
        unsigned n_rounds; /* done */
        int fds[2];
        uint64_t fd_id, signal_id;
        struct hark_task chore, callback;
        struct hark_timer timer;
        bool is_waited_for;
};

static void post_next(void *userdata);

/* 8: a wait in a callback, and what was held back meanwhile. */
static void end_wait(struct hark_timer *timer)
{
        hark_container_of(timer, struct errands, timer)->is_waited_for = true;
}

static void wait_inside(struct hark_task *task)
{
        struct errands *errands = hark_container_of(task, struct errands, callback);

        ck_assert_int_eq(hark_loop_post(errands->loop, post_next, errands), 0);
        errands->is_waited_for = false;
        hark_timer_start(errands->loop, &errands->timer, hark_deadline_ns(1), end_wait);
        ck_assert_int_eq(hark_loop_wait(errands->loop, &errands->is_waited_for, NULL), 0);
        errands->n_rounds++;
}

/* 7: a callback that a chore queues. */
static void run_chore(struct hark_task *task)
{
        struct errands *errands = hark_container_of(task, struct errands, chore);

        hark_loop_queue_callback(errands->loop, &errands->callback);
}

/* 6: a chore that a timer of the library queues. */
static void on_due(struct hark_timer *timer)
{
        struct errands *errands = hark_container_of(timer, struct errands, timer);

        hark_loop_queue_chore(errands->loop, &errands->chore);
}

/* 5: a timer of the library. */
static void on_child(pid_t pid, int wait_status, void *userdata)
{
        struct errands *errands = userdata;

        (void)pid;
        ck_assert_int_eq(wait_status, 0);
        hark_timer_start(errands->loop, &errands->timer, hark_deadline_ns(1), on_due);
}

/* 4: a child. */
static void on_signal(int signo, void *userdata)
{
        struct errands *errands = userdata;
        pid_t pid = fork();

        if (pid == 0)
                _exit(0);
        ck_assert_int_eq(signo, SIGUSR1);
        ck_assert_int_eq(hark_loop_add_child(errands->loop, pid, on_child, errands, NULL), 0);
}

/* 3: a signal. */
static void on_fd(int fd, uint32_t events, void *userdata)
{
        char byte;

        (void)events;
        (void)userdata;
        ck_assert_int_eq(read(fd, &byte, 1), 1);
        ck_assert_int_eq(kill(getpid(), SIGUSR1), 0);
}

/* 2: a descriptor. */
static void on_timer(void *userdata)
{
        struct errands *errands = userdata;

        ck_assert_int_eq(write(errands->fds[1], "x", 1), 1);
}

/* 1: a timer of the user. */
static void post_next(void *userdata)
{
        struct errands *errands = userdata;

        ck_assert_int_eq(hark_loop_add_timer(errands->loop, 1, 0, on_timer, errands, NULL), 0);
}

/* 0: a post, from another thread. */
static void *post_first(void *argument)
{
        struct errands *errands = argument;

        ck_assert_int_eq(hark_loop_post(errands->loop, post_next, errands), 0);
        return NULL;
}

static void start(struct errands *errands)
{
        pthread_t thread;

        *errands = (struct errands){.loop = kit_new_loop()};
        hark_task_init(&errands->chore, run_chore, NULL);
        hark_task_init(&errands->callback, wait_inside, NULL);
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, errands->fds), 0);
        ck_assert_int_eq(hark_loop_add_fd(errands->loop, errands->fds[0], EPOLLIN, on_fd, errands,
                                          &errands->fd_id),
                         0);
        ck_assert_int_eq(hark_loop_add_signal(errands->loop, SIGUSR1, on_signal, errands,
                                              &errands->signal_id),
                         0);
        ck_assert_int_eq(pthread_create(&thread, NULL, post_first, errands), 0);
        pthread_join(thread, NULL);
}

static bool is_done(const struct errands *errands)
{
        return errands->n_rounds >= N_ROUNDS;
}

static void finish(struct errands *errands)
{
        ck_assert(is_done(errands));
        hark_timer_stop(&errands->timer);
        hark_loop_unref(errands->loop);
        hark_close(errands->fds[0]);
        hark_close(errands->fds[1]);
}

START_TEST(nothing_is_missed_inside_poll)
{
        struct errands errands;

        start(&errands);
        while (!is_done(&errands)) {
                ck_assert(kit_is_readable_within(errands.loop, KIT_PATIENCE_MS));
                ck_assert_int_eq(hark_loop_process(errands.loop, 0), 0);
        }
        finish(&errands);
}
END_TEST

START_TEST(nothing_is_missed_inside_another_epoll)
{
        hark_cleanup(hark_closep) int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
        struct epoll_event event = {.events = EPOLLIN};
        struct errands errands;

        start(&errands);
        ck_assert_int_eq(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, hark_loop_fd(errands.loop), &event), 0);
        while (!is_done(&errands)) {
                ck_assert_int_eq(epoll_wait(epoll_fd, &event, 1, KIT_PATIENCE_MS), 1);
                ck_assert_int_eq(hark_loop_process(errands.loop, 0), 0);
        }
        finish(&errands);
}
END_TEST

static void process_inner(int fd, uint32_t events, void *userdata)
{
        struct errands *errands = userdata;

        ck_assert_int_eq(fd, hark_loop_fd(errands->loop));
        ck_assert_uint_eq(events, EPOLLIN);
        ck_assert_int_eq(hark_loop_process(errands->loop, 0), 0);
}

START_TEST(nothing_is_missed_inside_another_loop)
{
        hark_loop *outer = kit_new_loop();
        struct errands errands;

        start(&errands);
        ck_assert_int_eq(hark_loop_add_fd(outer, hark_loop_fd(errands.loop), EPOLLIN, process_inner,
                                          &errands, NULL),
                         0);
        kit_process_until(outer, &errands.n_rounds, N_ROUNDS);
        hark_loop_unref(outer);
        finish(&errands);
}
END_TEST

static void on_readable(uv_poll_t *poll, int status, int events)
{
        struct errands *errands = poll->data;

        ck_assert_int_eq(status, 0);
        ck_assert_int_eq(events, UV_READABLE);
        ck_assert_int_eq(hark_loop_process(errands->loop, 0), 0);
        if (is_done(errands))
                ck_assert_int_eq(uv_poll_stop(poll), 0);
}

START_TEST(nothing_is_missed_inside_libuv)
{
        struct errands errands;
        uv_loop_t uv;
        uv_poll_t poll;

        start(&errands);
        ck_assert_int_eq(uv_loop_init(&uv), 0);
        ck_assert_int_eq(uv_poll_init(&uv, &poll, hark_loop_fd(errands.loop)), 0);
        poll.data = &errands;
        ck_assert_int_eq(uv_poll_start(&poll, UV_READABLE, on_readable), 0);
        ck_assert_int_eq(uv_run(&uv, UV_RUN_DEFAULT), 0);
        uv_close((uv_handle_t *)&poll, NULL);
        ck_assert_int_eq(uv_run(&uv, UV_RUN_DEFAULT), 0);
        ck_assert_int_eq(uv_loop_close(&uv), 0);
        finish(&errands);
        uv_library_shutdown();
}
END_TEST

START_TEST(a_loop_with_nothing_to_do_is_not_readable)
{
        struct errands errands;

        start(&errands);
        kit_process_until(errands.loop, &errands.n_rounds, 1);
        ck_assert_int_eq(hark_loop_remove(errands.loop, errands.fd_id), 0);
        for (int i = 0; i < 10 && kit_is_readable_within(errands.loop, 5); i++)
                ck_assert_int_eq(hark_loop_process(errands.loop, 0), 0);
        ck_assert(!kit_is_readable(errands.loop));
        errands.n_rounds = N_ROUNDS;
        finish(&errands);
}
END_TEST

FIXTURE_MAIN("loop_embedding", nothing_is_missed_inside_poll,
             nothing_is_missed_inside_another_epoll, nothing_is_missed_inside_another_loop,
             nothing_is_missed_inside_libuv, a_loop_with_nothing_to_do_is_not_readable)
