/* SPDX-License-Identifier: MIT */

/* See subscriptions.h. */

#include "pubsub/subscriptions.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "names/name.h"
#include "pubsub/confirm.h"

/* The queue's wishes and the name of a group, each with its head. */
#define SUBSCRIBE_EXTENSIONS_MAX \
        ((size_t)HARK_EXTENSIONS_HEAD_SIZE + 4 + HARK_QUEUE_SIZE + 4 + HARK_NAME_MAX + 8)

/* What did not arrive. */
struct loss {
        uint64_t first, n_lost;
        int reason;
        struct hark_span topic; /* empty: of several */
        uint8_t priority;
};

struct delivery;

struct subscription {
        unsigned n_refs; /* its owner's until it has ended, and one for each queued delivery */
        struct hark_map_node node;
        struct hark_list link;
        struct hark_subscriptions *subscriptions;
        uint64_t id;
        uint64_t highest; /* number of what came, or was reported lost */
        hark_on_notification *on_notification;
        void *userdata;
        bool is_standing; /* the other side has confirmed it */
        bool is_muted;    /* unsubscribed: nothing but the end is told any more */
        bool is_member;   /* of a group: what it was told it confirms */
        bool is_telling;  /* its callback runs */
        struct hark_confirmations confirmations;
        struct delivery *open_gap; /* the last that is queued, if it is a gap: it may still grow */
        struct hark_task end_task;
        int end_reason;
        hark_message *end_message;
        char filter[]; /* NUL-terminated */
};

/* One notification or gap on its way to the callback. */
struct delivery {
        struct hark_task task;
        struct subscription *subscription;
        struct hark_conn *conn; /* what charge is released to */
        struct hark_charge charge;
        hark_message *message; /* NOTIFICATION */
        struct hark_notification notification;
        char topic[HARK_NAME_MAX + 1]; /* GAP */
};

_Static_assert(sizeof(struct delivery) <= HARK_BLOCK_SIZE, "a delivery is one block of the pool");

static void unref_subscription(struct subscription *subscription)
{
        if (--subscription->n_refs == 0)
                free(subscription);
}

static void tell(struct subscription *subscription, const struct hark_notification *notification)
{
        subscription->on_notification(notification, subscription->userdata);
}

/* --- deliveries ---------------------------------------------------------------------------------- */

static void send_unsubscribe(struct hark_conn *conn, uint64_t id)
{
        struct hark_send send = {
                .type = HARK_FRAME_UNSUBSCRIBE,
                .id = (uint32_t)id,
                .deadline_ns = HARK_NEVER,
        };

        if (conn)
                hark_conn_send_control(conn, &send);
}

/* What has been told, or is reported as lost, goes to no other member of the group. */
static void confirm(struct subscription *subscription, struct hark_conn *conn, uint64_t sequence,
                    uint8_t priority)
{
        struct hark_confirmation confirmation = {(uint32_t)sequence, priority};

        hark_confirm(&subscription->confirmations, conn, (uint32_t)subscription->id, confirmation);
}

static void free_delivery(struct delivery *delivery)
{
        struct hark_pool *pool = hark_loop_block_pool(delivery->conn->loop);

        hark_message_unref(delivery->message);
        hark_conn_release(delivery->conn, delivery->charge);
        hark_conn_unref(delivery->conn);
        hark_pool_put(pool, delivery);
}

/*
 * A member that unsubscribes in its callback leaves when that has returned and is confirmed: else what
 * it has dealt with would go to another. The delivery goes first, so that there is a block for the ack.
 */
static void tell_member(struct subscription *subscription, struct delivery *delivery)
{
        struct hark_conn *conn = hark_conn_ref(delivery->conn);
        uint64_t sequence = delivery->notification.sequence;
        bool is_notification = delivery->message;
        uint8_t priority = is_notification ? delivery->message->priority : 0;

        subscription->is_telling = true;
        tell(subscription, &delivery->notification);
        subscription->is_telling = false;
        free_delivery(delivery);
        if (is_notification)
                confirm(subscription, conn, sequence, priority);
        if (subscription->is_muted)
                send_unsubscribe(conn, subscription->id);
        hark_conn_unref(conn);
}

static void run_delivery(struct hark_task *task)
{
        struct delivery *delivery = hark_container_of(task, struct delivery, task);
        struct subscription *subscription = delivery->subscription;

        if (subscription->open_gap == delivery)
                subscription->open_gap = NULL;
        if (subscription->is_member && !subscription->is_muted) {
                tell_member(subscription, delivery);
        } else {
                if (!subscription->is_muted)
                        tell(subscription, &delivery->notification);
                free_delivery(delivery);
        }
        unref_subscription(subscription);
}

