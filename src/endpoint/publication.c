/* SPDX-License-Identifier: MIT */

/* See publication.h. */

#include "endpoint/publication.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "endpoint/server.h"

static void refuse_publication(hark_peer *peer, const hark_message *message, uint32_t id,
                               int status, const char *text)
{
        struct hark_header header = {
                .type = HARK_FRAME_PUBLISH, .id = id, .priority = message->priority};

        if (peer->conn)
                hark_conn_refuse_message(peer->conn, &header, message->name, strlen(message->name),
                                         status, text);
}

/* A publication waits for its turn as a request does. */
struct publication {
        struct hark_task task;
        hark_peer *peer;
        struct hark_conn *conn;
        hark_message *message;
        struct hark_charge charge;
        uint32_t id;
};

static int judge_publication(hark_peer *peer, hark_message *message)
{
        const struct hark_server_params *params = &peer->server->params;

        if (params->on_publication)
                return params->on_publication(peer, message->name, message, params->userdata);
        return params->is_hub ? 0 : HARK_UNIMPLEMENTED;
}

/* Which limit, in words. */
static void refuse_for(hark_peer *peer, const struct publication *publication, int error)
{
        const hark_message *message = publication->message;
        const char *limit =
                hark_retained_limit(&peer->server->topics.retained, message->name, message->size);
        char text[80];

        if (error == -EINVAL) {
                refuse_publication(peer, message, publication->id, HARK_INVALID_ARGUMENT,
                                   "a value that is retained has no files");
                return;
        }
        if (error == -EDQUOT && limit)
                snprintf(text, sizeof(text), "too much is retained (%s)", limit);
        else
                snprintf(text, sizeof(text), "%s", hark_reason(error, NULL));
        refuse_publication(peer, message, publication->id, HARK_RESOURCE_EXHAUSTED, text);
}

/* on_publication may have taken fds out of the message, or shown the publisher out, whose values
 * have ended then. */
static int publish(hark_peer *peer, const hark_message *message)
{
        struct hark_payload payload = hark_message_payload(message);

        if (payload.retain == HARK_WITHDRAW)
                payload.size = payload.n_fds =
                        0; /* a withdrawn frame has no payload: it is ignored */
        if (payload.retain == HARK_RETAIN_LIVE && !peer->conn)
                payload.retain = HARK_PASSING;
        if (peer->server->drain.is_on)
                return 0;
        return hark_topics_publish(&peer->server->topics, message->name, &payload, &peer->live);
}

static void pass_on(hark_peer *peer, const struct publication *publication)
{
        bool has_hook = peer->server->params.on_publication;
        int status = judge_publication(peer, publication->message);
        int r;

        if (status != 0) {
                refuse_publication(peer, publication->message, publication->id,
                                   status > 0 ? status : HARK_PERMISSION_DENIED,
                                   has_hook ? NULL : "this server accepts no publications");
                return;
        }
        r = publish(peer, publication->message);
        if (r < 0)
                refuse_for(peer, publication, r);
}

static void run_publication(struct hark_task *task)
{
        struct publication *publication = hark_container_of(task, struct publication, task);
        hark_peer *peer = publication->peer;
        hark_loop *loop = peer->loop;

        if (peer->server && peer->is_admitted)
                pass_on(peer, publication);
        hark_conn_had_turn(publication->conn);
        hark_conn_release(publication->conn, publication->charge);
        hark_conn_unref(publication->conn);
        hark_message_unref(publication->message);
        hark_pool_put(hark_loop_block_pool(loop), publication);
        peer->requests.n_kept--;
        if (--peer->n_publications == 0)
                hark_peer_look_for_drained(peer);
        hark_peer_free_if_done(peer);
}

/* enum hark_retain; negative: no such publication. */
static int retain_of(const struct hark_header *header)
{
        switch (header->flags & (HARK_FLAG_RETAIN | HARK_FLAG_LIVE | HARK_FLAG_KEPT)) {
        case 0:
                return header->type == HARK_FRAME_WITHDRAWN ? HARK_WITHDRAW : HARK_PASSING;
        case HARK_FLAG_RETAIN:
                return HARK_RETAIN;
        case HARK_FLAG_RETAIN | HARK_FLAG_LIVE:
                return HARK_RETAIN_LIVE;
        default:
                return -EPROTO;
        }
}

static void queue_publication(hark_peer *peer, struct hark_received *received)
{
        struct publication *publication = NULL;

        if (received->message)
                publication = hark_pool_take(hark_loop_block_pool(peer->loop));
        if (!publication) {
                hark_conn_refuse_message(peer->conn, received->header,
                                         (const char *)received->name.bytes, received->name.size,
                                         HARK_RESOURCE_EXHAUSTED, "no memory for the publication");
                hark_message_unref(received->message);
                hark_conn_release(peer->conn, received->charge);
                return;
        }
        *publication = (struct publication){.peer = peer,
                                            .conn = hark_conn_ref(peer->conn),
                                            .message = received->message,
                                            .charge = received->charge,
                                            .id = received->header->id};
        hark_conn_wait_for_turn(peer->conn);
        peer->requests.n_kept++;
        peer->n_publications++;
        hark_task_init(&publication->task, run_publication, peer->server);
        publication->task.priority = received->header->priority;
        hark_requests_queue(&peer->requests, &publication->task);
}

void hark_peer_take_publication(hark_peer *peer, struct hark_received *received)
{
        int retain = retain_of(received->header);

        if (retain < 0) {
                hark_conn_release(peer->conn, received->charge);
                hark_message_unref(received->message);
                hark_conn_break(peer->conn, "a flag that a publication to a server has not");
                return;
        }
        if (received->message)
                received->message->retain = (uint8_t)retain;
        queue_publication(peer, received);
}
