/* SPDX-License-Identifier: MIT */

/* See conn.h. */

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/result.h"
#include "conn/control.h"
#include "conn/internal.h"

/* What may leave before the other side has said what it takes; hark-wire(7). */
#define EARLY_BYTES    (1024 * 1024)
#define EARLY_REQUESTS 64

/* How far the library's own answers may pile up beyond the queue's limit. */
#define CONTROL_SLACK (1024 * 1024)

static const char *state_name(enum hark_conn_state state)
{
        switch (state) {
        case HARK_CONN_OPENING:
                return "opening";
        case HARK_CONN_GREETING:
                return "greeting";
        case HARK_CONN_ADMITTING:
                return "admitting";
        case HARK_CONN_OPEN:
                return "open";
        case HARK_CONN_LEAVING:
                return "leaving";
        case HARK_CONN_CLOSED:
                return "closed";
        }
        return "?";
}

const char *hark_conn_peer_name(const struct hark_conn *conn)
{
        return conn->peer_name[0] ? conn->peer_name : "a peer";
}

/* States are numbered in the order in which they may follow one another. */
void hark_conn_set_state(struct hark_conn *conn, enum hark_conn_state state)
{
        assert(state > conn->state);
        hark_log(hark_loop_log(conn->loop), LOG_DEBUG, "connection to %s: %s, now %s",
                 hark_conn_peer_name(conn), state_name(conn->state), state_name(state));
        conn->state = state;
}

/* Whether frames may leave: the accepting end is silent until it has admitted the other. */
static bool may_flush(const struct hark_conn *conn)
{
        if (conn->cannot_send || !conn->port->is_open)
                return false;
        return conn->state == HARK_CONN_OPEN || conn->state == HARK_CONN_LEAVING ||
               (conn->state == HARK_CONN_GREETING && !conn->is_accepting);
}

/* --- writing ----------------------------------------------------------------------------------- */

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

