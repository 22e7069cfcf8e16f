/* SPDX-License-Identifier: MIT */
#ifndef HARK_TRANSPORT_SIGPIPE_H
#define HARK_TRANSPORT_SIGPIPE_H

/*
 * Writing to a pipe without SIGPIPE. A library may neither ignore a signal for the whole program
 * nor let one reach it; sockets have MSG_NOSIGNAL, pipes have had RWF_NOSIGNAL since Linux 6.18.
 */

#include <stdbool.h>
#include <sys/uio.h>

/*
 * writev(2), but for the signal. *has_no_flag: whether this kernel is known to lack RWF_NOSIGNAL;
 * false at first, set by this function, to be given again the next time.
 * Returns bytes, or -EPIPE, -EAGAIN, and what else writev(2) says. EINTR is not among them.
 */
ssize_t hark_writev_no_signal(int fd, const struct iovec *iov, unsigned n_iov, bool *has_no_flag);

#endif
