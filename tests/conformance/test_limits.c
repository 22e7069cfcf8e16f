/* SPDX-License-Identifier: MIT */

/* Limits: each is reached, says so by its own result, and only who reached it pays. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "record.h"
#include "tests.h"

/* What a client is told besides answers. */
struct told {
        unsigned n_refused, n_room, n_connected, n_closed;
        int status, reason;
};

static void on_refused(hark_client *client, const char *name, int status,
                       const hark_message *message, void *userdata)
{
        struct told *told = userdata;

        (void)client, (void)name, (void)message;
        told->n_refused++;
        told->status = status;
}

static void on_room(hark_client *client, void *userdata)
{
        (void)client;
        ((struct told *)userdata)->n_room++;
}

static void on_state(hark_client *client, int state, int reason, void *userdata)
{
        struct told *told = userdata;

        (void)client;
        told->n_connected += state == HARK_CONNECTED;
        told->n_closed += state == HARK_CLOSED;
        told->reason = reason;
}

static struct hark_client_params tell(struct told *told)
{
        return (struct hark_client_params){.on_state = on_state,
                                           .on_room = on_room,
                                           .on_refused = on_refused,
                                           .userdata = told};
}

/* --- calls ------------------------------------------------------------------------------------ */

START_TEST(more_calls_in_flight_than_the_service_takes_are_not_sent)
{
        struct wishes wishes = {.limits = {.calls_in_flight = 4}};
        struct ending endings[4] = {{0}}, more = {0};
        struct told told = {0};
        struct hark_client_params params = tell(&told);
        struct rig rig;
        uint64_t id = 0;

        rig_serve(&rig, &wishes);
        rig.client = rig_connect(&rig, &params);
        for (size_t i = 0; i < COUNT(endings); i++)
                id = rig_invoke(&rig, "keep", "", &endings[i]);
        kit_assert_result(
                hark_invoke(rig.client, "echo", HARK_NOTHING, 1000, rig_note_end, &more, NULL),
                -EDQUOT);
        kit_assert_result(hark_call(rig.client, "echo", HARK_NOTHING, 1000, NULL), -EDQUOT);
        kit_assert_good(hark_send(rig.client, "echo", HARK_NOTHING));
        kit_until(rig.loop, told.n_refused == 1);
        ck_assert_int_eq(told.status, HARK_RESOURCE_EXHAUSTED);
        kit_assert_good(hark_cancel(rig.client, id));
        rig_expect_end(&rig, &endings[3], -ECANCELED);
        ck_assert_str_eq(rig_ask(&rig, "echo", "room"), "room");
        rig_end(&rig);
        ck_assert_uint_eq(more.n, 0);
}
END_TEST

START_TEST(more_calls_than_its_hello_allows_are_refused)
{
        static struct ending endings[10];
        struct wishes wishes = {.limits = {.calls_in_flight = 4}};
        hark_client *client = NULL;
        struct rig rig;

        rig_serve(&rig, &wishes);
        kit_assert_good(rig_begin_connect(&rig, rig.loop, NULL, &client));
        for (size_t i = 0; i < COUNT(endings); i++)
                kit_assert_good(hark_invoke(client, "keep", HARK_NOTHING, KIT_PATIENCE_MS,
                                            rig_note_end, &endings[i], NULL));
        for (size_t i = 4; i < COUNT(endings); i++)
                rig_expect_end(&rig, &endings[i], HARK_RESOURCE_EXHAUSTED);
        for (size_t i = 0; i < 4; i++)
                ck_assert_uint_eq(endings[i].n, 0);
        hark_client_unref(client);
        for (size_t i = 0; i < 4; i++)
                kit_assert_result(endings[i].result, -ECANCELED);
        rig_end(&rig);
}
END_TEST

