/* SPDX-License-Identifier: MIT */

/* See current.h. */

#include "pubsub/current.h"

#include <errno.h>
#include <stdlib.h>

/* How many may wait at a time, so that they take no more of the connection's queue. */
#define WAITING_MAX 16

/* How many values are looked at before other connections have their turn. */
#define TURN 1024

static void free_current(struct hark_current *current)
{
        current->subscriber->current = NULL;
        hark_retained_walk_end(&current->walk);
        hark_list_remove(&current->link);
        free(current);
}

static int send_value(struct hark_current *current, const struct hark_retained_value *value)
{
        struct hark_conn_channel *channel = current->subscriber->channel;
        struct hark_send send = {
                .type = HARK_FRAME_PUBLISH,
                .flags = HARK_FLAG_RETAINED,
                .priority = value->message->priority,
                .id = hark_conn_next_id(channel->conn),
                .status = current->subscriber->id,
                .name = value->topic,
                .name_size = value->topic_size,
                .message = value->message,
                .deadline_ns = HARK_NEVER,
                .group = &channel->values,
        };

        return hark_conn_send(channel->conn, &send, NULL);
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

/* false: not now. */
static bool give(struct hark_current *current, const struct hark_retained_value *value)
{
        const struct hark_conn_subscriber *subscriber = current->subscriber;
        int r;

        if (!hark_filter_matches(subscriber->filter, subscriber->filter_size, value->topic,
                                 value->topic_size))
                return true;
        r = send_value(current, value);
        if (r == -EAGAIN || r == -ENOTCONN)
                return false;
        if (r == 0)
                current->n_sent++;
        else
                lose_value(current, value, r);
        return true;
}

static void finish(struct hark_current *current)
{
        hark_conn_channel_confirm(current->subscriber->channel, current->subscriber->id,
                                  current->n_sent);
        free_current(current);
}

/* One value further, or on to the next subscription. false: no further now. */
static bool go_one_further(struct hark_conn_channel *channel)
{
        struct hark_list *link = hark_list_first(&channel->walking);
        struct hark_current *current;
        struct hark_retained_value *value;

        if (!link || channel->values.n_queued >= WAITING_MAX)
                return false;
        current = hark_container_of(link, struct hark_current, link);
        value = hark_retained_walk_peek(&channel->topics->retained, &current->walk);
        if (!value) {
                finish(current);
                return true;
        }
        if (!give(current, value))
                return false;
        hark_retained_walk_pass(&current->walk, value);
        return true;
}

static void run_walks(struct hark_task *task)
{
        struct hark_conn_channel *channel =
                hark_container_of(task, struct hark_conn_channel, walk_task);

        for (unsigned i = 0; i < TURN; i++)
                if (!go_one_further(channel))
                        return;
        hark_current_go_on(channel);
}

static void on_left(struct hark_outgoing_group *group, struct hark_outgoing *outgoing)
{
        (void)outgoing;
        if (group->n_queued <= WAITING_MAX / 2)
                hark_current_go_on(hark_container_of(group, struct hark_conn_channel, values));
}

void hark_current_init(struct hark_conn_channel *channel)
{
        hark_list_init(&channel->walking);
        hark_outgoing_group_init(&channel->values);
        channel->values.on_left = on_left;
        hark_task_init(&channel->walk_task, run_walks, NULL);
}

int hark_current_begin(struct hark_conn_subscriber *subscriber)
{
        struct hark_current *current = calloc(1, sizeof(*current));
        struct hark_conn_channel *channel = subscriber->channel;

        if (!current)
                return -ENOMEM;
        current->subscriber = subscriber;
        subscriber->current = current;
        hark_retained_walk_begin(&channel->topics->retained, &current->walk);
        hark_list_push_back(&channel->walking, &current->link);
        hark_current_go_on(channel);
        return 0;
}

bool hark_current_awaits(const struct hark_current *current, uint64_t number)
{
        return current && hark_retained_walk_awaits(&current->walk, number);
}

void hark_current_go_on(struct hark_conn_channel *channel)
{
        if (!hark_list_is_empty(&channel->walking))
                hark_loop_queue_chore(channel->conn->loop, &channel->walk_task);
}

void hark_current_cut(struct hark_conn_subscriber *subscriber)
{
        struct hark_conn_channel *channel = subscriber->channel;

        hark_list_for_each (link, &channel->values.queued) {
                struct hark_outgoing *value =
                        hark_container_of(link, struct hark_outgoing, group_link);

                if (value->header.status == subscriber->id)
                        hark_conn_withdraw(channel->conn, value);
        }
        if (subscriber->current)
                free_current(subscriber->current);
}
