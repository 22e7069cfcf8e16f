/* SPDX-License-Identifier: MIT */

/* Which member is given what, and what waits. See group.h. */

#include <errno.h>

#include "pubsub/group_internal.h"
#include "pubsub/group_queue.h"
#include "pubsub/topics.h"

/* --- waiting ---------------------------------------------------------------------------------- */

/* Anew when members have come or gone since, and something waits. */
static void measure(struct hark_group *group)
{
        if (group->is_measured)
                return;
        group->is_measured = true;
        group->max_messages = HARK_GROUP_WINDOW;
        group->max_size = 0;
        group->max_memory = hark_group_memory(HARK_GROUP_WINDOW, 0);
        hark_list_for_each (link, &group->members) {
                const struct hark_group_member *member =
                        hark_container_of(link, struct hark_group_member, link);

                if (member->max_messages > group->max_messages)
                        group->max_messages = member->max_messages;
                if (member->max_size > group->max_size)
                        group->max_size = member->max_size;
                if (member->max_memory > group->max_memory)
                        group->max_memory = member->max_memory;
        }
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
        measure(group);
        while (is_full(group) && has_waiting(group)) {
                struct hark_group_queue *queue =
                        group->fresh.n_items > 0 ? &group->fresh : &group->returned;
                struct hark_group_item *oldest = hark_group_queue_oldest(queue);

                hark_group_queue_remove(queue, oldest);
                hark_group_item_drop(oldest, ENOBUFS);
        }
}

void hark_group_keep(struct hark_group_queue *queue, struct hark_group_item *item)
{
        make_room(item->group);
        hark_group_queue_add(queue, item);
}

/* --- giving ----------------------------------------------------------------------------------- */

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

/* r: what its check said. */
static bool takes_now_or_later(int r)
{
        return r == 0 || r == -EAGAIN || r == -ENOTCONN;
}

bool hark_group_may_give(struct hark_group_member *member, const struct hark_group_item *item)
{
        int r = check(member, item);

        if (!matches(member, item) || !takes_now_or_later(r))
                return false;
        if (r == 0 && has_room(member))
                return true;
        member->may_find = true;
        return false;
}

void hark_group_have_all_look(struct hark_group *group)
{
        hark_list_for_each (link, &group->members)
                hark_container_of(link, struct hark_group_member, link)->may_find = true;
}

/* Who has the least to confirm; of several, who waits longest for a turn. */
bool hark_group_is_better(const struct hark_group_member *member,
                          const struct hark_group_member *than)
{
        if (!than || member->n_unconfirmed != than->n_unconfirmed)
                return !than || member->n_unconfirmed < than->n_unconfirmed;
        return member->last_given < than->last_given;
}

/* The item is in no queue. */
int hark_group_give(struct hark_group_member *member, struct hark_group_item *item)
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

/* Whether the member takes any of these, now or later. */
static bool is_for_any(struct hark_group_member *member, const struct hark_list *items)
{
        hark_list_for_each (link, items) {
                const struct hark_group_item *item =
                        hark_container_of(link, struct hark_group_item, link);

                if (matches(member, item) && takes_now_or_later(check(member, item)))
                        return true;
        }
        return false;
}

bool hark_group_has_for(struct hark_group_member *member)
{
        const struct hark_group *group = member->group;

        if (!member->may_find)
                return false;
        for (unsigned i = 0; i < HARK_PRIORITIES; i++)
                if (is_for_any(member, &group->returned.of[i]) ||
                    is_for_any(member, &group->fresh.of[i]))
                        return true;
        return false;
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

        while (member->may_find && has_room(member) && has_waiting(group) &&
               member->ops->check(member, 0, 0) == 0) {
                struct hark_group_item *item = take_next(member);

                member->may_find = item;
                if (!item)
                        return;
                if (hark_group_give(member, item) == 0)
                        continue;
                hark_group_queue_add(item->is_returned ? &group->returned : &group->fresh, item);
                return;
        }
}

/* --- publishing ------------------------------------------------------------------------------- */

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
        if (!takes_now_or_later(r)) {
                group->unfit_error = -r;
                return;
        }
        group->has_taker = true;
        if (r < 0 || !has_room(member))
                member->may_find = true;
        else if (hark_group_is_better(member, group->best))
                group->best = member;
}

static void publish(struct hark_group *group, const struct hark_publication *publication)
{
        struct hark_group_item *item;

        group->n_published++;
        item = hark_group_item_new(group, publication);
        if (!item) {
                hark_group_lose(group, publication);
                return;
        }
        if (!group->has_taker) {
                hark_group_item_drop(item, (uint32_t)group->unfit_error);
                return;
        }
        if (group->is_stalled && group->best) {
                group->is_stalled = false;
                hark_group_serve(group->best);
        }
        if (group->best && has_room(group->best) && hark_group_give(group->best, item) == 0)
                return;
        if (group->best)
                hark_group_have_all_look(group);
        hark_group_keep(&group->fresh, item);
}

void hark_groups_publish(struct hark_groups *groups, const struct hark_publication *publication)
{
        struct hark_list *link;

        while ((link = hark_list_first(&groups->met))) {
                hark_list_remove(link);
                publish(hark_container_of(link, struct hark_group, met_link), publication);
        }
}

/* --- confirming ------------------------------------------------------------------------------- */

void hark_group_take_from(struct hark_group_member *member, struct hark_group_item *item)
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
                hark_group_take_from(member, item);
                hark_group_item_free(item);
                hark_group_serve(member);
                return true;
        }
        return false;
}
