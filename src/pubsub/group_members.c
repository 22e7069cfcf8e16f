/* SPDX-License-Identifier: MIT */

/* Groups and their members: how they come, and what those that go leave behind. See group.h. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pubsub/group_internal.h"
#include "pubsub/group_queue.h"

static struct hark_group_member *member_of(struct hark_list *link)
{
        return hark_container_of(link, struct hark_group_member, link);
}

void hark_group_unref(struct hark_group *group)
{
        if (--group->n_refs > 0)
                return;
        hark_tree_remove(group->groups->by_name, &group->entry);
        free(group);
}

static struct hark_group *find_group(const struct hark_groups *groups, const char *name,
                                     size_t size)
{
        struct hark_tree_entry *entry = hark_tree_find(groups->by_name, name, size);

        return entry ? hark_container_of(entry, struct hark_group, entry) : NULL;
}

static struct hark_group *new_group(struct hark_groups *groups, const char *name, size_t size)
{
        struct hark_group *group = calloc(1, sizeof(*group) + size + 1);

        if (!group)
                return NULL;
        group->groups = groups;
        hark_list_init(&group->members);
        hark_list_init(&group->met_link);
        hark_group_queue_init(&group->returned);
        hark_group_queue_init(&group->fresh);
        hark_task_init(&group->log_task, hark_group_run_log, groups->owner);
        memcpy(group->name, name, size);
        if (hark_tree_add(groups->by_name, &group->entry, name, size) == 0)
                return group;
        free(group);
        return NULL;
}

int hark_group_join(struct hark_groups *groups, struct hark_group_member *member, const char *name,
                    size_t size)
{
        struct hark_group *group = find_group(groups, name, size);

        if (!group)
                group = new_group(groups, name, size);
        if (!group)
                return -ENOMEM;
        group->n_refs++;
        member->group = group;
        member->n_unconfirmed = member->unconfirmed_size = 0;
        member->last_given = 0;
        member->may_find = true;
        hark_list_init(&member->unconfirmed);
        hark_list_push_back(&group->members, &member->link);
        group->is_measured = false;
        return 0;
}

void hark_group_leave(struct hark_group_member *member)
{
        struct hark_group *group = member->group;

        hark_list_remove(&member->link);
        group->n_leaving++;
        group->is_measured = false;
        /* Who comes under this name from now on begins anew. */
        if (hark_list_is_empty(&group->members))
                hark_tree_remove(group->groups->by_name, &group->entry);
}

static struct hark_group_member *choose(const struct hark_group *group,
                                        const struct hark_group_item *item)
{
        struct hark_group_member *best = NULL;

        hark_list_for_each (link, &group->members) {
                struct hark_group_member *member = member_of(link);

                if (hark_group_may_give(member, item) && hark_group_is_better(member, best))
                        best = member;
        }
        return best;
}

/* Nobody is left to whom anything could go. */
static void give_up(struct hark_group *group)
{
        struct hark_group_item *item;

        hark_group_queue_sort(&group->returned);
        while ((item = hark_group_queue_take_oldest(&group->returned, &group->fresh)))
                hark_group_item_give_up(item);
}

/* is_last: it goes to no other member. */
static void hand_on(struct hark_group *group, struct hark_group_item *item, bool is_last)
{
        struct hark_group_member *next;

        item->is_returned = true;
        if (is_last) {
                hark_group_item_give_up(item);
                return;
        }
        next = group->groups->is_closing ? NULL : choose(group, item);
        if (next && hark_group_give(next, item) == 0)
                return;
        if (next)
                hark_group_have_all_look(group);
        if (hark_list_is_empty(&group->members))
                hark_group_queue_append(&group->returned, item);
        else
                hark_group_keep(&group->returned, item);
}

/* What has left, its member may have seen. */
static void take_back(struct hark_group_member *member, struct hark_group_item *item)
{
        struct hark_group_loss *loss = &member->group->loss;

        hark_group_take_from(member, item);
        if (!item->frame)
                item->is_repeated = true;
        if (item->gap) {
                loss->n_lost += item->n_lost;
                loss->topic_size = 0;
                loss->reason = ENOBUFS;
        }
        member->ops->take_back(member, item);
}

void hark_group_hand_on(struct hark_group_member *member)
{
        struct hark_group *group = member->group;
        struct hark_list *link;
        bool is_last;

        while ((link = hark_list_first(&member->unconfirmed))) {
                struct hark_group_item *item =
                        hark_container_of(link, struct hark_group_item, link);

                is_last = member->is_once_only && !item->frame;
                take_back(member, item);
                hand_on(group, item, is_last);
        }
        if (--group->n_leaving == 0 && hark_list_is_empty(&group->members))
                give_up(group);
        member->group = NULL;
        hark_group_unref(group);
}

int hark_groups_init(struct hark_groups *groups, hark_loop *loop, const void *owner)
{
        *groups = (struct hark_groups){.loop = loop, .owner = owner};
        hark_list_init(&groups->met);
        groups->by_name = hark_tree_new();
        return groups->by_name ? 0 : -ENOMEM;
}

void hark_groups_done(struct hark_groups *groups)
{
        hark_tree_free(groups->by_name);
        groups->by_name = NULL;
}

void hark_groups_close(struct hark_groups *groups)
{
        groups->is_closing = true;
}
