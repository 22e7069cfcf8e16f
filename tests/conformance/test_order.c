/* SPDX-License-Identifier: MIT */

/* Order: within a priority as it was sent, calls and notifications alike; what is urgent passes. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests.h"

#define N_SENT     300
#define N_ANSWERED 200

START_TEST(calls_and_publications_arrive_as_they_were_sent)
{
        static struct ending endings[N_SENT];
        struct wishes wishes = {.notes_publications = true};
        char expected[N_SENT * 4 + 1] = "", text[16];
        struct rig rig;

        rig_start(&rig, &wishes);
        for (int i = 0; i < N_SENT; i++) {
                snprintf(text, sizeof(text), "%d", i);
                if (i % 3 == 0)
                        kit_assert_good(hark_send(rig.client, "note", hark_text(text)));
                else if (i % 3 == 1)
                        kit_assert_good(hark_publish(rig.client, "a", hark_text(text)));
                else
                        rig_invoke(&rig, "note", text, &endings[i]);
                strcat(strcat(expected, text), ";");
        }
        ck_assert_str_eq(rig_ask(&rig, "log", "%s", ""), expected);
        kit_until(rig.loop, endings[N_SENT - 1].n == 1);
        rig_end(&rig);
}
END_TEST

struct diary {
        char text[2 * N_ANSWERED + 1];
        size_t size;
};

static void write_down(struct diary *diary, char what)
{
        ck_assert_uint_lt(diary->size, sizeof(diary->text) - 1);
        diary->text[diary->size++] = what;
}

static void note_answer(int result, hark_message *message, void *userdata)
{
        (void)message;
        kit_assert_good(result);
        write_down(userdata, 'r');
}

static void note_notification(const struct hark_notification *notification, void *userdata)
{
        if (notification->kind != HARK_UNSUBSCRIBED)
                write_down(userdata, notification->kind == HARK_NOTIFICATION ? 'n' : 'g');
}

START_TEST(answers_and_notifications_arrive_as_they_were_sent)
{
        struct diary diary = {.size = 0};
        struct rig rig;

        rig_start(&rig, NULL);
        kit_assert_good(hark_subscribe(rig.client, "burst", note_notification, &diary, NULL, NULL));
        for (int i = 0; i < N_ANSWERED; i++)
                kit_assert_good(hark_invoke(rig.client, "keep", HARK_NOTHING, KIT_PATIENCE_MS,
                                            note_answer, &diary, NULL));
        rig_ask(&rig, "burst", "%s", "");
        kit_until(rig.loop, diary.size == sizeof(diary.text) - 1);
        for (size_t i = 0; i < diary.size; i++)
                ck_assert_int_eq(diary.text[i], i % 2 ? 'r' : 'n');
        rig_end(&rig);
}
END_TEST

START_TEST(what_waits_together_leaves_by_priority)
{
        struct rig rig;

        rig_start(&rig, NULL);
        for (uint8_t priority = 0; priority < 8; priority++) {
                char text[] = {(char)('0' + priority), '\0'};
                struct hark_payload payload = hark_text(text);

                payload.priority = priority;
                kit_assert_good(hark_send(rig.client, "note", payload));
        }
        kit_assert_good(hark_client_flush(rig.client, KIT_PATIENCE_MS));
        ck_assert_str_eq(rig_ask(&rig, "log", "%s", ""), "7;6;5;4;3;2;1;0;");
        rig_end(&rig);
}
END_TEST

CHAPTER(test_order, calls_and_publications_arrive_as_they_were_sent,
        answers_and_notifications_arrive_as_they_were_sent, what_waits_together_leaves_by_priority)

/* --- in flight -------------------------------------------------------------------------------- */

#define LARGE ((size_t)16 * 1024 * 1024)

