/* SPDX-License-Identifier: MIT */
#ifndef HARK_RPC_CALLS_H
#define HARK_RPC_CALLS_H

/*
 * The asking side of calls: what one client has asked and not yet been answered.
 *
 *         started --reply, error--------------------> ended: 0, status
 *                 --deadline------------------------> ended: -ETIMEDOUT,   if never sent -ENOTCONN
 *                 --no connection within wait_ms----> ended: -ENOTCONN
 *                 --hark_calls_cancel()-------------> ended: -ECANCELED,   if never sent -ENOTCONN
 *                 --its parent ends-----------------> ended: -ECANCELED
 *                 --it closes a circle--------------> ended: HARK_CIRCLE
 *                 --connection lost-----------------> ended: -ECONNRESET,  if never sent -ENOTCONN
 *                 --goaway below its id-------------> ended: -ENOTCONN
 *                 --more than the other side takes--> ended: -EMSGSIZE, -EDQUOT
 *
 * Ended exactly once, by hark_call_end(), whichever comes first. The end of a call that waits is
 * told to the waiting function at once; the end of any other is queued as a callback of the loop.
 *
 * Where there is no connection, a call may wait for one in the client's backlog. It is a call in
 * flight like any other, that has not left yet. One that is idempotent goes there again when its
 * connection is lost.
 *
 * An id is the low 32 bits of a count, and goes onto the wire as it is: so ids on one connection
 * count up, as goaway needs them.
 *
 * The end of a call with items is told behind those, see call_stream.h.
 *
 * This is where a deadline is enforced at the caller's end: by the timer of each call.
 */

#include <hark/client.h>

#include "base/map.h"
#include "conn/backlog.h"
#include "rpc/call_stream.h"

struct hark_calls {
        hark_loop *loop;
        const void *owner;         /* of the callbacks */
        const char *name;          /* of whoever asks, where there is no connection that has it */
        struct hark_conn *conn;    /* borrowed; NULL: there is none */
        struct hark_ledger ledger; /* of what was sent on it */
        struct hark_backlog *backlog; /* borrowed: where they wait for one; NULL: they do not */
        int wait_ms;                  /* and how long */
        uint32_t wait_limit;          /* and how many at once */
        bool may_repeat;              /* there may be another connection */
        struct hark_map pending;      /* by wire id */
        struct hark_list all;         /* in the order they were started */
        struct hark_map streams;      /* of calls with items, by number */
        struct hark_list streaming;
        bool is_unstoppable; /* their user goes: no stream may be stopped any more */
        uint64_t last_id;
        uint32_t n_pending;
        struct hark_task *idle_chore; /* queued when none is pending any more; may be NULL */
};

/* What ends with the request on whose behalf it is. */
struct hark_child {
        struct hark_list link; /* of its parent's children; of none, if that will not end */
        void (*end)(struct hark_child *child, int reason);
};

struct hark_pending_call {
        struct hark_map_node node;
        struct hark_list link;
        struct hark_child child;
        struct hark_calls *calls;
        uint64_t id;
        uint64_t chain;                 /* the number of the chain that its request is of */
        struct hark_outgoing *outgoing; /* NULL: it has begun to leave */
        struct hark_outgoing *copy; /* to be sent again on another connection; NULL: it is not */
        bool has_left;              /* on a connection before */
        uint64_t n_sends_before;    /* on the ledger, at this priority */
        uint64_t deadline_ns;
        struct hark_timer deadline; /* due then; or earlier, while it waits for a connection */
        struct hark_task task;      /* invoke: the end, to be told at the call's priority */
        hark_on_reply *on_reply;    /* NULL: a function waits for is_over */
        void *userdata;
        struct hark_call_stream *stream; /* NULL: it has no items */
        uint8_t priority;
        bool is_over;
        int result;          /* once it is over */
        hark_message *reply; /* once it is over; owned */
};

enum hark_question_kind {
        HARK_QUESTION_INVOKE = 0,
        HARK_QUESTION_OBSERVE, /* and items of the answer are wanted */
        HARK_QUESTION_CALL,    /* a function waits, and no handler runs meanwhile */
        HARK_QUESTION_SEND
};

