/* SPDX-License-Identifier: MIT */

/*
 * Where a client connects to, and when it tries again.
 *
 *         round:  candidate 0 --failed--> candidate 1 --failed--> ... --> delay --> round
 *
 * The delay doubles from retry_min_ms to retry_max_ms, each time shortened at random by up to a
 * half, so that the clients of one server do not come back all at once. It starts anew when a
 * connection has stood for longer than the delay that led to it: so who is admitted and thrown out
 * again, over and over, goes on as slowly as who is refused.
 *
 * Where the kernel can tell that somebody comes, the client waits to be told, and tries only now
 * and then by itself: nothing wakes up for nothing. Who has come but does not answer yet is tried
 * again with the delays above, as long as they grow.
 *
 * A candidate that refuses for good is not tried again; see is_for_good().
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/cleanup.h"
#include "endpoint/client.h"
#include "endpoint/peer.h"
#include "endpoint/server.h"
#include "transport/transport.h"

/* While it is waited to be told: what the watch may have missed is found so late. */
#define SELDOM_NS (30 * 1000000000ull)

/* --- one attempt ------------------------------------------------------------------------------ */

static int serve_back(hark_client *client, struct hark_conn *conn, const char *address)
{
        hark_peer *peer;

        if (!client->params.serves)
                return 0;
        return hark_peer_new(client->params.serves, NULL, conn, address, &peer);
}

static struct hark_conn_params conn_params(const hark_client *client)
{
        struct hark_conn_params params = {
                .name = client->name,
                .limits = client->params.limits,
                .open_ms = client->params.attempt_ms,
                .ping_ms = client->params.ping_ms,
        };

        /* What hello tells is what whoever answers holds to. */
        if (client->params.serves) {
                const struct hark_limits *theirs = &client->params.serves->params.limits;

                params.limits.calls_in_flight = theirs->calls_in_flight;
                params.limits.subscriptions = theirs->subscriptions;
        }
        return params;
}

/* What is asked before the first answer is known leaves at once, unless there may be another
 * attempt: then it should not be lost with this one. */
static bool is_only_attempt(const hark_client *client)
{
        const struct hark_attempts *attempts = &client->attempts;

        return !client->was_open && !attempts->is_waiting && attempts->n_candidates == 1;
}

static int start_conn(hark_client *client, const struct hark_address *address)
{
        struct hark_conn_params params = conn_params(client);
        struct hark_conn *conn;
        struct hark_port *port;
        int r = address->transport->connect(client->loop, address, &port);

        if (r == 0)
                r = hark_conn_new(client->loop, port, &params, &conn);
        if (r < 0)
                return r;
        r = serve_back(client, conn, address->text);
        if (r == 0)
                hark_client_take_conn(client, conn, is_only_attempt(client));
        hark_conn_unref(conn);
        return r;
}

/* --- rounds ----------------------------------------------------------------------------------- */

/* Whoever is there does not want us, is not to be trusted, or does not speak hark; or there cannot
 * be anybody. Asking again would not change it. */
static bool is_for_good(int reason)
{
        return reason == -EACCES || reason == -EPERM || reason == -EPROTO || reason == -EINVAL ||
               reason == -EOPNOTSUPP;
}

static void stop_watch(struct hark_candidate *candidate)
{
        struct hark_watch *watch = HARK_TAKE(candidate->watch);

        if (watch)
                watch->transport->unwatch(watch);
}

static void note_failure(struct hark_candidate *candidate, int reason)
{
        candidate->is_out = is_for_good(reason) || candidate->fault < 0 ||
                            candidate->address->transport->connects_once;
        if (candidate->is_out)
                stop_watch(candidate);
}

/* Whether its watch tells when it is worth trying again. */
static bool is_told_of(const struct hark_candidate *candidate, int reason)
{
        return candidate->watch && (reason == -ENOENT || reason == -ECONNREFUSED);
}

static bool has_candidate(const struct hark_attempts *attempts)
{
        for (size_t i = 0; i < attempts->n_candidates; i++)
                if (!attempts->candidates[i].is_out)
                        return true;
        return false;
}

static void advance(struct hark_attempts *attempts)
{
        attempts->current = (attempts->current + 1) % attempts->n_candidates;
        attempts->n_left--;
}

