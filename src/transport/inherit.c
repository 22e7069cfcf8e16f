/* SPDX-License-Identifier: MIT */

/* See inherit.h. */

#include "transport/inherit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/cleanup.h"

#define FD_MIN 3 /* below are stdin, stdout and stderr, also when they are closed */

static bool is_stream_socket(int fd)
{
        struct sockaddr_storage peer;
        socklen_t peer_size = sizeof(peer), size = sizeof(int);
        int type = 0;

        return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM &&
               getpeername(fd, (struct sockaddr *)&peer, &peer_size) == 0;
}

static int inherit_socket(int fd, struct hark_end *ret_end)
{
        int own;

        if (!is_stream_socket(fd))
                return -EOPNOTSUPP;
        own = fcntl(fd, F_DUPFD_CLOEXEC, FD_MIN);
        if (own < 0)
                return -errno;
        *ret_end = (struct hark_end){.fd = own, .is_socket = true};
        return 0;
}

static bool is_in_direction(int flags, enum hark_direction direction)
{
        int access = flags & O_ACCMODE;

        return access == O_RDWR || access == (direction == HARK_READS ? O_RDONLY : O_WRONLY);
}

/* The description stays shared: the flag is set in it. */
static int share_pipe(int fd, int flags, struct hark_end *ret_end)
{
        int own = fcntl(fd, F_DUPFD_CLOEXEC, FD_MIN);
        bool is_changed = !(flags & O_NONBLOCK);

        if (own < 0 || (is_changed && fcntl(own, F_SETFL, flags | O_NONBLOCK) < 0)) {
                int error = -errno;

                hark_close(own);
                return error;
        }
        *ret_end = (struct hark_end){.fd = own, .has_status = is_changed, .status_flags = flags};
        return 0;
}

static int inherit_pipe(int fd, int flags, enum hark_direction direction, struct hark_end *ret_end)
{
        int access = direction == HARK_READS ? O_RDONLY : O_WRONLY;
        char path[32];
        int own;

        (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        own = open(path, access | O_NONBLOCK | O_CLOEXEC);
        if (own >= 0)
                own = hark_fd_above_stdio(own);
        else if (errno == ENXIO)
                return -ECONNREFUSED;
        else if (errno != EMFILE && errno != ENFILE)
                return share_pipe(fd, flags, ret_end);
        else
                own = -errno;
        if (own < 0)
                return own;
        *ret_end = (struct hark_end){.fd = own};
        return 0;
}

int hark_fd_above_stdio(int fd)
{
        int above, error;

        if (fd >= FD_MIN)
                return fd;
        above = fcntl(fd, F_DUPFD_CLOEXEC, FD_MIN);
        error = errno;
        hark_close(fd);
        return above < 0 ? -error : above;
}

int hark_inherit(int fd, enum hark_direction direction, struct hark_end *ret_end)
{
        int flags = fcntl(fd, F_GETFL);
        struct stat status;

        if (flags < 0 || fstat(fd, &status) < 0)
                return -errno;
        if (S_ISSOCK(status.st_mode))
                return inherit_socket(fd, ret_end);
        if (!S_ISFIFO(status.st_mode))
                return -EOPNOTSUPP;
        if (!is_in_direction(flags, direction))
                return -EBADF;
        return inherit_pipe(fd, flags, direction, ret_end);
}

bool hark_inherit_is_same_socket(int a, int b)
{
        struct stat status_a, status_b;

        return fstat(a, &status_a) == 0 && fstat(b, &status_b) == 0 && S_ISSOCK(status_a.st_mode) &&
               status_a.st_dev == status_b.st_dev && status_a.st_ino == status_b.st_ino;
}

bool hark_end_passes_fds(const struct hark_end *end)
{
        int domain = AF_UNSPEC;
        socklen_t size = sizeof(domain);

        return end->is_socket && getsockopt(end->fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 &&
               domain == AF_UNIX;
}
