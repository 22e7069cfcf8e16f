/* SPDX-License-Identifier: MIT */
#ifndef WRITER_KIT_H
#define WRITER_KIT_H

/*
 * A writer whose messages are given as lines of text (frame_text.h), and which sends into memory as
 * much at a time as the test wants.
 */

#include "conn/writer.h"

struct outbox {
        struct hark_writer writer;
        struct hark_pool *pool;
        struct hark_message_pools *messages;
        struct hark_send_budget budget;
        struct hark_plan plan; /* the last one */
        uint8_t *bytes;        /* sent */
        size_t size, room;
        unsigned n_fds; /* sent */
};

/* max_frame as of a transport; 0: none of its own. */
void outbox_init(struct outbox *outbox, size_t max_frame);
void outbox_done(struct outbox *outbox);

/* Queues the message that the line's frame is. */
void outbox_queue(struct outbox *outbox, const char *line);

/* The same, with what else a message may have. */
struct outbox_extra {
        struct hark_outgoing **slot;
        struct hark_outgoing_group *group;
        const int *fds;
        size_t n_fds;
        uint64_t deadline_ns; /* 0: none */
        uint64_t loss_number; /* 0: none */
        hark_message *shared; /* instead of the line's payload */
        bool is_before;       /* before position, which may be NULL */
        struct hark_outgoing *position;
};
void outbox_queue_extra(struct outbox *outbox, const char *line, const struct outbox_extra *extra);

/* One send, of which at most max bytes are taken. Returns how many were; 0: nothing may leave. */
size_t outbox_send(struct outbox *outbox, size_t max);
/* Sends until nothing may leave. */
void outbox_send_all(struct outbox *outbox);

/* Fails the test unless the frames sent since the last time are those of the lines, each ending in
 * a newline; forgets them. */
void outbox_check(struct outbox *outbox, const char *lines);

#endif
