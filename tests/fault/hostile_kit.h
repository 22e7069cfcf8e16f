/* SPDX-License-Identifier: MIT */
#ifndef HOSTILE_KIT_H
#define HOSTILE_KIT_H

/*
 * A server with one good client, and raw sockets that do to it what no client should. All of it
 * runs in one thread, so that every attack is the same each time.
 *
 * Frames are made here by hand, from hark-wire(7) alone.
 */

#include "fixture.h"

#include <hark/hark.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PATIENCE_MS 10000

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* What the program was told to listen at: "unix:{path}", or an address that needs nothing filled
 * in. */
extern const char *hostile_address;

struct stage {
        hark_loop *loop;
        hark_server *server;
        hark_client *good;
        unsigned n_notified; /* the good one, of topic "news" */
        bool is_disturbed;   /* something ended for the good one */
        unsigned n_left;
        int leave_reason; /* of the last that left */
        unsigned n_handled;
        hark_request *kept; /* the last that was asked to be */
        size_t used_before; /* memory, once it stood */
};

/* params may be NULL. */
void stage_set(struct stage *stage, const struct hark_server_params *params);
/* Fails if the good client noticed anything. */
void stage_clear(struct stage *stage);

/* Runs the loop until there is nothing to do at once. */
void stage_settle(struct stage *stage);
/* Runs it once, for so long at most. */
void stage_step(struct stage *stage, int timeout_ms);

/* The good client calls, subscribes and is answered as ever. */
void stage_check(struct stage *stage);

/* Bytes of memory that have been taken since the stage stood; 0 where that cannot be told
 * (ASan). */
size_t stage_memory(const struct stage *stage);

/* --- raw sockets ------------------------------------------------------------------------------ */

/* Connects, not blocking. */
int raw_open(const struct stage *stage);
bool raw_is_unix(void);

/* Writes, running the loop where there is no room. Returns whether all was taken: false, the server
 * has closed. */
bool raw_send(struct stage *stage, int fd, const void *bytes, size_t size);

/* What the server said until it closed, or until it had no more to say. */
struct verdict {
        bool is_closed, has_hello, has_goaway;
        uint32_t goaway_status;
        char goaway_text[128];
        unsigned n_replies, n_errors, n_pongs, n_subscribed, n_published;
        uint32_t last_status; /* of an error or a subscribed */
        size_t size, n_unread;
        uint8_t unread[64 * 1024]; /* the beginning of a frame that has not come whole */
};

/* Reads what is there after the loop has settled. verdict: zeros at first, goes on from call to
 * call. */
void raw_hear(struct stage *stage, int fd, struct verdict *verdict);
/* Goes on until the server closes; that it does not fails the test. */
void raw_hear_end(struct stage *stage, int fd, struct verdict *verdict);

/* The server has thrown this one out, and told it why; closes it. what: for the failure's text. */
void raw_expect_thrown_out(struct stage *stage, int fd, const char *what);
/* It has not, and answers a ping; closes it. */
void raw_expect_welcome(struct stage *stage, int fd, const char *what);

/* --- frames ----------------------------------------------------------------------------------- */

enum raw_type {
        HELLO = 1,
        GOAWAY = 2,
        PING = 3,
        PONG = 4,
        CREDIT = 5,
        ACK = 6,
        REQUEST = 16,
        REPLY = 17,
        ERROR = 18,
        CANCEL = 19,
        ITEM = 20,
        PUBLISH = 32,
        SUBSCRIBE = 33,
        UNSUBSCRIBE = 34,
        SUBSCRIBED = 35,
        GAP = 36
};

enum raw_flag {
        MORE = 1,
        EXTENSIONS = 2,
        TIME_IN_MS = 4,
        CONTINUED = 8,
        ONE_WAY = 16,
        END = 16,
        FEED = 32,
        OBSERVES = 64,
        FEEDS = 128
};

/* A frame as the fields of its header; zeros are what is sent where nothing else is said. */
struct raw_frame {
        uint8_t magic, version; /* 0: as they must be */
        uint8_t type, flags;
        uint32_t id, status, sequence, offset;
        uint8_t priority, n_fds;
        const char *name;
        size_t name_size; /* 0: as long as name is */
        const void *extensions;
        size_t extensions_size; /* padded by the caller */
        const void *payload;
        size_t payload_size;
        uint32_t size; /* 0: as it is */
};

#define RAW_FRAME_MAX (128 * 1024)

/* @return bytes written, padded */
size_t raw_encode(const struct raw_frame *frame, uint8_t bytes[RAW_FRAME_MAX]);
bool raw_send_frame(struct stage *stage, int fd, const struct raw_frame *frame);

/* A hello that can be found fault with nowhere, as 32 + 56 bytes. */
struct raw_frame raw_hello(void);

/* Connects and says hello. */
int raw_enter(struct stage *stage);

#endif
