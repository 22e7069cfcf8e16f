/* SPDX-License-Identifier: MIT */
#ifndef HARK_PUBSUB_TOPICS_H
#define HARK_PUBSUB_TOPICS_H

/*
 * The publisher's side: who has subscribed to what, at one server.
 *
 * A notification goes to every subscriber whose filter matches its topic, through the channel that
 * the subscriber stands on. Finding them costs what the topic is long, not how many there are.
 *
 *         publish(topic) --tree--> subscriber --channel--> a connection's queue
 *                                  subscriber --channel--> (a ring, a multicast group: one write
 *                                                          for many, behind the same operation)
 *                                  member of a group: once for the group, when all are found
 */

#include <hark/message.h>

#include "base/message.h"
#include "names/hash.h"
#include "names/tree.h"
#include "pubsub/group.h"
#include "pubsub/retained.h"

struct hark_topics {
        struct hark_tree *tree;
        struct hark_groups groups;
        struct hark_retained retained;
        struct hark_message_pools *messages; /* of what is shared among subscribers */
        struct hark_hash_key hash_key;       /* for tables of topics */
        size_t n_slow;                       /* subscribers whose queues are above half */
        /* It has come down to 0 again. May be NULL; must not publish. */
        void (*on_relief)(struct hark_topics *topics);
};

struct hark_subscriber;

/* What is published, as every channel sees it. */
struct hark_publication {
        const char *topic;
        size_t topic_size;
        const struct hark_payload *payload;
        hark_message *message; /* the same, if it is worth sharing; NULL: small, to be copied */
        bool is_kept;          /* it is the topic's value from now on */
        bool is_withdrawn;     /* it is none: the topic's value is no more */
        uint64_t value_number; /* of either: the value's; else 0 */
};

/* A way to reach subscribers. Never blocks, never fails: what a subscriber cannot be given, it is
 * told of as lost. */
struct hark_channel_ops {
        void (*deliver)(struct hark_subscriber *subscriber,
                        const struct hark_publication *publication);
};

/* One subscription of one peer, as its publisher sees it; embedded in what the channel keeps. */
struct hark_subscriber {
        struct hark_tree_entry entry;
        const struct hark_channel_ops *channel;
};

/* owner: of the callbacks. 0; -ENOMEM. */
int hark_topics_init(struct hark_topics *topics, hark_loop *loop, const void *owner);
void hark_topics_done(struct hark_topics *topics);

/* filter is valid. 0; -ENOMEM. */
int hark_topics_add(struct hark_topics *topics, struct hark_subscriber *subscriber,
                    const struct hark_channel_ops *channel, const char *filter, size_t size);
void hark_topics_remove(struct hark_topics *topics, struct hark_subscriber *subscriber);

/* One more subscriber's queue is above half, or one less. */
void hark_topics_count_slow(struct hark_topics *topics, bool is_slow);

/* payload->retain counts. owner: whose end is that of the value, for HARK_RETAIN_LIVE; NULL:
 * nobody's.
 * 0, also if nobody listens; -EINVAL: not a name, or what cannot be retained; -EMSGSIZE; -EDQUOT:
 * too much is retained; -ENOMEM, -EMFILE, -EBADF. If it fails nobody got it, and nothing has
 * changed. */
int hark_topics_publish(struct hark_topics *topics, const char *topic,
                        const struct hark_payload *payload, struct hark_retained_owner *owner);

/* Withdraws all values of this owner. */
void hark_topics_end_owner(struct hark_topics *topics, struct hark_retained_owner *owner);

bool hark_topics_has_subscribers(const struct hark_topics *topics, const char *topic);

#endif
