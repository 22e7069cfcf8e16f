/* SPDX-License-Identifier: MIT */
#ifndef HARK_PUBSUB_GROUP_INTERNAL_H
#define HARK_PUBSUB_GROUP_INTERNAL_H

/*
 * The inside of groups, for these files only.
 *
 *         group.c          which member is given what, and what waits
 *         group_members.c  how members come, and what those that go leave behind
 *         group_item.c     what is kept, and what becomes of it if nobody confirms it
 *         group_queue.c    what waits, by priority, in order
 */

#include "pubsub/group.h"

/* --- group.c --------------------------------------------------------------------------------- */

/* Lets it wait in one of its group's queues, in the place of older ones if need be. */
void hark_group_keep(struct hark_group_queue *queue, struct hark_group_item *item);

/* Gives a member an item that is in no queue. 0, or negative: it still is in none. */
int hark_group_give(struct hark_group_member *member, struct hark_group_item *item);

/* An item of a member's is confirmed, or comes back. */
void hark_group_take_from(struct hark_group_member *member, struct hark_group_item *item);

/* Whether the member may be given this item now. If it may not yet, it will look for it. */
bool hark_group_may_give(struct hark_group_member *member, const struct hark_group_item *item);

/* An item is kept that some of its group might have been given: each of them will look for it. */
void hark_group_have_all_look(struct hark_group *group);

/* Whether it is this one's turn, rather than another's; than may be NULL. */
bool hark_group_is_better(const struct hark_group_member *member,
                          const struct hark_group_member *than);

/* --- group_members.c ------------------------------------------------------------------------- */

void hark_group_unref(struct hark_group *group);

/* --- group_item.c ---------------------------------------------------------------------------- */

/* NULL: no memory. */
struct hark_group_item *hark_group_item_new(struct hark_group *group,
                                            const struct hark_publication *publication);
void hark_group_item_free(struct hark_group_item *item);

/* No member will confirm it: the publisher is told. Frees it, now or then. */
void hark_group_item_give_up(struct hark_group_item *item);

/* The same, and the members are told, too: with the next one that any of them gets. */
void hark_group_item_drop(struct hark_group_item *item, uint32_t reason);

/* The same of what there was no memory for. */
void hark_group_lose(struct hark_group *group, const struct hark_publication *publication);

void hark_group_run_log(struct hark_task *task);

#endif
