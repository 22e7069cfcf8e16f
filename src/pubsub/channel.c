/* SPDX-License-Identifier: MIT */

/* See channel.h. */

#include "pubsub/channel.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pubsub/current.h"

static const struct hark_channel_ops conn_channel_ops = {.deliver = hark_subscriber_deliver};

static struct hark_conn_subscriber *subscriber_of(struct hark_map_node *node)
{
        return hark_container_of(node, struct hark_conn_subscriber, node);
}

/* --- subscribing ----------------------------------------------------------------------------- */

/* false: a policy that this end does not know. */
static bool read_queue(struct hark_conn_subscriber *subscriber, struct hark_span extensions)
{
        struct hark_queue queue;

        hark_queue_find(extensions, &queue);
        subscriber->max_messages =
                queue.max_messages > 0 ? queue.max_messages : HARK_CHANNEL_MESSAGES;
        subscriber->max_size = queue.max_size > 0 ? (size_t)queue.max_size : HARK_CHANNEL_SIZE;
        subscriber->policy = queue.policy;
        subscriber->wants_retained = queue.flags & HARK_QUEUE_WANTS_RETAINED;
        return queue.policy <= HARK_DISCONNECT;
}

static struct hark_conn_subscriber *new_subscriber(struct hark_conn_channel *channel,
                                                   const struct hark_received *received)
{
        struct hark_conn_subscriber *subscriber =
                calloc(1, sizeof(*subscriber) + received->name.size + 1);

        if (!subscriber)
                return NULL;
        subscriber->channel = channel;
        subscriber->id = received->header->id;
        subscriber->filter_size = received->name.size;
        memcpy(subscriber->filter, received->name.bytes, received->name.size);
        hark_subscriber_init_queue(subscriber);
        return subscriber;
}

static void end_subscriber(struct hark_conn_subscriber *subscriber)
{
        struct hark_conn_channel *channel = subscriber->channel;

        hark_current_cut(subscriber);
        hark_subscriber_done_queue(subscriber);
        hark_subscriber_part_from_report(subscriber);
        hark_topics_remove(channel->topics, &subscriber->subscriber);
        hark_map_remove(&channel->by_id, &subscriber->node);
        free(subscriber);
}

void hark_conn_channel_confirm(struct hark_conn_channel *channel, uint32_t id, uint32_t n_current)
{
        /* As urgent as can be, so that no notification overtakes it. */
        struct hark_send send = {
                .type = HARK_FRAME_SUBSCRIBED,
                .priority = HARK_PRIORITIES - 1,
                .id = id,
                .sequence = n_current,
                .deadline_ns = HARK_NEVER,
        };

        hark_conn_send_control(channel->conn, &send);
}

/* 0; -EINVAL: it has wishes that are not known; -ENOMEM. */
static int add_subscriber(struct hark_conn_channel *channel, const struct hark_received *received)
{
        struct hark_conn_subscriber *subscriber = new_subscriber(channel, received);
        int r = subscriber ? 0 : -ENOMEM;

        if (r == 0 && !read_queue(subscriber, received->extensions))
                r = -EINVAL;
        if (r == 0)
                r = hark_topics_add(channel->topics, &subscriber->subscriber, &conn_channel_ops,
                                    subscriber->filter, subscriber->filter_size);
        if (r == 0 && subscriber->wants_retained)
                r = hark_current_begin(subscriber);
        if (r < 0) {
                if (subscriber)
                        hark_topics_remove(channel->topics, &subscriber->subscriber);
                free(subscriber);
                return r;
        }
        hark_map_add(&channel->by_id, &subscriber->node, subscriber->id);
        if (!subscriber->wants_retained)
                hark_conn_channel_confirm(channel, subscriber->id, 0);
        return 0;
}

static bool is_at_limit(const struct hark_conn_channel *channel)
{
        return channel->by_id.n_nodes + channel->members.by_id.n_nodes >= channel->limit;
}

static const char *why_impossible(const struct hark_received *received)
{
        struct hark_span group;

        return hark_extension_find(received->extensions, HARK_EXTENSION_GROUP, &group)
                       ? "a group drops the oldest, and retains nothing"
                       : "an unknown policy";
}

static void refuse(struct hark_conn_channel *channel, const struct hark_received *received, int r)
{
        bool is_impossible = r == -EINVAL;

        hark_conn_refuse_message(channel->conn, received->header, NULL, 0,
                                 is_impossible ? HARK_INVALID_ARGUMENT : HARK_RESOURCE_EXHAUSTED,
                                 is_impossible ? why_impossible(received)
                                               : "no memory for the subscription");
}

