/* SPDX-License-Identifier: MIT */

/*
 * What comes in on a connection: reads from the port, decides about every message (its order, the
 * limits), deals with the connection's own ones, and hands all others to the asker or the answerer.
 */

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "conn/control.h"
#include "conn/internal.h"

/* How many messages full of fds one peer may make us hold: they come from our table of them. */
#define RECEIVED_MESSAGES_OF_FDS 2

/* So many messages may wait for their turn; then a connection is not read any more. */
#define MAX_WAITING 64

/* The bytes of the shortest request: its header and a name. */
#define REQUEST_SIZE_MIN (HARK_HEADER_SIZE + 8)

/* Bytes read from one connection before the others have their turn. */
#define READ_TURN (1024 * 1024)

static void tell_unfit(const struct hark_outgoing *outgoing, int error, void *userdata)
{
        struct hark_conn *conn = userdata;

        if (conn->asker.ops && conn->asker.ops->on_unfit)
                conn->asker.ops->on_unfit(conn, outgoing, error, conn->asker.userdata);
}

static int take_hello(struct hark_conn *conn, const hark_message *message, struct hark_span name,
                      const char **ret_why)
{
        int r = hark_control_take_hello(conn, message, name, ret_why);

        if (r < 0)
                return r;
        hark_conn_set_state(conn, HARK_CONN_ADMITTING);
        hark_writer_drop_unfit(&conn->writer, (size_t)conn->peer.message_size,
                               conn->peer.fds_per_message, tell_unfit, conn);
        if (!conn->is_accepting)
                hark_conn_open(conn);
        else if (conn->answerer.ops)
                conn->answerer.ops->on_hello(conn, conn->answerer.userdata);
        else
                hark_conn_admit(conn);
        return 0;
}

static int take_goaway(struct hark_conn *conn, const struct hark_header *header,
                       const hark_message *message)
{
        conn->has_goaway = true;
        conn->farewell_status = (int)header->status;
        if (header->status != 0)
                hark_log(hark_loop_log(conn->loop),
                         header->status == HARK_UNAVAILABLE ? LOG_INFO : LOG_WARNING,
                         "%s says goodbye: %s", hark_conn_peer_name(conn),
                         hark_reason((int)header->status, message));
        if (conn->asker.ops && conn->asker.ops->on_goaway)
                conn->asker.ops->on_goaway(conn, header->id, conn->asker.userdata);
        return 0;
}

static bool is_answer(const struct hark_header *header)
{
        switch (header->type) {
        case HARK_FRAME_REPLY:
        case HARK_FRAME_ERROR:
        case HARK_FRAME_SUBSCRIBED:
        case HARK_FRAME_GAP:
                return true;
        case HARK_FRAME_PUBLISH:
        case HARK_FRAME_WITHDRAWN:
                return header->status != 0;
        case HARK_FRAME_ITEM:
                return !(header->flags & HARK_FLAG_FEED);
        case HARK_FRAME_CREDIT:
                return header->flags & HARK_FLAG_FEED;
        default:
                return false;
        }
}

static struct hark_charge charge_of(const struct hark_header *header, size_t total)
{
        return (struct hark_charge){hark_conn_cost(total), header->n_fds};
}

/* No more of a request under way will come. */
static void forget_cancelled(struct hark_conn *conn, const struct hark_header *cancel)
{
        struct hark_incoming forgotten;

        if (hark_reader_forget(&conn->reader, HARK_FRAME_REQUEST, cancel->id, cancel->priority,
                               &forgotten))
                hark_conn_release(conn, charge_of(&forgotten.header, forgotten.total));
}

static void route(struct hark_conn *conn, struct hark_received *received)
{
        const struct hark_header *header = received->header;
        const struct hark_role *role = is_answer(header) ? &conn->asker : &conn->answerer;

        if (header->type == HARK_FRAME_CANCEL)
                forget_cancelled(conn, header);
        if (role->ops) {
                role->ops->on_message(conn, received, role->userdata);
                return;
        }
        /* Nobody answers here; an answer for nobody was no good when it began. */
        hark_conn_refuse_message(conn, header, (const char *)received->name.bytes,
                                 received->name.size, HARK_UNIMPLEMENTED,
                                 "this end of the connection answers nothing");
        hark_message_unref(received->message); /* in which the name may lie */
        hark_conn_release(conn, received->charge);
}

