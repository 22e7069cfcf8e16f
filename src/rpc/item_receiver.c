/* SPDX-License-Identifier: MIT */

/* See item_receiver.h. */

#include "rpc/item_receiver.h"

#include <errno.h>

struct item {
        struct hark_list link; /* of items */
        struct hark_task turn;
        struct hark_item_receiver *receiver;
        hark_message *message;
        struct hark_charge charge;
        bool is_held;
};

_Static_assert(sizeof(struct item) <= HARK_BLOCK_SIZE, "one block of the pool");

static struct item *first_item(const struct hark_item_receiver *receiver)
{
        struct hark_list *link = hark_list_first(&receiver->items);

        return link ? hark_container_of(link, struct item, link) : NULL;
}

static void free_item(struct item *item)
{
        struct hark_item_receiver *receiver = item->receiver;

        hark_task_cancel(&item->turn);
        hark_list_remove(&item->link);
        if (receiver->flow.conn)
                hark_conn_release(receiver->flow.conn, item->charge);
        hark_pool_put(hark_loop_block_pool(receiver->loop), item);
}

static void queue(struct hark_item_receiver *receiver, struct hark_task *turn)
{
        if (hark_task_is_queued(turn))
                return;
        turn->priority = receiver->flow.priority;
        if (receiver->ops->queue)
                receiver->ops->queue(receiver, turn);
        else
                hark_loop_queue_callback(receiver->loop, turn);
}

static void give_credit(struct hark_item_receiver *receiver)
{
        struct hark_flow *flow = &receiver->flow;
        uint32_t n = hark_window_due(&flow->window);
        struct hark_send send = {
                .type = HARK_FRAME_CREDIT,
                .flags = flow->flags,
                .priority = flow->priority,
                .id = flow->id,
                .status = n,
                .deadline_ns = HARK_NEVER,
        };
        int r;

        if (n == 0 || receiver->is_closed || receiver->is_paused || !flow->conn)
                return;
        r = hark_conn_send_control(flow->conn, &send);
        if (r == 0)
                hark_window_credited(&flow->window, n);
        else if (r == -ENOMEM)
                receiver->ops->fail(receiver);
}

static void tell_item(struct hark_item_receiver *receiver, struct item *item)
{
        hark_message *message = item->message;
        size_t cost = hark_conn_item_cost(message->size, message->n_fds);

        free_item(item);
        receiver->ops->tell(receiver, message);
        hark_message_unref(message);
        if (receiver->is_closed)
                return;
        hark_window_consume(&receiver->flow.window, cost);
        give_credit(receiver);
}

static bool can_tell_end(const struct hark_item_receiver *receiver)
{
        if (!receiver->has_end || !hark_list_is_empty(&receiver->items))
                return false;
        return !receiver->is_paused || receiver->is_closed || !receiver->ops->end_is_item;
}

/* The asker's end frees the receiver. */
static void tell_end(struct hark_item_receiver *receiver)
{
        hark_task_cancel(&receiver->catch_up);
        receiver->has_end = false;
        receiver->ops->tell(receiver, NULL);
}

static void hold(struct hark_item_receiver *receiver)
{
        if (receiver->ops->hold)
                receiver->ops->hold(receiver);
}

static void run_turn(struct hark_task *task)
{
        struct item *item = hark_container_of(task, struct item, turn);
        struct hark_item_receiver *receiver = item->receiver;
        const struct hark_item_receiver_ops *ops = receiver->ops;

        if (receiver->is_paused || first_item(receiver) != item) {
                item->is_held = true;
                return;
        }
        hold(receiver);
        tell_item(receiver, item);
        /* Where its own turn is still to come, the end keeps its place, too. */
        if (can_tell_end(receiver) && !hark_task_is_queued(&receiver->catch_up))
                tell_end(receiver);
        if (ops->let_go)
                ops->let_go(receiver);
}

static bool has_held(const struct hark_item_receiver *receiver)
{
        const struct item *first = first_item(receiver);

        return first && first->is_held;
}

static void run_catch_up(struct hark_task *task)
{
        struct hark_item_receiver *receiver =
                hark_container_of(task, struct hark_item_receiver, catch_up);
        const struct hark_item_receiver_ops *ops = receiver->ops;

        hold(receiver);
        while (!receiver->is_paused && has_held(receiver))
                tell_item(receiver, first_item(receiver));
        if (can_tell_end(receiver))
                tell_end(receiver);
        if (ops->let_go)
                ops->let_go(receiver);
}

void hark_item_receiver_init(struct hark_item_receiver *receiver,
                             const struct hark_item_receiver_ops *ops, hark_loop *loop,
                             const void *owner, const struct hark_flow *flow)
{
        *receiver = (struct hark_item_receiver){
                .ops = ops, .loop = loop, .owner = owner, .flow = *flow};
        hark_list_init(&receiver->items);
        hark_task_init(&receiver->catch_up, run_catch_up, owner);
}

int hark_item_receiver_take(struct hark_item_receiver *receiver, struct hark_received *received)
{
        struct item *item = NULL;

        if (received->message)
                item = hark_pool_take(hark_loop_block_pool(receiver->loop));
        if (!item) {
                hark_message_unref(received->message);
                hark_conn_release(receiver->flow.conn, received->charge);
                return -ENOMEM;
        }
        *item = (struct item){
                .receiver = receiver, .message = received->message, .charge = received->charge};
        hark_task_init(&item->turn, run_turn, receiver->owner);
        hark_list_push_back(&receiver->items, &item->link);
        queue(receiver, &item->turn);
        return 0;
}

void hark_item_receiver_take_end(struct hark_item_receiver *receiver)
{
        receiver->has_end = true;
        queue(receiver, &receiver->catch_up);
}

void hark_item_receiver_pause(struct hark_item_receiver *receiver, bool is_paused)
{
        receiver->is_paused = is_paused;
        if (is_paused)
                return;
        if (has_held(receiver) || can_tell_end(receiver))
                queue(receiver, &receiver->catch_up);
        give_credit(receiver);
}

void hark_item_receiver_close(struct hark_item_receiver *receiver)
{
        struct item *item;

        receiver->is_closed = true;
        receiver->has_end = false;
        hark_task_cancel(&receiver->catch_up);
        while ((item = first_item(receiver))) {
                hark_message *message = item->message;

                free_item(item);
                hark_message_unref(message);
        }
}
