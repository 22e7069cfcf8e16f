/* SPDX-License-Identifier: MIT */

/* See calls.h. */

#include "rpc/call.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/instance.h"
#include "base/result.h"
#include "wire/chain.h"

_Static_assert(sizeof(struct hark_pending_call) <= HARK_BLOCK_SIZE, "one block of the pool");

struct hark_pending_call *hark_calls_find_by_wire_id(const struct hark_calls *calls, uint32_t id)
{
        struct hark_map_node *node = hark_map_find(&calls->pending, id);

        return node ? hark_container_of(node, struct hark_pending_call, node) : NULL;
}

/* --- the end ---------------------------------------------------------------------------------- */

static void take_back(struct hark_calls *calls, struct hark_outgoing *outgoing)
{
        if (outgoing->is_waiting)
                hark_backlog_withdraw(calls->backlog, outgoing);
        else
                hark_conn_withdraw(calls->conn, outgoing);
}

void hark_call_forget_copy(struct hark_pending_call *pending)
{
        if (pending->copy)
                hark_outgoing_free(HARK_TAKE(pending->copy));
}

void hark_call_end(struct hark_pending_call *pending, int result, hark_message *reply)
{
        struct hark_calls *calls = pending->calls;

        assert(!pending->is_over);
        if (pending->outgoing)
                take_back(calls, pending->outgoing);
        hark_call_forget_copy(pending);
        hark_timer_stop(&pending->deadline);
        hark_map_remove(&calls->pending, &pending->node);
        hark_list_remove(&pending->link);
        hark_list_remove(&pending->child.link);
        if (--calls->n_pending == 0 && calls->idle_chore)
                hark_loop_queue_chore(calls->loop, calls->idle_chore);
        pending->result = result;
        pending->reply = reply;
        pending->is_over = true;
        if (pending->stream)
                hark_call_stream_end(pending->stream);
        else if (pending->on_reply)
                hark_loop_queue_callback(calls->loop, &pending->task);
}

void hark_call_end_unanswered(struct hark_pending_call *pending, int reason)
{
        bool may_have_begun = hark_call_was_sent(pending) || pending->has_left;

        hark_call_end(pending, may_have_begun ? reason : -ENOTCONN, NULL);
}

static void tell_end(struct hark_task *task)
{
        struct hark_pending_call *pending = hark_container_of(task, struct hark_pending_call, task);
        hark_on_reply *on_reply = pending->on_reply;
        void *userdata = pending->userdata;
        hark_message *reply = pending->reply;
        int result = pending->result;

        hark_call_stream_free(pending->stream);
        hark_pool_put(hark_loop_block_pool(pending->calls->loop), pending);
        on_reply(result, reply, userdata);
        hark_message_unref(reply);
}

/* status: HARK_DEADLINE_EXCEEDED; HARK_OK: it is our wish. */
static void send_cancel(struct hark_calls *calls, const struct hark_pending_call *pending,
                        enum hark_status status)
{
        struct hark_send send = {
                .type = HARK_FRAME_CANCEL,
                .priority = pending->priority,
                .id = (uint32_t)pending->id,
                .status = status,
                .deadline_ns = HARK_NEVER,
        };

        hark_conn_send_cancel(calls->conn, &send);
}

static void on_deadline(struct hark_timer *timer)
{
        struct hark_pending_call *pending =
                hark_container_of(timer, struct hark_pending_call, deadline);
        struct hark_calls *calls = pending->calls;

        /* The other side keeps the deadline too, but not by the same clock: it shall not count what
         * we have ended among the calls in flight, nor wait for the rest of a request under way. */
        if (hark_call_was_sent(pending) && calls->conn)
                send_cancel(calls, pending, HARK_DEADLINE_EXCEEDED);
        hark_call_end_unanswered(pending, -ETIMEDOUT);
}

/* --- on behalf of a request ------------------------------------------------------------------- */

