/* SPDX-License-Identifier: MIT */

/* See guard.h. */

#include "endpoint/guard.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "endpoint/peer.h"
#include "endpoint/server.h"
#include "names/name.h"

#define REPORTS_MAX 64 /* for each peer: a rule that is missing shows in far fewer */

void hark_guard_done(struct hark_guard *guard)
{
        free(guard->groups);
        free(guard->reported);
}

/* What it wants; 0: nothing that rules are about. */
static unsigned verb_of(const struct hark_received *received)
{
        switch (received->header->type) {
        case HARK_FRAME_REQUEST:
                return HARK_VERB_CALL;
        case HARK_FRAME_SUBSCRIBE:
                return HARK_VERB_SUBSCRIBE;
        case HARK_FRAME_PUBLISH:
        case HARK_FRAME_WITHDRAWN:
                return HARK_VERB_PUBLISH;
        default:
                return 0;
        }
}

/* Whether this number means something that has not ended, which breaks the protocol: whoever takes
 * such messages says so. */
static bool is_id_taken(const hark_peer *peer, const struct hark_header *header)
{
        switch (header->type) {
        case HARK_FRAME_REQUEST:
                return !(header->flags & HARK_FLAG_ONE_WAY) &&
                       hark_map_find(&peer->requests.by_id, header->id);
        case HARK_FRAME_SUBSCRIBE:
                return hark_conn_channel_has(&peer->channel, header->id);
        default:
                return false;
        }
}

/* --- who -------------------------------------------------------------------------------------- */

/* Without memory for them, it is in none. */
static void ask_for_groups(hark_peer *peer)
{
        struct hark_guard *guard = &peer->guard;
        struct hark_port *port = peer->conn->port;

        if (guard->has_groups)
                return;
        guard->has_groups = true;
        if (port->transport->list_groups)
                port->transport->list_groups(port, &guard->groups, &guard->n_groups);
}

static struct hark_subject subject_of(hark_peer *peer)
{
        if (peer->server->rules.speak_of_groups)
                ask_for_groups(peer);
        return (struct hark_subject){
                .uid = peer->credentials.uid,
                .gid = peer->credentials.gid,
                .groups = peer->guard.groups,
                .n_groups = peer->guard.n_groups,
        };
}

/* --- reports ---------------------------------------------------------------------------------- */

static bool is_reported(const struct hark_guard *guard, uint64_t hash)
{
        for (size_t i = 0; i < guard->n_reported; i++)
                if (guard->reported[i] == hash)
                        return true;
        return false;
}

/* Whether this is to be reported: not if it was, nor past the bound, nor where that cannot be
 * noted. */
static bool note_report(hark_peer *peer, const struct hark_wish *wish)
{
        struct hark_guard *guard = &peer->guard;
        uint64_t hash =
                hark_hash(&peer->server->rules.key, wish->name, wish->name_size) ^ wish->verb;

        if (guard->n_reported >= REPORTS_MAX || is_reported(guard, hash))
                return false;
        if (!guard->reported)
                guard->reported = calloc(REPORTS_MAX, sizeof(*guard->reported));
        if (!guard->reported)
                return false;
        guard->reported[guard->n_reported++] = hash;
        return true;
}

static void report(hark_peer *peer, const struct hark_wish *wish, const char *text)
{
        const struct hark_log *log = hark_loop_log(peer->loop);

        if (!note_report(peer, wish))
                return;
        hark_log(log, LOG_WARNING, "would be refused: %s (%s)", text, hark_peer_name(peer));
        if (peer->guard.n_reported == REPORTS_MAX)
                hark_log(log, LOG_WARNING, "no more is reported of what would be refused to %s",
                         hark_peer_name(peer));
}

/* --- refusing --------------------------------------------------------------------------------- */

static void refuse(hark_peer *peer, struct hark_received *received, int status, const char *text)
{
        hark_conn_refuse_message(peer->conn, received->header, (const char *)received->name.bytes,
                                 received->name.size, status, text);
        hark_conn_release(peer->conn, received->charge);
        hark_message_unref(received->message);
}

static bool refuses(hark_peer *peer, struct hark_received *received, enum hark_verb verb)
{
        struct hark_subject subject = subject_of(peer);
        struct hark_wish wish = {
                .subject = &subject,
                .verb = verb,
                .name = (const char *)received->name.bytes,
                .name_size = received->name.size,
        };
        char text[HARK_RULES_TEXT_SIZE];
        const struct hark_rule *nearest;

        if (hark_rules_allow(&peer->server->rules, &wish, &nearest))
                return false;
        hark_rules_explain(&wish, nearest, text);
        if (peer->server->params.rules_only_report)
                report(peer, &wish, text);
        else
                refuse(peer, received, HARK_PERMISSION_DENIED, text);
        return !peer->server->params.rules_only_report;
}

/* What the library alone may say. */
static bool is_forged(const struct hark_received *received, unsigned verb)
{
        return verb == HARK_VERB_PUBLISH &&
               hark_name_is_reserved((const char *)received->name.bytes, received->name.size);
}

bool hark_guard_refuses(hark_peer *peer, struct hark_received *received)
{
        unsigned verb = verb_of(received);

        if (is_forged(received, verb)) {
                refuse(peer, received, HARK_INVALID_ARGUMENT,
                       "names that begin with hark. are the library's own");
                return true;
        }
        if (verb == 0 || !peer->server || hark_rules_are_empty(&peer->server->rules) ||
            is_id_taken(peer, received->header))
                return false;
        return refuses(peer, received, verb);
}
