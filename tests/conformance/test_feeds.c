/* SPDX-License-Identifier: MIT */

/* Questions of many items: all of them, in order, each once, no faster than the handler takes
 * them. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "stream_record.h"
#include "tests.h"

#define COST 256 /* of an item, besides its size */

START_TEST(a_question_of_many_items_has_one_answer)
{
        struct stream_record feed = {.n_to_feed = 20000, .feed_size = 8};
        struct rig rig;

        rig_start(&rig, NULL);
        stream_feed(&feed, rig.client, "collect", false);
        stream_expect_end(&rig, &feed, 0);
        ck_assert_str_eq(feed.end.text, "20000 20000 160000");
        ck_assert_uint_gt(feed.n_rooms, 0);
        kit_assert_result(hark_feed(rig.client, feed.id, HARK_NOTHING), -ENOENT);
        kit_assert_result(hark_feed_end(rig.client, feed.id), -ENOENT);
        rig_end(&rig);
}
END_TEST

START_TEST(fed_items_of_any_size_come_whole)
{
        static const size_t sizes[] = {1, 65536, 100000, 3000000};
        struct rig rig;

        rig_start(&rig, NULL);
        for (size_t i = 0; i < COUNT(sizes); i++) {
                struct stream_record feed = {.n_to_feed = 5, .feed_size = sizes[i]};
                char expected[64];

                stream_feed(&feed, rig.client, "collect", false);
                stream_expect_end(&rig, &feed, 0);
                snprintf(expected, sizeof(expected), "5 5 %zu", 5 * sizes[i]);
                ck_assert_str_eq(feed.end.text, expected);
        }
        rig_end(&rig);
}
END_TEST

START_TEST(a_question_that_could_have_items_may_have_none)
{
        struct stream_record feed = {.n_to_feed = 0};
        struct ending end = {0};
        struct rig rig;

        rig_start(&rig, NULL);
        stream_feed(&feed, rig.client, "collect", false);
        stream_expect_end(&rig, &feed, 0);
        ck_assert_str_eq(feed.end.text, "0 0 0");
        rig_invoke(&rig, "collect", "", &end);
        rig_expect_end(&rig, &end, 0);
        ck_assert_str_eq(end.text, "0 0 0");
        rig_end(&rig);
}
END_TEST

START_TEST(items_may_be_fed_before_the_connection_stands)
{
        struct stream_record feed = {.n_to_feed = 100, .feed_size = 100}, none = {.n_to_feed = 0};
        hark_client *client;
        struct rig rig;

        rig_serve(&rig, NULL);
        kit_assert_good(rig_begin_connect(&rig, rig.loop, NULL, &client));
        stream_feed(&feed, client, "collect", false);
        stream_feed(&none, client, "collect", false);
        kit_assert_result(feed.feed_result, -EAGAIN);
        stream_expect_end(&rig, &feed, 0);
        stream_expect_end(&rig, &none, 0);
        ck_assert_str_eq(feed.end.text, "100 100 10000");
        ck_assert_str_eq(none.end.text, "0 0 0");
        hark_client_unref(client);
        rig_end(&rig);
}
END_TEST

START_TEST(items_may_be_fed_while_a_server_is_waited_for)
{
        struct hark_client_params params = {
                .wait_ms = KIT_PATIENCE_MS, .retry_min_ms = 1, .retry_max_ms = 50};
        struct stream_record feed = {.n_to_feed = 100, .feed_size = 100}, none = {.n_to_feed = 0},
                             both = {.n_to_feed = 10, .feed_size = 5};
        struct rig rig;

        if (!rig_can_come_back())
                fixture_skip("nobody can come again: there is no address to return to");
        if (setting.is_here) {
                rig_serve(&rig, NULL);
                rig.client = rig_connect(&rig, &params);
        } else {
                rig_start_apart(&rig, NULL, &params);
        }
        rig_go_away(&rig);
        kit_until(rig.loop, hark_client_state(rig.client) != HARK_CONNECTED);
        stream_feed(&feed, rig.client, "collect", false);
        stream_feed(&none, rig.client, "collect", false);
        stream_feed(&both, rig.client, "mirror", true);
        kit_assert_good(hark_pause(rig.client, both.id, true));
        kit_assert_good(hark_pause(rig.client, both.id, false));
        rig_come_back(&rig);
        stream_expect_end(&rig, &feed, 0);
        stream_expect_end(&rig, &none, 0);
        stream_expect_end(&rig, &both, 0);
        ck_assert_str_eq(feed.end.text, "100 100 10000");
        ck_assert_str_eq(none.end.text, "0 0 0");
        ck_assert_uint_eq(both.n_in_order, 10);
        rig_end(&rig);
}
END_TEST

