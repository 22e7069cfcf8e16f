/* SPDX-License-Identifier: MIT */

/* What a subscription wishes for a full queue, and how its publisher hears of it and paces
 * itself. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "record.h"
#include "tests.h"

static void subscribe_with(struct record *record, hark_client *client, const char *filter,
                           enum hark_policy policy, uint32_t max_messages)
{
        struct hark_subscribe_params params = {.policy = (uint8_t)policy,
                                               .max_messages = max_messages};

        kit_assert_good(hark_subscribe(client, filter, record_notification, record, &params, NULL));
}

static void check_gap(const struct record_entry *entry, uint64_t first, uint64_t n_lost)
{
        ck_assert_int_eq(entry->kind, HARK_GAP);
        ck_assert_uint_eq(entry->sequence, first);
        ck_assert_uint_eq(entry->n_lost, n_lost);
        kit_assert_result(entry->reason, -ENOBUFS);
}

/* --- policies --------------------------------------------------------------------------------- */

START_TEST(drop_newest_keeps_the_beginning)
{
        struct record record = {0};
        struct rig rig;

        rig_start(&rig, NULL);
        subscribe_with(&record, rig.client, "a", HARK_DROP_NEWEST, 4);
        rig_ask(&rig, "publish", "a 1000");
        kit_until(rig.loop, record_total(&record) == 1000);
        ck_assert_uint_eq(record.n_delivered, 4);
        ck_assert_str_eq(record.entries[0].text, "1");
        ck_assert_str_eq(record.entries[3].text, "4");
        check_gap(&record.entries[4], 5, 996);
        rig_end(&rig);
}
END_TEST

START_TEST(keep_latest_lets_only_the_newest_wait)
{
        struct record record = {0};
        struct rig rig;

        rig_start(&rig, NULL);
        subscribe_with(&record, rig.client, "a", HARK_KEEP_LATEST, 0);
        rig_ask(&rig, "publish", "a 1000");
        kit_until(rig.loop, record_total(&record) == 1000);
        ck_assert_uint_eq(record.n_delivered, 1);
        check_gap(&record.entries[0], 1, 999);
        ck_assert_str_eq(record.entries[1].text, "1000");
        rig_end(&rig);
}
END_TEST

START_TEST(keep_latest_keeps_one_of_each_topic)
{
        struct record record = {.may_jump = true};
        struct rig rig;

        rig_start(&rig, NULL);
        subscribe_with(&record, rig.client, "a.*", HARK_KEEP_LATEST, 0);
        rig_ask(&rig, "publish_round", "a. 5 200");
        kit_until(rig.loop, record_total(&record) == 1000);
        ck_assert_uint_eq(record.n_delivered, 5);
        ck_assert_uint_eq(record.n_lost, 995);
        for (size_t i = 1; i <= 5; i++)
                ck_assert_str_eq(record.entries[i].text, "200");
        rig_end(&rig);
}
END_TEST

START_TEST(a_policy_that_is_none_is_not_taken)
{
        struct hark_subscribe_params params = {.policy = HARK_DISCONNECT + 1};
        struct record record = {0};
        struct rig rig;

        rig_start(&rig, NULL);
        kit_assert_result(
                hark_subscribe(rig.client, "a", record_notification, &record, &params, NULL),
                -EINVAL);
        rig_end(&rig);
}
END_TEST

struct watched_client {
        int state, reason;
};

static void note_state(hark_client *client, int state, int reason, void *userdata)
{
        struct watched_client *watched = userdata;

        (void)client;
        watched->state = state;
        watched->reason = reason;
}

