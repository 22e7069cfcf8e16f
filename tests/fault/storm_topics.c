/* SPDX-License-Identifier: MIT */

/* See storm.h. */

#include <errno.h>

#include "storm.h"

/* Numbers begin anew behind what nobody can count. */
static void count_gap(struct storm_subscription *self, const struct hark_notification *gap)
{
        storm_assert(gap->n_lost > 0);
        if (gap->n_lost == UINT64_MAX)
                self->n_delivered = self->n_lost = self->highest = 0;
        else
                self->n_lost += gap->n_lost;
}

/* The values of before have no number, nor has that one of those went while there was no
 * connection. */
static void count(struct storm_subscription *self, const struct hark_notification *notification)
{
        if (notification->sequence == 0) {
                storm_assert(notification->is_retained || notification->kind == HARK_WITHDRAWN);
                return;
        }
        self->n_delivered++;
        if (notification->sequence > self->highest)
                self->highest = notification->sequence;
        storm_assert(self->n_delivered <= self->highest);
}

static void on_notification(const struct hark_notification *notification, void *userdata)
{
        struct storm_subscription *self = userdata;

        storm_assert(!self->is_over);
        switch ((enum hark_notification_kind)notification->kind) {
        case HARK_NOTIFICATION:
                storm_assert(!self->is_unsubscribed && notification->message);
                storm_assert(self->is_member || !notification->is_repeated);
                count(self, notification);
                break;
        case HARK_GAP:
                storm_assert(!self->is_unsubscribed);
                count_gap(self, notification);
                break;
        case HARK_WITHDRAWN:
                storm_assert(self->wants_retained && !self->is_unsubscribed);
                count(self, notification);
                break;
        case HARK_CURRENT:
                storm_assert(self->wants_retained && !self->is_unsubscribed);
                break;
        case HARK_UNSUBSCRIBED:
                storm_assert(!self->is_unsubscribed || notification->reason == -ECANCELED);
                self->is_over = true;
        }
        storm_whim();
}

static const char *any_filter(void)
{
        static const char *const filters[] = {"t.a", "t.b", "t.*", "t.>", ">", "*.b"};

        return filters[storm_below(6)];
}

static struct hark_subscribe_params any_params(void)
{
        struct hark_subscribe_params params = {
                .max_messages = storm_one_in(2) ? 1 + storm_below(20) : 0,
                .max_size = storm_one_in(4) ? 1 + storm_below(10000) : 0,
        };

        if (storm_one_in(3)) {
                params.group = storm_one_in(2) ? "crew" : "gang";
                params.is_once_only = storm_one_in(3);
                return params;
        }
        params.wants_retained = storm_one_in(3);
        params.policy = (uint8_t)storm_below(storm_one_in(8) ? 4 : 3);
        return params;
}

void storm_subscribe(void)
{
        struct storm_subscription *self = &storm.subscriptions[storm.n_subscriptions];
        struct storm_client *client = storm_any_client();
        hark_client *back = storm_one_in(4) ? storm_any_back() : NULL;
        struct hark_subscribe_params params = any_params();

        if (back)
                client = NULL;
        if ((!client && !back) || storm.n_subscriptions == STORM_RECORDS)
                return;
        *self = (struct storm_subscription){
                .by = client, .is_member = params.group, .wants_retained = params.wants_retained};
        if (hark_subscribe(back ? back : client->client, any_filter(), on_notification, self,
                           &params, &self->id) == 0)
                storm.n_subscriptions++;
}

void storm_unsubscribe(void)
{
        unsigned n = storm.n_subscriptions;
        struct storm_subscription *self = n > 0 ? &storm.subscriptions[storm_below(n)] : NULL;

        if (!self || !self->by || !self->by->client)
                return;
        if (hark_unsubscribe(self->by->client, self->id) == 0) {
                storm_assert(!self->is_over && !self->is_unsubscribed);
                self->is_unsubscribed = true;
        }
}

void storm_publish(void)
{
        struct storm_client *client = storm_any_client();
        hark_client *by = client && storm_one_in(4) ? storm_any_back() : NULL;
        struct hark_payload payload = storm_payload();

        payload.retain = storm_one_in(3) ? (uint8_t)storm_below(3) : 0;
        if (!by && client)
                by = client->client;
        if (by)
                (void)hark_publish(by, storm_topic(), payload);
}

/* What one that stands has been told of. More may be lost than it knows of: that is told before the
 * next one. */
static bool is_complete(const struct storm_subscription *self)
{
        return self->is_over || self->is_unsubscribed ||
               self->n_delivered + self->n_lost >= self->highest;
}

bool storm_counts_are_complete(void)
{
        for (unsigned i = 0; i < storm.n_subscriptions; i++)
                if (!is_complete(&storm.subscriptions[i]))
                        return false;
        return true;
}

void storm_check_subscriptions(void)
{
        for (unsigned i = 0; i < storm.n_subscriptions; i++)
                storm_assert(storm.subscriptions[i].is_over);
}
