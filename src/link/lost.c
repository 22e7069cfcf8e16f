/* SPDX-License-Identifier: MIT */

/* See lost.h. */

#include "link/lost.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

size_t hark_lost_encode(const uint8_t *head, uint64_t number, uint8_t ret_frame[HARK_LOST_MAX])
{
        struct hark_gap gap = {.n_lost = 1, .first = number, .reason = ECOMM};
        struct hark_header lost, header;
        size_t name_size;
        const char *why;
        int r = hark_header_decode(head, &lost, &why);

        assert(r == 0 && lost.type == HARK_FRAME_PUBLISH);
        (void)r;
        name_size = hark_name_padded_size(lost.name_size);
        header = (struct hark_header){
                .type = HARK_FRAME_GAP,
                .priority = lost.priority,
                .name_size = lost.name_size,
                .size = (uint32_t)(name_size + HARK_GAP_SIZE),
                .status = lost.status,
        };
        hark_header_encode(&header, ret_frame);
        memcpy(ret_frame + HARK_HEADER_SIZE, head + HARK_HEADER_SIZE, name_size);
        hark_gap_encode(&gap, ret_frame + HARK_HEADER_SIZE + name_size);
        return HARK_HEADER_SIZE + name_size + HARK_GAP_SIZE;
}
