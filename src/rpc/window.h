/* SPDX-License-Identifier: MIT */
#ifndef HARK_RPC_WINDOW_H
#define HARK_RPC_WINDOW_H

/*
 * Flow control of items: how many bytes of one stream, in one direction, are under way. Pure
 * arithmetic, the same at both ends:
 *
 *         sender                                     receiver
 *         take: used += cost      ---item--->        take: used += cost, or it was not allowed
 *                                                    consume: consumed += cost, once it is dealt with
 *         credit: used -= n       <--credit---       due: n = consumed, in pieces of half a window
 *
 * An item is taken whole while less than the window is used. So the sender can never be stuck: with
 * everything consumed, either half a window is due, or less than that is used.
 *
 * At most the window and one message are used, which hark_limits_complete() keeps below 2^31.
 */

#include <stdbool.h>
#include <stdint.h>

struct hark_window {
        uint64_t size;
        uint64_t used;     /* taken and not credited */
        uint64_t consumed; /* receiver: the part of it that is dealt with */
};

void hark_window_init(struct hark_window *window, uint64_t size);

static inline bool hark_window_is_open(const struct hark_window *window)
{
        return window->used < window->size;
}

/* An item of this cost goes on its way. false: it may not now. */
bool hark_window_take(struct hark_window *window, uint64_t cost);

/* Sender: so much has been dealt with. false: that is more than was under way. */
bool hark_window_credit(struct hark_window *window, uint64_t n);

/* Receiver: what was taken has been dealt with. */
void hark_window_consume(struct hark_window *window, uint64_t cost);

/* Receiver: what to credit now; 0: not yet. */
uint32_t hark_window_due(const struct hark_window *window);

/* Receiver: that was credited. */
void hark_window_credited(struct hark_window *window, uint32_t n);

#endif
