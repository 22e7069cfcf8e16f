/* SPDX-License-Identifier: MIT */

/*
 * What becomes of calls as connections come and go.
 *
 *         in flight --connection lost--> ended: -ECONNRESET
 *                   --idempotent-------> in the backlog, a copy of it
 *         queued    --connection lost--> ended: -ENOTCONN
 *                   --may wait---------> in the backlog, as it is
 *
 * The copies go first: they were asked before all that had not left yet.
 */

#include <errno.h>

#include "rpc/call.h"

/* What was sent before it on another connection is not on the ledger of this one. */
static void leave_backlog(struct hark_pending_call *pending)
{
        pending->n_sends_before = 0;
        hark_call_start_deadline(pending);
}

void hark_calls_set_conn(struct hark_calls *calls, struct hark_conn *conn)
{
        calls->conn = conn;
        hark_calls_attach_streams(calls);
        if (calls->backlog)
                hark_backlog_send(calls->backlog, conn, &calls->ledger);
        hark_list_for_each (link, &calls->all)
                leave_backlog(hark_container_of(link, struct hark_pending_call, link));
}

static bool wait_again(struct hark_pending_call *pending, struct hark_list *front)
{
        static const struct hark_send no_group;
        struct hark_calls *calls = pending->calls;
        struct hark_outgoing *clone;

        if (!pending->copy ||
            hark_outgoing_clone(hark_loop_block_pool(calls->loop), pending->copy, &clone) < 0)
                return false;
        pending->has_left = true;
        hark_outgoing_attach(clone, &no_group, &pending->outgoing);
        hark_backlog_put(calls->backlog, front, clone);
        return true;
}

/* What was fed to it lay in the queue of the connection, and went with that. */
static bool may_wait(const struct hark_pending_call *pending)
{
        if (pending->stream && pending->stream->feeds)
                return false;
        return pending->copy || pending->calls->wait_limit > 0;
}

static bool waits(struct hark_pending_call *pending, struct hark_list *front)
{
        if (hark_call_was_sent(pending))
                return wait_again(pending, front);
        return pending->outgoing->is_waiting || may_wait(pending);
}

static void lose_conn(struct hark_pending_call *pending, struct hark_list *front)
{
        if (!waits(pending, front))
                hark_call_end_unanswered(pending, -ECONNRESET);
        else if (pending->stream)
                hark_call_stream_detach(pending->stream);
}

/* What has been asked since a goodbye waits already. */
static void begin_to_wait(struct hark_pending_call *pending)
{
        if (pending->deadline.due_ns >= pending->deadline_ns)
                hark_call_start_deadline(pending);
}

uint64_t hark_calls_lose_conn(struct hark_calls *calls)
{
        struct hark_list *front = hark_backlog_front(calls->backlog);
        uint64_t n_dropped;

        hark_list_for_each (link, &calls->all)
                lose_conn(hark_container_of(link, struct hark_pending_call, link), front);
        n_dropped = hark_backlog_reclaim(calls->backlog, front, calls->conn, &calls->ledger);
        calls->conn = NULL;
        hark_list_for_each (link, &calls->all)
                begin_to_wait(hark_container_of(link, struct hark_pending_call, link));
        return n_dropped;
}

void hark_calls_take_goaway(struct hark_calls *calls, uint32_t last_id)
{
        hark_list_for_each (link, &calls->all) {
                struct hark_pending_call *pending =
                        hark_container_of(link, struct hark_pending_call, link);

                /* Serial arithmetic: ids wrap. */
                if ((int32_t)((uint32_t)pending->id - last_id) > 0 && !pending->copy &&
                    !(pending->outgoing && pending->outgoing->is_waiting))
                        hark_call_end(pending, -ENOTCONN, NULL);
        }
}

void hark_calls_take_unfit(struct hark_calls *calls, const struct hark_outgoing *outgoing,
                           int error)
{
        struct hark_pending_call *pending = hark_calls_find_by_wire_id(calls, outgoing->header.id);

        if (!pending || pending->outgoing != outgoing)
                return;
        pending->outgoing = NULL; /* it is out of its queue already */
        /* An end of its items behind it must not be taken out of a queue that is just gone
         * through. */
        if (pending->stream)
                hark_item_sender_close(&pending->stream->sender);
        hark_call_end(pending, error, NULL);
}

void hark_calls_end_all(struct hark_calls *calls, int reason)
{
        hark_list_for_each (link, &calls->all) {
                struct hark_pending_call *pending =
                        hark_container_of(link, struct hark_pending_call, link);

                if (reason == -ECANCELED)
                        hark_call_end(pending, reason, NULL);
                else
                        hark_call_end_unanswered(pending, reason);
        }
}
