/* SPDX-License-Identifier: MIT */

/* A server that goes in good order. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "record.h"
#include "tests.h"

/* A server of the test's own on the rig's loop, which drains. */
struct inn {
        struct rig rig;
        hark_server *server;
        hark_request *kept;
        int cancelled; /* why the kept one ended without an answer */
        unsigned n_handled, n_left, n_drained;
        unsigned n_left_when_drained;
        int result;
};

static void on_cancel(hark_request *request, int reason, void *userdata)
{
        struct inn *inn = userdata;

        (void)request;
        inn->cancelled = reason;
}

static void keep(hark_request *request, void *userdata)
{
        struct hark_request_events events = {.on_cancel = on_cancel};
        struct inn *inn = userdata;

        inn->n_handled++;
        inn->kept = hark_request_ref(request);
        kit_assert_good(hark_request_watch(request, &events, inn));
}

static void echo(hark_request *request, void *userdata)
{
        ((struct inn *)userdata)->n_handled++;
        hark_reply(request, hark_message_payload(hark_request_message(request)));
}

static void on_leave(hark_peer *peer, int reason, void *userdata)
{
        struct inn *inn = userdata;

        (void)reason;
        /* Not the spare pipes of a server, of which nobody ever says a word. */
        inn->n_left += hark_peer_credentials(peer)->claimed_name[0] != '\0';
}

static void on_drained(int result, void *userdata)
{
        struct inn *inn = userdata;

        inn->n_drained++;
        inn->n_left_when_drained = inn->n_left;
        inn->result = result;
}

/* They go where their server goes. */
static const struct hark_client_params params_of_clients = {.is_one_shot = true};

static void open_inn(struct inn *inn)
{
        struct hark_server_params params = {.on_leave = on_leave, .userdata = inn, .is_hub = true};

        *inn = (struct inn){.n_left = 0};
        rig_prepare(&inn->rig);
        kit_assert_good(hark_server_new(inn->rig.loop, &params, &inn->server));
        kit_assert_good(hark_server_handle(inn->server, "keep", keep, inn));
        kit_assert_good(hark_server_handle(inn->server, "echo", echo, inn));
        rig_listen(&inn->rig, inn->server);
        inn->rig.client = rig_connect(&inn->rig, &params_of_clients);
}

static void close_inn(struct inn *inn)
{
        hark_request_unref(inn->kept);
        hark_server_unref(inn->server);
        rig_end(&inn->rig);
}

static void drain(struct inn *inn, int timeout_ms)
{
        kit_assert_good(hark_server_drain(inn->server, timeout_ms, on_drained, inn));
        ck_assert_uint_eq(inn->n_drained, 0);
}

static void expect_drained(struct inn *inn, int result)
{
        kit_until(inn->rig.loop, inn->n_drained > 0);
        kit_settle(inn->rig.loop);
        ck_assert_uint_eq(inn->n_drained, 1);
        kit_assert_result(inn->result, result);
}

/* What a stream brought. */
struct flow {
        unsigned n_items, n_ends;
        int result;
};

static void note_item(int result, hark_message *message, void *userdata)
{
        struct flow *flow = userdata;

        (void)message;
        if (result == HARK_MORE) {
                flow->n_items++;
                return;
        }
        flow->n_ends++;
        flow->result = result;
}

START_TEST(calls_in_flight_are_answered_and_new_ones_never_sent)
{
        struct ending kept = {0}, late = {0};
        struct inn inn;

        open_inn(&inn);
        rig_invoke(&inn.rig, "keep", "", &kept);
        kit_until(inn.rig.loop, inn.kept != NULL);
        drain(&inn, KIT_PATIENCE_MS);
        rig_invoke(&inn.rig, "echo", "late", &late);
        rig_expect_end(&inn.rig, &late, -ENOTCONN);
        kit_assert_result(
                hark_invoke(inn.rig.client, "echo", HARK_NOTHING, 1000, rig_note_end, &late, NULL),
                -ENOTCONN);
        ck_assert_uint_eq(kept.n, 0);
        ck_assert_uint_eq(inn.n_drained, 0);
        kit_assert_good(hark_reply(inn.kept, hark_text("done")));
        rig_expect_end(&inn.rig, &kept, 0);
        ck_assert_str_eq(kept.text, "done");
        expect_drained(&inn, 0);
        ck_assert_uint_eq(inn.n_handled, 1);
        ck_assert_uint_eq(inn.n_left_when_drained, 1);
        kit_until(inn.rig.loop, hark_client_state(inn.rig.client) == HARK_CLOSED);
        close_inn(&inn);
}
END_TEST

