/* SPDX-License-Identifier: MIT */

/* See group_queue.h. */

#include "pubsub/group_queue.h"

static struct hark_group_item *item_of(struct hark_list *link)
{
        return hark_container_of(link, struct hark_group_item, link);
}

void hark_group_queue_init(struct hark_group_queue *queue)
{
        queue->n_items = queue->size = 0;
        for (unsigned i = 0; i < HARK_PRIORITIES; i++)
                hark_list_init(&queue->of[i]);
}

void hark_group_queue_add(struct hark_group_queue *queue, struct hark_group_item *item)
{
        struct hark_list *head = &queue->of[item->message->priority], *position = head;

        /* From the end, where the new ones belong. */
        while (position->previous != head && item_of(position->previous)->number > item->number)
                position = position->previous;
        hark_list_insert_before(position, &item->link);
        queue->n_items++;
        queue->size += item->size;
}

void hark_group_queue_append(struct hark_group_queue *queue, struct hark_group_item *item)
{
        hark_list_push_back(&queue->of[item->message->priority], &item->link);
        queue->n_items++;
        queue->size += item->size;
}

/* Both are in order; from is empty afterwards. */
static void merge(struct hark_list *into, struct hark_list *from)
{
        struct hark_list *position = into->next, *link;

        while ((link = hark_list_first(from))) {
                while (position != into && item_of(position)->number < item_of(link)->number)
                        position = position->next;
                hark_list_remove(link);
                hark_list_insert_before(position, link);
        }
}

/* Runs of 1, 2, 4, ... items, each the sum of two of the size before, so that no item is merged
 * more often than there are sizes. */
static void sort(struct hark_list *items)
{
        struct hark_list runs[32], *link;
        unsigned size;

        for (size = 0; size < 32; size++)
                hark_list_init(&runs[size]);
        while ((link = hark_list_first(items))) {
                struct hark_list run;

                hark_list_remove(link);
                hark_list_init(&run);
                hark_list_push_back(&run, link);
                for (size = 0; size < 31 && !hark_list_is_empty(&runs[size]); size++)
                        merge(&run, &runs[size]);
                merge(&runs[size], &run);
        }
        for (size = 0; size < 32; size++)
                merge(items, &runs[size]);
}

void hark_group_queue_sort(struct hark_group_queue *queue)
{
        for (unsigned i = 0; i < HARK_PRIORITIES; i++)
                sort(&queue->of[i]);
}

void hark_group_queue_remove(struct hark_group_queue *queue, struct hark_group_item *item)
{
        hark_list_remove(&item->link);
        queue->n_items--;
        queue->size -= item->size;
}

struct hark_group_item *hark_group_queue_oldest(const struct hark_group_queue *queue)
{
        struct hark_group_item *oldest = NULL;

        for (unsigned i = 0; i < HARK_PRIORITIES; i++) {
                struct hark_list *first = hark_list_first(&queue->of[i]);

                if (first && (!oldest || item_of(first)->number < oldest->number))
                        oldest = item_of(first);
        }
        return oldest;
}

struct hark_group_item *hark_group_queue_take_oldest(struct hark_group_queue *one,
                                                     struct hark_group_queue *other)
{
        struct hark_group_item *of_one = hark_group_queue_oldest(one);
        struct hark_group_item *of_other = hark_group_queue_oldest(other);
        bool is_of_one = of_one && (!of_other || of_one->number < of_other->number);

        if (!of_one && !of_other)
                return NULL;
        hark_group_queue_remove(is_of_one ? one : other, is_of_one ? of_one : of_other);
        return is_of_one ? of_one : of_other;
}
