/* SPDX-License-Identifier: MIT */

/*
 * How many system calls the loop makes. Those that it should save are defined here, count, and pass
 * on to the kernel.
 */

#include "fixture.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "loop_kit.h"

#define N_ROUNDS 100

static unsigned n_epoll_wait, n_polls, n_epoll_ctl, n_settime, n_write, n_read;

int epoll_wait(int epoll_fd, struct epoll_event *events, int max_events, int timeout_ms)
{
        n_epoll_wait++;
        n_polls += timeout_ms == 0;
        return (int)syscall(SYS_epoll_pwait, epoll_fd, events, max_events, timeout_ms, NULL, 8);
}

int epoll_ctl(int epoll_fd, int operation, int fd, struct epoll_event *event)
{
        n_epoll_ctl++;
        return (int)syscall(SYS_epoll_ctl, epoll_fd, operation, fd, event);
}

int timerfd_settime(int fd, int flags, const struct itimerspec *value, struct itimerspec *old)
{
        n_settime++;
        return (int)syscall(SYS_timerfd_settime, fd, flags, value, old);
}

ssize_t write(int fd, const void *bytes, size_t size)
{
        n_write++;
        return syscall(SYS_write, fd, bytes, size);
}

ssize_t read(int fd, void *bytes, size_t size)
{
        n_read++;
        return syscall(SYS_read, fd, bytes, size);
}

static void forget_counts(void)
{
        n_epoll_wait = n_polls = n_epoll_ctl = n_settime = n_write = n_read = 0;
}

/* A call: one byte sent by a chore, and the answer, which is there at once. */
struct call {
        struct hark_io io;
        struct hark_timer deadline;
        struct hark_task chore;
        int fds[2];
        bool is_over;
        unsigned n_run;
};

static hark_loop *loop;

static void send_byte(struct hark_task *task)
{
        struct call *call = hark_container_of(task, struct call, chore);

        ck_assert_int_eq(send(call->fds[1], "x", 1, 0), 1);
}

static void receive_byte(struct hark_io *io, uint32_t events)
{
        struct call *call = hark_container_of(io, struct call, io);
        char byte;

        (void)events;
        ck_assert_int_eq(recv(io->fd, &byte, 1, 0), 1);
        call->is_over = true;
        call->n_run++;
}

static void expire(struct hark_timer *timer)
{
        (void)timer;
        ck_abort_msg("too slow");
}

static void open_call(struct call *call)
{
        *call = (struct call){.is_over = false};
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, call->fds), 0);
        hark_task_init(&call->chore, send_byte, NULL);
        ck_assert_int_eq(hark_io_start(loop, &call->io, call->fds[0], EPOLLIN, receive_byte), 0);
}

static void close_call(struct call *call)
{
        hark_io_stop(&call->io);
        hark_close(call->fds[0]);
        hark_close(call->fds[1]);
}

static void make_call(struct call *call)
{
        call->is_over = false;
        hark_loop_enter(loop);
        hark_loop_queue_chore(loop, &call->chore);
        hark_timer_start(loop, &call->deadline, hark_deadline_ns(KIT_PATIENCE_MS), expire);
        ck_assert_int_eq(hark_loop_wait(loop, &call->is_over, NULL), 0);
        hark_timer_stop(&call->deadline);
        hark_loop_leave(loop);
}

START_TEST(a_waiting_call_costs_one_epoll_wait)
{
        struct call call;

        loop = kit_new_loop();
        open_call(&call);
        make_call(&call);
        forget_counts();
        for (int i = 0; i < N_ROUNDS; i++)
                make_call(&call);
        ck_assert_uint_eq(n_epoll_wait, N_ROUNDS);
        ck_assert_uint_eq(n_epoll_ctl + n_settime + n_write + n_read, 0);
        close_call(&call);
        hark_loop_unref(loop);
}
END_TEST

START_TEST(one_that_queues_outside_of_brackets_rings_the_bell_besides)
{
        struct call call;

        loop = kit_new_loop();
        open_call(&call);
        forget_counts();
        for (int i = 0; i < N_ROUNDS; i++) {
                call.is_over = false;
                hark_loop_queue_chore(loop, &call.chore);
                ck_assert_int_eq(hark_loop_wait(loop, &call.is_over, NULL), 0);
        }
        ck_assert_uint_eq(n_epoll_wait, N_ROUNDS);
        ck_assert_uint_eq(n_write, N_ROUNDS);
        ck_assert_uint_eq(n_read, N_ROUNDS);
        ck_assert_uint_eq(n_epoll_ctl + n_settime, 0);
        close_call(&call);
        hark_loop_unref(loop);
}
END_TEST

