/* SPDX-License-Identifier: MIT */
#ifndef HARK_PUBSUB_SUBSCRIBER_H
#define HARK_PUBSUB_SUBSCRIBER_H

/*
 * One subscription as its publisher keeps it, for the files of this folder only.
 *
 *         channel.c  its beginning and its end
 *         current.c  what it is given first, if it wants retained values
 *         queue.c    what waits for it, and its policy when that is too much
 *         loss.c     what it lost, and the gap that tells it
 *         report.c   the same, told to the publisher
 */

#include "pubsub/channel.h"

/* What was dropped and is not told yet. */
struct hark_loss {
        struct hark_outgoing *gap; /* the frame that will tell it; NULL: see has_gap */
        bool has_gap;              /* one was queued; if gap is NULL, it has left: all is told. Not
                                      set, though something is lost: there was no memory for one */
        bool is_behind;            /* it stands behind notifications that are still waiting */
        bool is_followed;          /* a notification was queued behind it */
        uint64_t first, n_lost;
        uint32_t reason; /* an errno, of the last */
        uint8_t priority;
        uint8_t topic_size; /* 0: of several topics */
        char topic[HARK_NAME_MAX];
};

struct hark_loss_report;
struct hark_current;

struct hark_conn_subscriber {
        struct hark_subscriber subscriber;
        struct hark_map_node node;
        struct hark_conn_channel *channel;
        uint32_t id, max_messages;
        size_t max_size;
        uint8_t policy; /* enum hark_policy */
        bool wants_retained;
        bool is_slow;      /* its queue is above half: counted in topics->n_slow */
        uint64_t sequence; /* what it has matched so far */
        struct hark_outgoing_group waiting;
        struct hark_map latest; /* HARK_KEEP_LATEST: what waits, by its topic */
        struct hark_outgoing_group gaps;
        struct hark_loss loss;
        struct hark_current *current;    /* what it is given first; NULL: all of it was queued */
        struct hark_loss_report *report; /* to the publisher, on its way; may be NULL */
        uint64_t n_unreported;           /* for the next one: there was no memory for it */
        size_t filter_size;
        char filter[]; /* NUL-terminated */
};

/* A notification that will not be sent. */
struct hark_lost {
        uint64_t sequence;
        struct hark_span topic;
        uint8_t priority;
        uint32_t reason; /* an errno */
};

/* Counts it, and sees to it that both ends are told. position: where it waits, NULL: nowhere
 * yet. */
void hark_subscriber_lose(struct hark_conn_subscriber *subscriber, const struct hark_lost *lost,
                          struct hark_outgoing *position);

/* Tells the publisher of one more, soon. */
void hark_subscriber_report(struct hark_conn_subscriber *subscriber, struct hark_span topic);

/* Whether all that was lost is told, or queued to be told, so that a notification may follow. */
bool hark_subscriber_tell_losses(struct hark_conn_subscriber *subscriber);

/* What is still to be reported of it is, though it ends. */
void hark_subscriber_part_from_report(struct hark_conn_subscriber *subscriber);

/* What waits for it: nothing yet. policy and limits are set. */
void hark_subscriber_init_queue(struct hark_conn_subscriber *subscriber);
/* Takes back all that waits, gaps too. */
void hark_subscriber_done_queue(struct hark_conn_subscriber *subscriber);

/* Of hark_channel_ops: queues what its filter matched, or does as its policy says. */
void hark_subscriber_deliver(struct hark_subscriber *base,
                             const struct hark_publication *publication);

/* Says that the subscription stands, and how many current values were sent before that. */
void hark_conn_channel_confirm(struct hark_conn_channel *channel, uint32_t id, uint32_t n_current);

/* Its queue is full, and its policy is HARK_DISCONNECT: soon the connection ends. */
void hark_conn_channel_end(struct hark_conn_channel *channel, uint32_t full_id, const char *limit);
/* Nothing is counted any more. */
bool hark_conn_channel_is_ending(const struct hark_conn_channel *channel);

#endif