START_TEST(a_stopped_handler_holds_up_who_feeds_it)
{
        struct wishes wishes = {.limits = {.window_size = 64 * 1024}};
        struct stream_record feed = {.n_to_feed = 1000, .feed_size = 1000};
        struct rig rig;

        rig_start(&rig, &wishes);
        stream_feed(&feed, rig.client, "collect_later", false);
        kit_assert_result(feed.feed_result, -EAGAIN);
        for (int i = 0; i < 10; i++)
                rig_ask(&rig, "echo", "%s", "");
        ck_assert_uint_ge(feed.n_fed * (1000 + COST), 64 * 1024);
        ck_assert_uint_lt((feed.n_fed - 1) * (1000 + COST), 64 * 1024);
        ck_assert_int_eq(rig_count(&rig, "collected"), 0);
        ck_assert_uint_eq(feed.n_rooms, 0);
        rig_ask(&rig, "go_on", "%s", "");
        stream_expect_end(&rig, &feed, 0);
        ck_assert_str_eq(feed.end.text, "1000 1000 1000000");
        rig_end(&rig);
}
END_TEST

START_TEST(a_handler_may_answer_in_the_middle)
{
        struct stream_record feed = {.n_to_feed = 1000000, .feed_size = 1000};
        struct rig rig;

        rig_start(&rig, NULL);
        stream_feed(&feed, rig.client, "collect_one", false);
        stream_expect_end(&rig, &feed, 0);
        ck_assert_str_eq(feed.end.text, "0 0 0");
        kit_assert_result(hark_feed(rig.client, feed.id, HARK_NOTHING), -ENOENT);
        ck_assert_str_eq(rig_ask(&rig, "echo", "%s", "still there"), "still there");
        rig_end(&rig);
}
END_TEST

START_TEST(items_that_nobody_takes_are_dropped)
{
        struct wishes wishes = {.limits = {.window_size = 16 * 1024}};
        struct stream_record feed = {.n_to_feed = 1000, .feed_size = 1000};
        struct rig rig;

        rig_start(&rig, &wishes);
        stream_feed(&feed, rig.client, "collect_nothing", false);
        kit_until(rig.loop, feed.n_fed == 1000);
        rig_ask(&rig, "answer_it", "%s", "");
        stream_expect_end(&rig, &feed, 0);
        rig_end(&rig);
}
END_TEST

START_TEST(a_cancel_ends_a_feed_at_both_sides)
{
        struct stream_record feed = {.n_to_feed = 1000000, .feed_size = 1000};
        struct rig rig;

        rig_start(&rig, NULL);
        stream_feed(&feed, rig.client, "collect_later", false);
        kit_until(rig.loop, feed.feed_result == -EAGAIN);
        kit_assert_good(hark_cancel(rig.client, feed.id));
        kit_assert_result(hark_feed(rig.client, feed.id, HARK_NOTHING), -ENOENT);
        ck_assert_uint_eq(feed.end.n, 0);
        kit_until(rig.loop, feed.end.n == 1);
        while (!rig.service && rig_count(&rig, "cancelled") == 0 && feed.end.result == -ECANCELED)
                ;
        kit_assert(feed.end.result == -ECANCELED || feed.end.result == -ENOTCONN);
        ck_assert_int_eq(rig_count(&rig, "collected"), 0);
        rig_end(&rig);
}
END_TEST

