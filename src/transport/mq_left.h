/* SPDX-License-Identifier: MIT */
#ifndef HARK_TRANSPORT_MQ_LEFT_H
#define HARK_TRANSPORT_MQ_LEFT_H

/*
 * What is left in a queue for whoever serves it, now or one day: one-way requests and publications,
 * each a message of the queue, of nobody's connection.
 *
 *         mq:/name?leave    a port that stands in for the server: it says hello, puts what expects no
 *                           answer into the queue, and refuses all else
 *         the server's      a port that stands in for a client: it says hello, hands on what lies
 *                           there, and goes
 */

#include "transport/mq_port.h"

/* As connect of struct hark_transport_ops. */
int hark_mq_leave(hark_loop *loop, const struct hark_address *address, struct hark_port **ret_port);

/* What came with nobody's connection, for a server. *taker points to it, and is cleared when it is
 * closed; whoever goes before sets taker to NULL. */
struct mq_left {
        struct mq_port port; /* the first member */
        struct mq_left **taker;
        uint32_t n;
};

struct mq_left *hark_mq_left_new(hark_loop *loop, struct mq_left **taker);

/* Whether so much waits that no more should be read. */
bool hark_mq_left_is_full(const struct mq_left *left);

/* Takes a frame in. Returns whether it is one that may be left. */
bool hark_mq_left_put(struct mq_left *left, uint8_t *frame, size_t size);

#endif