/* A stream goes on behind the goodbye, until its handler ends it. */
START_TEST(a_stream_is_finished)
{
        struct flow flow = {.n_items = 0};
        struct inn inn;

        open_inn(&inn);
        kit_assert_good(hark_observe(inn.rig.client, "keep", HARK_NOTHING, KIT_PATIENCE_MS,
                                     note_item, &flow, NULL));
        kit_until(inn.rig.loop, inn.kept != NULL);
        drain(&inn, KIT_PATIENCE_MS);
        for (unsigned i = 1; i <= 50; i++) {
                kit_assert_good(hark_push(inn.kept, hark_text("item")));
                kit_until(inn.rig.loop, flow.n_items == i);
        }
        ck_assert_uint_eq(inn.n_drained + flow.n_ends, 0);
        kit_assert_good(hark_reply(inn.kept, HARK_NOTHING));
        kit_until(inn.rig.loop, flow.n_ends == 1);
        kit_assert_good(flow.result);
        expect_drained(&inn, 0);
        close_inn(&inn);
}
END_TEST

/* None of them is in doubt, wherever the goodbye overtakes them. */
START_TEST(a_call_is_answered_or_was_never_sent)
{
        static struct ending endings[200];
        unsigned n_answered = 0;
        struct inn inn;

        open_inn(&inn);
        for (size_t i = 0; i < COUNT(endings); i++) {
                if (i == COUNT(endings) / 2) {
                        kit_step(inn.rig.loop, kit_now_ms());
                        kit_step(inn.rig.loop, kit_now_ms());
                        drain(&inn, KIT_PATIENCE_MS);
                }
                rig_invoke(&inn.rig, "echo", "x", &endings[i]);
        }
        expect_drained(&inn, 0);
        for (size_t i = 0; i < COUNT(endings); i++) {
                kit_until(inn.rig.loop, endings[i].n == 1);
                if (endings[i].result == 0)
                        n_answered++;
                else
                        kit_assert_result(endings[i].result, -ENOTCONN);
        }
        ck_assert_uint_eq(n_answered, inn.n_handled);
        close_inn(&inn);
}
END_TEST

START_TEST(what_was_published_before_arrives)
{
        struct record record = {0};
        struct inn inn;

        open_inn(&inn);
        record_subscribe(&record, inn.rig.client, "a");
        kit_until(inn.rig.loop, hark_server_has_subscribers(inn.server, "a"));
        for (int i = 0; i < 500; i++)
                kit_assert_good(hark_server_publish(inn.server, "a", hark_text("x")));
        drain(&inn, KIT_PATIENCE_MS);
        ck_assert(!hark_server_has_subscribers(inn.server, "a"));
        kit_assert_good(hark_server_publish(inn.server, "a", hark_text("too late")));
        expect_drained(&inn, 0);
        kit_until(inn.rig.loop, record.is_over);
        kit_assert_result(record.reason, HARK_UNAVAILABLE);
        ck_assert_uint_eq(record_total(&record), 500);
        ck_assert(!record.lost_the_rest);
        close_inn(&inn);
}
END_TEST

/* A member is given 16 at a time: most of them come behind the goodbye. */
START_TEST(what_waits_in_a_group_is_given_to_its_members)
{
        struct hark_subscribe_params params = {.group = "workers"};
        struct record record = {0};
        struct inn inn;

        open_inn(&inn);
        kit_assert_good(
                hark_subscribe(inn.rig.client, "a", record_notification, &record, &params, NULL));
        kit_until(inn.rig.loop, hark_server_has_subscribers(inn.server, "a"));
        for (int i = 0; i < 100; i++)
                kit_assert_good(hark_server_publish(inn.server, "a", hark_text("x")));
        drain(&inn, KIT_PATIENCE_MS);
        expect_drained(&inn, 0);
        ck_assert_uint_eq(record.n_delivered, 100);
        close_inn(&inn);
}
END_TEST

START_TEST(what_is_not_done_in_time_is_cut_off)
{
        struct ending kept = {0};
        struct inn inn;

        open_inn(&inn);
        rig_invoke(&inn.rig, "keep", "", &kept);
        kit_until(inn.rig.loop, inn.kept != NULL);
        drain(&inn, 1);
        rig_expect_end(&inn.rig, &kept, -ECONNRESET);
        expect_drained(&inn, -ETIMEDOUT);
        kit_assert_result(inn.cancelled, -ECANCELED);
        ck_assert_uint_eq(inn.n_left_when_drained, 1);
        close_inn(&inn);
}
END_TEST

