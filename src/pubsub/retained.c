/* SPDX-License-Identifier: MIT */

/* See retained.h. */

#include "pubsub/retained.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conn/conn.h"

static struct hark_retained_place *place_of(struct hark_list *link)
{
        return hark_container_of(link, struct hark_retained_place, link);
}

static struct hark_retained_value *value_of(struct hark_retained_place *place)
{
        return hark_container_of(place, struct hark_retained_value, place);
}

static size_t cost_of(const struct hark_retained_value *value)
{
        return hark_conn_cost(value->message->size);
}

/* --- values ----------------------------------------------------------------------------------- */

int hark_retained_init(struct hark_retained *retained, struct hark_message_pools *messages)
{
        *retained = (struct hark_retained){.messages = messages};
        hark_list_init(&retained->row);
        retained->by_topic = hark_tree_new();
        return retained->by_topic ? 0 : -ENOMEM;
}

void hark_retained_clear(struct hark_retained *retained)
{
        hark_list_for_each (link, &retained->row)
                if (!place_of(link)->is_walk)
                        hark_retained_remove(retained, value_of(place_of(link)));
}

void hark_retained_done(struct hark_retained *retained)
{
        if (retained->by_topic)
                hark_retained_clear(retained);
        hark_tree_free(retained->by_topic);
        retained->by_topic = NULL;
}

void hark_retained_owner_init(struct hark_retained_owner *owner)
{
        hark_list_init(&owner->values);
}

struct hark_retained_value *hark_retained_find(const struct hark_retained *retained,
                                               const char *topic)
{
        struct hark_tree_entry *entry = hark_tree_find(retained->by_topic, topic, strlen(topic));

        return entry ? hark_container_of(entry, struct hark_retained_value, entry) : NULL;
}

struct hark_retained_value *hark_retained_first_of(const struct hark_retained_owner *owner)
{
        struct hark_list *link = hark_list_first(&owner->values);

        return link ? hark_container_of(link, struct hark_retained_value, owner_link) : NULL;
}

const char *hark_retained_limit(const struct hark_retained *retained, const char *topic,
                                size_t size)
{
        const struct hark_retained_value *old = hark_retained_find(retained, topic);
        size_t others = retained->size - (old ? cost_of(old) : 0);

        if (!old && retained->n_values >= retained->max_values)
                return "retained_topics";
        if (others > retained->max_size || hark_conn_cost(size) > retained->max_size - others)
                return "retained_size";
        return NULL;
}

/* Without a message yet. NULL: no memory. */
static struct hark_retained_value *new_value(struct hark_retained *retained, const char *topic)
{
        size_t size = strlen(topic);
        struct hark_retained_value *value = calloc(1, sizeof(*value) + size + 1);

        if (!value)
                return NULL;
        hark_list_init(&value->place.link);
        hark_list_init(&value->owner_link);
        value->topic_size = size;
        memcpy(value->topic, topic, size);
        if (hark_tree_add(retained->by_topic, &value->entry, topic, size) < 0) {
                free(value);
                return NULL;
        }
        value->number = ++retained->last_number;
        hark_list_push_back(&retained->row, &value->place.link);
        retained->n_values++;
        return value;
}

/* Takes over the message. */
static void change(struct hark_retained *retained, struct hark_retained_value *value,
                   hark_message *message, struct hark_retained_owner *owner)
{
        if (value->message)
                retained->size -= cost_of(value);
        hark_message_unref(value->message);
        value->message = message;
        retained->size += cost_of(value);
        hark_list_remove(&value->owner_link);
        if (owner)
                hark_list_push_back(&owner->values, &value->owner_link);
}

int hark_retained_set(struct hark_retained *retained, const char *topic,
                      const struct hark_payload *payload, struct hark_retained_owner *owner,
                      struct hark_retained_value **ret_value)
{
        struct hark_retained_value *value = hark_retained_find(retained, topic);
        hark_message *message;
        int r;

        if (hark_retained_limit(retained, topic, payload->size))
                return -EDQUOT;
        r = hark_message_new_copy(retained->messages, NULL, payload, &message);
        if (r < 0)
                return r;
        if (!value)
                value = new_value(retained, topic);
        if (!value) {
                hark_message_unref(message);
                return -ENOMEM;
        }
        change(retained, value, message, owner);
        *ret_value = value;
        return 0;
}

void hark_retained_remove(struct hark_retained *retained, struct hark_retained_value *value)
{
        retained->n_values--;
        retained->size -= cost_of(value);
        hark_list_remove(&value->place.link);
        hark_list_remove(&value->owner_link);
        hark_tree_remove(retained->by_topic, &value->entry);
        hark_message_unref(value->message);
        free(value);
}

/* --- walks ------------------------------------------------------------------------------------ */

void hark_retained_walk_begin(const struct hark_retained *retained, struct hark_retained_walk *walk)
{
        hark_list_init(&walk->place.link);
        walk->place.is_walk = true;
        walk->passed = 0;
        walk->last = retained->last_number;
}

struct hark_retained_value *hark_retained_walk_peek(struct hark_retained *retained,
                                                    struct hark_retained_walk *walk)
{
        struct hark_retained_value *value;
        struct hark_list *link;

        if (hark_list_is_empty(&walk->place.link))
                hark_list_push_front(&retained->row, &walk->place.link);
        link = walk->place.link.next;
        while (link != &retained->row && place_of(link)->is_walk)
                link = link->next;
        if (link == &retained->row)
                return NULL;
        value = value_of(place_of(link));
        return value->number <= walk->last ? value : NULL;
}

void hark_retained_walk_pass(struct hark_retained_walk *walk, struct hark_retained_value *value)
{
        hark_list_remove(&walk->place.link);
        hark_list_push_front(&value->place.link, &walk->place.link);
        walk->passed = value->number;
}

void hark_retained_walk_end(struct hark_retained_walk *walk)
{
        hark_list_remove(&walk->place.link);
}
