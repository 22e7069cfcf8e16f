/* SPDX-License-Identifier: MIT */

#include "fixture.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "loop_kit.h"

static hark_loop *loop;
static unsigned n_usr1, n_usr2;

static void on_signal(int signo, void *userdata)
{
        unsigned *n = userdata;

        ck_assert_int_eq(signo, n == &n_usr1 ? SIGUSR1 : SIGUSR2);
        (*n)++;
}

static uint64_t add(int signo, unsigned *n)
{
        uint64_t id = 0;

        ck_assert_int_eq(hark_loop_add_signal(loop, signo, on_signal, n, &id), 0);
        return id;
}

static bool is_pending(int signo)
{
        sigset_t set;

        ck_assert_int_eq(sigpending(&set), 0);
        return sigismember(&set, signo) == 1;
}

START_TEST(a_signal_calls_back_whom_it_concerns)
{
        loop = kit_new_loop();
        add(SIGUSR1, &n_usr1);
        add(SIGUSR2, &n_usr2);
        raise(SIGUSR2);
        ck_assert(kit_is_readable(loop));
        kit_process_what_shows(loop);
        ck_assert_uint_eq(n_usr1, 0);
        ck_assert_uint_eq(n_usr2, 1);
        raise(SIGUSR1);
        raise(SIGUSR2);
        kit_process_what_shows(loop);
        ck_assert_uint_eq(n_usr1, 1);
        ck_assert_uint_eq(n_usr2, 2);
        hark_loop_unref(loop);
}
END_TEST

START_TEST(two_may_take_the_same_signal)
{
        unsigned *n = &n_usr1;

        loop = kit_new_loop();
        add(SIGUSR1, n);
        add(SIGUSR1, n);
        raise(SIGUSR1);
        kit_process_what_shows(loop);
        ck_assert_uint_eq(n_usr1, 2);
        hark_loop_unref(loop);
}
END_TEST

START_TEST(a_removed_signal_is_not_taken_any_more_and_stays_blocked)
{
        uint64_t id;

        loop = kit_new_loop();
        id = add(SIGUSR1, &n_usr1);
        add(SIGUSR2, &n_usr2);
        ck_assert_int_eq(hark_loop_remove(loop, id), 0);
        raise(SIGUSR1);
        ck_assert(!kit_is_readable(loop));
        ck_assert(is_pending(SIGUSR1));
        raise(SIGUSR2);
        kit_process_what_shows(loop);
        ck_assert_uint_eq(n_usr2, 1);

        /* It comes to whoever asks again. */
        add(SIGUSR1, &n_usr1);
        kit_process_what_shows(loop);
        ck_assert_uint_eq(n_usr1, 1);
        hark_loop_unref(loop);
}
END_TEST

static uint64_t other_id;

static void remove_other(int signo, void *userdata)
{
        (void)signo;
        (void)userdata;
        n_usr1++;
        ck_assert_int_eq(hark_loop_remove(loop, other_id), 0);
}

START_TEST(a_signal_taken_already_does_not_call_back_whoever_was_removed)
{
        loop = kit_new_loop();
        ck_assert_int_eq(hark_loop_add_signal(loop, SIGUSR1, remove_other, NULL, NULL), 0);
        other_id = add(SIGUSR2, &n_usr2);
        raise(SIGUSR1);
        raise(SIGUSR2);
        kit_process_what_shows(loop);
        ck_assert_uint_eq(n_usr1, 1);
        ck_assert_uint_eq(n_usr2, 0);
        hark_loop_unref(loop);
}
END_TEST

START_TEST(the_last_one_removed_leaves_no_descriptor_behind)
{
        loop = kit_new_loop();
        for (int i = 0; i < 3; i++)
                ck_assert_int_eq(hark_loop_remove(loop, add(SIGUSR1, &n_usr1)), 0);
        hark_loop_unref(loop);
}
END_TEST

static void count_signal(int signo, void *userdata)
{
        (void)signo;
        kit_count(userdata);
}

START_TEST(several_of_one_number_may_call_back_once_but_none_is_left)
{
        unsigned n = 0;

        loop = kit_new_loop();
        ck_assert_int_eq(hark_loop_add_signal(loop, SIGRTMIN, count_signal, &n, NULL), 0);
        for (int i = 0; i < 20; i++)
                raise(SIGRTMIN);
        kit_process_what_shows(loop);
        ck_assert_uint_ge(n, 1);
        ck_assert(!is_pending(SIGRTMIN));
        hark_loop_unref(loop);
}
END_TEST

static void *wait_for_signal(void *argument)
{
        kit_process_until(argument, &n_usr1, 1);
        return NULL;
}

START_TEST(a_signal_of_the_process_wakes_the_thread_that_runs_the_loop)
{
        pthread_t thread;

        loop = kit_new_loop();
        add(SIGUSR1, &n_usr1);
        ck_assert_int_eq(pthread_create(&thread, NULL, wait_for_signal, loop), 0);
        ck_assert_int_eq(kill(getpid(), SIGUSR1), 0);
        pthread_join(thread, NULL);
        ck_assert_uint_eq(n_usr1, 1);
        hark_loop_unref(loop);
}
END_TEST

START_TEST(refuses_what_cannot_be_taken)
{
        loop = kit_new_loop();
        ck_assert_int_eq(hark_loop_add_signal(loop, SIGKILL, on_signal, NULL, NULL), -EINVAL);
        ck_assert_int_eq(hark_loop_add_signal(loop, SIGSTOP, on_signal, NULL, NULL), -EINVAL);
        ck_assert_int_eq(hark_loop_add_signal(loop, 0, on_signal, NULL, NULL), -EINVAL);
        ck_assert_int_eq(hark_loop_add_signal(loop, 1000, on_signal, NULL, NULL), -EINVAL);
        ck_assert_int_eq(hark_loop_add_signal(loop, SIGUSR1, NULL, NULL, NULL), -EINVAL);
        hark_loop_unref(loop);
}
END_TEST

FIXTURE_MAIN("signal", a_signal_calls_back_whom_it_concerns, two_may_take_the_same_signal,
             a_removed_signal_is_not_taken_any_more_and_stays_blocked,
             a_signal_taken_already_does_not_call_back_whoever_was_removed,
             the_last_one_removed_leaves_no_descriptor_behind,
             several_of_one_number_may_call_back_once_but_none_is_left,
             a_signal_of_the_process_wakes_the_thread_that_runs_the_loop,
             refuses_what_cannot_be_taken)
