/* SPDX-License-Identifier: MIT */
#ifndef HARK_RPC_ITEM_RECEIVER_H
#define HARK_RPC_ITEM_RECEIVER_H

/*
 * The items of one stream that have come, until its user has been told of each, and then of the
 * end.
 *
 *         items   h h h | q q        h: held, its turn came while the flow was stopped
 *                                    q: its turn, a callback of the loop, is still to come
 *
 * Each item has a turn of its own, so that it keeps its place among all other callbacks. What is
 * held is told, once the flow goes on, by the turn of `catch_up`; the end is told there, too, or
 * behind the last item. Credit is given for what has been told, never while the flow is stopped: so
 * the sender runs into its window, which bounds what is held here.
 *
 * Both ends of a call use it: the asker for the items of the answer, whose end is that of the call,
 * and the answerer for those of the question.
 */

#include "rpc/flow.h"

struct hark_item_receiver;

struct hark_item_receiver_ops {
        /* Tells the user; NULL: the end. It may close the receiver. */
        void (*tell)(struct hark_item_receiver *receiver, hark_message *item);
        /* Queues a turn; NULL: hark_loop_queue_callback(). */
        void (*queue)(struct hark_item_receiver *receiver, struct hark_task *turn);
        /* No memory to go on: closes it. */
        void (*fail)(struct hark_item_receiver *receiver);
        /* Keep what the receiver is part of while it tells; NULL: it lives until the end is
         * told. */
        void (*hold)(struct hark_item_receiver *receiver);
        void (*let_go)(struct hark_item_receiver *receiver);
        bool end_is_item; /* and so waits while the flow is stopped, also if nothing is held */
};

struct hark_item_receiver {
        const struct hark_item_receiver_ops *ops;
        hark_loop *loop;
        const void *owner; /* of the callbacks */
        struct hark_flow flow;
        struct hark_list items;
        struct hark_task catch_up;
        bool is_paused;
        bool has_end;   /* it has come and is not told */
        bool is_closed; /* no item is told any more */
};

/* flow with a complete window. */
void hark_item_receiver_init(struct hark_item_receiver *receiver,
                             const struct hark_item_receiver_ops *ops, hark_loop *loop,
                             const void *owner, const struct hark_flow *flow);

/* An item of this cost begins to come. false: its sender was not allowed to send it. */
static inline bool hark_item_receiver_admit(struct hark_item_receiver *receiver, size_t cost)
{
        return hark_window_take(&receiver->flow.window, cost);
}

/* An admitted item has come. Takes over the message, also on failure. 0; -ENOMEM. */
int hark_item_receiver_take(struct hark_item_receiver *receiver, struct hark_received *received);

/* Nothing comes behind what has come. */
void hark_item_receiver_take_end(struct hark_item_receiver *receiver);

/* Stops the flow, or lets it go on. */
void hark_item_receiver_pause(struct hark_item_receiver *receiver, bool is_paused);

/* Drops what is not told, and the end; more may not come. Of an end that is taken afterwards its
 * user is told all the same. Twice does no harm. */
void hark_item_receiver_close(struct hark_item_receiver *receiver);

#endif
