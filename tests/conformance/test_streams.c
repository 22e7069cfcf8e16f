/* SPDX-License-Identifier: MIT */

/* Answers of many items: all of them, in order, each once, no faster than they are taken, and then
 * the end, once. */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "stream_record.h"
#include "tests.h"

#define COST 256 /* of an item, besides its size */

START_TEST(items_come_in_order_each_once_and_then_the_answer)
{
        struct stream_record stream = {.n_items = 0};
        struct rig rig;

        rig_start(&rig, NULL);
        stream_observe(&stream, rig.client, "items", "20000");
        stream_expect_end(&rig, &stream, 0);
        ck_assert_uint_eq(stream.n_items, 20000);
        ck_assert_uint_eq(stream.n_in_order, 20000);
        ck_assert_str_eq(stream.end.text, "20000");
        ck_assert_int_gt(rig_count(&rig, "held_up"), 0);
        rig_end(&rig);
}
END_TEST

START_TEST(items_of_any_size_come_whole)
{
        static const char *const sizes[] = {"9 1", "5 65536", "9 100000", "5 3000000"};
        struct rig rig;

        rig_start(&rig, NULL);
        for (size_t i = 0; i < COUNT(sizes); i++) {
                struct stream_record stream = {.n_items = 0};
                unsigned n = (unsigned)(sizes[i][0] - '0');

                stream_observe(&stream, rig.client, "items", sizes[i]);
                stream_expect_end(&rig, &stream, 0);
                ck_assert_uint_eq(stream.n_items, n);
                ck_assert_uint_eq(stream.n_in_order, n);
        }
        rig_end(&rig);
}
END_TEST

START_TEST(an_answer_without_items_is_just_the_answer)
{
        struct stream_record none = {.n_items = 0}, echo = {.n_items = 0};
        struct rig rig;

        rig_start(&rig, NULL);
        stream_observe(&none, rig.client, "items", "0");
        stream_observe(&echo, rig.client, "echo", "hello");
        stream_expect_end(&rig, &none, 0);
        stream_expect_end(&rig, &echo, 0);
        ck_assert_uint_eq(none.n_items, 0);
        ck_assert_str_eq(echo.end.text, "hello");
        rig_end(&rig);
}
END_TEST

START_TEST(a_failure_comes_behind_the_items_before_it)
{
        struct stream_record stream = {.n_items = 0};
        struct rig rig;

        rig_start(&rig, NULL);
        stream_observe(&stream, rig.client, "items", "3000 0 1005");
        stream_expect_end(&rig, &stream, 1005);
        ck_assert_uint_eq(stream.n_items, 3000);
        ck_assert_uint_eq(stream.n_in_order, 3000);
        rig_end(&rig);
}
END_TEST

/* --- at the consumer's pace ------------------------------------------------------------------- */

/* Whatever the producer pushes is under way, held here, or told. */
START_TEST(a_stopped_consumer_holds_up_its_producer)
{
        struct hark_client_params params = {.limits = {.window_size = 64 * 1024}};
        struct stream_record stream = {.n_items = 0};
        struct rig rig;
        long pushed;

        rig_serve(&rig, NULL);
        rig.client = rig_connect(&rig, &params);
        stream_observe(&stream, rig.client, "items", "1000 1000");
        kit_assert_good(hark_pause(rig.client, stream.id, true));
        while (rig_count(&rig, "held_up") == 0)
                ;
        /* And it stays held up, whatever else goes on. */
        for (int i = 0; i < 10; i++)
                rig_ask(&rig, "echo", "%d", i);
        pushed = rig_count(&rig, "pushed");
        ck_assert_int_ge(pushed * (1000 + COST), 64 * 1024);
        ck_assert_int_lt((pushed - 1) * (1000 + COST), 64 * 1024);
        ck_assert_int_eq(rig_count(&rig, "held_up"), 1);
        ck_assert_uint_eq(stream.n_items, 0);
        kit_assert_good(hark_pause(rig.client, stream.id, false));
        stream_expect_end(&rig, &stream, 0);
        ck_assert_uint_eq(stream.n_items, 1000);
        ck_assert_uint_eq(stream.n_in_order, 1000);
        rig_end(&rig);
}
END_TEST