START_TEST(letting_go_ends_the_draining)
{
        struct ending kept = {0};
        struct inn inn;

        open_inn(&inn);
        rig_invoke(&inn.rig, "keep", "", &kept);
        kit_until(inn.rig.loop, inn.kept != NULL);
        drain(&inn, KIT_PATIENCE_MS);
        kit_assert_result(hark_server_drain(inn.server, 0, on_drained, &inn), -EALREADY);
        inn.server = hark_server_unref(inn.server);
        ck_assert_uint_eq(inn.n_drained, 1);
        kit_assert_result(inn.result, -ECANCELED);
        kit_assert_result(inn.cancelled, -ECANCELED);
        rig_expect_end(&inn.rig, &kept, -ECONNRESET);
        close_inn(&inn);
}
END_TEST

START_TEST(another_server_takes_the_address_at_once)
{
        struct ending kept = {0}, second = {0};
        hark_server *successor = NULL;
        hark_client *client = NULL;
        struct inn inn;

        rig_need_address_to_return_to();
        open_inn(&inn);
        rig_invoke(&inn.rig, "keep", "", &kept);
        kit_until(inn.rig.loop, inn.kept != NULL);
        drain(&inn, KIT_PATIENCE_MS);
        ck_assert_ptr_null(hark_server_address(inn.server, 0));
        kit_assert_result(hark_server_listen(inn.server, inn.rig.address), -ESHUTDOWN);
        kit_assert_good(hark_server_new(inn.rig.loop, NULL, &successor));
        kit_assert_good(hark_server_handle(successor, "echo", echo, &inn));
        kit_assert_good(hark_server_listen(successor, inn.rig.address));
        kit_assert_good(hark_connect(inn.rig.loop, inn.rig.address, NULL, &client));
        kit_assert_good(hark_invoke(client, "echo", hark_text("next"), KIT_PATIENCE_MS,
                                    rig_note_end, &second, NULL));
        rig_expect_end(&inn.rig, &second, 0);
        kit_assert_good(hark_reply(inn.kept, HARK_NOTHING));
        rig_expect_end(&inn.rig, &kept, 0);
        expect_drained(&inn, 0);
        hark_client_unref(client);
        hark_server_unref(successor);
        close_inn(&inn);
}
END_TEST

START_TEST(a_server_without_clients_drains_at_once)
{
        struct inn inn = {.n_left = 0};

        rig_prepare(&inn.rig);
        kit_assert_good(hark_server_new(inn.rig.loop, NULL, &inn.server));
        rig_listen(&inn.rig, inn.server);
        drain(&inn, KIT_PATIENCE_MS);
        expect_drained(&inn, 0);
        close_inn(&inn);
}
END_TEST

/* --- both ways -------------------------------------------------------------------------------- */

static void answer_twice(hark_request *request, void *userdata)
{
        (void)userdata;
        hark_reply(request, hark_text("from the client"));
}

/* The handler asks the client back before it answers: behind the goodbye, too. */
static void pass_on(int result, hark_message *message, void *userdata)
{
        struct inn *inn = userdata;

        kit_assert_good(result);
        kit_assert_good(hark_reply(inn->kept, hark_message_payload(message)));
}

START_TEST(a_handler_may_ask_its_client_before_it_answers)
{
        struct hark_client_params params = {.name = "both", .is_one_shot = true};
        hark_server *serves = NULL;
        struct ending kept = {0};
        struct inn inn;

        open_inn(&inn);
        kit_assert_good(hark_server_new(inn.rig.loop, NULL, &serves));
        kit_assert_good(hark_server_handle(serves, "ask", answer_twice, NULL));
        params.serves = serves;
        inn.rig.client = rig_connect(&inn.rig, &params);
        rig_invoke(&inn.rig, "keep", "", &kept);
        kit_until(inn.rig.loop, inn.kept != NULL);
        drain(&inn, KIT_PATIENCE_MS);
        kit_settle(inn.rig.loop);
        kit_assert_good(hark_invoke(hark_peer_client(hark_request_peer(inn.kept)), "ask",
                                    HARK_NOTHING, KIT_PATIENCE_MS, pass_on, &inn, NULL));
        rig_expect_end(&inn.rig, &kept, 0);
        ck_assert_str_eq(kept.text, "from the client");
        expect_drained(&inn, 0);
        hark_server_unref(serves);
        close_inn(&inn);
}
END_TEST

static void note_answer(int result, hark_message *message, void *userdata)
{
        (void)message;
        kit_assert_good(result);
        ++*(unsigned *)userdata;
}

