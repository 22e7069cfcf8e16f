/* SPDX-License-Identifier: MIT */

/* See context.h. */

#include "rpc/context.h"

#include <errno.h>
#include <string.h>

#include "base/instance.h"
#include "rpc/circle.h"
#include "rpc/request.h"

static _Thread_local hark_request *running; /* whose handler runs; borrowed */

hark_request *hark_context_enter(hark_request *request)
{
        hark_request *before = running;

        running = request;
        return before;
}

void hark_context_leave(hark_request *before)
{
        running = before;
}

/* --- what ends it before it begins ------------------------------------------------------------ */

/* Who would answer; 0: it is not known yet. */
static uint64_t asked_instance(const struct hark_calls *calls)
{
        return calls->conn ? hark_conn_peer_instance(calls->conn) : 0;
}

/* As if the other side had answered so. Without memory for the words it is that which is told. */
static void refuse(struct hark_context *context, const struct hark_calls *calls,
                   struct hark_question *question, int status, const char *text)
{
        context->verdict = hark_calls_new_verdict(calls, status, text);
        question->verdict = context->verdict;
        question->end = context->verdict ? status : HARK_RESOURCE_EXHAUSTED;
}

static void refuse_circle(struct hark_context *context, const struct hark_calls *calls,
                          struct hark_question *question, const struct hark_chain *chain)
{
        char text[HARK_CIRCLE_TEXT_SIZE];

        refuse(context, calls, question, HARK_CIRCLE,
               hark_circle_describe(hark_chain_span(chain), asked_instance(calls), text));
}

/* --- what a request passes on ----------------------------------------------------------------- */

bool hark_request_is_awaited(const hark_request *request)
{
        return !request->is_one_way &&
               (request->state == HARK_REQUEST_QUEUED || request->state == HARK_REQUEST_OPEN);
}

/* Without a chain of its own it begins one: with its asker, as the hello named it, and a number
 * that both ends know. */
void hark_request_chain(const hark_request *request, struct hark_chain *ret_chain)
{
        const hark_message *message = request->message;
        const char *name = request->requests->conn->peer_name; /* awaited: it has not closed */
        struct hark_hop asker = {
                .instance = request->asker,
                .waits = request->asker_waits,
                .name = {(const uint8_t *)name, strlen(name)},
        };

        if (message->chain &&
            hark_chain_copy(ret_chain, (struct hark_span){message->chain, message->chain_size}))
                return;
        hark_chain_begin(ret_chain, hark_chain_first_number(request->asker, request->id));
        hark_chain_add(ret_chain, &asker);
}

/* Its deadline is theirs as well, and which of the two clocks is first shall not show. */
int hark_request_end_of_children(int reason)
{
        return reason == -ETIMEDOUT ? -ETIMEDOUT : -ECANCELED;
}

/* --- what is inherited ------------------------------------------------------------------------ */

static hark_request *asked_for(const struct hark_payload *payload)
{
        if (payload->parent)
                return payload->parent;
        return payload->is_detached ? NULL : running;
}

static void inherit_time(struct hark_question *question, const hark_request *request)
{
        if (request->state == HARK_REQUEST_ANSWERED ||
            request->deadline_ns >= question->deadline_ns)
                return;
        question->deadline_ns = request->deadline_ns;
        if (question->deadline_ns <= hark_now_ns())
                question->end = -ETIMEDOUT;
}

static void inherit_end(struct hark_question *question, hark_request *parent)
{
        switch (parent->state) {
        case HARK_REQUEST_QUEUED:
        case HARK_REQUEST_OPEN:
                question->siblings = &parent->children;
                break;
        case HARK_REQUEST_ANSWERED:
                break;
        case HARK_REQUEST_ENDED:
                question->end = hark_request_end_of_children(parent->reason);
                break;
        }
}

static struct hark_hop our_hop(const struct hark_calls *calls, const struct hark_question *question)
{
        const char *name = calls->conn ? hark_conn_own_name(calls->conn) : calls->name;

        return (struct hark_hop){
                .instance = hark_instance(),
                .waits = question->kind == HARK_QUESTION_CALL,
                .name = {(const uint8_t *)name, strlen(name)},
        };
}

static void inherit_chain(struct hark_context *context, const struct hark_calls *calls,
                          struct hark_question *question, const hark_request *request,
                          struct hark_chain *chain)
{
        struct hark_hop ours = our_hop(calls, question);

        hark_request_chain(request, chain);
        if (!hark_chain_add(chain, &ours))
                refuse(context, calls, question, HARK_RESOURCE_EXHAUSTED, HARK_TOO_DEEP);
        else if (hark_chain_has_waiting(hark_chain_span(chain), asked_instance(calls)))
                refuse_circle(context, calls, question, chain);
        question->has_chain = true;
        question->chain = hark_chain_number(hark_chain_span(chain));
}

/* A thread that waits for itself. */
static void check_self(struct hark_context *context, const struct hark_calls *calls,
                       struct hark_question *question)
{
        struct hark_hop ours;
        struct hark_chain chain;

        if (question->kind != HARK_QUESTION_CALL || hark_instance() == 0 ||
            asked_instance(calls) != hark_instance())
                return;
        ours = our_hop(calls, question);
        hark_chain_begin(&chain, 0);
        hark_chain_add(&chain, &ours);
        refuse_circle(context, calls, question, &chain);
}

static void write_extensions(struct hark_context *context, struct hark_question *question,
                             const struct hark_chain *chain, const char *trace)
{
        struct hark_extension_writer writer;

        if (!question->has_chain && !trace[0])
                return;
        hark_extensions_start(&writer, context->extensions);
        if (question->has_chain)
                hark_extensions_put(&writer, HARK_EXTENSION_CHAIN, chain->bytes, chain->size);
        if (trace[0])
                hark_extensions_put(&writer, HARK_EXTENSION_TRACE, trace, strlen(trace));
        question->extensions =
                (struct hark_span){context->extensions, hark_extensions_finish(&writer)};
}

static const char *trace_of(const struct hark_payload *payload, const hark_request *request)
{
        if (payload->trace)
                return payload->trace;
        return request ? hark_request_trace(request) : "";
}

void hark_context_inherit(struct hark_context *context, const struct hark_calls *calls,
                          struct hark_question *question)
{
        hark_request *request = asked_for(question->payload);
        struct hark_chain chain;

        context->verdict = NULL;
        question->siblings = NULL;
        question->extensions = (struct hark_span){NULL, 0};
        question->has_chain = false;
        question->end = question->deadline_ns == 0 ? -ETIMEDOUT : 0;
        if (request)
                inherit_time(question, request);
        if (question->payload->parent)
                inherit_end(question, request);
        if (question->end != 0)
                return;
        if (request && question->kind != HARK_QUESTION_SEND && hark_request_is_awaited(request))
                inherit_chain(context, calls, question, request, &chain);
        else
                check_self(context, calls, question);
        write_extensions(context, question, &chain, trace_of(question->payload, request));
}

void hark_context_done(struct hark_context *context)
{
        hark_message_unref(context->verdict);
}
