/* SPDX-License-Identifier: MIT */

/*
 * What goes along when a handler asks in turn: over three processes, of which the first and the
 * third are clients that serve, and the service in between relays.
 *
 *         first: this one <----> service <----> third
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests.h"

#define SHORT_MS 100

struct line {
        struct rig rig;
        struct service *ours;
};

static void start(struct line *line, bool has_third)
{
        struct hark_client_params params = {.name = "first"};
        static const struct wishes none;

        if (has_third)
                rig_need_several_clients();
        rig_serve_apart(&line->rig, NULL);
        if (has_third)
                rig_join(&line->rig, "third");
        line->ours = service_new(line->rig.loop, &none);
        params.serves = service_server(line->ours);
        line->rig.client = rig_connect(&line->rig, &params);
}

static void end(struct line *line)
{
        rig_end(&line->rig);
        service_free(line->ours);
}

/* Until the third has counted so many of them. */
static void wait_for_third(struct line *line, const char *counter, long n)
{
        uint64_t end_ms = kit_now_ms() + KIT_PATIENCE_MS;

        while (strtol(rig_ask(&line->rig, "relay", "third detached count %s", counter), NULL, 10) <
               n)
                kit_assert_msg(kit_now_ms() < end_ms, "the third has never %s", counter);
}

/* --- deadlines and cancels -------------------------------------------------------------------- */

START_TEST(a_handler_further_on_has_the_time_that_is_left)
{
        hark_message *reply = NULL;
        struct line line;

        start(&line, true);
        kit_assert_good(
                rig_call(&line.rig, "relay", hark_text("third plain time_left"), 60000, &reply));
        ck_assert_int_gt(atoi(hark_message_text(reply)), 0);
        ck_assert_int_le(atoi(hark_message_text(reply)), 60000);
        hark_message_unref(reply);
        end(&line);
}
END_TEST

START_TEST(a_detached_call_has_its_own_time)
{
        hark_message *reply = NULL;
        struct line line;

        start(&line, true);
        kit_assert_good(
                rig_call(&line.rig, "relay", hark_text("third detached time_left"), 60000, &reply));
        ck_assert_int_eq(atoi(hark_message_text(reply)), HARK_FOREVER);
        hark_message_unref(reply);
        end(&line);
}
END_TEST

START_TEST(a_deadline_ends_all_that_hangs_on_it)
{
        struct line line;

        start(&line, true);
        kit_assert_result(
                rig_call(&line.rig, "relay", hark_text("third plain keep"), SHORT_MS, NULL),
                -ETIMEDOUT);
        /* None, if it came so late that there was no time left. */
        wait_for_third(&line, "cancelled",
                       strtol(rig_ask(&line.rig, "relay", "third plain count kept"), NULL, 10));
        end(&line);
}
END_TEST

START_TEST(a_waiting_call_in_a_handler_ends_with_the_time_of_its_caller)
{
        struct line line;

        start(&line, true);
        kit_assert_result(
                rig_call(&line.rig, "relay", hark_text("third call keep"), SHORT_MS, NULL),
                -ETIMEDOUT);
        ck_assert_str_eq(rig_ask(&line.rig, "echo", "free again"), "free again");
        end(&line);
}
END_TEST

static uint64_t keep_at_third(struct line *line, hark_client *client, const char *wish,
                              struct ending *ending)
{
        char text[64];
        uint64_t id;

        snprintf(text, sizeof(text), "third %s keep", wish);
        kit_assert_good(hark_invoke(client, "relay", hark_text(text), KIT_PATIENCE_MS, rig_note_end,
                                    ending, &id));
        wait_for_third(line, "kept", 1);
        return id;
}

