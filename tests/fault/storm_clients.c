/* SPDX-License-Identifier: MIT */

/* See storm.h. */

#include <errno.h>

#include "storm.h"

/* --- what clients are told -------------------------------------------------------------------- */

static void on_state(hark_client *client, int state, int reason, void *userdata)
{
        struct storm_client *self = userdata;

        (void)client, (void)reason;
        storm_assert(!self->is_let_go && !self->is_closed);
        self->is_closed = state == HARK_CLOSED;
        storm_whim();
}

static void on_room(hark_client *client, void *userdata)
{
        struct storm_client *self = userdata;

        (void)client;
        storm_assert(!self->is_let_go);
        storm_whim();
}

static void on_refused(hark_client *client, const char *name, int status,
                       const hark_message *message, void *userdata)
{
        (void)client, (void)userdata;
        storm_assert(name && status > 0 && hark_reason(status, message));
        storm_whim();
}

static void on_lost(hark_client *client, uint64_t n_dropped, uint64_t n_unknown, void *userdata)
{
        (void)client, (void)userdata;
        storm_assert(n_dropped + n_unknown > 0);
        storm_whim();
}

/* --- coming and going ------------------------------------------------------------------------- */

struct storm_client *storm_any_client(void)
{
        struct storm_client *client = storm.clients[storm_below(STORM_CLIENTS)];

        return client && client->client ? client : NULL;
}

static struct hark_client_params any_params(struct storm_client *self, const char *const *others)
{
        return (struct hark_client_params){
                .on_state = on_state,
                .on_room = storm_one_in(2) ? on_room : NULL,
                .on_refused = storm_one_in(2) ? on_refused : NULL,
                .on_lost = storm_one_in(2) ? on_lost : NULL,
                .userdata = self,
                .alternatives = storm_one_in(3) ? others : NULL,
                .serves = storm_one_in(3) ? storm_any_server() : NULL,
                .wait_ms = storm_one_in(2) ? (int)storm_below(100) : 0,
                .attempt_ms = 200,
                .retry_min_ms = 1,
                .retry_max_ms = 10,
                .is_one_shot = storm_one_in(4),
                .outbox_size = storm_one_in(2) ? storm_below(20000) : 0,
                .limits = storm_limits(),
        };
}

void storm_connect(void)
{
        const char *others[] = {storm.addresses[storm_below(STORM_SERVERS)], NULL};
        unsigned slot = storm_below(STORM_CLIENTS);
        struct storm_client *self = &storm.all_clients[storm.n_clients];
        struct hark_client_params params;

        if (storm.clients[slot] || storm.n_clients == STORM_RECORDS)
                return;
        params = any_params(self, others);
        if (hark_connect(storm.loop, storm.addresses[storm_below(STORM_SERVERS + 1)], &params,
                         &self->client) < 0)
                return;
        storm.n_clients++;
        storm.clients[slot] = self;
}

void storm_let_go_of_client(void)
{
        unsigned slot = storm_below(STORM_CLIENTS);
        struct storm_client *self = storm.clients[slot];
        hark_client *client;

        if (!self)
                return;
        client = self->client;
        self->client = NULL;
        storm.clients[slot] = NULL;
        self->is_let_go = true;
        hark_client_unref(client);
}

/* --- asking ----------------------------------------------------------------------------------- */

static void on_item(struct storm_ask *ask, int result, hark_message *message)
{
        storm_assert(!ask->is_cancelled);
        storm_assert(result == HARK_ROOM ? ask->feeds : ask->observes);
        storm_assert((result == HARK_MORE) == (message != NULL));
        if (result == HARK_ROOM && ask->by && ask->by->client)
                (void)hark_feed(ask->by->client, ask->id, storm_payload());
        storm_whim();
}

