/* SPDX-License-Identifier: MIT */

/* See subscriptions.h. */

#include "pubsub/subscription.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "names/name.h"

/* The count that these low 32 bits belong to: the one nearest to the highest so far, on either side
 * of it, because notifications of another priority may overtake. */
static uint64_t widen(uint64_t highest, uint32_t low)
{
        return highest + (uint64_t)(int64_t)(int32_t)(low - (uint32_t)highest);
}

/* --- what comes ------------------------------------------------------------------------------- */

static void drop(struct hark_subscriptions *subscriptions, struct hark_received *received)
{
        hark_message_unref(received->message);
        hark_conn_release(subscriptions->conn, received->charge);
}

/* What this says of the topic's value; 0: nothing. */
static unsigned news_of(const struct hark_header *header)
{
        if (header->type == HARK_FRAME_WITHDRAWN)
                return HARK_KNOWN_WITHDRAWN;
        if (header->flags & HARK_FLAG_RETAINED)
                return HARK_KNOWN_CURRENT;
        return header->flags & HARK_FLAG_KEPT ? HARK_KNOWN_CHANGED : 0;
}

/* The current values have no numbers. */
static uint64_t take_number(struct hark_subscription *subscription,
                            const struct hark_header *header)
{
        uint64_t sequence = widen(subscription->highest, header->sequence);

        if (subscription->values && news_of(header) == HARK_KNOWN_CURRENT)
                return 0;
        if (sequence > subscription->highest)
                subscription->highest = sequence;
        return sequence;
}

static void take_notification(struct hark_subscription *subscription,
                              struct hark_received *received)
{
        uint64_t sequence = take_number(subscription, received->header);
        struct hark_loss loss = {sequence, 1, -ENOBUFS, received->name, received->header->priority};

        if (hark_subscription_deliver(subscription, sequence, received))
                return;
        hark_subscription_report(subscription, &loss);
        drop(subscription->subscriptions, received);
        if (subscription->is_member)
                hark_subscription_confirm(subscription, subscription->subscriptions->conn, sequence,
                                          loss.priority);
}

static void take_gap(struct hark_subscription *subscription, struct hark_received *received)
{
        struct hark_subscriptions *all = subscription->subscriptions;
        struct hark_span payload = {hark_message_data(received->message),
                                    hark_message_size(received->message)};
        const char *why = NULL;
        struct hark_gap gap;
        struct hark_loss loss;
        int r = hark_gap_decode(payload, &gap, &why);

        if (r == 0) {
                loss = (struct hark_loss){gap.first, gap.n_lost, -(int)gap.reason, received->name,
                                          received->header->priority};
                hark_subscription_report(subscription, &loss);
                if (gap.n_lost != UINT64_MAX && gap.first + gap.n_lost - 1 > subscription->highest)
                        subscription->highest = gap.first + gap.n_lost - 1;
        }
        drop(all, received);
        if (r < 0)
                hark_conn_break(all->conn, why);
}

static void run_end(struct hark_task *task)
{
        struct hark_subscription *subscription =
                hark_container_of(task, struct hark_subscription, end_task);
        hark_message *message = subscription->end_message;
        struct hark_notification end = {
                .kind = HARK_UNSUBSCRIBED,
                .reason = subscription->end_reason,
                .topic = subscription->filter,
                .message = message,
                .sequence = subscription->highest,
        };

        hark_subscription_tell(subscription, &end);
        hark_message_unref(message);
        hark_subscription_unref(subscription);
}

/* message: the other side's words, handed over; may be NULL. */
static void end_subscription(struct hark_subscription *subscription, int reason,
                             hark_message *message)
{
        struct hark_subscriptions *all = subscription->subscriptions;

        hark_map_remove(&all->by_id, &subscription->node);
        hark_list_remove(&subscription->link);
        subscription->end_reason = reason;
        subscription->end_message = message;
        if (hark_task_is_queued(&subscription->away_task)) {
                hark_task_cancel(&subscription->away_task);
                hark_subscription_unref(subscription);
        }
        hark_loop_queue_end(all->loop, &subscription->end_task);
}

/* It comes before all that will: what came before has been told, see begin_away(). */
static void stand(struct hark_subscription *subscription)
{
        subscription->is_standing = subscription->has_stood = true;
        if (subscription->numbered.owed.n_lost > 0 && hark_subscription_tell_owed(subscription))
                subscription->numbered.open_gap =
                        NULL; /* what is lost from now on has other numbers */
}

static void take_subscribed(struct hark_subscription *subscription, struct hark_received *received)
{
        uint32_t status = received->header->status;

        hark_conn_release(subscription->subscriptions->conn, received->charge);
        if (status == 0) {
                stand(subscription);
                if (subscription->values)
                        hark_values_expect(subscription->values, received->header->sequence);
                hark_message_unref(received->message);
                return;
        }
        end_subscription(subscription, status <= INT32_MAX ? (int)status : HARK_UNKNOWN,
                         received->message);
}

