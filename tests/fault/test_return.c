/* SPDX-License-Identifier: MIT */

/* A client that loses its server and finds the next one, while memory or descriptors run out. */

#include "fixture.h"

#include <hark/hark.h>
#include <stdio.h>

#include "faults.h"

#define PATIENCE_MS 10000
#define N_CALLS     3

struct ending {
        bool has_begun;
        unsigned n;
};

struct stage {
        hark_loop *loop;
        hark_server *server;
        hark_client *client;
        struct ending calls[N_CALLS], subscription;
        unsigned n_notes, n_gaps, n_late;
        char address[256];
};

static void answer(hark_request *request, void *userdata)
{
        (void)userdata;
        hark_reply(request, HARK_NOTHING);
}

static void on_reply(int result, hark_message *message, void *userdata)
{
        struct ending *ending = userdata;

        (void)result;
        (void)message;
        ending->n++;
}

static void on_notification(const struct hark_notification *notification, void *userdata)
{
        struct stage *stage = userdata;

        stage->n_late += stage->subscription.n > 0; /* to assert something takes memory */
        stage->n_notes += notification->kind == HARK_NOTIFICATION;
        stage->n_gaps += notification->kind == HARK_GAP;
        stage->subscription.n += notification->kind == HARK_UNSUBSCRIBED;
}

static void serve(struct stage *stage)
{
        ck_assert_int_eq(hark_server_new(stage->loop, NULL, &stage->server), 0);
        ck_assert_int_eq(hark_server_handle(stage->server, "now", answer, NULL), 0);
        ck_assert_int_eq(hark_server_listen(stage->server, stage->address), 0);
}

static void step_until_connected(struct stage *stage)
{
        while (hark_client_state(stage->client) != HARK_CONNECTED)
                ck_assert_int_eq(hark_loop_process(stage->loop, PATIENCE_MS), 0);
}

static void ask(struct stage *stage, unsigned i, bool is_idempotent)
{
        struct hark_payload payload = hark_text("x");

        payload.is_idempotent = is_idempotent;
        stage->calls[i].has_begun = hark_invoke(stage->client, "now", payload, PATIENCE_MS,
                                                on_reply, &stage->calls[i], NULL) == 0;
}

static void begin(struct stage *stage)
{
        struct hark_client_params params = {.wait_ms = HARK_FOREVER,
                                            .outbox_size = 65536,
                                            .retry_min_ms = 1,
                                            .retry_max_ms = 2};

        *stage = (struct stage){.loop = NULL};
        snprintf(stage->address, sizeof(stage->address), "unix:%s", fixture_path("server"));
        ck_assert_int_eq(hark_loop_new(&stage->loop), 0);
        serve(stage);
        ck_assert_int_eq(hark_connect(stage->loop, stage->address, &params, &stage->client), 0);
        step_until_connected(stage);
        ck_assert_int_eq(hark_subscribe(stage->client, "a", on_notification, stage, NULL, NULL), 0);
        stage->subscription.has_begun = true;
        ask(stage, 0, false);
        while (stage->calls[0].n == 0)
                ck_assert_int_eq(hark_loop_process(stage->loop, PATIENCE_MS), 0);
}

/* The client hears of the goodbye only while faults are armed. */
static void change_servers(struct stage *stage)
{
        stage->server = hark_server_unref(stage->server);
        serve(stage);
}

/* Steps are bounded, because with a fault nothing may happen for long; the loop itself may fail. */
static unsigned return_with_faults(struct stage *stage, enum fault fault, unsigned n)
{
        faults_arm(fault, n);
        ask(stage, 1, true);
        ask(stage, 2, false);
        (void)hark_send(stage->client, "now", HARK_NOTHING);
        for (int i = 0; i < 30 && stage->calls[1].n == 0; i++)
                (void)hark_loop_process(stage->loop, 2);
        return faults_disarm();
}

static bool is_over(const struct ending *ending)
{
        return ending->n > 0 || !ending->has_begun;
}

/* Stands again, with a gap that says so, or has ended. */
static void expect_subscription(struct stage *stage)
{
        while (stage->n_notes == 0 && stage->subscription.n == 0) {
                ck_assert_int_eq(hark_server_publish(stage->server, "a", HARK_NOTHING), 0);
                ck_assert_int_eq(hark_loop_process(stage->loop, 5), 0);
        }
        ck_assert(stage->n_gaps == 1 || stage->subscription.n == 1);
}

static void end(struct stage *stage)
{
        step_until_connected(stage);
        while (!is_over(&stage->calls[1]) || !is_over(&stage->calls[2]))
                ck_assert_int_eq(hark_loop_process(stage->loop, PATIENCE_MS), 0);
        expect_subscription(stage);
        hark_client_unref(stage->client);
        for (unsigned i = 0; i < N_CALLS; i++)
                ck_assert_uint_eq(stage->calls[i].n, stage->calls[i].has_begun);
        ck_assert_uint_eq(stage->subscription.n, 1);
        ck_assert_uint_eq(stage->n_late, 0);
        hark_server_unref(stage->server);
        hark_loop_unref(stage->loop);
}

static void let_each_fail(enum fault fault)
{
        unsigned n_hit = 1;

        for (unsigned n = 0; n_hit > 0; n++) {
                struct stage stage;

                ck_assert_uint_lt(n, 1000);
                begin(&stage);
                change_servers(&stage);
                n_hit = return_with_faults(&stage, fault, n);
                end(&stage);
        }
}

START_TEST(a_client_returns_although_memory_runs_out)
{
        let_each_fail(FAULT_MEMORY);
}
END_TEST

START_TEST(a_client_returns_although_descriptors_run_out)
{
        let_each_fail(FAULT_DESCRIPTORS);
}
END_TEST

START_TEST(a_client_returns_although_reads_and_writes_are_cut_short)
{
        let_each_fail(FAULT_SHORT);
}
END_TEST

FIXTURE_MAIN("return", a_client_returns_although_memory_runs_out,
             a_client_returns_although_descriptors_run_out,
             a_client_returns_although_reads_and_writes_are_cut_short)
