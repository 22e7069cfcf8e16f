/* SPDX-License-Identifier: MIT */
#ifndef HARK_CONN_INTERNAL_H
#define HARK_CONN_INTERNAL_H

/*
 * The inside of a connection, for the files of this folder only.
 *
 *         conn.c     its life: states, opening, closing, and what is to be sent
 *         receive.c  what comes in
 *         transmit.c what goes out
 *         control.c  what it says in its own name
 *         limits.c   defaults and bounds
 *         reader.c   bytes in, messages out      these know nothing of connections
 *         writer.c   messages in, frames out
 *         plan.c     which frames are next
 */

#include "conn/conn.h"

/* Whether the other side has said what it takes. */
static inline bool hark_conn_has_greeted(const struct hark_conn *conn)
{
        return conn->state >= HARK_CONN_ADMITTING;
}

void hark_conn_set_state(struct hark_conn *conn, enum hark_conn_state state);

/* Its hello has come, and it may come in. */
void hark_conn_open(struct hark_conn *conn);

/* Closes without a word, telling the roles while their slots still show what was never sent. */
void hark_conn_close_now(struct hark_conn *conn, int reason);

/* Nothing can be sent any more, for this error: what the other side said before it went, such as
 * why, is still to be read, no faster than callbacks can deal with, as always; then it is
 * closed. */
void hark_conn_read_the_rest(struct hark_conn *conn, int error);

/* Closes because the port has ended; what the other side said before tells why. */
void hark_conn_close_at_end(struct hark_conn *conn, int error);

/* Closes because the other side broke the protocol, after telling it why. Returns error. */
int hark_conn_fail(struct hark_conn *conn, int error, const char *why);

/* Decides about every message that begins and ends. */
extern const struct hark_reader_ops hark_conn_reader_ops;

/* Whether so much waits for its turn that nothing more is read for now. */
bool hark_conn_is_behind(const struct hark_conn *conn);

/* Reads what is there, unless too much waits for its turn already. Returns whether there may be
 * more. */
bool hark_conn_read_turn(struct hark_conn *conn);

/* One read. 1: there may be more; 0: that was all for now, or it is closed. */
int hark_conn_read_some(struct hark_conn *conn, size_t *n_read);

/* Whether frames may leave now: the accepting end is silent until it has admitted the other. */
bool hark_conn_may_flush(const struct hark_conn *conn);

/* Writes until nothing more leaves. 0; negative: it is lost. */
int hark_conn_write_all(struct hark_conn *conn);

/* As the log calls the other side. */
const char *hark_conn_peer_name(const struct hark_conn *conn);

#endif