/* hello, goaway, ping and pong are the connection's own. 1: it was one; 0: it was not. */
static int take_own(struct hark_conn *conn, const struct hark_incoming *incoming,
                    struct hark_span name, const char **ret_why)
{
        const struct hark_header *header = &incoming->header;
        int r;

        switch (header->type) {
        case HARK_FRAME_HELLO:
                r = take_hello(conn, incoming->message, name, ret_why);
                break;
        case HARK_FRAME_GOAWAY:
                r = take_goaway(conn, header, incoming->message);
                break;
        case HARK_FRAME_PING:
                hark_control_send_pong(conn, header->id);
                r = 0;
                break;
        case HARK_FRAME_PONG:
                conn->is_ping_out = false;
                if (conn->asker.ops && conn->asker.ops->on_pong)
                        conn->asker.ops->on_pong(conn, header->id, conn->asker.userdata);
                r = 0;
                break;
        default:
                return 0;
        }
        return r < 0 ? r : 1;
}

/* Says no to what expects no answer. */
static bool is_refusal(const struct hark_header *header)
{
        return header->type == HARK_FRAME_ERROR && header->name_size > 0;
}

static bool may_be_too_large(const struct hark_header *header)
{
        return header->type == HARK_FRAME_REQUEST || header->type == HARK_FRAME_PUBLISH;
}

/* Answers that nobody awaits, too late or never asked for, are passed over: so what is kept of them
 * is as much as we have asked. */
static bool is_awaited(struct hark_conn *conn, const struct hark_header *header)
{
        const struct hark_role *asker = &conn->asker;
        bool is_reply = header->type == HARK_FRAME_REPLY ||
                        (header->type == HARK_FRAME_ERROR && !is_refusal(header));

        return !is_reply || !asker->ops->is_awaited ||
               asker->ops->is_awaited(conn, header->id, asker->userdata);
}

/* Of these the other side decides how many come; of answers we do, who asked. */
static bool is_bounded(const struct hark_header *header)
{
        return may_be_too_large(header) || is_refusal(header) ||
               header->type == HARK_FRAME_WITHDRAWN ||
               (header->type == HARK_FRAME_ITEM && !is_answer(header));
}

/* To a subscription of ours. */
static bool is_notification(const struct hark_header *header)
{
        return hark_frame_type_publishes(header->type) && is_answer(header);
}

static int check_order(const struct hark_conn *conn, const struct hark_header *header,
                       const char **ret_why)
{
        bool is_hello = header->type == HARK_FRAME_HELLO;

        if (!hark_conn_has_greeted(conn) && !is_hello &&
            (header->type != HARK_FRAME_GOAWAY || conn->is_accepting))
                *ret_why = "hello must come first";
        else if (hark_conn_has_greeted(conn) && is_hello)
                *ret_why = "a second hello";
        else if (is_answer(header) && !conn->asker.ops)
                *ret_why = "an answer to what was never asked";
        else if (header->n_fds > conn->limits.fds_per_message)
                *ret_why = "more file descriptors than one message may have";
        else
                return 0;
        return -EPROTO;
}

/* The limit on what its sender may make us keep that a message would exceed; NULL: none. */
static const char *find_exceeded(const struct hark_conn *conn, const struct hark_header *header,
                                 size_t total)
{
        struct hark_charge more = charge_of(header, total);
        unsigned most_fds = RECEIVED_MESSAGES_OF_FDS * conn->limits.fds_per_message;

        if (total > conn->limits.message_size)
                return "larger than the limit for a message";
        if (conn->received.size + more.size > conn->limits.received_size)
                return "too much is received and not handled yet";
        if (conn->received.n_fds + more.n_fds > most_fds)
                return "too many file descriptors are received and not handled yet";
        return NULL;
}

static void charge(struct hark_conn *conn, const struct hark_header *header, size_t total)
{
        struct hark_charge more = charge_of(header, total);

        conn->received.size += more.size;
        conn->received.n_fds += more.n_fds;
}

/* Items are judged by the role, which knows the streams; those of nobody are passed over. */
static int begin_item(struct hark_conn *conn, const struct hark_header *header, size_t total,
                      bool *ret_is_kept, const char **ret_why)
{
        const struct hark_role *role = is_answer(header) ? &conn->asker : &conn->answerer;
        struct hark_arriving item = {.header = header,
                                     .cost = hark_conn_item_cost(total, header->n_fds)};
        const char *why = NULL;

        if (is_bounded(header))
                item.full = find_exceeded(conn, header, total);
        if (role->ops && role->ops->begin_item)
                why = role->ops->begin_item(conn, &item, role->userdata);
        if (why) {
                *ret_why = why;
                return -EPROTO;
        }
        *ret_is_kept = item.is_kept;
        if (item.is_kept && is_bounded(header))
                charge(conn, header, total);
        return conn->state == HARK_CONN_CLOSED ? -ECANCELED : 0;
}

