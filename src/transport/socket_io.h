/* SPDX-License-Identifier: MIT */
#ifndef HARK_TRANSPORT_SOCKET_IO_H
#define HARK_TRANSPORT_SOCKET_IO_H

/*
 * Bytes and fds in and out of a socket: never blocking, whatever the socket's flags, without
 * SIGPIPE, and made again when a signal interrupts them.
 */

#include "transport/transport.h"

/* fds: those that come along are appended; NULL: they are not taken, and the kernel closes them.
 * Returns bytes; 0: the end; -EMSGSIZE: a packet larger than that; -errno of recvmsg(2). */
ssize_t hark_socket_receive(int fd, const struct iovec *iov, unsigned n_iov,
                            struct hark_in_fds *fds);

/* Who has sent a message, as the kernel says where SO_PASSCRED is set. */
struct hark_sender {
        uid_t uid; /* (uid_t)-1: it does not say */
        gid_t gid;
        pid_t pid;
        int pidfd; /* where SO_PASSPIDFD is set, too; the caller's; -1: none */
};

/* The same of a packet, and who has sent it; fds that are not taken are closed. */
ssize_t hark_socket_receive_from(int fd, const struct iovec *iov, unsigned n_iov,
                                 struct hark_in_fds *fds, struct hark_sender *ret_sender);

/* The n_fds <= HARK_PORT_FDS fds go with the first byte. Returns bytes; -errno of sendmsg(2). */
ssize_t hark_socket_send(int fd, const struct iovec *iov, unsigned n_iov, const int *fds,
                         unsigned n_fds);

#endif
