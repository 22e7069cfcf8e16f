/* SPDX-License-Identifier: MIT */

/*
 * What waits for one subscriber in its connection's queue: room is made as its policy says, and
 * that the queue is above half is counted, for publishers who pace themselves. See channel.h.
 */

#include <errno.h>

#include "names/hash.h"
#include "pubsub/current.h"
#include "pubsub/subscriber.h"

static struct hark_conn_subscriber *conn_subscriber_of(struct hark_subscriber *subscriber)
{
        return hark_container_of(subscriber, struct hark_conn_subscriber, subscriber);
}

/* --- pace ------------------------------------------------------------------------------------ */

static bool is_full(const struct hark_conn_subscriber *subscriber)
{
        return subscriber->waiting.n_queued >= subscriber->max_messages ||
               subscriber->waiting.queued_size >= subscriber->max_size;
}

static const char *reached_limit(const struct hark_conn_subscriber *subscriber)
{
        if (subscriber->waiting.n_queued >= subscriber->max_messages)
                return "max_messages";
        return is_full(subscriber) ? "max_size" : "queue_size of the connection";
}

static bool is_above_half(const struct hark_conn_subscriber *subscriber)
{
        return subscriber->waiting.n_queued > subscriber->max_messages / 2 ||
               subscriber->waiting.queued_size > subscriber->max_size / 2;
}

static void note_pace(struct hark_conn_subscriber *subscriber)
{
        bool is_slow = is_above_half(subscriber);

        if (is_slow == subscriber->is_slow)
                return;
        subscriber->is_slow = is_slow;
        hark_topics_count_slow(subscriber->channel->topics, is_slow);
}

static void on_left(struct hark_outgoing_group *group, struct hark_outgoing *outgoing)
{
        struct hark_conn_subscriber *subscriber =
                hark_container_of(group, struct hark_conn_subscriber, waiting);

        if (subscriber->policy == HARK_KEEP_LATEST)
                hark_map_remove(&subscriber->latest, &outgoing->group_node);
        note_pace(subscriber);
}

/* --- dropping -------------------------------------------------------------------------------- */

/* The count that these low 32 bits belong to, which is not beyond the last. */
static uint64_t widen(uint64_t last, uint32_t low)
{
        return last - (uint32_t)((uint32_t)last - low);
}

static void drop(struct hark_conn_subscriber *subscriber, struct hark_outgoing *outgoing)
{
        struct hark_lost lost = {
                .sequence = widen(subscriber->sequence, outgoing->header.sequence),
                .topic = {outgoing->bytes + HARK_HEADER_SIZE, outgoing->header.name_size},
                .priority = outgoing->header.priority,
                .reason = ENOBUFS,
        };

        hark_subscriber_lose(subscriber, &lost, outgoing);
        hark_conn_withdraw(subscriber->channel->conn, outgoing);
}

static void drop_oldest(struct hark_conn_subscriber *subscriber)
{
        drop(subscriber, hark_container_of(hark_list_first(&subscriber->waiting.queued),
                                           struct hark_outgoing, group_link));
}

/* Two topics of one hash, which nobody can prepare who does not know the key, would count as
 * one. */
static uint64_t topic_key(const struct hark_conn_subscriber *subscriber,
                          const struct hark_publication *publication)
{
        return hark_hash(&subscriber->channel->topics->hash_key, publication->topic,
                         publication->topic_size);
}

static void drop_of_topic(struct hark_conn_subscriber *subscriber,
                          const struct hark_publication *publication)
{
        struct hark_map_node *node =
                hark_map_find(&subscriber->latest, topic_key(subscriber, publication));

        if (node)
                drop(subscriber, hark_container_of(node, struct hark_outgoing, group_node));
}

/* Whether it may drop what waits, so that the newest has room. */
static bool drops_waiting(const struct hark_conn_subscriber *subscriber)
{
        return subscriber->policy == HARK_DROP_OLDEST || subscriber->policy == HARK_KEEP_LATEST;
}

/* 0; -EAGAIN: there is no room, and none was made. */
static int make_room(struct hark_conn_subscriber *subscriber,
                     const struct hark_publication *publication)
{
        if (subscriber->policy == HARK_KEEP_LATEST)
                drop_of_topic(subscriber, publication);
        while (drops_waiting(subscriber) && is_full(subscriber))
                drop_oldest(subscriber);
        return is_full(subscriber) ? -EAGAIN : 0;
}

