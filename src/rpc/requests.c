/* SPDX-License-Identifier: MIT */

/* See requests.h. */

#include "rpc/requests.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "rpc/calls.h"
#include "rpc/circle.h"
#include "rpc/context.h"
#include "rpc/request.h"

_Static_assert(sizeof(struct hark_request) <= HARK_BLOCK_SIZE, "one block of the pool");

static hark_request *request_of(struct hark_map_node *node)
{
        return node ? hark_container_of(node, struct hark_request, node) : NULL;
}

static bool is_unfinished(const hark_request *request)
{
        return request->state == HARK_REQUEST_QUEUED || request->state == HARK_REQUEST_OPEN;
}

static void free_request(hark_request *request)
{
        struct hark_requests *requests = request->requests;

        hark_message_unref(request->message);
        hark_request_stream_free(request->stream);
        hark_pool_put(hark_loop_block_pool(requests->loop), request);
        requests->n_kept--;
        requests->on_request_freed(requests);
}

void hark_request_finish(hark_request *request, enum hark_request_state state)
{
        struct hark_requests *requests = request->requests;

        assert(is_unfinished(request));
        request->state = state;
        hark_timer_stop(&request->deadline);
        hark_request_stream_close(request->stream, state == HARK_REQUEST_ANSWERED);
        hark_list_remove(&request->link);
        hark_list_remove(&request->asker_link);
        if (state == HARK_REQUEST_ANSWERED)
                hark_children_part(&request->children);
        if (!request->is_one_way)
                hark_map_remove(&requests->by_id, &request->node);
        if (requests->conn)
                hark_conn_release(requests->conn, request->charge);
        if (--requests->n_unfinished == 0)
                requests->on_idle(requests);
}

/* --- the end that is no answer ---------------------------------------------------------------- */

static void tell_cancel(struct hark_task *task)
{
        hark_request *request = hark_container_of(task, struct hark_request, cancel);

        request->is_cancel_told = true;
        request->events.on_cancel(request, request->reason, request->userdata);
        hark_request_unref(request);
}

/* Before its turn. */
static void take_out_of_queue(hark_request *request)
{
        if (request->requests->conn)
                hark_conn_had_turn(request->requests->conn);
        hark_task_cancel(&request->turn);
}

void hark_request_end(hark_request *request, int reason)
{
        bool had_turn = request->state == HARK_REQUEST_OPEN;

        hark_request_finish(request, HARK_REQUEST_ENDED);
        request->reason = reason;
        hark_children_end(&request->children, hark_request_end_of_children(reason));
        if (!had_turn) {
                take_out_of_queue(request);
                hark_request_unref(request);
        } else if (request->events.on_cancel) {
                hark_request_ref(request);
                hark_loop_queue_callback(request->requests->loop, &request->cancel);
        } else {
                request->is_cancel_told = true;
        }
}

static void on_deadline(struct hark_timer *timer)
{
        hark_request_end(hark_container_of(timer, struct hark_request, deadline), -ETIMEDOUT);
}

/* --- the handler's turn ----------------------------------------------------------------------- */

static void run_handler(hark_request *request, const struct hark_method *method)
{
        hark_request *before = hark_context_enter(request);

        method->on_request(request, method->userdata);
        hark_context_leave(before);
}

static void take_turn(struct hark_task *task)
{
        hark_request *request = hark_container_of(task, struct hark_request, turn);
        const struct hark_methods *methods = request->requests->methods;
        const struct hark_method *method =
                methods ? hark_methods_find(methods, request->message->name) : NULL;

        request->state = HARK_REQUEST_OPEN;
        if (request->is_one_way)
                hark_timer_stop(&request->deadline); /* nobody waits, who could stop waiting */
        if (request->requests->conn)
                hark_conn_had_turn(request->requests->conn);
        if (method)
                run_handler(request, method);
        else
                hark_request_answer_no(request, HARK_UNIMPLEMENTED, "no such method");
        hark_request_unref(request);
}

