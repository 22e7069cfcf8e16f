/* SPDX-License-Identifier: MIT */

/* See backlog.h. */

#include "conn/backlog.h"

#include <errno.h>

static bool is_call(uint8_t type, uint8_t flags)
{
        return type == HARK_FRAME_REQUEST && !(flags & HARK_FLAG_ONE_WAY);
}

static size_t *size_of_kind(struct hark_backlog *backlog, const struct hark_outgoing *outgoing)
{
        bool counts_as_call = is_call(outgoing->header.type, outgoing->header.flags);

        return counts_as_call ? &backlog->calls_size : &backlog->sends_size;
}

static bool has_room(const struct hark_backlog *backlog)
{
        return backlog->calls_size <= backlog->calls_limit / 2 &&
               backlog->sends_size <= backlog->sends_limit / 2;
}

static void tell_room(struct hark_backlog *backlog)
{
        if (!backlog->is_starved || !has_room(backlog))
                return;
        backlog->is_starved = false;
        backlog->on_room(backlog);
}

static void unqueue(struct hark_backlog *backlog, struct hark_outgoing *outgoing)
{
        hark_list_remove(&outgoing->link);
        outgoing->is_waiting = false;
        *size_of_kind(backlog, outgoing) -= outgoing->charge;
}

void hark_backlog_init(struct hark_backlog *backlog, hark_loop *loop,
                       void (*on_room)(struct hark_backlog *backlog))
{
        *backlog = (struct hark_backlog){.loop = loop, .on_room = on_room};
        hark_list_init(&backlog->queued);
}

uint64_t hark_backlog_drop(struct hark_backlog *backlog)
{
        uint64_t n_sends = 0;

        hark_list_for_each (link, &backlog->queued) {
                hark_backlog_withdraw(backlog, hark_container_of(link, struct hark_outgoing, link));
                n_sends++;
        }
        return n_sends;
}

int hark_backlog_queue(struct hark_backlog *backlog, const struct hark_send *send,
                       struct hark_outgoing **slot)
{
        bool counts_as_call = is_call(send->type, send->flags);
        size_t limit = counts_as_call ? backlog->calls_limit : backlog->sends_limit;
        size_t size = counts_as_call ? backlog->calls_size : backlog->sends_size;
        struct hark_outgoing *outgoing;
        int r;

        if (limit == 0)
                return -ENOTCONN;
        if (size >= limit) {
                backlog->is_starved = true;
                return -EAGAIN;
        }
        r = hark_outgoing_new(hark_loop_block_pool(backlog->loop),
                              hark_loop_message_pools(backlog->loop), send, &outgoing);
        if (r < 0)
                return r;
        hark_outgoing_attach(outgoing, send, slot);
        hark_backlog_put(backlog, &backlog->queued, outgoing);
        return 0;
}

struct hark_list *hark_backlog_front(struct hark_backlog *backlog)
{
        return backlog->queued.next;
}

void hark_backlog_put(struct hark_backlog *backlog, struct hark_list *front,
                      struct hark_outgoing *outgoing)
{
        hark_list_insert_before(front, &outgoing->link);
        outgoing->is_waiting = true;
        *size_of_kind(backlog, outgoing) += outgoing->charge;
}

void hark_backlog_withdraw(struct hark_backlog *backlog, struct hark_outgoing *outgoing)
{
        unqueue(backlog, outgoing);
        hark_outgoing_free(outgoing);
        tell_room(backlog);
}

static void send_one(struct hark_conn *conn, struct hark_outgoing *outgoing,
                     struct hark_ledger *ledger)
{
        int r;

        if (hark_frame_type_publishes(outgoing->header.type))
                outgoing->header.id = hark_conn_next_id(conn); /* nothing counted it before */
        if (!is_call(outgoing->header.type, outgoing->header.flags))
                hark_ledger_send(ledger, outgoing->header.priority);
        r = hark_conn_send_outgoing(conn, outgoing);
        if (r == 0)
                return;
        conn->asker.ops->on_unfit(conn, outgoing, r, conn->asker.userdata);
        hark_outgoing_free(outgoing);
}

void hark_backlog_send(struct hark_backlog *backlog, struct hark_conn *conn,
                       struct hark_ledger *ledger)
{
        hark_list_for_each (link, &backlog->queued) {
                struct hark_outgoing *outgoing =
                        hark_container_of(link, struct hark_outgoing, link);

                unqueue(backlog, outgoing);
                send_one(conn, outgoing, ledger);
        }
        tell_room(backlog);
}

struct reclaiming {
        struct hark_backlog *backlog;
        struct hark_list *front;
        struct hark_ledger *ledger;
        uint64_t n_dropped;
};

static bool is_send(const struct hark_header *header)
{
        if (header->type == HARK_FRAME_REQUEST)
                return header->flags & HARK_FLAG_ONE_WAY;
        return hark_frame_type_publishes(header->type) && header->status == 0;
}

static bool reclaim_send(struct reclaiming *reclaiming, struct hark_outgoing *outgoing)
{
        struct hark_backlog *backlog = reclaiming->backlog;

        hark_ledger_take_back(reclaiming->ledger, outgoing->header.priority);
        if (backlog->sends_size >= backlog->sends_limit) {
                reclaiming->n_dropped++;
                return false;
        }
        hark_backlog_put(backlog, reclaiming->front, outgoing);
        return true;
}

static bool reclaim(struct hark_outgoing *outgoing, void *userdata)
{
        struct reclaiming *reclaiming = userdata;

        if (is_send(&outgoing->header))
                return reclaim_send(reclaiming, outgoing);
        if (outgoing->header.type != HARK_FRAME_REQUEST || !outgoing->slot)
                return false;
        hark_backlog_put(reclaiming->backlog, reclaiming->front, outgoing);
        return true;
}

uint64_t hark_backlog_reclaim(struct hark_backlog *backlog, struct hark_list *front,
                              struct hark_conn *conn, struct hark_ledger *ledger)
{
        struct reclaiming reclaiming = {.backlog = backlog, .front = front, .ledger = ledger};

        hark_writer_reclaim(&conn->writer, reclaim, &reclaiming);
        return reclaiming.n_dropped;
}
