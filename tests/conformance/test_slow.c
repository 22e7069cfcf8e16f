/* SPDX-License-Identifier: MIT */

/* Slow subscribers: what they lose is counted to the last one, and nobody else loses anything. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "record.h"
#include "tests.h"

static void subscribe_with(struct record *record, hark_client *client, const char *filter,
                           uint32_t max_messages, size_t max_size)
{
        struct hark_subscribe_params params = {.max_messages = max_messages, .max_size = max_size};

        kit_assert_good(hark_subscribe(client, filter, record_notification, record, &params, NULL));
}

static void check_gap(const struct record_entry *entry, uint64_t first, uint64_t n_lost,
                      const char *topic, int reason)
{
        ck_assert_int_eq(entry->kind, HARK_GAP);
        ck_assert_uint_eq(entry->sequence, first);
        ck_assert_uint_eq(entry->n_lost, n_lost);
        ck_assert_str_eq(entry->topic, topic);
        kit_assert_result(entry->reason, reason);
}

START_TEST(beyond_so_many_messages_the_oldest_are_lost_and_reported)
{
        struct record record = {0};
        struct rig rig;

        rig_start(&rig, NULL);
        subscribe_with(&record, rig.client, "a", 4, 0);
        rig_ask(&rig, "publish", "a 1000");
        kit_until(rig.loop, record_total(&record) == 1000);
        ck_assert_uint_eq(record.n_delivered, 4);
        ck_assert_uint_eq(record.n_gaps, 1);
        check_gap(&record.entries[0], 1, 996, "a", -ENOBUFS);
        ck_assert_str_eq(record.entries[1].text, "997");
        ck_assert_str_eq(record.entries[4].text, "1000");
        rig_end(&rig);
}
END_TEST

START_TEST(beyond_so_many_bytes_the_oldest_are_lost_and_reported)
{
        struct record record = {0};
        struct rig rig;

        rig_start(&rig, NULL);
        subscribe_with(&record, rig.client, "a", 0, 10000);
        rig_ask(&rig, "publish", "a 100 1000");
        kit_until(rig.loop, record_total(&record) == 100);
        ck_assert_uint_ge(record.n_delivered, 8);
        ck_assert_uint_le(record.n_delivered, 10);
        check_gap(&record.entries[0], 1, 100 - record.n_delivered, "a", -ENOBUFS);
        rig_end(&rig);
}
END_TEST

START_TEST(every_gap_comes_before_the_next_notification)
{
        struct record record = {0};
        struct rig rig;

        rig_start(&rig, NULL);
        subscribe_with(&record, rig.client, "a", 3, 0);
        for (int i = 0; i < 10; i++) {
                rig_ask(&rig, "publish", "a 10");
                kit_until(rig.loop, record_total(&record) == 10 * ((unsigned)i + 1));
        }
        ck_assert_uint_eq(record.n_gaps, 10);
        ck_assert_uint_eq(record.n_delivered, 30);
        for (uint64_t i = 0; i < 10; i++)
                check_gap(&record.entries[4 * i], 10 * i + 1, 7, "a", -ENOBUFS);
        rig_end(&rig);
}
END_TEST

START_TEST(a_gap_names_the_filter_where_several_topics_were_lost)
{
        struct record record = {0}, one = {0};
        struct rig rig;

        rig_start(&rig, NULL);
        subscribe_with(&record, rig.client, "a.*", 1, 0);
        subscribe_with(&one, rig.client, "a.c", 1, 0);
        kit_assert_good(hark_send(rig.client, "publish", hark_text("a.b 2")));
        kit_assert_good(hark_send(rig.client, "publish", hark_text("a.c 2")));
        kit_until(rig.loop, record_total(&record) == 4 && record_total(&one) == 2);
        ck_assert_uint_eq(one.n_delivered, 1);
        check_gap(&one.entries[0], 1, 1, "a.c", -ENOBUFS);
        /* Both requests mostly are one read, and what is published one write. */
        if (record.n_gaps == 1)
                check_gap(&record.entries[0], 1, 3, "a.*", -ENOBUFS);
        rig_end(&rig);
}
END_TEST

START_TEST(what_the_subscriber_does_not_take_is_a_gap)
{
        struct hark_client_params params = {.limits = {.message_size = 4096}};
        struct record record = {0};
        struct rig rig;

        rig_serve(&rig, NULL);
        rig.client = rig_connect(&rig, &params);
        record_subscribe(&record, rig.client, "a");
        rig_ask(&rig, "publish", "a 1 4096");
        rig_ask(&rig, "publish", "a 2 4097");
        rig_ask(&rig, "publish", "a 1 4096");
        kit_until(rig.loop, record_total(&record) == 4);
        ck_assert_uint_eq(record.n_delivered, 2);
        check_gap(&record.entries[1], 2, 2, "a", -EMSGSIZE);
        rig_end(&rig);
}
END_TEST