/* While its name is known: that of a message in pieces is kept with it only. */
static void turn_away(struct hark_conn *conn, const struct hark_header *header,
                      const struct hark_frame *frame, const char *full)
{
        struct hark_received lost = {.header = header, .name = frame->name};

        if (is_notification(header))
                route(conn, &lost);
        else if (!is_answer(header))
                hark_conn_refuse_message(conn, header, (const char *)frame->name.bytes,
                                         frame->name.size, HARK_RESOURCE_EXHAUSTED, full);
}

static int begin_message(struct hark_reader *reader, const struct hark_header *header,
                         const struct hark_frame *frame, size_t total, bool *ret_is_kept,
                         const char **ret_why)
{
        struct hark_conn *conn = hark_container_of(reader, struct hark_conn, reader);
        const char *full = NULL;
        int r = check_order(conn, header, ret_why);

        if (r < 0)
                return r;
        if (total > conn->limits.message_size && !may_be_too_large(header)) {
                *ret_why = "an answer larger than the limit that hello told";
                return -EPROTO;
        }
        if (header->type == HARK_FRAME_ITEM)
                return begin_item(conn, header, total, ret_is_kept, ret_why);
        *ret_is_kept = is_awaited(conn, header);
        if (is_bounded(header))
                full = find_exceeded(conn, header, total);
        if (full)
                *ret_is_kept = false;
        else if (is_bounded(header))
                charge(conn, header, total);
        if (full)
                turn_away(conn, header, frame, full);
        return conn->state == HARK_CONN_CLOSED ? -ECANCELED : 0;
}

/*
 * Notes the highest id, which a goaway names: in the circle of 2^32, and not simply the last one,
 * because the urgent overtake. false: our goaway has named another one already, so the other side
 * knows that this request is not handled, and drops it here.
 */
static bool take_request_id(struct hark_conn *conn, const struct hark_received *received)
{
        uint32_t id = received->header->id;
        bool is_new = conn->last_request_id == 0 || (int32_t)(id - conn->last_request_id) > 0;

        if (conn->state == HARK_CONN_LEAVING || (conn->is_draining && is_new)) {
                hark_message_unref(received->message);
                hark_conn_release(conn, received->charge);
                return false;
        }
        if (is_new)
                conn->last_request_id = id;
        return true;
}

static bool is_old_request(const struct hark_conn *conn, const struct hark_incoming *incoming)
{
        return incoming->is_active && incoming->is_kept &&
               incoming->header.type == HARK_FRAME_REQUEST &&
               (int32_t)(incoming->header.id - conn->last_request_id) <= 0;
}

bool hark_conn_is_being_asked(const struct hark_conn *conn)
{
        for (unsigned i = 0; i < HARK_PRIORITIES; i++)
                if (is_old_request(conn, &conn->reader.fragmented[i]))
                        return true;
        return is_old_request(conn, &conn->reader.single);
}

static int end_message(struct hark_reader *reader, const struct hark_incoming *incoming,
                       const struct hark_frame *frame, const char **ret_why)
{
        struct hark_conn *conn = hark_container_of(reader, struct hark_conn, reader);
        hark_message *message = incoming->message;
        struct hark_received received = {
                .header = &incoming->header,
                .name = frame->name,
                .extensions = frame->extensions,
                .message = message,
        };
        int r;

        if (!incoming->is_kept &&
            (!is_answer(&incoming->header) || is_notification(&incoming->header) ||
             incoming->header.type == HARK_FRAME_ITEM))
                return 0; /* turned away as it began, or of no stream */
        if (incoming->is_kept && is_bounded(&incoming->header))
                received.charge = charge_of(&incoming->header, incoming->total);
        if (message && received.name.size == 0)
                received.name =
                        (struct hark_span){(const uint8_t *)message->name, strlen(message->name)};
        if (incoming->header.type == HARK_FRAME_REQUEST && !take_request_id(conn, &received))
                return 0;
        r = take_own(conn, incoming, received.name, ret_why);
        if (r == 0)
                route(conn, &received);
        else
                hark_message_unref(message);
        if (r < 0)
                return r;
        return conn->state == HARK_CONN_CLOSED ? -ECANCELED : 0;
}

