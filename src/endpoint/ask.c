/* SPDX-License-Identifier: MIT */

/* What a client asks: the public verbs, and what it means to wait for them. See client.h. */

#include <errno.h>
#include <string.h>

#include "base/payload.h"
#include "endpoint/client.h"
#include "names/name.h"
#include "rpc/circle.h"
#include "rpc/context.h"

static int check_question(const hark_client *client, const char *name,
                          const struct hark_payload *payload)
{
        if (!client || !name || !hark_name_is_valid(name, strlen(name)) || payload->status != 0)
                return -EINVAL;
        return hark_payload_check(payload);
}

/* --- waiting --------------------------------------------------------------------------------- */

/* What ends a wait: a deadline, or the end of the request on whose behalf it is. */
struct alarm {
        struct hark_timer timer;
        struct hark_child child;
        bool *is_over;
        bool has_rung;
};

static void ring(struct hark_timer *timer)
{
        struct alarm *alarm = hark_container_of(timer, struct alarm, timer);

        alarm->has_rung = true;
        *alarm->is_over = true;
}

static void end_for_parent(struct hark_child *child, int reason)
{
        struct alarm *alarm = hark_container_of(child, struct alarm, child);

        alarm->has_rung = reason == -ETIMEDOUT; /* its deadline is ours as well */
        *alarm->is_over = true;
}

/* Waits for *is_over until the deadline, or the end of the parent of siblings (may be NULL). 0;
 * -ETIMEDOUT; -ECANCELED. */
static int wait_until(hark_client *client, bool *is_over, uint64_t deadline_ns,
                      struct hark_list *siblings)
{
        struct alarm alarm = {.is_over = is_over};
        int r;

        hark_timer_start(client->loop, &alarm.timer, deadline_ns, ring);
        hark_child_init(&alarm.child, end_for_parent, siblings);
        r = hark_client_wait(client, is_over);
        hark_timer_stop(&alarm.timer);
        hark_list_remove(&alarm.child.link);
        if (r == 0 && alarm.has_rung)
                return -ETIMEDOUT;
        return r;
}

static int start(hark_client *client, struct hark_pending_call *pending,
                 struct hark_question *question)
{
        struct hark_context context;
        int r;

        hark_context_inherit(&context, &client->calls, question);
        r = hark_calls_start(&client->calls, pending, question);
        hark_context_done(&context);
        return r;
}

/* Starts a call, and waits for room in the queue if there is none. */
static int start_when_room(hark_client *client, struct hark_pending_call *pending,
                           struct hark_question *question)
{
        int r = start(client, pending, question);

        while (r == -EAGAIN) {
                client->has_room = false;
                r = wait_until(client, &client->has_room, question->deadline_ns,
                               question->siblings);
                if (r == -ETIMEDOUT)
                        return -ENOTCONN;
                if (r == 0)
                        r = start(client, pending, question);
        }
        return r;
}

static int finish_call(struct hark_pending_call *pending, hark_message **ret_reply)
{
        if (pending->result >= 0 && ret_reply)
                *ret_reply = pending->reply;
        else
                hark_message_unref(pending->reply);
        return pending->result;
}

static void wait_for_call(hark_client *client, struct hark_pending_call *pending)
{
        struct hark_wait wait;
        int r;

        hark_wait_begin(&wait, pending);
        r = hark_client_wait(client, &pending->is_over);
        hark_wait_end(&wait);
        if (r == 0)
                return;
        /* Interrupted is interrupted, sent or not: who repeats what was never sent would go round
         * in circles. */
        hark_calls_cancel(&client->calls, pending);
        pending->result = r;
}

static int call(hark_client *client, struct hark_question *question, hark_message **ret_reply)
{
        struct hark_pending_call pending;
        int r = start_when_room(client, &pending, question);

        if (r < 0)
                return r;
        wait_for_call(client, &pending);
        return finish_call(&pending, ret_reply);
}

int hark_call(hark_client *client, const char *method, struct hark_payload payload, int timeout_ms,
              hark_message **ret_reply)
{
        struct hark_question question = {
                .method = method, .payload = &payload, .kind = HARK_QUESTION_CALL};
        int r = check_question(client, method, &payload);

        if (r < 0 || timeout_ms < 0 || payload.has_feed)
                return -EINVAL;
        question.deadline_ns = timeout_ms > 0 ? hark_deadline_ns(timeout_ms) : 0;
        hark_client_ref(client);
        hark_loop_enter(client->loop); /* what is queued here needs no bell: the wait is next */
        r = call(client, &question, ret_reply);
        hark_loop_leave(client->loop);
        hark_client_unref(client);
        return r;
}