START_TEST(a_flow_that_stops_again_and_again_loses_nothing)
{
        struct hark_client_params params = {.limits = {.window_size = 16 * 1024}};
        struct stream_record stream = {.pause_every = 7};
        struct rig rig;

        rig_serve(&rig, NULL);
        rig.client = rig_connect(&rig, &params);
        stream_observe(&stream, rig.client, "items", "1000 100");
        stream_expect_end(&rig, &stream, 0);
        ck_assert_uint_eq(stream.n_items, 1000);
        ck_assert_uint_eq(stream.n_in_order, 1000);
        rig_end(&rig);
}
END_TEST

START_TEST(an_item_larger_than_the_window_passes_alone)
{
        struct hark_client_params params = {.limits = {.window_size = 4096}};
        struct stream_record stream = {.n_items = 0};
        struct rig rig;

        rig_serve(&rig, NULL);
        rig.client = rig_connect(&rig, &params);
        stream_observe(&stream, rig.client, "items", "9 100000");
        stream_expect_end(&rig, &stream, 0);
        ck_assert_uint_eq(stream.n_in_order, 9);
        rig_end(&rig);
}
END_TEST

START_TEST(a_stopped_stream_holds_up_no_other)
{
        struct stream_record stopped = {.n_items = 0}, other = {.n_items = 0};
        struct rig rig;

        rig_start(&rig, NULL);
        stream_observe(&stopped, rig.client, "items", "100000 1000");
        kit_assert_good(hark_pause(rig.client, stopped.id, true));
        stream_observe(&other, rig.client, "items", "5000 1000");
        stream_expect_end(&rig, &other, 0);
        ck_assert_uint_eq(other.n_in_order, 5000);
        ck_assert_uint_eq(stopped.n_items, 0);
        kit_assert_good(hark_cancel(rig.client, stopped.id));
        stream_expect_end(&rig, &stopped, -ECANCELED);
        rig_end(&rig);
}
END_TEST

START_TEST(an_answer_waits_behind_what_is_held)
{
        struct stream_record stream = {.n_items = 0};
        struct rig rig;

        rig_start(&rig, NULL);
        stream_observe(&stream, rig.client, "items", "10");
        kit_assert_good(hark_pause(rig.client, stream.id, true));
        while (rig_count(&rig, "pushed") < 10)
                ;
        rig_ask(&rig, "echo", "%s", "");
        ck_assert_uint_eq(stream.n_items + stream.end.n, 0);
        kit_assert_good(hark_pause(rig.client, stream.id, false));
        stream_expect_end(&rig, &stream, 0);
        ck_assert_uint_eq(stream.n_in_order, 10);
        rig_end(&rig);
}
END_TEST

/* --- ends ------------------------------------------------------------------------------------- */

START_TEST(a_cancel_ends_a_stream_at_both_sides)
{
        struct stream_record stream = {.cancel_at = 100};
        struct rig rig;

        rig_start(&rig, NULL);
        stream_observe(&stream, rig.client, "items", "1000000000 1000");
        stream_expect_end(&rig, &stream, -ECANCELED);
        ck_assert_uint_eq(stream.n_items, 100);
        while (rig_count(&rig, "cancelled") == 0)
                ;
        ck_assert_int_eq(rig_count(&rig, "cancelled"), 1);
        ck_assert_int_eq(rig_count(&rig, "cancel_reason"), -ECANCELED);
        ck_assert_int_eq(rig_count(&rig, "late_push"), -ECANCELED);
        ck_assert_uint_eq(stream.n_items, 100);
        kit_assert_result(hark_cancel(rig.client, stream.id), -ENOENT);
        kit_assert_result(hark_pause(rig.client, stream.id, true), -ENOENT);
        rig_end(&rig);
}
END_TEST

START_TEST(a_deadline_ends_a_stopped_stream_at_both_sides)
{
        struct ending end = {0};
        struct rig rig;
        uint64_t id;

        rig_start(&rig, NULL);
        kit_assert_good(hark_observe(rig.client, "items", hark_text("1000000000 1000"), 100,
                                     rig_note_end, &end, &id));
        kit_assert_good(hark_pause(rig.client, id, true));
        rig_expect_end(&rig, &end, -ETIMEDOUT);
        while (rig_count(&rig, "cancelled") == 0)
                ;
        ck_assert_int_eq(rig_count(&rig, "cancel_reason"), -ETIMEDOUT);
        rig_end(&rig);
}
END_TEST