static void make_call_from_callback(void *userdata)
{
        make_call(userdata);
}

START_TEST(so_does_one_inside_a_callback)
{
        const unsigned n = N_ROUNDS / 2; /* what one turn runs */
        struct call call;

        loop = kit_new_loop();
        open_call(&call);
        make_call(&call);
        for (unsigned i = 0; i < n; i++)
                ck_assert_int_eq(hark_loop_post(loop, make_call_from_callback, &call), 0);
        forget_counts();
        hark_loop_process(loop, 0);
        ck_assert_uint_eq(n_epoll_wait, 1 + n);
        ck_assert_uint_eq(n_read, 1); /* the bell of the posts */
        ck_assert_uint_eq(n_epoll_ctl + n_settime + n_write, 0);
        close_call(&call);
        hark_loop_unref(loop);
}
END_TEST

START_TEST(a_step_costs_one_epoll_wait)
{
        struct call call;

        loop = kit_new_loop();
        open_call(&call);
        hark_timer_start(loop, &call.deadline, hark_deadline_ns(KIT_PATIENCE_MS), expire);
        forget_counts();
        for (int i = 0; i < N_ROUNDS; i++) {
                ck_assert_int_eq(send(call.fds[1], "x", 1, 0), 1);
                ck_assert_int_eq(hark_loop_process(loop, HARK_FOREVER), 0);
        }
        ck_assert_uint_eq(call.n_run, N_ROUNDS);
        ck_assert_uint_eq(n_epoll_wait, N_ROUNDS);
        ck_assert_uint_eq(n_epoll_ctl + n_settime + n_write + n_read, 0);
        hark_timer_stop(&call.deadline);
        close_call(&call);
        hark_loop_unref(loop);
}
END_TEST

static void do_nothing(struct hark_task *task)
{
        (void)task;
}

START_TEST(the_bell_is_rung_once_for_much_that_is_queued)
{
        struct hark_task chores[N_ROUNDS];

        loop = kit_new_loop();
        forget_counts();
        for (int i = 0; i < N_ROUNDS; i++) {
                hark_task_init(&chores[i], do_nothing, NULL);
                hark_loop_queue_chore(loop, &chores[i]);
        }
        ck_assert_uint_eq(n_write, 1);
        ck_assert_int_eq(hark_loop_process(loop, 0), 0);
        ck_assert_uint_eq(n_read, 1);
        ck_assert_uint_eq(n_epoll_wait, 1);
        ck_assert(!kit_is_readable(loop));
        hark_loop_unref(loop);
}
END_TEST

START_TEST(later_timers_do_not_set_the_timerfd)
{
        struct hark_timer timers[N_ROUNDS] = {{.loop = NULL}};

        loop = kit_new_loop();
        forget_counts();
        for (int i = 0; i < N_ROUNDS; i++)
                hark_timer_start(loop, &timers[i], hark_deadline_ns(KIT_PATIENCE_MS + i), expire);
        for (int i = 0; i < N_ROUNDS; i++)
                hark_timer_stop(&timers[i]);
        ck_assert_int_eq(hark_loop_process(loop, 0), 0);
        ck_assert_uint_eq(n_settime, 1);
        hark_loop_unref(loop);
}
END_TEST

static void never(int fd, uint32_t events, void *userdata)
{
        (void)fd;
        (void)events;
        (void)userdata;
        ck_abort_msg("callbacks are held back");
}

static bool is_late;

static void be_late(struct hark_timer *timer)
{
        (void)timer;
        is_late = true;
}

static void wait_for(int ms, const struct hark_poll *poll)
{
        struct hark_timer timer = {0};

        is_late = false;
        hark_timer_start(loop, &timer, hark_deadline_ns(ms), be_late);
        ck_assert_int_eq(hark_loop_wait(loop, &is_late, poll), 0);
}

static void wait_a_little(void)
{
        wait_for(20, NULL);
}

