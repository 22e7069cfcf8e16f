/* SPDX-License-Identifier: MIT */
#ifndef HARK_PUBSUB_VALUES_H
#define HARK_PUBSUB_VALUES_H

/*
 * The subscriber's side of retained values: when all current ones have come, which of them are old
 * already, and which values of before are no more.
 *
 *         AWAITED --all that `subscribed` counts have come, and been told--> CURRENT
 *            ^------------------------connected again----------------------------'
 *
 * `subscribed`, which is urgent, may come before the values that it counts, and a change before the
 * value that it changes; so both are counted, and old values passed over.
 */

#include "loop/loop.h"
#include "pubsub/known.h"

struct hark_subscription;

struct hark_values {
        struct hark_subscription *subscription;
        struct hark_known known;
        uint32_t n_come, n_expected;
        bool is_counted; /* n_expected is known */
        bool is_current; /* CURRENT */
        struct hark_task task;
};

/* NULL: no memory. */
struct hark_values *hark_values_new(struct hark_subscription *subscription);
/* Takes NULL. */
void hark_values_free(struct hark_values *values);

/* On a new connection. */
void hark_values_begin_anew(struct hark_values *values);

/* What came. Negative: too much for this subscription, see hark_known_note(). */
int hark_values_take(struct hark_values *values, const char *topic, size_t size,
                     enum hark_known_news news);

/* subscribed has come. */
void hark_values_expect(struct hark_values *values, uint32_t n);

#endif
