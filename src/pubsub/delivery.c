/* SPDX-License-Identifier: MIT */

/*
 * What a subscription's user is told: each notification and each gap is a callback of its own in
 * the loop's queue, in the order they came.
 */

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "pubsub/subscription.h"

/* One notification or gap on its way to the callback. */
struct hark_delivery {
        struct hark_task task;
        struct hark_subscription *subscription;
        struct hark_conn *conn; /* what charge is released to */
        struct hark_charge charge;
        hark_message *message; /* NOTIFICATION */
        bool is_news;          /* it changes the topic's value, or ends it */
        struct hark_notification notification;
        char topic[HARK_NAME_MAX + 1]; /* GAP */
};

_Static_assert(sizeof(struct hark_delivery) <= HARK_BLOCK_SIZE,
               "a delivery is one block of the pool");

void hark_subscription_unref(struct hark_subscription *subscription)
{
        if (--subscription->n_refs > 0)
                return;
        hark_values_free(subscription->values);
        free(subscription);
}

void hark_subscription_tell(struct hark_subscription *subscription,
                            const struct hark_notification *notification)
{
        subscription->on_notification(notification, subscription->userdata);
}

void hark_subscription_send_end(struct hark_conn *conn, uint64_t id)
{
        struct hark_send send = {
                .type = HARK_FRAME_UNSUBSCRIBE,
                .id = (uint32_t)id,
                .deadline_ns = HARK_NEVER,
        };

        if (conn)
                hark_conn_send_control(conn, &send);
}

void hark_subscription_confirm(struct hark_subscription *subscription, struct hark_conn *conn,
                               uint64_t sequence, uint8_t priority)
{
        struct hark_confirmation confirmation = {(uint32_t)sequence, priority};

        if (conn == subscription->subscriptions->conn)
                hark_confirm(&subscription->confirmations, conn, (uint32_t)subscription->id,
                             confirmation);
}

static void free_delivery(struct hark_delivery *delivery)
{
        struct hark_pool *pool = hark_loop_block_pool(delivery->conn->loop);

        if (delivery->message)
                hark_conn_had_turn(delivery->conn);
        hark_message_unref(delivery->message);
        hark_conn_release(delivery->conn, delivery->charge);
        hark_conn_unref(delivery->conn);
        hark_pool_put(pool, delivery);
}

/*
 * A member that unsubscribes in its callback leaves when that has returned and is confirmed: else
 * what it has dealt with would go to another. The delivery goes first, so that there is a block for
 * the ack.
 */
static void tell_member(struct hark_subscription *subscription, struct hark_delivery *delivery)
{
        struct hark_conn *conn = hark_conn_ref(delivery->conn);
        uint64_t sequence = delivery->notification.sequence;
        bool is_notification = delivery->message;
        uint8_t priority = is_notification ? delivery->message->priority : 0;

        subscription->is_telling = true;
        hark_subscription_tell(subscription, &delivery->notification);
        subscription->is_telling = false;
        free_delivery(delivery);
        if (is_notification)
                hark_subscription_confirm(subscription, conn, sequence, priority);
        if (subscription->is_muted)
                hark_subscription_send_end(conn, subscription->id);
        hark_conn_unref(conn);
}

/* A value whose change or end was more urgent, and has been told already, is old. */
static bool is_old(const struct hark_subscription *subscription,
                   const struct hark_notification *notification)
{
        return notification->is_retained &&
               hark_known_is_overtaken(&subscription->values->known, notification->topic);
}

static void tell(struct hark_subscription *subscription, const struct hark_delivery *delivery)
{
        if (subscription->is_muted || is_old(subscription, &delivery->notification))
                return;
        if (delivery->is_news)
                hark_known_tell(&subscription->values->known, delivery->notification.topic);
        hark_subscription_tell(subscription, &delivery->notification);
}

static void run_delivery(struct hark_task *task)
{
        struct hark_delivery *delivery = hark_container_of(task, struct hark_delivery, task);
        struct hark_subscription *subscription = delivery->subscription;

        if (subscription->numbered.open_gap == delivery)
                subscription->numbered.open_gap = NULL;
        if (subscription->values_lost.open_gap == delivery)
                subscription->values_lost.open_gap = NULL;
        if (subscription->is_member && !subscription->is_muted) {
                tell_member(subscription, delivery);
        } else {
                tell(subscription, delivery);
                free_delivery(delivery);
        }
        hark_subscription_unref(subscription);
}

/* NULL: no memory. */
static struct hark_delivery *new_delivery(struct hark_subscription *subscription, uint8_t priority)
{
        struct hark_subscriptions *all = subscription->subscriptions;
        struct hark_delivery *delivery = hark_pool_take(hark_loop_block_pool(all->loop));

        if (!delivery)
                return NULL;
        delivery->subscription = subscription;
        delivery->conn = hark_conn_ref(all->conn);
        delivery->charge = (struct hark_charge){.size = 0};
        delivery->message = NULL;
        delivery->is_news = false;
        subscription->n_refs++;
        hark_task_init(&delivery->task, run_delivery, all->owner);
        delivery->task.priority = priority;
        return delivery;
}

static void queue_delivery(struct hark_delivery *delivery)
{
        hark_loop_queue_callback(delivery->subscription->subscriptions->loop, &delivery->task);
}

/* In time for what it has to come before. */
static void requeue_delivery(struct hark_delivery *delivery, uint8_t priority)
{
        hark_task_cancel(&delivery->task);
        delivery->task.priority = priority;
        queue_delivery(delivery);
}

