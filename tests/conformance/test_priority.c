/* SPDX-License-Identifier: MIT */

/* What is urgent is handled first, and never for ever. */

#include <stdlib.h>
#include <string.h>

#include "tests.h"

#define N_IN_FLIGHT 500
#define N_LARGE     100
#define N_SENT      4000
#define LARGE       ((size_t)60000)

/* Answers to calls that are as urgent as can be, each of which asks again. */
struct flood {
        hark_client *client;
        unsigned n_in_flight, n_answers;
        bool is_over;
};

static void ask_again(int result, hark_message *message, void *userdata);

static void ask_urgently(struct flood *flood)
{
        struct hark_payload urgent = hark_text("urgent");

        urgent.priority = 7;
        kit_assert_good(hark_invoke(flood->client, "echo", urgent, KIT_PATIENCE_MS, ask_again,
                                    flood, NULL));
        flood->n_in_flight++;
}

static void ask_again(int result, hark_message *message, void *userdata)
{
        struct flood *flood = userdata;

        (void)message;
        kit_assert_good(result);
        flood->n_in_flight--;
        flood->n_answers++;
        if (!flood->is_over)
                ask_urgently(flood);
}

START_TEST(calls_that_never_cease_to_be_urgent_let_others_through)
{
        struct ending endings[10] = {{0}};
        struct flood flood = {.n_in_flight = 0};
        struct rig rig;

        rig_start(&rig, NULL);
        flood.client = rig.client;
        for (unsigned i = 0; i < N_IN_FLIGHT; i++)
                ask_urgently(&flood);
        for (size_t i = 0; i < COUNT(endings); i++)
                rig_invoke(&rig, "echo", "ordinary", &endings[i]);
        kit_until(rig.loop, endings[COUNT(endings) - 1].n == 1);
        ck_assert_uint_eq(flood.n_in_flight, N_IN_FLIGHT);
        flood.is_over = true;
        kit_until(rig.loop, flood.n_in_flight == 0);
        ck_assert_uint_gt(flood.n_answers, N_IN_FLIGHT);
        rig_end(&rig);
}
END_TEST

static void count_refusal(hark_client *client, const char *method, int status,
                          const hark_message *message, void *userdata)
{
        (void)client, (void)method, (void)status, (void)message;
        ++*(unsigned *)userdata;
}

/* More comes at once than a turn of callbacks deals with, again and again: then it waits where it
 * was sent, before it exceeds the limits here. */
START_TEST(who_sends_faster_than_handlers_run_is_not_refused_for_it)
{
        static const uint8_t bytes[300];
        unsigned n_refused = 0;
        struct hark_client_params params = {.on_refused = count_refusal, .userdata = &n_refused};
        struct rig rig;

        rig_serve(&rig, NULL);
        rig.client = rig_connect(&rig, &params);
        for (int i = 0; i < N_SENT; i++)
                kit_assert_good(hark_send(rig.client, "echo", hark_bytes(bytes, sizeof(bytes))));
        while (rig_count(&rig, "echoed") + n_refused < N_SENT)
                ;
        ck_assert_uint_eq(n_refused, 0);
        rig_end(&rig);
}
END_TEST

CHAPTER(test_priority, calls_that_never_cease_to_be_urgent_let_others_through,
        who_sends_faster_than_handlers_run_is_not_refused_for_it)

/* --- what has come, or waits, at this end ----------------------------------------------------- */

struct diary {
        char text[256];
        size_t size;
};

static void note_topic(const struct hark_notification *notification, void *userdata)
{
        struct diary *diary = userdata;

        if (notification->kind == HARK_UNSUBSCRIBED)
                return;
        kit_assert(diary->size < sizeof(diary->text) - 1);
        diary->text[diary->size++] = notification->topic[0];
}

/* Callbacks are held back while calls wait: all of these have come before the first is told. */
START_TEST(what_has_come_is_told_by_priority)
{
        struct diary diary = {.size = 0};
        struct rig rig;

        rig_start_apart(&rig, NULL, NULL);
        kit_assert_good(hark_subscribe(rig.client, "*", note_topic, &diary, NULL, NULL));
        for (int i = 0; i < 8; i++)
                rig_ask(&rig, "publish", "%c 2 0 %d", 'a' + i, i);
        kit_until(rig.loop, diary.size == 16);
        ck_assert_str_eq(diary.text, "hhggffeeddccbbaa");
        rig_end(&rig);
}
END_TEST

START_TEST(an_end_comes_behind_all_of_its_subscription)
{
        struct diary diary = {.size = 0};
        struct rig rig;

        rig_start_apart(&rig, NULL, NULL);
        rig_need(HARK_CAN_SEE_DEATH);
        kit_assert_good(hark_subscribe(rig.client, "*", note_topic, &diary, NULL, NULL));
        rig_ask(&rig, "publish", "%s", "b 200 0 7");
        rig_ask(&rig, "publish", "%s", "a 2 0 0");
        rig_kill(&rig);
        kit_until(rig.loop, hark_client_state(rig.client) != HARK_CONNECTED && diary.size >= 203);
        ck_assert_uint_eq(diary.size, 203);
        ck_assert_int_eq(diary.text[202], '*'); /* the gap, which is of the filter */
        rig_end(&rig);
}
END_TEST

/* The service does not read: so all of it waits at this end, but for what lies in between. */
START_TEST(bulk_that_is_urgent_lets_others_through)
{
        static const uint8_t zeros[LARGE];
        struct hark_payload urgent = hark_bytes(zeros, LARGE);
        const char *log, *ordinary;
        struct rig rig;

        urgent.priority = 7;
        rig_start_apart(&rig, NULL, NULL);
        rig_freeze(&rig);
        for (int i = 0; i < N_LARGE; i++)
                kit_assert_good(hark_send(rig.client, "note", urgent));
        kit_assert_good(hark_send(rig.client, "note", hark_text("ordinary")));
        kit_settle(rig.loop);
        rig_thaw(&rig);
        kit_assert_good(hark_client_flush(rig.client, KIT_PATIENCE_MS));
        /* Asked at the same priority, it comes behind all that was noted at that. */
        log = rig_ask(&rig, "log", "%s", "");
        ordinary = strstr(log, "ordinary");
        ck_assert_ptr_nonnull(ordinary);
        ck_assert_int_ge(ordinary - log, 10);
        ck_assert_int_le(ordinary - log, N_LARGE - 10);
        rig_end(&rig);
}
END_TEST

CHAPTER(test_priority_apart, what_has_come_is_told_by_priority,
        an_end_comes_behind_all_of_its_subscription, bulk_that_is_urgent_lets_others_through)
