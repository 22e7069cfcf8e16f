/* SPDX-License-Identifier: MIT */
#ifndef HARK_PUBSUB_CONFIRM_H
#define HARK_PUBSUB_CONFIRM_H

/*
 * How a member of a group confirms what it has dealt with, at the subscriber's side.
 *
 * An ack for which there is no memory leaves with the next one: the publisher gives a member no
 * more than HARK_GROUP_WINDOW to confirm, so there are no more to remember.
 */

#include "conn/conn.h"
#include "pubsub/group.h"

struct hark_confirmation {
        uint32_t sequence;
        uint8_t priority;
};

/* What is still to be confirmed of one subscription; all zeros at first. */
struct hark_confirmations {
        struct hark_confirmation pending[HARK_GROUP_WINDOW];
        unsigned n_pending;
};

/* Confirms one of this subscription's notifications, at the priority that it came with. */
void hark_confirm(struct hark_confirmations *confirmations, struct hark_conn *conn,
                  uint32_t subscription, struct hark_confirmation confirmation);

#endif
