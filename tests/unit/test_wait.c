/* SPDX-License-Identifier: MIT */

#include "fixture.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "loop/internal.h"
#include "loop_kit.h"

static hark_loop *loop;
static bool is_over;
static unsigned n_run;

static void end_wait(struct hark_timer *timer)
{
        (void)timer;
        is_over = true;
}

/* Waits for so long, or until something ends it. */
static int wait_for(int ms)
{
        struct hark_timer timer = {0};
        int r;

        is_over = false;
        hark_timer_start(loop, &timer, hark_deadline_ns(ms), end_wait);
        r = hark_loop_wait(loop, &is_over, NULL);
        hark_timer_stop(&timer);
        return r;
}

START_TEST(ends_when_it_is_over)
{
        loop = kit_new_loop();
        ck_assert_int_eq(wait_for(1), 0);
        ck_assert_int_eq(hark_loop_wait(loop, &is_over, NULL), 0);
        hark_loop_unref(loop);
}
END_TEST

static void end_by_chore(struct hark_task *task)
{
        (void)task;
        is_over = true;
}

START_TEST(a_chore_may_end_it_before_it_sleeps)
{
        struct hark_task chore;

        loop = kit_new_loop();
        hark_task_init(&chore, end_by_chore, NULL);
        hark_loop_queue_chore(loop, &chore);
        ck_assert_int_eq(hark_loop_wait(loop, &is_over, NULL), 0);
        hark_loop_unref(loop);
}
END_TEST

struct ready {
        int fds[2];
        uint64_t id;
        unsigned n_run;
};

static void read_byte(int fd, uint32_t events, void *userdata)
{
        struct ready *ready = userdata;
        char byte;

        ck_assert((events & EPOLLIN) != 0);
        ck_assert_int_eq(read(fd, &byte, 1), 1);
        ready->n_run++;
        n_run++;
}

static void open_ready(struct ready *ready)
{
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ready->fds), 0);
        ck_assert_int_eq(write(ready->fds[1], "x", 1), 1);
        ck_assert_int_eq(
                hark_loop_add_fd(loop, ready->fds[0], EPOLLIN, read_byte, ready, &ready->id), 0);
}

static void close_ready(struct ready *ready)
{
        ck_assert_int_eq(hark_loop_remove(loop, ready->id), 0);
        hark_close(ready->fds[0]);
        hark_close(ready->fds[1]);
}

START_TEST(holds_posts_and_timers_back_until_it_is_over)
{
        unsigned n_posts = 0, n_timers = 0;

        loop = kit_new_loop();
        ck_assert_int_eq(hark_loop_post(loop, kit_count, &n_posts), 0);
        ck_assert_int_eq(hark_loop_add_timer(loop, 1, 1, kit_count, &n_timers, NULL), 0);
        ck_assert_int_eq(wait_for(10), 0);
        ck_assert_uint_eq(n_posts, 0);
        ck_assert_uint_eq(n_timers, 0);
        ck_assert(kit_is_readable(loop));
        hark_loop_process(loop, 0);
        ck_assert_uint_eq(n_posts, 1);
        ck_assert_uint_eq(n_timers, 1);
        hark_loop_unref(loop);
}
END_TEST

START_TEST(what_is_held_back_survives_several_waits)
{
        struct ready ready = {0};

        loop = kit_new_loop();
        open_ready(&ready);
        ck_assert_int_eq(hark_loop_post(loop, kit_count, &n_run), 0);
        for (int i = 0; i < 3; i++) {
                ck_assert_int_eq(wait_for(1), 0);
                ck_assert(kit_is_readable(loop));
        }
        ck_assert_uint_eq(n_run, 0);
        kit_process_what_shows(loop);
        ck_assert_uint_eq(n_run, 2);
        close_ready(&ready);
        hark_loop_unref(loop);
}
END_TEST

