/* SPDX-License-Identifier: MIT */

/* See known.h. */

#include "pubsub/known.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int hark_known_init(struct hark_known *known)
{
        *known = (struct hark_known){.epoch = 1};
        hark_list_init(&known->all);
        known->tree = hark_tree_new();
        return known->tree ? 0 : -ENOMEM;
}

void hark_known_done(struct hark_known *known)
{
        hark_list_for_each (link, &known->all)
                hark_known_forget(known, hark_container_of(link, struct hark_known_topic, link));
        hark_tree_free(known->tree);
        known->tree = NULL;
}

struct hark_known_topic *hark_known_find(const struct hark_known *known, const char *name,
                                         size_t size)
{
        struct hark_tree_entry *entry = hark_tree_find(known->tree, name, size);

        return entry ? hark_container_of(entry, struct hark_known_topic, entry) : NULL;
}

static int add(struct hark_known *known, const char *name, size_t size,
               struct hark_known_topic **ret_topic)
{
        struct hark_known_topic *topic;

        if (known->n_topics >= HARK_KNOWN_TOPICS_MAX)
                return -EDQUOT;
        topic = calloc(1, sizeof(*topic) + size + 1);
        if (!topic || hark_tree_add(known->tree, &topic->entry, name, size) < 0) {
                free(topic);
                return -ENOMEM;
        }
        memcpy(topic->name, name, size);
        hark_list_push_back(&known->all, &topic->link);
        known->n_topics++;
        *ret_topic = topic;
        return 0;
}

int hark_known_note(struct hark_known *known, const char *name, size_t size,
                    enum hark_known_news news)
{
        struct hark_known_topic *topic = hark_known_find(known, name, size);
        int r = topic ? 0 : add(known, name, size, &topic);

        if (r < 0)
                return r;
        topic->seen_epoch = known->epoch;
        if (news != HARK_KNOWN_CURRENT)
                topic->is_withdrawn = news == HARK_KNOWN_WITHDRAWN;
        return 0;
}

void hark_known_tell(struct hark_known *known, const char *name)
{
        struct hark_known_topic *topic = hark_known_find(known, name, strlen(name));

        if (topic)
                topic->told_epoch = known->epoch;
}

bool hark_known_is_overtaken(const struct hark_known *known, const char *name)
{
        const struct hark_known_topic *topic = hark_known_find(known, name, strlen(name));

        return topic && topic->told_epoch == known->epoch;
}

bool hark_known_is_gone(const struct hark_known *known, const struct hark_known_topic *topic)
{
        return topic->seen_epoch != known->epoch;
}

void hark_known_forget(struct hark_known *known, struct hark_known_topic *topic)
{
        known->n_topics--;
        hark_list_remove(&topic->link);
        hark_tree_remove(known->tree, &topic->entry);
        free(topic);
}