const struct hark_reader_ops hark_conn_reader_ops = {
        .begin = begin_message,
        .end = end_message,
};

/* Hands n bytes to the reader: first what was read to where its payload belongs, then the rest. */
static int feed(struct hark_conn *conn, size_t n, size_t target_size, const uint8_t *scratch)
{
        const char *why = NULL;
        size_t filled = n < target_size ? n : target_size;
        int r = 0;

        if (filled > 0)
                r = hark_reader_filled(&conn->reader, filled, &why);
        if (r == 0)
                r = hark_reader_feed(&conn->reader, scratch, n - filled, &why);
        if (r < 0 && conn->state != HARK_CONN_CLOSED)
                hark_conn_fail(conn, r, r == -ENOMEM ? "no memory to read it" : why);
        return r;
}

/* So many messages may wait for their turn; half of the requests that may be in flight at the
 * most. */
static uint32_t max_waiting(const struct hark_conn *conn)
{
        uint32_t limit = conn->limits.calls_in_flight;

        return limit > 2 * MAX_WAITING ? MAX_WAITING : (limit + 1) / 2;
}

/* What has been read can not be put back, and beyond the limit on requests it would have to be
 * refused. So one read takes no more of a stream than may come when almost as many wait as may. */
static size_t read_size(const struct hark_conn *conn)
{
        size_t n_requests = conn->limits.calls_in_flight - max_waiting(conn);

        if (!conn->answerer.ops || n_requests > HARK_SCRATCH_SIZE / REQUEST_SIZE_MIN)
                return HARK_SCRATCH_SIZE;
        return (n_requests > 0 ? n_requests : 1) * REQUEST_SIZE_MIN;
}

/* One read. 1: there may be more; 0: that was all for now, or it is closed. */
int hark_conn_read_some(struct hark_conn *conn, size_t *n_read)
{
        const struct hark_transport_ops *transport = conn->port->transport;
        bool is_stream = transport->public.capabilities & HARK_CAN_STREAM;
        uint8_t *scratch = hark_loop_scratch(conn->loop);
        size_t target_size = 0;
        uint8_t *target = is_stream ? hark_reader_target(&conn->reader, &target_size) : NULL;
        size_t size = is_stream ? read_size(conn) : HARK_SCRATCH_SIZE;
        struct iovec iov[2] = {{target, target_size}, {scratch, size}};
        ssize_t n = transport->receive(conn->port, target ? iov : iov + 1, target ? 2 : 1,
                                       &conn->reader.fds);

        if (n == -EAGAIN)
                return 0;
        if (n <= 0) {
                hark_conn_close_at_end(conn, (int)n);
                return 0;
        }
        conn->has_heard = true;
        *n_read += (size_t)n;
        if (feed(conn, (size_t)n, target_size, scratch) < 0)
                return 0;
        /* A stream that did not fill the buffer is empty; asking it again would cost a system
         * call. */
        return !is_stream || (size_t)n == target_size + size;
}

/* Callbacks that a wait holds back do not hold up reading: what it waits for must get through. */
bool hark_conn_is_behind(const struct hark_conn *conn)
{
        return conn->n_waiting >= max_waiting(conn) && !hark_loop_is_holding(conn->loop);
}

bool hark_conn_read_turn(struct hark_conn *conn)
{
        size_t n_read = 0;
        bool has_more = true;

        if (conn->state == HARK_CONN_CLOSED || !conn->port->is_open)
                return false;
        hark_conn_ref(conn);
        while (has_more && n_read < READ_TURN && !hark_conn_is_behind(conn))
                has_more = hark_conn_read_some(conn, &n_read) > 0;
        has_more &= conn->state != HARK_CONN_CLOSED;
        hark_conn_unref(conn);
        return has_more;
}

bool hark_conn_look(struct hark_conn *conn)
{
        size_t n_read = 0;
        bool has_ended;

        if (conn->state == HARK_CONN_CLOSED || !conn->port->is_open)
                return false;
        hark_conn_ref(conn);
        while (n_read < READ_TURN && hark_conn_read_some(conn, &n_read) > 0)
                ;
        has_ended = conn->state == HARK_CONN_CLOSED;
        hark_conn_unref(conn);
        return n_read > 0 || has_ended;
}