/* One send. 1: all that was planned has left; 0: nothing more leaves now; negative: it is lost. */
static int write_some(struct hark_conn *conn)
{
        struct hark_send_budget all = {SIZE_MAX, UINT32_MAX, true};
        struct hark_send_budget *budget = hark_conn_has_greeted(conn) ? &all : &conn->early;
        struct hark_plan plan;
        ssize_t n;

        hark_writer_plan(&conn->writer, &plan, *budget);
        if (plan.n_frames == 0)
                return 0;
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
static int write_all(struct hark_conn *conn)
{
        int r = 1;

        while (r > 0 && !hark_writer_is_empty(&conn->writer))
                r = write_some(conn);
        if (r >= 0 && hark_writer_is_empty(&conn->writer))
                want(conn, false);
        return r < 0 ? r : 0;
}

/* --- closing ----------------------------------------------------------------------------------- */

static void tell_closed(struct hark_conn *conn, int reason)
{
        struct hark_role asker = conn->asker, answerer = conn->answerer;

        conn->asker.ops = conn->answerer.ops = NULL;
        if (asker.ops)
                asker.ops->on_closed(conn, reason, asker.userdata);
        if (answerer.ops)
                answerer.ops->on_closed(conn, reason, answerer.userdata);
}

/* Tells the roles while their slots still show what was never sent, then drops everything. */
void hark_conn_close_now(struct hark_conn *conn, int reason)
{
        hark_conn_set_state(conn, HARK_CONN_CLOSED);
        hark_conn_ref(conn);
        hark_timer_stop(&conn->open_timer);
        hark_timer_stop(&conn->ping_timer);
        hark_task_cancel(&conn->flush_task);
        conn->port = hark_port_close(conn->port);
        tell_closed(conn, reason);
        hark_writer_done(&conn->writer);
        hark_reader_done(&conn->reader);
        hark_conn_unref(conn);
}

/* The end as the port shows it. What the other side said before tells why. */
void hark_conn_close_at_end(struct hark_conn *conn, int error)
{
        if (conn->has_goaway && conn->farewell_status != 0)
                error = hark_errno_of_refusal(conn->farewell_status);
        else if (conn->has_goaway)
                error = hark_conn_has_greeted(conn) ? 0 : -ECONNREFUSED;
        else if (error == 0 || error == -EPIPE)
                error = -ECONNRESET;
        hark_conn_close_now(conn, error);
}

/* A goaway is no use in the middle of a frame that was cut. */
static void say_goaway(struct hark_conn *conn, int status, const char *text)
{
        if (!may_flush(conn) && !(conn->is_accepting && conn->port->is_open && !conn->cannot_send))
                return;
        if (hark_control_send_goaway(conn, status, text) == 0 && write_all(conn) < 0)
                conn->cannot_send = true;
}

int hark_conn_fail(struct hark_conn *conn, int error, const char *why)
{
        hark_log(hark_loop_log(conn->loop), LOG_WARNING, "%s%s%s broke the protocol: %s",
                 hark_conn_peer_name(conn), conn->port->remote[0] ? " at " : "", conn->port->remote,
                 why ? why : "?");
        say_goaway(conn, HARK_INVALID_ARGUMENT, why);
        hark_conn_close_now(conn, error);
        return error;
}

/* --- opening ------------------------------------------------------------------------------- */

void hark_conn_open(struct hark_conn *conn)
{
        hark_conn_set_state(conn, HARK_CONN_OPEN);
        hark_timer_stop(&conn->open_timer);
        if (conn->asker.ops && conn->asker.ops->on_open)
                conn->asker.ops->on_open(conn, conn->asker.userdata);
        if (conn->answerer.ops && conn->answerer.ops->on_open)
                conn->answerer.ops->on_open(conn, conn->answerer.userdata);
        hark_loop_queue_chore(conn->loop, &conn->flush_task);
}

/* --- events ------------------------------------------------------------------------------------ */

/* Sending failed: what the other side said before it went, such as why, is still to be read. */
static void send_failed(struct hark_conn *conn, int error)
{
        size_t n_read = 0;

        conn->cannot_send = true;
        while (conn->state != HARK_CONN_CLOSED && hark_conn_read_some(conn, &n_read) > 0)
                ;
        if (conn->state != HARK_CONN_CLOSED)
                hark_conn_close_at_end(conn, error);
}

/* It asks, and does not read our answers, which are beyond what any limit is for. */
static bool is_overrun(const struct hark_conn *conn)
{
        return conn->writer.queued_size >
               conn->limits.queue_size + conn->peer.message_size + CONTROL_SLACK;
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

        if (conn->state == HARK_CONN_CLOSED || !may_flush(conn))
                return;
        r = write_all(conn);
        if (r < 0)
                send_failed(conn, r);
        else if (is_overrun(conn))
                close_overrun(conn);
        else if (conn->state == HARK_CONN_LEAVING && hark_writer_is_empty(&conn->writer))
                hark_conn_close_now(conn, 0);
        else
                tell_room(conn);
}

static void run_flush_task(struct hark_task *task)
{
        struct hark_conn *conn = hark_container_of(task, struct hark_conn, flush_task);

        hark_conn_flush(conn);
}

static void port_opened(struct hark_conn *conn)
{
        hark_conn_set_state(conn, HARK_CONN_GREETING);
        if (conn->is_accepting)
                return;
        if (hark_control_send_hello(conn) < 0)
                hark_conn_close_now(conn, -ENOMEM);
        else
                hark_loop_queue_chore(conn->loop, &conn->flush_task);
}

static void on_port_event(struct hark_port *port, unsigned events)
{
        struct hark_conn *conn = hark_conn_ref(port->userdata);

        if (events & HARK_PORT_OPENED)
                port_opened(conn);
        if ((events & (HARK_PORT_READABLE | HARK_PORT_BROKEN)) && conn->state != HARK_CONN_CLOSED &&
            conn->port->is_open)
                hark_conn_read_turn(conn);
        if ((events & HARK_PORT_BROKEN) && conn->state != HARK_CONN_CLOSED)
                hark_conn_close_at_end(conn, conn->port->error);
        if (events & HARK_PORT_WRITABLE)
                flush(conn);
        hark_conn_unref(conn);
}

static void on_open_timer(struct hark_timer *timer)
{
        struct hark_conn *conn = hark_container_of(timer, struct hark_conn, open_timer);

        if (conn->is_accepting && conn->state == HARK_CONN_GREETING)
                say_goaway(conn, HARK_DEADLINE_EXCEEDED, "no hello came in time");
        hark_conn_close_now(conn, conn->state == HARK_CONN_LEAVING ? 0 : -ETIMEDOUT);
}

static void start_ping_timer(struct hark_conn *conn);

static void on_ping_timer(struct hark_timer *timer)
{
        struct hark_conn *conn = hark_container_of(timer, struct hark_conn, ping_timer);
        uint32_t id;

        if (!conn->has_heard && conn->is_ping_out) {
                hark_conn_close_now(conn, -ETIMEDOUT);
                return;
        }
        if (!conn->has_heard && hark_conn_is_open(conn))
                conn->is_ping_out = hark_conn_ping(conn, &id) == 0;
        conn->has_heard = false;
        start_ping_timer(conn);
}

/* Twice in the time after which a silent one is given up: once to ask it, once to have its answer. */
static void start_ping_timer(struct hark_conn *conn)
{
        uint64_t half_ns = (uint64_t)conn->ping_ms * 1000000 / 2;

        if (conn->ping_ms > 0)
                hark_timer_start(conn->loop, &conn->ping_timer, hark_now_ns() + half_ns,
                                 on_ping_timer);
}

/* --- life -------------------------------------------------------------------------------------- */

static void init_conn(struct hark_conn *conn, hark_loop *loop, struct hark_port *port,
                      const struct hark_conn_params *params)
{
        *conn = (struct hark_conn){
                .n_refs = 1,
                .loop = loop,
                .port = port,
                .state = HARK_CONN_OPENING,
                .is_accepting = params->is_accepting,
                .limits = params->limits,
                .early = {EARLY_BYTES, EARLY_REQUESTS, false},
                .ping_ms = params->ping_ms,
        };
        if (params->name)
                strncpy(conn->name, params->name, HARK_NAME_MAX);
        hark_task_init(&conn->flush_task, run_flush_task, NULL);
        hark_reader_init(&conn->reader, &hark_conn_reader_ops, hark_loop_message_pools(loop));
        hark_writer_init(&conn->writer, hark_loop_block_pool(loop), hark_loop_message_pools(loop),
                         port->transport->public.max_frame);
}

int hark_conn_new(hark_loop *loop, struct hark_port *port, const struct hark_conn_params *params,
                  struct hark_conn **ret_conn)
{
        struct hark_conn *conn = malloc(sizeof(*conn));
        int r = conn ? 0 : -ENOMEM;

        if (r == 0) {
                init_conn(conn, loop, port, params);
                r = hark_port_start(port, on_port_event, conn);
        }
        if (r < 0) {
                hark_port_close(port);
                free(conn);
                return r;
        }
        hark_timer_start(loop, &conn->open_timer, hark_deadline_ns(params->open_ms), on_open_timer);
        start_ping_timer(conn);
        *ret_conn = conn;
        return 0;
}

struct hark_conn *hark_conn_ref(struct hark_conn *conn)
{
        conn->n_refs++;
        return conn;
}

struct hark_conn *hark_conn_unref(struct hark_conn *conn)
{
        if (!conn || --conn->n_refs > 0)
                return NULL;
        if (conn->state != HARK_CONN_CLOSED) {
                conn->asker.ops = conn->answerer.ops = NULL;
                hark_conn_close_now(conn, 0);
                return NULL; /* hark_conn_close_now() holds a reference of its own, and comes back here */
        }
        free(conn);
        return NULL;
}

void hark_conn_admit(struct hark_conn *conn)
{
        assert(conn->is_accepting);
        if (conn->state != HARK_CONN_ADMITTING)
                return;
        if (hark_control_send_hello(conn) < 0)
                hark_conn_close_now(conn, -ENOMEM);
        else
                hark_conn_open(conn);
}

void hark_conn_refuse(struct hark_conn *conn, int status, const char *text)
{
        if (conn->state == HARK_CONN_CLOSED)
                return;
        say_goaway(conn, status, text);
        hark_conn_close_now(conn, hark_errno_of_refusal(status));
}

void hark_conn_leave(struct hark_conn *conn)
{
        if (conn->state == HARK_CONN_CLOSED || conn->state == HARK_CONN_LEAVING)
                return;
        if (conn->state != HARK_CONN_OPEN || hark_control_send_goaway(conn, 0, NULL) < 0) {
                hark_conn_close_now(conn, 0);
                return;
        }
        hark_conn_set_state(conn, HARK_CONN_LEAVING);
        hark_timer_start(conn->loop, &conn->open_timer,
                         hark_deadline_ns((int)conn->limits.hello_ms), on_open_timer);
        hark_loop_queue_chore(conn->loop, &conn->flush_task);
}

void hark_conn_close(struct hark_conn *conn, int reason)
{
        if (conn->state == HARK_CONN_CLOSED)
                return;
        if (conn->state == HARK_CONN_OPEN)
                say_goaway(conn, 0, NULL);
        hark_conn_close_now(conn, reason);
}

bool hark_conn_can_send(const struct hark_conn *conn)
{
        return conn->state < HARK_CONN_LEAVING && !conn->has_goaway && !conn->cannot_send;
}

uint32_t hark_conn_calls_limit(const struct hark_conn *conn)
{
        return hark_conn_has_greeted(conn) ? conn->peer.calls_in_flight : UINT32_MAX;
}

uint32_t hark_conn_subscriptions_limit(const struct hark_conn *conn)
{
        return hark_conn_has_greeted(conn) ? conn->peer.subscriptions : UINT32_MAX;
}

uint32_t hark_conn_next_id(struct hark_conn *conn)
{
        if (++conn->next_id == 0)
                conn->next_id = 1;
        return conn->next_id;
}

static int check_fds(const struct hark_conn *conn, size_t n_fds)
{
        size_t most = hark_conn_has_greeted(conn) ? conn->peer.fds_per_message : HARK_PORT_FDS;

        if (n_fds == 0)
                return 0;
        if (!(conn->port->transport->public.capabilities & HARK_CAN_PASS_FDS))
                return -EOPNOTSUPP;
        return n_fds <= most && n_fds <= HARK_PORT_FDS ? 0 : -EDQUOT;
}

/* Whether the other side takes it; what it takes is known from its hello on. */
static int check_send(const struct hark_conn *conn, const struct hark_send *send)
{
        size_t size = send->message ? send->message->size : send->payload ? send->payload->size : 0;
        size_t n_fds = send->message   ? send->message->n_fds
                       : send->payload ? send->payload->n_fds
                                       : 0;

        if (!hark_conn_can_send(conn))
                return -ENOTCONN;
        if (size > HARK_FRAME_MAX - HARK_PREFIX_MAX ||
            (hark_conn_has_greeted(conn) && size > conn->peer.message_size))
                return -EMSGSIZE;
        return check_fds(conn, n_fds);
}

int hark_conn_send(struct hark_conn *conn, const struct hark_send *send,
                   struct hark_outgoing **slot)
{
        int r = check_send(conn, send);

        if (r < 0)
                return r;
        if (conn->writer.queued_size >= conn->limits.queue_size) {
                conn->is_starved = true;
                return -EAGAIN;
        }
        r = hark_writer_queue(&conn->writer, send, slot);
        if (r == 0)
                hark_loop_queue_chore(conn->loop, &conn->flush_task);
        return r;
}

int hark_conn_send_control(struct hark_conn *conn, const struct hark_send *send)
{
        return hark_conn_send_before(conn, send, NULL, NULL);
}

int hark_conn_send_before(struct hark_conn *conn, const struct hark_send *send,
                          struct hark_outgoing *position, struct hark_outgoing **slot)
{
        int r;

        if (conn->state == HARK_CONN_CLOSED)
                return -ENOTCONN;
        r = position ? hark_writer_queue_before(&conn->writer, send, position, slot)
                     : hark_writer_queue(&conn->writer, send, slot);
        if (r == 0)
                hark_loop_queue_chore(conn->loop, &conn->flush_task);
        return r;
}

void hark_conn_withdraw(struct hark_conn *conn, struct hark_outgoing *outgoing)
{
        hark_writer_withdraw(&conn->writer, outgoing);
}

void hark_conn_break(struct hark_conn *conn, const char *why)
{
        if (conn->state != HARK_CONN_CLOSED)
                hark_conn_fail(conn, -EPROTO, why);
}

void hark_conn_release(struct hark_conn *conn, struct hark_charge charge)
{
        assert(charge.size <= conn->received.size && charge.n_fds <= conn->received.n_fds);
        conn->received.size -= charge.size;
        conn->received.n_fds -= charge.n_fds;
}

void hark_conn_flush(struct hark_conn *conn)
{
        hark_conn_ref(conn);
        flush(conn);
        hark_conn_unref(conn);
}

int hark_conn_ping(struct hark_conn *conn, uint32_t *ret_id)
{
        struct hark_send send = {.type = HARK_FRAME_PING, .deadline_ns = HARK_NEVER};

        if (!hark_conn_can_send(conn))
                return -ENOTCONN;
        send.id = hark_conn_next_id(conn);
        *ret_id = send.id;
        return hark_conn_send_control(conn, &send);
}