/* The topic is named if all that is lost had this one, else the filter. */
static void name_gap(struct hark_delivery *gap, struct hark_span topic)
{
        const char *filter = gap->subscription->filter;

        if (topic.size == 0)
                topic = (struct hark_span){(const uint8_t *)filter, strlen(filter)};
        memcpy(gap->topic, topic.bytes, topic.size);
        gap->topic[topic.size] = '\0';
}

static bool is_named(const struct hark_delivery *gap, struct hark_span topic)
{
        return strlen(gap->topic) == topic.size && memcmp(gap->topic, topic.bytes, topic.size) == 0;
}

static uint64_t count_both(uint64_t one, uint64_t other)
{
        return other > UINT64_MAX - one ? UINT64_MAX : one + other;
}

static uint64_t smaller(uint64_t one, uint64_t other)
{
        return other < one ? other : one;
}

/* One gap for all that is lost in a row, so that what is lost costs nothing however much it is. */
static void grow_gap(struct hark_delivery *gap, const struct hark_loss *loss)
{
        struct hark_notification *notification = &gap->notification;
        struct hark_span several = {NULL, 0};

        if (!is_named(gap, loss->topic))
                name_gap(gap, several);
        if (loss->priority > gap->task.priority)
                requeue_delivery(gap, loss->priority);
        notification->reason = loss->reason;
        notification->sequence = smaller(notification->sequence, loss->first);
        notification->n_lost = count_both(notification->n_lost, loss->n_lost);
}

/* NULL: no memory. */
static struct hark_delivery *begin_gap(struct hark_subscription *subscription,
                                       const struct hark_loss *loss)
{
        struct hark_delivery *gap = new_delivery(subscription, loss->priority);

        if (!gap)
                return NULL;
        name_gap(gap, loss->topic);
        gap->notification = (struct hark_notification){
                .kind = HARK_GAP, .topic = gap->topic, .sequence = loss->first};
        queue_delivery(gap);
        return gap;
}

/* So that what has a number adds up to the highest one. */
static struct hark_losses *losses_for(struct hark_subscription *subscription,
                                      const struct hark_loss *loss)
{
        return loss->first > 0 ? &subscription->numbered : &subscription->values_lost;
}

void hark_subscription_owe(struct hark_subscription *subscription, const struct hark_loss *loss)
{
        struct hark_loss *owed = &losses_for(subscription, loss)->owed;

        if (owed->n_lost == 0) {
                *owed = *loss;
        } else {
                owed->first = smaller(owed->first, loss->first);
                owed->n_lost = count_both(owed->n_lost, loss->n_lost);
                owed->reason = loss->reason;
                if (loss->priority > owed->priority)
                        owed->priority = loss->priority;
        }
        owed->topic = (struct hark_span){NULL, 0};
}

/* false: there is no memory. */
static bool tell_loss(struct hark_subscription *subscription, const struct hark_loss *loss)
{
        struct hark_losses *losses = losses_for(subscription, loss);

        if (!losses->open_gap)
                losses->open_gap = begin_gap(subscription, loss);
        if (losses->open_gap)
                grow_gap(losses->open_gap, loss);
        return losses->open_gap;
}

static bool tell_owed(struct hark_subscription *subscription, struct hark_losses *losses)
{
        if (losses->owed.n_lost > 0 && !tell_loss(subscription, &losses->owed))
                return false;
        losses->owed.n_lost = 0;
        return true;
}

bool hark_subscription_tell_owed(struct hark_subscription *subscription)
{
        return tell_owed(subscription, &subscription->values_lost) &&
               tell_owed(subscription, &subscription->numbered);
}

void hark_subscription_report(struct hark_subscription *subscription, const struct hark_loss *loss)
{
        if (!hark_subscription_tell_owed(subscription) || !tell_loss(subscription, loss))
                hark_subscription_owe(subscription, loss);
}

static struct hark_notification describe(const struct hark_subscription *subscription,
                                         uint64_t sequence, const struct hark_received *received)
{
        const struct hark_header *header = received->header;
        struct hark_notification notification = {
                .kind = HARK_WITHDRAWN,
                .topic = received->message->name,
                .sequence = sequence,
        };

        if (header->type == HARK_FRAME_WITHDRAWN)
                return notification;
        notification.kind = HARK_NOTIFICATION;
        notification.message = received->message;
        notification.is_repeated = header->flags & HARK_FLAG_REPEATED;
        notification.is_retained = subscription->values && header->flags & HARK_FLAG_RETAINED;
        return notification;
}

bool hark_subscription_deliver(struct hark_subscription *subscription, uint64_t sequence,
                               struct hark_received *received)
{
        struct hark_delivery *delivery = NULL;

        if (received->message && hark_subscription_tell_owed(subscription))
                delivery = new_delivery(subscription, received->header->priority);
        if (!delivery)
                return false;
        subscription->numbered.open_gap = subscription->values_lost.open_gap = NULL;
        delivery->message = received->message;
        delivery->charge = received->charge;
        delivery->notification = describe(subscription, sequence, received);
        delivery->is_news =
                subscription->values && (received->header->type == HARK_FRAME_WITHDRAWN ||
                                         received->header->flags & HARK_FLAG_KEPT);
        hark_conn_wait_for_turn(delivery->conn);
        queue_delivery(delivery);
        return true;
}

void hark_subscription_report_rest(struct hark_subscription *subscription,
                                   const struct hark_loss *loss)
{
        struct hark_delivery *gap;

        hark_subscription_report(subscription, loss);
        gap = HARK_TAKE(
                subscription->numbered.open_gap); /* what is lost from now on has other numbers */
        if (!gap)
                return;
        hark_task_cancel(&gap->task);
        hark_loop_queue_end(subscription->subscriptions->loop, &gap->task);
}