static void subscribe(struct hark_conn_channel *channel, const struct hark_received *received)
{
        const struct hark_header *header = received->header;
        struct hark_span group;
        bool is_member = hark_extension_find(received->extensions, HARK_EXTENSION_GROUP, &group);
        int r;

        if (hark_conn_channel_has(channel, header->id)) {
                hark_conn_break(channel->conn, "the id of a subscription that has not ended");
                return;
        }
        if (is_at_limit(channel)) {
                hark_conn_refuse_message(channel->conn, header, NULL, 0, HARK_RESOURCE_EXHAUSTED,
                                         "too many subscriptions");
                return;
        }
        r = is_member ? hark_members_join(&channel->members, received, group)
                      : add_subscriber(channel, received);
        if (r < 0) {
                refuse(channel, received, r);
                return;
        }
        if (is_member) {
                hark_conn_channel_confirm(channel, header->id, 0);
                hark_members_serve(&channel->members, header->id);
        }
}

static void unsubscribe(struct hark_conn_channel *channel, uint32_t id)
{
        struct hark_map_node *node = hark_map_find(&channel->by_id, id);

        if (node)
                end_subscriber(subscriber_of(node));
        else
                hark_members_leave(&channel->members, id);
}

static void take_ack(struct hark_conn_channel *channel, const struct hark_header *ack)
{
        const char *why = hark_map_find(&channel->by_id, ack->status)
                                  ? "an ack for a subscription that is in no group"
                                  : hark_members_take_ack(&channel->members, ack);

        if (why)
                hark_conn_break(channel->conn, why);
}

/* --- the end --------------------------------------------------------------------------------- */

static void end_all(struct hark_conn_channel *channel)
{
        struct hark_map_node *node;

        while ((node = hark_map_any(&channel->by_id)))
                end_subscriber(subscriber_of(node));
}

static void run_end(struct hark_task *task)
{
        struct hark_conn_channel *channel =
                hark_container_of(task, struct hark_conn_channel, end_task);
        struct hark_map_node *node = hark_map_find(&channel->by_id, channel->full_id);
        struct hark_conn *conn = channel->conn;
        char text[HARK_NAME_MAX + 80];

        /* Meanwhile it may have been unsubscribed, which is too late. */
        snprintf(text, sizeof(text), "the queue of the subscription %s is full (%s)",
                 node ? subscriber_of(node)->filter : "that has just ended", channel->full_limit);
        end_all(channel);
        hark_conn_expel(conn, HARK_RESOURCE_EXHAUSTED, text);
}

void hark_conn_channel_end(struct hark_conn_channel *channel, uint32_t full_id, const char *limit)
{
        channel->full_id = full_id;
        channel->full_limit = limit;
        hark_loop_queue_chore(channel->conn->loop, &channel->end_task);
}

bool hark_conn_channel_is_ending(const struct hark_conn_channel *channel)
{
        return hark_task_is_queued(&channel->end_task);
}

/* --- public to the library ------------------------------------------------------------------- */

void hark_conn_channel_init(struct hark_conn_channel *channel, struct hark_conn *conn,
                            struct hark_topics *topics, uint32_t limit, const void *owner)
{
        *channel = (struct hark_conn_channel){
                .conn = conn, .topics = topics, .limit = limit, .owner = owner};
        hark_current_init(channel);
        hark_task_init(&channel->end_task, run_end, NULL);
        hark_members_init(&channel->members, conn, topics);
}

bool hark_conn_channel_has(const struct hark_conn_channel *channel, uint32_t id)
{
        return hark_map_find(&channel->by_id, id) || hark_map_find(&channel->members.by_id, id);
}

void hark_conn_channel_take(struct hark_conn_channel *channel, struct hark_received *received)
{
        if (received->header->type == HARK_FRAME_SUBSCRIBE)
                subscribe(channel, received);
        else if (received->header->type == HARK_FRAME_ACK)
                take_ack(channel, received->header);
        else
                unsubscribe(channel, received->header->id);
        hark_message_unref(received->message);
}

void hark_conn_channel_take_room(struct hark_conn_channel *channel)
{
        hark_current_go_on(channel);
        hark_members_serve_all(&channel->members);
}

void hark_conn_channel_close(struct hark_conn_channel *channel)
{
        end_all(channel);
        hark_map_done(&channel->by_id);
        hark_members_close(&channel->members);
        hark_task_cancel(&channel->walk_task);
        hark_task_cancel(&channel->end_task);
        channel->conn = NULL;
}
