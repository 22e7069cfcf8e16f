/* SPDX-License-Identifier: MIT */
#ifndef HARK_CONN_CONN_H
#define HARK_CONN_CONN_H

/*
 * A connection: two processes' conversation over a port, symmetrical once it stands.
 *
 *         OPENING --port is open--> GREETING --hello has come--> ADMITTING --hark_conn_admit()--> OPEN
 *         (connecting end: its hello leaves as it enters GREETING, and the peer's opens it at once;
 *          accepting end: its hello leaves when it admits the peer)
 *
 *         OPEN --hark_conn_leave()--> LEAVING --the queue has left--> CLOSED
 *              --hark_conn_drain(), hark_conn_finish()-->
 *         any  --end, error, protocol error, no hello in time------> CLOSED
 *
 * It frames, queues, keeps the limits and the life of the port, and knows nothing of what messages
 * mean beyond hello, goaway, ping and pong. All others it hands to one of two roles:
 *
 *         the asker     (a client) what answers:  reply, error, item of an answer, credit for a
 *                                                 question's, subscribed, gap, publish to a
 *                                                 subscription
 *         the answerer  (a server's peer) what asks: request, cancel, item of a question, credit for
 *                                                 an answer's, subscribe, unsubscribe, ack, publish
 *                                                 to a server
 *
 * Either end of a connection may have both. Where there is no answerer, the connection itself
 * refuses what was asked.
 *
 * Roles are called from the loop's gathering phase and never call the user there. What was asked or
 * published counts as received until whoever got it says hark_conn_release(); an answer does not,
 * because how many of them are awaited, and how many items, is our own doing. For the loop's
 * thread.
 */

#include <hark/client.h>

#include "conn/reader.h"
#include "conn/writer.h"
#include "loop/loop.h"

enum hark_conn_state {
        HARK_CONN_OPENING = 1,
        HARK_CONN_GREETING,
        HARK_CONN_ADMITTING,
        HARK_CONN_OPEN,
        HARK_CONN_LEAVING,
        HARK_CONN_CLOSED
};

struct hark_conn;

/* What a message costs us besides its payload. */
#define HARK_MESSAGE_OVERHEAD 256

static inline size_t hark_conn_cost(size_t payload_size)
{
        return payload_size + HARK_MESSAGE_OVERHEAD;
}

/* What each of its fds counts in the window of a stream: so a window of the usual size has 16 of
 * them under way, and whoever sends items cannot use up the other side's table of fds. */
#define HARK_ITEM_FD_COST ((size_t)64 * 1024)

/* What an item counts in the window of its stream. */
static inline size_t hark_conn_item_cost(size_t payload_size, size_t n_fds)
{
        return hark_conn_cost(payload_size) + n_fds * HARK_ITEM_FD_COST;
}

/* What a message that has come counts against the limits, until it has been dealt with. */
struct hark_charge {
        size_t size;
        unsigned n_fds;
};

/* A message that has come. */
struct hark_received {
        const struct hark_header *header;
        struct hark_span name;       /* for this call only */
        struct hark_span extensions; /* for this call only */
        hark_message *message;       /* handed over; NULL: it could not be kept (limit, memory) */
        struct hark_charge charge;   /* for hark_conn_release() */
};

/* An item that begins to come. */
struct hark_arriving {
        const struct hark_header *header;
        size_t cost;
        const char *full; /* the limit on what is received that it would exceed; NULL: none */
        bool is_kept;     /* to be set: whether its bytes are wanted */
};

struct hark_role_ops {
        /* The other side's hello has come; the answerer of an accepting end now admits or refuses
         * it (hark_conn_admit(), hark_conn_refuse()), at once or later. */
        void (*on_hello)(struct hark_conn *conn, void *userdata);
        void (*on_open)(struct hark_conn *conn, void *userdata);
        void (*on_message)(struct hark_conn *conn, struct hark_received *received, void *userdata);
        /* The asker's: whether the answer of this id that begins to come is still wanted; if not,
         * it comes without a message. NULL: all are. */
        bool (*is_awaited)(struct hark_conn *conn, uint32_t id, void *userdata);
        /* Judges an item that begins to come: how many come is for the role to bound. NULL, or how
         * it breaks the protocol. */
        const char *(*begin_item)(struct hark_conn *conn, struct hark_arriving *item,
                                  void *userdata);
        /* There is room in the outgoing queue after an -EAGAIN. */
        void (*on_room)(struct hark_conn *conn, void *userdata);
        /* The other side will handle no request above last_id. */
        void (*on_goaway)(struct hark_conn *conn, uint32_t last_id, void *userdata);
        void (*on_pong)(struct hark_conn *conn, uint32_t id, void *userdata);
        /* A queued message will not leave: the other side, as its hello says, takes none so large
         * (-EMSGSIZE), or none with so many fds (-EDQUOT). Its slot is still set. */
        void (*on_unfit)(struct hark_conn *conn, const struct hark_outgoing *outgoing, int error,
                         void *userdata);
        /* It is over; what was never sent still is in its slot. reason: 0 after a goodbye, else
         * -errno. */
        void (*on_closed)(struct hark_conn *conn, int reason, void *userdata);
};

