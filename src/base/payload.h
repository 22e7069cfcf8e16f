/* SPDX-License-Identifier: MIT */
#ifndef HARK_BASE_PAYLOAD_H
#define HARK_BASE_PAYLOAD_H

/*
 * Checks what a caller handed in.
 */

#include <hark/message.h>

/* 0; -EINVAL: data or fds missing, priority above 7, a status below 0 or one that enum
 * hark_progress has, detached with a parent, a trace that is too long or not printable, a reserved
 * field not zero. */
int hark_payload_check(const struct hark_payload *payload);

/* The same, and what only a question can have. */
int hark_payload_check_answer(const struct hark_payload *payload);

/* The same, and what only an answer can have. */
int hark_payload_check_item(const struct hark_payload *payload);

#endif