static hark_request *new_request(struct hark_requests *requests, struct hark_received *received)
{
        const struct hark_header *header = received->header;
        hark_request *request = hark_pool_take(hark_loop_block_pool(requests->loop));

        if (!request)
                return NULL;
        *request = (struct hark_request){
                .n_refs = 1,
                .requests = requests,
                .message = received->message,
                .charge = received->charge,
                .id = header->id,
                .priority = header->priority,
                .is_one_way = header->flags & HARK_FLAG_ONE_WAY,
                .asker_waits = header->flags & HARK_FLAG_CALLER_WAITS,
                .asker = hark_conn_peer_instance(requests->conn),
                .state = HARK_REQUEST_QUEUED,
                .deadline_ns = HARK_NEVER,
        };
        hark_list_init(&request->asker_link);
        hark_list_init(&request->children);
        hark_task_init(&request->turn, take_turn, requests->owner);
        hark_task_init(&request->cancel, tell_cancel, requests->owner);
        request->turn.priority = request->cancel.priority = header->priority;
        if (header->time_left_ns > 0)
                request->deadline_ns = hark_now_ns() + header->time_left_ns;
        if (header->flags & (HARK_FLAG_OBSERVES | HARK_FLAG_FEEDS) && !request->is_one_way &&
            hark_request_stream_new(request, header->flags) < 0) {
                hark_pool_put(hark_loop_block_pool(requests->loop), request);
                return NULL;
        }
        return request;
}

static void add_request(struct hark_requests *requests, hark_request *request)
{
        requests->n_kept++;
        requests->n_unfinished++;
        hark_list_push_back(&requests->unfinished, &request->link);
        if (!request->is_one_way)
                hark_map_add(&requests->by_id, &request->node, request->id);
        if (!request->is_one_way && request->asker_waits)
                hark_list_push_back(hark_loop_waiting_askers(requests->loop), &request->asker_link);
        hark_timer_start(requests->loop, &request->deadline, request->deadline_ns, on_deadline);
        hark_conn_wait_for_turn(requests->conn);
        hark_requests_queue(requests, &request->turn);
}

static void refuse(struct hark_requests *requests, struct hark_received *received, const char *text)
{
        bool is_one_way = received->header->flags & HARK_FLAG_ONE_WAY;

        hark_conn_release(requests->conn, received->charge);
        hark_conn_refuse_message(
                requests->conn, received->header, (const char *)received->name.bytes,
                is_one_way ? received->name.size : 0, HARK_RESOURCE_EXHAUSTED, text);
        hark_message_unref(received->message);
}

static bool is_too_deep(const hark_message *message)
{
        struct hark_chain chain;

        return message && message->chain &&
               !hark_chain_copy(&chain, (struct hark_span){message->chain, message->chain_size});
}

void hark_request_refuse(hark_request *request, int status, const char *text)
{
        assert(request->state == HARK_REQUEST_QUEUED);
        take_out_of_queue(request);
        hark_request_answer_no(request, status, text);
        hark_request_unref(request);
}

void hark_requests_init(struct hark_requests *requests, hark_loop *loop, hark_peer *peer,
                        const void *owner, const struct hark_methods *methods, uint32_t limit)
{
        *requests = (struct hark_requests){.loop = loop,
                                           .peer = peer,
                                           .owner = owner,
                                           .methods = methods,
                                           .limit = limit,
                                           .is_holding = true};
        hark_list_init(&requests->unfinished);
        hark_list_init(&requests->held);
}

void hark_requests_queue(struct hark_requests *requests, struct hark_task *turn)
{
        if (requests->is_holding)
                hark_list_push_back(&requests->held, &turn->link);
        else
                hark_loop_queue_callback(requests->loop, turn);
}

void hark_requests_begin(struct hark_requests *requests)
{
        requests->is_holding = false;
        hark_list_for_each (link, &requests->held) {
                hark_list_remove(link);
                hark_loop_queue_callback(requests->loop,
                                         hark_container_of(link, struct hark_task, link));
        }
}

