/* SPDX-License-Identifier: MIT */

/* A client that outlives its server: the service goes away, and comes back or does not. */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "record.h"
#include "tests.h"

#define WAIT_MS 20 /* what is to be waited in vain */

/* What a client was told of its states, in order. */
struct journey {
        struct rig *rig;
        int states[32], reasons[32];
        size_t n;
        struct ending *call; /* to be made when it is connected; NULL: none */
};

static void on_state(hark_client *client, int state, int reason, void *userdata)
{
        struct journey *journey = userdata;

        kit_assert(journey->n < COUNT(journey->states));
        journey->states[journey->n] = state;
        journey->reasons[journey->n++] = reason;
        if (state == HARK_CONNECTED && journey->call)
                kit_assert_good(hark_invoke(client, "echo", HARK_NOTHING, KIT_PATIENCE_MS,
                                            rig_note_end, journey->call, NULL));
}

static bool has_arrived(const struct journey *journey, int state)
{
        return journey->n > 0 && journey->states[journey->n - 1] == state;
}

static struct hark_client_params travel(struct journey *journey)
{
        /* Quick, so that no test has to wait for it. */
        return (struct hark_client_params){
                .on_state = on_state, .userdata = journey, .retry_min_ms = 1, .retry_max_ms = 50};
}

static void start(struct rig *rig, const struct hark_client_params *params)
{
        rig_serve(rig, NULL);
        rig->client = rig_connect(rig, params);
        if (!rig->service && !rig->is_forked)
                rig->pid = (pid_t)strtol(rig_ask(rig, "pid", "%s", ""), NULL, 10);
}

static void need_return(void)
{
        if (!rig_can_come_back())
                fixture_skip("nobody can come again: there is no address to return to");
}

/* The service is away, and none comes by itself. */
static void need_absence(void)
{
        rig_need_address_to_return_to();
}

static void lose(struct rig *rig)
{
        rig_go_away(rig);
        kit_until(rig->loop, hark_client_state(rig->client) != HARK_CONNECTED);
}

/* A service that is here says goodbye. */
static int loss_reason(void)
{
        return setting.is_here ? 0 : -ECONNRESET;
}

/* --- states ----------------------------------------------------------------------------------- */

START_TEST(a_client_comes_back_to_a_server_that_was_restarted)
{
        static const int expected[] = {HARK_CONNECTED, HARK_RETRYING, HARK_CONNECTED};
        struct journey journey = {0};
        struct hark_client_params params = travel(&journey);
        struct rig rig;

        need_return();
        start(&rig, &params);
        ck_assert_str_eq(rig_ask(&rig, "echo", "before"), "before");
        lose(&rig);
        rig_come_back(&rig);
        kit_until(rig.loop, journey.n == COUNT(expected));
        ck_assert_mem_eq(journey.states, expected, sizeof(expected));
        kit_assert_result(journey.reasons[0], 0);
        kit_assert_result(journey.reasons[1], loss_reason());
        kit_assert_result(journey.reasons[2], 0);
        ck_assert_str_eq(rig_ask(&rig, "echo", "after"), "after");
        rig_end(&rig);
}
END_TEST

START_TEST(a_client_comes_back_again_and_again)
{
        struct journey journey = {0};
        struct hark_client_params params = travel(&journey);
        struct rig rig;

        need_absence();
        start(&rig, &params);
        for (int i = 0; i < 5; i++) {
                lose(&rig);
                rig_come_back(&rig);
                kit_until(rig.loop, hark_client_state(rig.client) == HARK_CONNECTED);
                ck_assert_str_eq(rig_ask(&rig, "echo", "back"), "back");
        }
        rig_end(&rig);
}
END_TEST

START_TEST(a_call_made_when_it_is_told_to_be_connected_works)
{
        struct ending call = {0};
        struct journey journey = {0};
        struct hark_client_params params = travel(&journey);
        struct rig rig;

        need_return();
        start(&rig, &params);
        kit_settle(rig.loop);
        journey.call = &call;
        lose(&rig);
        rig_come_back(&rig);
        rig_expect_end(&rig, &call, 0);
        rig_end(&rig);
}
END_TEST

START_TEST(a_one_shot_client_does_not_come_back)
{
        struct journey journey = {0};
        struct hark_client_params params = travel(&journey);
        struct rig rig;

        need_return();
        params.is_one_shot = true;
        start(&rig, &params);
        lose(&rig);
        ck_assert_int_eq(hark_client_state(rig.client), HARK_CLOSED);
        kit_until(rig.loop, has_arrived(&journey, HARK_CLOSED));
        ck_assert_uint_eq(journey.n, 2);
        rig_end(&rig);
}
END_TEST