static void ask_back(hark_request *request, void *userdata)
{
        kit_assert_good(hark_invoke(hark_peer_client(hark_request_peer(request)), "keep",
                                    HARK_NOTHING, KIT_PATIENCE_MS, note_answer, userdata, NULL));
        hark_reply(request, HARK_NOTHING);
}

START_TEST(what_the_server_asks_is_waited_for)
{
        struct hark_client_params params = {.name = "both", .is_one_shot = true};
        struct inn inn, own = {.n_left = 0};
        struct ending asked = {0};
        unsigned n_answers = 0;

        open_inn(&inn);
        kit_assert_good(hark_server_handle(inn.server, "ask", ask_back, &n_answers));
        kit_assert_good(hark_server_new(inn.rig.loop, NULL, &own.server));
        kit_assert_good(hark_server_handle(own.server, "keep", keep, &own));
        params.serves = own.server;
        inn.rig.client = rig_connect(&inn.rig, &params);
        rig_invoke(&inn.rig, "ask", "", &asked);
        rig_expect_end(&inn.rig, &asked, 0);
        kit_until(inn.rig.loop, own.kept != NULL);
        drain(&inn, KIT_PATIENCE_MS);
        kit_settle(inn.rig.loop);
        ck_assert_uint_eq(inn.n_drained, 0);
        kit_assert_good(hark_reply(own.kept, HARK_NOTHING));
        expect_drained(&inn, 0);
        ck_assert_uint_eq(n_answers, 1);
        hark_request_unref(own.kept);
        hark_server_unref(own.server);
        close_inn(&inn);
}
END_TEST

/* What the client serves drains; the connection is the client's, and goes on. */
START_TEST(what_a_client_serves_may_drain_alone)
{
        struct hark_client_params params = {.name = "both", .is_one_shot = true};
        struct inn inn, own = {.n_left = 0};
        struct ending there = {0};

        open_inn(&inn);
        kit_assert_good(hark_server_new(inn.rig.loop, NULL, &own.server));
        params.serves = own.server;
        inn.rig.client = rig_connect(&inn.rig, &params);
        own.rig.loop = inn.rig.loop;
        drain(&own, KIT_PATIENCE_MS);
        expect_drained(&own, 0);
        rig_invoke(&inn.rig, "echo", "still here", &there);
        rig_expect_end(&inn.rig, &there, 0);
        ck_assert_str_eq(there.text, "still here");
        hark_server_unref(own.server);
        close_inn(&inn);
}
END_TEST

static void count_kinds(const struct hark_notification *n, void *userdata)
{
        ((unsigned *)userdata)[n->kind]++;
}

/* The goodbye has ended the count: nothing is published behind it. */
START_TEST(values_of_who_leaves_meanwhile_are_not_withdrawn)
{
        struct hark_subscribe_params params = {.wants_retained = true};
        struct hark_payload live = hark_text("1");
        unsigned n_told[HARK_UNSUBSCRIBED + 1] = {0};
        struct ending kept = {0};
        hark_client *publisher;
        struct inn inn;

        rig_need_several_clients();
        open_inn(&inn);
        publisher = rig_connect(&inn.rig, &params_of_clients);
        rig_invoke(&inn.rig, "keep", "", &kept);
        kit_assert_good(hark_subscribe(inn.rig.client, "a", count_kinds, n_told, &params, NULL));
        live.retain = HARK_RETAIN_LIVE;
        kit_assert_good(hark_publish(publisher, "a", live));
        kit_until(inn.rig.loop, n_told[HARK_NOTIFICATION] == 1 && inn.kept);
        drain(&inn, KIT_PATIENCE_MS);
        rig_drop(&inn.rig, publisher);
        kit_until(inn.rig.loop, inn.n_left == 1);
        kit_assert_good(hark_reply(inn.kept, HARK_NOTHING));
        expect_drained(&inn, 0);
        kit_until(inn.rig.loop, n_told[HARK_UNSUBSCRIBED] == 1);
        ck_assert_uint_eq(n_told[HARK_WITHDRAWN], 0);
        close_inn(&inn);
}
END_TEST

CHAPTER(test_drain, values_of_who_leaves_meanwhile_are_not_withdrawn,
        calls_in_flight_are_answered_and_new_ones_never_sent, a_stream_is_finished,
        a_call_is_answered_or_was_never_sent, what_was_published_before_arrives,
        what_waits_in_a_group_is_given_to_its_members, what_is_not_done_in_time_is_cut_off,
        letting_go_ends_the_draining, another_server_takes_the_address_at_once,
        a_server_without_clients_drains_at_once, a_handler_may_ask_its_client_before_it_answers,
        what_the_server_asks_is_waited_for, what_a_client_serves_may_drain_alone)
