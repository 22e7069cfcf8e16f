/* SPDX-License-Identifier: MIT */

/* See receive_window.h. */

#include "link/receive_window.h"

#include <stdlib.h>
#include <string.h>

void hark_receive_window_init(struct hark_receive_window *window)
{
        *window = (struct hark_receive_window){.limit = HARK_WINDOW};
}

void hark_receive_window_done(struct hark_receive_window *window)
{
        for (unsigned i = 0; i < HARK_WINDOW; i++) {
                free(window->held[i].bytes);
                window->held[i].bytes = NULL;
        }
}

static enum hark_arrival hold(struct hark_receive_window *window, uint32_t sequence, uint8_t flags,
                              const uint8_t *bytes, size_t size)
{
        uint64_t bit = 1ull << (sequence - window->next - 1);
        uint8_t *copy;

        if (window->early & bit)
                return HARK_ARRIVED_TWICE;
        copy = malloc(size > 0 ? size : 1);
        if (!copy)
                return HARK_ARRIVED_IN_VAIN;
        memcpy(copy, bytes, size);
        window->held[sequence % HARK_WINDOW] =
                (struct hark_held_chunk){.bytes = copy, .size = (uint16_t)size, .flags = flags};
        window->early |= bit;
        return HARK_ARRIVED_EARLY;
}

enum hark_arrival hark_receive_window_put(struct hark_receive_window *window, uint32_t sequence,
                                          uint8_t flags, const uint8_t *bytes, size_t size)
{
        if (sequence - window->next >= window->limit - window->next)
                return HARK_ARRIVED_TWICE;
        if (sequence != window->next)
                return hold(window, sequence, flags, bytes, size);
        window->next++;
        return HARK_ARRIVED_IN_ORDER;
}

bool hark_receive_window_take(struct hark_receive_window *window, struct hark_held_chunk *ret_chunk)
{
        struct hark_held_chunk *chunk = &window->held[window->next % HARK_WINDOW];
        bool is_here = window->early & 1;

        window->early >>= 1;
        if (!is_here)
                return false;
        *ret_chunk = *chunk;
        chunk->bytes = NULL;
        window->next++;
        return true;
}
