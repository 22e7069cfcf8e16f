/* SPDX-License-Identifier: MIT */
#ifndef CONN_TALK_H
#define CONN_TALK_H

/*
 * A conversation (conversation.h) with a bare connection, whose role writes down what it is told:
 * that of the answerer at an accepting end, else that of the asker. What the test may do, behind a
 * `=`:
 *
 *         admit, leave, close, unref, ping, release     hark_conn_...() of that name
 *         refuse STATUS [TEXT]
 *         send FRAME, control FRAME                     tells the result if it was not 0
 *         room BYTES                                    what the port takes from now on
 *         depart, arrive                                what is sent is on its way, and has come
 */

#include "conversation.h"

enum talk_end {
        TALK_ACCEPTING,
        TALK_CONNECTING
};

struct talk {
        struct conversation conversation;
        struct hark_conn *conn;    /* NULL: it is closed */
        struct hark_charge charge; /* of what was received and not released */
};

/* No limit of time, and the defaults of all others. */
struct hark_conn_params talk_params(enum talk_end end);

void talk_begin(struct talk *talk, const struct hark_conn_params *params);
void talk_end(struct talk *talk);

/* The two say hello to each other, and it is open. */
void talk_greet(struct talk *talk);

/* All of a talk, from its beginning. */
void talk_accepting(const char *script);
void talk_connecting(const char *script);
/* The same, from where it is open. */
void talk_as_server(const char *script);
void talk_as_client(const char *script);

#endif
