/* SPDX-License-Identifier: MIT */

/*
 * What a group keeps: made when it is published, freed when it is confirmed, and told of when it
 * never will be. See group.h.
 */

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "pubsub/group_internal.h"
#include "pubsub/topics.h"

void hark_group_item_free(struct hark_group_item *item)
{
        struct hark_group *group = item->group;

        hark_message_unref(item->message);
        hark_pool_put(hark_loop_block_pool(group->groups->loop), item);
        hark_group_unref(group);
}

/* --- unconfirmed ------------------------------------------------------------------------------ */

static void run_unconfirmed(struct hark_task *task)
{
        struct hark_group_item *item = hark_container_of(task, struct hark_group_item, task);
        struct hark_groups *groups = item->group->groups;

        groups->on_unconfirmed(item->group->name, item->topic, item->message, groups->userdata);
        hark_group_item_free(item);
}

void hark_group_run_log(struct hark_task *task)
{
        struct hark_group *group = hark_container_of(task, struct hark_group, log_task);
        uint64_t n = group->n_unlogged;

        group->n_unlogged = 0;
        hark_log(hark_loop_log(group->groups->loop), LOG_WARNING,
                 "group %s: no member has confirmed %" PRIu64 " notification%s", group->name, n,
                 n == 1 ? "" : "s");
        hark_group_unref(group);
}

/* One line for all until it is written. */
static void note_unconfirmed(struct hark_group *group)
{
        group->n_unlogged++;
        if (hark_task_is_queued(&group->log_task))
                return;
        group->n_refs++;
        hark_loop_queue_callback(group->groups->loop, &group->log_task);
}

void hark_group_item_give_up(struct hark_group_item *item)
{
        struct hark_groups *groups = item->group->groups;

        if (groups->on_unconfirmed) {
                hark_loop_queue_callback(groups->loop, &item->task);
                return;
        }
        note_unconfirmed(item->group);
        hark_group_item_free(item);
}

/* --- what is dropped -------------------------------------------------------------------------- */

static void add_loss(struct hark_group_loss *loss, const char *topic, size_t topic_size,
                     uint32_t reason)
{
        loss->reason = reason;
        if (loss->n_lost++ == 0) {
                loss->topic_size = (uint8_t)topic_size;
                memcpy(loss->topic, topic, topic_size);
        } else if (loss->topic_size != topic_size || memcmp(loss->topic, topic, topic_size) != 0) {
                loss->topic_size = 0;
        }
}

/* The members are told with the next one, the publisher at once. */
void hark_group_item_drop(struct hark_group_item *item, uint32_t reason)
{
        add_loss(&item->group->loss, item->topic, item->topic_size, reason);
        hark_group_item_give_up(item);
}

void hark_group_lose(struct hark_group *group, const struct hark_publication *publication)
{
        add_loss(&group->loss, publication->topic, publication->topic_size, ENOMEM);
        note_unconfirmed(group);
}

/* --- the beginning ---------------------------------------------------------------------------- */

struct hark_group_item *hark_group_item_new(struct hark_group *group,
                                            const struct hark_publication *publication)
{
        struct hark_group_item *item = NULL;

        if (publication->message)
                item = hark_pool_take(hark_loop_block_pool(group->groups->loop));
        if (!item)
                return NULL;
        *item = (struct hark_group_item){
                .group = group,
                .message = hark_message_ref(publication->message),
                .size = HARK_HEADER_SIZE + hark_name_padded_size(publication->topic_size) +
                        publication->payload->size,
                .number = group->n_published,
                .topic_size = publication->topic_size,
        };
        memcpy(item->topic, publication->topic, publication->topic_size);
        hark_list_init(&item->link);
        hark_task_init(&item->task, run_unconfirmed, group->groups->owner);
        group->n_refs++;
        return item;
}
