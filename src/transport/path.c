/* SPDX-License-Identifier: MIT */

/* See path.h. */

#include "transport/path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"

#define LOCK_MS 1000

/* Between two looks at a lock that another holds: it is held for less than a millisecond. */
#define NAP_MIN_NS 500000
#define NAP_MAX_NS 20000000

/* How often to look again at a path that is free, and then is not. */
#define TRIES_MAX 10

#define PATH_MAX_SIZE sizeof(((struct sockaddr_un *)NULL)->sun_path)

/* ".NAME.0123456789abcdef", with the name cut so that a listing of sockets shows whose it is. */
#define SHOWN_MAX      20
#define TEMPORARY_SIZE (1 + SHOWN_MAX + 1 + 16 + 1)

/* What happens while a path is being taken. */
struct taking {
        struct hark_path path;
        const char *text;      /* as it was given */
        size_t directory_size; /* bytes of text before the name, with the last slash */
        int type;
        int fd;
        char temporary[TEMPORARY_SIZE]; /* "": none has been made */
};

static void close_takingp(struct taking *taking)
{
        if (*taking->temporary)
                (void)unlinkat(taking->path.directory, taking->temporary, 0);
        hark_close(taking->fd);
        hark_close(taking->path.directory); /* which unlocks it */
        free(taking->path.name);
}

/* --- the lock --------------------------------------------------------------------------------- */

static int lock_directory(int directory)
{
        uint64_t deadline_ns = hark_deadline_ns(LOCK_MS);
        struct timespec nap = {0, NAP_MIN_NS};

        while (flock(directory, LOCK_EX | LOCK_NB) < 0) {
                if (errno == EINTR)
                        continue;
                if (errno != EWOULDBLOCK)
                        return -errno;
                if (hark_now_ns() >= deadline_ns)
                        return -EBUSY;
                (void)nanosleep(&nap, NULL);
                if (nap.tv_nsec < NAP_MAX_NS)
                        nap.tv_nsec *= 2;
        }
        return 0;
}

static int open_directory(const char *path, size_t directory_size)
{
        char directory[PATH_MAX_SIZE];
        int fd;

        (void)snprintf(directory, sizeof(directory), "%.*s",
                       directory_size > 0 ? (int)directory_size : 1,
                       directory_size > 0 ? path : ".");
        fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

/* --- the socket ------------------------------------------------------------------------------- */

static int choose_temporary(struct taking *taking)
{
        uint64_t random;

        if (getrandom(&random, sizeof(random), 0) != sizeof(random))
                return -EIO; /* so few bytes are never cut by a signal, see getrandom(2) */
        (void)snprintf(taking->temporary, sizeof(taking->temporary), ".%.*s.%016llx", SHOWN_MAX,
                       taking->path.name, (unsigned long long)random);
        return 0;
}

/*
 * The address of the temporary name, which may be longer than the path itself: then through the
 * open directory, which /proc shows under a short name.
 */
static socklen_t temporary_address(const struct taking *taking, struct sockaddr_un *address)
{
        size_t size = strlen(taking->temporary);

        address->sun_family = AF_UNIX;
        if (taking->directory_size + size < sizeof(address->sun_path)) {
                memcpy(address->sun_path, taking->text, taking->directory_size);
                memcpy(address->sun_path + taking->directory_size, taking->temporary, size + 1);
        } else {
                (void)snprintf(address->sun_path, sizeof(address->sun_path), "/proc/self/fd/%d/%s",
                               taking->path.directory, taking->temporary);
        }
        return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(address->sun_path) + 1);
}

static int bind_temporary(struct taking *taking)
{
        struct sockaddr_un address;
        socklen_t size;
        int r = choose_temporary(taking);

        if (r < 0)
                return r;
        size = temporary_address(taking, &address);
        if (bind(taking->fd, (const struct sockaddr *)&address, size) < 0) {
                r = -errno;
                *taking->temporary = '\0'; /* never made: nothing to unlink */
        }
        return r;
}

static int prepare_temporary(struct taking *taking, int mode)
{
        int directory = taking->path.directory;
        struct stat status;

        /* Not through a symbolic link that somebody put there instead. */
        if (mode >= 0 &&
            fchmodat(directory, taking->temporary, (mode_t)mode, AT_SYMLINK_NOFOLLOW) < 0)
                return -errno;
        if (taking->type != SOCK_DGRAM && listen(taking->fd, SOMAXCONN) < 0)
                return -errno;
        if (fstatat(directory, taking->temporary, &status, AT_SYMLINK_NOFOLLOW) < 0)
                return -errno;
        taking->path.device = status.st_dev;
        taking->path.inode = status.st_ino;
        return 0;
}

/* Both ways, so that it never shows the end of the last that has written, and whoever comes finds a
 * reader (fifo(7)). */