START_TEST(a_service_that_goes_away_ends_its_streams_once)
{
        struct stream_record stream = {.n_items = 0}, stopped = {.n_items = 0};
        struct rig rig;

        if (setting.is_here)
                rig_start(&rig, NULL);
        else
                rig_start_apart(&rig, NULL, NULL);
        stream_observe(&stopped, rig.client, "items", "1000000000 1000");
        kit_assert_good(hark_pause(rig.client, stopped.id, true));
        while (rig_count(&rig, "held_up") == 0)
                ;
        stream_observe(&stream, rig.client, "items", "1000000000 1000");
        kit_until(rig.loop, stream.n_items > 10);
        rig_go_away(&rig);
        stream_expect_end(&rig, &stream, -ECONNRESET);
        ck_assert_uint_eq(stream.n_in_order, stream.n_items);
        kit_assert_good(hark_pause(rig.client, stopped.id, false));
        stream_expect_end(&rig, &stopped, -ECONNRESET);
        ck_assert_uint_gt(stopped.n_items, 0);
        ck_assert_uint_eq(stopped.n_in_order, stopped.n_items);
        rig_end(&rig);
}
END_TEST

START_TEST(a_stream_that_has_begun_is_not_begun_anew)
{
        struct hark_client_params params = {.retry_min_ms = 1, .retry_max_ms = 50};
        struct hark_payload question = hark_text("1000000000 1000");
        struct stream_record stream = {.n_items = 0};
        struct rig rig;

        if (!rig_can_come_back())
                fixture_skip("nobody can come again: there is no address to return to");
        if (setting.is_here) {
                rig_serve(&rig, NULL);
                rig.client = rig_connect(&rig, &params);
        } else {
                rig_start_apart(&rig, NULL, &params);
        }
        question.is_idempotent = true;
        stream_observe_payload(&stream, rig.client, "items", question);
        kit_assert_good(hark_pause(rig.client, stream.id, true));
        while (rig_count(&rig, "held_up") == 0)
                ;
        rig_go_away(&rig);
        rig_come_back(&rig);
        kit_until(rig.loop, hark_client_state(rig.client) != HARK_CONNECTED);
        kit_until(rig.loop, hark_client_state(rig.client) == HARK_CONNECTED);
        ck_assert_int_eq(rig_count(&rig, "pushed"), 0);
        kit_assert_good(hark_pause(rig.client, stream.id, false));
        stream_expect_end(&rig, &stream, -ECONNRESET);
        ck_assert_uint_gt(stream.n_items, 0);
        ck_assert_uint_eq(stream.n_in_order, stream.n_items);
        rig_end(&rig);
}
END_TEST

START_TEST(a_client_that_goes_away_ends_its_streams_once)
{
        struct stream_record stream = {.n_items = 0}, stopped = {.n_items = 0};
        hark_client *client;
        struct rig rig;

        rig_need_several_clients();
        rig_start(&rig, NULL);
        client = rig_connect(&rig, NULL);
        /* The other one's items show that this one's request has reached its handler, too. */
        stream_observe(&stopped, client, "items", "1000000000 1000");
        kit_assert_good(hark_pause(client, stopped.id, true));
        stream_observe(&stream, client, "items", "1000000000 1000");
        kit_until(rig.loop, stream.n_items > 10);
        rig_drop(&rig, client);
        ck_assert_uint_eq(stream.end.n, 1);
        kit_assert_result(stream.end.result, -ECANCELED);
        kit_assert_result(stopped.end.result, -ECANCELED);
        while (rig_count(&rig, "cancelled") < 2)
                ;
        ck_assert_int_eq(rig_count(&rig, "cancelled"), 2);
        rig_end(&rig);
}
END_TEST