/* NULL: no memory. */
static struct delivery *new_delivery(struct subscription *subscription, uint8_t priority)
{
        struct hark_subscriptions *all = subscription->subscriptions;
        struct delivery *delivery = hark_pool_take(hark_loop_block_pool(all->loop));

        if (!delivery)
                return NULL;
        delivery->subscription = subscription;
        delivery->conn = hark_conn_ref(all->conn);
        delivery->charge = (struct hark_charge){.size = 0};
        delivery->message = NULL;
        subscription->n_refs++;
        hark_task_init(&delivery->task, run_delivery, all->owner);
        delivery->task.priority = priority;
        return delivery;
}

static void queue_delivery(struct delivery *delivery)
{
        hark_loop_queue_callback(delivery->subscription->subscriptions->loop, &delivery->task);
}

/* In time for what it has to come before. */
static void requeue_delivery(struct delivery *delivery, uint8_t priority)
{
        hark_task_cancel(&delivery->task);
        delivery->task.priority = priority;
        queue_delivery(delivery);
}

/* The topic is named if all that is lost had this one, else the filter. */
static void name_gap(struct delivery *gap, struct hark_span topic)
{
        const char *filter = gap->subscription->filter;

        if (topic.size == 0)
                topic = (struct hark_span){(const uint8_t *)filter, strlen(filter)};
        memcpy(gap->topic, topic.bytes, topic.size);
        gap->topic[topic.size] = '\0';
}

static bool is_named(const struct delivery *gap, struct hark_span topic)
{
        return strlen(gap->topic) == topic.size && memcmp(gap->topic, topic.bytes, topic.size) == 0;
}

/* One gap for all that is lost in a row, so that what is lost costs nothing however much it is. */
static void grow_gap(struct delivery *gap, const struct loss *loss)
{
        struct hark_notification *notification = &gap->notification;
        struct hark_span several = {NULL, 0};

        if (!is_named(gap, loss->topic))
                name_gap(gap, several);
        if (loss->priority > gap->task.priority)
                requeue_delivery(gap, loss->priority);
        notification->reason = loss->reason;
        if (loss->n_lost > UINT64_MAX - notification->n_lost)
                notification->n_lost = UINT64_MAX;
        else
                notification->n_lost += loss->n_lost;
}

/* Without memory even for this, the loss goes unreported: there is nothing left to report it in. */
static void report_loss(struct subscription *subscription, const struct loss *loss)
{
        struct delivery *gap = subscription->open_gap;

        if (!gap) {
                gap = new_delivery(subscription, loss->priority);
                if (!gap)
                        return;
                name_gap(gap, loss->topic);
                gap->notification = (struct hark_notification){
                        .kind = HARK_GAP,
                        .topic = gap->topic,
                        .sequence = loss->first,
                };
                subscription->open_gap = gap;
                queue_delivery(gap);
        }
        grow_gap(gap, loss);
}

static bool deliver(struct subscription *subscription, uint64_t sequence,
                    struct hark_received *received)
{
        struct delivery *delivery = NULL;

        if (received->message)
                delivery = new_delivery(subscription, received->header->priority);

        if (!delivery)
                return false;
        subscription->open_gap = NULL;
        delivery->message = received->message;
        delivery->charge = received->charge;
        delivery->notification = (struct hark_notification){
                .kind = HARK_NOTIFICATION,
                .topic = received->message->name,
                .message = received->message,
                .sequence = sequence,
                .is_repeated = received->header->flags & HARK_FLAG_REPEATED,
        };
        queue_delivery(delivery);
        return true;
}

/* The count that these low 32 bits belong to: the one nearest to the highest so far, on either side
 * of it, because notifications of another priority may overtake. */
static uint64_t widen(uint64_t highest, uint32_t low)
{
        return highest + (uint64_t)(int64_t)(int32_t)(low - (uint32_t)highest);
}

/* --- what comes ---------------------------------------------------------------------------------- */

static void drop(struct hark_subscriptions *subscriptions, struct hark_received *received)
{
        hark_message_unref(received->message);
        hark_conn_release(subscriptions->conn, received->charge);
}

static void take_notification(struct subscription *subscription, struct hark_received *received)
{
        uint64_t sequence = widen(subscription->highest, received->header->sequence);
        struct loss loss = {sequence, 1, -ENOBUFS, received->name, received->header->priority};

        if (sequence > subscription->highest)
                subscription->highest = sequence;
        if (deliver(subscription, sequence, received))
                return;
        report_loss(subscription, &loss);
        drop(subscription->subscriptions, received);
        if (subscription->is_member)
                confirm(subscription, subscription->subscriptions->conn, sequence, loss.priority);
}

