/* SPDX-License-Identifier: MIT */
#ifndef HARK_ENDPOINT_CLIENT_H
#define HARK_ENDPOINT_CLIENT_H

/*
 * The end that asks: a connection's asker role, its calls and its subscriptions, and what outlives
 * a connection.
 *
 *         CONNECTING --open--> CONNECTED --lost--> RETRYING --open--> CONNECTED ...
 *             |                    |                  |
 *             |                    |                  +--refused for good, wait_ms is over--> CLOSED
 *             |                    +--lost, and is_one_shot, or nowhere to go --------------> CLOSED
 *             +--failed, and wait_ms --> RETRYING
 *             +--failed ---------------------------------------------------------------------> CLOSED
 *
 *         client.c          its life, and the asker's role
 *         client_connect.c  what was wished, and its beginning
 *         client_attempts.c where it connects to, and when it tries again
 *         client_tell.c     what its user is told of that
 *         ask.c             the verbs
 *
 * A client either makes its connections (hark_connect()), or asks over one that a peer has
 * (hark_peer_client()), and has no other then.
 *
 * n_users counts the user's references. The last one closes, and queues a callback behind all that
 * is still to be told, which frees the memory.
 */

#include <hark/client.h>

#include "conn/backlog.h"
#include "conn/conn.h"
#include "pubsub/subscriptions.h"
#include "rpc/calls.h"
#include "transport/address.h"

/* One address where a server may be. */
struct hark_candidate {
        struct hark_address *address; /* owned */
        int fault;                    /* why nobody can ever be there, as -errno; 0: somebody can */
        bool is_out;                  /* it refused for good, or has a fault */
        struct hark_watch *watch;     /* for a server to come; NULL: there is none */
};

/*
 * The attempts to connect. A round tries each candidate once, one after the other at once; between
 * rounds there is a delay, which doubles; a long one while a watch would tell that somebody came.
 */
struct hark_attempts {
        struct hark_candidate *candidates;
        size_t n_candidates; /* 0: there is one connection, and never another */
        size_t current;      /* the one that is tried, or that serves */
        size_t n_left;       /* of this round, the current one included */
        int delay_ms;        /* before the next round */
        bool is_told;        /* of who comes, wherever nobody was in this round */
        bool has_arrived;    /* somebody has come, who may not be ready yet */
        uint64_t opened_ns;
        bool is_waiting;            /* for the first connection, by wait_ms */
        struct hark_timer patience; /* for that */
        struct hark_timer next;     /* attempt */
};

struct hark_client {
        unsigned n_users;
        hark_loop *loop;        /* held */
        struct hark_conn *conn; /* held; stands, or is being made; NULL: there is none */
        struct hark_client_params params;
        char name[HARK_NAME_MAX + 1]; /* of params, for each hello */
        int state;
        int told_state;              /* the last one that on_state was told */
        bool has_opened, has_broken; /* since then */
        bool was_open;               /* ever */
        int reason;                  /* why the last connection or attempt ended */
        struct hark_attempts attempts;
        struct hark_backlog backlog;
        struct hark_calls calls;
        struct hark_subscriptions subscriptions;
        struct hark_task state_task, room_task, lost_task, free_task;
        uint64_t n_dropped, n_unknown; /* sends that on_lost is to be told of */
        bool has_room;                 /* a function waits for it */
        bool is_settled;               /* hark_connect() waits for it */
        uint32_t ping_id; /* hark_client_flush() waits for its pong; 0: it does not, or has come */
        struct hark_ledger ping_ledger; /* as it was then */
        bool is_flushed;                /* that pong has come, or never will */
};

/* Whether it can send now: what may wait for the hello counts as well, what waits for a connection
 * does not. */
static inline bool hark_client_is_connected(const hark_client *client)
{
        return client->calls.conn;
}

/* --- client.c -------------------------------------------------------------------------------- */

/* owner: of its callbacks; NULL: itself. NULL: no memory. */
hark_client *hark_client_new(hark_loop *loop, const struct hark_client_params *params,
                             const void *owner);
/* One that nobody has heard of. */
void hark_client_free(hark_client *client);

/* Takes the asker's role of a connection. is_used: what is asked goes there at once, else when it
 * stands. */
void hark_client_take_conn(hark_client *client, struct hark_conn *conn, bool is_used);

/* The end: ends all that waits for an answer. */
void hark_client_finish(hark_client *client, int reason);

/* Waits with callbacks held back, polling as its user wished: see hark_loop_wait(). */
int hark_client_wait(hark_client *client, const bool *is_over);

/* The client that asks over this connection; NULL: none. */
hark_client *hark_client_of_conn(const struct hark_conn *conn);

/* A client that asks over a peer's connection, which has none yet. owner: of its callbacks, so that
 * what the owner's close tells comes in the order in which it ended; NULL: itself. */
int hark_client_new_for_peer(hark_loop *loop, struct hark_conn *conn, const void *owner,
                             hark_client **ret_client);

/* --- client_attempts.c ----------------------------------------------------------------------- */

/* Zero-initialised; done also after a failure. -EINVAL and so on as hark_connect(). */
int hark_attempts_init(struct hark_attempts *attempts, const char *first,
                       const char *const *alternatives);
void hark_attempts_done(struct hark_attempts *attempts);

/* 0: an attempt is under way, or will be; else why there is none. */
int hark_client_start_trying(hark_client *client);

/* The connection, or the attempt, has ended: whether there will be another. */
bool hark_client_may_retry(hark_client *client, int reason);
/* Then this is to be done, once the connection is gone. */
void hark_client_retry(hark_client *client);
/* The attempt has succeeded. */
void hark_client_note_open(hark_client *client);
void hark_client_stop_trying(hark_client *client);

/* --- client_tell.c --------------------------------------------------------------------------- */

void hark_client_init_tasks(hark_client *client);
/* Has on_state told. */
void hark_client_set_state(hark_client *client, int state);
void hark_client_tell_room(hark_client *client);
/* So many sends were never sent, and the fate of so many is unknown. */
void hark_client_tell_lost(hark_client *client, uint64_t n_dropped, uint64_t n_unknown);
/* What expects no answer is refused. message is taken over; NULL: it could not be kept. */
void hark_client_take_refusal(hark_client *client, hark_message *message,
                              struct hark_charge charge);
/* The same, by this end, as if the other side had said so. */
void hark_client_refuse_unfit(hark_client *client, const struct hark_outgoing *outgoing, int error);

#endif
