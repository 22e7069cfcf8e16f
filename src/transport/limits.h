/* SPDX-License-Identifier: MIT */
#ifndef HARK_TRANSPORT_LIMITS_H
#define HARK_TRANSPORT_LIMITS_H

/* What this machine allows: numbers below /proc/sys. limits.c has the table of those that a
 * transport can run into. */

#include <stdint.h>

#define HARK_SYSCTL_NUMBERS 3 /* most of them in one file */

/* Returns how many numbers stand there, at least one; -errno, -EINVAL: what stands there is none. */
int hark_sysctl_read(const char *path, uint64_t ret_numbers[HARK_SYSCTL_NUMBERS]);

#endif
