/* SPDX-License-Identifier: MIT */
#ifndef HARK_LINK_RECEIVE_WINDOW_H
#define HARK_LINK_RECEIVE_WINDOW_H

/*
 * Chunks in as the network brings them, out in their order, each once. What comes early is held
 * until what is missing has come. Pure: no fd, no clock.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "link/send_window.h"

struct hark_held_chunk {
        uint8_t *bytes; /* NULL: none */
        uint16_t size;
        uint8_t flags;
};

struct hark_receive_window {
        struct hark_held_chunk held[HARK_WINDOW]; /* by sequence */
        uint64_t early;                           /* bit i: next + 1 + i is held */
        uint32_t next;                            /* all before it has come */
        uint32_t limit;                           /* the first that is not taken yet */
};

enum hark_arrival {
        HARK_ARRIVED_TWICE,    /* or is beyond what is taken: not to be used */
        HARK_ARRIVED_EARLY,    /* copied, and held */
        HARK_ARRIVED_IN_ORDER, /* it is the next, and not copied; some may be held behind it */
        HARK_ARRIVED_IN_VAIN   /* no memory: as if it had not come */
};

void hark_receive_window_init(struct hark_receive_window *window);
void hark_receive_window_done(struct hark_receive_window *window);

enum hark_arrival hark_receive_window_put(struct hark_receive_window *window, uint32_t sequence,
                                          uint8_t flags, const uint8_t *bytes, size_t size);

/* After one in order: those that were held behind it, one by one; the bytes are the caller's to
 * free. false: the next one has not come. */
bool hark_receive_window_take(struct hark_receive_window *window,
                              struct hark_held_chunk *ret_chunk);

/* Lets in as much as the window has; without this, what was let in before is all that is taken. */
static inline void hark_receive_window_let_in(struct hark_receive_window *window)
{
        window->limit = window->next + HARK_WINDOW;
}

#endif
