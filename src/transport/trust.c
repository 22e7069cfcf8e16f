/* SPDX-License-Identifier: MIT */

/*
 * See trust.h. The path is walked as the kernel does, one component after the other from an open
 * directory, so that no directory on the way goes unseen, as those behind a symbolic link would.
 *
 * The walk comes after connect(2). Between the two the path may change, but only by the hand of
 * somebody who owns one of its directories, and so is trusted anyway.
 */

#include "transport/trust.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

#define LINKS_MAX 40 /* as the kernel, path_resolution(7) */

struct walk {
        uid_t uid;
        int directory;
        bool is_owner; /* of a directory that we came through */
        unsigned n_links;
        char rest[PATH_MAX]; /* of the path, from directory on */
};

static void close_walkp(struct walk *walk)
{
        hark_close(walk->directory);
}

/* Goes into a directory. 1; 0: others may write it; negative: no way. */
static int enter(struct walk *walk, const char *name)
{
        int fd = openat(walk->directory, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        struct stat status;

        if (fd < 0)
                return -errno;
        hark_close(walk->directory);
        walk->directory = fd;
        if (fstat(fd, &status) < 0)
                return -errno;
        if (status.st_uid == walk->uid)
                walk->is_owner = true;
        return (status.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

/* Puts text in front of the rest, and begins at the root if it says so. Returns as enter(). */
static int prepend(struct walk *walk, const char *text)
{
        char joined[PATH_MAX];
        int size = snprintf(joined, sizeof(joined), "%s/%s", text, walk->rest);

        if (size < 0 || (size_t)size >= sizeof(joined))
                return -ENAMETOOLONG;
        memcpy(walk->rest, joined, (size_t)size + 1);
        return *text == '/' ? enter(walk, "/") : 1;
}

static int follow(struct walk *walk, const char *name)
{
        char target[PATH_MAX];
        ssize_t size = readlinkat(walk->directory, name, target, sizeof(target) - 1);

        if (size < 0)
                return -errno;
        if (++walk->n_links > LINKS_MAX)
                return -ELOOP;
        target[size] = '\0';
        return prepend(walk, target);
}

/* Takes the next component off the rest, into name of NAME_MAX + 1 bytes; false: there is none. */
static bool take_component(struct walk *walk, char *name)
{
        const char *begin = walk->rest + strspn(walk->rest, "/");
        size_t size = strcspn(begin, "/");

        if (size == 0 || size > NAME_MAX)
                return false;
        *(char *)mempcpy(name, begin, size) = '\0';
        memmove(walk->rest, begin + size, strlen(begin + size) + 1);
        return true;
}

/* Returns as enter(); the socket itself, at the end of the path, is passed by. */
static int pass(struct walk *walk, const char *name)
{
        struct stat status;

        if (fstatat(walk->directory, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
                return -errno;
        if (S_ISLNK(status.st_mode))
                return follow(walk, name);
        return S_ISDIR(status.st_mode) ? enter(walk, name) : 1;
}

/* Returns as enter(). */
static int begin(struct walk *walk, const char *path)
{
        char directory[PATH_MAX] = "";
        int size;

        if (*path != '/' && !getcwd(directory, sizeof(directory)))
                return -errno;
        size = snprintf(walk->rest, sizeof(walk->rest), "%s/%s", directory, path);
        if (size < 0 || (size_t)size >= sizeof(walk->rest))
                return -ENAMETOOLONG;
        return enter(walk, "/");
}

bool hark_trust_owner_of_path(const char *path, uid_t uid)
{
        hark_cleanup(close_walkp) struct walk walk = {.uid = uid, .directory = AT_FDCWD};
        char name[NAME_MAX + 1];
        int r = begin(&walk, path);

        while (r > 0 && take_component(&walk, name))
                r = pass(&walk, name);
        return r > 0 && walk.is_owner;
}
