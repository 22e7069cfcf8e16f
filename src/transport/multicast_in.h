/* SPDX-License-Identifier: MIT */
#ifndef HARK_TRANSPORT_MULTICAST_IN_H
#define HARK_TRANSPORT_MULTICAST_IN_H

/*
 * Subscriptions to what is heard from a multicast group: a publish for each that matches, numbered
 * for it, and gaps, put into an inbox as if a server had sent them.
 */

#include "base/list.h"
#include "link/cast_receiver.h"
#include "link/inbox.h"

/* What one datagram shows to be whole may be much, and for many subscriptions. While more than this
 * waits to be taken, what matches is lost, and told as that when there is room again. */
#define HARK_MULTICAST_HELD ((size_t)1024 * 1024)

struct hark_multicast_in {
        struct hark_inbox *inbox;
        struct hark_list subscriptions;
        struct hark_cast_receiver *receiver;
};

/* 0; -ENOMEM. */
int hark_multicast_in_init(struct hark_multicast_in *in, struct hark_inbox *inbox);

/* Takes one that was not initialised. */
void hark_multicast_in_done(struct hark_multicast_in *in);

/* Takes in a datagram. */
void hark_multicast_in_put(struct hark_multicast_in *in, const uint8_t *packet, size_t size,
                           uint64_t now_ns);

/* 0; -ENOMEM; -EEXIST: there is one of this number. */
int hark_multicast_in_subscribe(struct hark_multicast_in *in, uint32_t id, const char *filter,
                                size_t filter_size);

/* Tells what is owed, when nothing waits any more. */
void hark_multicast_in_pay(struct hark_multicast_in *in);

void hark_multicast_in_unsubscribe(struct hark_multicast_in *in, uint32_t id);

#endif
