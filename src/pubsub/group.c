/* SPDX-License-Identifier: MIT */

/* See group.h. */

#include "pubsub/group.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "pubsub/group_queue.h"
#include "pubsub/topics.h"

static struct hark_group_member *member_of(struct hark_list *link)
{
        return hark_container_of(link, struct hark_group_member, link);
}

/* --- life ------------------------------------------------------------------------------------ */

static void unref_group(struct hark_group *group)
{
        if (--group->n_refs > 0)
                return;
        hark_tree_remove(group->groups->by_name, &group->entry);
        free(group);
}

static void free_item(struct hark_group_item *item)
{
        struct hark_group *group = item->group;

        hark_message_unref(item->message);
        hark_pool_put(hark_loop_block_pool(group->groups->loop), item);
        unref_group(group);
}

/* --- unconfirmed ------------------------------------------------------------------------------- */

static void run_unconfirmed(struct hark_task *task)
{
        struct hark_group_item *item = hark_container_of(task, struct hark_group_item, task);
        struct hark_groups *groups = item->group->groups;

        groups->on_unconfirmed(item->group->name, item->topic, item->message, groups->userdata);
        free_item(item);
}

static void run_log(struct hark_task *task)
{
        struct hark_group *group = hark_container_of(task, struct hark_group, log_task);
        uint64_t n = group->n_unlogged;

        group->n_unlogged = 0;
        hark_log(hark_loop_log(group->groups->loop), LOG_WARNING,
                 "group %s: no member has confirmed %" PRIu64 " notification%s", group->name, n,
                 n == 1 ? "" : "s");
        unref_group(group);
}

/* One line for all until it is written. */
static void log_unconfirmed(struct hark_group *group)
{
        group->n_unlogged++;
        if (hark_task_is_queued(&group->log_task))
                return;
        group->n_refs++;
        hark_loop_queue_callback(group->groups->loop, &group->log_task);
}

static void tell_unconfirmed(struct hark_group_item *item)
{
        struct hark_groups *groups = item->group->groups;

        if (groups->on_unconfirmed) {
                hark_loop_queue_callback(groups->loop, &item->task);
                return;
        }
        log_unconfirmed(item->group);
        free_item(item);
}

/* --- what is dropped --------------------------------------------------------------------------- */

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
static void drop(struct hark_group_item *item, uint32_t reason)
{
        add_loss(&item->group->loss, item->topic, item->topic_size, reason);
        tell_unconfirmed(item);
}

static bool is_full(const struct hark_group *group)
{
        size_t n_items = group->returned.n_items + group->fresh.n_items;
        size_t size = group->returned.size + group->fresh.size;

        return n_items >= group->max_messages || size >= group->max_size ||
               hark_group_memory(n_items, size) >= group->max_memory;
}

static bool has_waiting(const struct hark_group *group)
{
        return group->returned.n_items + group->fresh.n_items > 0;
}

/* Never what a member has had, while there is anything else. */
static void make_room(struct hark_group *group)
{
        while (is_full(group) && has_waiting(group)) {
                struct hark_group_queue *queue =
                        group->fresh.n_items > 0 ? &group->fresh : &group->returned;
                struct hark_group_item *oldest = hark_group_queue_oldest(queue);

                hark_group_queue_remove(queue, oldest);
                drop(oldest, ENOBUFS);
        }
}

static void keep(struct hark_group_queue *queue, struct hark_group_item *item)
{
        make_room(item->group);
        hark_group_queue_add(queue, item);
}

/* --- giving ------------------------------------------------------------------------------------ */

static bool has_room(const struct hark_group_member *member)
{
        return member->n_unconfirmed < HARK_GROUP_WINDOW &&
               member->unconfirmed_size < member->max_size &&
               member->burden->memory < member->burden->max_memory;
}

static bool matches(const struct hark_group_member *member, const struct hark_group_item *item)
{
        return hark_filter_matches(member->filter, member->filter_size, item->topic,
                                   item->topic_size);
}

static int check(struct hark_group_member *member, const struct hark_group_item *item)
{
        return member->ops->check(member, item->message->size, item->message->n_fds_left);
}

/* Who has the least to confirm; of several, who waits longest for a turn. */
static bool is_better(const struct hark_group_member *member, const struct hark_group_member *than)
{
        if (!than || member->n_unconfirmed != than->n_unconfirmed)
                return !than || member->n_unconfirmed < than->n_unconfirmed;
        return member->last_given < than->last_given;
}

/* The item is in no queue. */
static int give(struct hark_group_member *member, struct hark_group_item *item)
{
        struct hark_group *group = member->group;
        int r = member->ops->give(member, item, &group->loss);

        if (r < 0) {
                group->is_stalled = true;
                return r;
        }
        item->n_lost = group->loss.n_lost;
        group->loss = (struct hark_group_loss){.n_lost = 0};
        hark_list_push_back(&member->unconfirmed, &item->link);
        member->n_unconfirmed++;
        member->unconfirmed_size += item->size;
        member->burden->memory += hark_group_memory(1, item->size);
        member->last_given = ++group->n_given;
        return 0;
}

/* The first of these that the member takes. NULL: none. */
static struct hark_group_item *find_for(struct hark_group_member *member,
                                        const struct hark_list *items)
{
        hark_list_for_each (link, items) {
                struct hark_group_item *item =
                        hark_container_of(link, struct hark_group_item, link);

                if (matches(member, item) && check(member, item) == 0)
                        return item;
        }
        return NULL;
}

/* Takes the next one that the member takes out of its queue. NULL: there is none. */
static struct hark_group_item *take_next(struct hark_group_member *member)
{
        struct hark_group_queue *queues[] = {&member->group->returned, &member->group->fresh};