/* What to ask. All but the first four is what hark_context_inherit() says. */
struct hark_question {
        const char *method; /* a valid name */
        const struct hark_payload *payload;
        uint64_t deadline_ns; /* HARK_NEVER: none; 0: it is over before it begins */
        enum hark_question_kind kind;
        int end;                     /* not 0: it ends so before it begins, and nothing is sent */
        hark_message *verdict;       /* what comes with that end, borrowed; may be NULL */
        struct hark_list *siblings;  /* children of its parent; may be NULL */
        struct hark_span extensions; /* of the request */
        bool has_chain;              /* among those */
        uint64_t chain;              /* its number */
};

void hark_calls_init(struct hark_calls *calls, hark_loop *loop, const void *owner);

/* From here on the calls are conn's asker's; those that waited for one are sent. */
void hark_calls_set_conn(struct hark_calls *calls, struct hark_conn *conn);

/* The connection is lost, and another will come: calls that were sent end in -ECONNRESET, the
 * others in -ENOTCONN, but for those that may be sent again, or may wait. Returns how many sends
 * were dropped. */
uint64_t hark_calls_lose_conn(struct hark_calls *calls);

/* Starts a call that a function waits for. pending is the caller's, until is_over. Returns as
 * hark_conn_send(), and -EDQUOT: too many in flight. */
int hark_calls_start(struct hark_calls *calls, struct hark_pending_call *pending,
                     const struct hark_question *question);

/* Starts a call that ends in on_reply. */
int hark_calls_invoke(struct hark_calls *calls, const struct hark_question *question,
                      hark_on_reply *on_reply, void *userdata, uint64_t *ret_id);

/* Asks without expecting an answer. */
int hark_calls_send(struct hark_calls *calls, const struct hark_question *question);
/* Publishes. */
int hark_calls_publish(struct hark_calls *calls, const char *topic,
                       const struct hark_payload *payload);

/* Ends a call and tells the other side. */
void hark_calls_cancel(struct hark_calls *calls, struct hark_pending_call *pending);

/* siblings may be NULL: then it is nobody's child. */
void hark_child_init(struct hark_child *child, void (*end)(struct hark_child *child, int reason),
                     struct hark_list *siblings);
/* Their parent has ended: so do they, for this reason; of calls the other sides are told. */
void hark_children_end(struct hark_list *children, int reason);
/* Their parent will not: they are on their own. */
void hark_children_part(struct hark_list *children);

/* What the other side might have said: a failure with words. NULL: no memory. */
hark_message *hark_calls_new_verdict(const struct hark_calls *calls, int status, const char *text);
/* Ends a call as if it had, and tells the other side that it is over. */
void hark_calls_refuse(struct hark_pending_call *pending, int status, const char *text);

/* NULL: it has ended. */
struct hark_pending_call *hark_calls_find_by_wire_id(const struct hark_calls *calls, uint32_t id);
struct hark_pending_call *hark_calls_find(const struct hark_calls *calls, uint64_t id);

/* Whether an answer of this wire id ends a call. */
bool hark_calls_await(const struct hark_calls *calls, uint32_t id);

/* A reply or an error has come. Returns whether it belonged to a call, or to one that has ended:
 * false for the refusal of what expects no answer. Takes over the message if true. */
bool hark_calls_take(struct hark_calls *calls, struct hark_received *received);

/* The other side handles no request above last_id. */
void hark_calls_take_goaway(struct hark_calls *calls, uint32_t last_id);

/* A request will never leave: the other side does not take it, for the reason of error. */
void hark_calls_take_unfit(struct hark_calls *calls, const struct hark_outgoing *outgoing,
                           int error);

/* Frees the tables of calls that have all ended. */
void hark_calls_done(struct hark_calls *calls);

/* Ends all: those that were sent with reason, the others with -ENOTCONN, or with reason as well if
 * it is -ECANCELED. */
void hark_calls_end_all(struct hark_calls *calls, int reason);

#endif
