/* SPDX-License-Identifier: MIT */
#ifndef RIG_H
#define RIG_H

/*
 * What every test stands on: a service, and clients of it on a loop of this process, over the
 * address that the program was given.
 *
 *         here    loop [ client client service ]
 *         apart   loop [ client client ]  <---->  process [ service ]
 *
 * They meet in one of three ways, which is all that this program knows of a transport by its name:
 *
 *         pipe:       pairs of pipes, made before, of which each side is told the numbers
 *         exec:       each client starts a service of its own: this program; always apart
 *         all others  the service listens at the address; {path} and {name} in it stand for a
 *                     path and a name of the test's own
 *
 * What a test finds out it can not be run with, it skips by what the transport can do.
 */

#include "fixture.h"
#include "kit.h"
#include "service.h"

#define RIG_CLIENTS 8

struct pipes {
        int clients[2], services[2]; /* to read from, to write to */
};

struct rig {
        hark_loop *loop;
        hark_client *client; /* the first */
        hark_client *clients[RIG_CLIENTS];
        size_t n_clients;
        struct service *service; /* NULL: it is apart */
        pid_t pid;               /* of the service, if it is apart */
        pid_t joined;            /* another one that is a client of it; 0: there is none */
        bool is_forked;          /* by us, who wait for it; exec: does that itself */
        bool is_killed;
        struct wishes wishes;
        struct pipes pipes[RIG_CLIENTS];
        size_t n_pipes_used;
        char address[256]; /* of a service that listens */
};

/* Whether a service at this address can be here. */
bool rig_can_be_here(const char *address);

/* Why this machine has no such address; NULL: it has. */
const char *rig_why_not(const char *address);

/* A service where the setting wants it, and one client. wishes may be NULL. */
void rig_start(struct rig *rig, const struct wishes *wishes);
/* The same, always with the service in another process. params may be NULL. */
void rig_start_apart(struct rig *rig, const struct wishes *wishes,
                     const struct hark_client_params *params);
/* Either without a client. */
void rig_serve(struct rig *rig, const struct wishes *wishes);
void rig_serve_apart(struct rig *rig, const struct wishes *wishes);

/* Neither: just a loop, and somewhere to listen at with a server of the test's own. */
void rig_prepare(struct rig *rig);
void rig_listen(struct rig *rig, hark_server *server);

/* Of a client for which a connection that is lost is the end. */
extern const struct hark_client_params rig_one_shot;

/* Connects, on the rig's loop, and waits for it; the rig lets go of it. params may be NULL. */
hark_client *rig_connect(struct rig *rig, const struct hark_client_params *params);
/* Another process connects, by this name, and serves what a service does to the rig's. Before any
 * of the rig's own clients, whose ends it would hold. */
void rig_join(struct rig *rig, const char *name);

/* As hark_connect(); the client is the test's. */
int rig_begin_connect(struct rig *rig, hark_loop *loop, const struct hark_client_params *params,
                      hark_client **ret_client);

/* The next client is that of a process that was forked just now. */
void rig_leave_next(struct rig *rig);

/* Connects on a loop that nobody runs from then on; the client is the test's. */
hark_client *rig_connect_sleeper(struct rig *rig, hark_loop *loop);

/* Lets go of a client of the rig before the rest. */
void rig_drop(struct rig *rig, hark_client *client);

/* The service's process is stopped, as by ^Z, once this has returned; and goes on. */
void rig_freeze(const struct rig *rig);
void rig_thaw(const struct rig *rig);
void rig_kill(struct rig *rig);
/* It kills itself: waits for that. */
void rig_mourn(struct rig *rig);
/* Another service takes its place, at the same address. */
void rig_serve_again(struct rig *rig);

/* The service ends, wherever it is: here with a goodbye, apart by being killed. */
void rig_go_away(struct rig *rig);
/* And another takes its place: that of exec: is started by the client. */
void rig_come_back(struct rig *rig);
/* Whether it can. */
bool rig_can_come_back(void);

void rig_end(struct rig *rig);

/* Becomes the service of exec:. @return an exit status */
int rig_become_service(const char *wishes, const char *address);

/* --- asking ----------------------------------------------------------------------------------- */

/* Asks, waiting in the way that suits where the service is. *ret_reply (may be NULL) as
 * hark_call(). */
int rig_call(struct rig *rig, const char *method, struct hark_payload payload, int timeout_ms,
             hark_message **ret_reply);

/* Asks with a text, and is answered well. @return the answer; valid until the second call after
 * it */
const char *rig_ask(struct rig *rig, const char *method, const char *format, ...) HARK_FORMAT(3, 4);
long rig_count(struct rig *rig, const char *name);

/* How a call ended, and how often. */
struct ending {
        unsigned n;
        int result;
        char text[64]; /* of the answer */
};

/* For hark_invoke(); userdata is an ending. */
void rig_note_end(int result, hark_message *message, void *userdata);

/* Invokes with a text, and KIT_PATIENCE_MS. @return the call's id */
uint64_t rig_invoke(struct rig *rig, const char *method, const char *text, struct ending *ending);

/* Lets the rig run until the call has ended, and expects this result. */
void rig_expect_end(struct rig *rig, const struct ending *ending, int result);

/* --- skipping --------------------------------------------------------------------------------- */

/* What the client's end of a connection can do; and the service's. */
bool rig_client_can(enum hark_capability capability);
bool rig_service_can(enum hark_capability capability);

/* Each skips the test, where it does not hold. */
void rig_need(enum hark_capability capability);
void rig_need_several_clients(void);
void rig_need_address_to_return_to(void);

#endif
