/* SPDX-License-Identifier: MIT */
#ifndef HARK_WIRE_FRAME_H
#define HARK_WIRE_FRAME_H

/*
 * What follows a header: name, extensions, payload. Pure: no fd, no memory, no clock.
 *
 *         name, padded to 8 | extensions, padded to 8 | payload
 *
 * extensions are a u32 with the size of what follows, then any number of
 *         u16 id | u16 size | value, not padded
 * of which an id with bit 15 set must be understood: an unknown one is a protocol error. Of two
 * with the same id the first counts. Padding is written as zeros and not looked at.
 */

#include "wire/header.h"

/* Bytes of all extensions, with their size and padding: so header, name and extensions take at most
 * 4096 bytes, which is what a reader must be ready to keep of a frame before it can judge it. */
#define HARK_EXTENSIONS_MAX       3808
#define HARK_EXTENSIONS_HEAD_SIZE 4 /* the u32 in front of them */

enum hark_extension_id {
        HARK_EXTENSION_ERROR_NAME = 1,
        HARK_EXTENSION_ERROR_TEXT = 2,
        HARK_EXTENSION_QUEUE = 3,     /* subscribe: struct hark_queue */
        HARK_EXTENSION_CHAIN = 5,     /* request: see chain.h */
        HARK_EXTENSION_TRACE = 6,     /* request: text */
        HARK_EXTENSION_GROUP = 0x8004 /* subscribe: a name */
};

#define HARK_TRACE_MAX 255 /* bytes */

struct hark_span {
        const uint8_t *bytes;
        size_t size;
};

/* A frame taken apart; everything points into the bytes it was split from. */
struct hark_frame {
        struct hark_span name, extensions /* after their u32 */, payload;
};

/*
 * Takes apart the header->size bytes behind a header, which hark_header_decode() has passed, and
 * checks them: the name's grammar (which of them header.h says), the sizes of extensions, unknown
 * extensions that must be understood, that a first fragment leaves something to the others.
 * body may hold less than all of the payload (body_size < header->size): then name and extensions
 * must lie in it whole (hark_frame_prefix_size()), and payload is what there is. What body holds
 * beyond header->size is not looked at.
 * Returns 0; -EPROTO with *ret_why a static text.
 */
int hark_frame_split(const struct hark_header *header, const uint8_t *body, size_t body_size,
                     struct hark_frame *ret_frame, const char **ret_why);

/*
 * How many bytes behind the header hold name and extensions, padding included. If body_size is too
 * small to show the extensions' size, it is how many bytes are needed to tell: so whatever is more
 * than body_size means, read on and ask again; else it is the answer.
 * Returns 0; -EPROTO with *ret_why.
 */
int hark_frame_prefix_size(const struct hark_header *header, const uint8_t *body, size_t body_size,
                           size_t *ret_size, const char **ret_why);

/* What is wrong with a frame's extensions, as a static text: one that is cut short, or too short
 * for its id, or that must be understood and is not known. NULL: nothing. */
const char *hark_extensions_check(struct hark_span extensions);

/* Finds an extension in a frame's extensions; false: it is not there. */
bool hark_extension_find(struct hark_span extensions, uint16_t id, struct hark_span *ret_value);

/* How many bytes a name takes when written: rounded up to 8. */
size_t hark_name_padded_size(size_t name_size);

/*
 * Writes extensions into bytes: start, any number of puts, finish. The caller has made sure of the
 * room: 4 bytes, plus 4 and its size for each value, rounded up to 8; HARK_EXTENSIONS_MAX is always
 * enough, because a value that would lead past it is cut, or left out if not even its id fits.
 */
struct hark_extension_writer {
        uint8_t *bytes;
        size_t size;
};
void hark_extensions_start(struct hark_extension_writer *writer, uint8_t *bytes);
void hark_extensions_put(struct hark_extension_writer *writer, uint16_t id, const void *value,
                         size_t size);
/* Pads; returns the size of it all, a multiple of 8. */
size_t hark_extensions_finish(struct hark_extension_writer *writer);

/*
 * What a subscribe says of the subscription's queue.
 *
 *         u32 max_messages | u8 policy | u8 flags | u16 0 | u64 max_size
 */
struct hark_queue {
        uint32_t max_messages; /* 0: the publisher's default */
        uint8_t policy;        /* 0: drop the oldest */
        uint8_t flags;         /* enum hark_queue_flag */
        uint64_t max_size;     /* 0: the publisher's default */
};
enum hark_queue_flag {
        HARK_QUEUE_WANTS_RETAINED = 1 << 0, /* first the current values, then every change */
        HARK_QUEUE_ONCE_ONLY = 1 << 1       /* what this member may have seen goes to no other */
};
#define HARK_QUEUE_SIZE 16 /* later versions append; shorter is a protocol error */
void hark_queue_encode(const struct hark_queue *queue, uint8_t bytes[HARK_QUEUE_SIZE]);
/* All zeros if there is none in these extensions, which have been checked. */
void hark_queue_find(struct hark_span extensions, struct hark_queue *ret_queue);

/* hello's payload: what an end says of itself, before anything else. Later versions append. */
struct hark_hello {
        uint16_t version_min, version_max;
        uint32_t features; /* none yet: 0 */
        uint64_t instance; /* random, one for each thread; 0: does not say */
        uint64_t message_size, received_size;
        uint32_t calls_in_flight, subscriptions;
        uint32_t fds_per_message;
        uint32_t pid;         /* claimed; 0: does not say */
        uint64_t window_size; /* of items in each stream; 0: takes none */
};
#define HARK_HELLO_SIZE 56
#define HARK_MESSAGE_SIZE_MIN \
        1024 /* the least that an end takes; and received_size >= message_size */
void hark_hello_encode(const struct hark_hello *hello, uint8_t bytes[HARK_HELLO_SIZE]);
/* A message_size above HARK_FRAME_MAX is read as that, because nobody may send more, and so is a
 * window_size.
 * 0; -EPROTO: shorter, no common version, or limits below the smallest allowed. */
int hark_hello_decode(struct hark_span payload, struct hark_hello *ret_hello, const char **ret_why);

/* gap's payload. */
struct hark_gap {
        uint64_t n_lost; /* UINT64_MAX: unknown */
        uint64_t first;  /* the first sequence number that is missing */
        uint32_t reason; /* a positive errno */
};
#define HARK_GAP_SIZE 24
void hark_gap_encode(const struct hark_gap *gap, uint8_t bytes[HARK_GAP_SIZE]);
/* 0; -EPROTO: shorter, nothing lost, numbers beyond 2^64, or a reason that is no errno. */
int hark_gap_decode(struct hark_span payload, struct hark_gap *ret_gap, const char **ret_why);

#endif