/* Sent or not: what was never sent is safe to repeat, but not on behalf of what has ended. */
static void end_child(struct hark_child *child, int reason)
{
        struct hark_pending_call *pending =
                hark_container_of(child, struct hark_pending_call, child);

        if (hark_call_was_sent(pending) && pending->calls->conn)
                send_cancel(pending->calls, pending,
                            reason == -ETIMEDOUT ? HARK_DEADLINE_EXCEEDED : HARK_OK);
        if (reason == -ETIMEDOUT)
                hark_call_end_unanswered(pending, reason);
        else
                hark_call_end(pending, reason, NULL);
}

void hark_child_init(struct hark_child *child, void (*end)(struct hark_child *child, int reason),
                     struct hark_list *siblings)
{
        child->end = end;
        hark_list_init(&child->link);
        if (siblings)
                hark_list_push_back(siblings, &child->link);
}

void hark_children_end(struct hark_list *children, int reason)
{
        hark_list_for_each (link, children) {
                struct hark_child *child = hark_container_of(link, struct hark_child, link);

                hark_list_remove(link);
                child->end(child, reason);
        }
}

void hark_children_part(struct hark_list *children)
{
        hark_list_for_each (link, children)
                hark_list_remove(link);
}

/* --- the beginning ---------------------------------------------------------------------------- */

/* The next number whose low 32 bits are not 0 and not in use. */
static uint64_t next_id(struct hark_calls *calls)
{
        do
                calls->last_id++;
        while ((uint32_t)calls->last_id == 0 ||
               hark_calls_find_by_wire_id(calls, (uint32_t)calls->last_id));
        return calls->last_id;
}

static uint8_t flags_of(const struct hark_question *question)
{
        uint8_t feeds = question->payload->has_feed ? HARK_FLAG_FEEDS : 0;

        switch (question->kind) {
        case HARK_QUESTION_INVOKE:
                break;
        case HARK_QUESTION_OBSERVE:
                return feeds | HARK_FLAG_OBSERVES;
        case HARK_QUESTION_CALL:
                return HARK_FLAG_CALLER_WAITS;
        case HARK_QUESTION_SEND:
                return HARK_FLAG_ONE_WAY;
        }
        return feeds;
}

static struct hark_send request_of(const struct hark_question *question, uint64_t id)
{
        return (struct hark_send){
                .type = HARK_FRAME_REQUEST,
                .flags = flags_of(question),
                .priority = question->payload->priority,
                .id = (uint32_t)id,
                .name = question->method,
                .name_size = strlen(question->method),
                .payload = question->payload,
                .extensions = question->extensions,
                .deadline_ns = question->deadline_ns,
        };
}

/* Sends it, or lets it wait for a connection. */
static int send_or_wait(struct hark_calls *calls, const struct hark_send *send,
                        struct hark_outgoing **slot)
{
        if (!hark_calls_must_wait(calls))
                return hark_conn_send(calls->conn, send, slot);
        return calls->backlog ? hark_backlog_queue(calls->backlog, send, slot) : -ENOTCONN;
}

static int keep_copy(struct hark_pending_call *pending, const struct hark_send *send)
{
        hark_loop *loop = pending->calls->loop;

        return hark_outgoing_new(hark_loop_block_pool(loop), hark_loop_message_pools(loop), send,
                                 &pending->copy);
}

static int send_request(struct hark_pending_call *pending, const struct hark_question *question)
{
        struct hark_calls *calls = pending->calls;
        struct hark_send send = request_of(question, pending->id);
        int r = 0;

        pending->n_sends_before = calls->ledger.n_sent[send.priority];
        if (question->payload->is_idempotent && !question->payload->has_feed && calls->may_repeat)
                r = keep_copy(pending, &send);
        if (r == 0 && pending->copy)
                send.message = pending->copy->message; /* a large one is kept once */
        if (r == 0)
                r = send_or_wait(calls, &send, &pending->outgoing);
        if (r < 0)
                hark_call_forget_copy(pending);
        return r;
}