static int open_fifo(struct taking *taking, int mode)
{
        int directory = taking->path.directory, r = choose_temporary(taking);
        struct stat status;

        if (r < 0)
                return r;
        if (mkfifoat(directory, taking->temporary, 0600) < 0) {
                *taking->temporary = '\0'; /* never made: nothing to unlink */
                return -errno;
        }
        taking->fd =
                openat(directory, taking->temporary, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
        if (taking->fd < 0 || fstat(taking->fd, &status) < 0)
                return -errno;
        taking->path.device = status.st_dev;
        taking->path.inode = status.st_ino;
        return mode >= 0 && fchmod(taking->fd, (mode_t)mode) < 0 ? -errno : 0;
}

static int open_socket(struct taking *taking, int mode)
{
        int r;

        taking->fd = socket(AF_UNIX, taking->type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (taking->fd < 0)
                return -errno;
        r = bind_temporary(taking);
        return r < 0 ? r : prepare_temporary(taking, mode);
}

/* --- the path --------------------------------------------------------------------------------- */

static int check_dead_fifo(const struct taking *taking)
{
        hark_cleanup(hark_closep) int fd = openat(taking->path.directory, taking->path.name,
                                                  O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);

        return fd < 0 && errno == ENXIO ? 0 : -EADDRINUSE;
}

static int check_dead_socket(const struct taking *taking)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        hark_cleanup(hark_closep) int fd =
                socket(AF_UNIX, taking->type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        if (fd < 0)
                return -errno;
        memcpy(address.sun_path, taking->text, strlen(taking->text));
        if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 &&
            errno == ECONNREFUSED)
                return 0;
        return -EADDRINUSE;
}

/* 0: nobody serves the path any more; -EADDRINUSE: somebody does, or it cannot be told, or it is
 * something else. */
static int check_dead(const struct taking *taking, mode_t mode)
{
        if (S_ISFIFO(mode) && taking->type == S_IFIFO)
                return check_dead_fifo(taking);
        if (S_ISSOCK(mode) && taking->type != S_IFIFO)
                return check_dead_socket(taking);
        return -EADDRINUSE;
}

/* Renames where nothing is, and finds out if something turned up. */
static int move_to_free_path(const struct taking *taking)
{
        int directory = taking->path.directory;

        if (renameat2(directory, taking->temporary, directory, taking->path.name,
                      RENAME_NOREPLACE) == 0)
                return 0;
        /* Some file systems cannot do that; of servers that lock, none can have come between. */
        if (errno == EINVAL &&
            renameat(directory, taking->temporary, directory, taking->path.name) == 0)
                return 0;
        return -errno;
}

/* 0: it is ours; -EEXIST: it is not free any more. */
static int move_to_path(const struct taking *taking)
{
        int directory = taking->path.directory;
        struct stat status;
        int r;

        if (fstatat(directory, taking->path.name, &status, AT_SYMLINK_NOFOLLOW) < 0)
                return errno == ENOENT ? move_to_free_path(taking) : -errno;
        r = check_dead(taking, status.st_mode);
        if (r < 0)
                return r;
        if (renameat(directory, taking->temporary, directory, taking->path.name) < 0)
                return -errno;
        return 0;
}

static int take_locked(struct taking *taking, int mode)
{
        int r = taking->type == S_IFIFO ? open_fifo(taking, mode) : open_socket(taking, mode);

        if (r < 0)
                return r;
        for (unsigned i = 0; i < TRIES_MAX; i++) {
                r = move_to_path(taking);
                if (r != -EEXIST)
                        break;
        }
        if (r == 0)
                *taking->temporary = '\0';
        return r == -EEXIST ? -EADDRINUSE : r;
}

static int prepare(struct taking *taking)
{
        const char *slash = strrchr(taking->text, '/');
        const char *name = slash ? slash + 1 : taking->text;
        int r;

        if (strlen(taking->text) >= PATH_MAX_SIZE)
                return -ENAMETOOLONG;
        taking->directory_size = (size_t)(name - taking->text);
        taking->path.name = strdup(name);
        if (!taking->path.name)
                return -ENOMEM;
        r = open_directory(taking->text, taking->directory_size);
        if (r < 0)
                return r;
        taking->path.directory = r;
        return lock_directory(r);
}

int hark_path_take(const char *path, int type, int mode, struct hark_path *ret_path, int *ret_fd)
{
        hark_cleanup(close_takingp) struct taking taking = {
                .path = {.directory = -1}, .text = path, .type = type, .fd = -1};
        int r = prepare(&taking);

        if (r == 0)
                r = take_locked(&taking, mode);
        if (r < 0)
                return r;
        (void)flock(taking.path.directory, LOCK_UN);
        *ret_path = taking.path;
        ret_path->name = HARK_TAKE(taking.path.name);
        *ret_fd = HARK_TAKE_FD(taking.fd);
        taking.path.directory = -1;
        return 0;
}

static bool is_still_ours(const struct hark_path *path)
{
        struct stat status;

        return fstatat(path->directory, path->name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
               status.st_dev == path->device && status.st_ino == path->inode;
}

void hark_path_leave(struct hark_path *path)
{
        if (lock_directory(path->directory) == 0 && is_still_ours(path))
                (void)unlinkat(path->directory, path->name, 0);
        path->directory = hark_close(path->directory); /* which unlocks it */
        free(HARK_TAKE(path->name));
}