START_TEST(where_nobody_can_come_again_a_loss_is_the_end)
{
        struct journey journey = {0};
        struct hark_client_params params = travel(&journey);
        struct rig rig;

        if (rig_can_come_back())
                fixture_skip("here a client can come back");
        start(&rig, &params);
        lose(&rig);
        ck_assert_int_eq(hark_client_state(rig.client), HARK_CLOSED);
        rig_end(&rig);
}
END_TEST

/* --- calls ------------------------------------------------------------------------------------ */

START_TEST(without_a_server_nothing_is_sent)
{
        struct journey journey = {0};
        struct hark_client_params params = travel(&journey);
        struct rig rig;

        need_absence();
        start(&rig, &params);
        lose(&rig);
        ck_assert_int_eq(hark_client_state(rig.client), HARK_RETRYING);
        kit_assert_result(hark_call(rig.client, "echo", HARK_NOTHING, 1000, NULL), -ENOTCONN);
        kit_assert_result(hark_send(rig.client, "note", HARK_NOTHING), -ENOTCONN);
        kit_assert_result(hark_publish(rig.client, "a", HARK_NOTHING), -ENOTCONN);
        kit_assert_result(hark_client_flush(rig.client, 1000), -ENOTCONN);
        rig_end(&rig);
}
END_TEST

START_TEST(what_was_asked_before_a_loss_is_not_asked_again)
{
        struct ending kept = {0};
        struct journey journey = {0};
        struct hark_client_params params = travel(&journey);
        struct rig rig;

        need_return();
        params.wait_ms = HARK_FOREVER;
        start(&rig, &params);
        rig_invoke(&rig, "keep", "", &kept);
        ck_assert_int_eq(rig_count(&rig, "kept"), 1);
        lose(&rig);
        /* A service that is here lets go of what it has kept. */
        rig_expect_end(&rig, &kept, setting.is_here ? HARK_NOT_ANSWERED : -ECONNRESET);
        rig_come_back(&rig);
        ck_assert_int_eq(rig_count(&rig, "kept"), 0);
        rig_end(&rig);
}
END_TEST

START_TEST(a_call_waits_for_a_server_in_its_order)
{
        struct ending notes[3] = {{0}};
        struct journey journey = {0};
        struct hark_client_params params = travel(&journey);
        struct rig rig;

        need_absence();
        params.wait_ms = HARK_FOREVER;
        start(&rig, &params);
        lose(&rig);
        rig_invoke(&rig, "note", "one", &notes[0]);
        rig_invoke(&rig, "note", "two", &notes[1]);
        kit_settle(rig.loop);
        rig_come_back(&rig);
        rig_invoke(&rig, "note", "three", &notes[2]);
        for (size_t i = 0; i < COUNT(notes); i++)
                rig_expect_end(&rig, &notes[i], 0);
        ck_assert_str_eq(rig_ask(&rig, "log", "%s", ""), "one;two;three;");
        rig_end(&rig);
}
END_TEST

START_TEST(a_waiting_function_waits_for_a_server)
{
        struct journey journey = {0};
        struct hark_client_params params = travel(&journey);
        struct rig rig;

        if (setting.is_here)
                fixture_skip("a service of the same loop does not answer a function that waits");
        need_return();
        params.wait_ms = HARK_FOREVER;
        start(&rig, &params);
        lose(&rig);
        rig_come_back(&rig);
        kit_assert_good(hark_call(rig.client, "echo", HARK_NOTHING, KIT_PATIENCE_MS, NULL));
        rig_end(&rig);
}
END_TEST

START_TEST(a_call_waits_for_a_server_no_longer_than_it_may)
{
        struct ending by_wait = {0};
        struct journey journey = {0};
        struct hark_client_params params = travel(&journey);
        struct rig rig;

        need_absence();
        params.wait_ms = WAIT_MS;
        start(&rig, &params);
        lose(&rig);
        rig_invoke(&rig, "echo", "", &by_wait);
        kit_assert_result(hark_call(rig.client, "echo", HARK_NOTHING, HARK_FOREVER, NULL),
                          -ENOTCONN);
        rig_expect_end(&rig, &by_wait, -ENOTCONN);
        rig_end(&rig);
}
END_TEST