static bool may_begin(const struct hark_calls *calls)
{
        return calls->conn || calls->wait_limit > 0;
}

static uint32_t calls_limit(const struct hark_calls *calls)
{
        return calls->conn ? hark_conn_calls_limit(calls->conn) : calls->wait_limit;
}

void hark_call_start_deadline(struct hark_pending_call *pending)
{
        const struct hark_calls *calls = pending->calls;
        uint64_t due_ns = pending->deadline_ns, wait_ns;

        if (pending->outgoing && pending->outgoing->is_waiting && !pending->copy) {
                wait_ns = hark_deadline_ns(calls->wait_ms);
                due_ns = wait_ns < due_ns ? wait_ns : due_ns;
        }
        hark_timer_start(calls->loop, &pending->deadline, due_ns, on_deadline);
}

static void add(struct hark_calls *calls, struct hark_pending_call *pending,
                const struct hark_question *question)
{
        hark_map_add(&calls->pending, &pending->node, (uint32_t)pending->id);
        hark_list_push_back(&calls->all, &pending->link);
        hark_child_init(&pending->child, end_child, question->siblings);
        calls->n_pending++;
}

static bool has_stream(const struct hark_question *question)
{
        return question->kind == HARK_QUESTION_OBSERVE || question->payload->has_feed;
}

static int start(struct hark_calls *calls, struct hark_pending_call *pending,
                 const struct hark_question *question)
{
        int r = 0;

        /* Also where the time is over before it begins: a client that closes tells no new end. */
        if (!may_begin(calls))
                return -ENOTCONN;
        if (calls->n_pending >= calls_limit(calls))
                return -EDQUOT;
        pending->calls = calls;
        pending->deadline_ns = question->deadline_ns;
        pending->id = next_id(calls);
        pending->priority = question->payload->priority;
        pending->chain = question->has_chain
                                 ? question->chain
                                 : hark_chain_first_number(hark_instance(), (uint32_t)pending->id);
        if (has_stream(question))
                r = hark_call_stream_new(pending, question->kind == HARK_QUESTION_OBSERVE,
                                         question->payload->has_feed);
        if (r == 0 && question->end == 0)
                r = send_request(pending, question);
        if (r < 0)
                return r;
        add(calls, pending, question);
        if (question->end != 0)
                hark_call_end(pending, question->end, hark_message_ref(question->verdict));
        else
                hark_call_start_deadline(pending);
        return 0;
}

void hark_calls_init(struct hark_calls *calls, hark_loop *loop, const void *owner)
{
        *calls = (struct hark_calls){
                .loop = loop, .owner = owner, .name = program_invocation_short_name};
        hark_list_init(&calls->all);
        hark_list_init(&calls->streaming);
}

void hark_calls_done(struct hark_calls *calls)
{
        hark_map_done(&calls->pending);
        hark_map_done(&calls->streams);
}

int hark_calls_start(struct hark_calls *calls, struct hark_pending_call *pending,
                     const struct hark_question *question)
{
        *pending = (struct hark_pending_call){.on_reply = NULL};
        return start(calls, pending, question);
}

int hark_calls_invoke(struct hark_calls *calls, const struct hark_question *question,
                      hark_on_reply *on_reply, void *userdata, uint64_t *ret_id)
{
        struct hark_pool *pool = hark_loop_block_pool(calls->loop);
        struct hark_pending_call *pending = hark_pool_take(pool);
        int r;

        if (!pending)
                return -ENOMEM;
        *pending = (struct hark_pending_call){.on_reply = on_reply, .userdata = userdata};
        hark_task_init(&pending->task, tell_end, calls->owner);
        pending->task.priority = question->payload->priority;
        r = start(calls, pending, question);
        if (r < 0) {
                hark_call_stream_free(pending->stream);
                hark_pool_put(pool, pending);
                return r;
        }
        if (ret_id)
                *ret_id = pending->id;
        return 0;
}