START_TEST(disconnect_ends_the_connection_and_says_so_at_both_ends)
{
        struct watched_client watched = {0};
        struct hark_client_params params = {
                .on_state = note_state, .userdata = &watched, .is_one_shot = true};
        struct record record = {0}, other = {0};
        hark_client *strict;
        struct rig rig;

        rig_need_several_clients();
        rig_start(&rig, NULL);
        strict = rig_connect(&rig, &params);
        subscribe_with(&record, strict, "a", HARK_DISCONNECT, 10);
        record_subscribe(&other, rig.client, "a");
        kit_assert_good(hark_client_flush(strict, KIT_PATIENCE_MS));
        rig_ask(&rig, "publish", "a 10");
        kit_until(rig.loop, record.n_delivered == 10);
        rig_ask(&rig, "publish", "a 100");
        kit_until(rig.loop, record.is_over);
        ck_assert(record.lost_the_rest);
        kit_assert_result(record.reason, -ECONNRESET);
        kit_until(rig.loop, watched.state == HARK_CLOSED);
        kit_assert_result(watched.reason, -EDQUOT);
        while (rig_count(&rig, "left") == 0)
                ;
        kit_assert_result((int)rig_count(&rig, "leave_reason"), -EDQUOT);
        kit_until(rig.loop, other.n_delivered == 110);
        rig_end(&rig);
}
END_TEST

/* --- the publisher ---------------------------------------------------------------------------- */

START_TEST(the_publisher_hears_how_much_whom_it_cost)
{
        struct wishes wishes = {.notes_drops = true};
        struct hark_client_params params = {.name = "slowpoke"};
        struct record record = {0};
        struct rig rig;

        rig_serve(&rig, &wishes);
        rig.client = rig_connect(&rig, &params);
        subscribe_with(&record, rig.client, "a.*", HARK_DROP_OLDEST, 4);
        rig_ask(&rig, "publish", "a.b 1000");
        kit_until(rig.loop, record_total(&record) == 1000);
        while (rig_count(&rig, "dropped") < 996)
                ;
        ck_assert_str_eq(rig_ask(&rig, "log", "%s", ""), "slowpoke lost 996 of a.b;");
        rig_end(&rig);
}
END_TEST

START_TEST(a_publisher_that_paces_itself_makes_nobody_lose)
{
        struct record record = {0};
        unsigned n_published = 0;
        struct rig rig;

        rig_start(&rig, NULL);
        subscribe_with(&record, rig.client, "a", HARK_DROP_OLDEST, 16);
        kit_assert_good(hark_client_flush(rig.client, KIT_PATIENCE_MS));
        while (n_published < 2000) {
                if (strcmp(rig_ask(&rig, "n_slow", "%s", ""), "0") == 0) {
                        rig_ask(&rig, "publish", "a 8");
                        n_published += 8;
                }
        }
        kit_until(rig.loop, record_total(&record) == n_published);
        ck_assert_uint_eq(record.n_lost, 0);
        rig_end(&rig);
}
END_TEST

START_TEST(relief_comes_once_all_have_caught_up)
{
        struct record slow = {0};
        hark_loop *loop = NULL;
        hark_client *sleeper;
        long n_published = 0;
        struct rig rig;

        rig_need_several_clients();
        rig_start(&rig, NULL);
        kit_assert_good(hark_loop_new(&loop));
        sleeper = rig_connect_sleeper(&rig, loop);
        record_subscribe(&slow, sleeper, "a");
        kit_settle(loop);
        while (strcmp(rig_ask(&rig, "has_subscribers", "a"), "1") != 0)
                ;
        while (strcmp(rig_ask(&rig, "n_slow", "%s", ""), "1") != 0) {
                rig_ask(&rig, "publish", "a 100 4096");
                n_published += 100;
        }
        ck_assert_int_eq(rig_count(&rig, "relieved"), 0);
        while (record_total(&slow) < (uint64_t)n_published) {
                kit_settle(loop);
                kit_settle(rig.loop);
        }
        while (rig_count(&rig, "relieved") == 0)
                ;
        ck_assert_int_eq(rig_count(&rig, "relieved"), 1);
        ck_assert_uint_eq(slow.n_lost, 0);
        hark_client_unref(sleeper);
        hark_loop_unref(loop);
        rig_end(&rig);
}
END_TEST

CHAPTER(test_policies, drop_newest_keeps_the_beginning, keep_latest_lets_only_the_newest_wait,
        keep_latest_keeps_one_of_each_topic, a_policy_that_is_none_is_not_taken,
        disconnect_ends_the_connection_and_says_so_at_both_ends,
        the_publisher_hears_how_much_whom_it_cost, a_publisher_that_paces_itself_makes_nobody_lose,
        relief_comes_once_all_have_caught_up)
