/* SPDX-License-Identifier: MIT */
#ifndef SERVER_TALK_H
#define SERVER_TALK_H

/*
 * A conversation (conversation.h) with a server, one of whose clients is the test. It has the
 * methods
 *
 *         echo       replies at once with what it was asked
 *         forget     returns without an answer
 *         keep.>     keeps the request, which then has a number, from 1; with the token `room` or
 *                    `items` in the name it watches for that, too
 *
 * What the server may do, behind a `=`:
 *
 *         reply N [size=BYTES] [priority=P] [fds=COUNT]
 *         fail N STATUS TEXT
 *         let-go N
 *         push N [size=BYTES] [fds=COUNT]
 *         pause N, resume N
 *         publish TOPIC [size=BYTES] [priority=P] [retain=NUMBER]
 *         watch N                                      for items, too
 *         disconnect, unref, room BYTES, n-slow
 *         drain MS
 *
 * and what it is told:
 *
 *         keep N: METHOD SIZE [one-way] [timed]
 *         cancel N: RESULT
 *         room N
 *         item N: "PAYLOAD" or end
 *         accept: NAME
 *         publication: TOPIC SIZE
 *         leave: RESULT
 *         unconfirmed: GROUP TOPIC SIZE
 *         drop: TOPIC COUNT
 *         relief
 *         slow: COUNT                                          of n-slow
 *         drained: RESULT
 *         not done: RESULT                                     of a verb
 */

#include "conversation.h"
#include "endpoint/peer.h"

#define SERVER_TALK_REQUESTS 100

struct server_talk {
        struct conversation conversation;
        hark_server *server; /* NULL: let go of */
        hark_peer *peer;     /* NULL: gone */
        hark_request *kept[SERVER_TALK_REQUESTS];
        unsigned n_kept;
        int accept_status, publication_status; /* what the hooks return */
        const char *disconnects_at;            /* when this topic was dropped; "": never */
};

/* params may be NULL; the hooks and the userdata in it are set here, if has_hooks. */
void server_talk_begin(struct server_talk *talk, const struct hark_server_params *params,
                       bool has_hooks);
void server_talk_greet(struct server_talk *talk);
void server_talk_end(struct server_talk *talk);

/* All of a talk from where the connection stands. */
void server_talk(const char *script);

#endif
