/* SPDX-License-Identifier: MIT */

/*
 * See path_watch.h.
 *
 *         /run/clock/server.sock      the directory is there: watched for server.sock
 *         /run/                       it is not: watched for clock
 *
 * A directory that comes, goes or moves is looked for anew. That a server may have come is said
 * once too often rather than once too seldom: between looking and watching, something may have
 * come.
 */

#include "transport/path_watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

/* A server takes its path by rename(2), others by bind(2), and may let us in later. */
#define WANTED \
        ((uint32_t)IN_CREATE | IN_MOVED_TO | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)

#define GONE ((uint32_t)IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED | IN_Q_OVERFLOW | IN_UNMOUNT)

/* Directories that come and go as fast as we look: the next event looks on. */
#define LOOKS 16

struct path_watch {
        struct hark_watch watch; /* the first member */
        struct hark_io io;
        int wd;           /* of the directory that is watched; -1: none */
        size_t dir_size;  /* of it in path, the slash behind it included */
        size_t name_size; /* of what is waited for in it */
        char path[];
};

static size_t parent_size(const char *path, size_t size)
{
        while (size > 0 && path[size - 1] == '/')
                size--;
        while (size > 0 && path[size - 1] != '/')
                size--;
        return size;
}

/* Watches the first size bytes of the path. Returns the wd or -errno. */
static int add_directory(struct path_watch *watch, size_t size)
{
        char saved = watch->path[size];
        int wd;

        watch->path[size] = '\0';
        wd = inotify_add_watch(watch->io.fd, watch->path, WANTED);
        if (wd < 0)
                wd = -errno;
        watch->path[size] = saved;
        return wd;
}

static void set_directory(struct path_watch *watch, int wd, size_t size)
{
        if (watch->wd >= 0 && watch->wd != wd)
                (void)inotify_rm_watch(watch->io.fd, watch->wd); /* it may be gone already */
        watch->wd = wd;
        watch->dir_size = size;
        watch->name_size = strcspn(watch->path + size, "/");
}

/* The nearest directory that is there. 0; -errno. */
static int watch_nearest(struct path_watch *watch)
{
        size_t size = parent_size(watch->path, strlen(watch->path));
        int wd = add_directory(watch, size);

        while ((wd == -ENOENT || wd == -ENOTDIR) && size > 1) {
                size = parent_size(watch->path, size);
                wd = add_directory(watch, size);
        }
        if (wd < 0)
                return wd;
        set_directory(watch, wd, size);
        return 0;
}

/* Whether it is a directory on the way that is waited for, and not the server itself. */
static bool is_on_the_way(const struct path_watch *watch)
{
        return watch->path[watch->dir_size + watch->name_size] != '\0';
}

static bool has_come_meanwhile(struct path_watch *watch)
{
        size_t size = watch->dir_size + watch->name_size;
        struct stat info;
        bool has_come;

        if (!is_on_the_way(watch))
                return false;
        watch->path[size] = '\0';
        has_come = stat(watch->path, &info) == 0 && S_ISDIR(info.st_mode);
        watch->path[size] = '/';
        return has_come;
}

static int look_for_directory(struct path_watch *watch)
{
        int r = watch_nearest(watch);

        for (int i = 0; r == 0 && i < LOOKS && has_come_meanwhile(watch); i++)
                r = watch_nearest(watch);
        return r;
}

/* --- events ----------------------------------------------------------------------------------- */

static bool is_awaited(const struct path_watch *watch, const struct inotify_event *event)
{
        return event->wd == watch->wd && event->len > 0 &&
               strlen(event->name) == watch->name_size &&
               memcmp(event->name, watch->path + watch->dir_size, watch->name_size) == 0;
}

/* Whether the server may have come. */
static bool take_event(struct path_watch *watch, const struct inotify_event *event)
{
        bool is_gone = event->mask & GONE;

        if (is_gone && event->wd != watch->wd && !(event->mask & IN_Q_OVERFLOW))
                return false; /* one that was watched before */
        if (!is_gone && !is_awaited(watch, event))
                return false;
        if (is_gone || is_on_the_way(watch))
                (void)look_for_directory(watch); /* else who waits looks by himself */
        return true;
}

static bool take_events(struct path_watch *watch, const uint8_t *bytes, size_t size)
{
        bool may_have_come = false;
        struct inotify_event head;

        for (size_t at = 0; at + sizeof(head) <= size; at += sizeof(head) + head.len) {
                const void *event = bytes + at;

                memcpy(&head, event, sizeof(head));
                may_have_come |= take_event(watch, event);
        }
        return may_have_come;
}

static void on_events(struct hark_io *io, uint32_t events)
{
        struct path_watch *watch = hark_container_of(io, struct path_watch, io);
        _Alignas(struct inotify_event) uint8_t bytes[4096];
        bool may_have_come = false;
        ssize_t n;

        (void)events;
        while ((n = read(io->fd, bytes, sizeof(bytes))) > 0)
                may_have_come |= take_events(watch, bytes, (size_t)n);
        if (may_have_come)
                watch->watch.on_arrival(&watch->watch); /* may end the watch */
}

int hark_path_watch(hark_loop *loop, const char *path, const struct hark_transport_ops *transport,
                    struct hark_watch **ret_watch)
{
        size_t size = strlen(path) + 1;
        struct path_watch *watch = calloc(1, sizeof(*watch) + size);
        int r;

        if (!watch)
                return -ENOMEM;
        memcpy(watch->path, path, size);
        watch->watch.transport = transport;
        watch->wd = -1;
        watch->io.fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
        r = watch->io.fd < 0 ? -errno : look_for_directory(watch);
        if (r == 0)
                r = hark_io_start(loop, &watch->io, watch->io.fd, EPOLLIN, on_events);
        if (r < 0) {
                hark_path_unwatch(&watch->watch);
                return r;
        }
        *ret_watch = &watch->watch;
        return 0;
}

void hark_path_unwatch(struct hark_watch *watch)
{
        struct path_watch *path_watch = hark_container_of(watch, struct path_watch, watch);

        hark_io_stop(&path_watch->io);
        hark_close(path_watch->io.fd);
        free(path_watch);
}
