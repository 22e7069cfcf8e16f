/* SPDX-License-Identifier: MIT */

/* See peer.h. */

#include "endpoint/peer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "conn/control.h"
#include "endpoint/client.h"
#include "endpoint/publication.h"
#include "endpoint/server.h"

/* --- life ------------------------------------------------------------------------------------ */

static void free_peer(hark_peer *peer)
{
        hark_loop *loop = peer->loop;

        hark_list_remove(&peer->link);
        hark_close(peer->credentials.pidfd);
        hark_guard_done(&peer->guard);
        free(peer->name);
        free(peer->address);
        free(peer);
        hark_loop_unref(loop);
}

void hark_peer_free_if_done(hark_peer *peer)
{
        if (peer->is_gone && peer->requests.n_kept == 0 && !hark_task_is_queued(&peer->leave_task))
                free_peer(peer);
}

void hark_peer_look_for_drained(hark_peer *peer)
{
        if (peer->server)
                hark_drain_look_soon(peer->server);
}

static void on_requests_idle(struct hark_requests *requests)
{
        hark_peer_look_for_drained(hark_container_of(requests, struct hark_peer, requests));
}

static void on_request_freed(struct hark_requests *requests)
{
        hark_peer_free_if_done(hark_container_of(requests, struct hark_peer, requests));
}

static void leave_listener(hark_peer *peer)
{
        if (!peer->accepting)
                return;
        peer->accepting->n_peers--;
        if (!peer->is_greeted)
                peer->accepting->n_half_open--;
        peer->accepting = NULL;
}

/* Whether its end is news to the server: it was admitted, or was waited for as the only one. */
static bool is_missed(const hark_peer *peer)
{
        return peer->is_admitted || (peer->is_only && !peer->is_refused);
}

static void run_leave(struct hark_task *task)
{
        hark_peer *peer = hark_container_of(task, struct hark_peer, leave_task);
        hark_server *server = peer->server;

        if (is_missed(peer) && server->params.on_leave)
                server->params.on_leave(peer, peer->reason, server->params.userdata);
        peer->client = hark_client_unref(peer->client);
        peer->is_gone = true;
        hark_peer_free_if_done(peer);
}

/* --- admission ------------------------------------------------------------------------------- */

/* Which limit keeps it out, in words; NULL: none. */
static const char *exceeded_limit(const hark_peer *peer)
{
        const struct hark_server_params *params = &peer->server->params;
        uid_t uid = peer->credentials.uid;

        if (!peer->accepting)
                return NULL;
        if (peer->accepting->n_peers - peer->accepting->n_half_open > params->connections)
                return "too many connections";
        if (uid != (uid_t)-1 &&
            hark_accepting_count_uid(peer->accepting, uid) > params->connections_per_uid)
                return "too many connections of this user";
        return NULL;
}

static void admit(hark_peer *peer)
{
        peer->is_admitted = true;
        hark_requests_begin(&peer->requests);
        if (peer->conn->is_accepting)
                hark_conn_admit(peer->conn);
}

static void run_accept(struct hark_task *task)
{
        hark_peer *peer = hark_container_of(task, struct hark_peer, accept_task);
        const struct hark_server_params *params = &peer->server->params;
        int status;

        if (!peer->conn)
                return;
        status = params->on_accept(peer, params->userdata);
        peer->is_refused = status != 0;
        if (!peer->conn)
                return;
        if (status == 0)
                admit(peer);
        else
                hark_conn_refuse(peer->conn, status > 0 ? status : HARK_PERMISSION_DENIED, NULL);
}

/* The other side has said hello: who it is, is known as well as it ever will be. */
static void greet(hark_peer *peer)
{
        struct hark_conn *conn = peer->conn;
        const char *limit;

        peer->is_greeted = true;
        if (peer->accepting)
                peer->accepting->n_half_open--;
        memcpy(peer->claimed_name, conn->peer_name, sizeof(peer->claimed_name));
        peer->credentials.claimed_pid = (pid_t)conn->peer.pid;
        limit = exceeded_limit(peer);
        if (peer->server->drain.is_on)
                hark_drain_peer(peer);
        else if (limit)
                hark_conn_refuse(conn, HARK_RESOURCE_EXHAUSTED, limit);
        else if (peer->server->params.on_accept)
                hark_loop_queue_callback(peer->loop, &peer->accept_task);
        else
                admit(peer);
}

