/* SPDX-License-Identifier: MIT */

/* See circle.h. */

#include "rpc/circle.h"

#include <string.h>

#include "base/instance.h"
#include "base/result.h"
#include "rpc/request.h"

#define N_LOOKS 2

static _Thread_local struct hark_wait
        *waiting; /* the innermost; NULL: this thread waits for no call */

static hark_request *request_of(struct hark_list *link)
{
        return hark_container_of(link, struct hark_request, asker_link);
}

static struct hark_span name_span(const char *name)
{
        return (struct hark_span){(const uint8_t *)name, strlen(name)};
}

const char *hark_circle_describe(struct hark_span chain, uint64_t instance,
                                 char text[HARK_CIRCLE_TEXT_SIZE])
{
        static const char head[] = "the call would wait for itself: ";

        _Static_assert(sizeof(head) - 1 + HARK_CHAIN_TEXT_MAX <= HARK_CIRCLE_TEXT_SIZE, "room");
        memcpy(text, head, sizeof(head));
        hark_chain_describe(chain, instance, text + strlen(head));
        /* The names are what others say of themselves. */
        hark_text_sanitise(text, strlen(text));
        return text;
}

/* --- who gives way ---------------------------------------------------------------------------- */

/* Whether two ends wait for each other, and this one gives way; the other finds the contrary. */
static bool is_ours_to_end(const hark_request *request)
{
        const struct hark_conn *ours = waiting->pending->calls->conn;
        const struct hark_conn *theirs = request->requests->conn;
        uint64_t peer;

        if (!ours || !theirs)
                return false;
        if (ours == theirs)
                return ours->is_accepting;
        peer = hark_conn_peer_instance(theirs);
        return peer != 0 && peer == hark_conn_peer_instance(ours) && hark_instance() < peer;
}

/* The two of them: who has asked, this end, and back. */
static const char *describe_two(const hark_request *request, char text[HARK_CIRCLE_TEXT_SIZE])
{
        const struct hark_conn *conn = request->requests->conn;
        struct hark_hop us = {.instance = hark_instance(),
                              .name = name_span(hark_conn_own_name(conn))};
        struct hark_chain chain;

        hark_request_chain(request, &chain);
        hark_chain_add(&chain, &us);
        return hark_circle_describe(hark_chain_span(&chain), hark_conn_peer_instance(conn), text);
}

/* --- judging ---------------------------------------------------------------------------------- */

static struct hark_list *askers_here(void)
{
        return hark_loop_waiting_askers(waiting->pending->calls->loop);
}

static bool has_any_to_end(void)
{
        hark_list_for_each (link, askers_here())
                if (is_ours_to_end(request_of(link)))
                        return true;
        return false;
}

static void end_one(hark_request *request)
{
        char text[HARK_CIRCLE_TEXT_SIZE];

        describe_two(request, text);
        if (request->state == HARK_REQUEST_QUEUED)
                hark_request_refuse(request, HARK_CIRCLE, text);
        else
                hark_calls_refuse(waiting->pending, HARK_CIRCLE, text);
}

static void end_circles(void)
{
        hark_list_for_each (link, askers_here()) {
                if (waiting->pending->is_over)
                        return;
                if (is_ours_to_end(request_of(link)))
                        end_one(request_of(link));
        }
}

/* A chore that queues itself again has its turn after the next look at the descriptors. */
static void run_judge(struct hark_task *task)
{
        struct hark_wait *wait = hark_container_of(task, struct hark_wait, judge);

        if (wait->pending->is_over || wait != waiting)
                return;
        if (++wait->n_looks < N_LOOKS)
                hark_loop_queue_chore(wait->pending->calls->loop, &wait->judge);
        else
                end_circles();
}

static void judge_soon(void)
{
        if (hark_task_is_queued(&waiting->judge))
                return;
        waiting->n_looks = 0;
        hark_loop_queue_chore(waiting->pending->calls->loop, &waiting->judge);
}

void hark_wait_begin(struct hark_wait *wait, struct hark_pending_call *pending)
{
        wait->pending = pending;
        wait->outer = waiting;
        hark_task_init(&wait->judge, run_judge, NULL);
        waiting = wait;
        if (has_any_to_end())
                judge_soon();
}

void hark_wait_end(struct hark_wait *wait)
{
        hark_task_cancel(&wait->judge);
        waiting = wait->outer;
}

/* Whether it is asked on behalf of the very call that this thread waits for. */
static bool closes_chain(const hark_request *request)
{
        struct hark_chain chain;

        hark_request_chain(request, &chain);
        return hark_chain_number(hark_chain_span(&chain)) == waiting->pending->chain &&
               hark_chain_has_waiting(hark_chain_span(&chain), hark_instance());
}

static void refuse_chain(hark_request *request)
{
        char text[HARK_CIRCLE_TEXT_SIZE];
        struct hark_chain chain;

        hark_request_chain(request, &chain);
        hark_request_refuse(request, HARK_CIRCLE,
                            hark_circle_describe(hark_chain_span(&chain), hark_instance(), text));
}

void hark_circle_take_request(hark_request *request)
{
        if (!waiting || waiting->pending->is_over || request->is_one_way)
                return;
        if (closes_chain(request))
                refuse_chain(request);
        else if (request->asker_waits && is_ours_to_end(request))
                judge_soon();
}

void hark_circle_take_hello(void)
{
        if (waiting && !waiting->pending->is_over && has_any_to_end())
                judge_soon();
}
