/* SPDX-License-Identifier: MIT */

/* See multicast_in.h. */

#include "transport/multicast_in.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "link/lost.h"

struct subscription {
        struct hark_list link;
        uint32_t id;
        uint64_t sequence; /* of the last that it was told, as a notification or as lost */
        uint64_t n_owed;   /* lost, and not told for want of room or memory */
        uint8_t filter_size;
        char filter[HARK_NAME_MAX];
};

static struct subscription *find(struct hark_multicast_in *in, uint32_t id)
{
        hark_list_for_each (link, &in->subscriptions) {
                struct subscription *subscription =
                        hark_container_of(link, struct subscription, link);

                if (subscription->id == id)
                        return subscription;
        }
        return NULL;
}

static uint64_t add(uint64_t a, uint64_t b)
{
        return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

/* --- gaps ------------------------------------------------------------------------------------- */

static bool put_gap(struct hark_multicast_in *in, struct subscription *subscription,
                    const char *name, size_t name_size, uint64_t n_lost)
{
        struct hark_gap gap = {
                .n_lost = n_lost, .first = subscription->sequence + 1, .reason = ECOMM};
        uint8_t frame[HARK_LOST_MAX];
        size_t size = hark_gap_frame_encode(subscription->id, 0, name, name_size, &gap, frame);

        if (hark_inbox_put(in->inbox, 0, frame, size, true) < 0)
                return false;
        if (n_lost != UINT64_MAX)
                subscription->sequence += n_lost;
        return true;
}

/* Whether nothing is owed any more, and there is room. */
static bool pay(struct hark_multicast_in *in, struct subscription *subscription)
{
        if (in->inbox->size > HARK_MULTICAST_HELD)
                return false;
        if (subscription->n_owed > 0 && !put_gap(in, subscription, subscription->filter,
                                                 subscription->filter_size, subscription->n_owed))
                return false;
        subscription->n_owed = 0;
        return true;
}

static void tell_gap(struct hark_multicast_in *in, struct subscription *subscription,
                     const struct hark_cast_told *told)
{
        bool has_name = told->name_size > 0;
        const char *name = has_name ? told->name : subscription->filter;
        size_t size = has_name ? told->name_size : subscription->filter_size;

        if (!pay(in, subscription) || !put_gap(in, subscription, name, size, told->n_lost))
                subscription->n_owed = add(subscription->n_owed, told->n_lost);
}

/* --- notifications ---------------------------------------------------------------------------- */

/* What the sender's own subscription had in it makes way for this one's. */
static bool put_publish(struct hark_multicast_in *in, struct subscription *subscription,
                        const struct hark_cast_told *told)
{
        static const uint8_t zeros[8];
        size_t rest = told->frame_size - HARK_HEADER_SIZE;
        size_t padding = hark_align8(told->frame_size) - told->frame_size;
        uint8_t head[HARK_HEADER_SIZE];
        struct hark_header header;
        const char *why;
        int r;

        (void)hark_header_decode(told->frame, &header, &why); /* has been checked */
        header.flags &= HARK_FLAG_EXTENSIONS;
        header.status = subscription->id;
        header.sequence = (uint32_t)(subscription->sequence + 1);
        hark_header_encode(&header, head);
        r = hark_inbox_put(in->inbox, 0, head, sizeof(head), rest == 0);
        if (r == 0 && rest > 0)
                r = hark_inbox_put(in->inbox, 0, told->frame + HARK_HEADER_SIZE, rest,
                                   padding == 0);
        if (r == 0 && padding > 0)
                r = hark_inbox_put(in->inbox, 0, zeros, padding, true);
        return r == 0;
}

static void tell_publish(struct hark_multicast_in *in, struct subscription *subscription,
                         const struct hark_cast_told *told)
{
        if (pay(in, subscription) && put_publish(in, subscription, told))
                subscription->sequence++;
        else
                subscription->n_owed = add(subscription->n_owed, 1);
}

/* A frame may be of more than one kind, and larger than one that hark sends. */
static bool is_for_us(const struct hark_multicast_in *in, const struct hark_cast_told *told)
{
        struct hark_header header;
        const char *why;

        return hark_header_decode(told->frame, &header, &why) == 0 &&
               header.type == HARK_FRAME_PUBLISH &&
               hark_align8(told->frame_size) <= in->inbox->max_frame;
}

static void on_told(void *userdata, const struct hark_cast_told *told)
{
        struct hark_multicast_in *in = userdata;
        struct hark_cast_told lost = *told;

        if (told->frame && !is_for_us(in, told)) {
                lost.frame = NULL;
                lost.n_lost = 1;
        }
        hark_list_for_each (link, &in->subscriptions) {
                struct subscription *subscription =
                        hark_container_of(link, struct subscription, link);

                if (told->name_size > 0 &&
                    !hark_filter_matches(subscription->filter, subscription->filter_size,
                                         told->name, told->name_size))
                        continue;
                if (lost.frame)
                        tell_publish(in, subscription, &lost);
                else
                        tell_gap(in, subscription, &lost);
        }
}

/* --- public ----------------------------------------------------------------------------------- */

int hark_multicast_in_init(struct hark_multicast_in *in, struct hark_inbox *inbox)
{
        in->inbox = inbox;
        hark_list_init(&in->subscriptions);
        in->receiver = hark_cast_receiver_new(on_told, in);
        return in->receiver ? 0 : -ENOMEM;
}

void hark_multicast_in_done(struct hark_multicast_in *in)
{
        if (!in->inbox)
                return;
        hark_list_for_each (link, &in->subscriptions)
                free(hark_container_of(link, struct subscription, link));
        hark_list_init(&in->subscriptions);
        hark_cast_receiver_free(in->receiver);
        in->receiver = NULL;
}

void hark_multicast_in_put(struct hark_multicast_in *in, const uint8_t *packet, size_t size,
                           uint64_t now_ns)
{
        hark_cast_receive(in->receiver, packet, size, now_ns);
}

void hark_multicast_in_pay(struct hark_multicast_in *in)
{
        hark_list_for_each (link, &in->subscriptions)
                (void)pay(in, hark_container_of(link, struct subscription, link));
}

int hark_multicast_in_subscribe(struct hark_multicast_in *in, uint32_t id, const char *filter,
                                size_t filter_size)
{
        struct subscription *subscription;

        if (find(in, id))
                return -EEXIST;
        subscription = calloc(1, sizeof(*subscription));
        if (!subscription)
                return -ENOMEM;
        subscription->id = id;
        subscription->filter_size = (uint8_t)filter_size;
        memcpy(subscription->filter, filter, filter_size);
        hark_list_push_back(&in->subscriptions, &subscription->link);
        return 0;
}

void hark_multicast_in_unsubscribe(struct hark_multicast_in *in, uint32_t id)
{
        struct subscription *subscription = find(in, id);

        if (!subscription)
                return;
        hark_list_remove(&subscription->link);
        free(subscription);
}
