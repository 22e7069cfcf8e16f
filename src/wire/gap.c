/* SPDX-License-Identifier: MIT */

/*
 * gap's payload:
 *
 *          0            8           16           20
 *         | n_lost u64 | first u64 | reason u32 | 0 u32 |
 */

#include "wire/frame.h"

#include <errno.h>

#include "base/bytes.h"

#define N_LOST_UNKNOWN UINT64_MAX
#define ERRNO_MAX      4095 /* of Linux; a reason becomes an int whose sign matters */

static const char *check_gap(const struct hark_gap *gap)
{
        if (gap->n_lost == 0)
                return "a gap in which nothing was lost";
        if (gap->first == 0)
                return "a gap that begins before the first sequence number";
        if (gap->n_lost != N_LOST_UNKNOWN && gap->n_lost > UINT64_MAX - gap->first)
                return "a gap that ends beyond the last sequence number";
        if (gap->reason == 0 || gap->reason > ERRNO_MAX)
                return "a gap whose reason is no errno";
        return NULL;
}

void hark_gap_encode(const struct hark_gap *gap, uint8_t bytes[HARK_GAP_SIZE])
{
        hark_store64(bytes, gap->n_lost);
        hark_store64(bytes + 8, gap->first);
        hark_store32(bytes + 16, gap->reason);
        hark_store32(bytes + 20, 0);
}

int hark_gap_decode(struct hark_span payload, struct hark_gap *ret_gap, const char **ret_why)
{
        struct hark_gap gap;
        const char *why;

        if (payload.size < HARK_GAP_SIZE) {
                *ret_why = "a gap of less than 24 bytes";
                return -EPROTO;
        }
        gap = (struct hark_gap){
                .n_lost = hark_load64(payload.bytes),
                .first = hark_load64(payload.bytes + 8),
                .reason = hark_load32(payload.bytes + 16),
        };
        why = check_gap(&gap);
        if (why) {
                *ret_why = why;
                return -EPROTO;
        }
        *ret_gap = gap;
        return 0;
}
