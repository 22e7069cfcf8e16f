/* SPDX-License-Identifier: MIT */

/* The loop when memory or descriptors run out: it says so, leaks nothing, and goes on. */

#include "fixture.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "faults.h"
#include "loop_kit.h"

static bool is_expected(int r)
{
        return r == -ENOMEM || r == -EMFILE || r == -ENOSPC;
}

static void check_that_it_works(hark_loop *loop)
{
        unsigned n = 0;

        ck_assert_int_eq(hark_loop_add_timer(loop, 0, 0, kit_count, &n, NULL), 0);
        kit_process_until(loop, &n, 1);
}

START_TEST(a_loop_is_made_whole_or_not_at_all)
{
        hark_loop *loop = NULL;
        unsigned n_faults = 0;

        FAULTS_FOR_EACH(n)
        {
                int r = hark_loop_new(&loop);

                if (!faults_stop())
                        break;
                ck_assert(is_expected(r));
                ck_assert_ptr_null(loop);
                n_faults++;
        }
        ck_assert_uint_ge(n_faults, 8);
        check_that_it_works(loop);
        hark_loop_unref(loop);
}
END_TEST

static void on_fd(int fd, uint32_t events, void *userdata)
{
        (void)fd;
        (void)events;
        (void)userdata;
}

static void on_signal(int signo, void *userdata)
{
        (void)signo;
        (void)userdata;
}

static void on_child(pid_t pid, int wait_status, void *userdata)
{
        (void)pid;
        (void)wait_status;
        (void)userdata;
}

static int pipe_fds[2];
static pid_t child;

static int add_fd(hark_loop *loop, uint64_t *ret_id)
{
        return hark_loop_add_fd(loop, pipe_fds[0], EPOLLIN, on_fd, NULL, ret_id);
}

static int add_timer(hark_loop *loop, uint64_t *ret_id)
{
        return hark_loop_add_timer(loop, HARK_FOREVER, 0, kit_count, NULL, ret_id);
}

static int add_signal(hark_loop *loop, uint64_t *ret_id)
{
        return hark_loop_add_signal(loop, SIGUSR1, on_signal, NULL, ret_id);
}

static int add_child(hark_loop *loop, uint64_t *ret_id)
{
        return hark_loop_add_child(loop, child, on_child, NULL, ret_id);
}

typedef int add_fn(hark_loop *loop, uint64_t *ret_id);
static add_fn *const add_fns[] = {add_fd, add_timer, add_signal, add_child};

static void add_with_faults(hark_loop *loop, add_fn *add)
{
        uint64_t id = 0;

        FAULTS_FOR_EACH(n)
        {
                int r = add(loop, &id);

                if (!faults_stop())
                        break;
                ck_assert(is_expected(r));
                ck_assert_uint_eq(id, 0);
        }
        ck_assert_uint_ne(id, 0);
        check_that_it_works(loop);
        ck_assert_int_eq(hark_loop_remove(loop, id), 0);
}

START_TEST(what_cannot_be_added_leaves_no_trace)
{
        hark_loop *loop = kit_new_loop();

        ck_assert_int_eq(pipe(pipe_fds), 0);
        child = fork();
        if (child == 0)
                pause();
        for (size_t i = 0; i < sizeof(add_fns) / sizeof(*add_fns); i++)
                add_with_faults(loop, add_fns[i]);
        ck_assert_int_eq(kill(child, SIGKILL), 0);
        ck_assert_int_eq(waitpid(child, NULL, 0), child);
        hark_close(pipe_fds[0]);
        hark_close(pipe_fds[1]);
        hark_loop_unref(loop);
}
END_TEST

START_TEST(a_post_that_cannot_be_made_does_not_run)
{
        hark_loop *loop = kit_new_loop();
        unsigned n_run = 0;
        int r;

        faults_start(0);
        r = hark_loop_post(loop, kit_count, &n_run);
        ck_assert(faults_stop());
        ck_assert_int_eq(r, -ENOMEM);
        kit_process_what_shows(loop);
        hark_loop_unref(loop);
        ck_assert_uint_eq(n_run, 0);
}
END_TEST

START_TEST(a_map_without_memory_to_grow_still_finds_all_ids)
{
        hark_loop *loop = kit_new_loop();
        uint64_t ids[100];

        for (size_t i = 0; i < 100; i++) {
                int r;

                faults_start(1); /* the source itself is made, the map does not grow */
                r = add_timer(loop, &ids[i]);
                (void)faults_stop();
                ck_assert_int_eq(r, 0);
        }
        for (size_t i = 0; i < 100; i++)
                ck_assert_int_eq(hark_loop_remove(loop, ids[i]), 0);
        hark_loop_unref(loop);
}
END_TEST

START_TEST(a_process_without_descriptors_makes_no_loop)
{
        struct rlimit limit, none;
        hark_loop *loop = NULL;

        ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
        none = limit;
        none.rlim_cur = 0;
        ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
        ck_assert_int_eq(hark_loop_new(&loop), -EMFILE);
        ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}
END_TEST

FIXTURE_MAIN("loop_faults", a_loop_is_made_whole_or_not_at_all,
             what_cannot_be_added_leaves_no_trace, a_post_that_cannot_be_made_does_not_run,
             a_map_without_memory_to_grow_still_finds_all_ids,
             a_process_without_descriptors_makes_no_loop)
