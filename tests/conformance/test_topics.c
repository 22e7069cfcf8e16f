/* SPDX-License-Identifier: MIT */

/* Subscriptions: who gets what, in which order, under which number, and when it ends. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "record.h"
#include "tests.h"

#define MIB ((size_t)1024 * 1024)

static void check_entry(const struct record *record, size_t index, const char *topic,
                        const char *text)
{
        const struct record_entry *entry = &record->entries[index];

        ck_assert_uint_lt(index, record->n_entries);
        ck_assert_int_eq(entry->kind, HARK_NOTIFICATION);
        ck_assert_str_eq(entry->topic, topic);
        ck_assert_str_eq(entry->text, text);
}

START_TEST(a_subscriber_gets_what_its_filter_matches)
{
        static const char *const topics[] = {"a", "a.b", "a.c", "a.b.c", "b.a.b"};
        struct record exact = {0}, one = {0}, rest = {0}, all = {0}, middle = {0};
        struct rig rig;

        rig_start(&rig, NULL);
        record_subscribe(&exact, rig.client, "a.b");
        record_subscribe(&one, rig.client, "a.*");
        record_subscribe(&rest, rig.client, "a.>");
        record_subscribe(&all, rig.client, ">");
        record_subscribe(&middle, rig.client, "*.b.*");
        for (size_t i = 0; i < COUNT(topics); i++)
                rig_ask(&rig, "publish", "%s", topics[i]);
        kit_until(rig.loop, all.n_delivered == COUNT(topics));
        for (size_t i = 0; i < COUNT(topics); i++)
                check_entry(&all, i, topics[i], "1");
        ck_assert_uint_eq(exact.n_delivered, 1);
        check_entry(&exact, 0, "a.b", "1");
        ck_assert_uint_eq(one.n_delivered, 2);
        check_entry(&one, 0, "a.b", "1");
        check_entry(&one, 1, "a.c", "1");
        ck_assert_uint_eq(rest.n_delivered, 3);
        check_entry(&rest, 2, "a.b.c", "1");
        ck_assert_uint_eq(middle.n_delivered, 1);
        check_entry(&middle, 0, "a.b.c", "1");
        rig_end(&rig);
}
END_TEST

START_TEST(the_same_filter_twice_is_two_subscriptions)
{
        struct record first = {0}, second = {0};
        struct rig rig;
        uint64_t id;

        rig_start(&rig, NULL);
        id = record_subscribe(&first, rig.client, "a.*");
        record_subscribe(&second, rig.client, "a.*");
        rig_ask(&rig, "publish", "a.b 3");
        kit_until(rig.loop, first.n_delivered == 3 && second.n_delivered == 3);
        kit_assert_good(hark_unsubscribe(rig.client, id));
        rig_ask(&rig, "publish", "a.b 2");
        kit_until(rig.loop, second.n_delivered == 5);
        ck_assert_uint_eq(first.n_delivered, 3);
        ck_assert(first.is_over && !second.is_over);
        rig_end(&rig);
}
END_TEST

START_TEST(notifications_come_in_order_and_numbered_without_holes)
{
        struct hark_subscribe_params params = {.max_messages = 10000};
        struct record record = {0};
        struct rig rig;
        char text[16];

        rig_start(&rig, NULL);
        kit_assert_good(
                hark_subscribe(rig.client, "a", record_notification, &record, &params, NULL));
        rig_ask(&rig, "publish", "a 5000");
        kit_until(rig.loop, record_total(&record) == 5000);
        ck_assert_uint_eq(record.n_lost, 0);
        for (unsigned i = 0; i < RECORD_ENTRIES; i++) {
                snprintf(text, sizeof(text), "%u", i + 1);
                check_entry(&record, i, "a", text);
        }
        rig_end(&rig);
}
END_TEST

START_TEST(what_was_published_before_is_not_counted)
{
        struct record record = {0};
        struct rig rig;

        rig_start(&rig, NULL);
        rig_ask(&rig, "publish", "a 7");
        record_subscribe(&record, rig.client, "a");
        rig_ask(&rig, "publish", "a 2");
        kit_until(rig.loop, record.n_delivered == 2);
        ck_assert_uint_eq(record.entries[0].sequence, 1);
        rig_end(&rig);
}
END_TEST

/* Its priority orders it among others; its number is its subscription's, so that goes up all the
 * same. */
START_TEST(a_subscription_may_stand_for_several_priorities)
{
        struct record record = {0};
        struct rig rig;

        rig_start(&rig, NULL);
        record_subscribe(&record, rig.client, "a");
        rig_ask(&rig, "publish", "a 1 0 3");
        kit_until(rig.loop, record.n_delivered == 1);
        rig_ask(&rig, "publish", "a 1 0 7");
        kit_until(rig.loop, record.n_delivered == 2);
        rig_end(&rig);
}
END_TEST

/* --- the end ---------------------------------------------------------------------------------- */

