/* SPDX-License-Identifier: MIT */

/* See client.h. */

#include "endpoint/client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/result.h"
#include "endpoint/peer.h"
#include "endpoint/server.h"
#include "rpc/circle.h"
#include "transport/transport.h"

#define DEFAULT_ATTEMPT_MS 5000

/* A bound shorter than a wake-up on another CPU, which takes 30 to 80 us on virtual machines, would
 * cost its time and save nothing. */
#define DEFAULT_SPIN_US 50

/* --- what is told ---------------------------------------------------------------------------- */

static void tell_state(hark_client *client, int state, int reason)
{
        client->told_state = state;
        if (client->params.on_state)
                client->params.on_state(client, state, reason, client->params.userdata);
}

/* Every state is told, also one that was over before its turn came. */
static void run_state(struct hark_task *task)
{
        hark_client *client = hark_container_of(task, struct hark_client, state_task);

        if (client->told_state == HARK_CONNECTING && client->was_open)
                tell_state(client, HARK_CONNECTED, 0);
        /* Let go of in there, it is freed by a callback that is behind this one. */
        if (client->told_state != HARK_CLOSED && client->state == HARK_CLOSED)
                tell_state(client, HARK_CLOSED, client->reason);
}

/* A callback that nobody wants would keep the loop's descriptor readable all the same. */
static void queue_state(hark_client *client)
{
        if (!client->params.on_state)
                return;
        if (client->state == HARK_CLOSED)
                hark_loop_queue_end(client->loop, &client->state_task);
        else
                hark_loop_queue_callback(client->loop, &client->state_task);
}

