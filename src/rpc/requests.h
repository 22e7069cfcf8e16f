/* SPDX-License-Identifier: MIT */
#ifndef HARK_RPC_REQUESTS_H
#define HARK_RPC_REQUESTS_H

/*
 * The answering side of calls: what one peer has asked and not yet been answered.
 *
 *         QUEUED --its turn--> OPEN --hark_reply(), hark_fail()---> ANSWERED
 *            |                  |   --last unref, unanswered------> ANSWERED, by the library
 *            +------------------+   --cancel, deadline, peer gone-> ENDED: on_cancel, no answer
 *
 * A request that ends before its turn never reaches its handler. One-way requests are never
 * answered and never cancelled; the peer's end does not end them, and their deadline only before
 * their turn.
 *
 * This is where a deadline is enforced at the server's end: by the timer of each request.
 */

#include <hark/server.h>

#include "base/map.h"
#include "conn/conn.h"
#include "rpc/methods.h"

struct hark_requests {
        hark_loop *loop;
        hark_peer *peer;
        const void *owner;                  /* of the callbacks */
        const struct hark_methods *methods; /* NULL: the server is gone */
        struct hark_conn *conn;             /* borrowed; NULL: closed */
        struct hark_map by_id;              /* those that may be cancelled */
        struct hark_list unfinished;        /* QUEUED or OPEN */
        struct hark_list held;              /* turns of what came before hark_requests_begin() */
        bool is_holding;
        uint32_t n_unfinished, limit;
        size_t n_kept; /* all that exist */
        /* None is unfinished any more. */
        void (*on_idle)(struct hark_requests *requests);
        /* A request is gone: the peer, which lives as long as they do, may go as well. */
        void (*on_request_freed)(struct hark_requests *requests);
};

void hark_requests_init(struct hark_requests *requests, hark_loop *loop, hark_peer *peer,
                        const void *owner, const struct hark_methods *methods, uint32_t limit);

/* The peer has been admitted: turns may come. */
void hark_requests_begin(struct hark_requests *requests);

/* Queues the turn of a request, or of what else the peer wants done, once turns may come. */
void hark_requests_queue(struct hark_requests *requests, struct hark_task *turn);

/* A request or a cancel has come. Takes over the message. */
void hark_requests_take(struct hark_requests *requests, struct hark_received *received);
void hark_requests_take_cancel(struct hark_requests *requests, const struct hark_header *header);

/* Streams, see hark_role_ops. Takes over the message. */
const char *hark_requests_begin_item(struct hark_requests *requests, struct hark_arriving *item);
void hark_requests_take_item(struct hark_requests *requests, struct hark_received *received);
void hark_requests_take_credit(struct hark_requests *requests, const struct hark_header *header);

/* There is room in the connection's queue. */
void hark_requests_take_room(struct hark_requests *requests);

/* The connection is gone: all end with reason, but for one-way ones, whose turn still comes. */
void hark_requests_close(struct hark_requests *requests, int reason);

#endif
