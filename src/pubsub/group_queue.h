/* SPDX-License-Identifier: MIT */
#ifndef HARK_PUBSUB_GROUP_QUEUE_H
#define HARK_PUBSUB_GROUP_QUEUE_H

/*
 * What waits in a group: a list for each priority, each in the order of publication.
 */

#include "pubsub/group.h"

void hark_group_queue_init(struct hark_group_queue *queue);

/* In its place: what comes back from a member is older than what waits. */
void hark_group_queue_add(struct hark_group_queue *queue, struct hark_group_item *item);
/* Without an order, until it is sorted: for many at once. */
void hark_group_queue_append(struct hark_group_queue *queue, struct hark_group_item *item);
void hark_group_queue_sort(struct hark_group_queue *queue);
void hark_group_queue_remove(struct hark_group_queue *queue, struct hark_group_item *item);

/* The oldest of all priorities. NULL: it is empty. */
struct hark_group_item *hark_group_queue_oldest(const struct hark_group_queue *queue);

/* Takes the oldest out of two. NULL: both are empty. */
struct hark_group_item *hark_group_queue_take_oldest(struct hark_group_queue *one,
                                                     struct hark_group_queue *other);

#endif