static void on_hello(struct hark_conn *conn, void *userdata)
{
        (void)conn;
        greet(userdata);
}

/* Who connects knows who is there only when his port is open. */
static void identify(hark_peer *peer)
{
        struct hark_port *port = peer->conn->port;

        port->transport->identify(port, &peer->credentials);
        memcpy(peer->remote, port->remote, sizeof(peer->remote));
}

static void on_open(struct hark_conn *conn, void *userdata)
{
        hark_peer *peer = userdata;

        /* The accepting end is open because it was greeted and admitted. */
        if (conn->is_accepting)
                return;
        identify(peer);
        greet(peer);
}

/* --- what comes ------------------------------------------------------------------------------ */

static void on_drop(struct hark_conn_channel *channel, const char *topic, uint64_t n_lost)
{
        hark_peer *peer = hark_container_of(channel, struct hark_peer, channel);
        const struct hark_server_params *params = &peer->server->params;

        params->on_drop(peer, topic, n_lost, params->userdata);
}

/* A subscription that begins behind the goodbye would never be told anything. */
static bool refuse_at_end(hark_peer *peer, struct hark_received *received)
{
        if (!peer->server || !peer->server->drain.is_on)
                return false;
        hark_conn_refuse_message(peer->conn, received->header, NULL, 0, HARK_UNAVAILABLE,
                                 "the server is going away");
        hark_message_unref(received->message);
        return true;
}

static void take_message(hark_peer *peer, struct hark_conn *conn, struct hark_received *received)
{
        switch (received->header->type) {
        case HARK_FRAME_REQUEST:
                hark_requests_take(&peer->requests, received);
                break;
        case HARK_FRAME_CANCEL:
                hark_requests_take_cancel(&peer->requests, received->header);
                hark_message_unref(received->message);
                break;
        case HARK_FRAME_ITEM:
                hark_requests_take_item(&peer->requests, received);
                break;
        case HARK_FRAME_CREDIT:
                hark_requests_take_credit(&peer->requests, received->header);
                hark_message_unref(received->message);
                break;
        case HARK_FRAME_SUBSCRIBE:
                if (!refuse_at_end(peer, received))
                        hark_conn_channel_take(&peer->channel, received);
                break;
        case HARK_FRAME_UNSUBSCRIBE:
        case HARK_FRAME_ACK:
                hark_conn_channel_take(&peer->channel, received);
                break;
        case HARK_FRAME_PUBLISH:
        case HARK_FRAME_WITHDRAWN:
                hark_peer_take_publication(peer, received);
                break;
        default:
                hark_message_unref(received->message);
                hark_conn_break(conn, "a frame that this end does not take");
        }
}

static void on_message(struct hark_conn *conn, struct hark_received *received, void *userdata)
{
        hark_peer *peer = userdata;

        if (!hark_guard_refuses(peer, received))
                take_message(peer, conn, received);
        hark_peer_look_for_drained(peer); /* it may have been what was waited for */
}

static const char *begin_item(struct hark_conn *conn, struct hark_arriving *item, void *userdata)
{
        hark_peer *peer = userdata;

        (void)conn;
        return hark_requests_begin_item(&peer->requests, item);
}

static void on_room(struct hark_conn *conn, void *userdata)
{
        hark_peer *peer = userdata;

        (void)conn;
        hark_conn_channel_take_room(&peer->channel);
        hark_requests_take_room(&peer->requests);
}

static void on_closed(struct hark_conn *conn, int reason, void *userdata)
{
        hark_peer *peer = userdata;

        if (!peer->is_admitted)
                peer->requests.methods = NULL;
        hark_requests_close(&peer->requests,
                            reason < 0 && reason != -ECANCELED ? -ECONNRESET : -ECANCELED);
        hark_conn_channel_close(&peer->channel);
        hark_topics_end_owner(&peer->server->topics, &peer->live);
        leave_listener(peer);
        peer->reason = reason;
        peer->conn = NULL;
        hark_task_cancel(&peer->accept_task);
        hark_peer_look_for_drained(peer);
        hark_loop_queue_end(peer->loop, &peer->leave_task);
        hark_conn_unref(conn);
}

