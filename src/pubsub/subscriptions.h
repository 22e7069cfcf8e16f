/* SPDX-License-Identifier: MIT */
#ifndef HARK_PUBSUB_SUBSCRIPTIONS_H
#define HARK_PUBSUB_SUBSCRIPTIONS_H

/*
 * The subscriber's side: what one client has subscribed to.
 *
 *         ASKED --subscribed--> STANDING --hark_unsubscribe()------------> ENDED, HARK_UNSUBSCRIBED only
 *          ^ |                     |      --connection lost for good-----> a gap, then HARK_UNSUBSCRIBED
 *          | +--refused, lost for good-----------------------------------> HARK_UNSUBSCRIBED
 *          | |                     |
 *          | +--connection lost--> AWAY <--connection lost: a gap; after a goodbye when it stands again
 *          +----connected again----'
 *
 * The id stays the same on every connection; the numbers begin at 1 on each.
 *
 * Every notification carries the number that its publisher counted for this subscription. The
 * publisher reports what its queue had to drop; what our own limit on received bytes makes us drop
 * is reported here. So delivered and reported add up to what matched.
 *
 * Each notification and gap is a callback of its own in the loop's queue, so that the order in
 * which messages came holds across calls and notifications.
 */

#include <hark/client.h>

#include "base/map.h"
#include "conn/conn.h"

struct hark_subscriptions {
        hark_loop *loop;
        const void *owner;      /* of the callbacks */
        struct hark_conn *conn; /* borrowed; NULL: there is none */
        uint32_t wait_limit;    /* how many there may be while there is none; 0: none may begin */
        struct hark_map by_id;
        struct hark_list all;
        uint64_t last_id;
};

void hark_subscriptions_init(struct hark_subscriptions *subscriptions, hark_loop *loop,
                             const void *owner);
/* All that there are subscribe on this one. */
void hark_subscriptions_set_conn(struct hark_subscriptions *subscriptions, struct hark_conn *conn);
/* It is lost, and another will come. reason: 0 after a goodbye, else -errno. */
void hark_subscriptions_lose_conn(struct hark_subscriptions *subscriptions, int reason);

/* Returns as hark_subscribe(). params may be NULL. */
int hark_subscriptions_add(struct hark_subscriptions *subscriptions, const char *filter,
                           hark_on_notification *on_notification, void *userdata,
                           const struct hark_subscribe_params *params, uint64_t *ret_id);

/* 0; -ENOENT. */
int hark_subscriptions_remove(struct hark_subscriptions *subscriptions, uint64_t id);

/* publish, gap or subscribed has come. Takes over the message. */
void hark_subscriptions_take(struct hark_subscriptions *subscriptions,
                             struct hark_received *received);

/* Ends all: -ECANCELED by our own wish; else the connection is gone, 0 after a goodbye, which
 * leaves nothing unsaid, or -errno. */
void hark_subscriptions_end_all(struct hark_subscriptions *subscriptions, int reason);

#endif
