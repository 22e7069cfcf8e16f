/* SPDX-License-Identifier: MIT */
#ifndef HARK_ENDPOINT_CLIENT_H
#define HARK_ENDPOINT_CLIENT_H

/*
 * The end that asks: a connection's asker role, its calls and its subscriptions.
 *
 *         CONNECTING --on_open--> CONNECTED --on_closed--> CLOSED
 *                    --on_closed------------------------->
 *
 * A client either makes its connection (hark_connect()), or asks over one that a peer has
 * (hark_peer_client()).
 *
 * n_users counts the user's references. The last one closes, and queues a callback behind all that is
 * still to be told, which frees the memory.
 */

#include <hark/client.h>

#include "conn/conn.h"
#include "pubsub/subscriptions.h"
#include "rpc/calls.h"

struct hark_client {
        unsigned n_users;
        hark_loop *loop;        /* held */
        struct hark_conn *conn; /* held; NULL: closed */
        struct hark_client_params params;
        int state;
        int told_state; /* the last one that on_state was told */
        bool was_open;
        int reason; /* why it closed */
        struct hark_calls calls;
        struct hark_subscriptions subscriptions;
        struct hark_task state_task, room_task, free_task;
        bool has_room;    /* a function waits for it */
        bool is_settled;  /* hark_connect() waits for it */
        uint32_t ping_id; /* hark_client_flush() waits for its pong; 0: it does not */
        bool is_flushed;  /* that pong has come, or never will */
};

/* Waits with callbacks held back, polling as its user wished: see hark_loop_wait(). */
int hark_client_wait(hark_client *client, const bool *is_over);

/* The client that asks over this connection; NULL: none. */
hark_client *hark_client_of_conn(const struct hark_conn *conn);

/* A client that asks over a peer's connection, which has none yet. owner: of its callbacks, so that
 * what the owner's close tells comes in the order in which it ended; NULL: itself. */
int hark_client_new_for_peer(hark_loop *loop, struct hark_conn *conn, const void *owner,
                             hark_client **ret_client);

#endif
