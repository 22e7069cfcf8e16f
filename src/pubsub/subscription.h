/* SPDX-License-Identifier: MIT */
#ifndef HARK_PUBSUB_SUBSCRIPTION_H
#define HARK_PUBSUB_SUBSCRIPTION_H

/*
 * The inside of a subscription, for subscriptions.c, which has its life, wishes.c, which asks for
 * it, and delivery.c, which tells its user.
 */

#include "pubsub/confirm.h"
#include "pubsub/subscriptions.h"
#include "pubsub/values.h"

/* What did not arrive. */
struct hark_loss {
        uint64_t first, n_lost;
        int reason;
        struct hark_span topic; /* empty: of several */
        uint8_t priority;
};

struct hark_delivery;

/* Losses in a row, which are told as one. */
struct hark_losses {
        struct hark_delivery
                *open_gap;     /* the last that is queued, if it is a gap: it may still grow */
        struct hark_loss owed; /* n_lost 0: none; what could not be told yet: there was no memory,
                                           or it is told when it stands again. Names no topic */
};

struct hark_subscription {
        unsigned n_refs; /* its owner's until it has ended, and one for each queued delivery */
        struct hark_map_node node;
        struct hark_list link;
        struct hark_subscriptions *subscriptions;
        uint64_t id;
        uint64_t highest; /* number of what came, or was reported lost */
        hark_on_notification *on_notification;
        void *userdata;
        bool is_standing;           /* the other side has confirmed it */
        bool has_stood;             /* once, perhaps on a connection before */
        bool is_muted;              /* unsubscribed: nothing but the end is told any more */
        bool is_member;             /* of a group: what it was told it confirms */
        bool is_telling;            /* its callback runs */
        struct hark_values *values; /* NULL: it does not want what is retained */
        struct hark_confirmations confirmations;
        struct hark_losses numbered, values_lost; /* the current values have no numbers */
        struct hark_task away_task; /* queued: what came on the connection before is still told */
        struct hark_task end_task;
        int end_reason;
        hark_message *end_message;
        bool has_params;
        struct hark_subscribe_params params;
        char filter[]; /* NUL-terminated; and the name of the group behind it */
};

/* 0; -EINVAL. params may be NULL. */
int hark_subscription_check(const struct hark_subscribe_params *params);
/* Sends the subscribe. is_again: whatever waits already. Returns as hark_conn_send(). */
int hark_subscription_ask(const struct hark_subscription *subscription, bool is_again);

/* Queues a notification or a withdrawal. false: there is no message, or no memory. */
bool hark_subscription_deliver(struct hark_subscription *subscription, uint64_t sequence,
                               struct hark_received *received);

/* Queues a gap, or lets the one that is queued last grow. If there is no memory even for this, it
 * is owed, and told with what comes next. */
void hark_subscription_report(struct hark_subscription *subscription, const struct hark_loss *loss);

/* The same, of a gap that ends the count of a connection: told behind all that came. */
void hark_subscription_report_rest(struct hark_subscription *subscription,
                                   const struct hark_loss *loss);

/* Adds to what is owed. */
void hark_subscription_owe(struct hark_subscription *subscription, const struct hark_loss *loss);
/* Queues what is owed. false: there is no memory. */
bool hark_subscription_tell_owed(struct hark_subscription *subscription);

/* Calls back now. */
void hark_subscription_tell(struct hark_subscription *subscription,
                            const struct hark_notification *notification);

/* What has been told, or is reported as lost, goes to no other member of the group. Does nothing on
 * a connection of before. */
void hark_subscription_confirm(struct hark_subscription *subscription, struct hark_conn *conn,
                               uint64_t sequence, uint8_t priority);

/* conn may be NULL. */
void hark_subscription_send_end(struct hark_conn *conn, uint64_t id);

void hark_subscription_unref(struct hark_subscription *subscription);

#endif