START_TEST(what_is_sent_one_way_is_handled_or_told_of)
{
        struct told told = {0};
        struct hark_client_params params = tell(&told);
        struct rig rig;

        rig_serve(&rig, NULL);
        rig.client = rig_connect(&rig, &params);
        for (int i = 0; i < 5000; i++)
                kit_assert_good(hark_send(rig.client, "echo", hark_text("x")));
        kit_assert_good(hark_client_flush(rig.client, KIT_PATIENCE_MS));
        kit_settle(rig.loop);
        ck_assert_int_eq(rig_count(&rig, "echoed") + told.n_refused, 5000);
        rig_end(&rig);
}
END_TEST

/* --- subscriptions ---------------------------------------------------------------------------- */

/* They come in much faster than handlers run. */
static void send_a_burst(const struct wishes *wishes, unsigned n)
{
        struct told told = {0};
        struct hark_client_params params = tell(&told);
        struct rig rig;

        rig_serve(&rig, wishes);
        rig.client = rig_connect(&rig, &params);
        rig_ask(&rig, "echo", "%s", "");
        for (unsigned i = 0; i < n; i++)
                kit_assert_good(hark_send(rig.client, "note", HARK_NOTHING));
        ck_assert_int_eq(rig_count(&rig, "notes"), n);
        ck_assert_uint_eq(told.n_refused, 0);
        rig_end(&rig);
}

START_TEST(a_burst_of_sends_is_slowed_down_and_not_refused)
{
        send_a_burst(NULL, 5000);
}
END_TEST

START_TEST(also_where_few_may_be_in_flight)
{
        struct wishes wishes = {.limits = {.calls_in_flight = 16}};

        send_a_burst(&wishes, 100);
}
END_TEST

START_TEST(more_subscriptions_than_the_service_keeps_are_not_sent)
{
        struct wishes wishes = {.limits = {.subscriptions = 2}};
        struct record first = {0}, second = {0}, third = {0};
        struct rig rig;
        uint64_t id;

        rig_start(&rig, &wishes);
        id = record_subscribe(&first, rig.client, "a");
        record_subscribe(&second, rig.client, "b");
        kit_assert_result(hark_subscribe(rig.client, "c", record_notification, &third, NULL, NULL),
                          -EDQUOT);
        kit_assert_good(hark_unsubscribe(rig.client, id));
        record_subscribe(&third, rig.client, "c");
        rig_ask(&rig, "publish", "b");
        rig_ask(&rig, "publish", "c");
        kit_until(rig.loop, second.n_delivered == 1 && third.n_delivered == 1);
        rig_end(&rig);
}
END_TEST

START_TEST(more_subscriptions_than_its_hello_allows_are_refused)
{
        struct wishes wishes = {.limits = {.subscriptions = 2}};
        struct record records[3] = {{.n_entries = 0}};
        hark_client *client = NULL;
        struct rig rig;

        rig_serve(&rig, &wishes);
        kit_assert_good(rig_begin_connect(&rig, rig.loop, NULL, &client));
        for (size_t i = 0; i < COUNT(records); i++)
                record_subscribe(&records[i], client, "a");
        kit_until(rig.loop, records[2].is_over);
        ck_assert_int_eq(records[2].reason, HARK_RESOURCE_EXHAUSTED);
        ck_assert(!records[0].is_over && !records[1].is_over);
        hark_client_unref(client);
        rig_end(&rig);
}
END_TEST

/* --- the queue -------------------------------------------------------------------------------- */

START_TEST(a_full_queue_says_so_and_then_that_it_has_room)
{
        static const uint8_t bytes[1024];
        struct told told = {0};
        struct hark_client_params params = tell(&told);
        struct rig rig;
        int n_sent = 0, r;

        params.limits.queue_size = 4096;
        rig_serve(&rig, NULL);
        rig.client = rig_connect(&rig, &params);
        while ((r = hark_send(rig.client, "echo", hark_bytes(bytes, sizeof(bytes)))) == 0)
                n_sent++;
        kit_assert_result(r, -EAGAIN);
        ck_assert_int_ge(n_sent, 2);
        ck_assert_int_le(n_sent, 5);
        kit_assert_result(hark_publish(rig.client, "a", HARK_NOTHING), -EAGAIN);
        ck_assert_uint_eq(told.n_room, 0);
        kit_until(rig.loop, told.n_room > 0);
        rig_ask(&rig, "echo", "x");
        ck_assert_uint_eq(told.n_room, 1);
        ck_assert_int_eq(rig_count(&rig, "echoed"), n_sent + 1);
        rig_end(&rig);
}
END_TEST

