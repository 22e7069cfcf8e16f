/* SPDX-License-Identifier: MIT */

/* See fifo_place.h. */

#include "transport/fifo_place.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "transport/reader_mark.h"

/* Between making a FIFO and opening it lies nothing but a few system calls. */
#define YOUNG_S 10

void hark_fifo_file(const char *name, enum hark_fifo_side side, char ret_file[HARK_FIFO_FILE])
{
        (void)snprintf(ret_file, HARK_FIFO_FILE, "%s.%c", name, side);
}

/* --- the directory ---------------------------------------------------------------------------- */

/* Own memory; NULL: no memory. */
static char *directory_name(const char *name)
{
        char *text;

        return asprintf(&text, "%s.d", name) < 0 ? NULL : text;
}

static int open_directory(int parent, const char *name, uid_t owner)
{
        hark_cleanup(hark_closep) int fd =
                openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        struct stat status;

        if (fd < 0)
                return errno == ENOTDIR || errno == ELOOP ? -EPERM : -errno;
        if (fstat(fd, &status) < 0)
                return -errno;
        return status.st_uid == owner ? HARK_TAKE_FD(fd) : -EPERM;
}

int hark_fifo_take_directory(int parent, const char *name, bool is_open_to_others)
{
        hark_cleanup(hark_freep) char *text = directory_name(name);
        int fd;

        if (!text)
                return -ENOMEM;
        if (mkdirat(parent, text, 0700) < 0 && errno != EEXIST)
                return -errno;
        fd = open_directory(parent, text, geteuid());
        if (fd < 0)
                return fd;
        hark_fifo_sweep(fd, true);
        if (fchmod(fd, is_open_to_others ? 01733 : 0700) < 0) {
                int r = -errno;

                hark_close(fd);
                return r;
        }
        return fd;
}

static bool is_dead(int directory, const char *file)
{
        hark_cleanup(hark_closep) int fd =
                openat(directory, file, O_WRONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);

        return fd < 0 && errno == ENXIO;
}

static bool is_old(int directory, const char *file)
{
        struct stat status;

        return fstatat(directory, file, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
               status.st_ctime + YOUNG_S < time(NULL);
}

/* Runs over what is in the directory, and unlinks what is to go; NULL: all. */
static void unlink_some(int directory, bool (*is_to_go)(int directory, const char *file))
{
        int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *listing = fd < 0 ? NULL : fdopendir(fd);
        const struct dirent *entry;

        if (!listing) {
                hark_close(fd);
                return;
        }
        while ((entry = readdir(listing)))
                if (*entry->d_name != '.' && (!is_to_go || is_to_go(directory, entry->d_name)))
                        (void)unlinkat(directory, entry->d_name, 0);
        (void)closedir(listing);
}

static bool is_old_and_dead(int directory, const char *file)
{
        return is_old(directory, file) && is_dead(directory, file);
}

void hark_fifo_sweep(int directory, bool at_once)
{
        unlink_some(directory, at_once ? is_dead : is_old_and_dead);
}

void hark_fifo_leave_directory(int parent, const char *name, int directory)
{
        hark_cleanup(hark_freep) char *text = directory_name(name);

        unlink_some(directory, NULL);
        if (text)
                (void)unlinkat(parent, text, AT_REMOVEDIR);
}

int hark_fifo_find_directory(const char *path, uid_t uid)
{
        hark_cleanup(hark_freep) char *text = directory_name(path);
        hark_cleanup(hark_closep) int fd = -1;
        struct stat status;

        if (!text)
                return -ENOMEM;
        fd = open(text, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &status) < 0)
                return errno == ENOENT ? -ECONNREFUSED : -errno;
        return status.st_uid == uid ? HARK_TAKE_FD(fd) : -EPERM;
}

/* --- the FIFOs -------------------------------------------------------------------------------- */

int hark_fifo_make(int directory, const char *file, uid_t writer)
{
        bool is_ours = writer == geteuid() || writer == 0;
        hark_cleanup(hark_closep) int fd = -1;
        int r;

        if (mkfifoat(directory, file, 0600) < 0)
                return -errno;
        fd = openat(directory, file, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
        r = fd < 0 ? -errno : hark_reader_mark(fd);
        if (r == 0 && !is_ours && fchmod(fd, 0622) < 0)
                r = -errno;
        if (r == 0)
                return HARK_TAKE_FD(fd);
        (void)unlinkat(directory, file, 0);
        return r;
}

int hark_fifo_open(int directory, const char *file, uid_t *ret_owner)
{
        hark_cleanup(hark_closep) int fd =
                openat(directory, file, O_WRONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
        struct stat status;

        if (fd < 0)
                return errno == ENXIO || errno == ENOENT || errno == ELOOP ? -ECONNREFUSED : -errno;
        if (fstat(fd, &status) < 0)
                return -errno;
        /* What has a second name could be another's, put here to be written to. */
        if (!S_ISFIFO(status.st_mode) || status.st_nlink != 1)
                return -ECONNREFUSED;
        *ret_owner = status.st_uid;
        return HARK_TAKE_FD(fd);
}