START_TEST(a_call_waits_for_a_server_no_longer_than_its_deadline)
{
        struct journey journey = {0};
        struct hark_client_params params = travel(&journey);
        struct rig rig;

        need_absence();
        params.wait_ms = HARK_FOREVER;
        start(&rig, &params);
        lose(&rig);
        kit_assert_result(hark_call(rig.client, "echo", HARK_NOTHING, WAIT_MS, NULL), -ENOTCONN);
        rig_end(&rig);
}
END_TEST

START_TEST(calls_that_wait_are_bounded_in_number_and_in_bytes)
{
        struct ending ends[8] = {{0}};
        struct journey journey = {0};
        struct hark_client_params params = travel(&journey);
        struct hark_payload large = {.size = 4000};
        struct rig rig;

        need_absence();
        params.wait_ms = HARK_FOREVER;
        params.limits.calls_in_flight = 3;
        params.limits.queue_size = 4096;
        start(&rig, &params);
        lose(&rig);
        for (int i = 0; i < 3; i++)
                rig_invoke(&rig, "echo", "", &ends[i]);
        kit_assert_result(
                hark_invoke(rig.client, "echo", HARK_NOTHING, 1000, rig_note_end, &ends[3], NULL),
                -EDQUOT);
        rig_drop(&rig, rig.client);
        rig.client = NULL;
        for (int i = 0; i < 3; i++)
                kit_assert_result(ends[i].result, -ECANCELED);
        ck_assert_uint_eq(ends[3].n, 0);
        large.data = calloc(1, large.size);
        params.limits.calls_in_flight = 0;
        rig_come_back(&rig);
        rig.client = rig_connect(&rig, &params);
        lose(&rig);
        kit_assert_good(hark_invoke(rig.client, "echo", large, KIT_PATIENCE_MS, rig_note_end,
                                    &ends[4], NULL));
        kit_assert_result(
                hark_invoke(rig.client, "echo", large, 1000, rig_note_end, &ends[5], NULL),
                -EAGAIN);
        rig_come_back(&rig);
        rig_expect_end(&rig, &ends[4], 0);
        free((void *)(uintptr_t)large.data);
        rig_end(&rig);
}
END_TEST

START_TEST(a_call_that_waits_can_be_cancelled)
{
        struct ending ending = {0};
        struct journey journey = {0};
        struct hark_client_params params = travel(&journey);
        struct rig rig;
        uint64_t id;

        need_absence();
        params.wait_ms = HARK_FOREVER;
        start(&rig, &params);
        lose(&rig);
        id = rig_invoke(&rig, "echo", "", &ending);
        kit_assert_good(hark_cancel(rig.client, id));
        rig_expect_end(&rig, &ending, -ENOTCONN);
        rig_end(&rig);
}
END_TEST

/* --- connecting ------------------------------------------------------------------------------- */

START_TEST(connecting_waits_for_a_server_that_is_not_there_yet)
{
        struct journey journey = {0};
        struct hark_client_params params = travel(&journey);
        struct ending early = {0};
        struct record record = {0};
        hark_client *client = NULL;
        struct rig rig;

        need_absence();
        start(&rig, &rig_one_shot);
        rig_go_away(&rig);
        params.wait_ms = HARK_FOREVER;
        kit_assert_good(rig_begin_connect(&rig, rig.loop, &params, &client));
        kit_assert_good(hark_invoke(client, "echo", HARK_NOTHING, KIT_PATIENCE_MS, rig_note_end,
                                    &early, NULL));
        record_subscribe(&record, client, "a");
        kit_until(rig.loop, journey.n == 1);
        ck_assert_int_eq(journey.states[0], HARK_RETRYING);
        ck_assert(journey.reasons[0] == -ENOENT || journey.reasons[0] == -ECONNREFUSED);
        rig_come_back(&rig);
        rig_expect_end(&rig, &early, 0);
        ck_assert(has_arrived(&journey, HARK_CONNECTED));
        rig.client = client;
        rig_ask(&rig, "publish", "a 2");
        kit_until(rig.loop, record.n_delivered == 2);
        rig.client = NULL;
        hark_client_unref(client);
        rig_end(&rig);
}
END_TEST