/* --- delivering ------------------------------------------------------------------------------ */

static int send_notification(struct hark_conn_subscriber *subscriber,
                             const struct hark_publication *publication)
{
        struct hark_conn *conn = subscriber->channel->conn;
        bool may_be_lost = !publication->is_withdrawn && !publication->is_kept;
        struct hark_send send = {
                .type = publication->is_withdrawn ? HARK_FRAME_WITHDRAWN : HARK_FRAME_PUBLISH,
                .flags = publication->is_kept ? HARK_FLAG_KEPT : 0,
                .priority = publication->payload->priority,
                .id = hark_conn_next_id(conn),
                .status = subscriber->id,
                .sequence = (uint32_t)subscriber->sequence,
                .name = publication->topic,
                .name_size = publication->topic_size,
                .payload = publication->payload,
                .message = publication->message,
                .deadline_ns = HARK_NEVER,
                .loss_number = may_be_lost ? subscriber->sequence : 0,
                .group = &subscriber->waiting,
        };
        int r = hark_conn_send(conn, &send, NULL);

        while (r == -EAGAIN && drops_waiting(subscriber) && subscriber->waiting.n_queued > 0) {
                drop_oldest(subscriber);
                r = hark_conn_send(conn, &send, NULL);
        }
        return r;
}

static void note_queued(struct hark_conn_subscriber *subscriber,
                        const struct hark_publication *publication)
{
        struct hark_outgoing *last = hark_container_of(subscriber->waiting.queued.previous,
                                                       struct hark_outgoing, group_link);

        if (subscriber->policy == HARK_KEEP_LATEST)
                hark_map_add(&subscriber->latest, &last->group_node,
                             topic_key(subscriber, publication));
        subscriber->loss.is_followed = true;
        note_pace(subscriber);
}

static int queue(struct hark_conn_subscriber *subscriber,
                 const struct hark_publication *publication)
{
        int r;

        if (!hark_subscriber_tell_losses(subscriber))
                return -ENOMEM;
        r = make_room(subscriber, publication);
        if (r == 0)
                r = send_notification(subscriber, publication);
        if (r == 0)
                note_queued(subscriber, publication);
        return r;
}

void hark_subscriber_deliver(struct hark_subscriber *base,
                             const struct hark_publication *publication)
{
        struct hark_conn_subscriber *subscriber = conn_subscriber_of(base);
        struct hark_lost lost = {
                .topic = {(const uint8_t *)publication->topic, publication->topic_size},
                .priority = publication->payload->priority,
        };
        int r;

        if (publication->is_withdrawn && !subscriber->wants_retained)
                return;
        /* Its turn as a current value is still to come. */
        if (hark_current_awaits(subscriber->current, publication->value_number))
                return;
        /* A connection that is going ends the count by itself. */
        if (hark_conn_channel_is_ending(subscriber->channel))
                return;
        lost.sequence = ++subscriber->sequence;
        r = queue(subscriber, publication);
        if (r == 0 || r == -ENOTCONN)
                return;
        if (r == -EAGAIN && subscriber->policy == HARK_DISCONNECT) {
                hark_conn_channel_end(subscriber->channel, subscriber->id,
                                      reached_limit(subscriber));
                return;
        }
        lost.reason = r == -EAGAIN ? ENOBUFS : (uint32_t)-r;
        hark_subscriber_lose(subscriber, &lost, NULL);
}

/* --- life ------------------------------------------------------------------------------------ */

void hark_subscriber_init_queue(struct hark_conn_subscriber *subscriber)
{
        hark_outgoing_group_init(&subscriber->gaps);
        hark_outgoing_group_init(&subscriber->waiting);
        subscriber->waiting.on_left = on_left;
}

static void withdraw_all(struct hark_conn *conn, struct hark_outgoing_group *group)
{
        struct hark_list *link;

        while ((link = hark_list_first(&group->queued)))
                hark_conn_withdraw(conn, hark_container_of(link, struct hark_outgoing, group_link));
}

void hark_subscriber_done_queue(struct hark_conn_subscriber *subscriber)
{
        withdraw_all(subscriber->channel->conn, &subscriber->waiting);
        withdraw_all(subscriber->channel->conn, &subscriber->gaps);
        hark_map_done(&subscriber->latest);
}
