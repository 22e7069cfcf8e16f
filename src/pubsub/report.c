/* SPDX-License-Identifier: MIT */

/*
 * The publisher's news of what subscribers lost: one callback for all that one subscription has
 * lost since the last, so that a slow one costs little however much it loses.
 */

#include <string.h>

#include "pubsub/subscriber.h"

struct hark_loss_report {
        struct hark_task task;
        hark_loop *loop;
        /* Outlives it: a report is queued before whatever ends the channel's peer. */
        struct hark_conn_channel *channel;
        struct hark_conn_subscriber *subscriber; /* NULL: it has ended */
        uint64_t n_lost;
        char topic[HARK_NAME_MAX + 1]; /* the filter, if they are of several */
};

_Static_assert(sizeof(struct hark_loss_report) <= HARK_BLOCK_SIZE, "a block of the pool");

static void run_report(struct hark_task *task)
{
        struct hark_loss_report *report = hark_container_of(task, struct hark_loss_report, task);

        if (report->subscriber)
                report->subscriber->report = NULL;
        report->channel->on_drop(report->channel, report->topic, report->n_lost);
        hark_pool_put(hark_loop_block_pool(report->loop), report);
}

static void name(struct hark_loss_report *report, const void *topic, size_t size)
{
        memcpy(report->topic, topic, size);
        report->topic[size] = '\0';
}

/* NULL: no memory. */
static struct hark_loss_report *new_report(struct hark_conn_subscriber *subscriber,
                                           struct hark_span topic)
{
        struct hark_conn_channel *channel = subscriber->channel;
        hark_loop *loop = channel->conn->loop;
        struct hark_loss_report *report = hark_pool_take(hark_loop_block_pool(loop));

        if (!report)
                return NULL;
        report->loop = loop;
        report->channel = channel;
        report->subscriber = subscriber;
        report->n_lost = 0;
        name(report, topic.bytes, topic.size);
        hark_task_init(&report->task, run_report, channel->owner);
        hark_loop_queue_callback(loop, &report->task);
        return report;
}

static bool is_named(const struct hark_loss_report *report, struct hark_span topic)
{
        return strlen(report->topic) == topic.size &&
               memcmp(report->topic, topic.bytes, topic.size) == 0;
}

void hark_subscriber_report(struct hark_conn_subscriber *subscriber, struct hark_span topic)
{
        struct hark_loss_report *report = subscriber->report;

        if (!subscriber->channel->on_drop)
                return;
        subscriber->n_unreported++;
        if (!report)
                report = subscriber->report = new_report(subscriber, topic);
        if (!report)
                return;
        if (subscriber->n_unreported > 1 || !is_named(report, topic))
                name(report, subscriber->filter, subscriber->filter_size);
        report->n_lost += subscriber->n_unreported;
        subscriber->n_unreported = 0;
}

void hark_subscriber_part_from_report(struct hark_conn_subscriber *subscriber)
{
        if (subscriber->report)
                subscriber->report->subscriber = NULL;
}
