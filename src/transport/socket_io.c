/* SPDX-License-Identifier: MIT */

/* See socket_io.h. */

#include "transport/socket_io.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"

#ifndef SCM_PIDFD
#define SCM_PIDFD 4 /* Linux 6.5; not in Debian 12's headers */
#endif

#define FDS_SIZE    CMSG_SPACE(HARK_PORT_FDS * sizeof(int))
#define SENDER_SIZE (CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(sizeof(int)))

/* Control data wants the alignment of its header. */
union control {
        struct cmsghdr header;
        char bytes[FDS_SIZE + SENDER_SIZE];
};

static void take_fds(struct hark_in_fds *fds, const struct cmsghdr *header)
{
        size_t n = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);

        for (size_t i = 0; i < n; i++) {
                int fd;

                memcpy(&fd, CMSG_DATA(header) + i * sizeof(fd), sizeof(fd));
                if (fds->n_fds < HARK_PORT_FDS) {
                        fds->fds[fds->n_fds++] = fd;
                } else {
                        fds->is_truncated = true;
                        hark_close(fd);
                }
        }
}

static void take_credentials(struct hark_sender *sender, const struct cmsghdr *header)
{
        struct ucred credentials;

        memcpy(&credentials, CMSG_DATA(header), sizeof(credentials));
        sender->uid = credentials.uid;
        sender->gid = credentials.gid;
        sender->pid = credentials.pid;
}

/* fds, sender: NULL where they are not asked for, and then not sent by the kernel either. */
static void take_item(const struct cmsghdr *header, struct hark_in_fds *fds,
                      struct hark_sender *sender)
{
        if (header->cmsg_level != SOL_SOCKET)
                return;
        if (header->cmsg_type == SCM_RIGHTS && fds)
                take_fds(fds, header);
        else if (header->cmsg_type == SCM_CREDENTIALS && sender)
                take_credentials(sender, header);
        else if (header->cmsg_type == SCM_PIDFD && sender)
                memcpy(&sender->pidfd, CMSG_DATA(header), sizeof(sender->pidfd));
}

static void take_control(struct msghdr *message, struct hark_in_fds *fds,
                         struct hark_sender *sender)
{
        for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header;
             header = CMSG_NXTHDR(message, header))
                take_item(header, fds, sender);
        if (fds && message->msg_flags & MSG_CTRUNC)
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

static ssize_t receive(int fd, const struct iovec *iov, unsigned n_iov, struct hark_in_fds *fds,
                       struct hark_sender *sender)
{
        union control control;
        /* recvmsg(2) does not write to the vector, but struct msghdr has no const. */
        struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)iov, .msg_iovlen = n_iov};
        ssize_t n;

        if (fds || sender) {
                message.msg_control = control.bytes;
                message.msg_controllen = (fds ? FDS_SIZE : 0) + (sender ? SENDER_SIZE : 0);
        }
        do {
                n = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        } while (n < 0 && errno == EINTR);
        if (n < 0)
                return -errno;
        take_control(&message, fds, sender);
        return message.msg_flags & MSG_TRUNC ? -EMSGSIZE : n;
}

ssize_t hark_socket_receive(int fd, const struct iovec *iov, unsigned n_iov,
                            struct hark_in_fds *fds)
{
        return receive(fd, iov, n_iov, fds, NULL);
}

ssize_t hark_socket_receive_from(int fd, const struct iovec *iov, unsigned n_iov,
                                 struct hark_in_fds *fds, struct hark_sender *ret_sender)
{
        *ret_sender = (struct hark_sender){.uid = (uid_t)-1, .gid = (gid_t)-1, .pidfd = -1};
        return receive(fd, iov, n_iov, fds, ret_sender);
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
