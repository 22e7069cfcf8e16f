/* SPDX-License-Identifier: MIT */
#ifndef HARK_PUBSUB_KNOWN_H
#define HARK_PUBSUB_KNOWN_H

/*
 * The topics of whose values one subscription has been told, by name. With them it finds out, on
 * each connection (an epoch) anew,
 *
 *         which current value a change has overtaken, and so is old: it is passed over;
 *         which values are no more, because nobody speaks of them: they are withdrawn.
 */

#include <stdint.h>

#include "names/tree.h"

/* So many a subscription keeps; what a server can make a client keep is bounded by this. */
#define HARK_KNOWN_TOPICS_MAX 16384

struct hark_known_topic {
        struct hark_tree_entry entry;
        struct hark_list link;
        uint32_t seen_epoch; /* in which something of it came last */
        uint32_t told_epoch; /* in which the user was told of a change, or of its end */
        bool is_withdrawn;   /* remembered until all current values have been told */
        char name[];         /* NUL-terminated */
};

struct hark_known {
        struct hark_tree *tree;
        struct hark_list all;
        size_t n_topics;
        uint32_t epoch; /* from 1 */
};

/* 0; -ENOMEM. */
int hark_known_init(struct hark_known *known);
void hark_known_done(struct hark_known *known);

/* NULL: it is not known. */
struct hark_known_topic *hark_known_find(const struct hark_known *known, const char *name,
                                         size_t size);

/* What was said of a topic. */
enum hark_known_news {
        HARK_KNOWN_CURRENT = 1, /* the value that it has had */
        HARK_KNOWN_CHANGED,
        HARK_KNOWN_WITHDRAWN
};

/* 0; -EDQUOT: there are too many; -ENOMEM. */
int hark_known_note(struct hark_known *known, const char *name, size_t size,
                    enum hark_known_news news);

/* The user is told of a change, or of its end. */
void hark_known_tell(struct hark_known *known, const char *name);

/* Whether the topic's current value is old, because a change or its end has been told in this
 * epoch. */
bool hark_known_is_overtaken(const struct hark_known *known, const char *name);

/* Whether nobody has spoken of it in this epoch: its value is no more. */
bool hark_known_is_gone(const struct hark_known *known, const struct hark_known_topic *topic);

void hark_known_forget(struct hark_known *known, struct hark_known_topic *topic);

#endif