START_TEST(unsubscribing_ends_it_once_and_nothing_follows)
{
        struct record record = {0};
        struct rig rig;
        uint64_t id;

        rig_start(&rig, NULL);
        id = record_subscribe(&record, rig.client, "a");
        rig_ask(&rig, "publish", "a 100");
        kit_assert_good(hark_unsubscribe(rig.client, id));
        ck_assert(!record.is_over);
        kit_assert_result(hark_unsubscribe(rig.client, id), -ENOENT);
        rig_ask(&rig, "publish", "a 100");
        kit_until(rig.loop, record.is_over);
        kit_assert_result(record.reason, -ECANCELED);
        ck_assert_str_eq(rig_ask(&rig, "has_subscribers", "a"), "0");
        rig_end(&rig); /* the record fails if anything comes after its end */
}
END_TEST

struct leaver {
        struct record record;
        hark_client *client;
        uint64_t id;
};

static void leave_at_once(const struct hark_notification *notification, void *userdata)
{
        struct leaver *leaver = userdata;

        record_notification(notification, &leaver->record);
        if (notification->kind == HARK_NOTIFICATION)
                kit_assert_good(hark_unsubscribe(leaver->client, leaver->id));
}

START_TEST(unsubscribing_in_its_callback_ends_it_there)
{
        struct leaver leaver = {.id = 0};
        struct rig rig;

        rig_start(&rig, NULL);
        leaver.client = rig.client;
        kit_assert_good(hark_subscribe(rig.client, "a", leave_at_once, &leaver, NULL, &leaver.id));
        rig_ask(&rig, "publish", "a 100");
        kit_until(rig.loop, leaver.record.is_over);
        ck_assert_uint_eq(leaver.record.n_delivered, 1);
        ck_assert_uint_eq(leaver.record.n_entries, 2);
        rig_end(&rig);
}
END_TEST

START_TEST(letting_go_of_the_client_ends_it)
{
        struct record record = {0};
        struct rig rig;

        rig_start(&rig, NULL);
        record_subscribe(&record, rig.client, "a");
        rig_ask(&rig, "publish", "a 100");
        rig_drop(&rig, rig.client);
        ck_assert(record.is_over);
        kit_assert_result(record.reason, -ECANCELED);
        rig_end(&rig);
}
END_TEST

START_TEST(a_malformed_filter_is_refused)
{
        static const char *const filters[] = {"", "a..b", "a.>.b", "a.*b", "a b", ">a"};
        struct hark_subscribe_params reserved = {.reserved = {1}};
        struct record record = {0};
        struct rig rig;

        rig_start(&rig, NULL);
        for (size_t i = 0; i < COUNT(filters); i++)
                kit_assert_result(hark_subscribe(rig.client, filters[i], record_notification,
                                                 &record, NULL, NULL),
                                  -EINVAL);
        kit_assert_result(
                hark_subscribe(rig.client, "a", record_notification, &record, &reserved, NULL),
                -EINVAL);
        rig_end(&rig);
        ck_assert_uint_eq(record.n_entries, 0);
}
END_TEST

/* --- the publisher ---------------------------------------------------------------------------- */

START_TEST(a_publisher_can_ask_whether_anybody_listens)
{
        struct record record = {0};
        struct rig rig;
        uint64_t id;

        rig_start(&rig, NULL);
        ck_assert_str_eq(rig_ask(&rig, "has_subscribers", "a.b"), "0");
        id = record_subscribe(&record, rig.client, "a.>");
        ck_assert_str_eq(rig_ask(&rig, "has_subscribers", "a.b"), "1");
        ck_assert_str_eq(rig_ask(&rig, "has_subscribers", "b"), "0");
        kit_assert_good(hark_unsubscribe(rig.client, id));
        ck_assert_str_eq(rig_ask(&rig, "has_subscribers", "a.b"), "0");
        rig_end(&rig);
}
END_TEST

START_TEST(a_subscriber_that_leaves_is_not_published_to)
{
        struct record record = {0};
        hark_client *second;
        struct rig rig;

        rig_need_several_clients();
        rig_start(&rig, NULL);
        second = rig_connect(&rig, NULL);
        record_subscribe(&record, second, "a");
        kit_assert_good(hark_client_flush(second, KIT_PATIENCE_MS));
        ck_assert_str_eq(rig_ask(&rig, "has_subscribers", "a"), "1");
        rig_drop(&rig, second);
        while (rig_count(&rig, "left") == 0)
                ;
        ck_assert_str_eq(rig_ask(&rig, "has_subscribers", "a"), "0");
        rig_ask(&rig, "publish", "a 100");
        rig_end(&rig);
}
END_TEST

struct large {
        const uint8_t *bytes;
        bool has_come;
};

static void check_large(const struct hark_notification *notification, void *userdata)
{
        struct large *large = userdata;
        const char *bytes;

        if (notification->kind == HARK_UNSUBSCRIBED)
                return;
        ck_assert_int_eq(notification->kind, HARK_NOTIFICATION);
        ck_assert_uint_eq(hark_message_size(notification->message), 16 * MIB);
        bytes = hark_message_data(notification->message);
        ck_assert_int_eq(bytes[0], '1');
        for (size_t i = 1; i < 16 * MIB; i++)
                if (bytes[i] != 0)
                        ck_abort_msg("byte %zu is %d", i, bytes[i]);
        large->has_come = true;
}