START_TEST(a_call_to_a_method_of_items_ends_at_once)
{
        struct ending end = {0};
        struct rig rig;

        rig_start(&rig, NULL);
        kit_assert_result(rig_call(&rig, "items", hark_text("1000000000"), KIT_PATIENCE_MS, NULL),
                          HARK_NEEDS_OBSERVE);
        rig_invoke(&rig, "items", "1000000000", &end);
        rig_expect_end(&rig, &end, HARK_NEEDS_OBSERVE);
        kit_assert_result(rig_call(&rig, "push_and_forget", HARK_NOTHING, KIT_PATIENCE_MS, NULL),
                          HARK_NEEDS_OBSERVE);
        ck_assert_int_eq(rig_count(&rig, "pushed_at_once"), -EOPNOTSUPP);
        kit_assert_good(hark_send(rig.client, "items", hark_text("1000000000")));
        ck_assert_int_eq(rig_count(&rig, "pushed"), 0);
        rig_end(&rig);
}
END_TEST

/* --- what goes with them ---------------------------------------------------------------------- */

static void read_number(int result, hark_message *item, void *userdata)
{
        unsigned *n = userdata;
        char text[16] = "";
        int fd;

        if (result != HARK_MORE) {
                kit_assert_good(result);
                *n += 1000;
                return;
        }
        fd = hark_message_take_fd(item, 0);
        kit_assert(fd >= 0);
        kit_assert(pread(fd, text, sizeof(text) - 1, 0) > 0);
        close(fd);
        ck_assert_str_eq(text, hark_message_text(item));
        ++*n;
}

START_TEST(each_item_has_its_own_file)
{
        unsigned n = 0;
        struct rig rig;

        rig_need(HARK_CAN_PASS_FDS);
        rig_start(&rig, NULL);
        kit_assert_good(hark_observe(rig.client, "items_with_files", hark_text("100"),
                                     KIT_PATIENCE_MS, read_number, &n, NULL));
        kit_until(rig.loop, n >= 1000);
        ck_assert_uint_eq(n, 1100);
        rig_end(&rig);
}
END_TEST

/* A window of the usual size has room for 16 fds. */
START_TEST(files_of_a_stopped_consumer_are_few)
{
        struct stream_record stream = {.n_items = 0};
        struct rig rig;

        rig_need(HARK_CAN_PASS_FDS);
        rig_start(&rig, NULL);
        stream_observe(&stream, rig.client, "items_with_files", "100");
        kit_assert_good(hark_pause(rig.client, stream.id, true));
        while (rig_count(&rig, "held_up") == 0)
                ;
        ck_assert_int_eq(rig_count(&rig, "pushed"), 16);
        kit_assert_good(hark_pause(rig.client, stream.id, false));
        stream_expect_end(&rig, &stream, 0);
        ck_assert_uint_eq(stream.n_in_order, 100);
        rig_end(&rig);
}
END_TEST

START_TEST(many_streams_go_on_beside_one_another)
{
        static struct stream_record streams[50];
        struct rig rig;

        rig_start(&rig, NULL);
        for (size_t i = 0; i < COUNT(streams); i++)
                stream_observe(&streams[i], rig.client, "items", "500 100");
        for (size_t i = 0; i < COUNT(streams); i++) {
                stream_expect_end(&rig, &streams[i], 0);
                ck_assert_uint_eq(streams[i].n_items, 500);
                ck_assert_uint_eq(streams[i].n_in_order, 500);
        }
        rig_end(&rig);
}
END_TEST

CHAPTER(test_streams, items_come_in_order_each_once_and_then_the_answer,
        items_of_any_size_come_whole, an_answer_without_items_is_just_the_answer,
        a_failure_comes_behind_the_items_before_it, a_stopped_consumer_holds_up_its_producer,
        a_flow_that_stops_again_and_again_loses_nothing,
        an_item_larger_than_the_window_passes_alone, a_stopped_stream_holds_up_no_other,
        an_answer_waits_behind_what_is_held, a_cancel_ends_a_stream_at_both_sides,
        a_deadline_ends_a_stopped_stream_at_both_sides,
        a_service_that_goes_away_ends_its_streams_once, a_stream_that_has_begun_is_not_begun_anew,
        a_client_that_goes_away_ends_its_streams_once, a_call_to_a_method_of_items_ends_at_once,
        each_item_has_its_own_file, files_of_a_stopped_consumer_are_few,
        many_streams_go_on_beside_one_another)
