/* SPDX-License-Identifier: MIT */
#ifndef HARK_CONN_BACKLOG_H
#define HARK_CONN_BACKLOG_H

/*
 * What is asked while there is no connection, and waits for one, in the order it was asked.
 *
 *         hark_backlog_queue() --> queued --hark_backlog_send()--> the queue of a connection
 *                                    ^                               |
 *                                    +---- hark_backlog_reclaim() ---+  what had not begun to leave
 *
 * While a connection takes what is sent it is empty, so that what waited leaves before what is new.
 * Calls and what expects no answer (sends) have a limit each.
 */

#include "conn/conn.h"
#include "conn/ledger.h"

struct hark_backlog {
        hark_loop *loop;
        struct hark_list queued;
        size_t calls_size, sends_size;   /* memory that they hold */
        size_t calls_limit, sends_limit; /* 0: none of these may wait */
        bool is_starved;                 /* somebody was told -EAGAIN */
        void (*on_room)(struct hark_backlog *backlog);
};

void hark_backlog_init(struct hark_backlog *backlog, hark_loop *loop,
                       void (*on_room)(struct hark_backlog *backlog));
/* Drops all sends; there must be no calls. Returns how many that were. */
uint64_t hark_backlog_drop(struct hark_backlog *backlog);

/* Copies what send borrows; slot as in hark_writer_queue(). 0. -ENOTCONN: these may not wait.
 * -EAGAIN: too much waits; on_room follows. -ENOMEM, -EMFILE, -EBADF. */
int hark_backlog_queue(struct hark_backlog *backlog, const struct hark_send *send,
                       struct hark_outgoing **slot);

/* What has been asked since the other side said goodbye is here already, when the connection is
 * lost: what comes from there goes before it. The place for that; valid as long as nothing is
 * queued or taken back. */
struct hark_list *hark_backlog_front(struct hark_backlog *backlog);

/* Puts a message of one's own there, whatever the limits. */
void hark_backlog_put(struct hark_backlog *backlog, struct hark_list *front,
                      struct hark_outgoing *outgoing);

/* Takes back one that waits, and frees it. Clears its slot. */
void hark_backlog_withdraw(struct hark_backlog *backlog, struct hark_outgoing *outgoing);

/* Queues all on a connection that stands, and notes its sends. What cannot be sent there its asker
 * is told by on_unfit. */
void hark_backlog_send(struct hark_backlog *backlog, struct hark_conn *conn,
                       struct hark_ledger *ledger);

/* Takes what was asked on a connection that is closing, and has not begun to leave: calls that
 * still have a slot, and sends as far as there is room. They are not on its ledger any more.
 * Returns how many sends there was no room for. */
uint64_t hark_backlog_reclaim(struct hark_backlog *backlog, struct hark_list *front,
                              struct hark_conn *conn, struct hark_ledger *ledger);

#endif
