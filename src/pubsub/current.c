/* SPDX-License-Identifier: MIT */

/* See current.h. */

#include "pubsub/current.h"

#include <errno.h>
#include <stdlib.h>

/* How many may wait at a time, so that a walk takes no more of the connection's queue. */
#define WAITING_MAX 16

/* How many values are looked at before others have their turn. */
#define TURN 1024

static struct hark_conn *conn_of(const struct hark_current *current)
{
        return current->subscriber->channel->conn;
}

static void free_current(struct hark_current *current)
{
        current->subscriber->current = NULL;
        hark_retained_walk_end(&current->walk);
        hark_list_remove(&current->link);
        hark_task_cancel(&current->task);
        free(current);
}

static int send_value(struct hark_current *current, const struct hark_retained_value *value)
{
        struct hark_conn *conn = conn_of(current);
        struct hark_send send = {
                .type = HARK_FRAME_PUBLISH,
                .flags = HARK_FLAG_RETAINED,
                .priority = value->message->priority,
                .id = hark_conn_next_id(conn),
                .status = current->subscriber->id,
                .name = value->topic,
                .name_size = value->topic_size,
                .message = value->message,
                .deadline_ns = HARK_NEVER,
                .group = &current->waiting,
        };

        return hark_conn_send(conn, &send, NULL);
}

static void lose_value(struct hark_current *current, const struct hark_retained_value *value,
                       int error)
{
        struct hark_lost lost = {
                .sequence = ++current->subscriber->sequence,
                .topic = {(const uint8_t *)value->topic, value->topic_size},
                .priority = value->message->priority,
                .reason = (uint32_t)-error,
        };

        hark_subscriber_lose(current->subscriber, &lost, NULL);
}

/* false: no more of them now. */
static bool give_next(struct hark_current *current)
{
        const struct hark_conn_subscriber *subscriber = current->subscriber;
        struct hark_retained *retained = &subscriber->channel->topics->retained;
        struct hark_retained_value *value = hark_retained_walk_peek(retained, &current->walk);
        int r = 0;

        current->is_over = !value;
        if (!value)
                return false;
        if (hark_filter_matches(subscriber->filter, subscriber->filter_size, value->topic,
                                value->topic_size)) {
                r = send_value(current, value);
                if (r == -EAGAIN || r == -ENOTCONN)
                        return false;
                if (r == 0)
                        current->n_sent++;
                else
                        lose_value(current, value, r);
        }
        hark_retained_walk_pass(&current->walk, value);
        return true;
}

static void confirm(const struct hark_current *current)
{
        hark_conn_channel_confirm(current->subscriber->channel, current->subscriber->id,
                                  current->n_sent);
}

static void give(struct hark_current *current)
{
        bool goes_on = true;

        for (unsigned i = 0; goes_on && current->waiting.n_queued < WAITING_MAX; i++) {
                if (i == TURN) {
                        hark_loop_queue_chore(conn_of(current)->loop, &current->task);
                        return;
                }
                goes_on = give_next(current);
        }
        if (current->is_over)
                confirm(current);
}

static void run_chore(struct hark_task *task)
{
        struct hark_current *current = hark_container_of(task, struct hark_current, task);

        if (!current->is_over)
                give(current);
        if (current->is_over && current->waiting.n_queued == 0)
                free_current(current);
}

static void on_left(struct hark_outgoing_group *group, struct hark_outgoing *outgoing)
{
        struct hark_current *current = hark_container_of(group, struct hark_current, waiting);

        (void)outgoing;
        if (group->n_queued <= WAITING_MAX / 2)
                hark_loop_queue_chore(conn_of(current)->loop, &current->task);
}

int hark_current_begin(struct hark_conn_subscriber *subscriber)
{
        struct hark_current *current = calloc(1, sizeof(*current));
        struct hark_conn_channel *channel = subscriber->channel;

        if (!current)
                return -ENOMEM;
        current->subscriber = subscriber;
        subscriber->current = current;
        hark_outgoing_group_init(&current->waiting);
        current->waiting.on_left = on_left;
        hark_list_push_back(&channel->walking, &current->link);
        hark_retained_walk_begin(&channel->topics->retained, &current->walk);
        hark_task_init(&current->task, run_chore, NULL);
        hark_loop_queue_chore(channel->conn->loop, &current->task);
        return 0;
}

bool hark_current_awaits(const struct hark_current *current, uint64_t number)
{
        return current && hark_retained_walk_awaits(&current->walk, number);
}

void hark_current_go_on(struct hark_current *current)
{
        hark_loop_queue_chore(conn_of(current)->loop, &current->task);
}

void hark_current_cut(struct hark_current *current)
{
        struct hark_list *link;

        if (!current)
                return;
        while ((link = hark_list_first(&current->waiting.queued)))
                hark_conn_withdraw(conn_of(current),
                                   hark_container_of(link, struct hark_outgoing, group_link));
        free_current(current);
}
