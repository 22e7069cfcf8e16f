/* SPDX-License-Identifier: MIT */

#include "fixture.h"

#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "transport/path.h"

#define ROUNDS 1000

static int connect_to(const char *path, int type)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, type | SOCK_NONBLOCK, 0);
        int r;

        (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
        r = connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 ? 0 : -errno;
        close(fd);
        return r;
}

static int count_files(void)
{
        DIR *directory = opendir(fixture_dir());
        int n = 0;

        while (readdir(directory))
                n++;
        closedir(directory);
        return n - 2;
}

struct race {
        atomic_uint n_met;
        int results[2];
        char path[108];
};

struct runner {
        struct race *race;
        int number;
};

/* Both are there, and nobody is ahead: who sleeps here wakes up too late for a race. */
static void meet(struct race *race)
{
        unsigned n = atomic_fetch_add(&race->n_met, 1) + 1;
        unsigned both = n + n % 2;

        for (unsigned i = 1; atomic_load(&race->n_met) < both; i++)
                if (i % 10000 == 0)
                        (void)sched_yield();
}

static void run_round(const struct runner *runner, bool is_left)
{
        struct race *race = runner->race;
        struct hark_path taken;
        int fd = -1;
        int r;

        meet(race);
        r = hark_path_take(race->path, SOCK_STREAM, -1, &taken, &fd);
        race->results[runner->number] = r;
        meet(race);
        ck_assert_int_eq(race->results[0] + race->results[1], -EADDRINUSE);
        ck_assert_int_eq(connect_to(race->path, SOCK_STREAM), 0);
        meet(race);
        if (r < 0)
                return;
        if (is_left)
                hark_path_leave(&taken);
        close(fd);
        if (!is_left) { /* as who is killed */
                close(taken.directory);
                free(taken.name);
        }
}

static int run(void *userdata)
{
        const struct runner *runner = userdata;

        for (unsigned i = 0; i < ROUNDS; i++)
                run_round(runner, i % 4 == 3);
        return 0;
}

START_TEST(of_two_that_start_at_once_one_serves_a_thousand_times)
{
        struct race *race = mmap(NULL, sizeof(*race), PROT_READ | PROT_WRITE,
                                 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        struct runner first = {race, 0}, second = {race, 1};
        pid_t pids[2];

        (void)snprintf(race->path, sizeof(race->path), "%s", fixture_path("s"));
        pids[0] = fixture_fork(run, &first);
        pids[1] = fixture_fork(run, &second);
        ck_assert_int_eq(fixture_wait_exit(pids[0]), 0);
        ck_assert_int_eq(fixture_wait_exit(pids[1]), 0);
        ck_assert_int_eq(count_files(), 0);
        munmap(race, sizeof(*race));
}
END_TEST

FIXTURE_MAIN("path_race", of_two_that_start_at_once_one_serves_a_thousand_times)
