/* SPDX-License-Identifier: MIT */
#ifndef HARK_LINK_LOST_H
#define HARK_LINK_LOST_H

/* Frames that tell of notifications that were lost on the way. Pure. */

#include <stddef.h>
#include <stdint.h>

#include "wire/frame.h"

#define HARK_LOST_MAX (HARK_HEADER_SIZE + HARK_NAME_MAX + 1 + HARK_GAP_SIZE)

/* A gap of this subscription; name: the topic, or the filter. Returns the size of what has been
 * written. */
size_t hark_gap_frame_encode(uint32_t subscription, uint8_t priority, const char *name,
                             size_t name_size, const struct hark_gap *gap,
                             uint8_t ret_frame[HARK_LOST_MAX]);

/* The gap that takes the place of one. head: at least the header and name of a whole publish to a subscription, as this library has
 * encoded it; number: its sequence number, whole. Returns the same. */
size_t hark_lost_encode(const uint8_t *head, uint64_t number, uint8_t ret_frame[HARK_LOST_MAX]);

#endif
