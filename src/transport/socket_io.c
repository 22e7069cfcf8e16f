/* SPDX-License-Identifier: MIT */

/* See socket_io.h. */

#include "transport/socket_io.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"

#define FDS_SIZE CMSG_SPACE(HARK_PORT_FDS * sizeof(int))

/* Control data wants the alignment of its header. */
union control {
        struct cmsghdr header;
        char bytes[FDS_SIZE];
};

static void take_fds(struct hark_in_fds *fds, const struct cmsghdr *header)
{
        unsigned n = (unsigned)((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        int received[HARK_PORT_FDS];

        assert(n <= HARK_PORT_FDS);
        memcpy(received, CMSG_DATA(header), n * sizeof(int));
        for (unsigned i = 0; i < n; i++) {
                if (fds->n_fds < HARK_PORT_FDS) {
                        fds->fds[fds->n_fds++] = received[i];
                } else {
                        fds->is_truncated = true;
                        hark_close(received[i]);
                }
        }
}

static void take_control(struct hark_in_fds *fds, struct msghdr *message)
{
        for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header;
             header = CMSG_NXTHDR(message, header))
                if (header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS)
                        take_fds(fds, header);
        if (message->msg_flags & MSG_CTRUNC)
                fds->is_truncated = true;
}

static void put_fds(struct msghdr *message, union control *control, const int *fds, unsigned n_fds)
{
        struct cmsghdr *header = &control->header;

        assert(n_fds <= HARK_PORT_FDS);
        message->msg_control = control->bytes;
        message->msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
        memset(control, 0, message->msg_controllen);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
        memcpy(CMSG_DATA(header), fds, n_fds * sizeof(int));
}

ssize_t hark_socket_receive(int fd, const struct iovec *iov, unsigned n_iov,
                            struct hark_in_fds *fds)
{
        union control control;
        /* recvmsg(2) does not write to the vector, but struct msghdr has no const. */
        struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)iov, .msg_iovlen = n_iov};
        ssize_t n;

        if (fds) {
                message.msg_control = control.bytes;
                message.msg_controllen = sizeof(control.bytes);
        }
        do {
                n = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        } while (n < 0 && errno == EINTR);
        if (n < 0)
                return -errno;
        if (fds)
                take_control(fds, &message);
        return message.msg_flags & MSG_TRUNC ? -EMSGSIZE : n;
}

ssize_t hark_socket_send(int fd, const struct iovec *iov, unsigned n_iov, const int *fds,
                         unsigned n_fds)
{
        /* Neither does sendmsg(2) write to the vector. */
        struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)iov, .msg_iovlen = n_iov};
        union control control;
        ssize_t n;

        if (n_fds > 0)
                put_fds(&message, &control, fds, n_fds);
        do {
                n = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
        } while (n < 0 && errno == EINTR);
        return n < 0 ? -errno : n;
}