int hark_client_flush(hark_client *client, int timeout_ms)
{
        int r;

        if (!client || timeout_ms < 0)
                return -EINVAL;
        if (!hark_client_is_connected(client))
                return -ENOTCONN;
        r = hark_conn_ping(client->conn, &client->ping_id);
        if (r < 0)
                return r;
        client->ping_ledger = client->calls.ledger;
        client->is_flushed = false;
        r = wait_until(client, &client->is_flushed, hark_deadline_ns(timeout_ms), NULL);
        if (r == 0 && client->ping_id != 0)
                r = -ECONNRESET;
        client->ping_id = 0;
        return r;
}

/* --- not waiting ----------------------------------------------------------------------------- */

/* Of a question the method, the payload and the kind are set. */
static int ask(hark_client *client, struct hark_question *question, int timeout_ms,
               hark_on_reply *on_reply, void *userdata, uint64_t *ret_id)
{
        struct hark_context context;
        int r = check_question(client, question->method, question->payload);

        if (r < 0 || timeout_ms < 0 || !on_reply)
                return -EINVAL;
        question->deadline_ns = timeout_ms > 0 ? hark_deadline_ns(timeout_ms) : 0;
        hark_context_inherit(&context, &client->calls, question);
        r = hark_calls_invoke(&client->calls, question, on_reply, userdata, ret_id);
        hark_context_done(&context);
        return r;
}

int hark_invoke(hark_client *client, const char *method, struct hark_payload payload,
                int timeout_ms, hark_on_reply *on_reply, void *userdata, uint64_t *ret_id)
{
        struct hark_question question = {.method = method, .payload = &payload};

        return ask(client, &question, timeout_ms, on_reply, userdata, ret_id);
}

int hark_observe(hark_client *client, const char *method, struct hark_payload payload,
                 int timeout_ms, hark_on_reply *on_reply, void *userdata, uint64_t *ret_id)
{
        struct hark_question question = {
                .method = method, .payload = &payload, .kind = HARK_QUESTION_OBSERVE};

        return ask(client, &question, timeout_ms, on_reply, userdata, ret_id);
}

int hark_send(hark_client *client, const char *method, struct hark_payload payload)
{
        struct hark_question question = {.method = method,
                                         .payload = &payload,
                                         .deadline_ns = HARK_NEVER,
                                         .kind = HARK_QUESTION_SEND};
        struct hark_context context;
        int r = check_question(client, method, &payload);

        if (r < 0 || payload.has_feed)
                return -EINVAL;
        hark_context_inherit(&context, &client->calls, &question);
        r = hark_calls_send(&client->calls, &question);
        hark_context_done(&context);
        return r;
}

int hark_cancel(hark_client *client, uint64_t id)
{
        struct hark_pending_call *pending;

        if (!client)
                return -EINVAL;
        pending = hark_calls_find(&client->calls, id);
        if (pending)
                hark_calls_cancel(&client->calls, pending);
        return pending ? 0 : hark_calls_cut(&client->calls, id);
}

static int no_stream(const hark_client *client, uint64_t id)
{
        return client && !hark_calls_find(&client->calls, id) ? -ENOENT : -EINVAL;
}

int hark_feed(hark_client *client, uint64_t id, struct hark_payload item)
{
        struct hark_call_stream *stream;

        if (!client || hark_payload_check_item(&item) < 0)
                return -EINVAL;
        stream = hark_call_stream_find(&client->calls, id);
        return stream ? hark_call_stream_feed(stream, &item) : no_stream(client, id);
}

int hark_feed_end(hark_client *client, uint64_t id)
{
        struct hark_call_stream *stream = client ? hark_call_stream_find(&client->calls, id) : NULL;

        return stream ? hark_call_stream_feed_end(stream) : no_stream(client, id);
}

int hark_pause(hark_client *client, uint64_t id, bool is_paused)
{
        struct hark_call_stream *stream = client ? hark_call_stream_find(&client->calls, id) : NULL;

        return stream ? hark_call_stream_pause(stream, is_paused) : no_stream(client, id);
}

int hark_subscribe(hark_client *client, const char *filter, hark_on_notification *on_notification,
                   void *userdata, const struct hark_subscribe_params *params, uint64_t *ret_id)
{
        if (!client || !filter || !on_notification)
                return -EINVAL;
        return hark_subscriptions_add(&client->subscriptions, filter, on_notification, userdata,
                                      params, ret_id);
}

int hark_unsubscribe(hark_client *client, uint64_t id)
{
        return client ? hark_subscriptions_remove(&client->subscriptions, id) : -EINVAL;
}

/* What is kept has no files, and a withdrawal has nothing. */
static bool can_be_published(const struct hark_payload *payload)
{
        if (payload->retain != HARK_PASSING && payload->n_fds > 0)
                return false;
        return !payload->has_feed && (payload->retain != HARK_WITHDRAW || payload->size == 0);
}

int hark_publish(hark_client *client, const char *topic, struct hark_payload payload)
{
        int r = check_question(client, topic, &payload);

        if (r < 0 || !can_be_published(&payload))
                return -EINVAL;
        return hark_calls_publish(&client->calls, topic, &payload);
}