/* The window of one stream is within what the connection takes; those of all of them are not. */
START_TEST(items_beyond_what_a_connection_takes_end_their_request)
{
        struct wishes wishes = {.limits = {.message_size = 64 * 1024,
                                           .received_size = 256 * 1024,
                                           .window_size = 128 * 1024}};
        struct stream_record feeds[4] = {{0}};
        unsigned n_refused = 0, n_ended;
        struct rig rig;

        rig_start(&rig, &wishes);
        for (size_t i = 0; i < COUNT(feeds); i++) {
                feeds[i] = (struct stream_record){.n_to_feed = 1000, .feed_size = 10000};
                stream_feed(&feeds[i], rig.client, "collect_later", false);
        }
        kit_until(rig.loop, feeds[0].end.n + feeds[1].end.n + feeds[2].end.n + feeds[3].end.n > 0);
        ck_assert_str_eq(rig_ask(&rig, "echo", "%s", "still there"), "still there");
        n_ended = 0;
        for (size_t i = 0; i < COUNT(feeds); i++) {
                n_ended += feeds[i].end.n;
                n_refused += feeds[i].end.n == 1 && feeds[i].end.result == HARK_RESOURCE_EXHAUSTED;
        }
        ck_assert_uint_eq(n_ended, n_refused);
        /* One that was refused before its handler's turn has no handler to be told. */
        if (rig_count(&rig, "cancelled") > 0)
                ck_assert_int_eq(rig_count(&rig, "cancel_reason"), -EDQUOT);
        rig_end(&rig);
}
END_TEST

START_TEST(both_may_send_items_at_the_same_time)
{
        struct wishes wishes = {.limits = {.window_size = 16 * 1024}};
        struct hark_client_params params = {.limits = {.window_size = 8 * 1024}};
        struct stream_record both = {.n_to_feed = 2000, .feed_size = 1000, .pause_every = 13};
        struct rig rig;

        rig_serve(&rig, &wishes);
        rig.client = rig_connect(&rig, &params);
        stream_feed(&both, rig.client, "mirror", true);
        stream_expect_end(&rig, &both, 0);
        ck_assert_uint_eq(both.n_items, 2000);
        ck_assert_uint_eq(both.n_in_order, 2000);
        ck_assert_str_eq(both.end.text, "2000 0 0");
        rig_end(&rig);
}
END_TEST

START_TEST(only_questions_have_a_feed)
{
        struct hark_payload payload = hark_text("echo");
        struct ending end = {0};
        struct rig rig;
        uint64_t id;

        payload.has_feed = true;
        rig_start(&rig, NULL);
        kit_assert_result(hark_call(rig.client, "echo", payload, 1000, NULL), -EINVAL);
        kit_assert_result(hark_send(rig.client, "echo", payload), -EINVAL);
        kit_assert_result(hark_publish(rig.client, "echo", payload), -EINVAL);
        id = rig_invoke(&rig, "echo", "", &end);
        kit_assert_result(hark_feed(rig.client, id, HARK_NOTHING), -EINVAL);
        kit_assert_result(hark_feed_end(rig.client, id), -EINVAL);
        kit_assert_result(hark_pause(rig.client, id, true), -EINVAL);
        kit_assert_result(hark_pause(rig.client, id + 1, true), -ENOENT);
        rig_expect_end(&rig, &end, 0);
        rig_end(&rig);
}
END_TEST

CHAPTER(test_feeds, a_question_of_many_items_has_one_answer, fed_items_of_any_size_come_whole,
        a_question_that_could_have_items_may_have_none,
        items_may_be_fed_before_the_connection_stands,
        items_may_be_fed_while_a_server_is_waited_for, a_stopped_handler_holds_up_who_feeds_it,
        a_handler_may_answer_in_the_middle, items_that_nobody_takes_are_dropped,
        a_cancel_ends_a_feed_at_both_sides, items_beyond_what_a_connection_takes_end_their_request,
        both_may_send_items_at_the_same_time, only_questions_have_a_feed)