static void take_gap(struct subscription *subscription, struct hark_received *received)
{
        struct hark_subscriptions *all = subscription->subscriptions;
        struct hark_span payload = {hark_message_data(received->message),
                                    hark_message_size(received->message)};
        const char *why = NULL;
        struct hark_gap gap;
        struct loss loss;
        int r = hark_gap_decode(payload, &gap, &why);

        if (r == 0) {
                loss = (struct loss){gap.first, gap.n_lost, -(int)gap.reason, received->name,
                                     received->header->priority};
                report_loss(subscription, &loss);
                if (gap.n_lost != UINT64_MAX && gap.first + gap.n_lost - 1 > subscription->highest)
                        subscription->highest = gap.first + gap.n_lost - 1;
        }
        drop(all, received);
        if (r < 0)
                hark_conn_break(all->conn, why);
}

static void run_end(struct hark_task *task)
{
        struct subscription *subscription = hark_container_of(task, struct subscription, end_task);
        hark_message *message = subscription->end_message;
        struct hark_notification end = {
                .kind = HARK_UNSUBSCRIBED,
                .reason = subscription->end_reason,
                .topic = subscription->filter,
                .message = message,
                .sequence = subscription->highest,
        };

        tell(subscription, &end);
        hark_message_unref(message);
        unref_subscription(subscription);
}

/* message: the other side's words, handed over; may be NULL. */
static void end_subscription(struct subscription *subscription, int reason, hark_message *message)
{
        struct hark_subscriptions *all = subscription->subscriptions;

        hark_map_remove(&all->by_id, &subscription->node);
        hark_list_remove(&subscription->link);
        subscription->end_reason = reason;
        subscription->end_message = message;
        hark_loop_queue_end(all->loop, &subscription->end_task);
}

static void take_subscribed(struct subscription *subscription, struct hark_received *received)
{
        uint32_t status = received->header->status;

        hark_conn_release(subscription->subscriptions->conn, received->charge);
        if (status == 0) {
                subscription->is_standing = true;
                hark_message_unref(received->message);
                return;
        }
        end_subscription(subscription, status <= INT32_MAX ? (int)status : HARK_UNKNOWN,
                         received->message);
}

/* --- the beginning -------------------------------------------------------------------------------- */

static struct subscription *new_subscription(struct hark_subscriptions *subscriptions,
                                             const char *filter,
                                             hark_on_notification *on_notification, void *userdata)
{
        size_t size = strlen(filter) + 1;
        struct subscription *subscription = calloc(1, sizeof(*subscription) + size);

        if (!subscription)
                return NULL;
        subscription->n_refs = 1;
        subscription->subscriptions = subscriptions;
        subscription->on_notification = on_notification;
        subscription->userdata = userdata;
        hark_task_init(&subscription->end_task, run_end, subscriptions->owner);
        memcpy(subscription->filter, filter, size);
        return subscription;
}

static uint64_t next_id(struct hark_subscriptions *subscriptions)
{
        do
                subscriptions->last_id++;
        while ((uint32_t)subscriptions->last_id == 0 ||
               hark_map_find(&subscriptions->by_id, (uint32_t)subscriptions->last_id));
        return subscriptions->last_id;
}

/* What a subscribe says besides its filter: params may be NULL. */
static size_t put_wishes(const struct hark_subscribe_params *params,
                         uint8_t bytes[SUBSCRIBE_EXTENSIONS_MAX])
{
        struct hark_extension_writer writer;
        uint8_t encoded[HARK_QUEUE_SIZE];

        if (!params)
                return 0;
        hark_queue_encode(
                &(struct hark_queue){.max_messages = params->max_messages,
                                     .flags = params->is_once_only ? HARK_QUEUE_ONCE_ONLY : 0,
                                     .max_size = params->max_size},
                encoded);
        hark_extensions_start(&writer, bytes);
        hark_extensions_put(&writer, HARK_EXTENSION_QUEUE, encoded, sizeof(encoded));
        if (params->group)
                hark_extensions_put(&writer, HARK_EXTENSION_GROUP, params->group,
                                    strlen(params->group));
        return hark_extensions_finish(&writer);
}

static int send_subscribe(const struct subscription *subscription,
                          const struct hark_subscribe_params *params)
{
        struct hark_conn *conn = subscription->subscriptions->conn;
        uint8_t bytes[SUBSCRIBE_EXTENSIONS_MAX];
        struct hark_send send = {
                .type = HARK_FRAME_SUBSCRIBE,
                .id = (uint32_t)subscription->id,
                .name = subscription->filter,
                .name_size = strlen(subscription->filter),
                .extensions = {bytes, put_wishes(params, bytes)},
                .deadline_ns = HARK_NEVER,
        };

        return conn ? hark_conn_send(conn, &send, NULL) : -ENOTCONN;
}

static int check_group(const struct hark_subscribe_params *params)
{
        if (!params->group)
                return params->is_once_only ? -EINVAL : 0;
        return hark_name_is_valid(params->group, strlen(params->group)) ? 0 : -EINVAL;
}

