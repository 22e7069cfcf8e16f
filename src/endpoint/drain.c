/* SPDX-License-Identifier: MIT */

/* See drain.h. */

#include "endpoint/drain.h"

#include <errno.h>

#include "base/log.h"
#include "endpoint/client.h"
#include "endpoint/peer.h"
#include "endpoint/server.h"

static hark_server *server_of(struct hark_drain *drain)
{
        return hark_container_of(drain, struct hark_server, drain);
}

static hark_peer *peer_of(struct hark_list *link)
{
        return hark_container_of(link, struct hark_peer, link);
}

/* --- one peer --------------------------------------------------------------------------------- */

void hark_drain_await_asked(hark_peer *peer)
{
        peer->client->calls.idle_chore = &peer->server->drain.look;
}

void hark_drain_peer(hark_peer *peer)
{
        if (!peer->conn)
                return;
        if (peer->client)
                hark_drain_await_asked(peer);
        /* Also if it was not let in, and never will be. */
        if (!peer->conn->is_accepting)
                hark_requests_begin(&peer->requests);
        if (peer->is_admitted || !peer->conn->is_accepting)
                hark_conn_drain(peer->conn);
        else
                hark_conn_refuse(peer->conn, HARK_UNAVAILABLE, "the server is going away");
}

static bool is_asked(const hark_peer *peer)
{
        const hark_client *client = peer->client;

        return client && client->calls.n_pending > 0;
}

static bool has_work(const hark_peer *peer)
{
        return peer->requests.n_unfinished > 0 || peer->n_publications > 0 || is_asked(peer) ||
               !hark_members_are_idle(&peer->channel.members) ||
               hark_conn_is_being_asked(peer->conn);
}

/* Whether it has nothing left, or is gone. Shows it out if it has nothing left but output. */
static bool is_drained(hark_peer *peer)
{
        bool is_ours;

        if (!peer->conn)
                return true;
        is_ours = !peer->conn->is_accepting;
        if (has_work(peer))
                return false;
        /* What came meanwhile may be of before the goodbye: the urgent overtake. */
        if (peer->conn->state == HARK_CONN_OPEN && hark_conn_look(peer->conn) && peer->conn &&
            has_work(peer))
                return false;
        if (peer->conn && !is_ours)
                hark_conn_finish(peer->conn);
        return is_ours || !peer->conn;
}

/* --- all of them ------------------------------------------------------------------------------ */

static void end_drain(hark_server *server, int result)
{
        struct hark_drain *drain = &server->drain;

        drain->is_over = true;
        drain->result = result;
        hark_timer_stop(&drain->timeout);
        hark_task_cancel(&drain->look);
        /* Behind every on_leave. */
        hark_loop_queue_end(server->loop, &drain->tell);
}

static void run_tell(struct hark_task *task)
{
        struct hark_drain *drain = hark_container_of(task, struct hark_drain, tell);

        drain->on_drained(drain->result, drain->userdata);
}

/* Peers that have nothing left are shown out on the way. */
static void run_look(struct hark_task *task)
{
        hark_server *server = server_of(hark_container_of(task, struct hark_drain, look));
        bool is_over = true;

        if (!server->drain.is_on || server->drain.is_over)
                return;
        hark_list_for_each (link, &server->peers)
                if (!is_drained(peer_of(link)))
                        is_over = false;
        if (is_over)
                end_drain(server, 0);
}

static void on_timeout(struct hark_timer *timer)
{
        hark_server *server = server_of(hark_container_of(timer, struct hark_drain, timeout));

        hark_groups_close(&server->topics.groups); /* nothing goes from one to the next */
        hark_list_for_each (link, &server->peers) {
                if (is_drained(peer_of(link)))
                        continue;
                hark_log(hark_loop_log(server->loop), LOG_WARNING,
                         "%s is cut off: not done in the time for draining",
                         hark_peer_name(peer_of(link)));
                hark_peer_close(peer_of(link), -ECANCELED);
        }
        end_drain(server, -ETIMEDOUT);
}

void hark_drain_init(hark_server *server)
{
        hark_task_init(&server->drain.look, run_look, server);
        hark_task_init(&server->drain.tell, run_tell, server);
}

void hark_drain_look_soon(hark_server *server)
{
        if (server->drain.is_on && !server->drain.is_over)
                hark_loop_queue_chore(server->loop, &server->drain.look);
}

void hark_drain_done(hark_server *server)
{
        hark_timer_stop(&server->drain.timeout);
        hark_task_cancel(&server->drain.look);
}

void hark_drain_cancel(hark_server *server)
{
        if (server->drain.is_on && !server->drain.is_over)
                end_drain(server, -ECANCELED);
}

int hark_server_drain(hark_server *server, int timeout_ms, hark_on_drained *on_drained,
                      void *userdata)
{
        struct hark_drain *drain;

        if (!server || timeout_ms < 0 || !on_drained)
                return -EINVAL;
        drain = &server->drain;
        if (drain->is_on)
                return -EALREADY;
        drain->is_on = true;
        drain->on_drained = on_drained;
        drain->userdata = userdata;
        hark_loop_enter(server->loop);
        hark_server_stop_listening(server);
        /* Nothing is published any more, a withdrawal neither. */
        hark_retained_clear(&server->topics.retained);
        hark_list_for_each (link, &server->peers)
                hark_drain_peer(peer_of(link));
        hark_timer_start(server->loop, &drain->timeout, hark_deadline_ns(timeout_ms), on_timeout);
        hark_drain_look_soon(server);
        hark_loop_leave(server->loop);
        return 0;
}
