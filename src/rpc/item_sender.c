/* SPDX-License-Identifier: MIT */

/* See item_sender.h. */

#include "rpc/item_sender.h"

#include <errno.h>

static void learn_window(struct hark_item_sender *sender)
{
        uint64_t size;

        if (sender->knows_window || !sender->flow.conn ||
            !hark_conn_window(sender->flow.conn, &size))
                return;
        sender->knows_window = true;
        hark_window_init(&sender->flow.window, size);
        if (size == 0)
                sender->is_wanted = false;
}

/* Whether sending would be anything but -EAGAIN. */
static bool has_room(struct hark_item_sender *sender)
{
        learn_window(sender);
        if (!sender->is_wanted)
                return true;
        return sender->flow.conn && sender->knows_window &&
               hark_window_is_open(&sender->flow.window) &&
               hark_conn_check_send(sender->flow.conn, 0, 0) != -EAGAIN;
}

static void run_room(struct hark_task *task)
{
        struct hark_item_sender *sender = hark_container_of(task, struct hark_item_sender, room);

        /* Others may have taken it meanwhile. */
        if (!sender->is_starved || !has_room(sender))
                return;
        sender->is_starved = false;
        sender->on_room(sender);
}

void hark_item_sender_init(struct hark_item_sender *sender, hark_loop *loop, const void *owner,
                           const struct hark_flow *flow)
{
        *sender = (struct hark_item_sender){.loop = loop, .flow = *flow};
        hark_outgoing_group_init(&sender->queued);
        hark_task_init(&sender->room, run_room, owner);
        sender->room.priority = flow->priority;
}

static int send_item(struct hark_item_sender *sender, const struct hark_payload *payload)
{
        struct hark_flow *flow = &sender->flow;
        struct hark_send send = {
                .type = HARK_FRAME_ITEM,
                .flags = flow->flags,
                .priority = flow->priority,
                .id = flow->id,
                .payload = payload,
                .deadline_ns = HARK_NEVER,
                .group = &sender->queued,
        };
        int r = hark_conn_send(flow->conn, &send, NULL);

        if (r == 0) {
                hark_window_take(&flow->window, hark_conn_item_cost(payload->size, payload->n_fds));
                sender->has_sent = true;
        }
        return r;
}

int hark_item_sender_send(struct hark_item_sender *sender, const struct hark_payload *payload)
{
        int r = -EAGAIN;

        learn_window(sender);
        if (!sender->is_wanted)
                return -EOPNOTSUPP;
        if (sender->knows_window && hark_window_is_open(&sender->flow.window))
                r = send_item(sender, payload);
        if (r == -EAGAIN)
                sender->is_starved = true;
        return r;
}

static int send_end(struct hark_item_sender *sender)
{
        struct hark_send send = {
                .type = HARK_FRAME_ITEM,
                .flags = sender->flow.flags | HARK_FLAG_END,
                .priority = sender->flow.priority,
                .id = sender->flow.id,
                .deadline_ns = HARK_NEVER,
                .group = &sender->queued,
        };

        return hark_conn_send_control(sender->flow.conn, &send);
}

int hark_item_sender_end(struct hark_item_sender *sender)
{
        int r = sender->flow.conn ? send_end(sender) : 0;

        if (r < 0)
                return r;
        sender->owes_end = !sender->flow.conn;
        sender->is_ended = true;
        sender->is_starved = false;
        return 0;
}

bool hark_item_sender_credit(struct hark_item_sender *sender, uint32_t n)
{
        if (!hark_window_credit(&sender->flow.window, n))
                return false;
        hark_item_sender_take_room(sender);
        return true;
}

void hark_item_sender_await_room(struct hark_item_sender *sender)
{
        sender->is_starved = true;
        hark_item_sender_take_room(sender);
}

int hark_item_sender_take_room(struct hark_item_sender *sender)
{
        if (sender->is_starved && has_room(sender))
                hark_loop_queue_callback(sender->loop, &sender->room);
        if (!sender->owes_end || !sender->flow.conn)
                return 0;
        sender->owes_end = false;
        return send_end(sender) == -ENOMEM ? -ENOMEM : 0;
}

void hark_item_sender_close(struct hark_item_sender *sender)
{
        sender->is_starved = false;
        hark_task_cancel(&sender->room);
        hark_outgoing_group_disband(&sender->queued);
}

void hark_item_sender_withdraw(struct hark_item_sender *sender)
{
        struct hark_list *link;

        while ((link = hark_list_first(&sender->queued.queued)))
                hark_conn_withdraw(sender->flow.conn,
                                   hark_container_of(link, struct hark_outgoing, group_link));
}
