/* SPDX-License-Identifier: MIT */
#ifndef HARK_PUBSUB_CURRENT_H
#define HARK_PUBSUB_CURRENT_H

/*
 * What a subscription that wants retained values is given first: the current ones, a few at a time,
 * as its connection takes them, then `subscribed` with their number. They count as nothing that the
 * filter matched, and no policy drops them; one that cannot be given at all, because it is too
 * large for this subscriber, is counted as matched and lost.
 *
 * The subscriptions of one connection are given theirs one after the other: so however many they
 * are, they have no more waiting in its queue, and walk no more, than one.
 */

#include "pubsub/retained.h"
#include "pubsub/subscriber.h"

struct hark_current {
        struct hark_conn_subscriber *subscriber;
        struct hark_list link; /* of its channel: the first one walks */
        struct hark_retained_walk walk;
        uint32_t n_sent;
};

void hark_current_init(struct hark_conn_channel *channel);

/* 0; -ENOMEM. Its turn comes in a chore. */
int hark_current_begin(struct hark_conn_subscriber *subscriber);

/* Whether the value of this number is still to be given, so that no change of it need be told now.
 * Takes NULL. */
bool hark_current_awaits(const struct hark_current *current, uint64_t number);

/* There is room again. */
void hark_current_go_on(struct hark_conn_channel *channel);

/* The subscription ends: takes back what waits for it. */
void hark_current_cut(struct hark_conn_subscriber *subscriber);

#endif
