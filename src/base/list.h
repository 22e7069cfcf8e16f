/* SPDX-License-Identifier: MIT */
#ifndef HARK_BASE_LIST_H
#define HARK_BASE_LIST_H

/*
 * Intrusive doubly-linked list: the link lies in what is linked, so that linking cannot fail.
 *
 * A head and an unlinked link both point at themselves; so hark_list_remove() of what is in no list
 * does no harm, and hark_list_is_empty(link) asks of a link whether it is in no list.
 */

#include <stdbool.h>
#include <stddef.h>

struct hark_list {
        struct hark_list *next, *previous;
};

/* The structure that holds the member at this pointer. */
#define hark_container_of(pointer, type, member) \
        ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

/* Walks the list; the current link may be removed and freed in the body, no other. */
#define hark_list_for_each(link, head)                                                         \
        for (struct hark_list *link = (head)->next, *link##_next = link->next; link != (head); \
             link = link##_next, link##_next = link->next)

static inline void hark_list_init(struct hark_list *link)
{
        link->next = link->previous = link;
}

static inline bool hark_list_is_empty(const struct hark_list *head)
{
        return head->next == head;
}

/* Before the head is at the end of the list. */
static inline void hark_list_insert_before(struct hark_list *position, struct hark_list *link)
{
        link->previous = position->previous;
        link->next = position;
        position->previous->next = link;
        position->previous = link;
}

static inline void hark_list_push_back(struct hark_list *head, struct hark_list *link)
{
        hark_list_insert_before(head, link);
}

static inline void hark_list_push_front(struct hark_list *head, struct hark_list *link)
{
        hark_list_insert_before(head->next, link);
}

static inline void hark_list_remove(struct hark_list *link)
{
        link->previous->next = link->next;
        link->next->previous = link->previous;
        hark_list_init(link);
}

/* NULL if there is none. */
static inline struct hark_list *hark_list_first(const struct hark_list *head)
{
        return hark_list_is_empty(head) ? NULL : head->next;
}

#endif
