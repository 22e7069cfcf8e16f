/* SPDX-License-Identifier: MIT */

/* udp: where a fifth of all datagrams is lost, a fifth overtaken by others, and some come twice. */

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>

#include "relay.h"
#include "somewhere.h"

#define N_CALLS  400
#define N_TOLD   5000
#define N_IN_ROW 50 /* as many are published at once */
#define N_KEPT   200

/* What the server has done, in memory that both processes see. */
struct deeds {
        unsigned n_run[2 * N_CALLS];
};

struct party {
        pid_t server;
        struct relay relay;
        hark_loop *loop;
        hark_client *client;
        unsigned n_ended[2 * N_CALLS], n_over, n_good;
};

static struct deeds *deeds;

/* --- the server ------------------------------------------------------------------------------- */

/* Runs a call that has its number in front, and gives it back. */
static void run_once(hark_request *request, void *userdata)
{
        struct hark_payload payload = hark_message_payload(hark_request_message(request));
        unsigned number;

        (void)userdata;
        memcpy(&number, payload.data, sizeof(number));
        deeds->n_run[number]++;
        hark_reply(request, payload);
}

/* What it publishes, some at a time, from when it is asked to. */
struct series {
        hark_loop *loop;
        hark_server *server;
        unsigned n, n_all;
        uint64_t timer;
        bool is_kept;
};

static void publish_some(void *userdata)
{
        struct series *series = userdata;

        for (unsigned i = 0; i < N_IN_ROW && series->n < series->n_all; i++) {
                struct hark_payload payload = {.data = &series->n, .size = sizeof(series->n)};

                payload.retain = series->is_kept ? HARK_RETAIN : 0;
                series->n++;
                ck_assert_int_eq(hark_server_publish(series->server, "count", payload), 0);
        }
        if (series->n == series->n_all)
                ck_assert_int_eq(hark_loop_remove(series->loop, series->timer), 0);
}

static void begin_series(hark_request *request, void *userdata)
{
        struct hark_payload payload = hark_message_payload(hark_request_message(request));
        struct series *series = userdata;

        series->is_kept = payload.size > 0;
        series->n = 0;
        series->n_all = series->is_kept ? N_KEPT : N_TOLD;
        ck_assert_int_eq(
                hark_loop_add_timer(series->loop, 1, 1, publish_some, series, &series->timer), 0);
        hark_reply(request, HARK_NOTHING);
}

static int serve(void *userdata)
{
        const int *ready = userdata;
        struct series series = {.n = 0};

        ck_assert_int_eq(hark_loop_new(&series.loop), 0);
        ck_assert_int_eq(hark_server_new(series.loop, NULL, &series.server), 0);
        ck_assert_int_eq(hark_server_handle(series.server, "run", run_once, NULL), 0);
        ck_assert_int_eq(hark_server_handle(series.server, "begin", begin_series, &series), 0);
        somewhere_listen(series.server);
        somewhere_say_ready(*ready);
        return hark_loop_run(series.loop);
}

/* --- the party -------------------------------------------------------------------------------- */

static void begin(struct party *party)
{
        struct relay_params params = {.loss = 20, .doubling = 5, .delay = 20};
        struct hark_client_params patient = {.wait_ms = HARK_FOREVER};

        *party = (struct party){.n_over = 0};
        given_address = "udp:127.0.0.1:0";
        deeds = mmap(NULL, sizeof(*deeds), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
                     0);
        ck_assert_ptr_ne(deeds, MAP_FAILED);
        party->server = somewhere_start(serve);
        params.server = somewhere();
        relay_start(&party->relay, &params);
        ck_assert_int_eq(hark_loop_new(&party->loop), 0);
        ck_assert_int_eq(hark_connect(party->loop, party->relay.address, &patient, &party->client),
                         0);
}

static void end(struct party *party)
{
        const struct relay_counts *counts = party->relay.counts;

        ck_assert_uint_gt(counts->n_lost, 0);
        ck_assert_uint_gt(counts->n_doubled, 0);
        ck_assert_uint_gt(counts->n_delayed, 0);
        hark_client_unref(party->client);
        hark_loop_unref(party->loop);
        relay_stop(&party->relay);
        ck_assert_int_eq(kill(party->server, SIGKILL), 0);
        (void)fixture_wait_exit(party->server);
        munmap(deeds, sizeof(*deeds));
}

/* --- calls ------------------------------------------------------------------------------------ */

struct call {
        struct party *party;
        unsigned number;
        size_t size;
};

static void on_reply(int result, hark_message *reply, void *userdata)
{
        struct call *call = userdata;
        struct party *party = call->party;

        party->n_ended[call->number]++;
        party->n_over++;
        if (result == 0) {
                party->n_good++;
                ck_assert_uint_eq(hark_message_payload(reply).size, call->size);
        } else {
                ck_assert_msg(result == -ETIMEDOUT || result == -ENOTCONN, "%s",
                              hark_reason(result, reply));
        }
        free(call);
}

