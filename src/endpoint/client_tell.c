/* SPDX-License-Identifier: MIT */

/* What a client tells its user besides answers and notifications: states, room, refusals. */

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/result.h"
#include "endpoint/client.h"

static void tell_state(hark_client *client, int state)
{
        client->told_state = state;
        if (client->params.on_state)
                client->params.on_state(client, state, state == HARK_CONNECTED ? 0 : client->reason,
                                        client->params.userdata);
}

/*
 * Every change is told, also one that was over before its turn came; of several that took turns
 * meanwhile, the last of each kind. So what waits to be told is bounded.
 */
static void run_state(struct hark_task *task)
{
        hark_client *client = hark_container_of(task, struct hark_client, state_task);
        bool has_opened = client->has_opened, has_broken = client->has_broken;

        client->has_opened = client->has_broken = false;
        if (has_opened && client->told_state != HARK_CONNECTED)
                tell_state(client, HARK_CONNECTED);
        if (has_broken && client->told_state == HARK_CONNECTED && client->state != HARK_CLOSED)
                tell_state(client, HARK_RETRYING);
        /* Let go of in there, it is freed by a callback that is behind this one. */
        if (client->told_state != client->state)
                tell_state(client, client->state);
}

static bool may_follow(int state, int next)
{
        switch ((enum hark_state)state) {
        case HARK_CONNECTING:
                return next != HARK_CONNECTING;
        case HARK_CONNECTED:
                return next == HARK_RETRYING || next == HARK_CLOSED;
        case HARK_RETRYING:
                return next == HARK_CONNECTED || next == HARK_CLOSED;
        case HARK_CLOSED:
                return false;
        }
        return false;
}

/* Connected: before what comes then. All others: behind what came before. */
static void queue_state(hark_client *client)
{
        if (client->state != HARK_CONNECTED) {
                hark_loop_queue_end(client->loop, &client->state_task);
                return;
        }
        hark_task_cancel(&client->state_task);
        hark_loop_queue_callback(client->loop, &client->state_task);
}

void hark_client_set_state(hark_client *client, int state)
{
        if (state == client->state)
                return;
        assert(may_follow(client->state, state));
        client->has_opened |= state == HARK_CONNECTED;
        client->has_broken |= client->state == HARK_CONNECTED && state == HARK_RETRYING;
        client->state = state;
        /* A callback that nobody wants would keep the loop's descriptor readable all the same. */
        if (client->params.on_state)
                queue_state(client);
}

static void run_room(struct hark_task *task)
{
        hark_client *client = hark_container_of(task, struct hark_client, room_task);

        client->params.on_room(client, client->params.userdata);
}

void hark_client_tell_room(hark_client *client)
{
        client->has_room = true;
        if (client->params.on_room)
                hark_loop_queue_callback(client->loop, &client->room_task);
}

static void run_lost(struct hark_task *task)
{
        hark_client *client = hark_container_of(task, struct hark_client, lost_task);
        uint64_t n_dropped = client->n_dropped, n_unknown = client->n_unknown;

        client->n_dropped = client->n_unknown = 0;
        client->params.on_lost(client, n_dropped, n_unknown, client->params.userdata);
}

void hark_client_tell_lost(hark_client *client, uint64_t n_dropped, uint64_t n_unknown)
{
        client->n_dropped += n_dropped;
        client->n_unknown += n_unknown;
        if (client->params.on_lost && client->n_dropped + client->n_unknown > 0)
                hark_loop_queue_end(client->loop, &client->lost_task);
}

void hark_client_init_tasks(hark_client *client)
{
        hark_task_init(&client->state_task, run_state, client);
        client->state_task.priority = HARK_PRIORITIES - 1;
        hark_task_init(&client->room_task, run_room, client);
        hark_task_init(&client->lost_task, run_lost, client);
}

/* A refusal of what expects no answer, on its way to on_refused. */
struct refusal {
        struct hark_task task;
        hark_client *client;
        struct hark_conn *conn; /* what charge is released to */
        struct hark_charge charge;
        hark_message *message;
};

static void run_refusal(struct hark_task *task)
{
        struct refusal *refusal = hark_container_of(task, struct refusal, task);
        hark_client *client = refusal->client;
        hark_message *message = refusal->message;

        hark_conn_release(refusal->conn, refusal->charge);
        hark_conn_unref(refusal->conn);
        hark_pool_put(hark_loop_block_pool(client->loop), refusal);
        if (client->params.on_refused)
                client->params.on_refused(client, message->name, message->status, message,
                                          client->params.userdata);
        hark_message_unref(message);
}

void hark_client_take_refusal(hark_client *client, hark_message *message, struct hark_charge charge)
{
        struct refusal *refusal = NULL;

        if (message && client->params.on_refused)
                refusal = hark_pool_take(hark_loop_block_pool(client->loop));
        if (!refusal) {
                hark_log(hark_loop_log(client->loop), LOG_WARNING, "refused: %s: %s",
                         message ? message->name : "?",
                         message ? hark_reason(message->status, message) : "no room to say what");
                hark_message_unref(message);
                hark_conn_release(client->conn, charge);
                return;
        }
        *refusal = (struct refusal){.client = client,
                                    .conn = hark_conn_ref(client->conn),
                                    .charge = charge,
                                    .message = message};
        hark_task_init(&refusal->task, run_refusal, client);
        refusal->task.priority = message->priority;
        hark_loop_queue_callback(client->loop, &refusal->task);
}

/* As if the other side had refused it itself. NULL: no memory. */
static hark_message *new_refusal(hark_client *client, const struct hark_outgoing *outgoing,
                                 int error)
{
        struct hark_message_strings strings = {
                .name = (const char *)outgoing->bytes + HARK_HEADER_SIZE,
                .name_size = outgoing->header.name_size,
                .error_text = hark_reason(error, NULL),
        };
        hark_message *message;

        strings.error_text_size = strlen(strings.error_text);
        message = hark_message_new(hark_loop_message_pools(client->loop), 0, &strings);
        if (message)
                message->status = hark_status_of_errno(error);
        return message;
}

void hark_client_refuse_unfit(hark_client *client, const struct hark_outgoing *outgoing, int error)
{
        struct hark_charge nothing = {.size = 0};

        hark_client_take_refusal(client, new_refusal(client, outgoing, error), nothing);
}