static int check_params(const struct hark_subscribe_params *params)
{
        size_t n_reserved = params ? sizeof(params->reserved) / sizeof(*params->reserved) : 0;

        for (size_t i = 0; i < n_reserved; i++)
                if (params->reserved[i] != 0)
                        return -EINVAL;
        return params ? check_group(params) : 0;
}

void hark_subscriptions_init(struct hark_subscriptions *subscriptions, hark_loop *loop,
                             const void *owner)
{
        *subscriptions = (struct hark_subscriptions){.loop = loop, .owner = owner};
        hark_list_init(&subscriptions->all);
}

void hark_subscriptions_set_conn(struct hark_subscriptions *subscriptions, struct hark_conn *conn)
{
        subscriptions->conn = conn;
}

int hark_subscriptions_add(struct hark_subscriptions *subscriptions, const char *filter,
                           hark_on_notification *on_notification, void *userdata,
                           const struct hark_subscribe_params *params, uint64_t *ret_id)
{
        struct subscription *subscription;
        int r;

        if (!hark_filter_is_valid(filter, strlen(filter)) || check_params(params) < 0)
                return -EINVAL;
        if (subscriptions->conn &&
            subscriptions->by_id.n_nodes >= hark_conn_subscriptions_limit(subscriptions->conn))
                return -EDQUOT;
        subscription = new_subscription(subscriptions, filter, on_notification, userdata);
        if (!subscription)
                return -ENOMEM;
        subscription->id = next_id(subscriptions);
        subscription->is_member = params && params->group;
        r = send_subscribe(subscription, params);
        if (r < 0) {
                free(subscription);
                return r;
        }
        hark_map_add(&subscriptions->by_id, &subscription->node, (uint32_t)subscription->id);
        hark_list_push_back(&subscriptions->all, &subscription->link);
        if (ret_id)
                *ret_id = subscription->id;
        return 0;
}

static struct subscription *find(const struct hark_subscriptions *subscriptions, uint32_t wire_id)
{
        struct hark_map_node *node = hark_map_find(&subscriptions->by_id, wire_id);

        return node ? hark_container_of(node, struct subscription, node) : NULL;
}

int hark_subscriptions_remove(struct hark_subscriptions *subscriptions, uint64_t id)
{
        struct subscription *subscription = find(subscriptions, (uint32_t)id);

        if (!subscription || subscription->id != id)
                return -ENOENT;
        subscription->is_muted = true;
        if (!subscription->is_member || !subscription->is_telling)
                send_unsubscribe(subscriptions->conn, id);
        end_subscription(subscription, -ECANCELED, NULL);
        return 0;
}

void hark_subscriptions_take(struct hark_subscriptions *subscriptions,
                             struct hark_received *received)
{
        const struct hark_header *header = received->header;
        bool is_subscribed = header->type == HARK_FRAME_SUBSCRIBED;
        struct subscription *subscription =
                find(subscriptions, is_subscribed ? header->id : header->status);

        /* It has ended at this end while the other end did not know yet. */
        if (!subscription)
                drop(subscriptions, received);
        else if (is_subscribed)
                take_subscribed(subscription, received);
        else if (header->type == HARK_FRAME_GAP)
                take_gap(subscription, received);
        else
                take_notification(subscription, received);
}

static int end_reason(const struct subscription *subscription, int reason)
{
        if (reason == -ECANCELED)
                return reason;
        if (!subscription->is_standing)
                return -ENOTCONN;
        return reason == 0 ? HARK_UNAVAILABLE : -ECONNRESET;
}

/* Nobody knows how much that is. It is told behind what came, whatever the priority of that. */
static void lose_the_rest(struct subscription *subscription)
{
        struct loss rest = {
                .first = subscription->highest + 1,
                .n_lost = UINT64_MAX,
                .reason = -ECONNRESET,
        };
        struct delivery *gap;

        report_loss(subscription, &rest);
        gap = subscription->open_gap;
        if (!gap)
                return;
        hark_task_cancel(&gap->task);
        hark_loop_queue_end(subscription->subscriptions->loop, &gap->task);
}

void hark_subscriptions_end_all(struct hark_subscriptions *subscriptions, int reason)
{
        bool is_ours = reason == -ECANCELED, is_goodbye = reason == 0;

        hark_list_for_each (link, &subscriptions->all) {
                struct subscription *subscription =
                        hark_container_of(link, struct subscription, link);

                subscription->is_muted = is_ours;
                if (!is_ours && !is_goodbye && subscription->is_standing)
                        lose_the_rest(subscription);
                end_subscription(subscription, end_reason(subscription, reason), NULL);
        }
        hark_map_done(&subscriptions->by_id);
}
