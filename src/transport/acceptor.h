/* SPDX-License-Identifier: MIT */
#ifndef HARK_TRANSPORT_ACCEPTOR_H
#define HARK_TRANSPORT_ACCEPTOR_H

/*
 * A listener over one socket: accepts, in fair pieces, and outlives a shortage of
 * descriptors or memory. Then the connections wait in the kernel's backlog and are tried for again
 * and again, with pauses, because the socket would show as readable all the time.
 */

#include "transport/transport.h"

struct hark_acceptor;

/*
 * Makes a port of an accepted socket, which it takes over in any case.
 * Returns 0; -EPERM: refused, and said so in the log; -ENOMEM.
 */
typedef int hark_admit_fn(struct hark_acceptor *acceptor, int fd, struct hark_port **ret_port);

/*
 * Takes the next one that waits at a socket that does not listen(2).
 * Returns 0; -EAGAIN: nobody waits any more; -EPERM: refused, and said so in the log;
 * -ECONNABORTED: it was no good, the next one may be; what else: a shortage.
 */
typedef int hark_take_fn(struct hark_acceptor *acceptor, struct hark_port **ret_port);

struct hark_acceptor {
        struct hark_listener listener; /* the first member */
        struct hark_io io;
        struct hark_timer pause;
        hark_take_fn *take;
        hark_admit_fn *admit; /* of a socket that listens */
        bool is_short;        /* of descriptors or memory, and said so in the log */
        bool *is_closed; /* of the accepting that is going on, which on_port may end; or NULL */
};

/* Zeroed memory, with listener.address set, becomes an acceptor of the listening socket fd, which
 * stays the caller's if this fails. Returns 0, or what epoll_ctl(2) said. */
int hark_acceptor_start(struct hark_acceptor *acceptor, hark_loop *loop, int fd,
                        hark_admit_fn *admit);

/* The same of another socket, where take knows how somebody is let in. */
int hark_acceptor_start_taking(struct hark_acceptor *acceptor, hark_loop *loop, int fd,
                               hark_take_fn *take);

/* Stops, and closes the socket. Takes one that was never started. */
void hark_acceptor_stop(struct hark_acceptor *acceptor);

#endif
