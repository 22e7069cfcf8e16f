/* SPDX-License-Identifier: MIT */
#ifndef CLIENT_TALK_H
#define CLIENT_TALK_H

/*
 * A conversation (conversation.h) with a client whose server is the test. What the client may do,
 * behind a `=`, with numbers that tell its calls and its subscriptions apart:
 *
 *         call N METHOD [timeout=MS] [size=BYTES] [priority=P] [feeds]
 *         observe N METHOD ... [stops]                  the same; `stops`: at each item
 *         feed N [size=BYTES], feed-end N
 *         pause N, resume N
 *         cancel N
 *         send METHOD, publish TOPIC [retain=NUMBER]
 *         subscribe N FILTER [policy=NUMBER] [messages=COUNT] [bytes=BYTES] [group=NAME] [once] [leaves]
 *                                                       [retained]
 *                                                       `leaves`: unsubscribes in its callback
 *         unsubscribe N
 *         unref
 *
 * and what it is told:
 *
 *         answer N: RESULT "PAYLOAD" or why not
 *         more N: "PAYLOAD", room N                     before that
 *         note N: TOPIC SEQUENCE "PAYLOAD" [retained] [repeated]
 *         withdrawn N: TOPIC SEQUENCE, current N: FILTER
 *         gap N: TOPIC COUNT from SEQUENCE RESULT
 *         end N: RESULT why
 *         refused: NAME STATUS why
 *         state: HARK_CONNECTED or HARK_CLOSED, and why
 *         not done: RESULT                                     of a verb
 */

#include "conversation.h"

#define CLIENT_TALK_IDS 100

struct client_talk {
        struct conversation conversation;
        hark_client *client; /* NULL: let go of */
        struct hark_conn *conn;
        uint64_t calls[CLIENT_TALK_IDS], subscriptions[CLIENT_TALK_IDS];
        /* calls and subscriptions that were begun, and those that have ended */
        unsigned n_begun, n_ended;
};

/* limits may be NULL. */
void client_talk_begin(struct client_talk *talk, const struct hark_limits *limits);
/* Lets go of what is left, and fails the test if anything that was begun has no end. */
void client_talk_end(struct client_talk *talk);

/* All of a talk from its beginning, and from where the connection stands. */
void client_talk_connecting(const char *script);
void client_talk(const char *script);

#endif
