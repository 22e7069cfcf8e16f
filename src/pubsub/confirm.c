/* SPDX-License-Identifier: MIT */

/* See confirm.h. */

#include "pubsub/confirm.h"

static int send_ack(struct hark_conn *conn, uint32_t subscription,
                    struct hark_confirmation confirmation)
{
        struct hark_send send = {
                .type = HARK_FRAME_ACK,
                .priority = confirmation.priority,
                .status = subscription,
                .sequence = confirmation.sequence,
                .deadline_ns = HARK_NEVER,
        };

        return hark_conn_send_control(conn, &send);
}

void hark_confirm(struct hark_confirmations *confirmations, struct hark_conn *conn,
                  uint32_t subscription, struct hark_confirmation confirmation)
{
        /* Only a publisher that gives more than a window can fill it: then it waits in vain. */
        if (confirmations->n_pending < HARK_GROUP_WINDOW)
                confirmations->pending[confirmations->n_pending++] = confirmation;
        while (confirmations->n_pending > 0) {
                if (send_ack(conn, subscription,
                             confirmations->pending[confirmations->n_pending - 1]) < 0)
                        return;
                confirmations->n_pending--;
        }
}
