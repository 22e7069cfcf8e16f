/* SPDX-License-Identifier: MIT */
#ifndef HARK_WIRE_HEADER_H
#define HARK_WIRE_HEADER_H

/*
 * The 32-byte header in front of every frame. Pure: no fd, no memory, no clock.
 * hark-wire(7) says the same byte by byte, for those who write another implementation.
 *
 *          0      1        2     3      4                       8
 *         | 0xC1 | version | type | flags | size u32            | id u32                |
 *          12                      16                      20    21       22      23
 *         | status or subscription | time left u32         | enc | priority | n_fds | name size |
 *          24                      28
 *         | sequence u32           | offset or total u32    |
 *
 * All numbers are little-endian. `size` counts what follows the header; a frame is then padded with
 * zeros to a multiple of 8, which `size` does not count.
 *
 * What a type says of a frame:
 *
 *                      name             fds and fragments   own flags      status field
 *         hello        any bytes, no NUL
 *         goaway                                                           0 or a status
 *         credit                                            feed           bytes
 *         request      name             yes                 one-way, waits, observes,
 *                                                          feeds
 *         reply                         yes
 *         error        name or none     yes                 from library   a status
 *         publish      name             yes                 retained,      subscription
 *                                                          repeated, kept;
 *                                                          retain, live
 *         item                          yes                 end, feed
 *         subscribe    filter
 *         subscribed                                                       0 or a status
 *         gap          filter                                              subscription
 *         ack                                                              subscription
 *         withdrawn    name                                                subscription
 *
 * and nothing for ping, pong, cancel and unsubscribe. Every type may have extensions. A flag that
 * is not defined for its type is a protocol error, so that whoever gives it a meaning later can
 * rely on its being heeded; a field that a type does not use is sent as 0 and ignored, so that it
 * can be given one that old readers may ignore.
 *
 * A message in fragments: all fragments but the last have MORE, all but the first CONTINUED; none
 * is empty. The first one says all there is to say of the message, and its total; in the others
 * only type, id, priority, offset and payload count, and name, extensions and fds are a protocol
 * error.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/priority.h"
#include "names/name.h"

#define HARK_HEADER_SIZE  32
#define HARK_WIRE_MAGIC   0xC1 /* never used in MessagePack, cannot occur in UTF-8 */
#define HARK_WIRE_VERSION 1
#define HARK_FRAME_MAX    (1u << 30) /* bytes after the header: no frame and no message is larger */
#define HARK_CONTROL_MAX  (1u << 16) /* the same for types that cannot be in fragments */

/* An unknown type with bit 7 set is ignored, any other is a protocol error. */
enum hark_frame_type {
        HARK_FRAME_HELLO = 1,
        HARK_FRAME_GOAWAY = 2,
        HARK_FRAME_PING = 3,
        HARK_FRAME_PONG = 4,
        HARK_FRAME_CREDIT = 5, /* more items may come */
        HARK_FRAME_ACK = 6,
        HARK_FRAME_REQUEST = 16,
        HARK_FRAME_REPLY = 17,
        HARK_FRAME_ERROR = 18,
        HARK_FRAME_CANCEL = 19,
        HARK_FRAME_ITEM = 20,    /* one of many that belong to a request or to its answer */
        HARK_FRAME_PUBLISH = 32, /* to a subscription; to a server if subscription is 0 */
        HARK_FRAME_SUBSCRIBE = 33,
        HARK_FRAME_UNSUBSCRIBE = 34,
        HARK_FRAME_SUBSCRIBED = 35,
        HARK_FRAME_GAP = 36,
        HARK_FRAME_WITHDRAWN = 37 /* to a subscription; to a server if subscription is 0 */
};

enum hark_frame_flag {
        HARK_FLAG_MORE = 1 << 0,       /* more fragments of this message follow */
        HARK_FLAG_EXTENSIONS = 1 << 1, /* behind the name */
        HARK_FLAG_TIME_IN_MS = 1 << 2, /* request: time left, else in microseconds */
        HARK_FLAG_CONTINUED = 1 << 3,  /* this is not the first fragment of its message */
        /* bits 4 to 7 are each type's own */
        HARK_FLAG_ONE_WAY = 1 << 4,      /* request: no answer is expected */
        HARK_FLAG_FROM_LIBRARY = 1 << 4, /* error: said by the library, not by the handler */
        HARK_FLAG_REPEATED = 1 << 5,     /* publish to a subscription: another member of its group
                                            may have seen it */
        HARK_FLAG_RETAINED = 1 << 4,     /* publish to a subscription: the value that the topic had
                                            before */
        HARK_FLAG_KEPT = 1 << 6,         /* ... : its value from now on */
        HARK_FLAG_RETAIN = 1 << 4,       /* publish to a server: as the topic's value ... */
        HARK_FLAG_LIVE = 1 << 5,         /* ... until this connection ends */
        HARK_FLAG_CALLER_WAITS = 1 << 5, /* request: who asks runs no handler meanwhile */
        HARK_FLAG_END = 1 << 4,          /* item: the last of the question's, which is none */
        HARK_FLAG_FEED = 1 << 5,     /* item: the question's, not the answer's; credit: for those */
        HARK_FLAG_OBSERVES = 1 << 6, /* request: its answer may have items */
        HARK_FLAG_FEEDS = 1 << 7     /* request: it has items, which follow */
};

struct hark_header {
        uint8_t type;  /* enum hark_frame_type */
        uint8_t flags; /* enum hark_frame_flag; TIME_IN_MS is encode's and decode's own business */
        uint8_t encoding, priority, n_fds, name_size;
        uint32_t size; /* of name and extensions, each padded to 8, and payload */
        uint32_t id;
        uint32_t status; /* subscription, where the type says so */
        uint32_t sequence;
        uint32_t offset;       /* MORE without CONTINUED: the total of payload bytes; CONTINUED:
                                  where this fragment's payload lies in it; neither: 0 */
        uint64_t time_left_ns; /* 0: none */
};

/* Whether it says what a topic is about: to a server, or to a subscription. */
static inline bool hark_frame_type_publishes(uint8_t type)
{
        return type == HARK_FRAME_PUBLISH || type == HARK_FRAME_WITHDRAWN;
}

/* Writes all 32 bytes. time_left_ns that is not 0 never becomes 0: it is rounded up; what is beyond
 * 2^32 ms becomes the largest there is. */
void hark_header_encode(const struct hark_header *header, uint8_t bytes[HARK_HEADER_SIZE]);

/*
 * Reads and checks what a header alone can show: magic, version, type, flags, priority, whether a
 * name, fds, fragments and the status suit the type, and that all sizes agree. An unknown type with
 * bit 7 set is passed on, to be skipped with its n_fds fds: of it only magic, version and size are
 * checked.
 * Returns 0; -EPROTO, and then *ret_why is a static text that says what was wrong.
 */
int hark_header_decode(const uint8_t bytes[HARK_HEADER_SIZE], struct hark_header *ret_header,
                       const char **ret_why);

/* Whether the type is one of enum hark_frame_type. */
bool hark_frame_type_is_known(uint8_t type);

/* Whether a message of this type has a payload of its user's: it may be in fragments, with fds. */
bool hark_frame_type_has_payload(uint8_t type);

/* "request", for logs; never NULL. */
const char *hark_frame_type_name(uint8_t type);

#endif
