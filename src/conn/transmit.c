/* SPDX-License-Identifier: MIT */

/*
 * What goes out on a connection: whether it may be queued at all, and writing it to the port,
 * before the loop sleeps, in as few system calls as there is room for.
 */

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "conn/internal.h"

/* How far the library's own answers may pile up beyond the queue's limit. */
#define CONTROL_SLACK (1024 * 1024)

/* Whether frames may leave: the accepting end is silent until it has admitted the other. */
bool hark_conn_may_flush(const struct hark_conn *conn)
{
        if (conn->cannot_send || !conn->port->is_open)
                return false;
        return conn->state == HARK_CONN_OPEN || conn->state == HARK_CONN_LEAVING ||
               (conn->state == HARK_CONN_GREETING && !conn->is_accepting);
}

static void want(struct hark_conn *conn, bool to_write)
{
        unsigned events = HARK_PORT_READABLE | (to_write ? HARK_PORT_WRITABLE : 0);

        conn->port->transport->want(conn->port, events);
}

static void tell_room(struct hark_conn *conn)
{
        if (!conn->is_starved || conn->writer.queued_size > conn->limits.queue_size / 2)
                return;
        conn->is_starved = false;
        if (conn->asker.ops && conn->asker.ops->on_room)
                conn->asker.ops->on_room(conn, conn->asker.userdata);
        if (conn->answerer.ops && conn->answerer.ops->on_room)
                conn->answerer.ops->on_room(conn, conn->answerer.userdata);
}

/* Tells the port when a message begins to leave that is larger than what it takes at once, and when
 * the last of them has. */
static void set_bulky(struct hark_conn *conn, bool is_bulky)
{
        struct hark_port *port = conn->port;

        if (conn->is_bulky == is_bulky)
                return;
        conn->is_bulky = is_bulky;
        if (port->transport->set_bulky)
                port->transport->set_bulky(port, is_bulky);
}

/* One send. 1: all that was planned has left; 0: nothing more leaves now; negative: it is lost. */
static int write_some(struct hark_conn *conn)
{
        struct hark_send_budget all = {SIZE_MAX, UINT32_MAX, true};
        struct hark_send_budget *budget = hark_conn_has_greeted(conn) ? &all : &conn->early;
        struct hark_plan plan;
        ssize_t n;

        hark_writer_plan(&conn->writer, &plan, *budget);
        if (plan.n_frames == 0) {
                /* What is left waits for the other side's hello, whatever room the port has. */
                want(conn, false);
                return 0;
        }
        set_bulky(conn, hark_plan_is_bulky(&plan));
        n = conn->port->transport->send(conn->port, plan.frames, plan.n_frames);
        if (n == -EAGAIN) {
                want(conn, true);
                return 0;
        }
        if (n < 0)
                return (int)n;
        hark_writer_sent(&conn->writer, &plan, (size_t)n, budget);
        if ((size_t)n == plan.size)
                return 1;
        want(conn, true);
        return 0;
}

/* Writes until nothing more leaves. 0; negative: it is lost. */
int hark_conn_write_all(struct hark_conn *conn)
{
        int r = 1;

        while (r > 0 && !hark_writer_is_empty(&conn->writer))
                r = write_some(conn);
        if (r >= 0 && hark_writer_is_empty(&conn->writer)) {
                set_bulky(conn, false);
                want(conn, false);
        }
        return r < 0 ? r : 0;
}

void hark_conn_read_the_rest(struct hark_conn *conn, int error)
{
        conn->cannot_send = true;
        conn->send_error = error < 0 ? error : -ECONNRESET;
        if (hark_conn_read_turn(conn))
                hark_loop_queue_chore(conn->loop, &conn->flush_task);
        else if (conn->state != HARK_CONN_CLOSED)
                hark_conn_close_at_end(conn, conn->send_error);
}

/* Whether a port that is closed now takes nothing with it. */
static bool has_arrived(const struct hark_conn *conn)
{
        struct hark_port *port = conn->port;

        return hark_writer_is_empty(&conn->writer) &&
               (!port->transport->has_arrived || port->transport->has_arrived(port));
}

/* It asks, and does not read our answers, for which no limit of the queue counts. */
static bool is_overrun(const struct hark_conn *conn)
{
        return conn->writer.control_size > conn->limits.queue_size + CONTROL_SLACK;
}

static void close_overrun(struct hark_conn *conn)
{
        hark_log(hark_loop_log(conn->loop), LOG_WARNING,
                 "%s asks and does not read the answers: closed (queue_size %zu)",
                 hark_conn_peer_name(conn), conn->limits.queue_size);
        hark_conn_close_now(conn, -EDQUOT);
}

static void flush(struct hark_conn *conn)
{
        int r;

        if (conn->state == HARK_CONN_CLOSED)
                return;
        if (conn->send_error < 0) {
                hark_conn_read_the_rest(conn, conn->send_error);
                return;
        }
        r = hark_conn_may_flush(conn) ? hark_conn_write_all(conn) : 0;
        if (r < 0)
                hark_conn_read_the_rest(conn, r);
        else if (is_overrun(conn))
                close_overrun(conn);
        else if (conn->state == HARK_CONN_LEAVING && has_arrived(conn))
                hark_conn_close_now(conn, conn->leave_reason);
        else
                tell_room(conn);
}

