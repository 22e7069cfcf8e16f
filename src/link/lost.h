/* SPDX-License-Identifier: MIT */
#ifndef HARK_LINK_LOST_H
#define HARK_LINK_LOST_H

/* What is sent in the place of a notification that was lost: the gap that it leaves. Pure. */

#include <stddef.h>
#include <stdint.h>

#include "wire/frame.h"

#define HARK_LOST_MAX (HARK_HEADER_SIZE + HARK_NAME_MAX + 1 + HARK_GAP_SIZE)

/* head: at least the header and name of a whole publish to a subscription, as this library has
 * encoded it; number: its sequence number, whole. Returns the size of what has been written. */
size_t hark_lost_encode(const uint8_t *head, uint64_t number, uint8_t ret_frame[HARK_LOST_MAX]);

#endif