static int post(struct hark_calls *calls, const struct hark_send *send)
{
        bool is_sent = !hark_calls_must_wait(calls);
        int r = send_or_wait(calls, send, NULL);

        if (r == 0 && is_sent)
                hark_ledger_send(&calls->ledger, send->priority);
        return r;
}

int hark_calls_send(struct hark_calls *calls, const struct hark_question *question)
{
        struct hark_send send;

        if (question->end != 0)
                return question->end;
        send = request_of(question, next_id(calls));
        return post(calls, &send);
}

static uint8_t publish_flags(const struct hark_payload *payload)
{
        switch (payload->retain) {
        case HARK_RETAIN:
                return HARK_FLAG_RETAIN;
        case HARK_RETAIN_LIVE:
                return HARK_FLAG_RETAIN | HARK_FLAG_LIVE;
        default:
                return 0;
        }
}

int hark_calls_publish(struct hark_calls *calls, const char *topic,
                       const struct hark_payload *payload)
{
        struct hark_send send = {
                .type = payload->retain == HARK_WITHDRAW ? HARK_FRAME_WITHDRAWN
                                                         : HARK_FRAME_PUBLISH,
                .flags = publish_flags(payload),
                .priority = payload->priority,
                .id = calls->conn ? hark_conn_next_id(calls->conn) : 0,
                .name = topic,
                .name_size = strlen(topic),
                .payload = payload,
                .deadline_ns = HARK_NEVER,
        };

        return post(calls, &send);
}

void hark_calls_cancel(struct hark_calls *calls, struct hark_pending_call *pending)
{
        if (hark_call_was_sent(pending) && calls->conn)
                send_cancel(calls, pending, HARK_OK);
        hark_call_end_unanswered(pending, -ECANCELED);
}

hark_message *hark_calls_new_verdict(const struct hark_calls *calls, int status, const char *text)
{
        struct hark_message_strings strings = {.error_text = text, .error_text_size = strlen(text)};
        hark_message *verdict = hark_message_new(hark_loop_message_pools(calls->loop), 0, &strings);

        if (verdict)
                verdict->status = status;
        return verdict;
}

void hark_calls_refuse(struct hark_pending_call *pending, int status, const char *text)
{
        hark_message *verdict = hark_calls_new_verdict(pending->calls, status, text);

        if (hark_call_was_sent(pending) && pending->calls->conn)
                send_cancel(pending->calls, pending, HARK_OK);
        hark_call_end(pending, verdict ? status : HARK_RESOURCE_EXHAUSTED, verdict);
}

struct hark_pending_call *hark_calls_find(const struct hark_calls *calls, uint64_t id)
{
        struct hark_pending_call *pending = hark_calls_find_by_wire_id(calls, (uint32_t)id);

        return pending && pending->id == id ? pending : NULL;
}

bool hark_calls_await(const struct hark_calls *calls, uint32_t id)
{
        return hark_calls_find_by_wire_id(calls, id) != NULL;
}

bool hark_calls_take(struct hark_calls *calls, struct hark_received *received)
{
        const struct hark_header *header = received->header;
        struct hark_pending_call *pending;
        int result = 0;

        /* The refusal of what expects no answer says its name again, and its id is no call's. */
        if (header->type == HARK_FRAME_ERROR && received->name.size > 0)
                return false;
        pending = hark_calls_find_by_wire_id(calls, header->id);
        if (!pending) {
                hark_message_unref(received->message);
                return true;
        }
        hark_ledger_read(&calls->ledger, pending->priority, pending->n_sends_before);
        if (header->type == HARK_FRAME_ERROR)
                result = hark_status_of_wire(header->status);
        else if (!received->message)
                result = HARK_RESOURCE_EXHAUSTED;
        hark_call_end(pending, result, received->message);
        return true;
}