void hark_requests_take(struct hark_requests *requests, struct hark_received *received)
{
        uint32_t id = received->header->id;
        bool is_one_way = received->header->flags & HARK_FLAG_ONE_WAY;
        hark_request *request;

        if (!is_one_way && hark_map_find(&requests->by_id, id)) {
                hark_message_unref(received->message);
                hark_conn_break(requests->conn, "the id of a request that is not answered yet");
                return;
        }
        if (requests->n_unfinished >= requests->limit) {
                refuse(requests, received, "too many calls in flight");
                return;
        }
        if (is_too_deep(received->message)) {
                refuse(requests, received, HARK_TOO_DEEP);
                return;
        }
        request = received->message ? new_request(requests, received) : NULL;
        if (!request) {
                refuse(requests, received, "no memory for the request");
                return;
        }
        add_request(requests, request);
        hark_circle_take_request(request);
}

hark_request *hark_requests_find(const struct hark_requests *requests, uint32_t id)
{
        return request_of(hark_map_find(&requests->by_id, id));
}

void hark_requests_take_cancel(struct hark_requests *requests, const struct hark_header *header)
{
        hark_request *request = hark_requests_find(requests, header->id);

        if (request)
                hark_request_end(request, header->status == HARK_DEADLINE_EXCEEDED ? -ETIMEDOUT
                                                                                   : -ECANCELED);
}

void hark_requests_close(struct hark_requests *requests, int reason)
{
        requests->conn = NULL;
        hark_requests_begin(requests);
        hark_list_for_each (link, &requests->unfinished) {
                hark_request *request = hark_container_of(link, struct hark_request, link);

                if (!request->is_one_way)
                        hark_request_end(request, reason);
                else
                        hark_request_stream_detach(request->stream);
        }
        hark_map_done(&requests->by_id);
}

/* --- public ----------------------------------------------------------------------------------- */

hark_request *hark_request_ref(hark_request *request)
{
        if (request)
                request->n_refs++;
        return request;
}

/* What is only kept to tell on_cancel, which frees what belongs to it, was let go of by who would
 * be told: there it was freed. */
static void forget_cancel(hark_request *request)
{
        if (request->n_refs != 2 || !hark_task_is_queued(&request->cancel))
                return;
        hark_task_cancel(&request->cancel);
        request->n_refs--;
}

hark_request *hark_request_unref(hark_request *request)
{
        if (!request)
                return NULL;
        forget_cancel(request);
        if (--request->n_refs > 0)
                return NULL;
        if (is_unfinished(request))
                hark_request_answer_unanswered(request);
        free_request(request);
        return NULL;
}

int hark_request_watch(hark_request *request, const struct hark_request_events *events,
                       void *userdata)
{
        int r;

        if (!request || !events)
                return -EINVAL;
        for (size_t i = 0; i < sizeof(events->reserved) / sizeof(*events->reserved); i++)
                if (events->reserved[i])
                        return -EINVAL;
        if (request->state == HARK_REQUEST_ANSWERED)
                return -EALREADY;
        if (request->state == HARK_REQUEST_ENDED)
                return request->reason;
        r = hark_request_stream_watch(request, events);
        if (r < 0)
                return r;
        request->events = *events;
        request->userdata = userdata;
        return 0;
}

hark_message *hark_request_message(const hark_request *request)
{
        return request->message;
}

const char *hark_request_method(const hark_request *request)
{
        return request->message->name;
}

hark_peer *hark_request_peer(const hark_request *request)
{
        return request->requests->peer;
}

int hark_request_time_left_ms(const hark_request *request)
{
        return hark_time_left_ms(request->deadline_ns);
}

const char *hark_request_trace(const hark_request *request)
{
        return request->message->trace ? request->message->trace : "";
}

bool hark_request_is_one_way(const hark_request *request)
{
        return request->is_one_way;
}
