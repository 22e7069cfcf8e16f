/* SPDX-License-Identifier: MIT */
#ifndef HARK_CONN_READER_H
#define HARK_CONN_READER_H

/*
 * What comes in on one connection: bytes in, whole messages out.
 *
 *         PREFIX  --header, name and extensions are there-->  PAYLOAD  --all of it-->  PADDING
 *            ^                                                                            |
 *            +----------------------------------------------------------------------------+
 *
 * Bytes may be cut anywhere. A prefix that is cut waits in `carry`. Payload goes from where it was
 * read straight into the message's own memory, and what is still missing of a large one is read
 * there by the port itself (hark_reader_target()).
 *
 * A message in fragments is assembled in the slot of its priority: a sender never has two of one
 * priority under way. A message that may not be kept (its size is beyond a limit, or there is no
 * memory) is passed over byte by byte, and reported without its bytes.
 *
 * The reader does no input or output; whoever owns it decides about every message by its ops.
 */

#include "base/message.h"
#include "transport/transport.h"
#include "wire/frame.h"

#define HARK_PREFIX_MAX 4096 /* header, name and extensions of one frame */

/* A message under way. */
struct hark_incoming {
        struct hark_header header; /* of its first fragment */
        hark_message *message;     /* NULL: passed over */
        size_t total;              /* payload bytes in all */
        size_t offset;             /* payload bytes that have come */
        bool is_active;
        bool is_kept; /* as begin decided; message may be NULL all the same: no memory */
};

enum hark_reader_state {
        HARK_READER_PREFIX = 0,
        HARK_READER_PAYLOAD,
        HARK_READER_PADDING
};

struct hark_reader;

struct hark_reader_ops {
        /*
         * A message of total payload bytes begins with this frame. *ret_is_kept: whether to keep
         * its bytes.
         * 0; negative: it is a protocol error, *ret_why says which.
         */
        int (*begin)(struct hark_reader *reader, const struct hark_header *header,
                     const struct hark_frame *frame, size_t total, bool *ret_is_kept,
                     const char **ret_why);

        /*
         * A message is whole. The reference to incoming->message is handed over; NULL: it was not
         * kept, or there was no memory. frame holds name and extensions, for this call only; they
         * are empty if it came in fragments, and the name is the message's.
         * 0; negative ends the reading (the connection is closed).
         */
        int (*end)(struct hark_reader *reader, const struct hark_incoming *incoming,
                   const struct hark_frame *frame, const char **ret_why);
};

struct hark_reader {
        const struct hark_reader_ops *ops;
        struct hark_message_pools *message_pools;
        enum hark_reader_state state;
        struct hark_header header;   /* of the current frame */
        struct hark_incoming single; /* the current message, unless it is fragmented */
        struct hark_incoming fragmented[HARK_PRIORITIES];
        struct hark_incoming *incoming; /* PAYLOAD: which of these */
        size_t frame_left;              /* PAYLOAD, PADDING: bytes of it still to come */
        uint8_t *carry;                 /* HARK_PREFIX_MAX bytes, NULL until one is needed */
        size_t carry_size;
        struct hark_in_fds fds; /* come, and not yet claimed by a frame */
};

void hark_reader_init(struct hark_reader *reader, const struct hark_reader_ops *ops,
                      struct hark_message_pools *message_pools);
/* Closes unclaimed fds, drops what is under way. */
void hark_reader_done(struct hark_reader *reader);

/*
 * Takes bytes in. 0; -EPROTO with *ret_why; -ENOMEM: no memory for 4 KiB; or what an op returned.
 * After a failure only hark_reader_done() is allowed.
 */
int hark_reader_feed(struct hark_reader *reader, const uint8_t *bytes, size_t size,
                     const char **ret_why);

/* Where the payload that comes next belongs: memory for *ret_size bytes, NULL if there is none.
 * Whoever reads there says so by hark_reader_filled(). */
uint8_t *hark_reader_target(struct hark_reader *reader, size_t *ret_size);
int hark_reader_filled(struct hark_reader *reader, size_t size, const char **ret_why);

/* Forgets a request under way: its sender has cancelled it, and no more of it will come. Returns
 * whether there was one that was kept, and then what was known of it; its message is gone. */
bool hark_reader_forget(struct hark_reader *reader, uint8_t type, uint32_t id, uint8_t priority,
                        struct hark_incoming *ret_forgotten);

#endif
