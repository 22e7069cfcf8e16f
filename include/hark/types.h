/* SPDX-License-Identifier: MIT */
#ifndef HARK_TYPES_H
#define HARK_TYPES_H

/*
 * The nouns, the results and the one constant of time that every other header uses.
 *
 * Results. Every function that does something returns int:
 *
 *         0     it was done
 *       < 0     it was not: a negative errno; nothing was handed out
 *       > 0     only from hark_call() and in the callbacks of hark_invoke() and hark_observe():
 *               the other side answered, and its answer is a status: no
 *
 * Only hark_message_take_fd() and hark_loop_fd() return something else, an fd.
 *
 * So test `r == 0` or `r != 0`. `r < 0` asks a narrower question: "did no answer come at all?"
 */

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define HARK_API          __attribute__((visibility("default")))
#define HARK_CHECKED      __attribute__((warn_unused_result))
#define HARK_FORMAT(f, a) __attribute__((format(printf, f, a)))
#else
#define HARK_API
#define HARK_CHECKED
#define HARK_FORMAT(f, a)
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hark_loop hark_loop;       /* what waits: fds, timers, signals, children, posts */
typedef struct hark_client hark_client;   /* the end that asks */
typedef struct hark_server hark_server;   /* the end that answers: methods and topics */
typedef struct hark_peer hark_peer;       /* a server's view of one client */
typedef struct hark_request hark_request; /* one question that a handler was asked */
typedef struct hark_message hark_message; /* what was received: bytes and attributes, immutable */

/**
 * No limit of time. Greater than every real timeout, so that the smaller of two timeouts is the
 * stricter one. A negative timeout is -EINVAL everywhere: "for ever" is always written out.
 */
#define HARK_FOREVER INT_MAX

/**
 * What an answer that is not good says: gRPC's canonical numbers, then hark's own, then the
 * application's. The library itself answers with those marked *.
 */
enum hark_status {
        HARK_OK = 0,
        HARK_CANCELLED = 1,
        HARK_UNKNOWN = 2,
        HARK_INVALID_ARGUMENT = 3,
        HARK_DEADLINE_EXCEEDED = 4, /* somebody further on ran out of time; your own: -ETIMEDOUT */
        HARK_NOT_FOUND = 5,
        HARK_ALREADY_EXISTS = 6,
        HARK_PERMISSION_DENIED = 7,  /* * a rule, on_accept or on_publication refuses */
        HARK_RESOURCE_EXHAUSTED = 8, /* * a limit of the other side; the text says which */
        HARK_FAILED_PRECONDITION = 9,
        HARK_ABORTED = 10,
        HARK_OUT_OF_RANGE = 11,
        HARK_UNIMPLEMENTED = 12, /* * no such method */
        HARK_INTERNAL = 13,
        HARK_UNAVAILABLE = 14, /* * the server is closing */
        HARK_DATA_LOSS = 15,
        HARK_UNAUTHENTICATED = 16,

        HARK_NOT_ANSWERED = 100,    /* * the handler let go of the request without answering */
        HARK_REPLY_TOO_LARGE = 101, /* * the handler's reply is larger than this client takes */
        HARK_CIRCLE = 102,        /* * the call would wait for itself; the text names the circle */
        HARK_NEEDS_OBSERVE = 103, /* * the method answers with items: hark_observe() it */

        HARK_APPLICATION = 1000 /* the application's own: this number and above */
};

/**
 * Says in words what a result means.
 *
 * @param result what a hark function returned or a callback was given
 * @param reply the answer that came with it; may be NULL
 * @return the text that the handler sent; without one, the name of its error, where the status is
 *         the application's own, or else what the status means; for a negative errno what it means
 *         in hark ("connection lost: what was sent may have been carried out"). Never NULL; static,
 *         or owned by @p reply. Fit to print: what a peer sent has had its control characters
 *         replaced. Any thread.
 */
HARK_API const char *hark_reason(int result, const hark_message *reply);

#ifdef __cplusplus
}
#endif
#endif
