/* SPDX-License-Identifier: MIT */
#ifndef HARK_MESSAGE_H
#define HARK_MESSAGE_H

/*
 * What is sent, and what is received.
 *
 * What is sent is a struct hark_payload, passed by value and borrowed only until the function
 * returns. Mostly it is made in place:
 *
 *         hark_reply(request, hark_text("12:00"));
 *
 * and the rarer wishes are fields of it, all of whose zeros mean "ordinary":
 *
 *         struct hark_payload order = hark_bytes(buffer, size);
 *         order.priority = 7;
 *         order.encoding = HARK_MSGPACK;
 *         r = hark_call(client, "valve.Close", order, 500, NULL);
 *
 * What is received is a hark_message: immutable, counted, readable from any thread.
 */

#include <hark/types.h>

#ifdef __cplusplus
extern "C" {
#endif

enum hark_encoding {
        HARK_RAW = 0,
        HARK_MSGPACK = 1,
        HARK_PROTOBUF = 2,
        HARK_JSON = 3,
        HARK_CBOR = 4,
        HARK_TEXT = 5
};

/** What publishing does with the value that the topic keeps. */
enum hark_retain {
        HARK_PASSING = 0,     /* nothing: those who listen now receive it, nobody later */
        HARK_RETAIN = 1,      /* this becomes the value that later subscribers receive first */
        HARK_RETAIN_LIVE = 2, /* the same, until the connection of who published it ends */
        HARK_WITHDRAW = 3     /* the topic has no value from now on; there is nothing to send */
};

/** What to send, and how. Zero-initialised it is an empty, ordinary payload. */
struct hark_payload {
        const void *data;   /**< may be NULL if size is 0 */
        size_t size;        /**< bytes */
        const int *fds;     /**< passed along, where the transport can; yours stay open */
        size_t n_fds;       /**< at most 16, or what the other side's limit says */
        uint8_t encoding;   /**< enum hark_encoding, or any number: what the bytes are, passed on */
        uint8_t priority;   /**< 0 ordinary .. 7 most urgent */
        uint8_t retain;     /**< publishing: enum hark_retain */
        bool is_idempotent; /**< asking: is sent again, within its time, if the connection is lost */
        bool has_feed;      /**< asking, but not by hark_call(): items follow by hark_feed() */
        bool is_detached;   /**< asking inside a handler: on nobody's behalf, inherit nothing */
        hark_request *parent; /**< asking: on behalf of this one, and not of the one whose handler
                                   runs; ends when that does; NULL: none */
        const char *trace; /**< asking: a trace context for who answers, such as a W3C traceparent;
                                printable, at most 255 bytes; NULL: that of the request on whose
                                behalf is asked; "": none */
        int status;        /**< answering: above 0 = a failure, an enum hark_status; else 0 */
        const char *error_name; /**< answering: "org.example.door.Jammed"; may be NULL */
        const char *error_text; /**< answering: for a human; may be NULL */
        const hark_message
                *message;     /**< set by hark_message_payload(): where data lies; else NULL */
        uint64_t reserved[6]; /**< zero; later wishes, -EINVAL where they are not known */
};

/** Nothing to send: an empty payload. */
#define HARK_NOTHING hark_bytes(NULL, 0)

/**
 * Describes bytes to send.
 *
 * @param data borrowed; may be NULL if @p size is 0
 * @param size in bytes
 * @return a payload of @p size bytes at @p data, HARK_RAW. Any thread.
 */
HARK_API struct hark_payload hark_bytes(const void *data, size_t size);

/**
 * Describes a text to send.
 *
 * @param text borrowed; NULL counts as ""
 * @return a payload of @p text without its NUL, HARK_TEXT. Any thread.
 */
HARK_API struct hark_payload hark_text(const char *text);

/**
 * Keeps a message.
 *
 * The first reference taken to a message inside the callback that was given it may move its bytes:
 * ask for hark_message_data() again afterwards. Any thread.
 *
 * @param message may be NULL
 * @return @p message; NULL if it was NULL, or if there is no memory to keep its bytes in
 */
HARK_API hark_message *hark_message_ref(hark_message *message);

/**
 * Lets go of a message; the last reference frees it and closes the fds that nobody took. Any
 * thread.
 *
 * @param message may be NULL
 * @return NULL
 */
HARK_API hark_message *hark_message_unref(hark_message *message);

/**
 * Gives the bytes. Any thread.
 *
 * @param message may be NULL
 * @return the bytes, 8-aligned, valid as long as @p message is; NULL if there are none or
 *         @p message is NULL
 */
HARK_API const void *hark_message_data(const hark_message *message);

/**
 * Counts the bytes. Any thread.
 *
 * @param message may be NULL
 * @return their number; 0 if @p message is NULL
 */
HARK_API size_t hark_message_size(const hark_message *message);

/**
 * Reads the payload as a string. Any thread.
 *
 * @param message may be NULL
 * @return the bytes with a NUL behind them, valid as long as @p message is. Never NULL: "" for no
 *         bytes and for bytes that hold a NUL, which are no text. Whatever a peer sends, the result
 *         can be handed to strcmp().
 */
HARK_API const char *hark_message_text(const hark_message *message);

/**
 * Describes a message the way it was sent, ready to be sent on: hark_reply(request,
 * hark_message_payload(reply)) forwards bytes, encoding, priority, fds and a failure alike. Any
 * thread.
 *
 * @param message may be NULL: an empty payload
 * @return everything in it is borrowed from @p message; fds that were taken are not in it
 */
HARK_API struct hark_payload hark_message_payload(const hark_message *message);

/**
 * Takes an fd out of a message; it is yours to close, and has CLOEXEC. One thread at a time.
 *
 * @param message may be NULL
 * @param index from 0
 * @return the fd; -ENOENT: there are not so many; -EALREADY: it was taken
 */
HARK_API int hark_message_take_fd(hark_message *message, size_t index);

#ifdef __cplusplus
}
#endif
#endif
