/* SPDX-License-Identifier: MIT */
#ifndef HARK_RPC_ITEM_SENDER_H
#define HARK_RPC_ITEM_SENDER_H

/*
 * The items that one end of a call sends: as many as the other's window and the connection's queue
 * take. Who was told -EAGAIN is told once there is room for one more.
 *
 * Both ends of a call use it: the answerer for the items of the answer, and the asker for those of
 * the question.
 */

#include "rpc/flow.h"

struct hark_item_sender {
        hark_loop *loop;
        struct hark_flow flow;
        bool is_wanted;                    /* the other side takes items at all */
        bool knows_window;                 /* its hello has come */
        bool is_starved;                   /* on_room is awaited */
        bool has_sent;                     /* an item at least */
        bool is_ended;                     /* nothing may follow */
        bool owes_end;                     /* which is to be said once there is a connection */
        struct hark_outgoing_group queued; /* what may be taken back */
        struct hark_task room;
        /* The user is told that there is room. It may close the sender. */
        void (*on_room)(struct hark_item_sender *sender);
};

/* flow without a window; without a connection -EAGAIN is all that sending says. owner: of the
 * callback. */
void hark_item_sender_init(struct hark_item_sender *sender, hark_loop *loop, const void *owner,
                           const struct hark_flow *flow);

/* Sends an item. 0; -EAGAIN: on_room follows; -EOPNOTSUPP: no items are wanted; else as
 * hark_conn_send(). */
int hark_item_sender_send(struct hark_item_sender *sender, const struct hark_payload *payload);

/* Says that no more follow. 0; -ENOTCONN: it is closed; -ENOMEM. */
int hark_item_sender_end(struct hark_item_sender *sender);

/* Credit has come. false: more than was under way. */
bool hark_item_sender_credit(struct hark_item_sender *sender, uint32_t n);

/* Has on_room called as soon as sending would not be -EAGAIN. */
void hark_item_sender_await_room(struct hark_item_sender *sender);

/* The connection is open, or there is room in its queue. 0; -ENOMEM: for the end that is owed. */
int hark_item_sender_take_room(struct hark_item_sender *sender);

/* Sends nothing more, and calls on_room no more. Twice does no harm. */
void hark_item_sender_close(struct hark_item_sender *sender);

/* Takes back what has not begun to leave. */
void hark_item_sender_withdraw(struct hark_item_sender *sender);

#endif
