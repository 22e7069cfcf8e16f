/* SPDX-License-Identifier: MIT */
#ifndef HARK_BASE_PAYLOAD_H
#define HARK_BASE_PAYLOAD_H

/*
 * Checks what a caller handed in.
 */

#include <hark/message.h>

/* 0; -EINVAL: data or fds missing, priority above 7, a status below 0, detached with a parent, a trace
 * that is too long or not printable, a reserved field not zero. */
int hark_payload_check(const struct hark_payload *payload);

#endif