static bool can_send(const struct hark_conn *conn)
{
        return conn->state < HARK_CONN_LEAVING && !conn->cannot_send;
}

bool hark_conn_can_ask(const struct hark_conn *conn)
{
        return can_send(conn) && !conn->has_goaway;
}

/* Begins something new, which nobody does behind the other side's goodbye. */
static bool is_question(const struct hark_send *send)
{
        return send->type == HARK_FRAME_REQUEST || send->type == HARK_FRAME_SUBSCRIBE ||
               (hark_frame_type_publishes(send->type) && send->status == 0);
}

static int check_fds(const struct hark_conn *conn, size_t n_fds)
{
        size_t most = hark_conn_has_greeted(conn) ? conn->peer.fds_per_message : HARK_PORT_FDS;

        if (n_fds == 0)
                return 0;
        if (!(conn->port->capabilities & HARK_CAN_PASS_FDS))
                return -EOPNOTSUPP;
        return n_fds <= most && n_fds <= HARK_PORT_FDS ? 0 : -EDQUOT;
}

/* Whether the other side takes so much; what it takes is known from its hello on. */
static int check_size(const struct hark_conn *conn, size_t size, size_t n_fds)
{
        if (size > HARK_FRAME_MAX - HARK_PREFIX_MAX ||
            (hark_conn_has_greeted(conn) && size > conn->peer.message_size))
                return -EMSGSIZE;
        return check_fds(conn, n_fds);
}

static int check_room(struct hark_conn *conn)
{
        if (conn->writer.queued_size < conn->limits.queue_size)
                return 0;
        conn->is_starved = true;
        return -EAGAIN;
}

int hark_conn_check_send(struct hark_conn *conn, size_t size, size_t n_fds)
{
        int r = can_send(conn) ? check_size(conn, size, n_fds) : -ENOTCONN;

        return r < 0 ? r : check_room(conn);
}

/* Called with what queueing returned. */
static int flush_soon(struct hark_conn *conn, int r)
{
        if (r == 0)
                hark_loop_queue_chore(conn->loop, &conn->flush_task);
        return r;
}

int hark_conn_send(struct hark_conn *conn, const struct hark_send *send,
                   struct hark_outgoing **slot)
{
        size_t size = send->message ? send->message->size : send->payload ? send->payload->size : 0;
        size_t n_fds = send->message   ? send->message->n_fds_left
                       : send->payload ? send->payload->n_fds
                                       : 0;
        bool is_open = is_question(send) ? hark_conn_can_ask(conn) : can_send(conn);
        int r = is_open ? check_size(conn, size, n_fds) : -ENOTCONN;

        if (r == 0 && !send->is_again)
                r = check_room(conn);
        return r < 0 ? r : flush_soon(conn, hark_writer_queue(&conn->writer, send, slot));
}

int hark_conn_send_outgoing(struct hark_conn *conn, struct hark_outgoing *outgoing)
{
        int r = -ENOTCONN;

        if (hark_conn_can_ask(conn))
                r = check_size(conn, outgoing->payload_size, outgoing->header.n_fds);

        if (r < 0)
                return r;
        hark_writer_put(&conn->writer, outgoing);
        return flush_soon(conn, 0);
}

int hark_conn_send_control(struct hark_conn *conn, const struct hark_send *send)
{
        return hark_conn_send_before(conn, send, NULL, NULL);
}

/* Without memory for the cancel the request goes on: the other side takes nothing else of its
 * priority before the rest of it. */
int hark_conn_send_cancel(struct hark_conn *conn, const struct hark_send *cancel)
{
        struct hark_writer *writer = &conn->writer;
        struct hark_send control = *cancel;
        int r;

        if (!hark_writer_has_begun(writer, HARK_FRAME_REQUEST, cancel->id, cancel->priority))
                return hark_conn_send_control(conn, cancel);
        control.is_control = true;
        r = hark_writer_queue_before(writer, &control, NULL, NULL);
        if (r == 0)
                hark_writer_give_up(writer, HARK_FRAME_REQUEST, cancel->id, cancel->priority);
        return flush_soon(conn, r);
}

int hark_conn_send_before(struct hark_conn *conn, const struct hark_send *send,
                          struct hark_outgoing *position, struct hark_outgoing **slot)
{
        struct hark_send control = *send;

        if (conn->state == HARK_CONN_CLOSED)
                return -ENOTCONN;
        control.is_control = true;
        return flush_soon(
                conn, position ? hark_writer_queue_before(&conn->writer, &control, position, slot)
                               : hark_writer_queue(&conn->writer, &control, slot));
}

void hark_conn_withdraw(struct hark_conn *conn, struct hark_outgoing *outgoing)
{
        hark_writer_withdraw(&conn->writer, outgoing);
}

void hark_conn_flush(struct hark_conn *conn)
{
        hark_conn_ref(conn);
        flush(conn);
        hark_conn_unref(conn);
}