/* Tries the rest of a round until an attempt is under way: 0. Else why the last one is not. */
static int try_round(hark_client *client)
{
        struct hark_attempts *attempts = &client->attempts;
        int r = client->reason < 0 ? client->reason : -ECONNREFUSED;

        for (; attempts->n_left > 0; advance(attempts)) {
                struct hark_candidate *candidate = &attempts->candidates[attempts->current];

                if (candidate->is_out)
                        continue;
                r = candidate->fault < 0 ? candidate->fault
                                         : start_conn(client, candidate->address);
                if (r == 0)
                        return 0;
                note_failure(candidate, r);
                attempts->is_told &= candidate->is_out || is_told_of(candidate, r);
        }
        return r;
}

static void start_round(struct hark_attempts *attempts, size_t first)
{
        attempts->current = first % attempts->n_candidates;
        attempts->n_left = attempts->n_candidates;
        attempts->is_told = true;
}

/* --- when ------------------------------------------------------------------------------------- */

static uint32_t random_number(void)
{
        uint32_t number;

        if (getrandom(&number, sizeof(number), GRND_NONBLOCK) != (ssize_t)sizeof(number))
                number = (uint32_t)(hark_now_ns() / 1000);
        return number;
}

/* The delay before the next round; the one after that is longer. */
static uint64_t take_delay_ns(hark_client *client)
{
        struct hark_attempts *attempts = &client->attempts;
        uint64_t half_ns = (uint64_t)attempts->delay_ms * 1000000 / 2;

        if (attempts->is_told && !attempts->has_arrived)
                return SELDOM_NS;
        attempts->has_arrived &= attempts->delay_ms < client->params.retry_max_ms;
        if (attempts->delay_ms < client->params.retry_max_ms / 2)
                attempts->delay_ms *= 2;
        else
                attempts->delay_ms = client->params.retry_max_ms;
        return half_ns + half_ns * (random_number() % 1024) / 1024;
}

static void on_next(struct hark_timer *timer);

static void schedule(hark_client *client, uint64_t delay_ns)
{
        hark_timer_start(client->loop, &client->attempts.next, hark_now_ns() + delay_ns, on_next);
}

static void on_arrival(struct hark_watch *watch);

/* Before the next attempt: who comes after that is told of. Without a watch there are the
 * delays. */
static void start_watches(hark_client *client)
{
        struct hark_attempts *attempts = &client->attempts;

        for (size_t i = 0; i < attempts->n_candidates; i++) {
                struct hark_candidate *candidate = &attempts->candidates[i];
                const struct hark_transport_ops *transport = candidate->address->transport;

                if (candidate->watch || candidate->is_out || !transport->watch ||
                    transport->watch(client->loop, candidate->address, &candidate->watch) < 0)
                        continue;
                candidate->watch->on_arrival = on_arrival;
                candidate->watch->userdata = client;
        }
}

static void stop_watches(struct hark_attempts *attempts)
{
        for (size_t i = 0; i < attempts->n_candidates; i++)
                stop_watch(&attempts->candidates[i]);
}

bool hark_client_may_retry(hark_client *client, int reason)
{
        struct hark_attempts *attempts = &client->attempts;

        if (attempts->n_candidates == 0 || client->n_users == 0)
                return false;
        note_failure(&attempts->candidates[attempts->current], reason);
        if (!has_candidate(attempts))
                return false;
        if (client->was_open)
                return !client->params.is_one_shot;
        return attempts->is_waiting || attempts->n_left > 1;
}

/* It said goodbye, or that it is not available: another one may be. */
static bool is_away(int reason)
{
        return reason == 0 || reason == -ECONNREFUSED;
}

static void retry_after_loss(hark_client *client)
{
        struct hark_attempts *attempts = &client->attempts;
        uint64_t stood_ns = hark_now_ns() - attempts->opened_ns;
        bool has_stood = stood_ns >= (uint64_t)attempts->delay_ms * 1000000;
        bool has_another = attempts->n_candidates > 1 && is_away(client->reason);

        if (has_stood)
                attempts->delay_ms = client->params.retry_min_ms;
        start_watches(client);
        schedule(client, has_another && has_stood ? 0 : take_delay_ns(client));
        start_round(attempts, has_another ? attempts->current + 1 : 0);
        hark_client_set_state(client, HARK_RETRYING);
}

static void start_next_round(hark_client *client)
{
        start_watches(client);
        schedule(client, take_delay_ns(client));
        start_round(&client->attempts, 0);
        hark_client_set_state(client, HARK_RETRYING);
}

static void retry_after_failure(hark_client *client)
{
        client->attempts.is_told = false; /* somebody is there */
        advance(&client->attempts);
        if (client->attempts.n_left > 0)
                schedule(client, 0);
        else
                start_next_round(client);
}

