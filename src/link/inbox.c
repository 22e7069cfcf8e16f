/* SPDX-License-Identifier: MIT */

/* See inbox.h. */

#include "link/inbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "wire/header.h"

#define SIZE_AT 4 /* of a frame, in its header */

struct hark_inbox_frame {
        struct hark_list link;
        size_t size; /* in all */
        size_t filled;
        uint8_t bytes[];
};

void hark_inbox_init(struct hark_inbox *inbox, size_t max_frame)
{
        *inbox = (struct hark_inbox){.max_frame = max_frame};
        hark_list_init(&inbox->frames);
}

void hark_inbox_done(struct hark_inbox *inbox)
{
        while (hark_inbox_has_frame(inbox))
                hark_inbox_take(inbox);
        for (unsigned i = 0; i < HARK_PRIORITIES; i++) {
                free(inbox->partial[i]);
                inbox->partial[i] = NULL;
        }
}

static int begin_frame(struct hark_inbox *inbox, const uint8_t *bytes, size_t size,
                       struct hark_inbox_frame **ret_frame)
{
        struct hark_inbox_frame *frame;
        uint64_t total;

        if (size < HARK_HEADER_SIZE)
                return -EPROTO;
        total = HARK_HEADER_SIZE + (uint64_t)hark_load32(bytes + SIZE_AT);
        total = (total + 7) & ~(uint64_t)7;
        if (total > inbox->max_frame)
                return -EPROTO;
        frame = malloc(sizeof(*frame) + total);
        if (!frame)
                return -ENOMEM;
        frame->size = total;
        frame->filled = 0;
        *ret_frame = frame;
        return 0;
}

int hark_inbox_put(struct hark_inbox *inbox, unsigned priority, const uint8_t *bytes, size_t size,
                   bool is_last)
{
        struct hark_inbox_frame **partial = &inbox->partial[priority];
        struct hark_inbox_frame *frame = *partial;
        int r = frame ? 0 : begin_frame(inbox, bytes, size, partial);

        if (r < 0)
                return r;
        frame = *partial;
        if (size > frame->size - frame->filled || is_last != (size == frame->size - frame->filled))
                return -EPROTO;
        memcpy(frame->bytes + frame->filled, bytes, size);
        frame->filled += size;
        inbox->size += size;
        if (!is_last)
                return 0;
        hark_list_push_back(&inbox->frames, &frame->link);
        *partial = NULL;
        return 0;
}

static struct hark_inbox_frame *first_of(const struct hark_inbox *inbox)
{
        struct hark_list *link = hark_list_first(&inbox->frames);

        return link ? hark_container_of(link, struct hark_inbox_frame, link) : NULL;
}

const uint8_t *hark_inbox_peek(const struct hark_inbox *inbox, size_t *ret_size)
{
        const struct hark_inbox_frame *frame = first_of(inbox);

        if (!frame)
                return NULL;
        *ret_size = frame->size;
        return frame->bytes;
}

void hark_inbox_take(struct hark_inbox *inbox)
{
        struct hark_inbox_frame *frame = first_of(inbox);

        inbox->size -= frame->size;
        hark_list_remove(&frame->link);
        free(frame);
}
