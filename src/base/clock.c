/* SPDX-License-Identifier: MIT */

/*
 * The one clock of the library.
 */

#include "base/clock.h"

#include <time.h>

#include <hark/types.h>

#define NS_PER_MS 1000000u
#define NS_PER_S  1000000000u

uint64_t hark_now_ns(void)
{
        struct timespec now;

        (void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail for this clock */
        return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

uint64_t hark_deadline_ns(int timeout_ms)
{
        if (timeout_ms == HARK_FOREVER)
                return HARK_NEVER;
        return hark_now_ns() + (uint64_t)timeout_ms * NS_PER_MS;
}

int hark_time_left_ms(uint64_t due_ns)
{
        uint64_t now_ns, left_ms;

        if (due_ns == HARK_NEVER)
                return HARK_FOREVER;
        now_ns = hark_now_ns();
        if (due_ns <= now_ns)
                return 0;
        left_ms = (due_ns - now_ns - 1) / NS_PER_MS + 1;
        return left_ms < HARK_FOREVER ? (int)left_ms : HARK_FOREVER;
}
