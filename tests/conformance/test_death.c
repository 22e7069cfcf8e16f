/* SPDX-License-Identifier: MIT */

/* Processes that are killed, and that stand still. The service is apart. */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "record.h"
#include "tests.h"

#define AT_ONCE_MS 2000 /* where the deadline is a minute away */

/* --- killed ----------------------------------------------------------------------------------- */

START_TEST(everything_that_waits_for_a_killed_server_ends_at_once)
{
        static struct ending endings[100];
        struct record record = {0};
        uint64_t began_ms = kit_now_ms();
        struct rig rig;

        rig_start_apart(&rig, NULL, &rig_one_shot);
        rig_need(HARK_CAN_SEE_DEATH);
        record_subscribe(&record, rig.client, "a");
        for (size_t i = 0; i < COUNT(endings); i++)
                kit_assert_good(hark_invoke(rig.client, "keep", HARK_NOTHING, 60000, rig_note_end,
                                            &endings[i], NULL));
        kit_assert_result(hark_call(rig.client, "die", HARK_NOTHING, 60000, NULL), -ECONNRESET);
        rig_mourn(&rig);
        for (size_t i = 0; i < COUNT(endings); i++)
                rig_expect_end(&rig, &endings[i], -ECONNRESET);
        kit_until(rig.loop, record.is_over);
        kit_assert_result(record.reason, -ECONNRESET);
        ck_assert(record.lost_the_rest);
        ck_assert_uint_lt(kit_now_ms() - began_ms, AT_ONCE_MS);
        ck_assert_int_eq(hark_client_state(rig.client), HARK_CLOSED);
        rig_end(&rig);
}
END_TEST

START_TEST(a_lost_connection_is_told_as_a_gap_behind_all_that_came)
{
        struct record record = {0};
        struct rig rig;

        rig_start_apart(&rig, NULL, &rig_one_shot);
        record_subscribe(&record, rig.client, "a");
        rig_ask(&rig, "publish", "a 5");
        rig_kill(&rig);
        kit_until(rig.loop, record.is_over);
        kit_assert_result(record.reason, -ECONNRESET);
        ck_assert_uint_eq(record.n_delivered, 5);
        ck_assert_uint_eq(record.n_gaps, 1);
        ck_assert_uint_eq(record.entries[5].n_lost, UINT64_MAX);
        ck_assert_uint_eq(record.entries[5].sequence, 6);
        kit_assert_result(record.entries[5].reason, -ECONNRESET);
        rig_end(&rig);
}
END_TEST

START_TEST(a_one_shot_client_of_a_killed_server_is_closed_for_good)
{
        struct record record = {0};
        struct rig rig;

        rig_start_apart(&rig, NULL, &rig_one_shot);
        rig_kill(&rig);
        kit_until(rig.loop, hark_client_state(rig.client) == HARK_CLOSED);
        kit_assert_result(hark_call(rig.client, "echo", HARK_NOTHING, 1000, NULL), -ENOTCONN);
        kit_assert_result(hark_send(rig.client, "echo", HARK_NOTHING), -ENOTCONN);
        kit_assert_result(hark_publish(rig.client, "a", HARK_NOTHING), -ENOTCONN);
        kit_assert_result(hark_client_flush(rig.client, 1000), -ENOTCONN);
        kit_assert_result(hark_subscribe(rig.client, "a", record_notification, &record, NULL, NULL),
                          -ENOTCONN);
        rig_end(&rig);
}
END_TEST

START_TEST(a_flush_ends_with_its_server)
{
        struct rig rig;
        int r;

        rig_start_apart(&rig, NULL, NULL);
        kit_assert_good(hark_send(rig.client, "die", HARK_NOTHING));
        r = hark_client_flush(rig.client, 60000);
        /* The service may have read the ping before it was killed: then it did read all. */
        ck_assert(r == -ECONNRESET || r == 0);
        rig_mourn(&rig);
        rig_end(&rig);
}
END_TEST

START_TEST(a_server_comes_back_to_the_address_of_a_killed_one_at_once)
{
        struct rig rig;

        rig_need_address_to_return_to();
        rig_start_apart(&rig, NULL, &rig_one_shot);
        for (int i = 0; i < 5; i++) {
                rig_kill(&rig);
                kit_until(rig.loop, hark_client_state(rig.client) == HARK_CLOSED);
                rig_drop(&rig, rig.client);
                rig_serve_again(&rig);
                rig.client = rig_connect(&rig, &rig_one_shot);
                ck_assert_str_eq(rig_ask(&rig, "echo", "back"), "back");
        }
        rig_end(&rig);
}
END_TEST

