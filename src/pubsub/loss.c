/* SPDX-License-Identifier: MIT */

/*
 * What a subscriber lost, and the gap that tells it: a frame in the place of the first that it
 * counts. See channel.h.
 */

#include <string.h>

#include "pubsub/subscriber.h"

/* Whether what is lost now needs a gap of its own: the last one has left; or it stands among what
 * waits, and what is lost comes behind that. */
static bool is_closed(const struct hark_conn_subscriber *subscriber)
{
        const struct hark_loss *loss = &subscriber->loss;

        return loss->has_gap &&
               (!loss->gap || (subscriber->policy == HARK_DROP_NEWEST && loss->is_followed));
}

static void start_anew(struct hark_loss *loss)
{
        if (loss->gap)
                loss->gap->slot = NULL;
        *loss = (struct hark_loss){.first = 0};
}

static void add_loss(struct hark_loss *loss, const struct hark_lost *lost)
{
        loss->reason = lost->reason;
        if (lost->priority > loss->priority)
                loss->priority = lost->priority;
        if (loss->n_lost == 0 || lost->sequence < loss->first)
                loss->first = lost->sequence;
        if (loss->n_lost++ == 0) {
                loss->topic_size = (uint8_t)lost->topic.size;
                memcpy(loss->topic, lost->topic.bytes, lost->topic.size);
        } else if (loss->topic_size != lost->topic.size ||
                   memcmp(loss->topic, lost->topic.bytes, lost->topic.size) != 0) {
                loss->topic_size = 0;
        }
}

/* A gap's payload always has the same size, and lies in the frame itself. */
static void rewrite_gap(struct hark_outgoing *outgoing, const uint8_t bytes[HARK_GAP_SIZE])
{
        memcpy((uint8_t *)(uintptr_t)outgoing->payload, bytes, HARK_GAP_SIZE);
}

/*
 * Queues the frame that tells the loss: where the last such frame stood, or where the lost
 * notification (position) stands, whichever comes first; else behind everything. If there is no
 * memory for it, the last one tells it in its own place and by its own name; if there is none, the
 * next notification tries again.
 */
static void queue_gap(struct hark_conn_subscriber *subscriber, struct hark_outgoing *position)
{
        struct hark_conn *conn = subscriber->channel->conn;
        struct hark_loss *loss = &subscriber->loss;
        uint8_t bytes[HARK_GAP_SIZE];
        struct hark_payload payload = {.data = bytes, .size = sizeof(bytes)};
        struct hark_gap gap = {
                .n_lost = loss->n_lost, .first = loss->first, .reason = loss->reason};
        struct hark_send send = {
                .type = HARK_FRAME_GAP,
                .priority = loss->priority,
                .status = subscriber->id,
                .name = loss->topic_size > 0 ? loss->topic : subscriber->filter,
                .name_size = loss->topic_size > 0 ? loss->topic_size : subscriber->filter_size,
                .payload = &payload,
                .deadline_ns = HARK_NEVER,
                .group = &subscriber->gaps,
        };
        struct hark_outgoing *last = loss->gap, *before = NULL;
        bool stays =
                last && last->header.priority == loss->priority && !(position && loss->is_behind);

        if (stays)
                before = last;
        else if (position && position->header.priority == loss->priority)
                before = position;
        hark_gap_encode(&gap, bytes);
        if (last)
                last->slot = NULL;
        if (hark_conn_send_before(conn, &send, before, &loss->gap) < 0) {
                loss->gap = last;
                if (last) {
                        last->slot = &loss->gap;
                        rewrite_gap(last, bytes);
                }
                return;
        }
        loss->has_gap = true;
        if (!stays) {
                loss->is_behind = !before && subscriber->waiting.n_queued > 0;
                loss->is_followed = false;
        }
        if (last)
                hark_conn_withdraw(conn, last);
}

void hark_subscriber_lose(struct hark_conn_subscriber *subscriber, const struct hark_lost *lost,
                          struct hark_outgoing *position)
{
        if (is_closed(subscriber))
                start_anew(&subscriber->loss);
        add_loss(&subscriber->loss, lost);
        queue_gap(subscriber, position);
        hark_subscriber_report(subscriber, lost->topic);
}

bool hark_subscriber_tell_losses(struct hark_conn_subscriber *subscriber)
{
        const struct hark_loss *loss = &subscriber->loss;

        if (loss->n_lost > 0 && !loss->has_gap)
                queue_gap(subscriber, NULL);
        return loss->n_lost == 0 || loss->has_gap;
}
