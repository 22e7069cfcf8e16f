/* SPDX-License-Identifier: MIT */
#ifndef HARK_RPC_CIRCLE_H
#define HARK_RPC_CIRCLE_H

/*
 * Waiting calls that would wait for each other. A thread that waits in hark_call() runs no handler,
 * so whoever waits for a handler of it meanwhile waits until a deadline. Three ways to find that
 * out:
 *
 *         the caller      the end of the connection to be asked waits already, as the chain of the
 *                         request says on whose behalf is asked (context.c)
 *         the asked one   a request whose chain says that this thread waits, while it waits for that
 *                         very chain
 *         both            two ends that have asked each other, neither knowing of the other's call: the
 *                         one that accepted the connection gives way, or of two connections the one
 *                         with the smaller instance. It refuses the other's request, or, if it has
 *                         handed that to its user already, ends its own call.
 *
 * Of the third kind there are some that will be over by themselves, because the answer that this
 * thread waits for has left before the request came. So the descriptors are looked at twice before
 * anybody gives way.
 */

#include "rpc/calls.h"
#include "wire/chain.h"

/* A function that waits for a call. */
struct hark_wait {
        struct hark_pending_call *pending;
        struct hark_task judge;
        unsigned n_looks;
        struct hark_wait *outer;
};

void hark_wait_begin(struct hark_wait *wait, struct hark_pending_call *pending);
void hark_wait_end(struct hark_wait *wait);

/* A request has come and waits for its turn: refuses it where it closes a circle, at once or
 * soon. */
void hark_circle_take_request(hark_request *request);

/* The other side of a connection has said who it is. */
void hark_circle_take_hello(void);

/* "the call would wait for itself: a -> b -> a". Returns text. */
#define HARK_CIRCLE_TEXT_SIZE (HARK_CHAIN_TEXT_MAX + 32)
const char *hark_circle_describe(struct hark_span chain, uint64_t instance,
                                 char text[HARK_CIRCLE_TEXT_SIZE]);

#endif