/* One of the two roles; ops NULL: nobody has it. */
struct hark_role {
        const struct hark_role_ops *ops;
        void *userdata;
};

struct hark_conn_params {
        bool is_accepting;
        const char *name;          /* for hello; may be NULL; borrowed until new returns */
        struct hark_limits limits; /* complete: hark_limits_complete() */
        int open_ms;               /* until it is open */
        int ping_ms;               /* 0: no pings */
};

struct hark_conn {
        unsigned n_refs;
        hark_loop *loop; /* borrowed: the roles hold it */
        struct hark_port *port;
        enum hark_conn_state state;
        bool is_accepting;
        bool has_goaway;           /* the other side said goodbye */
        bool is_draining;          /* this one has, and goes on with what it has */
        bool is_starved;           /* somebody was told -EAGAIN */
        bool is_bulky;             /* what is leaving takes many sends, and the port knows it */
        bool cannot_send;          /* the port said so; what can be read of it is still read ... */
        int send_error;            /* ... and then it ends so; 0: it ends now */
        struct hark_limits limits; /* what the other side may do to us */
        struct hark_hello peer;    /* what it said; valid from ADMITTING on */
        char name[HARK_NAME_MAX + 1];      /* ours */
        char peer_name[HARK_NAME_MAX + 1]; /* what it calls itself, fit to print; "": nothing */
        int farewell_status;               /* of its goaway */
        int leave_reason;                  /* of on_closed, once LEAVING is over */
        struct hark_role asker, answerer;
        struct hark_reader reader;
        struct hark_writer writer;
        struct hark_send_budget early; /* what may leave until its hello has come */
        struct hark_task flush_task;
        struct hark_timer open_timer, ping_timer;
        bool has_heard; /* something came, or was read there, since the last look of ping_timer */
        bool is_ping_out;
        struct hark_charge received; /* charged and not released */
        unsigned n_waiting;          /* messages that have come and wait for a callback's turn */
        uint32_t next_id;            /* of messages we send, all types alike */
        uint32_t last_request_id;    /* highest that came */
        int ping_ms;
};

/* Fills in the defaults for zeros. 0; -EINVAL: out of bounds, or a reserved field is not zero. */
int hark_limits_complete(const struct hark_limits *given, struct hark_limits *ret_limits);

/* Takes over the port, also on failure. Roles are set before the loop runs again. 0; -ENOMEM,
 * ... */
int hark_conn_new(hark_loop *loop, struct hark_port *port, const struct hark_conn_params *params,
                  struct hark_conn **ret_conn);
struct hark_conn *hark_conn_ref(struct hark_conn *conn);
/* The last reference closes it first, telling nobody. Takes NULL. Returns NULL. */
struct hark_conn *hark_conn_unref(struct hark_conn *conn);

/* Accepting end, ADMITTING. */
void hark_conn_admit(struct hark_conn *conn);
/* Says no with a status and words (may be NULL), then closes. */
void hark_conn_refuse(struct hark_conn *conn, int status, const char *text);

/* Says goodbye, for the time when what has been asked so far is done: hark_conn_finish() then. */
void hark_conn_drain(struct hark_conn *conn);

/* After hark_conn_drain(): closes when all that is queued has left. */
void hark_conn_finish(struct hark_conn *conn);

/* Says goodbye; closes when all that is queued has left, at the latest after hello_ms. */
void hark_conn_leave(struct hark_conn *conn);

/* As hark_conn_leave(), with a status and words that say why; on_closed is told the errno for
 * it. */
void hark_conn_expel(struct hark_conn *conn, int status, const char *text);

/* Says goodbye if that can be done at once, and closes. on_closed is called for both roles. */
void hark_conn_close(struct hark_conn *conn, int reason);

