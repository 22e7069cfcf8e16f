/* SPDX-License-Identifier: MIT */

/* See channel.h. */

#include "pubsub/channel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What was dropped and is not told yet. */
struct loss {
        struct hark_outgoing *gap; /* the frame that will tell it; NULL: see has_gap */
        bool has_gap;              /* one was queued; if gap is NULL, it has left: all is told. Not
                                      set, though something is lost: there was no memory for one */
        bool is_behind;            /* it stands behind notifications that are still waiting */
        uint64_t first, n_lost;
        uint32_t reason; /* an errno, of the last */
        uint8_t priority;
        uint8_t topic_size; /* 0: of several topics */
        char topic[HARK_NAME_MAX];
};

struct conn_subscriber {
        struct hark_subscriber subscriber;
        struct hark_map_node node;
        struct hark_conn_channel *channel;
        uint32_t id, max_messages;
        size_t max_size;
        uint64_t sequence; /* what it has matched so far */
        struct hark_outgoing_group waiting;
        struct loss loss;
        size_t filter_size;
        char filter[];
};

static struct conn_subscriber *conn_subscriber_of(struct hark_subscriber *subscriber)
{
        return hark_container_of(subscriber, struct conn_subscriber, subscriber);
}

/* --- gaps ------------------------------------------------------------------------------------ */

/* A notification that will not be sent. */
struct lost {
        uint64_t sequence;
        struct hark_span topic;
        uint8_t priority;
        uint32_t reason;
};

static void add_loss(struct loss *loss, const struct lost *lost)
{
        if (loss->has_gap && !loss->gap)
                *loss = (struct loss){.n_lost = 0};
        loss->reason = lost->reason;
        if (lost->priority > loss->priority)
                loss->priority = lost->priority;
        if (loss->n_lost == 0 || lost->sequence < loss->first)
                loss->first = lost->sequence;
        if (loss->n_lost++ == 0) {
                loss->topic_size = (uint8_t)lost->topic.size;
                memcpy(loss->topic, lost->topic.bytes, lost->topic.size);
        } else if (loss->topic_size != lost->topic.size ||
                   memcmp(loss->topic, lost->topic.bytes, lost->topic.size) != 0) {
                loss->topic_size = 0;
        }
}

/* A gap's payload always has the same size, and lies in the frame itself. */
static void rewrite_gap(struct hark_outgoing *outgoing, const uint8_t bytes[HARK_GAP_SIZE])
{
        memcpy((uint8_t *)(uintptr_t)outgoing->payload, bytes, HARK_GAP_SIZE);
}

/*
 * Queues the frame that tells the loss: where the last such frame stood, or where the lost
 * notification (position) stands, whichever comes first; else behind everything. If there is no
 * memory for it, the last one tells it in its own place and by its own name; if there is none, the next
 * notification tries again.
 */
static void queue_gap(struct conn_subscriber *subscriber, struct hark_outgoing *position)
{
        struct hark_conn *conn = subscriber->channel->conn;
        struct loss *loss = &subscriber->loss;
        uint8_t bytes[HARK_GAP_SIZE];
        struct hark_payload payload = {.data = bytes, .size = sizeof(bytes)};
        struct hark_gap gap = {
                .n_lost = loss->n_lost, .first = loss->first, .reason = loss->reason};
        struct hark_send send = {
                .type = HARK_FRAME_GAP,
                .priority = loss->priority,
                .status = subscriber->id,
                .name = loss->topic_size > 0 ? loss->topic : subscriber->filter,
                .name_size = loss->topic_size > 0 ? loss->topic_size : subscriber->filter_size,
                .payload = &payload,
                .deadline_ns = HARK_NEVER,
        };
        struct hark_outgoing *last = loss->gap, *before = NULL;
        bool stays =
                last && last->header.priority == loss->priority && !(position && loss->is_behind);

        if (stays)
                before = last;
        else if (position && position->header.priority == loss->priority)
                before = position;
        hark_gap_encode(&gap, bytes);
        if (last)
                last->slot = NULL;
        if (hark_conn_send_before(conn, &send, before, &loss->gap) < 0) {
                loss->gap = last;
                if (last) {
                        last->slot = &loss->gap;
                        rewrite_gap(last, bytes);
                }
                return;
        }
        loss->has_gap = true;
        if (!stays)
                loss->is_behind = !before && subscriber->waiting.n_queued > 0;
        if (last)
                hark_conn_withdraw(conn, last);
}