static void ask(struct party *party, unsigned number, size_t size, int timeout_ms)
{
        struct call *call = malloc(sizeof(*call));
        uint8_t *bytes = calloc(1, size);
        struct hark_payload payload = {.data = bytes, .size = size};

        ck_assert_ptr_nonnull(call);
        ck_assert_ptr_nonnull(bytes);
        *call = (struct call){party, number, size};
        memcpy(bytes, &number, sizeof(number));
        ck_assert_int_eq(
                hark_invoke(party->client, "run", payload, timeout_ms, on_reply, call, NULL), 0);
        free(bytes);
}

static size_t some_size(void)
{
        return sizeof(unsigned) + somewhere_random(1u << somewhere_random(17));
}

START_TEST(every_call_ends_once_and_runs_at_most_once)
{
        struct party party;

        begin(&party);
        for (unsigned i = 0; i < N_CALLS; i++) {
                ask(&party, 2 * i, some_size(), PATIENCE_MS);
                /* Some end before their answers are here. */
                ask(&party, 2 * i + 1, some_size(), 1 + (int)somewhere_random(100));
                run_until(party.loop, party.n_over + 8 > 2 * i);
        }
        run_until(party.loop, party.n_over == 2 * N_CALLS);
        /* What came late must not run then either. */
        ck_assert_int_eq(hark_client_flush(party.client, PATIENCE_MS), 0);
        for (unsigned i = 0; i < 2 * N_CALLS; i++) {
                ck_assert_uint_eq(party.n_ended[i], 1);
                ck_assert_uint_le(deeds->n_run[i], 1);
                if (i % 2 == 0)
                        ck_assert_uint_eq(deeds->n_run[i], 1);
        }
        ck_assert_uint_ge(party.n_good, N_CALLS);
        end(&party);
}
END_TEST

/* --- notifications ---------------------------------------------------------------------------- */

struct listener {
        unsigned n_delivered, next;
        uint64_t n_lost_on_the_way, n_dropped;
        uint64_t sequence;
        bool is_current;
};

static void on_notification(const struct hark_notification *notification, void *userdata)
{
        struct listener *listener = userdata;
        unsigned number;

        switch (notification->kind) {
        case HARK_NOTIFICATION:
                ck_assert_uint_gt(notification->sequence, listener->sequence);
                memcpy(&number, hark_message_payload(notification->message).data, sizeof(number));
                ck_assert_uint_ge(number, listener->next);
                /* What is missing has been told before. */
                ck_assert_uint_eq(notification->sequence - 1, listener->n_delivered +
                                                                      listener->n_lost_on_the_way +
                                                                      listener->n_dropped);
                ck_assert_uint_eq(number, notification->sequence);
                listener->sequence = notification->sequence;
                listener->next = number + 1;
                listener->n_delivered++;
                break;
        case HARK_GAP:
                ck_assert_uint_ne(notification->n_lost, UINT64_MAX);
                if (notification->reason == -ECOMM)
                        listener->n_lost_on_the_way += notification->n_lost;
                else
                        listener->n_dropped += notification->n_lost;
                break;
        case HARK_CURRENT:
                listener->is_current = true;
                break;
        default:
                break;
        }
}

static uint64_t n_known(const struct listener *listener)
{
        return listener->n_delivered + listener->n_lost_on_the_way + listener->n_dropped;
}

START_TEST(what_arrived_and_what_was_told_as_lost_is_all_there_was)
{
        struct listener listener = {.n_delivered = 0};
        struct party party;

        begin(&party);
        ck_assert_int_eq(
                hark_subscribe(party.client, "count", on_notification, &listener, NULL, NULL), 0);
        ck_assert_int_eq(hark_call(party.client, "begin", HARK_NOTHING, PATIENCE_MS, NULL), 0);
        run_until(party.loop, n_known(&listener) >= N_TOLD);
        ck_assert_int_eq(hark_client_flush(party.client, PATIENCE_MS), 0);
        ck_assert_uint_eq(n_known(&listener), N_TOLD);
        ck_assert_uint_gt(listener.n_lost_on_the_way, 0);
        ck_assert_uint_gt(listener.n_delivered, 0);
        end(&party);
}
END_TEST

START_TEST(a_value_that_is_kept_is_not_lost_on_the_way)
{
        struct hark_subscribe_params params = {.wants_retained = true};
        struct listener listener = {.n_delivered = 0};
        struct party party;

        begin(&party);
        ck_assert_int_eq(
                hark_subscribe(party.client, "count", on_notification, &listener, &params, NULL),
                0);
        run_until(party.loop, listener.is_current);
        ck_assert_int_eq(hark_call(party.client, "begin", hark_text("kept"), PATIENCE_MS, NULL), 0);
        run_until(party.loop, n_known(&listener) >= N_KEPT);
        ck_assert_uint_eq(listener.n_lost_on_the_way, 0);
        ck_assert_uint_eq(listener.next, N_KEPT + 1);
        end(&party);
}
END_TEST

FIXTURE_MAIN("lossy", every_call_ends_once_and_runs_at_most_once,
             what_arrived_and_what_was_told_as_lost_is_all_there_was,
             a_value_that_is_kept_is_not_lost_on_the_way)
