/* SPDX-License-Identifier: MIT */

/* See lost.h. */

#include "link/lost.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

size_t hark_gap_frame_encode(uint32_t subscription, uint8_t priority, const char *name,
                             size_t name_size, const struct hark_gap *gap,
                             uint8_t ret_frame[HARK_LOST_MAX])
{
        size_t padded = hark_name_padded_size(name_size);
        struct hark_header header = {
                .type = HARK_FRAME_GAP,
                .priority = priority,
                .name_size = (uint8_t)name_size,
                .size = (uint32_t)(padded + HARK_GAP_SIZE),
                .status = subscription,
        };

        memset(ret_frame, 0, HARK_HEADER_SIZE + padded);
        hark_header_encode(&header, ret_frame);
        memcpy(ret_frame + HARK_HEADER_SIZE, name, name_size);
        hark_gap_encode(gap, ret_frame + HARK_HEADER_SIZE + padded);
        return HARK_HEADER_SIZE + padded + HARK_GAP_SIZE;
}

size_t hark_lost_encode(const uint8_t *head, uint64_t number, uint8_t ret_frame[HARK_LOST_MAX])
{
        struct hark_gap gap = {.n_lost = 1, .first = number, .reason = ECOMM};
        struct hark_header lost;
        const char *why;
        int r = hark_header_decode(head, &lost, &why);

        assert(r == 0 && lost.type == HARK_FRAME_PUBLISH);
        (void)r;
        return hark_gap_frame_encode(lost.status, lost.priority,
                                     (const char *)head + HARK_HEADER_SIZE, lost.name_size, &gap,
                                     ret_frame);
}
