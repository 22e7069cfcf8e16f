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

/* --- closing ---------------------------------------------------------------------------------- */

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
        bool has_greeted = hark_conn_has_greeted(conn);
        bool is_refusal = conn->farewell_status != 0 &&
                          !(has_greeted && conn->farewell_status == HARK_UNAVAILABLE);

        if (conn->has_goaway && is_refusal)
                error = hark_errno_of_refusal(conn->farewell_status);
        else if (conn->has_goaway)
                error = has_greeted ? 0 : -ECONNREFUSED;
        else if (error == 0 || error == -EPIPE)
                error = -ECONNRESET;
        hark_conn_close_now(conn, error);
}

/* A goaway is no use in the middle of a frame that was cut. */
static void say_goaway(struct hark_conn *conn, int status, const char *text)
{
        if (!hark_conn_may_flush(conn) &&
            !(conn->is_accepting && conn->port->is_open && !conn->cannot_send))
                return;
        if (hark_control_send_goaway(conn, status, text) == 0 && hark_conn_write_all(conn) < 0)
                conn->cannot_send = true;
}

/* Who is not admitted gets nothing of what waits for that; the roles hear of it while their slots
 * show that it was never sent. */
static void drop_unadmitted(struct hark_conn *conn, int reason)
{
        if (!conn->is_accepting || conn->state >= HARK_CONN_OPEN)
                return;
        tell_closed(conn, reason);
        hark_writer_done(&conn->writer);
}

int hark_conn_fail(struct hark_conn *conn, int error, const char *why)
{
        hark_log(hark_loop_log(conn->loop), LOG_WARNING, "%s%s%s broke the protocol: %s",
                 hark_conn_peer_name(conn), conn->port->remote[0] ? " at " : "", conn->port->remote,
                 why ? why : "?");
        drop_unadmitted(conn, error);
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

/* --- events ----------------------------------------------------------------------------------- */

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
        if (events & HARK_PORT_BROKEN)
                hark_conn_read_the_rest(conn, conn->port->error);
        else if (events & HARK_PORT_READABLE)
                hark_conn_read_turn(conn);
        if (events & HARK_PORT_WRITABLE) {
                /* There is room again because the other side has read: it lives, and the ping that
                 * shall show that may stand far behind. */
                conn->has_heard = true;
                hark_conn_flush(conn);
        }
        hark_conn_unref(conn);
}

static void on_open_timer(struct hark_timer *timer)
{
        struct hark_conn *conn = hark_container_of(timer, struct hark_conn, open_timer);

        if (conn->is_accepting && conn->state == HARK_CONN_GREETING)
                say_goaway(conn, HARK_DEADLINE_EXCEEDED, "no hello came in time");
        hark_conn_close_now(conn,
                            conn->state == HARK_CONN_LEAVING ? conn->leave_reason : -ETIMEDOUT);
}

static void start_ping_timer(struct hark_conn *conn);

static void ask_if_silent(struct hark_conn *conn)
{
        uint32_t id;

        if (!conn->has_heard && hark_conn_is_open(conn))
                conn->is_ping_out = hark_conn_ping(conn, &id) == 0;
        conn->has_heard = false;
        start_ping_timer(conn);
}

static void on_ping_timer(struct hark_timer *timer)
{
        struct hark_conn *conn =
                hark_conn_ref(hark_container_of(timer, struct hark_conn, ping_timer));

        /* What came while this process was held up is not read yet, where the timer has its turn
         * first; and who waits for our callbacks is not the silent one. */
        if (!conn->has_heard)
                hark_conn_read_turn(conn);
        conn->has_heard |= hark_conn_is_behind(conn);
        if (!conn->has_heard && conn->is_ping_out && conn->state != HARK_CONN_CLOSED)
                hark_conn_close_now(conn, -ETIMEDOUT);
        if (conn->state != HARK_CONN_CLOSED)
                ask_if_silent(conn);
        hark_conn_unref(conn);
}

/* Twice in the time after which a silent one is given up: once to ask it, once to have its
 * answer. */
static void start_ping_timer(struct hark_conn *conn)
{
        uint64_t half_ns = (uint64_t)conn->ping_ms * 1000000 / 2;

        if (conn->ping_ms > 0)
                hark_timer_start(conn->loop, &conn->ping_timer, hark_now_ns() + half_ns,
                                 on_ping_timer);
}

/* --- life ------------------------------------------------------------------------------------- */

/* What a frame may have, but for its name and extensions: those of a packet have to fit, too; a
 * stream may cut them. */
