/* SPDX-License-Identifier: MIT */
#ifndef HARK_BASE_CLOCK_H
#define HARK_BASE_CLOCK_H

/*
 * Points in time are nanoseconds of CLOCK_MONOTONIC in a uint64_t; HARK_NEVER is none.
 */

#include <stdint.h>

#define HARK_NEVER UINT64_MAX

/* clock_gettime(2) */
uint64_t hark_now_ns(void);

/* The point timeout_ms from now, HARK_NEVER for HARK_FOREVER. timeout_ms >= 0. */
uint64_t hark_deadline_ns(int timeout_ms);

/* Milliseconds from now until due_ns, rounded up; 0: over; HARK_FOREVER: HARK_NEVER, or too far. */
int hark_time_left_ms(uint64_t due_ns);

#endif