START_TEST(a_wait_does_not_spin_on_a_descriptor_of_the_user)
{
        int readable[2], hung_up[2];
        uint64_t ids[2];

        loop = kit_new_loop();
        ck_assert_int_eq(pipe(readable), 0);
        ck_assert_int_eq((int)syscall(SYS_write, readable[1], "x", 1), 1);
        ck_assert_int_eq(pipe(hung_up), 0);
        hark_close(hung_up[1]);
        ck_assert_int_eq(hark_loop_add_fd(loop, readable[0], EPOLLIN, never, NULL, &ids[0]), 0);
        ck_assert_int_eq(hark_loop_add_fd(loop, hung_up[0], 0, never, NULL, &ids[1]), 0);
        forget_counts();
        for (int i = 0; i < 3; i++)
                wait_a_little();
        ck_assert_uint_le(n_epoll_wait, 3 * 3); /* besides, each wait silences the bell */
        ck_assert_uint_eq(n_epoll_ctl, 2);
        for (size_t i = 0; i < 2; i++)
                ck_assert_int_eq(hark_loop_remove(loop, ids[i]), 0);
        hark_close(readable[0]);
        hark_close(readable[1]);
        hark_close(hung_up[0]);
        hark_loop_unref(loop);
}
END_TEST

static void on_child(pid_t pid, int wait_status, void *userdata)
{
        (void)pid;
        ck_assert_int_eq(wait_status, 0);
        kit_count(userdata);
}

START_TEST(a_wait_does_not_spin_on_a_child_that_ended)
{
        siginfo_t info;
        unsigned n = 0;
        pid_t pid = fork();

        if (pid == 0)
                _exit(0);
        ck_assert_int_eq(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
        loop = kit_new_loop();
        ck_assert_int_eq(hark_loop_add_child(loop, pid, on_child, &n, NULL), 0);
        forget_counts();
        wait_a_little();
        ck_assert_uint_le(n_epoll_wait, 2);
        kit_process_until(loop, &n, 1);
        hark_loop_unref(loop);
}
END_TEST

START_TEST(a_wait_does_not_wake_up_for_every_beat_of_a_timer)
{
        unsigned n = 0;

        loop = kit_new_loop();
        ck_assert_int_eq(hark_loop_add_timer(loop, 1, 1, kit_count, &n, NULL), 0);
        forget_counts();
        wait_a_little();
        ck_assert_uint_le(n_epoll_wait, 3);
        hark_loop_unref(loop);
}
END_TEST

START_TEST(a_bell_that_was_rung_does_not_wake_a_wait)
{
        struct hark_task task;

        loop = kit_new_loop();
        hark_task_init(&task, do_nothing, NULL);
        hark_loop_queue_callback(loop, &task);
        forget_counts();
        wait_for(1, NULL);
        ck_assert_uint_eq(n_epoll_wait, 1);
        ck_assert(kit_is_readable(loop));
        hark_loop_unref(loop);
}
END_TEST

START_TEST(waits_stop_polling_where_it_does_not_pay)
{
        struct hark_poll poll = {.spin_us = 100};
        unsigned n_waits_with_polls = 0;

        loop = kit_new_loop();
        for (int i = 0; i < 60; i++) {
                forget_counts();
                wait_for(2, &poll);
                n_waits_with_polls += n_polls > 0;
        }
        ck_assert_uint_ge(n_waits_with_polls, 1);
        ck_assert_uint_le(n_waits_with_polls, 6); /* each miss doubles the pause */
        hark_loop_unref(loop);
}
END_TEST

START_TEST(a_wait_that_is_not_to_poll_does_not)
{
        loop = kit_new_loop();
        forget_counts();
        wait_for(1, NULL);
        ck_assert_uint_eq(n_polls, 0);
        hark_loop_unref(loop);
}
END_TEST

FIXTURE_MAIN("loop_cost", a_waiting_call_costs_one_epoll_wait,
             one_that_queues_outside_of_brackets_rings_the_bell_besides,
             so_does_one_inside_a_callback, a_step_costs_one_epoll_wait,
             the_bell_is_rung_once_for_much_that_is_queued, later_timers_do_not_set_the_timerfd,
             a_wait_does_not_spin_on_a_descriptor_of_the_user,
             a_wait_does_not_spin_on_a_child_that_ended,
             a_wait_does_not_wake_up_for_every_beat_of_a_timer,
             a_bell_that_was_rung_does_not_wake_a_wait, waits_stop_polling_where_it_does_not_pay,
             a_wait_that_is_not_to_poll_does_not)
