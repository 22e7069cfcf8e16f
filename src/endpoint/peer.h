/* SPDX-License-Identifier: MIT */
#ifndef HARK_ENDPOINT_PEER_H
#define HARK_ENDPOINT_PEER_H

/*
 * A server's view of one client: a connection's answerer role, its requests and its subscriptions.
 *
 *         HERE --hello--> WAITING for on_accept --0--> ADMITTED --closed--> GONE --on_leave--> freed
 *           |                        |
 *           +-------closed-----------+---refused-----------------------> freed
 *
 * Freed once it is gone, on_leave has returned, and no request of it is kept.
 *
 * A client that serves has a peer too: the server it is connected to, as its own server sees it.
 */

#include <hark/server.h>

#include "conn/conn.h"
#include "endpoint/guard.h"
#include "pubsub/channel.h"
#include "rpc/requests.h"

struct hark_accepting; /* the listener it came through, see server.h */

struct hark_peer {
        struct hark_list link;            /* of the server's peers */
        hark_server *server;              /* NULL: it has closed */
        struct hark_accepting *accepting; /* NULL: it came through none, or that is closed */
        hark_loop *loop;                  /* held */
        struct hark_conn *conn;           /* held; NULL: gone */
        struct hark_requests requests;
        struct hark_conn_channel channel;
        struct hark_retained_owner live; /* values that end with it */
        struct hark_guard guard;
        struct hark_credentials credentials;
        char *name;    /* made when it is asked for */
        char *address; /* where it came in */
        char remote[64];
        char claimed_name[HARK_NAME_MAX + 1];
        void *userdata;
        hark_client *client; /* NULL until it is asked for */
        bool is_only;        /* nobody else can come where it came in */
        bool is_refused;     /* by on_accept */
        bool is_greeted, is_admitted, is_gone;
        uint32_t n_publications; /* that wait for their turn */
        int reason;              /* why it went */
        struct hark_task accept_task, leave_task;
};

/* Takes the answerer's role of a connection. address: where it came in, for its name. */
int hark_peer_new(hark_server *server, struct hark_accepting *accepting, struct hark_conn *conn,
                  const char *address, hark_peer **ret_peer);

/* It goes with the last that needs it: its end, its on_leave, its kept requests. */
void hark_peer_free_if_done(hark_peer *peer);
/* If its server drains: what it waits for may be over. */
void hark_peer_look_for_drained(hark_peer *peer);

/* Ends its connection: what its server's end does to it. */
void hark_peer_close(hark_peer *peer, int reason);

#endif