static inline bool hark_conn_is_open(const struct hark_conn *conn)
{
        return conn->state == HARK_CONN_OPEN;
}

/* Whether something new may be asked: not closed, and the other side has not said goodbye. */
bool hark_conn_can_ask(const struct hark_conn *conn);

/* How many calls and subscriptions the other side takes at once; UINT32_MAX until it has said. */
uint32_t hark_conn_calls_limit(const struct hark_conn *conn);
uint32_t hark_conn_subscriptions_limit(const struct hark_conn *conn);

/* The thread at the other end; 0: it has not said yet, or does not. */
uint64_t hark_conn_peer_instance(const struct hark_conn *conn);
/* What this end calls itself, or else the program. */
const char *hark_conn_own_name(const struct hark_conn *conn);

/* The window that the other side opens for each stream of items, 0: none. false: it has not said
 * yet. */
bool hark_conn_window(const struct hark_conn *conn, uint64_t *ret_size);

/* A number for a message we send: not 0, counting up. */
uint32_t hark_conn_next_id(struct hark_conn *conn);

/*
 * Queues a message; it leaves before the loop sleeps. slot as in hark_writer_queue().
 * 0. -ENOTCONN: it cannot send any more. -EMSGSIZE, -EDQUOT (fds), -EOPNOTSUPP (fds). -ENOMEM.
 * -EAGAIN: the queue is full; on_room follows.
 */
int hark_conn_send(struct hark_conn *conn, const struct hark_send *send,
                   struct hark_outgoing **slot);

/* What hark_conn_send() of so large a payload, with so many fds, would return now, but for
 * -ENOMEM. */
int hark_conn_check_send(struct hark_conn *conn, size_t size, size_t n_fds);
/* Queues a message that was made before, whatever waits already: it was let in once. Takes it over
 * if this returns 0; else as hark_conn_send(). */
int hark_conn_send_outgoing(struct hark_conn *conn, struct hark_outgoing *outgoing);

/* As hark_conn_send() for a short answer of the library's own: not bound by the queue's limit. A
 * peer that makes us pile them up is closed before the loop sleeps (-EDQUOT). */
int hark_conn_send_control(struct hark_conn *conn, const struct hark_send *send);

/* Sends the cancel of a request. If a part of that has left, no more of it follows, and the cancel
 * comes next, before all others of its priority; else as hark_conn_send_control(). */
int hark_conn_send_cancel(struct hark_conn *conn, const struct hark_send *cancel);

/* As hark_conn_send_control(), before a queued message of the same priority that may be taken back;
 * position NULL: behind all, as usual. */
int hark_conn_send_before(struct hark_conn *conn, const struct hark_send *send,
                          struct hark_outgoing *position, struct hark_outgoing **slot);

/* Takes back what has not begun to leave. */
void hark_conn_withdraw(struct hark_conn *conn, struct hark_outgoing *outgoing);

/* Refuses what the other side asked (request, publish, subscribe), in the library's name: an error
 * frame with its id, or subscribed with the status. Where no answer is awaited the error repeats
 * the name, by which the other side knows what it is about. */
void hark_conn_refuse_message(struct hark_conn *conn, const struct hark_header *header,
                              const char *name, size_t name_size, int status, const char *text);

/* The other side broke the protocol in a way only its role could see: says why and closes. */
void hark_conn_break(struct hark_conn *conn, const char *why);

/* A message that has come waits for its callback's turn; it has had it, or will not. Where many do,
 * the connection is not read until they have, so that who sends faster than callbacks run is slowed
 * down, and not refused. */
static inline void hark_conn_wait_for_turn(struct hark_conn *conn)
{
        conn->n_waiting++;
}

static inline void hark_conn_had_turn(struct hark_conn *conn)
{
        conn->n_waiting--;
}

/* What was received has been dealt with. */
void hark_conn_release(struct hark_conn *conn, struct hark_charge charge);

/* After hark_conn_drain(): whether a part of a request has come that will be handled when the rest
 * has: more urgent ones have overtaken it. */
bool hark_conn_is_being_asked(const struct hark_conn *conn);

/* Writes what is queued now, instead of before the loop sleeps. */
void hark_conn_flush(struct hark_conn *conn);

/* Reads what is there without being told that there is something. Returns whether there was, the
 * end included. */
bool hark_conn_look(struct hark_conn *conn);

/* Sends a ping behind all that is queued; the asker is told on_pong with *ret_id. */
int hark_conn_ping(struct hark_conn *conn, uint32_t *ret_id);

#endif
