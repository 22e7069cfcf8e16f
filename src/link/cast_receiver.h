/* SPDX-License-Identifier: MIT */
#ifndef HARK_LINK_CAST_RECEIVER_H
#define HARK_LINK_CAST_RECEIVER_H

/*
 * Datagrams of a multicast group in, notifications and gaps out, in the order of each topic:
 *
 *         next, next + 1, ...          told as they become whole
 *         a number is missing          what comes after it waits for 100 ms; then the gap is told,
 *                                      and what waited
 *         a table names a later one    the same, so that the last ones are missed, too
 *
 * Who joins late begins with what it first hears of a topic: nothing before is a gap. Once it has
 * had a whole table it knows all topics, and of any other also the first one is missed. A sender
 * that falls silent without a goodbye takes with it what nobody can count: one gap of unknown size.
 *
 * The group is open to anyone, so all that is kept of it is bounded: 16 senders, each of 256
 * topics and 256 KiB of frames that are not whole or wait. What finds no room is lost, and told like
 * any loss; a further sender is heard when another one has been silent for 5 s. No I/O.
 */

#include "link/cast.h"

#define HARK_CAST_SENDERS    16
#define HARK_CAST_HELD       (256u << 10) /* bytes, of each sender */
#define HARK_CAST_GRACE_NS   100000000ull
#define HARK_CAST_SILENCE_NS 5000000000ull
#define HARK_CAST_JUMP       (1ull << 32) /* a number so far ahead is garbage */

/* What has been found. */
struct hark_cast_told {
        const char *name; /* not terminated; of no bytes: a gap in whatever is listened to */
        size_t name_size;
        const uint8_t *frame; /* a notification, whole and checked; NULL: a gap */
        size_t frame_size;
        uint64_t first, n_lost; /* gap; n_lost UINT64_MAX: unknown */
};

struct hark_cast_receiver;

/* tell must not change the receiver. NULL: no memory. */
struct hark_cast_receiver *hark_cast_receiver_new(void (*tell)(void *userdata,
                                                               const struct hark_cast_told *told),
                                                  void *userdata);
void hark_cast_receiver_free(struct hark_cast_receiver *receiver);

/* Takes in a datagram, which may be anything. */
void hark_cast_receive(struct hark_cast_receiver *receiver, const uint8_t *packet, size_t size,
                       uint64_t now_ns);

/* Tells what is overdue. Returns when it wants to be called again; 0: when something has come. */
uint64_t hark_cast_receiver_process(struct hark_cast_receiver *receiver, uint64_t now_ns);

#endif