        for (unsigned priority = HARK_PRIORITIES; priority-- > 0;) {
                for (unsigned i = 0; i < 2; i++) {
                        struct hark_group_item *item = find_for(member, &queues[i]->of[priority]);

                        if (!item)
                                continue;
                        hark_group_queue_remove(queues[i], item);
                        return item;
                }
        }
        return NULL;
}

void hark_group_serve(struct hark_group_member *member)
{
        struct hark_group *group = member->group;

        while (has_room(member) && has_waiting(group) && member->ops->check(member, 0, 0) == 0) {
                struct hark_group_item *item = take_next(member);

                if (!item)
                        return;
                if (give(member, item) == 0)
                        continue;
                hark_group_queue_add(item->is_returned ? &group->returned : &group->fresh, item);
                return;
        }
}

/* --- publishing ---------------------------------------------------------------------------------- */

static struct hark_group_item *new_item(struct hark_group *group,
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

void hark_group_meet(struct hark_group_member *member, const struct hark_publication *publication)
{
        struct hark_group *group = member->group;
        int r = member->ops->check(member, publication->payload->size,
                                   (unsigned)publication->payload->n_fds);

        if (hark_list_is_empty(&group->met_link)) {
                hark_list_push_back(&group->groups->met, &group->met_link);
                group->best = NULL;
                group->has_taker = false;
        }
        if (r == 0 && has_room(member) && is_better(member, group->best))
                group->best = member;
        if (r == 0 || r == -EAGAIN || r == -ENOTCONN)
                group->has_taker = true;
        else
                group->unfit_error = -r;
}

static void publish(struct hark_group *group, const struct hark_publication *publication)
{
        struct hark_group_item *item;

        group->n_published++;
        item = new_item(group, publication);
        if (!item) {
                add_loss(&group->loss, publication->topic, publication->topic_size, ENOMEM);
                log_unconfirmed(group);
                return;
        }
        if (!group->has_taker) {
                drop(item, (uint32_t)group->unfit_error);
                return;
        }
        if (group->is_stalled && group->best) {
                group->is_stalled = false;
                hark_group_serve(group->best);
        }
        if (!group->best || !has_room(group->best) || give(group->best, item) < 0)
                keep(&group->fresh, item);
}

void hark_groups_publish(struct hark_groups *groups, const struct hark_publication *publication)
{
        struct hark_list *link;

        while ((link = hark_list_first(&groups->met))) {
                hark_list_remove(link);
                publish(hark_container_of(link, struct hark_group, met_link), publication);
        }
}

/* --- confirming ---------------------------------------------------------------------------------- */

static void take_from_member(struct hark_group_member *member, struct hark_group_item *item)
{
        hark_list_remove(&item->link);
        member->n_unconfirmed--;
        member->unconfirmed_size -= item->size;
        member->burden->memory -= hark_group_memory(1, item->size);
}

bool hark_group_confirm(struct hark_group_member *member, uint32_t sequence)
{
        hark_list_for_each (link, &member->unconfirmed) {
                struct hark_group_item *item =
                        hark_container_of(link, struct hark_group_item, link);

                if ((uint32_t)item->sequence != sequence)
                        continue;
                if (item->frame)
                        return false;
                take_from_member(member, item);
                free_item(item);
                hark_group_serve(member);
                return true;
        }
        return false;
}

/* --- members ------------------------------------------------------------------------------------- */

static void measure_queue(struct hark_group *group)
{
        group->max_messages = HARK_GROUP_WINDOW;
        group->max_size = 0;
        group->max_memory = hark_group_memory(HARK_GROUP_WINDOW, 0);
        hark_list_for_each (link, &group->members) {
                const struct hark_group_member *member = member_of(link);

                if (member->max_messages > group->max_messages)
                        group->max_messages = member->max_messages;
                if (member->max_size > group->max_size)
                        group->max_size = member->max_size;
                if (member->max_memory > group->max_memory)
                        group->max_memory = member->max_memory;
        }
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
        hark_task_init(&group->log_task, run_log, groups->owner);
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
        hark_list_init(&member->unconfirmed);
        hark_list_push_back(&group->members, &member->link);
        measure_queue(group);
        return 0;
}

void hark_group_leave(struct hark_group_member *member)
{
        struct hark_group *group = member->group;

        hark_list_remove(&member->link);
        group->n_leaving++;
        measure_queue(group);
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

                if (has_room(member) && is_better(member, best) && matches(member, item) &&
                    check(member, item) == 0)
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
                tell_unconfirmed(item);
}

static void hand_on(struct hark_group *group, struct hark_group_item *item, bool is_once_only)
{
        struct hark_group_member *next;

        item->is_returned = true;
        if (is_once_only && item->is_repeated) {
                tell_unconfirmed(item);
                return;
        }
        next = group->groups->is_closing ? NULL : choose(group, item);
        if (next && give(next, item) == 0)
                return;
        if (hark_list_is_empty(&group->members))
                hark_group_queue_append(&group->returned, item);
        else
                keep(&group->returned, item);
}

/* What has left, its member may have seen. */
static void take_back(struct hark_group_member *member, struct hark_group_item *item)
{
        struct hark_group_loss *loss = &member->group->loss;

        take_from_member(member, item);
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

        while ((link = hark_list_first(&member->unconfirmed))) {
                struct hark_group_item *item =
                        hark_container_of(link, struct hark_group_item, link);

                take_back(member, item);
                hand_on(group, item, member->is_once_only);
        }
        if (--group->n_leaving == 0 && hark_list_is_empty(&group->members))
                give_up(group);
        member->group = NULL;
        unref_group(group);
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