static void on_reply(int result, hark_message *message, void *userdata)
{
        struct storm_ask *ask = userdata;

        storm_assert(!ask->is_over);
        if (result == HARK_MORE || result == HARK_ROOM) {
                on_item(ask, result, message);
                return;
        }
        ask->is_over = true;
        storm_assert(result >= 0 || !message);
        /* A connection that was lost may have ended it before, behind items that are held back. */
        if (ask->is_cancelled)
                storm_assert(result == -ECANCELED || result == -ENOTCONN ||
                             (result == -ECONNRESET && ask->observes));
        storm_whim();
}

int storm_ask_of(struct storm_client *by, hark_client *asked, hark_request *parent)
{
        struct hark_payload payload = storm_payload();
        struct storm_ask *ask = &storm.asks[storm.n_asks];
        int timeout_ms = storm_one_in(20) ? 0 : (int)storm_below(300);

        if (storm.n_asks == STORM_RECORDS)
                return -EAGAIN;
        *ask = (struct storm_ask){.by = by, .observes = storm_one_in(2), .feeds = storm_one_in(3)};
        payload.parent = parent;
        payload.has_feed = ask->feeds;
        payload.is_idempotent = storm_one_in(3);
        payload.is_detached = storm_one_in(4);
        if ((ask->observes ? hark_observe : hark_invoke)(asked, storm_method(), payload, timeout_ms,
                                                         on_reply, ask, &ask->id) < 0)
                return -EAGAIN;
        storm.n_asks++;
        return 0;
}

void storm_ask(void)
{
        struct storm_client *client = storm_any_client();

        for (unsigned n = client ? 1 + storm_below(4) : 0; n > 0; n--)
                (void)storm_ask_of(client, client->client, NULL);
}

/* Short, as all others wait meanwhile. */
void storm_call(void)
{
        struct storm_client *client = storm_any_client();
        hark_message *reply = NULL;
        int r;

        if (!client)
                return;
        r = hark_call(client->client, storm_method(), storm_payload(), (int)storm_below(20),
                      &reply);
        storm_assert(r >= 0 || !reply);
        hark_message_unref(reply);
}

void storm_send(void)
{
        struct storm_client *client = storm_any_client();

        for (unsigned n = client ? 1 + storm_below(100) : 0; n > 0; n--)
                (void)hark_send(client->client, storm_method(), storm_payload());
}

void storm_flush(void)
{
        struct storm_client *client = storm_any_client();

        if (client)
                (void)hark_client_flush(client->client, (int)storm_below(20));
}

/* --- what goes on ----------------------------------------------------------------------------- */

/* One of the last; NULL: it has ended, or its client has. */
static struct storm_ask *any_ask(void)
{
        unsigned n = storm.n_asks < 64 ? storm.n_asks : 64;
        struct storm_ask *ask = n > 0 ? &storm.asks[storm.n_asks - 1 - storm_below(n)] : NULL;

        return ask && ask->by && ask->by->client ? ask : NULL;
}

void storm_cancel(void)
{
        struct storm_ask *ask = any_ask();
        int r;

        if (!ask)
                return;
        r = hark_cancel(ask->by->client, ask->id);
        storm_assert(r == -ENOENT || (r == 0 && !ask->is_over));
        ask->is_cancelled |= r == 0;
}

void storm_feed(void)
{
        struct storm_ask *ask = any_ask();

        for (unsigned n = ask ? storm_below(30) : 0; n > 0; n--)
                (void)hark_feed(ask->by->client, ask->id, storm_payload());
        if (ask && storm_one_in(2))
                (void)hark_feed_end(ask->by->client, ask->id);
}

void storm_pause(void)
{
        struct storm_ask *ask = any_ask();

        if (ask)
                (void)hark_pause(ask->by->client, ask->id, storm_one_in(2));
}

/* The clients are gone, so that all have ended. */
void storm_check_asks(void)
{
        for (unsigned i = 0; i < storm.n_asks; i++)
                storm_assert(storm.asks[i].is_over);
}