/* More topics than it can keep: it ends, instead of telling old values for new, or nothing. */
static void end_overrun(struct hark_subscription *subscription, int error)
{
        struct hark_subscriptions *all = subscription->subscriptions;

        hark_log(hark_loop_log(all->loop), LOG_WARNING, "subscription to %s ends: %s",
                 subscription->filter,
                 error == -EDQUOT ? "more retained values than a client keeps track of"
                                  : "no memory to keep track of retained values");
        hark_subscription_send_end(all->conn, subscription->id);
        end_subscription(subscription, HARK_RESOURCE_EXHAUSTED, NULL);
}

static void take_value_or_notification(struct hark_subscription *subscription,
                                       struct hark_received *received)
{
        const struct hark_span topic = received->name;
        unsigned news = subscription->values ? news_of(received->header) : 0;
        char name[HARK_NAME_MAX];
        int r = -ENOMEM; /* one in pieces for which there was no memory has no name any more */

        if (topic.size > 0) /* it may lie in the message, which goes its way */
                memcpy(name, topic.bytes, topic.size);
        take_notification(subscription, received);
        if (news == 0)
                return;
        if (topic.size > 0)
                r = hark_values_take(subscription->values, name, topic.size, news);
        if (r < 0)
                end_overrun(subscription, r);
}

/* --- the beginning ---------------------------------------------------------------------------- */

static void run_away(struct hark_task *task);

