/* SPDX-License-Identifier: MIT */

/* See topics.h. */

#include "pubsub/topics.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/message.h"
#include "conn/conn.h"
#include "names/name.h"

/* Up to here a copy for each subscriber is cheaper than sharing one message among them. */
#define COPIED_SIZE 512

static struct hark_subscriber *subscriber_of(struct hark_tree_entry *entry)
{
        return hark_container_of(entry, struct hark_subscriber, entry);
}

static bool deliver(struct hark_tree_entry *entry, void *userdata)
{
        struct hark_subscriber *subscriber = subscriber_of(entry);

        subscriber->channel->deliver(subscriber, userdata);
        return true;
}

static bool stop_at_first(struct hark_tree_entry *entry, void *userdata)
{
        (void)entry;
        (void)userdata;
        return false;
}

int hark_topics_init(struct hark_topics *topics, hark_loop *loop, const void *owner)
{
        *topics = (struct hark_topics){.messages = hark_loop_message_pools(loop),
                                       .hash_key = hark_hash_key_new()};
        topics->tree = hark_tree_new();
        if (hark_retained_init(&topics->retained, topics->messages) < 0 || !topics->tree)
                return -ENOMEM;
        return hark_groups_init(&topics->groups, loop, owner);
}

void hark_topics_done(struct hark_topics *topics)
{
        hark_groups_done(&topics->groups);
        hark_retained_done(&topics->retained);
        hark_tree_free(topics->tree);
        topics->tree = NULL;
}

int hark_topics_add(struct hark_topics *topics, struct hark_subscriber *subscriber,
                    const struct hark_channel_ops *channel, const char *filter, size_t size)
{
        subscriber->channel = channel;
        return hark_tree_add(topics->tree, &subscriber->entry, filter, size);
}

void hark_topics_remove(struct hark_topics *topics, struct hark_subscriber *subscriber)
{
        hark_tree_remove(topics->tree, &subscriber->entry);
}

/* Groups keep it: a small payload, too, is copied for them, once. */
static void publish_to_groups(struct hark_topics *topics, struct hark_publication *publication)
{
        hark_cleanup(hark_message_unrefp) hark_message *copy = NULL;

        if (!publication->message &&
            hark_message_new_copy(topics->messages, NULL, publication->payload, &copy) == 0)
                publication->message = copy;
        hark_groups_publish(&topics->groups, publication);
}

void hark_topics_count_slow(struct hark_topics *topics, bool is_slow)
{
        if (is_slow)
                topics->n_slow++;
        else if (--topics->n_slow == 0 && topics->on_relief)
                topics->on_relief(topics);
}

static void send_to_all(struct hark_topics *topics, struct hark_publication *publication)
{
        hark_tree_visit(topics->tree, publication->topic, publication->topic_size, deliver,
                        publication);
        if (!hark_list_is_empty(&topics->groups.met))
                publish_to_groups(topics, publication);
}

static int pass(struct hark_topics *topics, struct hark_publication *publication)
{
        hark_cleanup(hark_message_unrefp) hark_message *message = NULL;
        const struct hark_payload *payload = publication->payload;
        int r;

        if (!hark_topics_has_subscribers(topics, publication->topic))
                return 0;
        if (payload->size > COPIED_SIZE || payload->n_fds > 0) {
                r = hark_message_new_copy(topics->messages, NULL, payload, &message);
                if (r < 0)
                        return r;
                publication->message = message;
        }
        send_to_all(topics, publication);
        return 0;
}

/* Files are not kept: every subscriber would take more of them from this process, for good. */
static int retain(struct hark_topics *topics, struct hark_publication *publication,
                  struct hark_retained_owner *owner)
{
        const struct hark_payload *payload = publication->payload;
        bool is_live = payload->retain == HARK_RETAIN_LIVE;
        struct hark_retained_value *value;
        int r;

        if (payload->n_fds > 0)
                return -EINVAL;
        r = hark_retained_set(&topics->retained, publication->topic, payload,
                              is_live ? owner : NULL, &value);
        if (r < 0)
                return r;
        publication->message = value->message;
        publication->is_kept = true;
        publication->value_number = value->number;
        send_to_all(topics, publication);
        return 0;
}

/* At the value's own priority, so that it comes behind that. */
static void withdraw(struct hark_topics *topics, struct hark_retained_value *value)
{
        char topic[HARK_NAME_MAX + 1];
        struct hark_payload nothing = {.priority = value->message->priority};
        struct hark_publication publication = {
                .topic = memcpy(topic, value->topic, value->topic_size + 1),
                .topic_size = value->topic_size,
                .payload = &nothing,
                .is_withdrawn = true,
                .value_number = value->number,
        };

        hark_retained_remove(&topics->retained, value);
        hark_tree_visit(topics->tree, topic, publication.topic_size, deliver, &publication);
}

static int withdraw_topic(struct hark_topics *topics, const char *topic,
                          const struct hark_payload *payload)
{
        struct hark_retained_value *value = hark_retained_find(&topics->retained, topic);

        if (payload->size > 0 || payload->n_fds > 0)
                return -EINVAL;
        if (value)
                withdraw(topics, value);
        return 0;
}

int hark_topics_publish(struct hark_topics *topics, const char *topic,
                        const struct hark_payload *payload, struct hark_retained_owner *owner)
{
        struct hark_publication publication = {
                .topic = topic, .topic_size = strlen(topic), .payload = payload};

        if (!hark_name_is_valid(topic, publication.topic_size))
                return -EINVAL;
        if (payload->size > HARK_FRAME_MAX - HARK_PREFIX_MAX)
                return -EMSGSIZE;
        switch (payload->retain) {
        case HARK_PASSING:
                return pass(topics, &publication);
        case HARK_WITHDRAW:
                return withdraw_topic(topics, topic, payload);
        default:
                return retain(topics, &publication, owner);
        }
}

void hark_topics_end_owner(struct hark_topics *topics, struct hark_retained_owner *owner)
{
        struct hark_retained_value *value;

        while ((value = hark_retained_first_of(owner)))
                withdraw(topics, value);
}

bool hark_topics_has_subscribers(const struct hark_topics *topics, const char *topic)
{
        size_t size = strlen(topic);

        return hark_name_is_valid(topic, size) &&
               !hark_tree_visit(topics->tree, topic, size, stop_at_first, NULL);
}