/* --- connections ------------------------------------------------------------------------------ */

/* Tries to come in. @return 0, or why not */
static int try_to_come_in(struct rig *rig, hark_client **ret_client)
{
        static struct told told;
        struct hark_client_params params = tell(&told);

        told = (struct told){0};
        kit_assert_good(rig_begin_connect(rig, rig->loop, &params, ret_client));
        kit_until(rig->loop, told.n_connected + told.n_closed > 0);
        return told.n_closed > 0 ? told.reason : 0;
}

static void check_places(struct rig *rig)
{
        hark_client *more = NULL;
        int r;

        rig->client = rig_connect(rig, NULL);
        rig_connect(rig, NULL);
        kit_assert_result(try_to_come_in(rig, &more), -EDQUOT);
        hark_client_unref(more);
        ck_assert_str_eq(rig_ask(rig, "echo", "still in"), "still in");
        ck_assert_int_eq(rig_count(rig, "left"), 0);
        rig_drop(rig, rig->clients[1]);
        do {
                r = try_to_come_in(rig, &more);
                hark_client_unref(more);
        } while (r == -EDQUOT); /* until the service has heard that there is a place */
        kit_assert_good(r);
        rig_end(rig);
}

START_TEST(there_are_so_many_places_at_an_address)
{
        struct wishes wishes = {.connections = 2};
        struct rig rig;

        rig_need_address_to_return_to();
        rig_serve(&rig, &wishes);
        check_places(&rig);
}
END_TEST

START_TEST(there_are_so_many_places_for_each_user)
{
        struct wishes wishes = {.connections_per_uid = 2};
        struct rig rig;

        rig_need_address_to_return_to();
        rig_need(HARK_CAN_IDENTIFY);
        rig_serve(&rig, &wishes);
        check_places(&rig);
}
END_TEST

START_TEST(limits_out_of_their_bounds_are_refused)
{
        static const struct hark_limits bad[] = {
                {.message_size = 1023},
                {.message_size = ((size_t)1 << 30) + 1},
                {.queue_size = 4095},
                {.fds_per_message = 65},
                {.message_size = 4096, .received_size = 4095},
                {.reserved = {1}},
        };
        struct rig rig;

        rig_start(&rig, NULL);
        for (size_t i = 0; i < COUNT(bad); i++) {
                struct hark_server_params server_params = {.limits = bad[i]};
                struct hark_client_params client_params = {.limits = bad[i]};
                hark_server *server = NULL;
                hark_client *client = NULL;

                kit_assert_result(hark_server_new(rig.loop, &server_params, &server), -EINVAL);
                ck_assert_ptr_null(server);
                kit_assert_result(rig_begin_connect(&rig, rig.loop, &client_params, &client),
                                  -EINVAL);
                ck_assert_ptr_null(client);
        }
        rig_end(&rig);
}
END_TEST

CHAPTER(test_limits, more_calls_in_flight_than_the_service_takes_are_not_sent,
        more_calls_than_its_hello_allows_are_refused, what_is_sent_one_way_is_handled_or_told_of,
        a_burst_of_sends_is_slowed_down_and_not_refused, also_where_few_may_be_in_flight,
        more_subscriptions_than_the_service_keeps_are_not_sent,
        more_subscriptions_than_its_hello_allows_are_refused,
        a_full_queue_says_so_and_then_that_it_has_room, there_are_so_many_places_at_an_address,
        there_are_so_many_places_for_each_user, limits_out_of_their_bounds_are_refused)