static size_t max_bare_frame(const struct hark_port *port)
{
        const struct hark_transport *transport = &port->transport->public;

        if (transport->max_frame == 0 || transport->capabilities & HARK_CAN_STREAM)
                return transport->max_frame;
        return transport->max_frame - (HARK_PREFIX_MAX - HARK_HEADER_SIZE);
}

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
                         max_bare_frame(port));
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
        int error = hark_errno_of_refusal(status);

        if (conn->state == HARK_CONN_CLOSED)
                return;
        hark_log(hark_loop_log(conn->loop), LOG_INFO, "%s is not admitted: %s",
                 hark_conn_peer_name(conn), text ? text : hark_reason(status, NULL));
        hark_conn_ref(conn);
        drop_unadmitted(conn, error);
        conn->last_request_id = 0; /* what it asked early is not handled, and safe to ask again */
        say_goaway(conn, status, text);
        hark_conn_close_now(conn, error);
        hark_conn_unref(conn);
}

void hark_conn_drain(struct hark_conn *conn)
{
        if (conn->state != HARK_CONN_OPEN || conn->is_draining)
                return;
        if (hark_control_send_goaway(conn, HARK_UNAVAILABLE, NULL) < 0) {
                hark_conn_close_now(conn, -ENOMEM);
                return;
        }
        conn->is_draining = true;
        hark_loop_queue_chore(conn->loop, &conn->flush_task);
}

void hark_conn_finish(struct hark_conn *conn)
{
        if (conn->state != HARK_CONN_OPEN)
                return;
        hark_conn_set_state(conn, HARK_CONN_LEAVING);
        hark_loop_queue_chore(conn->loop, &conn->flush_task);
}

static void leave(struct hark_conn *conn, int status, const char *text, int reason)
{
        if (conn->state == HARK_CONN_CLOSED || conn->state == HARK_CONN_LEAVING)
                return;
        if (conn->state != HARK_CONN_OPEN ||
            (!conn->is_draining && hark_control_send_goaway(conn, status, text) < 0)) {
                hark_conn_close_now(conn, reason);
                return;
        }
        hark_conn_set_state(conn, HARK_CONN_LEAVING);
        conn->leave_reason = reason;
        hark_timer_start(conn->loop, &conn->open_timer,
                         hark_deadline_ns((int)conn->limits.hello_ms), on_open_timer);
        hark_loop_queue_chore(conn->loop, &conn->flush_task);
}

void hark_conn_leave(struct hark_conn *conn)
{
        leave(conn, 0, NULL, 0);
}

void hark_conn_expel(struct hark_conn *conn, int status, const char *text)
{
        hark_log(hark_loop_log(conn->loop), LOG_WARNING, "%s is shown out: %s",
                 hark_conn_peer_name(conn), text);
        /* Nothing but a refusal may leave before it is admitted. */
        if (conn->state < HARK_CONN_OPEN) {
                hark_conn_refuse(conn, status, text);
                return;
        }
        leave(conn, status, text, hark_errno_of_refusal(status));
}

void hark_conn_close(struct hark_conn *conn, int reason)
{
        if (conn->state == HARK_CONN_CLOSED)
                return;
        if (conn->state == HARK_CONN_OPEN && !conn->is_draining)
                say_goaway(conn, 0, NULL);
        hark_conn_close_now(conn, reason);
}

uint32_t hark_conn_calls_limit(const struct hark_conn *conn)
{
        return hark_conn_has_greeted(conn) ? conn->peer.calls_in_flight : UINT32_MAX;
}

uint32_t hark_conn_subscriptions_limit(const struct hark_conn *conn)
{
        return hark_conn_has_greeted(conn) ? conn->peer.subscriptions : UINT32_MAX;
}

uint64_t hark_conn_peer_instance(const struct hark_conn *conn)
{
        return hark_conn_has_greeted(conn) ? conn->peer.instance : 0;
}

const char *hark_conn_own_name(const struct hark_conn *conn)
{
        return conn->name[0] ? conn->name : program_invocation_short_name;
}

bool hark_conn_window(const struct hark_conn *conn, uint64_t *ret_size)
{
        if (!hark_conn_has_greeted(conn))
                return false;
        *ret_size = conn->peer.window_size;
        return true;
}

uint32_t hark_conn_next_id(struct hark_conn *conn)
{
        if (++conn->next_id == 0)
                conn->next_id = 1;
        return conn->next_id;
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

int hark_conn_ping(struct hark_conn *conn, uint32_t *ret_id)
{
        struct hark_send send = {.type = HARK_FRAME_PING, .deadline_ns = HARK_NEVER};

        if (!hark_conn_can_ask(conn))
                return -ENOTCONN;
        send.id = hark_conn_next_id(conn);
        *ret_id = send.id;
        return hark_conn_send_control(conn, &send);
}