static void wait_inside(void *userdata)
{
        unsigned n_before = n_run;

        ck_assert_int_eq(wait_for(10), *(int *)userdata);
        ck_assert_uint_eq(n_run, n_before);
        n_run++;
}

START_TEST(works_inside_a_callback_and_holds_the_others_back)
{
        struct ready ready[2] = {{.n_run = 0}};
        int expected = 0;

        loop = kit_new_loop();
        ck_assert_int_eq(hark_loop_post(loop, wait_inside, &expected), 0);
        ck_assert_int_eq(hark_loop_post(loop, kit_count, &n_run), 0);
        open_ready(&ready[0]);
        open_ready(&ready[1]);
        kit_process_what_shows(loop);
        ck_assert_uint_eq(n_run, 4);
        ck_assert_uint_eq(ready[0].n_run, 1);
        close_ready(&ready[0]);
        close_ready(&ready[1]);
        hark_loop_unref(loop);
}
END_TEST

static struct ready *to_remove;

static void wait_and_remove(void *userdata)
{
        wait_inside(userdata);
        ck_assert_int_eq(hark_loop_set_fd(loop, to_remove->id, EPOLLIN | EPOLLOUT), 0);
        close_ready(to_remove);
}

START_TEST(an_fd_seen_in_a_wait_may_be_removed_after_it)
{
        struct ready ready = {0};
        int expected = 0;

        loop = kit_new_loop();
        to_remove = &ready;
        ck_assert_int_eq(hark_loop_post(loop, wait_and_remove, &expected), 0);
        open_ready(&ready);
        kit_process_what_shows(loop);
        ck_assert_uint_eq(ready.n_run, 0);
        hark_loop_unref(loop);
}
END_TEST

static void look_away(void *userdata)
{
        struct ready *ready = userdata;
        char byte;

        ck_assert_int_eq(wait_for(1), 0);
        ck_assert_int_eq(read(ready->fds[0], &byte, 1), 1);
}

START_TEST(an_fd_is_looked_at_afresh_after_the_wait)
{
        struct ready ready = {0};

        loop = kit_new_loop();
        open_ready(&ready);
        ck_assert_int_eq(wait_for(1), 0);
        look_away(&ready);
        kit_process_what_shows(loop);
        ck_assert_uint_eq(ready.n_run, 0);
        ck_assert_int_eq(write(ready.fds[1], "x", 1), 1);
        kit_process_what_shows(loop);
        ck_assert_uint_eq(ready.n_run, 1);
        close_ready(&ready);
        hark_loop_unref(loop);
}
END_TEST

static void *stop_from_thread(void *argument)
{
        (void)argument;
        hark_loop_stop(loop);
        return NULL;
}

START_TEST(a_stop_ends_one_wait)
{
        bool never = false;
        pthread_t thread;

        loop = kit_new_loop();
        hark_loop_stop(loop);
        ck_assert_int_eq(hark_loop_wait(loop, &never, NULL), -ECANCELED);
        ck_assert_int_eq(wait_for(1), 0);
        ck_assert_int_eq(pthread_create(&thread, NULL, stop_from_thread, NULL), 0);
        ck_assert_int_eq(hark_loop_wait(loop, &never, NULL), -ECANCELED);
        pthread_join(thread, NULL);
        ck_assert_int_eq(wait_for(1), 0);
        hark_loop_unref(loop);
}
END_TEST

START_TEST(what_is_over_is_over_even_if_a_stop_came)
{
        bool always = true;

        loop = kit_new_loop();
        hark_loop_stop(loop);
        ck_assert_int_eq(hark_loop_wait(loop, &always, NULL), 0);
        ck_assert_int_eq(hark_loop_run(loop), 0);
        hark_loop_unref(loop);
}
END_TEST

/* Once before the descriptors are looked at, once after. */
static void end_by_second_chore(struct hark_task *task)
{
        static bool is_second;

        if (is_second)
                end_by_chore(task);
        else
                hark_loop_queue_chore(loop, task);
        is_second = true;
}

