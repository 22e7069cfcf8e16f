/* SPDX-License-Identifier: MIT */
#ifndef HARK_ENDPOINT_DRAIN_H
#define HARK_ENDPOINT_DRAIN_H

/*
 * A server that drains: it takes nothing new, and ends when what it has is done.
 *
 *         SERVING --hark_server_drain()--> DRAINING --nobody has anything left---> told 0
 *                                              |-----time is over----------------> told -ETIMEDOUT
 *                                              `-----the server is let go of-----> told -ECANCELED
 *
 * Each peer is sent a goodbye, and closed when it has nothing left: no request that is not
 * answered, no publication that waits, no call that it has been asked, no output. A connection that
 * this process made (a client that serves) is not the server's to close, unless time is over.
 */

#include <hark/server.h>

#include "loop/loop.h"

struct hark_drain {
        bool is_on;   /* from hark_server_drain() on, for good */
        bool is_over; /* and result is known */
        int result;
        hark_on_drained *on_drained;
        void *userdata;
        struct hark_timer timeout;
        struct hark_task look; /* a chore: whether it is over */
        struct hark_task tell; /* on_drained's turn */
};

void hark_drain_init(hark_server *server);
void hark_drain_done(hark_server *server);

/* Says goodbye to a peer, from which nothing new is taken. */
void hark_drain_peer(hark_peer *peer);
/* What the server asks of it is waited for, too. */
void hark_drain_await_asked(hark_peer *peer);

/* A peer may have nothing left, or is gone: looks before the loop sleeps. */
void hark_drain_look_soon(hark_server *server);

/* The server closes: tells what has not been told. */
void hark_drain_cancel(hark_server *server);

#endif
