/* SPDX-License-Identifier: MIT */
#ifndef HARK_LINK_INBOX_H
#define HARK_LINK_INBOX_H

/*
 * What has come on one connection in chunks: chunks in, whole frames out.
 *
 *         chunks of priority 7  ->  the frame that is being put together   \
 *         ...                                                               >  frames, as they
 *         chunks of priority 0  ->  the frame that is being put together   /   became whole
 *
 * Chunks of one priority come in order, those of different ones as they like. How much a frame has
 * is said by its header, which lies in its first chunk whole. How many come before they are taken
 * is for the link to bound: it counts bytes, hark_inbox_size(). No I/O.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "base/priority.h"

struct hark_inbox_frame;

struct hark_inbox {
        struct hark_list frames; /* whole */
        struct hark_inbox_frame *partial[HARK_PRIORITIES];
        size_t max_frame;
        size_t size; /* bytes of chunks that have come and are not taken */
};

void hark_inbox_init(struct hark_inbox *inbox, size_t max_frame);
void hark_inbox_done(struct hark_inbox *inbox);

/* Takes a chunk in, copied. 0; -EPROTO: it begins no frame, or one too large, or does not end where
 * it should; -ENOMEM. */
int hark_inbox_put(struct hark_inbox *inbox, unsigned priority, const uint8_t *bytes, size_t size,
                   bool is_last);

/* The first whole frame, which hark_inbox_take() then removes; NULL: none is whole. */
const uint8_t *hark_inbox_peek(const struct hark_inbox *inbox, size_t *ret_size);
void hark_inbox_take(struct hark_inbox *inbox);

static inline bool hark_inbox_has_frame(const struct hark_inbox *inbox)
{
        return !hark_list_is_empty(&inbox->frames);
}

#endif