/* --- one that does not run -------------------------------------------------------------------- */

static void wake(struct rig *rig, hark_loop *loop, const struct record *record, uint64_t total)
{
        uint64_t end_ms = kit_now_ms() + KIT_PATIENCE_MS;

        while (record_total(record) < total) {
                kit_assert(kit_now_ms() < end_ms);
                kit_settle(loop);
                kit_settle(rig->loop);
        }
        ck_assert_uint_eq(record_total(record), total);
}

START_TEST(one_that_sleeps_loses_only_its_own)
{
        struct record fast = {0}, slow = {0};
        hark_loop *loop = NULL;
        hark_client *sleeper;
        struct rig rig;

        rig_need_several_clients();
        rig_start(&rig, NULL);
        kit_assert_good(hark_loop_new(&loop));
        sleeper = rig_connect_sleeper(&rig, loop);
        record_subscribe(&slow, sleeper, "a");
        kit_settle(loop);
        record_subscribe(&fast, rig.client, "a");
        while (strcmp(rig_ask(&rig, "has_subscribers", "a"), "1") != 0)
                ;
        kit_assert_good(hark_client_flush(rig.client, KIT_PATIENCE_MS));
        for (unsigned i = 1; i <= 30; i++) {
                rig_ask(&rig, "publish", "a 100 4096");
                kit_until(rig.loop, fast.n_delivered == (uint64_t)100 * i);
        }
        wake(&rig, loop, &slow, 3000);
        ck_assert_uint_eq(fast.n_lost, 0);
        ck_assert_uint_gt(slow.n_lost, 0);
        ck_assert_uint_gt(slow.n_delivered, 0);
        hark_client_unref(sleeper);
        hark_loop_unref(loop);
        rig_end(&rig);
}
END_TEST

START_TEST(calls_are_answered_beside_a_flood)
{
        struct record record = {0};
        struct rig rig;

        rig_start(&rig, NULL);
        subscribe_with(&record, rig.client, "a", 10, 0);
        for (int i = 0; i < 50; i++) {
                kit_assert_good(hark_send(rig.client, "publish", hark_text("a 1000")));
                ck_assert_str_eq(rig_ask(&rig, "echo", "x"), "x");
        }
        kit_until(rig.loop, record_total(&record) == 50000);
        rig_end(&rig);
}
END_TEST

/* --- the connection --------------------------------------------------------------------------- */

START_TEST(a_goodbye_ends_a_subscription_without_a_gap)
{
        struct record record = {0};
        struct rig rig;

        rig_serve(&rig, NULL);
        rig.client = rig_connect(&rig, &rig_one_shot);
        record_subscribe(&record, rig.client, "a");
        rig_ask(&rig, "publish", "a 5");
        rig_ask(&rig, "disconnect", "%s", "");
        kit_until(rig.loop, record.is_over);
        ck_assert_int_eq(record.reason, HARK_UNAVAILABLE);
        ck_assert_uint_eq(record.n_delivered, 5);
        ck_assert_uint_eq(record.n_gaps, 0);
        rig_end(&rig);
}
END_TEST

START_TEST(a_subscription_that_never_left_says_so)
{
        struct record record = {0};
        hark_client *client = NULL;
        struct wishes wishes = {.accept_status = HARK_PERMISSION_DENIED};
        struct rig rig;

        rig_serve(&rig, &wishes);
        kit_assert_good(rig_begin_connect(&rig, rig.loop, NULL, &client));
        record_subscribe(&record, client, "a");
        kit_until(rig.loop, record.is_over);
        kit_assert_result(record.reason, -ENOTCONN);
        ck_assert_uint_eq(record.n_entries, 1);
        hark_client_unref(client);
        rig_end(&rig);
}
END_TEST

CHAPTER(test_slow, beyond_so_many_messages_the_oldest_are_lost_and_reported,
        beyond_so_many_bytes_the_oldest_are_lost_and_reported,
        every_gap_comes_before_the_next_notification,
        a_gap_names_the_filter_where_several_topics_were_lost,
        what_the_subscriber_does_not_take_is_a_gap, one_that_sleeps_loses_only_its_own,
        calls_are_answered_beside_a_flood, a_goodbye_ends_a_subscription_without_a_gap,
        a_subscription_that_never_left_says_so)
