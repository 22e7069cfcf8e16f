/* SPDX-License-Identifier: MIT */
#ifndef HARK_TRANSPORT_INHERIT_H
#define HARK_TRANSPORT_INHERIT_H

/*
 * Descriptors that this process was started with. They are shared: whoever else holds such a pipe
 * or socket sees its O_NONBLOCK change, and a shell whose terminal or pipe suddenly does not block
 * breaks. So a pipe is opened anew, through /proc/self/fd, which gives a description with flags of
 * its own; a socket cannot be, but its calls take MSG_DONTWAIT.
 */

#include "transport/fd_port.h"

enum hark_direction {
        HARK_READS,
        HARK_WRITES
};

/*
 * Makes an end of fd, which stays as and where it is; the end's own descriptor is 3 or above. Where
 * a pipe cannot be opened anew (it belongs to another user, or there is no /proc), its O_NONBLOCK
 * is set after all, and put back by hark_end_close().
 * Returns 0; -EBADF: not open, or not in this direction; -EOPNOTSUPP: neither a pipe nor a
 * connected stream socket; -ECONNREFUSED: nobody reads from this FIFO; -EMFILE, ...
 */
int hark_inherit(int fd, enum hark_direction direction, struct hark_end *ret_end);

/* Takes fd over and gives one with FD_CLOEXEC that is 3 or above: what is made while stdin is
 * closed may lie where stdin belongs. Returns -errno if it cannot; then fd is closed. */
int hark_fd_above_stdio(int fd);

/* Whether both are the same open socket: then one of them serves both directions. */
bool hark_inherit_is_same_socket(int a, int b);

/* Whether fds can be passed over this end: it is a UNIX socket. */
bool hark_end_passes_fds(const struct hark_end *end);

#endif
