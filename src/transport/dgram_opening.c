/* SPDX-License-Identifier: MIT */

/*
 * See dgram_opening.h. What both datagrams hold is told byte by byte in hark-wire(7).
 */

#include "transport/dgram_opening.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"

#ifndef SO_PASSPIDFD
#define SO_PASSPIDFD 76 /* Linux 6.5; not in Debian 12's headers */
#endif

/* What no frame begins with, and the version. */
static const char opening[8] = "\xC3hark-o\1";
static const char welcome[8] = "\xC3hark-w\1";

enum {
        FAR_SOCKET,
        FAR_OTHER,
        FAR_LIFELINE,
        N_FAR
};

void hark_dgram_ends_close(struct hark_dgram_ends *ends)
{
        ends->socket = hark_close(ends->socket);
        ends->other = hark_close(ends->other);
        ends->lifeline = hark_close(ends->lifeline);
}

/* On a connection, of the first message only: each would bring another. An older kernel has
 * none. */
static void ask_pidfd(int fd, int is_wanted)
{
        (void)setsockopt(fd, SOL_SOCKET, SO_PASSPIDFD, &is_wanted, sizeof(is_wanted));
}

static int ask_sender(int fd)
{
        int on = 1;

        return setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0 ? -errno : 0;
}

int hark_dgram_ask_who_opens(int fd)
{
        ask_pidfd(fd, 1);
        return ask_sender(fd);
}

static void close_endsp(struct hark_dgram_ends *ends)
{
        hark_dgram_ends_close(ends);
}

/* Each has its own socket, and the other's. 0; -errno. */
static int make_sockets(struct hark_dgram_ends *near, struct hark_dgram_ends *far)
{
        int sockets[2];

        if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, sockets) < 0)
                return -errno;
        near->socket = sockets[0];
        far->socket = sockets[1];
        near->other = fcntl(far->socket, F_DUPFD_CLOEXEC, 0);
        far->other = fcntl(near->socket, F_DUPFD_CLOEXEC, 0);
        return near->other < 0 || far->other < 0 ? -errno : 0;
}

int hark_dgram_make(struct hark_dgram_ends *ret_near, struct hark_dgram_ends *ret_far)
{
        hark_cleanup(close_endsp) struct hark_dgram_ends near = {-1, -1, -1};
        hark_cleanup(close_endsp) struct hark_dgram_ends far = {-1, -1, -1};
        int lifeline[2], r = make_sockets(&near, &far);

        if (r < 0)
                return r;
        if (pipe2(lifeline, O_CLOEXEC | O_NONBLOCK) < 0)
                return -errno;
        near.lifeline = lifeline[0];
        far.lifeline = lifeline[1];
        /* The kernel notes the sender where the receiver asks for it at the time: so both ends ask
         * before anything is sent. */
        r = ask_sender(near.socket);
        if (r == 0)
                r = ask_sender(far.socket);
        if (r < 0)
                return r;
        ask_pidfd(near.socket, 1);
        *ret_near = near;
        *ret_far = far;
        near = far = (struct hark_dgram_ends){-1, -1, -1};
        return 0;
}

int hark_dgram_send_opening(int fd, const struct hark_dgram_ends *far)
{
        char bytes[sizeof(opening)];
        struct iovec iov = {.iov_base = bytes, .iov_len = sizeof(bytes)};
        int fds[N_FAR] = {[FAR_SOCKET] = far->socket,
                          [FAR_OTHER] = far->other,
                          [FAR_LIFELINE] = far->lifeline};
        ssize_t n;

        memcpy(bytes, opening, sizeof(bytes));
        n = hark_socket_send(fd, &iov, 1, fds, N_FAR);
        return n < 0 ? (int)n : 0;
}

static int get_option(int fd, int option)
{
        int value = 0;
        socklen_t size = sizeof(value);

        return getsockopt(fd, SOL_SOCKET, option, &value, &size) == 0 ? value : -1;
}

/* An end of a socketpair(2) of datagrams: it has a peer, and neither has a name. */
static bool is_far_socket(int fd)
{
        struct sockaddr_un peer;
        socklen_t size = sizeof(peer);

        return get_option(fd, SO_DOMAIN) == AF_UNIX && get_option(fd, SO_TYPE) == SOCK_DGRAM &&
               getpeername(fd, (struct sockaddr *)&peer, &size) == 0 &&
               size == sizeof(peer.sun_family);
}

static bool is_far_lifeline(int fd)
{
        struct stat status;
        int flags = fcntl(fd, F_GETFL);

        return fstat(fd, &status) == 0 && S_ISFIFO(status.st_mode) && flags >= 0 &&
               (flags & O_ACCMODE) == O_WRONLY;
}

static bool is_good(const char *bytes, ssize_t size, const struct hark_in_fds *fds)
{
        return size == sizeof(opening) && memcmp(bytes, opening, sizeof(opening)) == 0 &&
               !fds->is_truncated && fds->n_fds == N_FAR && is_far_socket(fds->fds[FAR_SOCKET]) &&
               is_far_socket(fds->fds[FAR_OTHER]) && is_far_lifeline(fds->fds[FAR_LIFELINE]);
}

static void discard(struct hark_in_fds *fds, struct hark_sender *sender)
{
        for (unsigned i = 0; i < fds->n_fds; i++)
                hark_close(fds->fds[i]);
        sender->pidfd = hark_close(sender->pidfd);
}

int hark_dgram_receive_opening(int fd, struct hark_dgram_ends *ret_ends,
                               struct hark_sender *ret_sender)
{
        char bytes[sizeof(opening)];
        struct iovec iov = {.iov_base = bytes, .iov_len = sizeof(bytes)};
        struct hark_in_fds fds = {.n_fds = 0};
        struct hark_sender sender;
        ssize_t n;

        n = hark_socket_receive_from(fd, &iov, 1, &fds, &sender);
        if (n == -EAGAIN)
                return (int)n;
        if (!is_good(bytes, n, &fds) || ask_sender(fds.fds[FAR_SOCKET]) < 0) {
                discard(&fds, &sender);
                return fds.is_truncated ? -EMFILE : -ECONNABORTED;
        }
        ret_ends->socket = fds.fds[FAR_SOCKET];
        ret_ends->other = fds.fds[FAR_OTHER];
        ret_ends->lifeline = fds.fds[FAR_LIFELINE];
        *ret_sender = sender;
        return 0;
}

int hark_dgram_send_welcome(int fd)
{
        char bytes[sizeof(welcome)];
        struct iovec iov = {.iov_base = bytes, .iov_len = sizeof(bytes)};
        ssize_t n;

        memcpy(bytes, welcome, sizeof(bytes));
        n = hark_socket_send(fd, &iov, 1, NULL, 0);
        return n < 0 ? (int)n : 0;
}

int hark_dgram_receive_welcome(int fd, struct hark_sender *ret_sender)
{
        char bytes[sizeof(welcome)];
        struct iovec iov = {.iov_base = bytes, .iov_len = sizeof(bytes)};
        struct hark_sender sender;
        ssize_t n = hark_socket_receive_from(fd, &iov, 1, NULL, &sender);

        if (n == -EAGAIN)
                return 0;
        ask_pidfd(fd, 0);
        if (n != sizeof(welcome) || memcmp(bytes, welcome, sizeof(welcome)) != 0) {
                hark_close(sender.pidfd);
                return -EPROTO;
        }
        *ret_sender = sender;
        return 1;
}
