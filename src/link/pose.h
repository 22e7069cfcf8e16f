/* SPDX-License-Identifier: MIT */
#ifndef HARK_LINK_POSE_H
#define HARK_LINK_POSE_H

/*
 * Frames of a side that nobody is at: where a facility has no connections, a port stands in for the
 * other side, so that what is above need not know. All of them are put into an inbox, as if they had
 * come. 0; -ENOMEM.
 */

#include "link/inbox.h"
#include "wire/header.h"

/* A hello, which takes messages of this size. name: NULL: none. */
int hark_pose_hello(struct hark_inbox *inbox, const char *name, size_t message_size);

/* A subscribe under this number; and the answer to one. */
int hark_pose_subscribe(struct hark_inbox *inbox, uint32_t id, const char *filter);
int hark_pose_subscribed(struct hark_inbox *inbox, uint32_t id);

int hark_pose_pong(struct hark_inbox *inbox, uint32_t id);

/* Says no to a request, a publish, a withdrawal or a subscribe. */
int hark_pose_refusal(struct hark_inbox *inbox, const struct hark_header *asked, const char *name,
                      int status, const char *text);

#endif