START_TEST(what_is_over_is_over_even_if_the_loop_fails)
{
        struct hark_task chore;
        int epoll_fd;

        loop = kit_new_loop();
        epoll_fd = loop->epoll_fd;
        hark_task_init(&chore, end_by_second_chore, NULL);
        hark_loop_queue_chore(loop, &chore);
        is_over = false;
        loop->epoll_fd = -1;
        ck_assert_int_eq(hark_loop_wait(loop, &is_over, NULL), 0);
        ck_assert(is_over);
        loop->epoll_fd = epoll_fd;
        hark_loop_unref(loop);
}
END_TEST

static void stop_and_wait_twice(void *userdata)
{
        (void)userdata;
        hark_loop_stop(loop);
        ck_assert_int_eq(wait_for(10000), -ECANCELED);
        ck_assert_int_eq(wait_for(10000), -ECANCELED);
}

START_TEST(a_stop_of_a_run_ends_all_waits_in_it_and_the_run)
{
        loop = kit_new_loop();
        ck_assert_int_eq(hark_loop_post(loop, stop_and_wait_twice, NULL), 0);
        ck_assert_int_eq(hark_loop_run(loop), 0);
        ck_assert_int_eq(wait_for(1), 0);
        hark_loop_unref(loop);
}
END_TEST

static void on_signal(int signo, void *userdata)
{
        (void)signo;
        ck_assert_int_eq(wait_for(1), 0);
        kit_count(userdata);
}

START_TEST(a_signal_ends_it_and_is_still_there_afterwards)
{
        unsigned n_signals = 0;
        sigset_t pending;

        loop = kit_new_loop();
        ck_assert_int_eq(hark_loop_add_signal(loop, SIGUSR1, on_signal, &n_signals, NULL), 0);
        raise(SIGUSR1);
        ck_assert_int_eq(wait_for(10000), -ECANCELED);
        ck_assert_int_eq(wait_for(10000), -ECANCELED);
        ck_assert_int_eq(sigpending(&pending), 0);
        ck_assert_int_eq(sigismember(&pending, SIGUSR1), 1);
        ck_assert_uint_eq(n_signals, 0);
        ck_assert(kit_is_readable(loop));
        kit_process_what_shows(loop);
        ck_assert_uint_eq(n_signals, 1);
        ck_assert_int_eq(wait_for(1), 0);
        hark_loop_unref(loop);
}
END_TEST

/* Whichever of both callbacks runs first waits while the other one is queued already. */
static void wait_once(int signo, void *userdata)
{
        unsigned *n = userdata;

        (void)signo;
        if ((*n)++ == 0)
                ck_assert_int_eq(wait_for(10000), -ECANCELED);
}

START_TEST(a_signal_that_was_taken_but_not_told_yet_ends_it)
{
        unsigned n_signals = 0;

        loop = kit_new_loop();
        ck_assert_int_eq(hark_loop_add_signal(loop, SIGUSR1, wait_once, &n_signals, NULL), 0);
        ck_assert_int_eq(hark_loop_add_signal(loop, SIGUSR2, wait_once, &n_signals, NULL), 0);
        raise(SIGUSR1);
        raise(SIGUSR2);
        kit_process_what_shows(loop);
        ck_assert_uint_eq(n_signals, 2);
        hark_loop_unref(loop);
}
END_TEST

static void do_nothing(int signo)
{
        (void)signo;
}

START_TEST(a_signal_that_the_loop_does_not_take_does_not_end_it)
{
        struct sigaction action = {.sa_handler = do_nothing};

        loop = kit_new_loop();
        ck_assert_int_eq(sigaction(SIGALRM, &action, NULL), 0);
        ck_assert_int_eq((int)ualarm(1000, 1000), 0);
        ck_assert_int_eq(wait_for(10), 0);
        (void)ualarm(0, 0);
        hark_loop_unref(loop);
}
END_TEST

