/* SPDX-License-Identifier: MIT */

#include "fixture.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "loop_kit.h"

static hark_loop *loop;
static unsigned n_run;

static void stop(void *userdata)
{
        (void)userdata;
        n_run++;
        hark_loop_stop(loop);
}

START_TEST(a_run_goes_on_until_it_is_stopped)
{
        loop = kit_new_loop();
        ck_assert_int_eq(hark_loop_add_timer(loop, 1, 0, kit_count, &n_run, NULL), 0);
        ck_assert_int_eq(hark_loop_add_timer(loop, 5, 0, stop, NULL, NULL), 0);
        ck_assert_int_eq(hark_loop_run(loop), 0);
        ck_assert_uint_eq(n_run, 2);
        hark_loop_unref(loop);
}
END_TEST

START_TEST(a_stop_before_the_run_is_remembered_and_used_up)
{
        loop = kit_new_loop();
        hark_loop_stop(loop);
        hark_loop_stop(loop);
        ck_assert_int_eq(hark_loop_run(loop), 0);
        ck_assert_int_eq(hark_loop_post(loop, stop, NULL), 0);
        ck_assert_int_eq(hark_loop_run(loop), 0);
        ck_assert_uint_eq(n_run, 1);
        hark_loop_unref(loop);
}
END_TEST

START_TEST(a_stop_ends_a_process_and_is_not_used_up)
{
        loop = kit_new_loop();
        hark_loop_stop(loop);
        ck_assert_int_eq(hark_loop_process(loop, HARK_FOREVER), 0);
        hark_loop_stop(loop);
        ck_assert_int_eq(hark_loop_process(loop, HARK_FOREVER), 0);
        ck_assert_int_eq(hark_loop_run(loop), 0);
        hark_loop_unref(loop);
}
END_TEST

static void *stop_from_thread(void *argument)
{
        (void)argument;
        hark_loop_stop(loop);
        return NULL;
}

START_TEST(another_thread_can_stop_a_run_that_sleeps)
{
        loop = kit_new_loop();
        for (int i = 0; i < 100; i++) {
                pthread_t thread;

                ck_assert_int_eq(pthread_create(&thread, NULL, stop_from_thread, NULL), 0);
                ck_assert_int_eq(hark_loop_run(loop), 0);
                pthread_join(thread, NULL);
        }
        hark_loop_unref(loop);
}
END_TEST

static void stop_in_handler(int signo)
{
        (void)signo;
        hark_loop_stop(loop);
}

START_TEST(a_signal_handler_can_stop_a_run_that_sleeps)
{
        struct sigaction action = {.sa_handler = stop_in_handler};

        loop = kit_new_loop();
        ck_assert_int_eq(sigaction(SIGALRM, &action, NULL), 0);
        ck_assert_int_eq((int)ualarm(2000, 0), 0);
        ck_assert_int_eq(hark_loop_run(loop), 0);
        hark_loop_unref(loop);
}
END_TEST

static void do_nothing(int signo)
{
        (void)signo;
}

START_TEST(a_signal_handler_does_not_end_a_run)
{
        struct sigaction action = {.sa_handler = do_nothing};

        loop = kit_new_loop();
        ck_assert_int_eq(sigaction(SIGALRM, &action, NULL), 0);
        ck_assert_int_eq((int)ualarm(1000, 1000), 0);
        ck_assert_int_eq(hark_loop_add_timer(loop, 20, 0, stop, NULL, NULL), 0);
        ck_assert_int_eq(hark_loop_run(loop), 0);
        ck_assert_uint_eq(n_run, 1);
        (void)ualarm(0, 0);
        hark_loop_unref(loop);
}
END_TEST

START_TEST(callbacks_that_are_ready_run_before_a_run_ends)
{
        loop = kit_new_loop();
        ck_assert_int_eq(hark_loop_post(loop, stop, NULL), 0);
        ck_assert_int_eq(hark_loop_post(loop, kit_count, &n_run), 0);
        ck_assert_int_eq(hark_loop_run(loop), 0);
        ck_assert_uint_eq(n_run, 2);
        hark_loop_unref(loop);
}
END_TEST

START_TEST(refuses_no_loop_and_negative_times)
{
        loop = kit_new_loop();
        hark_loop_stop(NULL);
        ck_assert_int_eq(hark_loop_new(NULL), -EINVAL);
        ck_assert_int_eq(hark_loop_run(NULL), -EINVAL);
        ck_assert_int_eq(hark_loop_process(NULL, 0), -EINVAL);
        ck_assert_int_eq(hark_loop_process(loop, -1), -EINVAL);
        ck_assert_int_eq(hark_loop_remove(NULL, 1), -EINVAL);
        ck_assert_int_eq(hark_loop_remove(loop, 0), -ENOENT);
        ck_assert_int_eq(hark_loop_set_log(NULL, NULL, NULL), -EINVAL);
        ck_assert_ptr_null(hark_loop_ref(NULL));
        ck_assert_ptr_null(hark_loop_unref(NULL));
        hark_loop_unref(loop);
}
END_TEST

FIXTURE_MAIN("stop", a_run_goes_on_until_it_is_stopped,
             a_stop_before_the_run_is_remembered_and_used_up,
             a_stop_ends_a_process_and_is_not_used_up, another_thread_can_stop_a_run_that_sleeps,
             a_signal_handler_can_stop_a_run_that_sleeps, a_signal_handler_does_not_end_a_run,
             callbacks_that_are_ready_run_before_a_run_ends, refuses_no_loop_and_negative_times)
