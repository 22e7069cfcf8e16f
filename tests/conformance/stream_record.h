/* SPDX-License-Identifier: MIT */
#ifndef STREAM_RECORD_H
#define STREAM_RECORD_H

/* What a call with items was told, and what it feeds. */

#include "rig.h"

struct stream_record {
        hark_client *client;
        uint64_t id;
        unsigned n_items, n_rooms;
        unsigned n_in_order; /* whose number is their place */
        unsigned cancel_at;  /* the item in whose callback the call is cancelled; 0: none */
        unsigned
                pause_every; /* so many items the flow is stopped, and restarted by a timer; 0: never */
        struct ending end;
        /* What to feed: numbers from 1, padded to size. */
        unsigned n_fed, n_to_feed;
        size_t feed_size;
        int feed_result; /* of the last */
};

/* Observes with a text, and KIT_PATIENCE_MS. */
void stream_observe(struct stream_record *record, hark_client *client, const char *method,
                    const char *text);

void stream_observe_payload(struct stream_record *record, hark_client *client, const char *method,
                            struct hark_payload payload);

/* Asks with items; observes or not. Those are fed from here on until all are, or there is no room,
 * and then whenever there is. */
void stream_feed(struct stream_record *record, hark_client *client, const char *method,
                 bool is_observed);

/* Lets the rig run until the call has ended, and expects this result. */
void stream_expect_end(struct rig *rig, const struct stream_record *record, int result);

#endif
