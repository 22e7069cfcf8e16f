/* SPDX-License-Identifier: MIT */

/* Waiting for a server to come to a path: whatever of it is missing. */

#include "fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "loop_kit.h"
#include "transport/path_watch.h"
#include "transport/transport.h"

struct waiter {
        hark_loop *loop;
        struct hark_watch *watch;
        unsigned n_arrivals;
        char path[256];
};

static void on_arrival(struct hark_watch *watch)
{
        struct waiter *waiter = watch->userdata;

        waiter->n_arrivals++;
}

static void begin(struct waiter *waiter, const char *below)
{
        *waiter = (struct waiter){.loop = kit_new_loop()};
        snprintf(waiter->path, sizeof(waiter->path), "%s%s", fixture_path("place"), below);
        ck_assert_int_eq(
                hark_path_watch(waiter->loop, waiter->path, &hark_transport_unix, &waiter->watch),
                0);
        waiter->watch->on_arrival = on_arrival;
        waiter->watch->userdata = waiter;
}

static void end(struct waiter *waiter)
{
        hark_path_unwatch(waiter->watch);
        hark_loop_unref(waiter->loop);
}

static void make_file(const char *path)
{
        int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

        ck_assert_int_ge(fd, 0);
        close(fd);
}

static void make_directory(const char *below)
{
        char path[256];

        snprintf(path, sizeof(path), "%s%s", fixture_path("place"), below);
        ck_assert_int_eq(mkdir(path, 0700), 0);
}

static void remove_directory(const char *below)
{
        char path[256];

        snprintf(path, sizeof(path), "%s%s", fixture_path("place"), below);
        ck_assert_int_eq(rmdir(path), 0);
}

START_TEST(a_file_that_is_made_there_is_told)
{
        struct waiter waiter;

        begin(&waiter, "");
        make_file(waiter.path);
        kit_process_until(waiter.loop, &waiter.n_arrivals, 1);
        unlink(waiter.path);
        end(&waiter);
}
END_TEST

START_TEST(a_file_that_is_renamed_to_there_is_told)
{
        struct waiter waiter;
        char other[300];

        begin(&waiter, "");
        snprintf(other, sizeof(other), "%s.new", waiter.path);
        make_file(other);
        ck_assert_int_eq(rename(other, waiter.path), 0);
        kit_process_until(waiter.loop, &waiter.n_arrivals, 1);
        ck_assert_uint_eq(waiter.n_arrivals, 1);
        unlink(waiter.path);
        end(&waiter);
}
END_TEST

START_TEST(a_file_that_lets_in_others_now_is_told)
{
        struct waiter waiter;

        make_file(fixture_path("place"));
        begin(&waiter, "");
        ck_assert_int_eq(chmod(waiter.path, 0666), 0);
        kit_process_until(waiter.loop, &waiter.n_arrivals, 1);
        unlink(waiter.path);
        end(&waiter);
}
END_TEST

START_TEST(other_files_are_nobody_s_business)
{
        struct waiter waiter;
        char other[300];

        begin(&waiter, "");
        snprintf(other, sizeof(other), "%s.new", waiter.path);
        make_file(other);
        unlink(other);
        kit_process_what_shows(waiter.loop);
        ck_assert_uint_eq(waiter.n_arrivals, 0);
        end(&waiter);
}
END_TEST

START_TEST(directories_that_are_missing_are_waited_for)
{
        struct waiter waiter;
        unsigned n;

        begin(&waiter, "/one/two/server.sock");
        make_directory("");
        make_directory("/one");
        kit_process_what_shows(waiter.loop);
        make_directory("/one/two");
        kit_process_what_shows(waiter.loop);
        n = waiter.n_arrivals;
        make_file(waiter.path);
        kit_process_until(waiter.loop, &waiter.n_arrivals, n + 1);
        unlink(waiter.path);
        remove_directory("/one/two");
        remove_directory("/one");
        remove_directory("");
        end(&waiter);
}
END_TEST

START_TEST(a_directory_that_goes_and_comes_back_is_watched_again)
{
        struct waiter waiter;
        unsigned n;

        make_directory("");
        begin(&waiter, "/server.sock");
        remove_directory("");
        kit_process_what_shows(waiter.loop);
        make_directory("");
        kit_process_what_shows(waiter.loop);
        n = waiter.n_arrivals;
        make_file(waiter.path);
        kit_process_until(waiter.loop, &waiter.n_arrivals, n + 1);
        unlink(waiter.path);
        remove_directory("");
        end(&waiter);
}
END_TEST

/* All of it happens before a look at what has happened. */
START_TEST(what_comes_all_at_once_is_told)
{
        struct waiter waiter;

        begin(&waiter, "/one/server.sock");
        make_directory("");
        make_directory("/one");
        make_file(waiter.path);
        kit_process_until(waiter.loop, &waiter.n_arrivals, 1);
        unlink(waiter.path);
        remove_directory("/one");
        remove_directory("");
        end(&waiter);
}
END_TEST

FIXTURE_MAIN("path_watch", a_file_that_is_made_there_is_told,
             a_file_that_is_renamed_to_there_is_told, a_file_that_lets_in_others_now_is_told,
             other_files_are_nobody_s_business, directories_that_are_missing_are_waited_for,
             a_directory_that_goes_and_comes_back_is_watched_again, what_comes_all_at_once_is_told)
