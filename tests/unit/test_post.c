/* SPDX-License-Identifier: MIT */

#include "fixture.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "loop_kit.h"

#define N_THREADS 4
#define N_POSTS   5000

static hark_loop *loop;
static char said[16];

static void say(void *userdata)
{
        strcat(said, userdata);
}

START_TEST(posts_run_in_order_and_once)
{
        loop = kit_new_loop();
        ck_assert_int_eq(hark_loop_post(loop, say, "a"), 0);
        ck_assert_int_eq(hark_loop_post(loop, say, "b"), 0);
        ck_assert_int_eq(hark_loop_post(loop, say, "c"), 0);
        ck_assert_str_eq(said, "");
        ck_assert(kit_is_readable(loop));
        hark_loop_process(loop, HARK_FOREVER);
        kit_process_what_shows(loop);
        ck_assert_str_eq(said, "abc");
        hark_loop_unref(loop);
}
END_TEST

static void post_b(void *userdata)
{
        say(userdata);
        ck_assert_int_eq(hark_loop_post(loop, say, "b"), 0);
}

START_TEST(a_post_may_post)
{
        loop = kit_new_loop();
        ck_assert_int_eq(hark_loop_post(loop, post_b, "a"), 0);
        hark_loop_process(loop, 0);
        ck_assert_str_eq(said, "a");
        kit_process_what_shows(loop);
        ck_assert_str_eq(said, "ab");
        hark_loop_unref(loop);
}
END_TEST

START_TEST(what_has_not_run_runs_when_the_loop_is_let_go_of)
{
        loop = kit_new_loop();
        ck_assert_int_eq(hark_loop_post(loop, say, "a"), 0);
        ck_assert_int_eq(hark_loop_post(loop, post_b, "c"), 0);
        hark_loop_unref(loop);
        ck_assert_str_eq(said, "acb");
}
END_TEST

static void keep(void *userdata)
{
        say(userdata);
        hark_loop_ref(loop);
}

static void use_and_let_go(void *userdata)
{
        uint64_t id;

        say(userdata);
        ck_assert_int_eq(hark_loop_process(loop, 0), -EDEADLK);
        ck_assert_int_eq(hark_loop_add_timer(loop, HARK_FOREVER, 0, kit_count, NULL, &id), 0);
        hark_loop_unref(hark_loop_ref(loop));
}

START_TEST(the_last_post_may_use_the_loop_and_even_keep_it)
{
        loop = kit_new_loop();
        ck_assert_int_eq(hark_loop_post(loop, use_and_let_go, "a"), 0);
        ck_assert_int_eq(hark_loop_post(loop, keep, "b"), 0);
        hark_loop_unref(loop);
        ck_assert_int_eq(hark_loop_post(loop, say, "c"), 0);
        hark_loop_process(loop, 0);
        ck_assert_str_eq(said, "abc");
        hark_loop_unref(loop);
}
END_TEST

START_TEST(refuses_what_it_cannot_run)
{
        loop = kit_new_loop();
        ck_assert_int_eq(hark_loop_post(NULL, say, NULL), -EINVAL);
        ck_assert_int_eq(hark_loop_post(loop, NULL, NULL), -EINVAL);
        hark_loop_unref(loop);
}
END_TEST

struct poster {
        pthread_t thread;
        unsigned n_posted, n_run;
};

struct parcel {
        struct poster *poster;
        unsigned number;
};

static struct poster posters[N_THREADS];
static unsigned n_run;

static void open_parcel(void *userdata)
{
        struct parcel *parcel = userdata;

        ck_assert_uint_eq(parcel->number, parcel->poster->n_run);
        parcel->poster->n_run++;
        n_run++;
        free(parcel);
}

static void *post_parcels(void *argument)
{
        struct poster *poster = argument;

        for (unsigned i = 0; i < N_POSTS; i++) {
                struct parcel *parcel = malloc(sizeof(*parcel));

                *parcel = (struct parcel){.poster = poster, .number = i};
                if (hark_loop_post(loop, open_parcel, parcel) == 0)
                        poster->n_posted++;
        }
        return NULL;
}

static void start_posters(void)
{
        for (size_t i = 0; i < N_THREADS; i++)
                ck_assert_int_eq(
                        pthread_create(&posters[i].thread, NULL, post_parcels, &posters[i]), 0);
}

static void join_posters(void)
{
        for (size_t i = 0; i < N_THREADS; i++)
                pthread_join(posters[i].thread, NULL);
}

static void check_posters(void)
{
        for (size_t i = 0; i < N_THREADS; i++) {
                ck_assert_uint_eq(posters[i].n_posted, N_POSTS);
                ck_assert_uint_eq(posters[i].n_run, N_POSTS);
        }
}

START_TEST(posts_of_many_threads_wake_a_loop_that_sleeps)
{
        loop = kit_new_loop();
        start_posters();
        kit_process_until(loop, &n_run, N_THREADS * N_POSTS);
        join_posters();
        check_posters();
        hark_loop_unref(loop);
}
END_TEST

START_TEST(posts_of_many_threads_show_on_the_fd)
{
        loop = kit_new_loop();
        start_posters();
        while (n_run < N_THREADS * N_POSTS) {
                ck_assert(kit_is_readable_within(loop, KIT_PATIENCE_MS));
                hark_loop_process(loop, 0);
        }
        join_posters();
        check_posters();
        hark_loop_unref(loop);
}
END_TEST

START_TEST(posts_of_many_threads_that_nobody_processed_run_in_the_end)
{
        loop = kit_new_loop();
        start_posters();
        join_posters();
        hark_loop_unref(loop);
        check_posters();
}
END_TEST

static void stop_after_all(void *userdata)
{
        (void)userdata;
        if (n_run == N_THREADS * N_POSTS)
                hark_loop_stop(loop);
        else
                ck_assert_int_eq(hark_loop_post(loop, stop_after_all, NULL), 0);
}

static void *stop_from_thread(void *argument)
{
        (void)argument;
        ck_assert_int_eq(hark_loop_post(loop, stop_after_all, NULL), 0);
        return NULL;
}

START_TEST(posts_of_many_threads_reach_a_run)
{
        pthread_t stopper;

        loop = kit_new_loop();
        start_posters();
        ck_assert_int_eq(pthread_create(&stopper, NULL, stop_from_thread, NULL), 0);
        ck_assert_int_eq(hark_loop_run(loop), 0);
        join_posters();
        pthread_join(stopper, NULL);
        check_posters();
        hark_loop_unref(loop);
}
END_TEST

FIXTURE_MAIN("post", posts_run_in_order_and_once, a_post_may_post,
             what_has_not_run_runs_when_the_loop_is_let_go_of,
             the_last_post_may_use_the_loop_and_even_keep_it, refuses_what_it_cannot_run,
             posts_of_many_threads_wake_a_loop_that_sleeps, posts_of_many_threads_show_on_the_fd,
             posts_of_many_threads_that_nobody_processed_run_in_the_end,
             posts_of_many_threads_reach_a_run)
