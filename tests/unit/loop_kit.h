/* SPDX-License-Identifier: MIT */
#ifndef LOOP_KIT_H
#define LOOP_KIT_H

/* What the tests of the loop share. */

#include <check.h>
#include <poll.h>
#include <stdbool.h>

#include "loop/loop.h"

#define KIT_PATIENCE_MS 10000 /* for what should take no time at all */

static inline hark_loop *kit_new_loop(void)
{
        hark_loop *loop = NULL;

        ck_assert_int_eq(hark_loop_new(&loop), 0);
        return loop;
}

/* What a foreign loop sees, if it looks for so long. */
static inline bool kit_is_readable_within(const hark_loop *loop, int timeout_ms)
{
        struct pollfd pollfd = {.fd = hark_loop_fd(loop), .events = POLLIN};

        return poll(&pollfd, 1, timeout_ms) == 1 && (pollfd.revents & POLLIN) != 0;
}

static inline bool kit_is_readable(const hark_loop *loop)
{
        return kit_is_readable_within(loop, 0);
}

/* Processes until the number is reached, or no patience is left. */
static inline void kit_process_until(hark_loop *loop, const unsigned *n, unsigned enough)
{
        uint64_t end_ns = hark_deadline_ns(KIT_PATIENCE_MS);

        while (*n < enough && hark_time_left_ms(end_ns) > 0)
                ck_assert_int_eq(hark_loop_process(loop, hark_time_left_ms(end_ns)), 0);
        ck_assert_uint_ge(*n, enough);
}

/* As a foreign loop does it: processes as long as the fd is readable. */
static inline void kit_process_what_shows(hark_loop *loop)
{
        for (int i = 0; i < 1000 && kit_is_readable(loop); i++)
                ck_assert_int_eq(hark_loop_process(loop, 0), 0);
        ck_assert(!kit_is_readable(loop));
}

/* For callbacks that only count. */
static inline void kit_count(void *userdata)
{
        (*(unsigned *)userdata)++;
}

#endif
