/* SPDX-License-Identifier: MIT */
#ifndef HARK_RPC_CONTEXT_H
#define HARK_RPC_CONTEXT_H

/*
 * On whose behalf a call is made, and what it inherits: from the request whose handler runs on this
 * thread, unless the payload is detached, or from the one that the payload names as its parent.
 *
 *         deadline   the call's own, or the request's if that is earlier
 *         chain      who has asked whom, while the request awaits its answer: see circle.h
 *         trace      unless the payload has one
 *         cancel     from a parent only: when that ends, the call ends
 *
 * Once it is answered a request passes on nothing but its trace: nobody waits any more. What
 * expects no answer takes no chain with it, because nobody waits for that either.
 *
 * The request that runs is a variable of the thread, not of the loop: its handler may ask by a
 * client that has a loop of its own.
 */

#include "rpc/calls.h"
#include "wire/chain.h"

#define HARK_TOO_DEEP "more than 16 calls deep"

/* Around a handler, and whatever else runs on behalf of a request. Returns what leave takes. */
hark_request *hark_context_enter(hark_request *request);
void hark_context_leave(hark_request *before);

/* What a question borrows while it is asked. */
struct hark_context {
        hark_message *verdict;
        uint8_t extensions[HARK_EXTENSIONS_HEAD_SIZE + 4 + HARK_CHAIN_MAX + 4 + HARK_TRACE_MAX + 8];
};

/* Completes a question, of which method, payload, deadline_ns and the kind are set. Nothing may run
 * between this and the asking: the parent could end. Again for the same question:
 * hark_context_done() first. */
void hark_context_inherit(struct hark_context *context, const struct hark_calls *calls,
                          struct hark_question *question);
void hark_context_done(struct hark_context *context);

#endif