START_TEST(nobody_at_the_address_is_told_as_refused)
{
        hark_client *client = NULL;
        struct rig rig;
        int r;

        rig_need_address_to_return_to();
        rig_start_apart(&rig, NULL, NULL);
        rig_kill(&rig);
        r = rig_begin_connect(&rig, NULL, NULL, &client);
        ck_assert_msg(r == -ECONNREFUSED || r == -ENOENT, "%s", hark_reason(r, NULL));
        ck_assert_ptr_null(client);
        rig_end(&rig);
}
END_TEST

/* The other way round: it is the client that is killed, by the child that holds it. */

static int be_killed(void *userdata)
{
        struct rig *rig = userdata;
        struct record record = {0};
        struct ending ending = {0};
        hark_loop *loop = NULL;
        hark_client *client = NULL;

        kit_assert_good(hark_loop_new(&loop));
        kit_assert_good(rig_begin_connect(rig, loop, NULL, &client));
        record_subscribe(&record, client, "a");
        kit_assert_good(hark_invoke(client, "keep", HARK_NOTHING, HARK_FOREVER, rig_note_end,
                                    &ending, NULL));
        kit_assert_good(hark_call(client, "echo", HARK_NOTHING, KIT_PATIENCE_MS, NULL));
        raise(SIGKILL);
        return 1;
}

START_TEST(a_server_hears_of_a_killed_client)
{
        struct rig rig;

        rig_need_address_to_return_to();
        rig_start_apart(&rig, NULL, NULL);
        ck_assert_int_eq(fixture_wait_exit(fixture_fork(be_killed, &rig)), 128 + SIGKILL);
        while (rig_count(&rig, "left") == 0)
                ;
        ck_assert_int_eq(rig_count(&rig, "leave_reason"), -ECONNRESET);
        ck_assert_int_eq(rig_count(&rig, "cancelled"), 1);
        ck_assert_int_eq(rig_count(&rig, "cancel_reason"), -ECONNRESET);
        ck_assert_str_eq(rig_ask(&rig, "has_subscribers", "a"), "0");
        rig_end(&rig);
}
END_TEST

/* --- standing still --------------------------------------------------------------------------- */

START_TEST(a_server_that_stands_still_is_slow_and_not_dead)
{
        struct rig rig;

        rig_start_apart(&rig, NULL, NULL);
        rig_freeze(&rig);
        kit_assert_result(hark_call(rig.client, "echo", HARK_NOTHING, 50, NULL), -ETIMEDOUT);
        kit_assert_result(hark_client_flush(rig.client, 50), -ETIMEDOUT);
        ck_assert_int_eq(hark_client_state(rig.client), HARK_CONNECTED);
        rig_thaw(&rig);
        ck_assert_str_eq(rig_ask(&rig, "echo", "back"), "back");
        rig_end(&rig);
}
END_TEST

struct states {
        unsigned n_connected, n_closed;
        int reason;
};

static void on_state(hark_client *client, int state, int reason, void *userdata)
{
        struct states *states = userdata;

        (void)client;
        states->n_connected += state == HARK_CONNECTED;
        states->n_closed += state == HARK_CLOSED;
        states->reason = reason;
}

START_TEST(a_client_that_pings_gives_up_a_server_that_stands_still)
{
        struct states states = {0};
        struct hark_client_params params = {
                .on_state = on_state, .userdata = &states, .ping_ms = 60, .is_one_shot = true};
        struct rig rig;

        rig_start_apart(&rig, NULL, &params);
        rig_freeze(&rig);
        kit_assert_result(hark_call(rig.client, "echo", HARK_NOTHING, 60000, NULL), -ECONNRESET);
        kit_until(rig.loop, states.n_closed == 1);
        kit_assert_result(states.reason, -ETIMEDOUT);
        rig_thaw(&rig);
        rig_end(&rig);
}
END_TEST

START_TEST(a_client_that_pings_keeps_a_server_that_is_only_silent)
{
        struct states states = {0};
        struct hark_client_params params = {
                .on_state = on_state, .userdata = &states, .ping_ms = 40};
        uint64_t end_ms;
        struct rig rig;

        rig_start_apart(&rig, NULL, &params);
        for (end_ms = kit_now_ms() + 200; kit_now_ms() < end_ms;)
                kit_step(rig.loop, end_ms);
        ck_assert_uint_eq(states.n_closed, 0);
        ck_assert_str_eq(rig_ask(&rig, "echo", "x"), "x");
        rig_end(&rig);
}
END_TEST

CHAPTER(test_death, everything_that_waits_for_a_killed_server_ends_at_once,
        a_lost_connection_is_told_as_a_gap_behind_all_that_came,
        a_one_shot_client_of_a_killed_server_is_closed_for_good, a_flush_ends_with_its_server,
        a_server_comes_back_to_the_address_of_a_killed_one_at_once,
        nobody_at_the_address_is_told_as_refused, a_server_hears_of_a_killed_client,
        a_server_that_stands_still_is_slow_and_not_dead,
        a_client_that_pings_gives_up_a_server_that_stands_still,
        a_client_that_pings_keeps_a_server_that_is_only_silent)