void hark_client_retry(hark_client *client)
{
        if (client->state == HARK_CONNECTED)
                retry_after_loss(client);
        else
                retry_after_failure(client);
}

/* Whether another round may follow one of which all attempts have failed. */
static bool may_go_round(const hark_client *client)
{
        const struct hark_attempts *attempts = &client->attempts;

        return (client->was_open || attempts->is_waiting) && has_candidate(attempts);
}

/* 0; or why there is no attempt any more. */
static int go_on(hark_client *client)
{
        int r = try_round(client);

        if (r == 0)
                return 0;
        client->reason = r;
        if (!may_go_round(client))
                return r;
        start_next_round(client);
        return 0;
}

static void on_next(struct hark_timer *timer)
{
        hark_client *client = hark_container_of(timer, struct hark_client, attempts.next);
        int r = go_on(client);

        if (r < 0)
                hark_client_finish(client, r);
}

/* If an attempt is under way already, the next one comes soon. */
static void on_arrival(struct hark_watch *watch)
{
        hark_client *client = watch->userdata;
        struct hark_attempts *attempts = &client->attempts;

        attempts->has_arrived = true;
        attempts->delay_ms = client->params.retry_min_ms;
        if (client->conn)
                return;
        start_round(attempts, 0);
        schedule(client, 0);
}

/* wait_ms is over. */
static void on_patience(struct hark_timer *timer)
{
        hark_client *client = hark_container_of(timer, struct hark_client, attempts.patience);

        hark_client_stop_trying(client);
        if (client->conn)
                hark_conn_close(client->conn, -ETIMEDOUT);
        else
                hark_client_finish(client, -ETIMEDOUT);
}

int hark_client_start_trying(hark_client *client)
{
        struct hark_attempts *attempts = &client->attempts;
        int wait_ms = client->params.wait_ms, r;

        attempts->delay_ms = client->params.retry_min_ms;
        attempts->is_waiting = wait_ms > 0;
        if (attempts->is_waiting)
                hark_timer_start(client->loop, &attempts->patience, hark_deadline_ns(wait_ms),
                                 on_patience);
        start_round(attempts, 0);
        r = go_on(client);
        if (r < 0)
                hark_client_stop_trying(client);
        return r;
}

void hark_client_note_open(hark_client *client)
{
        struct hark_attempts *attempts = &client->attempts;

        hark_timer_stop(&attempts->patience);
        stop_watches(attempts);
        attempts->is_waiting = attempts->has_arrived = attempts->is_told = false;
        attempts->opened_ns = hark_now_ns();
}

void hark_client_stop_trying(hark_client *client)
{
        struct hark_attempts *attempts = &client->attempts;

        hark_timer_stop(&attempts->patience);
        hark_timer_stop(&attempts->next);
        stop_watches(attempts);
        attempts->is_waiting = false;
        attempts->n_left = 0;
}

static size_t count_addresses(const char *const *addresses)
{
        size_t n = 0;

        while (addresses && addresses[n])
                n++;
        return n;
}

static int add_candidate(struct hark_attempts *attempts, const char *text)
{
        struct hark_candidate *candidate;
        struct hark_address *address;
        int r = hark_address_parse(text, &address, NULL, 0);

        if (r < 0)
                return r;
        candidate = &attempts->candidates[attempts->n_candidates++];
        candidate->address = address;
        if (!address->transport->connect)
                return -EOPNOTSUPP;
        /* Once for all attempts, and not in the middle of a loop. A failure shows when it is
         * tried. */
        if (address->transport->resolve)
                candidate->fault = address->transport->resolve(address);
        return candidate->fault == -ENOMEM ? -ENOMEM : 0;
}

int hark_attempts_init(struct hark_attempts *attempts, const char *first,
                       const char *const *alternatives)
{
        size_t n = count_addresses(alternatives);
        int r;

        attempts->candidates = calloc(n + 1, sizeof(*attempts->candidates));
        if (!attempts->candidates)
                return -ENOMEM;
        r = add_candidate(attempts, first);
        for (size_t i = 0; r == 0 && i < n; i++)
                r = add_candidate(attempts, alternatives[i]);
        return r;
}

void hark_attempts_done(struct hark_attempts *attempts)
{
        for (size_t i = 0; i < attempts->n_candidates; i++)
                hark_address_free(attempts->candidates[i].address);
        free(attempts->candidates);
}
