/* SPDX-License-Identifier: MIT */

/* See storm.h. */

#include <errno.h>
#include <stdio.h>

#include "storm.h"

/* A server; its record outlives it. */
struct storm_server {
        hark_server *server; /* NULL: let go of */
        unsigned n_in;       /* peers that were let in and have not left */
        bool is_draining, is_drained;
};

static struct storm_server all_servers[STORM_RECORDS];
static unsigned n_servers;

/* --- peers ------------------------------------------------------------------------------------ */

static int on_accept(hark_peer *peer, void *userdata)
{
        struct storm_server *self = userdata;

        if (storm_one_in(8))
                return storm_one_in(2) ? HARK_UNAVAILABLE : -1;
        if (storm_one_in(4)) {
                storm_call();
                /* Who has gone meanwhile is not let in. */
                if (!hark_peer_client(peer))
                        return 0;
        }
        hark_peer_set_userdata(peer, self);
        self->n_in++;
        return 0;
}

static void on_leave(hark_peer *peer, int reason, void *userdata)
{
        struct storm_server *self = userdata;

        (void)reason;
        storm_assert(hark_peer_userdata(peer) == self && self->n_in > 0);
        hark_peer_set_userdata(peer, NULL);
        self->n_in--;
        storm_whim();
}

static int on_publication(hark_peer *peer, const char *topic, hark_message *message, void *userdata)
{
        (void)topic, (void)userdata;
        storm_assert(hark_peer_userdata(peer) && message);
        storm_whim();
        return storm_one_in(8) ? HARK_PERMISSION_DENIED : 0;
}

static void on_unconfirmed(hark_server *server, const char *group, const char *topic,
                           hark_message *message, void *userdata)
{
        (void)userdata;
        storm_assert(group && topic && message);
        if (storm_one_in(2))
                (void)hark_server_publish(server, topic, hark_message_payload(message));
        storm_whim();
}

static void on_drop(hark_peer *peer, const char *topic, uint64_t n_lost, void *userdata)
{
        (void)userdata;
        storm_assert(hark_peer_userdata(peer) && topic && n_lost > 0);
        storm_whim();
}

static void on_relief(hark_server *server, void *userdata)
{
        (void)userdata;
        storm_assert(hark_server_n_slow(server) == 0);
        storm_whim();
}

/* --- requests --------------------------------------------------------------------------------- */

static void let_go(struct storm_request *self)
{
        hark_request *request = self->request;

        self->request = NULL;
        hark_request_unref(request);
}

static void on_cancel(hark_request *request, int reason, void *userdata)
{
        struct storm_request *self = userdata;

        storm_assert(self->request == request && reason < 0);
        storm_assert(!self->is_answered && !self->is_cancelled);
        self->is_cancelled = true;
        if (storm_one_in(2))
                let_go(self);
        storm_whim();
}

static void on_room(hark_request *request, void *userdata)
{
        struct storm_request *self = userdata;

        storm_assert(self->request == request && !self->is_answered && !self->is_cancelled);
        for (unsigned n = storm_below(20); n > 0 && hark_push(request, storm_payload()) == 0; n--)
                ;
        storm_whim();
}

static void on_item(hark_request *request, hark_message *item, void *userdata)
{
        struct storm_request *self = userdata;

        (void)item;
        storm_assert(self->request == request && !self->is_answered && !self->is_cancelled);
        storm_whim();
}

static void watch(struct storm_request *self)
{
        struct hark_request_events events = {
                .on_cancel = on_cancel,
                .on_room = storm_one_in(2) ? on_room : NULL,
                .on_item = storm_one_in(2) ? on_item : NULL,
        };

        self->is_watched |= hark_request_watch(self->request, &events, self) == 0;
}

static void keep(hark_request *request)
{
        struct storm_request *self = &storm.requests[storm.n_requests];

        if (storm.n_requests == STORM_RECORDS)
                return;
        storm.n_requests++;
        *self = (struct storm_request){.request = hark_request_ref(request)};
        if (!storm_one_in(4))
                watch(self);
}

static void ask_further(hark_request *request)
{
        struct storm_client *client = storm_any_client();
        hark_client *back = hark_peer_client(hark_request_peer(request));

        if (storm_one_in(2) && client)
                (void)storm_ask_of(client, client->client, storm_one_in(2) ? request : NULL);
        else if (back)
                (void)storm_ask_of(NULL, back, storm_one_in(2) ? request : NULL);
}

static void on_request(hark_request *request, void *userdata)
{
        (void)userdata;
        storm_assert(hark_peer_userdata(hark_request_peer(request)));
        switch (storm_below(8)) {
        case 0:
                (void)hark_fail(request, 1000 + (int)storm_below(10), "no");
                break;
        case 1:
                break; /* forgets it */
        case 2:
                ask_further(request);
                keep(request);
                break;
        case 3:
                (void)hark_push(request, storm_payload());
                (void)hark_reply(request, storm_payload());
                break;
        case 4:
        case 5:
                keep(request);
                break;
        default:
                (void)hark_reply(request, hark_message_payload(hark_request_message(request)));
        }
        storm_whim();
}

/* One of the last that are kept; NULL: it was let go of. */
static struct storm_request *any_request(void)
{
        unsigned n = storm.n_requests < 64 ? storm.n_requests : 64;
        struct storm_request *self =
                n > 0 ? &storm.requests[storm.n_requests - 1 - storm_below(n)] : NULL;

        return self && self->request ? self : NULL;
}

