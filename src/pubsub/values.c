/* SPDX-License-Identifier: MIT */

/* See values.h. */

#include "pubsub/values.h"

#include <stdlib.h>

#include "pubsub/subscription.h"

static void tell(struct hark_subscription *subscription, int kind, const char *topic)
{
        struct hark_notification notification = {.kind = kind, .topic = topic};

        if (!subscription->is_muted)
                hark_subscription_tell(subscription, &notification);
}

/* Withdrawals that were only remembered so long go in silence: they have been told. */
static void tell_gone(struct hark_values *values)
{
        struct hark_known *known = &values->known;

        hark_list_for_each (link, &known->all) {
                struct hark_known_topic *topic =
                        hark_container_of(link, struct hark_known_topic, link);
                bool is_gone = hark_known_is_gone(known, topic);

                if (is_gone)
                        tell(values->subscription, HARK_WITHDRAWN, topic->name);
                if (is_gone || topic->is_withdrawn)
                        hark_known_forget(known, topic);
        }
}

/* Behind all values that had come: each has been told, or passed over. */
static void run_current(struct hark_task *task)
{
        struct hark_values *values = hark_container_of(task, struct hark_values, task);
        struct hark_subscription *subscription = values->subscription;

        values->is_current = true;
        tell_gone(values);
        tell(subscription, HARK_CURRENT, subscription->filter);
        hark_subscription_unref(subscription);
}

static void finish_if_all_have_come(struct hark_values *values)
{
        struct hark_subscription *subscription = values->subscription;

        if (values->is_current || !values->is_counted || values->n_come < values->n_expected ||
            hark_task_is_queued(&values->task))
                return;
        subscription->n_refs++;
        hark_loop_queue_end(subscription->subscriptions->loop, &values->task);
}

struct hark_values *hark_values_new(struct hark_subscription *subscription)
{
        struct hark_values *values = calloc(1, sizeof(*values));

        if (!values || hark_known_init(&values->known) < 0) {
                free(values);
                return NULL;
        }
        values->subscription = subscription;
        hark_task_init(&values->task, run_current, subscription->subscriptions->owner);
        return values;
}

void hark_values_free(struct hark_values *values)
{
        if (!values)
                return;
        hark_known_done(&values->known);
        free(values);
}

void hark_values_begin_anew(struct hark_values *values)
{
        values->known.epoch++;
        values->n_come = values->n_expected = 0;
        values->is_counted = values->is_current = false;
}

static void forget(struct hark_values *values, const char *topic, size_t size)
{
        struct hark_known_topic *known = hark_known_find(&values->known, topic, size);

        if (known)
                hark_known_forget(&values->known, known);
}

int hark_values_take(struct hark_values *values, const char *topic, size_t size,
                     enum hark_known_news news)
{
        int r = 0;

        /* A withdrawal is only remembered as long as the value may still come. */
        if (news == HARK_KNOWN_WITHDRAWN && values->is_current)
                forget(values, topic, size);
        else
                r = hark_known_note(&values->known, topic, size, news);
        if (news == HARK_KNOWN_CURRENT)
                values->n_come++;
        finish_if_all_have_come(values);
        return r;
}

void hark_values_expect(struct hark_values *values, uint32_t n)
{
        values->n_expected = n;
        values->is_counted = true;
        finish_if_all_have_come(values);
}