/* The service does not read: so the large one has begun to leave, and is not through. */
START_TEST(an_urgent_call_passes_a_large_one_in_flight)
{
        uint8_t *zeros = calloc(1, LARGE);
        struct hark_payload urgent = hark_text("urgent");
        struct hark_client_params params = {.limits = {.queue_size = 2 * LARGE}};
        struct rig rig;

        rig_start_apart(&rig, NULL, &params);
        rig_freeze(&rig);
        kit_assert_good(hark_send(rig.client, "note", hark_bytes(zeros, LARGE - 1)));
        kit_settle(rig.loop);
        urgent.priority = 7;
        kit_assert_good(hark_send(rig.client, "note", urgent));
        kit_settle(rig.loop);
        rig_thaw(&rig);
        kit_assert_good(hark_client_flush(rig.client, KIT_PATIENCE_MS));
        ck_assert_str_eq(rig_ask(&rig, "log", "%s", ""), "urgent;;");
        rig_end(&rig);
        free(zeros);
}
END_TEST

/* Which answer came first. */
struct race {
        unsigned n_come;
        bool is_won;
};

static void note_large(int result, hark_message *message, void *userdata)
{
        struct race *race = userdata;

        (void)message;
        kit_assert_good(result);
        race->n_come++;
}

static void note_urgent(int result, hark_message *message, void *userdata)
{
        struct race *race = userdata;

        (void)message;
        kit_assert_good(result);
        race->is_won = race->n_come++ == 0;
}

/* The client asks and does not read; another one sees how far the service has come. */
START_TEST(an_urgent_answer_passes_a_large_one_in_flight)
{
        struct wishes wishes = {.limits = {.queue_size = 2 * LARGE}};
        struct hark_payload urgent = hark_text("urgent");
        hark_client *sleeper = NULL;
        hark_loop *loop = NULL;
        struct race race = {0};
        struct rig rig;

        rig_need_several_clients();
        rig_start_apart(&rig, &wishes, NULL);
        kit_assert_good(hark_loop_new(&loop));
        kit_assert_good(rig_begin_connect(&rig, loop, NULL, &sleeper));
        kit_assert_good(hark_client_flush(sleeper, KIT_PATIENCE_MS));
        kit_assert_good(hark_invoke(sleeper, "large", hark_text("16777215"), KIT_PATIENCE_MS,
                                    note_large, &race, NULL));
        kit_step(loop, kit_now_ms());
        while (strcmp(rig_ask(&rig, "count", "asked_for_large"), "1") != 0)
                ;
        urgent.priority = 7;
        kit_assert_good(
                hark_invoke(sleeper, "echo", urgent, KIT_PATIENCE_MS, note_urgent, &race, NULL));
        kit_step(loop, kit_now_ms());
        while (rig_count(&rig, "echoed") == 0)
                ;
        kit_until(loop, race.n_come == 2);
        ck_assert(race.is_won);
        hark_client_unref(sleeper);
        hark_loop_unref(loop);
        rig_end(&rig);
}
END_TEST

START_TEST(the_rest_of_its_priority_waits_behind_a_large_one)
{
        uint8_t *zeros = calloc(1, LARGE);
        struct rig rig;

        rig_start_apart(&rig, NULL, NULL);
        rig_freeze(&rig);
        kit_assert_good(hark_send(rig.client, "note", hark_bytes(zeros, LARGE - 1)));
        kit_settle(rig.loop);
        rig_thaw(&rig);
        kit_assert_good(hark_client_flush(rig.client, KIT_PATIENCE_MS));
        kit_assert_good(hark_send(rig.client, "note", hark_text("next")));
        ck_assert_str_eq(rig_ask(&rig, "log", "%s", ""), ";next;");
        rig_end(&rig);
        free(zeros);
}
END_TEST

CHAPTER(test_order_in_flight, an_urgent_call_passes_a_large_one_in_flight,
        an_urgent_answer_passes_a_large_one_in_flight,
        the_rest_of_its_priority_waits_behind_a_large_one)