START_TEST(a_cancel_reaches_the_last_handler)
{
        struct ending ending = {0};
        struct line line;
        uint64_t id;

        start(&line, true);
        id = keep_at_third(&line, line.rig.client, "parent", &ending);
        kit_assert_good(hark_cancel(line.rig.client, id));
        rig_expect_end(&line.rig, &ending, -ECANCELED);
        wait_for_third(&line, "cancelled", 1);
        ck_assert_str_eq(rig_ask(&line.rig, "relay", "third plain count cancel_reason"), "-125");
        end(&line);
}
END_TEST

START_TEST(a_cancel_ends_a_call_that_waits_on_its_behalf)
{
        struct ending ending = {0};
        struct line line;
        uint64_t id;

        start(&line, false);
        id = rig_invoke(&line.rig, "relay", "- parent_call keep", &ending);
        kit_until(line.rig.loop, service_get(line.ours, "kept") == 1);
        kit_assert_good(hark_cancel(line.rig.client, id));
        rig_expect_end(&line.rig, &ending, -ECANCELED);
        kit_until(line.rig.loop, service_get(line.ours, "cancelled") == 1);
        ck_assert_str_eq(rig_ask(&line.rig, "echo", "free again"), "free again");
        end(&line);
}
END_TEST

START_TEST(a_caller_s_end_reaches_the_last_handler)
{
        struct ending ending = {0};
        struct line line;
        hark_client *other;

        start(&line, true);
        other = rig_connect(&line.rig, NULL);
        keep_at_third(&line, other, "parent", &ending);
        rig_drop(&line.rig, other);
        ck_assert_uint_eq(ending.n, 1);
        wait_for_third(&line, "cancelled", 1);
        end(&line);
}
END_TEST

START_TEST(a_cancel_does_not_go_on_without_a_parent)
{
        struct ending ending = {0};
        struct line line;
        uint64_t id;

        start(&line, true);
        id = keep_at_third(&line, line.rig.client, "plain", &ending);
        kit_assert_good(hark_cancel(line.rig.client, id));
        rig_expect_end(&line.rig, &ending, -ECANCELED);
        rig_ask(&line.rig, "echo", "%s", "");
        ck_assert_str_eq(rig_ask(&line.rig, "relay", "third plain count cancelled"), "0");
        rig_ask(&line.rig, "relay", "third plain let_go");
        end(&line);
}
END_TEST

/* --- traces ----------------------------------------------------------------------------------- */

