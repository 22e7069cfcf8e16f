/* SPDX-License-Identifier: MIT */

/* Deadlines and cancels: they end a call at both sides, each once. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests.h"

/* --- deadlines -------------------------------------------------------------------------------- */

START_TEST(a_deadline_ends_the_call_at_both_sides)
{
        struct ending end = {0};
        struct rig rig;

        rig_start(&rig, NULL);
        kit_assert_good(
                hark_invoke(rig.client, "keep", HARK_NOTHING, 30, rig_note_end, &end, NULL));
        rig_expect_end(&rig, &end, -ETIMEDOUT);
        while (rig_count(&rig, "cancelled") == 0)
                ;
        ck_assert_int_eq(rig_count(&rig, "cancel_reason"), -ETIMEDOUT);
        ck_assert_int_eq(rig_count(&rig, "late_reply"), -ETIMEDOUT);
        ck_assert_int_eq(rig_count(&rig, "cancelled"), 1);
        ck_assert_uint_eq(end.n, 1);
        rig_end(&rig);
}
END_TEST

/* The caller does not run, and so can not say that its time is over. */
START_TEST(a_deadline_is_kept_by_the_server_alone)
{
        hark_loop *loop = NULL;
        hark_client *sleeper;
        struct ending end = {0};
        struct rig rig;

        rig_need_several_clients();
        rig_start(&rig, NULL);
        kit_assert_good(hark_loop_new(&loop));
        sleeper = rig_connect_sleeper(&rig, loop);
        kit_assert_good(hark_invoke(sleeper, "keep", HARK_NOTHING, 30, rig_note_end, &end, NULL));
        kit_step(loop, kit_now_ms());
        while (rig_count(&rig, "cancelled") == 0)
                ;
        ck_assert_int_eq(rig_count(&rig, "cancel_reason"), -ETIMEDOUT);
        ck_assert_uint_eq(end.n, 0);
        kit_until(loop, end.n == 1);
        kit_assert_result(end.result, -ETIMEDOUT);
        hark_client_unref(sleeper);
        hark_loop_unref(loop);
        rig_end(&rig);
}
END_TEST

START_TEST(a_waiting_call_ends_by_its_deadline)
{
        uint64_t began_ms;
        struct rig rig;

        rig_start(&rig, NULL);
        began_ms = kit_now_ms();
        kit_assert_result(rig_call(&rig, "keep", HARK_NOTHING, 30, NULL), -ETIMEDOUT);
        ck_assert_uint_ge(kit_now_ms() - began_ms, 29);
        rig_ask(&rig, "let_go", "%s", "");
        rig_end(&rig);
}
END_TEST

START_TEST(a_handler_sees_the_time_that_is_left_shrink)
{
        int first_ms = 0, second_ms = 0;
        hark_message *reply = NULL;
        struct rig rig;

        rig_start(&rig, NULL);
        kit_assert_good(rig_call(&rig, "time_left", HARK_NOTHING, 8000, &reply));
        ck_assert_int_eq(sscanf(hark_message_text(reply), "%d %d", &first_ms, &second_ms), 2);
        ck_assert_int_le(first_ms, 8000);
        ck_assert_int_gt(first_ms, 4000);
        ck_assert_int_le(second_ms, first_ms - 9);
        hark_message_unref(reply);
        rig_end(&rig);
}
END_TEST

START_TEST(a_call_without_a_deadline_has_for_ever)
{
        hark_message *reply = NULL;
        char expected[32];
        struct rig rig;

        rig_start(&rig, NULL);
        kit_assert_good(rig_call(&rig, "time_left", HARK_NOTHING, HARK_FOREVER, &reply));
        snprintf(expected, sizeof(expected), "%d %d", HARK_FOREVER, HARK_FOREVER);
        ck_assert_str_eq(hark_message_text(reply), expected);
        hark_message_unref(reply);
        rig_end(&rig);
}
END_TEST

START_TEST(no_time_at_all_is_over_at_once)
{
        struct ending end = {0};
        struct rig rig;

        rig_start(&rig, NULL);
        kit_assert_result(hark_call(rig.client, "echo", HARK_NOTHING, 0, NULL), -ETIMEDOUT);
        kit_assert_good(hark_invoke(rig.client, "keep", HARK_NOTHING, 0, rig_note_end, &end, NULL));
        ck_assert_uint_eq(end.n, 0);
        rig_expect_end(&rig, &end, -ETIMEDOUT);
        rig_ask(&rig, "let_go", "%s", "");
        ck_assert_uint_eq(end.n, 1);
        rig_end(&rig);
}
END_TEST

/* --- cancels ---------------------------------------------------------------------------------- */

