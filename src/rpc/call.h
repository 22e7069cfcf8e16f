/* SPDX-License-Identifier: MIT */
#ifndef HARK_RPC_CALL_H
#define HARK_RPC_CALL_H

/*
 * The inside of calls, for calls.c, which has their life, and calls_conn.c, where connections come
 * and go.
 */

#include "rpc/calls.h"

static inline bool hark_call_was_sent(const struct hark_pending_call *pending)
{
        return pending->outgoing == NULL;
}

/* Whether what is asked now waits for a connection, or ends as never sent. One of which an end has
 * said goodbye takes nothing new, but the next one will. */
static inline bool hark_calls_must_wait(const struct hark_calls *calls)
{
        return !calls->conn || (calls->backlog && !hark_conn_can_ask(calls->conn));
}

/* The one place where a call ends. reply is handed over. */
void hark_call_end(struct hark_pending_call *pending, int result, hark_message *reply);

/* Ends it where the other side may have begun with it, unless it never left. */
void hark_call_end_unanswered(struct hark_pending_call *pending, int reason);

/* It is not sent again. */
void hark_call_forget_copy(struct hark_pending_call *pending);

/* Its deadline; or the time for which it may wait for a connection, if that is over first. */
void hark_call_start_deadline(struct hark_pending_call *pending);

#endif
