/* SPDX-License-Identifier: MIT */
#ifndef HARK_PUBSUB_CHANNEL_H
#define HARK_PUBSUB_CHANNEL_H

/*
 * A connection as a channel: what one peer has subscribed to, and what waits for it.
 *
 * Every subscription may have so many messages and bytes waiting in the connection's queue. What
 * happens beyond that its policy says. Mostly its oldest are dropped, and in their place in the
 * queue stands a gap that says how many:
 *
 *         queue   n7 n8 n9            n10 comes, three may wait
 *                 gap(7) n8 n9 n10    n11 comes
 *                 gap(7-8) n9 n10 n11
 *
 * So the subscriber is told of what it lost before the next notification, and numbers delivered
 * plus numbers lost are all that matched. There are never more gaps than notifications that wait,
 * and one.
 *
 *         drop oldest    as above: one gap at most
 *         drop newest    what comes is lost, and the gap stands behind what waits: n7 n8 gap(9) n10 gap(11)
 *         keep latest    what waits of the same topic is dropped first, also if there is room
 *         disconnect     the connection ends, in a goaway that names the subscription
 *
 * Subscriptions that are members of a group have no queue of their own, see member.h.
 */

#include "base/map.h"
#include "conn/conn.h"
#include "pubsub/member.h"
#include "pubsub/topics.h"

/* What may wait for a subscriber that does not say. */
#define HARK_CHANNEL_MESSAGES 1024
#define HARK_CHANNEL_SIZE     ((size_t)4 * 1024 * 1024)

struct hark_conn_channel {
        struct hark_conn *conn; /* borrowed; NULL: closed */
        struct hark_topics *topics;
        struct hark_map by_id;
        /* Those that are still given what is retained, see current.h; and what of it waits. */
        struct hark_list walking;
        struct hark_outgoing_group values;
        struct hark_task walk_task;
        struct hark_members members; /* those that are in groups */
        uint32_t limit;              /* subscriptions */
        const void *owner;           /* of its callbacks */
        /* So many notifications of a topic, or of a filter, were lost since it last said so. NULL:
         * nobody wants to know. */
        void (*on_drop)(struct hark_conn_channel *channel, const char *topic, uint64_t n_lost);
        struct hark_task end_task;
        uint32_t full_id;       /* the subscription that end_task ends the connection for ... */
        const char *full_limit; /* ... and its limit */
};

void hark_conn_channel_init(struct hark_conn_channel *channel, struct hark_conn *conn,
                            struct hark_topics *topics, uint32_t limit, const void *owner);

/* Whether this is the number of a subscription that has not ended. */
bool hark_conn_channel_has(const struct hark_conn_channel *channel, uint32_t id);

/* subscribe, unsubscribe or ack has come. Takes over the message. */
void hark_conn_channel_take(struct hark_conn_channel *channel, struct hark_received *received);

/* The connection has room again. */
void hark_conn_channel_take_room(struct hark_conn_channel *channel);

/* The connection, or the server, is gone: no more subscriptions. */
void hark_conn_channel_close(struct hark_conn_channel *channel);

#endif