static void lose(struct conn_subscriber *subscriber, const struct lost *lost,
                 struct hark_outgoing *position)
{
        add_loss(&subscriber->loss, lost);
        queue_gap(subscriber, position);
}

/* Whether all that was lost is told, or queued to be told, so that a notification may follow. */
static bool tell_losses(struct conn_subscriber *subscriber)
{
        const struct loss *loss = &subscriber->loss;

        if (loss->n_lost > 0 && !loss->has_gap)
                queue_gap(subscriber, NULL);
        return loss->n_lost == 0 || loss->has_gap;
}

/* The count that these low 32 bits belong to, which is not beyond the last. */
static uint64_t widen(uint64_t last, uint32_t low)
{
        return last - (uint32_t)((uint32_t)last - low);
}

static void drop_oldest(struct conn_subscriber *subscriber)
{
        struct hark_outgoing *oldest = hark_container_of(
                hark_list_first(&subscriber->waiting.queued), struct hark_outgoing, group_link);
        struct lost lost = {
                .sequence = widen(subscriber->sequence, oldest->header.sequence),
                .topic = {oldest->bytes + HARK_HEADER_SIZE, oldest->header.name_size},
                .priority = oldest->header.priority,
                .reason = ENOBUFS,
        };

        lose(subscriber, &lost, oldest);
        hark_conn_withdraw(subscriber->channel->conn, oldest);
}

/* --- delivering ------------------------------------------------------------------------------ */

static bool is_full(const struct conn_subscriber *subscriber)
{
        return subscriber->waiting.n_queued >= subscriber->max_messages ||
               subscriber->waiting.queued_size >= subscriber->max_size;
}

static bool has_waiting(const struct conn_subscriber *subscriber)
{
        return subscriber->waiting.n_queued > 0;
}

/* Queues it, in the place of older ones if need be. */
static int send_notification(struct conn_subscriber *subscriber,
                             const struct hark_publication *publication)
{
        struct hark_conn *conn = subscriber->channel->conn;
        struct hark_send send = {
                .type = HARK_FRAME_PUBLISH,
                .priority = publication->payload->priority,
                .id = hark_conn_next_id(conn),
                .status = subscriber->id,
                .sequence = (uint32_t)subscriber->sequence,
                .name = publication->topic,
                .name_size = publication->topic_size,
                .payload = publication->payload,
                .message = publication->message,
                .deadline_ns = HARK_NEVER,
                .group = &subscriber->waiting,
        };
        int r;

        if (!tell_losses(subscriber))
                return -ENOMEM;
        while (is_full(subscriber))
                drop_oldest(subscriber);
        r = hark_conn_send(conn, &send, NULL);
        while (r == -EAGAIN && has_waiting(subscriber)) {
                drop_oldest(subscriber);
                r = hark_conn_send(conn, &send, NULL);
        }
        return r;
}

static void deliver(struct hark_subscriber *base, const struct hark_publication *publication)
{
        struct conn_subscriber *subscriber = conn_subscriber_of(base);
        struct lost lost = {
                .topic = {(const uint8_t *)publication->topic, publication->topic_size},
                .priority = publication->payload->priority,
        };
        int r;

        lost.sequence = ++subscriber->sequence;
        r = send_notification(subscriber, publication);
        /* A connection that is going ends the count by itself. */
        if (r == 0 || r == -ENOTCONN)
                return;
        lost.reason = r == -EAGAIN ? ENOBUFS : (uint32_t)-r;
        lose(subscriber, &lost, NULL);
}

static const struct hark_channel_ops conn_channel_ops = {.deliver = deliver};

/* --- subscribing ----------------------------------------------------------------------------- */