static void run_room(struct hark_task *task)
{
        hark_client *client = hark_container_of(task, struct hark_client, room_task);

        client->params.on_room(client, client->params.userdata);
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

/* message: NULL: it could not be kept. */
static void take_refusal(hark_client *client, hark_message *message, struct hark_charge charge)
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

/* --- the asker's role ------------------------------------------------------------------------ */

static void on_open(struct hark_conn *conn, void *userdata)
{
        hark_client *client = userdata;

        (void)conn;
        client->state = HARK_CONNECTED;
        client->was_open = true;
        client->is_settled = true;
        queue_state(client);
        hark_circle_take_hello();
}

static void on_message(struct hark_conn *conn, struct hark_received *received, void *userdata)
{
        hark_client *client = userdata;

        switch (received->header->type) {
        case HARK_FRAME_REPLY:
        case HARK_FRAME_ERROR:
                if (!hark_calls_take(&client->calls, received))
                        take_refusal(client, received->message, received->charge);
                break;
        case HARK_FRAME_PUBLISH:
        case HARK_FRAME_GAP:
        case HARK_FRAME_SUBSCRIBED:
                hark_subscriptions_take(&client->subscriptions, received);
                break;
        default:
                hark_message_unref(received->message);
                hark_conn_break(conn, "a frame that this end does not take");
        }
}

static bool is_awaited(struct hark_conn *conn, uint32_t id, void *userdata)
{
        const hark_client *client = userdata;

        (void)conn;
        return hark_calls_await(&client->calls, id);
}

static void on_room(struct hark_conn *conn, void *userdata)
{
        hark_client *client = userdata;

        (void)conn;
        client->has_room = true;
        if (client->params.on_room)
                hark_loop_queue_callback(client->loop, &client->room_task);
}

static void on_goaway(struct hark_conn *conn, uint32_t last_id, void *userdata)
{
        hark_client *client = userdata;

        (void)conn;
        hark_calls_take_goaway(&client->calls, last_id);
}

static void on_pong(struct hark_conn *conn, uint32_t id, void *userdata)
{
        hark_client *client = userdata;

        (void)conn;
        if (id == client->ping_id)
                client->is_flushed = true;
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

static void on_unfit(struct hark_conn *conn, const struct hark_outgoing *outgoing, int error,
                     void *userdata)
{
        struct hark_charge nothing = {.size = 0};
        hark_client *client = userdata;

        (void)conn;
        if (outgoing->slot)
                hark_calls_take_unfit(&client->calls, outgoing, error);
        else
                take_refusal(client, new_refusal(client, outgoing, error), nothing);
}

static void drop_conn(hark_client *client)
{
        hark_calls_set_conn(&client->calls, NULL);
        hark_subscriptions_set_conn(&client->subscriptions, NULL);
        client->conn = hark_conn_unref(client->conn);
}

static void on_closed(struct hark_conn *conn, int reason, void *userdata)
{
        hark_client *client = userdata;
        bool is_ours = reason == -ECANCELED && client->n_users == 0;

        (void)conn;
        hark_calls_end_all(&client->calls, is_ours ? -ECANCELED : -ECONNRESET);
        hark_subscriptions_end_all(&client->subscriptions, is_ours ? -ECANCELED : reason);
        drop_conn(client);
        client->state = HARK_CLOSED;
        client->reason = reason;
        client->is_settled = client->is_flushed = client->has_room = true;
        queue_state(client);
}

static const struct hark_role_ops asker_ops = {
        .on_open = on_open,
        .on_message = on_message,
        .is_awaited = is_awaited,
        .on_room = on_room,
        .on_goaway = on_goaway,
        .on_pong = on_pong,
        .on_unfit = on_unfit,
        .on_closed = on_closed,
};

/* --- life ------------------------------------------------------------------------------------ */

static void free_client(hark_client *client)
{
        hark_loop *loop = client->loop;

        hark_task_cancel(&client->state_task);
        hark_task_cancel(&client->room_task);
        hark_map_done(&client->calls.pending);
        hark_map_done(&client->subscriptions.by_id);
        hark_server_unref(client->params.serves);
        free(client);
        hark_loop_unref(loop);
}

static void run_free(struct hark_task *task)
{
        free_client(hark_container_of(task, struct hark_client, free_task));
}

/* A peer lets go of its client when the connection is closed. */
static void close_client(hark_client *client)
{
        client->params.on_state = NULL;
        hark_task_cancel(&client->room_task);
        if (client->conn)
                hark_conn_close(client->conn, -ECANCELED);
        /* Behind every end that is still to be told. */
        hark_loop_queue_end(client->loop, &client->free_task);
        hark_loop_run_callbacks_of(client->loop, client);
}

/* owner: of its callbacks; NULL: itself. */
static hark_client *new_client(hark_loop *loop, const struct hark_client_params *params,
                               const void *owner)
{
        hark_client *client = calloc(1, sizeof(*client));

        if (!client)
                return NULL;
        client->n_users = 1;
        client->loop = hark_loop_ref(loop);
        client->params = *params;
        client->params.serves = hark_server_ref(params->serves);
        client->state = client->told_state = HARK_CONNECTING;
        hark_task_init(&client->state_task, run_state, client);
        client->state_task.priority = HARK_PRIORITIES - 1; /* connected, before what comes then */
        hark_task_init(&client->room_task, run_room, client);
        hark_task_init(&client->free_task, run_free, client);
        hark_calls_init(&client->calls, loop, owner ? owner : client);
        hark_subscriptions_init(&client->subscriptions, loop, owner ? owner : client);
        return client;
}

static void take_conn(hark_client *client, struct hark_conn *conn)
{
        client->conn = hark_conn_ref(conn);
        conn->asker = (struct hark_role){&asker_ops, client};
        hark_calls_set_conn(&client->calls, conn);
        hark_subscriptions_set_conn(&client->subscriptions, conn);
}

hark_client *hark_client_of_conn(const struct hark_conn *conn)
{
        return conn->asker.ops ? conn->asker.userdata : NULL;
}

int hark_client_new_for_peer(hark_loop *loop, struct hark_conn *conn, const void *owner,
                             hark_client **ret_client)
{
        struct hark_client_params params = {.spin_us = -1};
        hark_client *client = new_client(loop, &params, owner);

        if (!client)
                return -ENOMEM;
        take_conn(client, conn);
        client->state = client->told_state = HARK_CONNECTED;
        *ret_client = client;
        return 0;
}

/* --- connecting ------------------------------------------------------------------------------ */

static int complete_params(const struct hark_client_params *given,
                           struct hark_client_params *ret_params)
{
        struct hark_client_params params = {.name = NULL};

        if (given)
                params = *given;
        for (size_t i = 0; i < sizeof(params.reserved) / sizeof(*params.reserved); i++)
                if (params.reserved[i] != 0)
                        return -EINVAL;
        if (params.attempt_ms < 0 || params.ping_ms < 0 || params.spin_us < -1)
                return -EINVAL;
        if (params.attempt_ms == 0)
                params.attempt_ms = DEFAULT_ATTEMPT_MS;
        if (!params.name)
                params.name = program_invocation_short_name;
        *ret_params = params;
        return hark_limits_complete(&params.limits, &ret_params->limits);
}

static int serve_back(hark_client *client, struct hark_conn *conn, const char *address)
{
        hark_peer *peer;

        if (!client->params.serves)
                return 0;
        return hark_peer_new(client->params.serves, NULL, conn, address, &peer);
}

static int start_conn(hark_client *client, const struct hark_address *address)
{
        struct hark_conn_params params = {
                .name = client->params.name,
                .limits = client->params.limits,
                .open_ms = client->params.attempt_ms,
                .ping_ms = client->params.ping_ms,
        };
        struct hark_conn *conn;
        struct hark_port *port;
        int r;

        /* What hello tells is what whoever answers holds to. */
        if (client->params.serves) {
                const struct hark_limits *theirs = &client->params.serves->params.limits;

                params.limits.calls_in_flight = theirs->calls_in_flight;
                params.limits.subscriptions = theirs->subscriptions;
        }
        r = address->transport->connect(client->loop, address, &port);

        if (r == 0)
                r = hark_conn_new(client->loop, port, &params, &conn);
        if (r < 0)
                return r;
        r = serve_back(client, conn, address->text);
        if (r == 0)
                take_conn(client, conn);
        hark_conn_unref(conn);
        return r;
}

static int connect_parsed(hark_loop *loop, const struct hark_address *address,
                          const struct hark_client_params *params, hark_client **ret_client)
{
        hark_client *client;
        int r;

        if (!address->transport->connect)
                return -EOPNOTSUPP;
        if (params->serves && params->serves->loop != loop)
                return -EINVAL;
        client = new_client(loop, params, NULL);
        if (!client)
                return -ENOMEM;
        r = start_conn(client, address);
        client->params.name = NULL; /* borrowed from the caller, and said */
        if (r < 0) {
                free_client(client);
                return r;
        }
        *ret_client = client;
        return 0;
}

/* What ends the attempt that hark_connect() waits for. */
static int wait_until_connected(hark_client *client)
{
        int r = hark_loop_wait(client->loop, &client->is_settled, NULL);

        if (r < 0)
                return r;
        if (client->state == HARK_CONNECTED)
                return 0;
        return client->reason < 0 ? client->reason : -ECONNREFUSED;
}

static int connect_private(const struct hark_address *address,
                           const struct hark_client_params *params, hark_client **ret_client)
{
        hark_loop *loop = NULL;
        hark_client *client = NULL;
        int r = hark_loop_new(&loop);

        if (r == 0)
                r = connect_parsed(loop, address, params, &client);
        if (r == 0)
                r = wait_until_connected(client);
        hark_loop_unref(loop); /* the client holds it */
        if (r < 0)
                hark_client_unref(client);
        else
                *ret_client = client;
        return r;
}

int hark_connect(hark_loop *loop, const char *address, const struct hark_client_params *params,
                 hark_client **ret_client)
{
        struct hark_client_params complete;
        struct hark_address *parsed;
        int r;

        if (!address || !ret_client)
                return -EINVAL;
        r = complete_params(params, &complete);
        if (r == 0)
                r = hark_address_parse(address, &parsed, NULL, 0);
        if (r < 0)
                return r;
        r = loop ? connect_parsed(loop, parsed, &complete, ret_client)
                 : connect_private(parsed, &complete, ret_client);
        hark_address_free(parsed);
        return r;
}

hark_client *hark_client_ref(hark_client *client)
{
        if (client)
                client->n_users++;
        return client;
}

hark_client *hark_client_unref(hark_client *client)
{
        if (client && --client->n_users == 0)
                close_client(client);
        return NULL;
}

hark_loop *hark_client_loop(const hark_client *client)
{
        return client->loop;
}

int hark_client_state(const hark_client *client)
{
        return client->state;
}

static bool look(void *userdata)
{
        hark_client *client = userdata;

        return client->conn && hark_conn_look(client->conn);
}

int hark_client_wait(hark_client *client, const bool *is_over)
{
        int wanted_us = client->params.spin_us;
        struct hark_poll poll = {.look = look, .userdata = client};

        if (wanted_us >= 0)
                poll.spin_us = wanted_us > 0 ? wanted_us : DEFAULT_SPIN_US;
        return hark_loop_wait(client->loop, is_over, &poll);
}
