/* SPDX-License-Identifier: MIT */
#ifndef STORM_H
#define STORM_H

/*
 * Everything at once, at random, on one loop: servers and clients come and go, ask, are asked,
 * publish, subscribe, cancel, stop, drain, in steps and inside callbacks of all kinds. What happens
 * is drawn from the dice, so that a seed plays the same storm again, as far as the kernel does.
 * Then it grows calm, and what was promised is looked at: every end was told once, and nothing
 * after it; every notification was delivered or counted.
 *
 *         storm_clients.c   clients, and what they ask
 *         storm_topics.c    subscriptions and publications
 *         storm_servers.c   servers, their peers, and the requests that they keep
 *         storm_others.c    a server in another process, which is stopped and killed
 *         test_storm.c      the steps, and the calm
 */

#include <hark/hark.h>
#include <stdbool.h>
#include <stdint.h>

#include "../unit/dice.h"

#define STORM_SERVERS 2
#define STORM_CLIENTS 6
#define STORM_RECORDS 4096 /* of a kind, in one storm */

struct storm_server;

/* A client; its record outlives it. */
struct storm_client {
        hark_client *client; /* NULL: let go of */
        bool is_closed;      /* as it was told */
        bool is_let_go;
};

/* A call. */
struct storm_ask {
        struct storm_client *by; /* NULL: asked by a server */
        uint64_t id;
        bool observes, feeds, is_cancelled, is_over;
};

/* A subscription. */
struct storm_subscription {
        struct storm_client *by; /* NULL: made by a server */
        uint64_t id;
        uint64_t n_delivered, n_lost, highest; /* on this connection */
        bool is_member, wants_retained, is_unsubscribed, is_over;
};

/* A request that is kept. */
struct storm_request {
        hark_request *request; /* NULL: let go of */
        bool is_watched, is_answered, is_cancelled;
};

struct storm {
        uint64_t seed;
        unsigned long step;
        struct dice dice;
        char addresses[STORM_SERVERS + 1][256]; /* of the servers, and of the other process */
        hark_loop *loop;
        unsigned depth; /* of whims inside one another */
        bool is_calm;   /* nothing begins any more */
        unsigned n_posted, n_ran;
        struct storm_server *servers[STORM_SERVERS];
        struct storm_client *clients[STORM_CLIENTS];
        struct storm_client all_clients[STORM_RECORDS];
        struct storm_ask asks[STORM_RECORDS];
        struct storm_subscription subscriptions[STORM_RECORDS];
        struct storm_request requests[STORM_RECORDS];
        unsigned n_clients, n_asks, n_subscriptions, n_requests;
};

extern struct storm storm;

/* Whoever plays it again wants to know the seed. */
void storm_fail(const char *file, int line, const char *condition) __attribute__((noreturn));

#define storm_assert(condition) ((condition) ? (void)0 : storm_fail(__FILE__, __LINE__, #condition))

static inline uint32_t storm_below(uint32_t n)
{
        return dice_below(&storm.dice, n);
}

static inline bool storm_one_in(uint32_t n)
{
        return dice_one_in(&storm.dice, n);
}

/* --- test_storm.c ----------------------------------------------------------------------------- */

/* In each callback: now and then does something else. */
void storm_whim(void);

/* Any bytes, at any priority. */
struct hark_payload storm_payload(void);
struct hark_limits storm_limits(void);
const char *storm_method(void);
const char *storm_topic(void);

/* --- storm_clients.c -------------------------------------------------------------------------- */

/* Any client that is not let go of; NULL: there is none. */
struct storm_client *storm_any_client(void);

void storm_connect(void);
void storm_let_go_of_client(void);
void storm_ask(void);
void storm_call(void);
void storm_send(void);
void storm_flush(void);
void storm_cancel(void);
void storm_feed(void);
void storm_pause(void);
/* On behalf of a request, or not; asked is a client or a peer's. */
int storm_ask_of(struct storm_client *by, hark_client *asked, hark_request *parent);
void storm_check_asks(void);

/* --- storm_topics.c --------------------------------------------------------------------------- */

void storm_subscribe(void);
void storm_unsubscribe(void);
void storm_publish(void);
/* Each has been told of all up to the last that it was told of. */
bool storm_counts_are_complete(void);
void storm_check_subscriptions(void);

/* --- storm_servers.c -------------------------------------------------------------------------- */

/* Any that is served by this process; NULL: there is none. */
hark_server *storm_any_server(void);
/* One that asks over the connection of a peer; NULL: there is none. */
hark_client *storm_any_back(void);
void storm_serve(void);
void storm_let_go_of_server(void);
void storm_drain(void);
void storm_server_publish(void);
void storm_answer(void);
void storm_push(void);
void storm_disconnect(void);
void storm_serve_all(void); /* calmly */
void storm_end_servers(void);
void storm_check_servers(void);

/* --- storm_others.c --------------------------------------------------------------------------- */

void storm_start_other(const char *address);
/* 's': stops it, 'c': lets it go on, 'k': kills it, and starts another. */
void storm_tell_other(char what);
void storm_end_other(void);

#endif