static struct hark_subscription *new_subscription(struct hark_subscriptions *subscriptions,
                                                  const char *filter,
                                                  hark_on_notification *on_notification,
                                                  void *userdata,
                                                  const struct hark_subscribe_params *params)
{
        size_t size = strlen(filter) + 1;
        size_t group_size = params && params->group ? strlen(params->group) + 1 : 0;
        struct hark_subscription *subscription =
                calloc(1, sizeof(*subscription) + size + group_size);

        if (!subscription)
                return NULL;
        subscription->n_refs = 1;
        subscription->subscriptions = subscriptions;
        subscription->on_notification = on_notification;
        subscription->userdata = userdata;
        subscription->has_params = params;
        if (params)
                subscription->params = *params;
        subscription->is_member = group_size > 0;
        if (subscription->is_member)
                subscription->params.group =
                        memcpy(subscription->filter + size, params->group, group_size);
        hark_task_init(&subscription->end_task, run_end, subscriptions->owner);
        hark_task_init(&subscription->away_task, run_away, subscriptions->owner);
        memcpy(subscription->filter, filter, size);
        if (!params || !params->wants_retained)
                return subscription;
        subscription->values = hark_values_new(subscription);
        if (!subscription->values) {
                free(subscription);
                return NULL;
        }
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

/* A connection of which one end has said goodbye does not; the next one will. */
static bool takes_new(const struct hark_subscriptions *subscriptions)
{
        struct hark_conn *conn = subscriptions->conn;

        return conn && (hark_conn_can_ask(conn) || subscriptions->wait_limit == 0);
}

/* On a connection that it does not know yet, where its numbers begin anew. */
static void subscribe_anew(struct hark_subscription *subscription)
{
        int r;

        if (!takes_new(subscription->subscriptions))
                return;
        r = hark_subscription_ask(subscription, true);
        subscription->highest = 0;
        if (subscription->values)
                hark_values_begin_anew(subscription->values);
        subscription->confirmations.n_pending = 0;
        if (r < 0)
                end_subscription(subscription, r, NULL);
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
        hark_list_for_each (link, &subscriptions->all) {
                struct hark_subscription *subscription =
                        hark_container_of(link, struct hark_subscription, link);

                if (!hark_task_is_queued(&subscription->away_task))
                        subscribe_anew(subscription);
        }
}

static void run_away(struct hark_task *task)
{
        struct hark_subscription *subscription =
                hark_container_of(task, struct hark_subscription, away_task);

        subscribe_anew(subscription);
        hark_subscription_unref(subscription);
}

/* It is not subscribed anew before all that came on this connection has been told: so what comes on
 * the next one can not overtake it, whatever its priority. */
static void begin_away(struct hark_subscription *subscription)
{
        subscription->is_standing = false;
        subscription->n_refs++;
        hark_loop_queue_end(subscription->subscriptions->loop, &subscription->away_task);
}

static struct hark_loss rest_of(const struct hark_subscription *subscription, int reason)
{
        return (struct hark_loss){
                .first = subscription->highest + 1,
                .n_lost = UINT64_MAX,
                .reason = reason == 0 ? HARK_UNAVAILABLE : -ECONNRESET,
                .priority = HARK_PRIORITIES - 1,
        };
}

/* What is missed until it stands again, nobody can count. After a goodbye that is told only then:
 * if it never does, nothing was. */
static void suspend(struct hark_subscription *subscription, int reason)
{
        struct hark_loss rest = rest_of(subscription, reason);

        if (!subscription->is_standing)
                return;
        if (reason == 0)
                hark_subscription_owe(subscription, &rest);
        else
                hark_subscription_report_rest(subscription, &rest);
        begin_away(subscription);
}

void hark_subscriptions_lose_conn(struct hark_subscriptions *subscriptions, int reason)
{
        hark_list_for_each (link, &subscriptions->all)
                suspend(hark_container_of(link, struct hark_subscription, link), reason);
        subscriptions->conn = NULL;
}

static int check_room(const struct hark_subscriptions *subscriptions)
{
        const struct hark_conn *conn = subscriptions->conn;
        uint32_t limit = conn ? hark_conn_subscriptions_limit(conn) : subscriptions->wait_limit;

        if (limit == 0 && !conn)
                return -ENOTCONN;
        return subscriptions->by_id.n_nodes < limit ? 0 : -EDQUOT;
}

int hark_subscriptions_add(struct hark_subscriptions *subscriptions, const char *filter,
                           hark_on_notification *on_notification, void *userdata,
                           const struct hark_subscribe_params *params, uint64_t *ret_id)
{
        struct hark_subscription *subscription;
        int r;

        if (!hark_filter_is_valid(filter, strlen(filter)) || hark_subscription_check(params) < 0)
                return -EINVAL;
        r = check_room(subscriptions);
        if (r < 0)
                return r;
        subscription = new_subscription(subscriptions, filter, on_notification, userdata, params);
        if (!subscription)
                return -ENOMEM;
        subscription->id = next_id(subscriptions);
        if (takes_new(subscriptions))
                r = hark_subscription_ask(subscription, false);
        if (r < 0) {
                hark_subscription_unref(subscription);
                return r;
        }
        hark_map_add(&subscriptions->by_id, &subscription->node, (uint32_t)subscription->id);
        hark_list_push_back(&subscriptions->all, &subscription->link);
        if (ret_id)
                *ret_id = subscription->id;
        return 0;
}

static struct hark_subscription *find(const struct hark_subscriptions *subscriptions,
                                      uint32_t wire_id)
{
        struct hark_map_node *node = hark_map_find(&subscriptions->by_id, wire_id);

        return node ? hark_container_of(node, struct hark_subscription, node) : NULL;
}

int hark_subscriptions_remove(struct hark_subscriptions *subscriptions, uint64_t id)
{
        struct hark_subscription *subscription = find(subscriptions, (uint32_t)id);

        if (!subscription || subscription->id != id)
                return -ENOENT;
        subscription->is_muted = true;
        if (!subscription->is_member || !subscription->is_telling)
                hark_subscription_send_end(subscriptions->conn, id);
        end_subscription(subscription, -ECANCELED, NULL);
        return 0;
}

void hark_subscriptions_take(struct hark_subscriptions *subscriptions,
                             struct hark_received *received)
{
        const struct hark_header *header = received->header;
        bool is_subscribed = header->type == HARK_FRAME_SUBSCRIBED;
        struct hark_subscription *subscription =
                find(subscriptions, is_subscribed ? header->id : header->status);

        /* It has ended at this end while the other end did not know yet. */
        if (!subscription) {
                drop(subscriptions, received);
                return;
        }
        if (is_subscribed) {
                take_subscribed(subscription, received);
                return;
        }
        /* Retained values come before the other side says that it stands. */
        if (!subscription->is_standing)
                stand(subscription);
        if (header->type == HARK_FRAME_GAP)
                take_gap(subscription, received);
        else
                take_value_or_notification(subscription, received);
}

static int end_reason(const struct hark_subscription *subscription, int reason)
{
        if (reason == -ECANCELED)
                return reason;
        if (!subscription->has_stood)
                return -ENOTCONN;
        return reason == 0 ? HARK_UNAVAILABLE : -ECONNRESET;
}

void hark_subscriptions_end_all(struct hark_subscriptions *subscriptions, int reason)
{
        bool is_ours = reason == -ECANCELED, is_goodbye = reason == 0;

        hark_list_for_each (link, &subscriptions->all) {
                struct hark_subscription *subscription =
                        hark_container_of(link, struct hark_subscription, link);
                struct hark_loss rest = rest_of(subscription, reason);

                subscription->is_muted = is_ours;
                if (!is_ours && !is_goodbye && subscription->is_standing)
                        hark_subscription_report_rest(subscription, &rest);
                end_subscription(subscription, end_reason(subscription, reason), NULL);
        }
        hark_map_done(&subscriptions->by_id);
}