START_TEST(connecting_waits_no_longer_than_it_may)
{
        struct journey journey = {0};
        struct hark_client_params params = travel(&journey);
        struct ending early = {0};
        hark_client *client = NULL;
        struct rig rig;

        need_absence();
        start(&rig, &rig_one_shot);
        rig_go_away(&rig);
        params.wait_ms = WAIT_MS;
        kit_assert_result(rig_begin_connect(&rig, NULL, &params, &client), -ETIMEDOUT);
        journey.n = 0;
        kit_assert_good(rig_begin_connect(&rig, rig.loop, &params, &client));
        kit_assert_good(hark_invoke(client, "echo", HARK_NOTHING, KIT_PATIENCE_MS, rig_note_end,
                                    &early, NULL));
        kit_until(rig.loop, has_arrived(&journey, HARK_CLOSED));
        kit_assert_result(journey.reasons[journey.n - 1], -ETIMEDOUT);
        rig_expect_end(&rig, &early, -ENOTCONN);
        hark_client_unref(client);
        rig_end(&rig);
}
END_TEST

START_TEST(who_is_refused_for_good_does_not_wait)
{
        struct wishes wishes = {.accept_status = HARK_PERMISSION_DENIED};
        struct journey journey = {0};
        struct hark_client_params params = travel(&journey);
        hark_client *client = NULL;
        struct rig rig;

        rig_serve(&rig, &wishes);
        params.wait_ms = HARK_FOREVER;
        kit_assert_good(rig_begin_connect(&rig, rig.loop, &params, &client));
        kit_until(rig.loop, has_arrived(&journey, HARK_CLOSED));
        kit_assert_result(journey.reasons[journey.n - 1], -EACCES);
        hark_client_unref(client);
        rig_end(&rig);
}
END_TEST

START_TEST(letting_go_of_a_client_that_is_away_ends_all)
{
        struct ending waiting = {0};
        struct record record = {.may_return = true};
        struct journey journey = {0};
        struct hark_client_params params = travel(&journey);
        struct rig rig;

        need_absence();
        params.wait_ms = HARK_FOREVER;
        start(&rig, &params);
        record_subscribe(&record, rig.client, "a");
        rig_ask(&rig, "publish", "a 1");
        lose(&rig);
        rig_invoke(&rig, "echo", "", &waiting);
        kit_settle(rig.loop);
        rig_drop(&rig, rig.client);
        rig.client = NULL;
        ck_assert_uint_eq(waiting.n, 1);
        kit_assert_result(waiting.result, -ECANCELED);
        ck_assert(record.is_over);
        kit_assert_result(record.reason, -ECANCELED);
        rig_end(&rig);
}
END_TEST

/* --- subscriptions ---------------------------------------------------------------------------- */

static const struct record_entry *find_gap(const struct record *record)
{
        for (size_t i = 0; i < record->n_entries; i++)
                if (record->entries[i].kind == HARK_GAP)
                        return &record->entries[i];
        ck_abort_msg("no gap was told");
        return NULL;
}

START_TEST(a_subscription_outlives_its_server)
{
        struct record record = {.may_return = true};
        struct journey journey = {0};
        struct hark_client_params params = travel(&journey);
        struct rig rig;

        need_return();
        start(&rig, &params);
        record_subscribe(&record, rig.client, "a");
        rig_ask(&rig, "publish", "a 3");
        kit_until(rig.loop, record.n_delivered == 3);
        lose(&rig);
        rig_come_back(&rig);
        kit_until(rig.loop, hark_client_state(rig.client) == HARK_CONNECTED);
        ck_assert_str_eq(rig_ask(&rig, "has_subscribers", "a"), "1");
        rig_ask(&rig, "publish", "a 2");
        kit_until(rig.loop, record.n_delivered == 5);
        ck_assert_uint_eq(record.n_gaps, 1);
        ck_assert_uint_eq(find_gap(&record)->sequence, 4);
        ck_assert_uint_eq(find_gap(&record)->n_lost, UINT64_MAX);
        kit_assert_result(find_gap(&record)->reason,
                          setting.is_here ? HARK_UNAVAILABLE : -ECONNRESET);
        ck_assert(!record.is_over);
        rig_end(&rig);
}
END_TEST

START_TEST(a_loss_is_told_as_a_gap_at_once_and_once)
{
        struct record record = {.may_return = true};
        struct journey journey = {0};
        struct hark_client_params params = travel(&journey);
        struct rig rig;

        if (setting.is_here)
                fixture_skip("a service that is here says goodbye");
        need_absence();
        start(&rig, &params);
        record_subscribe(&record, rig.client, "a");
        rig_ask(&rig, "publish", "a 1");
        lose(&rig);
        kit_until(rig.loop, record.n_gaps == 1);
        rig_come_back(&rig);
        kit_until(rig.loop, hark_client_state(rig.client) == HARK_CONNECTED);
        rig_ask(&rig, "publish", "a 1");
        kit_until(rig.loop, record.n_delivered == 2);
        ck_assert_uint_eq(record.n_gaps, 1);
        rig_end(&rig);
}
END_TEST