static const struct hark_role_ops answerer_ops = {
        .on_hello = on_hello,
        .on_open = on_open,
        .on_message = on_message,
        .begin_item = begin_item,
        .on_room = on_room,
        .on_closed = on_closed,
};

static void init_peer(hark_peer *peer, hark_server *server, struct hark_conn *conn)
{
        peer->server = server;
        peer->loop = hark_loop_ref(server->loop);
        peer->conn = hark_conn_ref(conn);
        hark_requests_init(&peer->requests, peer->loop, peer, server, &server->methods,
                           server->params.limits.calls_in_flight);
        peer->requests.conn = conn;
        peer->requests.on_request_freed = on_request_freed;
        peer->requests.on_idle = on_requests_idle;
        hark_conn_channel_init(&peer->channel, conn, &server->topics,
                               server->params.limits.subscriptions, server);
        if (server->params.on_drop)
                peer->channel.on_drop = on_drop;
        hark_retained_owner_init(&peer->live);
        hark_task_init(&peer->accept_task, run_accept, server);
        hark_task_init(&peer->leave_task, run_leave, server);
        peer->accept_task.priority = HARK_PRIORITIES - 1;
        hark_credentials_init(&peer->credentials);
        peer->credentials.claimed_name = peer->claimed_name;
        if (conn->is_accepting)
                identify(peer);
        conn->answerer = (struct hark_role){&answerer_ops, peer};
        hark_list_push_back(&server->peers, &peer->link);
}

int hark_peer_new(hark_server *server, struct hark_accepting *accepting, struct hark_conn *conn,
                  const char *address, hark_peer **ret_peer)
{
        hark_peer *peer = calloc(1, sizeof(*peer));

        if (!peer)
                return -ENOMEM;
        peer->address = strdup(address);
        if (!peer->address) {
                free(peer);
                return -ENOMEM;
        }
        init_peer(peer, server, conn);
        peer->accepting = accepting;
        if (accepting) {
                peer->is_only = accepting->listener->has_one_port;
                accepting->n_peers++;
                accepting->n_half_open++;
        }
        *ret_peer = peer;
        return 0;
}

void hark_peer_close(hark_peer *peer, int reason)
{
        if (peer->conn)
                hark_conn_close(peer->conn, reason);
}

/* --- public ---------------------------------------------------------------------------------- */

const struct hark_credentials *hark_peer_credentials(const hark_peer *peer)
{
        return &peer->credentials;
}

/* "clockctl[4711] uid 1000 at unix:/run/clock.sock"; what is unknown is left out. */
static int describe(const hark_peer *peer, char **ret_text)
{
        const struct hark_credentials *who = &peer->credentials;
        const char *name = who->claimed_name[0] ? who->claimed_name : "a client";
        const char *from = peer->remote[0] ? " from " : "";
        char pid[16] = "", uid[24] = "";

        if (who->pid > 0)
                snprintf(pid, sizeof(pid), "[%d]", (int)who->pid);
        if (who->uid != (uid_t)-1)
                snprintf(uid, sizeof(uid), " uid %u", (unsigned)who->uid);
        return asprintf(ret_text, "%s%s%s at %s%s%s", name, pid, uid, peer->address, from,
                        peer->remote);
}

const char *hark_peer_name(const hark_peer *peer)
{
        /* Made once; that it is made late does not show from outside. */
        hark_peer *self = (hark_peer *)(uintptr_t)peer;

        if (!self->name && describe(peer, &self->name) < 0)
                self->name = NULL;
        return self->name ? self->name : peer->address;
}

hark_client *hark_peer_client(hark_peer *peer)
{
        hark_client *client = peer->conn ? hark_client_of_conn(peer->conn) : peer->client;

        /* The end that connected has one from the start: the client that serves. */
        if (client || !peer->conn)
                return client;
        hark_client_new_for_peer(peer->loop, peer->conn, peer->server, &peer->client);
        if (peer->client && peer->server->drain.is_on)
                hark_drain_await_asked(peer);
        return peer->client;
}

int hark_peer_disconnect(hark_peer *peer)
{
        if (!peer->conn)
                return -ENOTCONN;
        hark_conn_leave(peer->conn);
        return 0;
}

void hark_peer_set_userdata(hark_peer *peer, void *userdata)
{
        peer->userdata = userdata;
}

void *hark_peer_userdata(const hark_peer *peer)
{
        return peer->userdata;
}
