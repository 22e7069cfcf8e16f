/* SPDX-License-Identifier: MIT */

#include "fixture.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "transport/path.h"

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

/* A socket as a server makes it that knows nothing of us. */
static int bind_plainly(const char *path, int type, int backlog)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, type, 0);

        (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
        ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
        if (backlog >= 0)
                ck_assert_int_eq(listen(fd, backlog), 0);
        return fd;
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

static void take(const char *path, struct hark_path *taken, int *fd)
{
        ck_assert_int_eq(hark_path_take(path, SOCK_STREAM, -1, taken, fd), 0);
}

/* That the path cannot be taken, and why, and that trying leaves nothing behind. */
static void check_not_taken(const char *path, int result)
{
        int n = count_files();
        struct hark_path taken;
        int fd;

        ck_assert_int_eq(hark_path_take(path, SOCK_STREAM, -1, &taken, &fd), result);
        ck_assert_int_eq(count_files(), n);
}

START_TEST(a_path_is_served_from_when_it_is_taken_until_it_is_left)
{
        const char *path = fixture_path("s");
        struct hark_path taken;
        int fd;

        take(path, &taken, &fd);
        ck_assert_int_eq(connect_to(path, SOCK_STREAM), 0);
        ck_assert_int_eq(count_files(), 1);
        hark_path_leave(&taken);
        close(fd);
        ck_assert_int_eq(count_files(), 0);
}
END_TEST

START_TEST(every_type_of_socket_can_take_one)
{
        const int types[] = {SOCK_STREAM, SOCK_SEQPACKET, SOCK_DGRAM};

        for (size_t i = 0; i < 3; i++) {
                const char *path = fixture_path("s");
                struct hark_path taken, again;
                int fd, other;

                for (int is_stale = 0; is_stale < 2; is_stale++) {
                        ck_assert_int_eq(hark_path_take(path, types[i], -1, &taken, &fd), 0);
                        ck_assert_int_eq(connect_to(path, types[i]), 0);
                        ck_assert_int_eq(hark_path_take(path, types[i], -1, &again, &other),
                                         -EADDRINUSE);
                        if (is_stale)
                                hark_path_leave(&taken);
                        close(fd);
                        if (!is_stale) {
                                close(taken.directory);
                                free(taken.name);
                        }
                }
        }
        ck_assert_int_eq(count_files(), 0);
}
END_TEST

START_TEST(a_socket_that_nobody_serves_is_replaced)
{
        const char *path = fixture_path("s");
        struct hark_path taken;
        int fd;

        close(bind_plainly(path, SOCK_STREAM, 5));
        ck_assert_int_eq(connect_to(path, SOCK_STREAM), -ECONNREFUSED);
        take(path, &taken, &fd);
        ck_assert_int_eq(connect_to(path, SOCK_STREAM), 0);
        hark_path_leave(&taken);
        close(fd);
}
END_TEST

START_TEST(a_socket_that_somebody_serves_is_not)
{
        const char *path = fixture_path("s");
        int fd = bind_plainly(path, SOCK_STREAM, 5);

        check_not_taken(path, -EADDRINUSE);
        ck_assert_int_eq(connect_to(path, SOCK_STREAM), 0);
        close(fd);
        ck_assert_int_eq(unlink(path), 0);
}
END_TEST

START_TEST(a_full_backlog_is_a_sign_of_life)
{
        const char *path = fixture_path("s");
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int server = bind_plainly(path, SOCK_STREAM, 0);
        int client = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

        (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
        ck_assert_int_eq(connect(client, (struct sockaddr *)&address, sizeof(address)), 0);
        ck_assert_int_eq(connect_to(path, SOCK_STREAM), -EAGAIN);
        check_not_taken(path, -EADDRINUSE);
        close(client);
        close(server);
        ck_assert_int_eq(unlink(path), 0);
}
END_TEST

START_TEST(a_socket_of_another_type_is_not_replaced_while_it_is_served)
{
        const char *path = fixture_path("s");
        int fd = bind_plainly(path, SOCK_DGRAM, -1);

        check_not_taken(path, -EADDRINUSE);
        close(fd);
        ck_assert_int_eq(unlink(path), 0);
}
END_TEST

START_TEST(what_is_no_socket_is_never_replaced)
{
        const char *path = fixture_path("file"), *link = fixture_path("link");
        int fd = open(path, O_CREAT | O_WRONLY, 0600);

        ck_assert_int_eq(write(fd, "x", 1), 1);
        close(fd);
        check_not_taken(path, -EADDRINUSE);
        ck_assert_int_eq(symlink(fixture_path("nowhere"), link), 0);
        check_not_taken(link, -EADDRINUSE);
        check_not_taken(fixture_dir(), -EADDRINUSE);
        fd = open(path, O_RDONLY);
        ck_assert_int_eq(lseek(fd, 0, SEEK_END), 1);
        close(fd);
        ck_assert_int_eq(unlink(path), 0);
        ck_assert_int_eq(unlink(link), 0);
}
END_TEST

START_TEST(what_is_wrong_with_the_directory_is_said)
{
        const char *file = fixture_path("file");
        char path[200];

        check_not_taken(fixture_path("none/s"), -ENOENT);
        close(open(file, O_CREAT | O_WRONLY, 0600));
        check_not_taken(fixture_path("file/s"), -ENOTDIR);
        ck_assert_int_eq(unlink(file), 0);
        (void)snprintf(path, sizeof(path), "%0108d", 0);
        check_not_taken(path, -ENAMETOOLONG);
}
END_TEST

static int take_as_nobody(void *path)
{
        struct hark_path taken;
        int fd;

        ck_assert_int_eq(setresuid(65534, 65534, 65534), 0);
        ck_assert_int_eq(hark_path_take(path, SOCK_STREAM, -1, &taken, &fd), -EACCES);
        return 0;
}

START_TEST(a_directory_that_is_not_ours_cannot_be_served_in)
{
        char *path = strdup(fixture_path("s"));

        if (geteuid() != 0)
                fixture_skip("only root can become another user");
        ck_assert_int_eq(chmod(fixture_dir(), 0755), 0);
        ck_assert_int_eq(fixture_wait_exit(fixture_fork(take_as_nobody, path)), 0);
        ck_assert_int_eq(count_files(), 0);
        free(path);
}
END_TEST

START_TEST(permissions_are_set_before_anybody_can_connect)
{
        const char *path = fixture_path("s");
        struct hark_path taken;
        struct stat status;
        int fd;

        (void)umask(077);
        ck_assert_int_eq(hark_path_take(path, SOCK_STREAM, 0624, &taken, &fd), 0);
        ck_assert_int_eq(lstat(path, &status), 0);
        ck_assert_uint_eq(status.st_mode & 07777, 0624);
        hark_path_leave(&taken);
        close(fd);
        take(path, &taken, &fd);
        ck_assert_int_eq(lstat(path, &status), 0);
        ck_assert_uint_eq(status.st_mode & 07777, 0700);
        hark_path_leave(&taken);
        close(fd);
}
END_TEST

START_TEST(a_path_as_long_as_possible_can_be_taken)
{
        char directory[108], path[sizeof(directory) + 2];
        size_t size = strlen(fixture_dir());
        struct hark_path taken;
        int fd;

        /* So that every temporary name beside it is longer than an address may be. */
        (void)snprintf(directory, sizeof(directory), "%s/%0*d", fixture_dir(),
                       (int)(107 - size - 3), 0);
        ck_assert_int_eq(mkdir(directory, 0700), 0);
        (void)snprintf(path, sizeof(path), "%s/s", directory);
        ck_assert_uint_eq(strlen(path), 107);
        take(path, &taken, &fd);
        ck_assert_int_eq(connect_to(path, SOCK_STREAM), 0);
        hark_path_leave(&taken);
        close(fd);
        ck_assert_int_eq(rmdir(directory), 0);
}
END_TEST

START_TEST(a_relative_path_is_left_also_from_another_directory)
{
        struct hark_path taken;
        int fd;

        ck_assert_int_eq(chdir(fixture_dir()), 0);
        take("s", &taken, &fd);
        ck_assert_int_eq(connect_to("s", SOCK_STREAM), 0);
        ck_assert_int_eq(chdir("/"), 0);
        hark_path_leave(&taken);
        close(fd);
        ck_assert_int_eq(count_files(), 0);
}
END_TEST

START_TEST(what_lies_there_meanwhile_and_is_not_ours_is_not_unlinked)
{
        const char *path = fixture_path("s");
        struct hark_path old, new;
        int old_fd, new_fd;

        take(path, &old, &old_fd);
        ck_assert_int_eq(unlink(path), 0);
        take(path, &new, &new_fd);
        hark_path_leave(&old);
        close(old_fd);
        ck_assert_int_eq(connect_to(path, SOCK_STREAM), 0);
        hark_path_leave(&new);
        close(new_fd);
        ck_assert_int_eq(count_files(), 0);
}
END_TEST

static int lock_directory(void)
{
        int fd = open(fixture_dir(), O_RDONLY | O_DIRECTORY);

        ck_assert_int_eq(flock(fd, LOCK_EX), 0);
        return fd;
}

START_TEST(who_finds_the_directory_locked_waits_for_a_second)
{
        uint64_t begin_ns = hark_now_ns();
        int lock = lock_directory();
        uint64_t waited_ns;

        check_not_taken(fixture_path("s"), -EBUSY);
        waited_ns = hark_now_ns() - begin_ns;
        ck_assert_uint_ge(waited_ns, 1000000000);
        close(lock);
        check_not_taken(fixture_path("none/s"), -ENOENT); /* was not left locked by the first try */
}
END_TEST

START_TEST(who_cannot_lock_leaves_the_path_for_the_next_to_replace)
{
        const char *path = fixture_path("s");
        struct hark_path taken;
        int fd, lock;

        take(path, &taken, &fd);
        lock = lock_directory();
        hark_path_leave(&taken);
        close(fd);
        ck_assert_int_eq(count_files(), 1);
        close(lock);
        take(path, &taken, &fd);
        hark_path_leave(&taken);
        close(fd);
}
END_TEST

FIXTURE_MAIN("path", a_path_is_served_from_when_it_is_taken_until_it_is_left,
             every_type_of_socket_can_take_one, a_socket_that_nobody_serves_is_replaced,
             a_socket_that_somebody_serves_is_not, a_full_backlog_is_a_sign_of_life,
             a_socket_of_another_type_is_not_replaced_while_it_is_served,
             what_is_no_socket_is_never_replaced, what_is_wrong_with_the_directory_is_said,
             a_directory_that_is_not_ours_cannot_be_served_in,
             permissions_are_set_before_anybody_can_connect,
             a_path_as_long_as_possible_can_be_taken,
             a_relative_path_is_left_also_from_another_directory,
             what_lies_there_meanwhile_and_is_not_ours_is_not_unlinked,
             who_finds_the_directory_locked_waits_for_a_second,
             who_cannot_lock_leaves_the_path_for_the_next_to_replace)
