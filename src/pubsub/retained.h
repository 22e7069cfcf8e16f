/* SPDX-License-Identifier: MIT */
#ifndef HARK_PUBSUB_RETAINED_H
#define HARK_PUBSUB_RETAINED_H

/*
 * The values that topics keep, at one server: those of all topics stand in a row, in the order in
 * which the topics came to have one. Who subscribes walks along it, a few values at a time, as far
 * as it reached when the subscription began:
 *
 *         a b |here c d e |so far| f g            c is next, then d and e
 *
 * What changes before its turn (c, d, e) is told when it has its turn, as it is then, and not
 * before. What changes behind the walk (a, b), or began after it (f, g), reaches the subscription
 * as any other publication does. So every value is told once, nothing is copied for a walk, and a
 * walk needs no memory but its place in the row.
 */

#include <hark/message.h>

#include "base/list.h"
#include "base/message.h"
#include "names/tree.h"

/* Whose end is the end of its values: a publisher's connection. */
struct hark_retained_owner {
        struct hark_list values;
};

/* Something in the row. */
struct hark_retained_place {
        struct hark_list link;
        bool is_walk; /* the place of a walk, else a value */
};

struct hark_retained_value {
        struct hark_retained_place place;
        struct hark_tree_entry entry;
        struct hark_list owner_link; /* in no list: it outlives who published it */
        uint64_t number;             /* its place in the row: they count up */
        hark_message *message;       /* held */
        size_t topic_size;
        char topic[]; /* NUL-terminated */
};

struct hark_retained {
        struct hark_message_pools *messages;
        struct hark_tree *by_topic;
        struct hark_list row;
        uint64_t last_number;
        size_t n_values, size;
        size_t max_values, max_size; /* its owner sets these */
};

/* 0; -ENOMEM. */
int hark_retained_init(struct hark_retained *retained, struct hark_message_pools *messages);
/* Forgets all values, telling nobody. */
void hark_retained_clear(struct hark_retained *retained);
void hark_retained_done(struct hark_retained *retained);

void hark_retained_owner_init(struct hark_retained_owner *owner);

/* From now on this is the topic's value, in place of any other. owner: NULL: it outlives who
 * published it. The topic is valid. 0; -EDQUOT: a limit, see hark_retained_limit(); -ENOMEM. */
int hark_retained_set(struct hark_retained *retained, const char *topic,
                      const struct hark_payload *payload, struct hark_retained_owner *owner,
                      struct hark_retained_value **ret_value);

/* The limit that keeps a payload of this size from being the topic's value, by its name; NULL:
 * none. */
const char *hark_retained_limit(const struct hark_retained *retained, const char *topic,
                                size_t size);

/* NULL: the topic has none. */
struct hark_retained_value *hark_retained_find(const struct hark_retained *retained,
                                               const char *topic);

/* The first that ends with this owner; NULL: there is none. */
struct hark_retained_value *hark_retained_first_of(const struct hark_retained_owner *owner);

void hark_retained_remove(struct hark_retained *retained, struct hark_retained_value *value);

/* A walk from the first value to the one that is last now. It takes its place in the row when it is
 * looked where it stands, so that those that have not set out are in nobody's way. */
struct hark_retained_walk {
        struct hark_retained_place place;
        uint64_t passed, last; /* numbers of values */
};

void hark_retained_walk_begin(const struct hark_retained *retained,
                              struct hark_retained_walk *walk);
/* The value that it stands before; NULL: it is over. */
struct hark_retained_value *hark_retained_walk_peek(struct hark_retained *retained,
                                                    struct hark_retained_walk *walk);
/* Whether the value of this number, which may have been removed, is still to be walked to; so
 * whatever becomes of it need not be told now. */
static inline bool hark_retained_walk_awaits(const struct hark_retained_walk *walk, uint64_t number)
{
        return number > walk->passed && number <= walk->last;
}
/* Passes that value. */
void hark_retained_walk_pass(struct hark_retained_walk *walk, struct hark_retained_value *value);
void hark_retained_walk_end(struct hark_retained_walk *walk);

#endif
