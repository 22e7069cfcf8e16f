/* SPDX-License-Identifier: MIT */

/* See retry.h. */

#include "transport/retry.h"

#define DELAY_MIN_NS (1 * 1000000ull)
#define DELAY_MAX_NS (50 * 1000000ull)

void hark_retry_start(hark_loop *loop, struct hark_retry *retry, hark_timer_fn *again)
{
        if (retry->delay_ns == 0)
                retry->delay_ns = DELAY_MIN_NS;
        hark_timer_start(loop, &retry->timer, hark_now_ns() + retry->delay_ns, again);
        retry->delay_ns *= 2;
        if (retry->delay_ns > DELAY_MAX_NS)
                retry->delay_ns = DELAY_MAX_NS;
}
