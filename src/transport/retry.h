/* SPDX-License-Identifier: MIT */
#ifndef HARK_TRANSPORT_RETRY_H
#define HARK_TRANSPORT_RETRY_H

/*
 * Trying again where the kernel has no room now and never says when it has: at a full backlog, or a
 * full queue that is not ours. The first pauses pass unnoticed, the last cost nothing.
 */

#include "loop/loop.h"

struct hark_retry {
        struct hark_timer timer;
        uint64_t delay_ns; /* the next pause; 0: the shortest */
};

/* again runs after a pause of 1 ms, then ever longer ones, up to 50 ms. */
void hark_retry_start(hark_loop *loop, struct hark_retry *retry, hark_timer_fn *again);

#endif
