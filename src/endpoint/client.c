/* SPDX-License-Identifier: MIT */

/* See client.h. */

#include "endpoint/client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "endpoint/server.h"
#include "rpc/circle.h"

/* A bound shorter than a wake-up on another CPU, which takes 30 to 80 us on virtual machines, would
 * cost its time and save nothing. */
#define DEFAULT_SPIN_US 50

/* --- the asker's role ------------------------------------------------------------------------ */

static void use_conn(hark_client *client)
{
        hark_subscriptions_set_conn(&client->subscriptions, client->conn);
        hark_calls_set_conn(&client->calls, client->conn);
}

static void on_open(struct hark_conn *conn, void *userdata)
{
        hark_client *client = userdata;

        (void)conn;
        hark_client_note_open(client);
        client->was_open = client->is_settled = true;
        hark_client_set_state(client, HARK_CONNECTED);
        if (!hark_client_is_connected(client))
                use_conn(client);
        hark_circle_take_hello();
        hark_calls_take_room(&client->calls);
}

static void on_message(struct hark_conn *conn, struct hark_received *received, void *userdata)
{
        hark_client *client = userdata;

        switch (received->header->type) {
        case HARK_FRAME_REPLY:
        case HARK_FRAME_ERROR:
                if (!hark_calls_take(&client->calls, received))
                        hark_client_take_refusal(client, received->message, received->charge);
                break;
        case HARK_FRAME_ITEM:
                hark_calls_take_item(&client->calls, received);
                break;
        case HARK_FRAME_CREDIT:
                hark_calls_take_credit(&client->calls, received->header);
                hark_message_unref(received->message);
                break;
        case HARK_FRAME_PUBLISH:
        case HARK_FRAME_GAP:
        case HARK_FRAME_SUBSCRIBED:
        case HARK_FRAME_WITHDRAWN:
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

static const char *begin_item(struct hark_conn *conn, struct hark_arriving *item, void *userdata)
{
        hark_client *client = userdata;

        (void)conn;
        return hark_calls_begin_item(&client->calls, item);
}

static void on_room(struct hark_conn *conn, void *userdata)
{
        hark_client *client = userdata;

        (void)conn;
        hark_calls_take_room(&client->calls);
        hark_client_tell_room(client);
}

static void on_goaway(struct hark_conn *conn, uint32_t last_id, void *userdata)
{
        hark_client *client = userdata;

        (void)conn;
        /* Of an attempt that fails: what waits was not asked there. */
        if (hark_client_is_connected(client))
                hark_calls_take_goaway(&client->calls, last_id);
}

static void on_pong(struct hark_conn *conn, uint32_t id, void *userdata)
{
        hark_client *client = userdata;

        (void)conn;
        if (id != client->ping_id)
                return;
        hark_ledger_read_all(&client->calls.ledger, &client->ping_ledger);
        client->ping_id = 0;
        client->is_flushed = true;
}

static void on_unfit(struct hark_conn *conn, const struct hark_outgoing *outgoing, int error,
                     void *userdata)
{
        hark_client *client = userdata;

        (void)conn;
        if (outgoing->slot) {
                hark_calls_take_unfit(&client->calls, outgoing, error);
                return;
        }
        hark_ledger_unfit(&client->calls.ledger, outgoing->header.priority);
        hark_client_refuse_unfit(client, outgoing, error);
}

static void drop_conn(hark_client *client)
{
        client->calls.conn = NULL;
        client->subscriptions.conn = NULL;
        client->conn = hark_conn_unref(client->conn);
}

static void lose_conn(hark_client *client, int reason)
{
        uint64_t n_dropped;

        /* The queue that had no room is gone. */
        if (client->conn->is_starved)
                hark_client_tell_room(client);
        if (hark_client_is_connected(client)) {
                n_dropped = hark_calls_lose_conn(&client->calls);
                hark_subscriptions_lose_conn(&client->subscriptions, reason);
                hark_client_tell_lost(client, n_dropped, hark_ledger_close(&client->calls.ledger));
        }
        drop_conn(client);
        client->is_flushed = client->has_room = true;
}

static void on_closed(struct hark_conn *conn, int reason, void *userdata)
{
        hark_client *client = userdata;

        (void)conn;
        client->reason = reason;
        if (!hark_client_may_retry(client, reason)) {
                hark_client_finish(client, reason);
                return;
        }
        lose_conn(client, reason);
        hark_client_retry(client);
}

static const struct hark_role_ops asker_ops = {
        .on_open = on_open,
        .on_message = on_message,
        .is_awaited = is_awaited,
        .begin_item = begin_item,
        .on_room = on_room,
        .on_goaway = on_goaway,
        .on_pong = on_pong,
        .on_unfit = on_unfit,
        .on_closed = on_closed,
};

/* --- life ------------------------------------------------------------------------------------ */

void hark_client_free(hark_client *client)
{
        hark_loop *loop = client->loop;

        hark_task_cancel(&client->state_task);
        hark_task_cancel(&client->room_task);
        hark_calls_done(&client->calls);
        hark_task_cancel(&client->lost_task);
        hark_map_done(&client->subscriptions.by_id);
        hark_attempts_done(&client->attempts);
        hark_server_unref(client->params.serves);
        free(client);
        hark_loop_unref(loop);
}

static void run_free(struct hark_task *task)
{
        hark_client_free(hark_container_of(task, struct hark_client, free_task));
}

/* From now on nothing waits. */
static void refuse_waiting(hark_client *client)
{
        client->calls.wait_limit = client->subscriptions.wait_limit = 0;
        client->backlog.calls_limit = client->backlog.sends_limit = 0;
}

/* The calls have ended, so that all that is left are sends. */
static void drop_sends(hark_client *client)
{
        struct hark_ledger *ledger = &client->calls.ledger;
        uint64_t n_dropped = hark_backlog_drop(&client->backlog);

        if (hark_client_is_connected(client))
                n_dropped += hark_backlog_reclaim(&client->backlog, &client->backlog.queued,
                                                  client->conn, ledger);
        hark_client_tell_lost(client, n_dropped, hark_ledger_close(ledger));
}

void hark_client_finish(hark_client *client, int reason)
{
        bool is_ours = reason == -ECANCELED && client->n_users == 0;

        if (client->state == HARK_CLOSED)
                return;
        hark_client_stop_trying(client);
        refuse_waiting(client);
        hark_calls_end_all(&client->calls, is_ours ? -ECANCELED : -ECONNRESET);
        drop_sends(client);
        /* A peer's client goes with the connection. */
        if (client->calls.owner != client)
                hark_calls_cut_streams(&client->calls, -ECONNRESET);
        hark_subscriptions_end_all(&client->subscriptions, is_ours ? -ECANCELED : reason);
        drop_conn(client);
        client->reason = reason;
        client->is_settled = client->is_flushed = client->has_room = true;
        hark_client_set_state(client, HARK_CLOSED);
}

/* A peer lets go of its client when the connection is closed. */
static void close_client(hark_client *client)
{
        client->params.on_state = NULL;
        client->params.on_room =
                NULL; /* what is taken back makes room, and there is no more use in it */
        hark_task_cancel(&client->room_task);
        hark_client_stop_trying(client);
        if (client->conn)
                hark_conn_close(client->conn, -ECANCELED);
        else
                hark_client_finish(client, -ECANCELED);
        hark_calls_cut_streams(&client->calls, -ECANCELED);
        /* Behind every end that is still to be told. */
        hark_loop_queue_end(client->loop, &client->free_task);
        hark_loop_run_callbacks_of(client->loop, client);
}

static void on_backlog_room(struct hark_backlog *backlog)
{
        hark_client_tell_room(hark_container_of(backlog, struct hark_client, backlog));
}

hark_client *hark_client_new(hark_loop *loop, const struct hark_client_params *params,
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
        hark_client_init_tasks(client);
        hark_task_init(&client->free_task, run_free, client);
        hark_backlog_init(&client->backlog, loop, on_backlog_room);
        hark_calls_init(&client->calls, loop, owner ? owner : client);
        hark_subscriptions_init(&client->subscriptions, loop, owner ? owner : client);
        return client;
}

void hark_client_take_conn(hark_client *client, struct hark_conn *conn, bool is_used)
{
        client->conn = hark_conn_ref(conn);
        conn->asker = (struct hark_role){&asker_ops, client};
        if (is_used)
                use_conn(client);
}

hark_client *hark_client_of_conn(const struct hark_conn *conn)
{
        return conn->asker.ops ? conn->asker.userdata : NULL;
}

int hark_client_new_for_peer(hark_loop *loop, struct hark_conn *conn, const void *owner,
                             hark_client **ret_client)
{
        struct hark_client_params params = {.spin_us = -1};
        hark_client *client = hark_client_new(loop, &params, owner);

        if (!client)
                return -ENOMEM;
        hark_client_take_conn(client, conn, true);
        client->state = client->told_state = HARK_CONNECTED;
        *ret_client = client;
        return 0;
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