START_TEST(a_notification_may_be_as_large_as_any_message)
{
        struct large large = {0};
        struct rig rig;

        rig_start(&rig, NULL);
        kit_assert_good(hark_subscribe(rig.client, "a", check_large, &large, NULL, NULL));
        /* One way: a reply would find no room in the queue behind it. */
        kit_assert_good(hark_send(rig.client, "publish", hark_text("a 1 16777216")));
        kit_until(rig.loop, large.has_come);
        rig_end(&rig);
}
END_TEST

/* --- publishing by clients -------------------------------------------------------------------- */

struct refusals {
        unsigned n;
        int status;
        char name[64];
};

static void on_refused(hark_client *client, const char *name, int status,
                       const hark_message *message, void *userdata)
{
        struct refusals *refusals = userdata;

        (void)client, (void)message;
        refusals->n++;
        refusals->status = status;
        snprintf(refusals->name, sizeof(refusals->name), "%s", name);
}

static void start_with_refusals(struct rig *rig, const struct wishes *wishes,
                                struct refusals *refusals)
{
        struct hark_client_params params = {.on_refused = on_refused, .userdata = refusals};

        rig_serve(rig, wishes);
        rig->client = rig_connect(rig, &params);
}

START_TEST(a_hub_passes_on_what_clients_publish)
{
        struct wishes wishes = {.is_hub = true};
        struct refusals refusals = {0};
        struct record own = {0};
        struct rig rig;

        start_with_refusals(&rig, &wishes, &refusals);
        record_subscribe(&own, rig.client, "chat.*");
        kit_assert_good(hark_publish(rig.client, "chat.a", hark_text("one")));
        kit_assert_good(hark_publish(rig.client, "other", hark_text("two")));
        kit_assert_good(hark_publish(rig.client, "chat.b", hark_text("three")));
        kit_until(rig.loop, own.n_delivered == 2);
        check_entry(&own, 0, "chat.a", "one");
        check_entry(&own, 1, "chat.b", "three");
        ck_assert_uint_eq(refusals.n, 0);
        rig_end(&rig);
}
END_TEST

START_TEST(a_hub_joins_its_clients)
{
        struct wishes wishes = {.is_hub = true};
        struct record record = {0};
        hark_client *second;
        struct rig rig;

        rig_need_several_clients();
        rig_start(&rig, &wishes);
        second = rig_connect(&rig, NULL);
        record_subscribe(&record, second, "chat.*");
        kit_assert_good(hark_client_flush(second, KIT_PATIENCE_MS));
        for (int i = 0; i < 100; i++)
                kit_assert_good(hark_publish(rig.client, "chat.a", hark_text("x")));
        kit_until(rig.loop, record.n_delivered == 100);
        rig_end(&rig);
}
END_TEST

START_TEST(who_is_no_hub_refuses_publications)
{
        struct refusals refusals = {0};
        struct record own = {0};
        struct rig rig;

        start_with_refusals(&rig, NULL, &refusals);
        record_subscribe(&own, rig.client, ">");
        kit_assert_good(hark_publish(rig.client, "chat.a", hark_text("one")));
        kit_until(rig.loop, refusals.n == 1);
        ck_assert_str_eq(refusals.name, "chat.a");
        ck_assert_int_eq(refusals.status, HARK_UNIMPLEMENTED);
        rig_ask(&rig, "echo", "x");
        ck_assert_uint_eq(own.n_entries, 0);
        rig_end(&rig);
}
END_TEST

START_TEST(a_hook_decides_about_publications)
{
        struct wishes wishes = {.publication_status = HARK_APPLICATION + 5};
        struct refusals refusals = {0};
        struct record own = {0};
        struct rig rig;

        start_with_refusals(&rig, &wishes, &refusals);
        record_subscribe(&own, rig.client, ">");
        kit_assert_good(hark_publish(rig.client, "chat.a", hark_text("one")));
        kit_until(rig.loop, refusals.n == 1);
        ck_assert_int_eq(refusals.status, HARK_APPLICATION + 5);
        ck_assert_str_eq(rig_ask(&rig, "log", "%s", ""), "one;");
        ck_assert_uint_eq(own.n_entries, 0);
        rig_end(&rig);
}
END_TEST

CHAPTER(test_topics, a_subscriber_gets_what_its_filter_matches,
        the_same_filter_twice_is_two_subscriptions,
        notifications_come_in_order_and_numbered_without_holes,
        what_was_published_before_is_not_counted, a_subscription_may_stand_for_several_priorities,
        unsubscribing_ends_it_once_and_nothing_follows, unsubscribing_in_its_callback_ends_it_there,
        letting_go_of_the_client_ends_it, a_malformed_filter_is_refused,
        a_publisher_can_ask_whether_anybody_listens, a_subscriber_that_leaves_is_not_published_to,
        a_notification_may_be_as_large_as_any_message, a_hub_passes_on_what_clients_publish,
        a_hub_joins_its_clients, who_is_no_hub_refuses_publications,
        a_hook_decides_about_publications)