static void reply(struct storm_request *self)
{
        int r = hark_reply(self->request, storm_payload());

        if (hark_request_is_one_way(self->request))
                return;
        storm_assert(r != 0 || (!self->is_answered && !self->is_cancelled));
        self->is_answered |= r == 0;
}

void storm_answer(void)
{
        struct storm_request *self = any_request();

        if (!self)
                return;
        switch (storm_below(6)) {
        case 0:
                let_go(self);
                break;
        case 1:
                watch(self);
                break;
        case 2:
                (void)hark_request_pause(self->request, storm_one_in(2));
                break;
        default:
                reply(self);
        }
}

hark_client *storm_any_back(void)
{
        struct storm_request *self = any_request();

        return self ? hark_peer_client(hark_request_peer(self->request)) : NULL;
}

void storm_push(void)
{
        struct storm_request *self = any_request();

        for (unsigned n = self ? storm_below(30) : 0; n > 0; n--)
                (void)hark_push(self->request, storm_payload());
}

void storm_disconnect(void)
{
        struct storm_request *self = any_request();

        if (self)
                (void)hark_peer_disconnect(hark_request_peer(self->request));
}

/* --- coming and going ------------------------------------------------------------------------- */

hark_server *storm_any_server(void)
{
        struct storm_server *self = storm.servers[storm_below(STORM_SERVERS)];

        return self ? self->server : NULL;
}

static struct hark_server_params any_params(struct storm_server *self)
{
        return (struct hark_server_params){
                .on_accept = on_accept,
                .on_leave = on_leave,
                .on_publication = storm_one_in(2) ? on_publication : NULL,
                .on_drop = storm_one_in(2) ? on_drop : NULL,
                .on_relief = on_relief,
                .on_unconfirmed = storm_one_in(2) ? on_unconfirmed : NULL,
                .is_hub = storm_one_in(2),
                .userdata = self,
                .limits = storm_limits(),
                .retained_topics = storm_one_in(2) ? 1 + storm_below(3) : 0,
        };
}

static void offer(hark_server *server)
{
        storm_assert(hark_server_handle(server, "echo", on_request, NULL) == 0);
        storm_assert(hark_server_handle(server, "any.>", on_request, NULL) == 0);
        if (!storm_one_in(6))
                return;
        storm_assert(hark_server_allow(server, "call any.> anyone") == 0);
        storm_assert(hark_server_allow(server, "subscribe,publish t.> anyone") == 0);
}

static void serve_at(unsigned slot)
{
        struct storm_server *self = &all_servers[n_servers];
        struct hark_server_params params = any_params(self);

        if (storm.servers[slot] || n_servers == STORM_RECORDS)
                return;
        *self = (struct storm_server){.server = NULL};
        storm_assert(hark_server_new(storm.loop, &params, &self->server) == 0);
        n_servers++;
        offer(self->server);
        storm.servers[slot] = self;
        /* An address that is still left by the one before has no server for a while. */
        if (hark_server_listen(self->server, storm.addresses[slot]) == 0)
                snprintf(storm.addresses[slot], sizeof(storm.addresses[slot]), "%s",
                         hark_server_address(self->server, 0));
}

void storm_serve(void)
{
        serve_at(storm_below(STORM_SERVERS));
}

void storm_serve_all(void)
{
        for (unsigned i = 0; i < STORM_SERVERS; i++)
                serve_at(i);
}

static void end_server(unsigned slot)
{
        struct storm_server *self = storm.servers[slot];
        hark_server *server;

        if (!self)
                return;
        storm.servers[slot] = NULL;
        server = self->server;
        self->server = NULL;
        hark_server_unref(server);
}

void storm_let_go_of_server(void)
{
        end_server(storm_below(STORM_SERVERS));
}

void storm_end_servers(void)
{
        for (unsigned i = 0; i < STORM_SERVERS; i++)
                end_server(i);
}

static void on_drained(int result, void *userdata)
{
        struct storm_server *self = userdata;

        storm_assert(self->is_draining && !self->is_drained);
        storm_assert(result == 0 || result == -ETIMEDOUT || result == -ECANCELED);
        self->is_drained = true;
        for (unsigned i = 0; i < STORM_SERVERS; i++)
                if (storm.servers[i] == self)
                        end_server(i);
        storm_whim();
}

void storm_drain(void)
{
        struct storm_server *self = storm.servers[storm_below(STORM_SERVERS)];
        int r;

        if (!self)
                return;
        r = hark_server_drain(self->server, (int)storm_below(50), on_drained, self);
        storm_assert(r == (self->is_draining ? -EALREADY : 0));
        self->is_draining = true;
}

void storm_server_publish(void)
{
        hark_server *server = storm_any_server();
        struct hark_payload payload = storm_payload();

        payload.retain = storm_one_in(4) ? (uint8_t)storm_below(3) : 0;
        for (unsigned n = server ? 1 + storm_below(30) : 0; n > 0; n--)
                (void)hark_server_publish(server, storm_topic(), payload);
}

/* Servers and clients are gone. */
void storm_check_servers(void)
{
        for (unsigned i = 0; i < n_servers; i++) {
                storm_assert(all_servers[i].n_in == 0);
                storm_assert(all_servers[i].is_draining == all_servers[i].is_drained);
        }
        for (unsigned i = 0; i < storm.n_requests; i++) {
                struct storm_request *self = &storm.requests[i];

                if (!self->request)
                        continue;
                storm_assert(!self->is_watched || self->is_answered || self->is_cancelled ||
                             hark_request_is_one_way(self->request));
                let_go(self);
        }
        n_servers = 0;
}
