/* SPDX-License-Identifier: MIT */
#ifndef HARK_BASE_RESULT_H
#define HARK_BASE_RESULT_H

/*
 * Results and statuses: the public hark_reason() is implemented here, and what the library itself
 * needs to know of both.
 */

#include <hark/types.h>

/* The status nearest to a negative errno, for hark_fail(). */
int hark_status_of_errno(int error);

/* The -errno of a connection that was refused with this status; see hark_connect(). */
int hark_errno_of_refusal(int status);

/* What an error frame says is never good, whatever number it comes with. */
int hark_status_of_wire(uint32_t status);

#endif
