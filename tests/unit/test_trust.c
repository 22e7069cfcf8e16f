/* SPDX-License-Identifier: MIT */

#include "fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "transport/trust.h"

#define BOB   1001
#define CAROL 1002

/* In the test's own directory. */
static void make_directory(const char *name, uid_t owner, mode_t mode)
{
        const char *path = fixture_path(name);

        ck_assert_int_eq(mkdir(path, 0700), 0);
        ck_assert_int_eq(chown(path, owner, owner), 0);
        ck_assert_int_eq(chmod(path, mode), 0);
}

/* A file stands for the socket: only the way to it counts. */
static void make_file(const char *name)
{
        FILE *file = fopen(fixture_path(name), "w");

        fclose(file);
}

static void need_root(void)
{
        if (geteuid() != 0)
                fixture_skip("only root can give directories to other users");
}

/*
 * The test's own directory lies in one that everybody may write, so nothing in it is trusted. To
 * have a root that only root may write, it becomes the root of a child, for as long as it checks.
 */
static int check_in_tree(void *userdata)
{
        void (*check)(void) = *(void (**)(void))userdata;
        int root = open("/", O_PATH | O_DIRECTORY);

        ck_assert_int_eq(chmod(fixture_dir(), 0755), 0);
        ck_assert_int_eq(chroot(fixture_dir()), 0);
        ck_assert_int_eq(chdir("/"), 0);
        check();
        ck_assert_int_eq(fchdir(root), 0);
        ck_assert_int_eq(chroot("."), 0);
        close(root);
        return 0;
}

static void run_in_tree(void (*check)(void))
{
        ck_assert_int_eq(fixture_wait_exit(fixture_fork(check_in_tree, &check)), 0);
}

static void remove_all(const char *const *names)
{
        for (; *names; names++)
                ck_assert_msg(remove(fixture_path(*names)) == 0, "%s: %m", *names);
}

#define TRUSTED(path, uid)     ck_assert(hark_trust_owner_of_path(path, uid))
#define NOT_TRUSTED(path, uid) ck_assert(!hark_trust_owner_of_path(path, uid))

static void check_owner(void)
{
        TRUSTED("/bob/s", BOB);
        NOT_TRUSTED("/bob/s", CAROL);
        TRUSTED("/bob/carol/s", BOB);
        TRUSTED("/bob/carol/s", CAROL);
        TRUSTED("//bob//./s", BOB);
        TRUSTED("/bob/../bob/s", BOB);
        NOT_TRUSTED("/s", BOB);
        ck_assert_int_eq(chdir("/bob"), 0);
        TRUSTED("s", BOB);
        TRUSTED("./s", BOB);
        TRUSTED("carol/s", CAROL);
        TRUSTED("../bob/s", BOB);
        NOT_TRUSTED("s", CAROL);
}

START_TEST(the_owners_of_the_directories_may_serve_what_they_alone_may_write)
{
        need_root();
        make_directory("bob", BOB, 0755);
        make_directory("bob/carol", CAROL, 0700);
        make_file("s");
        make_file("bob/s");
        make_file("bob/carol/s");
        run_in_tree(check_owner);
        remove_all((const char *const[]){"bob/carol/s", "bob/carol", "bob/s", "bob", "s", NULL});
}
END_TEST

static void check_shared(void)
{
        NOT_TRUSTED("/tmp/s", BOB);
        NOT_TRUSTED("/tmp/bob/s", BOB);
        NOT_TRUSTED("/bob/group/s", BOB);
        NOT_TRUSTED("/bob/group/bob/s", BOB);
        TRUSTED("/bob/s", BOB);
}

START_TEST(from_a_directory_that_others_may_write_on_nobody_is_trusted)
{
        need_root();
        make_directory("tmp", 0, 01777);
        make_directory("tmp/bob", BOB, 0700);
        make_directory("bob", BOB, 0755);
        make_directory("bob/group", BOB, 0775);
        make_directory("bob/group/bob", BOB, 0755);
        make_file("tmp/s");
        make_file("tmp/bob/s");
        make_file("bob/s");
        make_file("bob/group/s");
        make_file("bob/group/bob/s");
        run_in_tree(check_shared);
        remove_all((const char *const[]){"tmp/s", "tmp/bob/s", "tmp/bob", "tmp", "bob/group/bob/s",
                                         "bob/group/bob", "bob/group/s", "bob/group", "bob/s",
                                         "bob", NULL});
}
END_TEST

static void check_links(void)
{
        TRUSTED("/run/s", BOB);         /* run -> bob */
        TRUSTED("/absolute/s", BOB);    /* absolute -> /bob */
        TRUSTED("/bob/self/s", BOB);    /* self -> /bob, from the root again */
        TRUSTED("/bob/link", BOB);      /* link -> s */
        NOT_TRUSTED("/tmp/bob/s", BOB); /* tmp/bob -> ../bob: anybody could have made it */
        NOT_TRUSTED("/bob/through/s",
                    BOB); /* through -> ../tmp/own: what it leads through counts */
        NOT_TRUSTED("/circle/s", BOB);
        NOT_TRUSTED("/dangling/s", BOB);
}

START_TEST(symbolic_links_are_followed_and_their_way_counts)
{
        static const struct {
                const char *text, *name;
        } links[] = {{"bob", "run"},       {"/bob", "absolute"},   {"/bob", "bob/self"},
                     {"s", "bob/link"},    {"../bob", "tmp/bob"},  {"../tmp/own", "bob/through"},
                     {"circle", "circle"}, {"nowhere", "dangling"}};

        need_root();
        make_directory("bob", BOB, 0755);
        make_directory("tmp", 0, 01777);
        make_directory("tmp/own", BOB, 0755);
        make_file("bob/s");
        make_file("tmp/own/s");
        for (size_t i = 0; i < sizeof(links) / sizeof(*links); i++)
                ck_assert_int_eq(symlink(links[i].text, fixture_path(links[i].name)), 0);
        run_in_tree(check_links);
        remove_all((const char *const[]){"run", "absolute", "bob/self", "bob/link", "tmp/bob",
                                         "bob/through", "circle", "dangling", "bob/s", "bob",
                                         "tmp/own/s", "tmp/own", "tmp", NULL});
}
END_TEST

static void check_writable_root(void)
{
        ck_assert_int_eq(chmod("/", 0777), 0);
        NOT_TRUSTED("/bob/s", BOB);
        ck_assert_int_eq(chmod("/", 0755), 0);
        TRUSTED("/bob/s", BOB);
}

START_TEST(the_root_itself_counts)
{
        need_root();
        make_directory("bob", BOB, 0755);
        make_file("bob/s");
        run_in_tree(check_writable_root);
        remove_all((const char *const[]){"bob/s", "bob", NULL});
}
END_TEST

START_TEST(what_cannot_be_walked_is_not_trusted)
{
        char path[5000];

        NOT_TRUSTED("/no/such/directory", BOB);
        NOT_TRUSTED("/dev/null/x", BOB);
        (void)snprintf(path, sizeof(path), "/%0300d/s", 0);
        NOT_TRUSTED(path, BOB);
        (void)snprintf(path, sizeof(path), "/%04500d", 0);
        NOT_TRUSTED(path, BOB);
}
END_TEST

FIXTURE_MAIN("trust", the_owners_of_the_directories_may_serve_what_they_alone_may_write,
             from_a_directory_that_others_may_write_on_nobody_is_trusted,
             symbolic_links_are_followed_and_their_way_counts, the_root_itself_counts,
             what_cannot_be_walked_is_not_trusted)