static struct conn_subscriber *new_subscriber(struct hark_conn_channel *channel,
                                              const struct hark_received *received)
{
        struct conn_subscriber *subscriber = calloc(1, sizeof(*subscriber) + received->name.size);
        struct hark_queue queue;

        if (!subscriber)
                return NULL;
        hark_queue_find(received->extensions, &queue);
        subscriber->channel = channel;
        subscriber->id = received->header->id;
        subscriber->max_messages =
                queue.max_messages > 0 ? queue.max_messages : HARK_CHANNEL_MESSAGES;
        subscriber->max_size = queue.max_size > 0 ? (size_t)queue.max_size : HARK_CHANNEL_SIZE;
        hark_outgoing_group_init(&subscriber->waiting);
        subscriber->filter_size = received->name.size;
        memcpy(subscriber->filter, received->name.bytes, received->name.size);
        return subscriber;
}

static void free_subscriber(struct conn_subscriber *subscriber)
{
        struct hark_conn_channel *channel = subscriber->channel;
        struct hark_list *link;

        while ((link = hark_list_first(&subscriber->waiting.queued)))
                hark_conn_withdraw(channel->conn,
                                   hark_container_of(link, struct hark_outgoing, group_link));
        if (subscriber->loss.gap)
                hark_conn_withdraw(channel->conn, subscriber->loss.gap);
        hark_topics_remove(channel->topics, &subscriber->subscriber);
        hark_map_remove(&channel->by_id, &subscriber->node);
        free(subscriber);
}

static void confirm(struct hark_conn_channel *channel, uint32_t id)
{
        /* As urgent as can be, so that no notification overtakes it. */
        struct hark_send send = {
                .type = HARK_FRAME_SUBSCRIBED,
                .priority = HARK_PRIORITIES - 1,
                .id = id,
                .deadline_ns = HARK_NEVER,
        };

        hark_conn_send_control(channel->conn, &send);
}

/* 0; -ENOMEM. */
static int add_subscriber(struct hark_conn_channel *channel, const struct hark_received *received)
{
        struct conn_subscriber *subscriber = new_subscriber(channel, received);

        if (!subscriber ||
            hark_topics_add(channel->topics, &subscriber->subscriber, &conn_channel_ops,
                            (const char *)received->name.bytes, received->name.size) < 0) {
                free(subscriber);
                return -ENOMEM;
        }
        hark_map_add(&channel->by_id, &subscriber->node, received->header->id);
        return 0;
}

static bool is_in_use(const struct hark_conn_channel *channel, uint32_t id)
{
        return hark_map_find(&channel->by_id, id) || hark_map_find(&channel->members.by_id, id);
}

static bool is_at_limit(const struct hark_conn_channel *channel)
{
        return channel->by_id.n_nodes + channel->members.by_id.n_nodes >= channel->limit;
}

static void refuse(struct hark_conn_channel *channel, const struct hark_received *received, int r)
{
        bool is_impossible = r == -EINVAL;

        hark_conn_refuse_message(channel->conn, received->header, NULL, 0,
                                 is_impossible ? HARK_INVALID_ARGUMENT : HARK_RESOURCE_EXHAUSTED,
                                 is_impossible ? "a group drops the oldest, and retains nothing"
                                               : "no memory for the subscription");
}

static void subscribe(struct hark_conn_channel *channel, const struct hark_received *received)
{
        const struct hark_header *header = received->header;
        struct hark_span group;
        bool is_member = hark_extension_find(received->extensions, HARK_EXTENSION_GROUP, &group);
        int r;

        if (is_in_use(channel, header->id)) {
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
        confirm(channel, header->id);
        if (is_member)
                hark_members_serve(&channel->members, header->id);
}

static void unsubscribe(struct hark_conn_channel *channel, uint32_t id)
{
        struct hark_map_node *node = hark_map_find(&channel->by_id, id);

        if (node)
                free_subscriber(hark_container_of(node, struct conn_subscriber, node));
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

void hark_conn_channel_init(struct hark_conn_channel *channel, struct hark_conn *conn,
                            struct hark_topics *topics, uint32_t limit)
{
        *channel = (struct hark_conn_channel){.conn = conn, .topics = topics, .limit = limit};
        hark_members_init(&channel->members, conn, topics);
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
        hark_members_serve_all(&channel->members);
}

void hark_conn_channel_close(struct hark_conn_channel *channel)
{
        struct hark_map_node *node;

        while ((node = hark_map_any(&channel->by_id)))
                free_subscriber(hark_container_of(node, struct conn_subscriber, node));
        hark_map_done(&channel->by_id);
        hark_members_close(&channel->members);
        channel->conn = NULL;
}