START_TEST(a_cancel_reaches_the_handler)
{
        struct ending end = {0};
        struct rig rig;
        uint64_t id;

        rig_start(&rig, NULL);
        id = rig_invoke(&rig, "keep", "", &end);
        ck_assert_int_eq(rig_count(&rig, "kept"), 1);
        kit_assert_good(hark_cancel(rig.client, id));
        ck_assert_uint_eq(end.n, 0);
        rig_expect_end(&rig, &end, -ECANCELED);
        ck_assert_int_eq(rig_count(&rig, "cancelled"), 1);
        ck_assert_int_eq(rig_count(&rig, "cancel_reason"), -ECANCELED);
        ck_assert_int_eq(rig_count(&rig, "late_reply"), -ECANCELED);
        kit_assert_result(hark_cancel(rig.client, id), -ENOENT);
        ck_assert_uint_eq(end.n, 1);
        rig_end(&rig);
}
END_TEST

START_TEST(what_is_cancelled_before_it_leaves_was_never_sent)
{
        struct ending end = {0};
        struct rig rig;

        rig_start(&rig, NULL);
        kit_assert_good(hark_cancel(rig.client, rig_invoke(&rig, "keep", "", &end)));
        rig_expect_end(&rig, &end, -ENOTCONN);
        ck_assert_int_eq(rig_count(&rig, "kept"), 0);
        rig_end(&rig);
}
END_TEST

START_TEST(a_call_that_has_ended_can_not_be_cancelled)
{
        struct ending end = {0};
        struct rig rig;
        uint64_t id;

        rig_start(&rig, NULL);
        id = rig_invoke(&rig, "echo", "", &end);
        rig_expect_end(&rig, &end, 0);
        kit_assert_result(hark_cancel(rig.client, id), -ENOENT);
        kit_assert_result(hark_cancel(rig.client, id + 1000), -ENOENT);
        kit_settle(rig.loop);
        ck_assert_uint_eq(end.n, 1);
        rig_end(&rig);
}
END_TEST

/* The answer may be on its way already: either end may come, but only one. */
START_TEST(a_cancel_and_an_answer_that_meet_are_one_end)
{
        struct ending ends[200] = {{0}};
        uint64_t ids[COUNT(ends)];
        struct rig rig;

        rig_start(&rig, NULL);
        for (size_t i = 0; i < COUNT(ends); i++)
                ids[i] = rig_invoke(&rig, i % 2 ? "echo" : "later", "", &ends[i]);
        kit_step(rig.loop, kit_now_ms());
        for (size_t i = 0; i < COUNT(ends); i++)
                hark_cancel(rig.client, ids[i]);
        rig_ask(&rig, "later", "%s", "");
        kit_settle(rig.loop);
        for (size_t i = 0; i < COUNT(ends); i++) {
                ck_assert_uint_eq(ends[i].n, 1);
                ck_assert(ends[i].result == 0 || ends[i].result == -ECANCELED ||
                          ends[i].result == -ENOTCONN);
        }
        rig_end(&rig);
}
END_TEST

START_TEST(a_large_request_can_be_cancelled_half_way)
{
        size_t size = 8 * 1024 * 1024;
        uint8_t *bytes = kit_pattern(size);
        struct ending end = {0};
        struct rig rig;
        uint64_t id;

        rig_start(&rig, NULL);
        for (int i = 0; i < 5; i++) {
                end.n = 0;
                kit_assert_good(hark_invoke(rig.client, "keep", hark_bytes(bytes, size),
                                            KIT_PATIENCE_MS, rig_note_end, &end, &id));
                for (int steps = 0; steps < i; steps++)
                        kit_step(rig.loop, kit_now_ms());
                kit_assert_good(hark_cancel(rig.client, id));
                kit_until(rig.loop, end.n == 1);
                ck_assert(end.result == -ECANCELED || end.result == -ENOTCONN);
                ck_assert_str_eq(rig_ask(&rig, "echo", "%s", "next"), "next");
        }
        rig_ask(&rig, "let_go", "%s", "");
        rig_end(&rig);
        free(bytes);
}
END_TEST

CHAPTER(test_endings, a_deadline_ends_the_call_at_both_sides,
        a_deadline_is_kept_by_the_server_alone, a_waiting_call_ends_by_its_deadline,
        a_handler_sees_the_time_that_is_left_shrink, a_call_without_a_deadline_has_for_ever,
        no_time_at_all_is_over_at_once, a_cancel_reaches_the_handler,
        what_is_cancelled_before_it_leaves_was_never_sent,
        a_call_that_has_ended_can_not_be_cancelled, a_cancel_and_an_answer_that_meet_are_one_end,
        a_large_request_can_be_cancelled_half_way)