static void on_child(pid_t pid, int wait_status, void *userdata)
{
        (void)pid;
        ck_assert_int_eq(wait_status, 0);
        kit_count(userdata);
}

START_TEST(a_child_that_ended_meanwhile_is_told_of_afterwards)
{
        unsigned n_children = 0;
        pid_t pid = fork();

        if (pid == 0)
                _exit(0);
        loop = kit_new_loop();
        ck_assert_int_eq(hark_loop_add_child(loop, pid, on_child, &n_children, NULL), 0);
        ck_assert_int_eq(wait_for(10), 0);
        ck_assert_uint_eq(n_children, 0);
        ck_assert_int_eq(kill(pid, 0), 0);
        kit_process_until(loop, &n_children, 1);
        hark_loop_unref(loop);
}
END_TEST

static void *end_from_afar(void *argument)
{
        ck_assert_int_eq(write(*(int *)argument, "x", 1), 1);
        return NULL;
}

static void end_by_io(struct hark_io *io, uint32_t events)
{
        (void)io;
        (void)events;
        is_over = true;
}

START_TEST(polling_before_sleeping_misses_nothing)
{
        struct hark_io io = {0};
        int fds[2];

        loop = kit_new_loop();
        for (int i = 0; i < 200; i++) {
                struct hark_poll poll = {.spin_us = i};
                pthread_t thread;

                ck_assert_int_eq(pipe(fds), 0);
                ck_assert_int_eq(hark_io_start(loop, &io, fds[0], EPOLLIN, end_by_io), 0);
                is_over = false;
                ck_assert_int_eq(pthread_create(&thread, NULL, end_from_afar, &fds[1]), 0);
                ck_assert_int_eq(hark_loop_wait(loop, &is_over, &poll), 0);
                pthread_join(thread, NULL);
                hark_io_stop(&io);
                hark_close(fds[0]);
                hark_close(fds[1]);
        }
        hark_loop_unref(loop);
}
END_TEST

static void close_ada(void *userdata)
{
        struct hark_task *task = userdata;

        hark_loop_queue_callback(loop, task);
        hark_loop_run_callbacks_of(loop, task->owner);
        ck_assert_int_eq(wait_for(1), 0);
        ck_assert(hark_task_is_queued(task));
}

static void run_of_ada(struct hark_task *task)
{
        (void)task;
        n_run++;
}

START_TEST(the_callbacks_of_a_closing_owner_wait_for_the_callback_that_closed_it)
{
        static char ada;
        struct hark_task task;

        loop = kit_new_loop();
        hark_task_init(&task, run_of_ada, &ada);
        ck_assert_int_eq(hark_loop_post(loop, close_ada, &task), 0);
        hark_loop_process(loop, 0);
        ck_assert_uint_eq(n_run, 1);
        hark_loop_unref(loop);
}
END_TEST

FIXTURE_MAIN("wait", ends_when_it_is_over, a_chore_may_end_it_before_it_sleeps,
             holds_posts_and_timers_back_until_it_is_over, what_is_held_back_survives_several_waits,
             works_inside_a_callback_and_holds_the_others_back,
             an_fd_seen_in_a_wait_may_be_removed_after_it, an_fd_is_looked_at_afresh_after_the_wait,
             a_stop_ends_one_wait, what_is_over_is_over_even_if_a_stop_came,
             what_is_over_is_over_even_if_the_loop_fails,
             a_stop_of_a_run_ends_all_waits_in_it_and_the_run,
             a_signal_ends_it_and_is_still_there_afterwards,
             a_signal_that_was_taken_but_not_told_yet_ends_it,
             a_signal_that_the_loop_does_not_take_does_not_end_it,
             a_child_that_ended_meanwhile_is_told_of_afterwards,
             polling_before_sleeping_misses_nothing,
             the_callbacks_of_a_closing_owner_wait_for_the_callback_that_closed_it)