/* Callbacks are held back until the client is connected again. */
START_TEST(nothing_of_the_next_connection_overtakes_the_gap)
{
        struct record record = {.may_return = true};
        struct journey journey = {0};
        struct hark_client_params params = travel(&journey);
        struct rig rig;

        if (setting.is_here)
                fixture_skip("a service of the same loop does not answer a function that waits");
        need_return();
        params.wait_ms = HARK_FOREVER;
        start(&rig, &params);
        record_subscribe(&record, rig.client, "a");
        rig_ask(&rig, "publish", "a 5 0 0");
        rig_kill(&rig);
        kit_assert_result(hark_client_flush(rig.client, KIT_PATIENCE_MS), -ECONNRESET);
        rig_come_back(&rig);
        rig_ask(&rig, "publish", "a 3 0 7");
        ck_assert_uint_eq(record.n_entries, 0);
        kit_until(rig.loop, record.n_gaps == 1);
        ck_assert_uint_eq(record.n_delivered, 5);
        ck_assert_uint_eq(journey.n, 3);
        ck_assert_int_eq(journey.states[1], HARK_RETRYING);
        ck_assert_int_eq(journey.states[2], HARK_CONNECTED);
        rig_ask(&rig, "publish", "a 2 0 7");
        kit_until(rig.loop, record.n_delivered == 7);
        rig_end(&rig);
}
END_TEST

START_TEST(a_subscription_made_while_away_stands_on_return)
{
        struct record record = {.may_return = true}, cancelled = {0};
        struct journey journey = {0};
        struct hark_client_params params = travel(&journey);
        struct rig rig;

        need_absence();
        start(&rig, &params);
        lose(&rig);
        record_subscribe(&record, rig.client, "a");
        kit_assert_good(
                hark_unsubscribe(rig.client, record_subscribe(&cancelled, rig.client, "a")));
        kit_until(rig.loop, cancelled.is_over);
        kit_assert_result(cancelled.reason, -ECANCELED);
        rig_come_back(&rig);
        kit_until(rig.loop, hark_client_state(rig.client) == HARK_CONNECTED);
        rig_ask(&rig, "publish", "a 2");
        kit_until(rig.loop, record.n_delivered == 2);
        ck_assert_uint_eq(record.n_gaps, 0);
        ck_assert_uint_eq(cancelled.n_entries, 1);
        rig_end(&rig);
}
END_TEST

START_TEST(a_subscription_can_be_ended_after_a_return)
{
        struct record record = {.may_return = true};
        struct journey journey = {0};
        struct hark_client_params params = travel(&journey);
        struct rig rig;
        uint64_t id;

        need_return();
        start(&rig, &params);
        id = record_subscribe(&record, rig.client, "a");
        rig_ask(&rig, "echo", "x");
        lose(&rig);
        rig_come_back(&rig);
        kit_until(rig.loop, hark_client_state(rig.client) == HARK_CONNECTED);
        kit_assert_good(hark_unsubscribe(rig.client, id));
        kit_until(rig.loop, record.is_over);
        kit_assert_result(record.reason, -ECANCELED);
        ck_assert_str_eq(rig_ask(&rig, "has_subscribers", "a"), "0");
        rig_end(&rig);
}
END_TEST

CHAPTER(test_return, a_client_comes_back_to_a_server_that_was_restarted,
        a_client_comes_back_again_and_again, a_call_made_when_it_is_told_to_be_connected_works,
        a_one_shot_client_does_not_come_back, where_nobody_can_come_again_a_loss_is_the_end,
        without_a_server_nothing_is_sent, what_was_asked_before_a_loss_is_not_asked_again,
        a_call_waits_for_a_server_in_its_order, a_waiting_function_waits_for_a_server,
        a_call_waits_for_a_server_no_longer_than_it_may,
        a_call_waits_for_a_server_no_longer_than_its_deadline,
        calls_that_wait_are_bounded_in_number_and_in_bytes, a_call_that_waits_can_be_cancelled,
        connecting_waits_for_a_server_that_is_not_there_yet, connecting_waits_no_longer_than_it_may,
        who_is_refused_for_good_does_not_wait, letting_go_of_a_client_that_is_away_ends_all,
        a_subscription_outlives_its_server, a_loss_is_told_as_a_gap_at_once_and_once,
        nothing_of_the_next_connection_overtakes_the_gap,
        a_subscription_made_while_away_stands_on_return, a_subscription_can_be_ended_after_a_return)
