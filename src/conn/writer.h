/* SPDX-License-Identifier: MIT */
#ifndef HARK_CONN_WRITER_H
#define HARK_CONN_WRITER_H

/*
 * The outgoing queue of one connection: messages in, frames out.
 *
 *         queue[7]  m m
 *         queue[..]                 plan: up to 64 frames  ->  one send of the port
 *         queue[0]  M m m m
 *
 * Within a priority messages leave in the order they came, each one whole before the next one
 * begins; a message larger than a chunk leaves in fragments, and whatever is more urgent passes
 * between two of them. What a port takes of a frame is remembered, and the rest of that frame goes
 * first next time.
 *
 * So that the urgent do not starve the others, a priority that was passed by so many bytes of more
 * urgent ones (HARK_PASSED_MAX) is due: it comes next, with one chunk. Only what shall be behind
 * all that was queued before it, such as a goodbye, waits for that.
 *
 * Pure but for memory: the writer plans and accounts, the connection sends.
 */

#include "conn/outgoing.h"
#include "transport/transport.h"

#define HARK_CHUNK (64 * 1024) /* payload bytes of a fragment: what an urgent frame waits for */

/* 15 chunks: so what is due has one part in 16 of what leaves, for each priority. */
#define HARK_PASSED_MAX ((size_t)15 * HARK_CHUNK)

struct hark_planned_frame {
        struct hark_outgoing *outgoing;
        size_t payload_size; /* of this frame */
        size_t size;         /* of this frame, header and padding included */
};

struct hark_writer {
        struct hark_list queue[HARK_PRIORITIES];
        unsigned filled;                     /* bit p: queue[p] is not empty */
        size_t passed[HARK_PRIORITIES];      /* bytes of more urgent ones that left meanwhile */
        uint64_t n_queued;                   /* the number of the last that was queued at an end */
        size_t queued_size;                  /* memory that all of them hold */
        size_t control_size;                 /* and that those of the library hold */
        struct hark_pool *pool;              /* of outgoing messages */
        struct hark_message_pools *messages; /* of what is too large to lie in those */
        size_t max_frame;                    /* payload of one frame */
        struct hark_planned_frame current;   /* partly sent; outgoing NULL: none */
        size_t current_sent;
        uint8_t current_head[HARK_HEADER_SIZE];
};

/* What one send carries. */
struct hark_plan {
        struct hark_out_frame frames[HARK_SEND_FRAMES];
        struct hark_planned_frame planned[HARK_SEND_FRAMES];
        uint8_t heads[HARK_SEND_FRAMES][HARK_HEADER_SIZE];
        unsigned n_frames;
        size_t size, max_size; /* no further frame is begun once it is max_size */
};

/* How much may leave now; before the other side's hello this is little. */
struct hark_send_budget {
        size_t bytes;
        unsigned requests;
        bool allows_fds;
};

void hark_writer_init(struct hark_writer *writer, struct hark_pool *pool,
                      struct hark_message_pools *messages, size_t max_frame);
/* Drops all that is queued. */
void hark_writer_done(struct hark_writer *writer);

static inline bool hark_writer_is_empty(const struct hark_writer *writer)
{
        return writer->filled == 0;
}

/*
 * Makes an outgoing message and queues it behind the others of its priority; copies what send
 * borrows. slot and send->group may be NULL.
 * 0; -ENOMEM; -EMFILE, -EBADF: an fd could not be duplicated.
 */
int hark_writer_queue(struct hark_writer *writer, const struct hark_send *send,
                      struct hark_outgoing **slot);

/* The same, before one that is queued, of the same priority, and has not begun to leave; NULL:
 * before all others of its priority that have not. */
int hark_writer_queue_before(struct hark_writer *writer, const struct hark_send *send,
                             struct hark_outgoing *position, struct hark_outgoing **slot);

/* Queues a message that was made before, behind the others of its priority. */
void hark_writer_put(struct hark_writer *writer, struct hark_outgoing *outgoing);

/* Offers each message of which nothing has left, in the order in which they would leave; those that
 * are taken are the taker's, slot and all, and the others stay. */
void hark_writer_reclaim(struct hark_writer *writer,
                         bool (*take)(struct hark_outgoing *outgoing, void *userdata),
                         void *userdata);

/* Takes back what has not begun to leave. Clears its slot. */
void hark_writer_withdraw(struct hark_writer *writer, struct hark_outgoing *outgoing);

/* Whether a part of this message has left, and a part has not. */
bool hark_writer_has_begun(const struct hark_writer *writer, uint8_t type, uint32_t id,
                           uint8_t priority);

/* Stops a message of which a part has left: what has been begun of a frame is finished, no further
 * fragment follows. Does nothing if there is no such message. */
void hark_writer_give_up(struct hark_writer *writer, uint8_t type, uint32_t id, uint8_t priority);

/* Plans the next send within the budget; plan->n_frames is 0 if nothing may leave. */
void hark_writer_plan(struct hark_writer *writer, struct hark_plan *plan,
                      struct hark_send_budget budget);

/* Whether it ends within a message that one send does not carry. */
bool hark_plan_is_bulky(const struct hark_plan *plan);

/* Accounts for the first n_bytes of the plan, which the port has taken. Takes what that was off the
 * budget. */
void hark_writer_sent(struct hark_writer *writer, const struct hark_plan *plan, size_t n_bytes,
                      struct hark_send_budget *budget);

/* Calls drop, with -EMSGSIZE or -EDQUOT, for every message whose payload is larger than
 * message_size or that has more than n_fds fds, and of which nothing has left: it has been taken
 * out of its queue, its slot is still set, and it is freed afterwards. */
void hark_writer_drop_unfit(struct hark_writer *writer, size_t message_size, unsigned n_fds,
                            void (*drop)(const struct hark_outgoing *outgoing, int error,
                                         void *userdata),
                            void *userdata);

#endif