START_TEST(a_trace_goes_along_to_the_last)
{
        struct hark_payload payload = hark_text("third plain relay - plain trace");
        static const char trace[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        hark_message *reply = NULL;
        struct line line;

        start(&line, true);
        payload.trace = trace;
        kit_assert_good(rig_call(&line.rig, "relay", payload, KIT_PATIENCE_MS, &reply));
        ck_assert_str_eq(hark_message_text(reply), trace);
        hark_message_unref(reply);
        ck_assert_str_eq(rig_ask(&line.rig, "relay", "third plain trace"), "");
        end(&line);
}
END_TEST

/* --- circles ---------------------------------------------------------------------------------- */

static bool ends_with(const char *text, const char *end)
{
        size_t size = strlen(text), end_size = strlen(end);

        return size >= end_size && strcmp(text + size - end_size, end) == 0;
}

/* Asks the service, and is refused with a circle that goes from this name to itself. */
static void expect_circle(struct line *line, const char *text, const char *name)
{
        char begin[64], back[64];
        hark_message *reply = NULL;
        const char *words;

        snprintf(begin, sizeof(begin), "the call would wait for itself: %s -> ", name);
        snprintf(back, sizeof(back), " -> %s", name);
        kit_assert_result(
                hark_call(line->rig.client, "relay", hark_text(text), HARK_FOREVER, &reply),
                HARK_CIRCLE);
        words = hark_reason(HARK_CIRCLE, reply);
        ck_assert_msg(strncmp(words, begin, strlen(begin)) == 0 && ends_with(words, back), "%s",
                      words);
        hark_message_unref(reply);
}

START_TEST(a_server_that_asks_back_who_waits_is_told_of_the_circle)
{
        struct line line;

        start(&line, false);
        expect_circle(&line, "- call echo x", "first");
        expect_circle(&line, "- plain echo x", "first");
        end(&line);
}
END_TEST

START_TEST(a_circle_of_three_is_found)
{
        struct line line;

        start(&line, true);
        expect_circle(&line, "third call relay - call echo x", "conformance");
        expect_circle(&line, "third plain relay - call relay first call echo x", "first");
        end(&line);
}
END_TEST

START_TEST(who_does_not_wait_is_in_no_circle)
{
        struct ending ending = {0};
        struct line line;

        start(&line, true);
        rig_invoke(&line.rig, "relay", "third plain relay - plain relay first plain echo round",
                   &ending);
        rig_expect_end(&line.rig, &ending, 0);
        ck_assert_str_eq(ending.text, "round");
        end(&line);
}
END_TEST

START_TEST(who_waits_may_be_sent_what_expects_no_answer)
{
        struct line line;

        start(&line, false);
        kit_assert_good(hark_call(line.rig.client, "hand_over", hark_text("- plain note x"),
                                  KIT_PATIENCE_MS, NULL));
        kit_until(line.rig.loop, service_get(line.ours, "notes") == 1);
        end(&line);
}
END_TEST

/* Each end waits for the other, in calls that know nothing of each other. */
START_TEST(of_two_ends_that_wait_for_each_other_one_gives_way)
{
        struct ending waiting = {0};
        hark_message *reply = NULL;
        struct line line;

        start(&line, false);
        rig_invoke(&line.rig, "relay", "- call keep x", &waiting);
        kit_until(line.rig.loop, service_get(line.ours, "kept") == 1);
        kit_assert_result(hark_call(line.rig.client, "echo", HARK_NOTHING, HARK_FOREVER, &reply),
                          HARK_CIRCLE);
        ck_assert_msg(ends_with(hark_reason(HARK_CIRCLE, reply), " -> first"), "%s",
                      hark_reason(HARK_CIRCLE, reply));
        hark_message_unref(reply);
        ck_assert_uint_eq(waiting.n, 0); /* it goes on */
        ck_assert_uint_eq(service_answer_kept(line.ours), 1);
        rig_expect_end(&line.rig, &waiting, 0);
        ck_assert_str_eq(rig_ask(&line.rig, "echo", "again"), "again");
        end(&line);
}
END_TEST

START_TEST(a_chain_of_seventeen_is_refused)
{
        char text[1024] = "";
        struct ending ending = {0}, too_deep = {0};
        struct line line;

        start(&line, false);
        for (int i = 0; i < 15; i++)
                strcat(text, "- plain relay ");
        strcat(text, "- plain echo deep");
        rig_invoke(&line.rig, "relay", text + strlen("- plain relay "), &ending);
        rig_expect_end(&line.rig, &ending, 0);
        ck_assert_str_eq(ending.text, "deep");
        rig_invoke(&line.rig, "relay", text, &too_deep);
        rig_expect_end(&line.rig, &too_deep, HARK_RESOURCE_EXHAUSTED);
        end(&line);
}
END_TEST

CHAPTER(test_hops, a_handler_further_on_has_the_time_that_is_left, a_detached_call_has_its_own_time,
        a_deadline_ends_all_that_hangs_on_it,
        a_waiting_call_in_a_handler_ends_with_the_time_of_its_caller,
        a_cancel_reaches_the_last_handler, a_cancel_ends_a_call_that_waits_on_its_behalf,
        a_caller_s_end_reaches_the_last_handler, a_cancel_does_not_go_on_without_a_parent,
        a_trace_goes_along_to_the_last, a_server_that_asks_back_who_waits_is_told_of_the_circle,
        a_circle_of_three_is_found, who_does_not_wait_is_in_no_circle,
        who_waits_may_be_sent_what_expects_no_answer,
        of_two_ends_that_wait_for_each_other_one_gives_way, a_chain_of_seventeen_is_refused)
