/* SPDX-License-Identifier: MIT */

/*
 * Quotas: one client uses up what it is granted and asks for more. It is refused, in words that
 * name the limit, and another one has all of its own meanwhile.
 *
 * A client knows from the hello what it is granted, and does not send more; so the greedy one sends
 * before that.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "record.h"
#include "service_internal.h"
#include "tests.h"

#define KIB         1024
#define N_QUESTIONS 10

struct quota {
        struct rig rig; /* its client is the good one */
        hark_client *greedy;
        struct ending endings[N_QUESTIONS];
};

/* The good one is there before the greedy one comes, whose connection has not begun. */
static void start(struct quota *quota, const struct wishes *wishes)
{
        *quota = (struct quota){.greedy = NULL};
        rig_need_several_clients();
        rig_start(&quota->rig, wishes);
        ck_assert_str_eq(rig_ask(&quota->rig, "echo", "before"), "before");
        kit_assert_good(rig_begin_connect(&quota->rig, quota->rig.loop, NULL, &quota->greedy));
}

static void end(struct quota *quota)
{
        ck_assert_str_eq(rig_ask(&quota->rig, "echo", "after"), "after");
        hark_client_unref(quota->greedy);
        rig_end(&quota->rig);
}

static void ask_greedily(struct quota *quota, const char *method, struct hark_payload payload)
{
        for (size_t i = 0; i < N_QUESTIONS; i++)
                kit_assert_good(hark_invoke(quota->greedy, method, payload, KIT_PATIENCE_MS,
                                            rig_note_end, &quota->endings[i], NULL));
}

static size_t count_ended(const struct quota *quota)
{
        size_t n = 0;

        for (size_t i = 0; i < N_QUESTIONS; i++)
                n += quota->endings[i].n > 0;
        return n;
}

/* Waits until so many of its questions were refused by the service. */
static void expect_refused(struct quota *quota, size_t n_refused)
{
        kit_until(quota->rig.loop, count_ended(quota) == n_refused);
        for (size_t i = 0; i < N_QUESTIONS; i++)
                if (quota->endings[i].n > 0)
                        kit_assert_result(quota->endings[i].result, HARK_RESOURCE_EXHAUSTED);
}

/* The words of one more refusal. */
static void expect_words(struct quota *quota, const char *method, struct hark_payload payload,
                         const char *words)
{
        hark_client *good = quota->rig.client;
        hark_message *reply = NULL;

        quota->rig.client = quota->greedy;
        kit_assert_result(rig_call(&quota->rig, method, payload, KIT_PATIENCE_MS, &reply),
                          HARK_RESOURCE_EXHAUSTED);
        quota->rig.client = good;
        ck_assert_str_eq(hark_reason(HARK_RESOURCE_EXHAUSTED, reply), words);
        hark_message_unref(reply);
}

START_TEST(calls_of_one_are_no_calls_of_another)
{
        struct wishes wishes = {.limits = {.calls_in_flight = 4}};
        struct ending kept[3] = {{0}};
        struct quota quota;

        start(&quota, &wishes);
        ask_greedily(&quota, "keep", hark_text("mine"));
        expect_refused(&quota, N_QUESTIONS - 4);
        for (size_t i = 0; i < COUNT(kept); i++)
                rig_invoke(&quota.rig, "keep", "mine", &kept[i]);
        ck_assert_int_eq(rig_count(&quota.rig, "kept"), 4 + 3);
        rig_ask(&quota.rig, "answer", "now");
        for (size_t i = 0; i < COUNT(kept); i++)
                rig_expect_end(&quota.rig, &kept[i], 0);
        end(&quota);
}
END_TEST

START_TEST(a_message_that_is_too_large_is_refused_alone)
{
        struct wishes wishes = {.limits = {.message_size = 64 * KIB}};
        uint8_t *bytes = kit_pattern(64 * KIB + 1);
        hark_message *reply = NULL;
        struct quota quota;

        start(&quota, &wishes);
        ask_greedily(&quota, "keep", hark_bytes(bytes, 64 * KIB + 1));
        kit_until(quota.rig.loop, count_ended(&quota) == N_QUESTIONS);
        /* Some may not have left when the hello came, which says what is taken. */
        for (size_t i = 0; i < N_QUESTIONS; i++)
                if (quota.endings[i].result != HARK_RESOURCE_EXHAUSTED)
                        kit_assert_result(quota.endings[i].result, -EMSGSIZE);
        ck_assert_int_eq(rig_count(&quota.rig, "kept"), 0);
        kit_assert_result(hark_send(quota.greedy, "echo", hark_bytes(bytes, 64 * KIB + 1)),
                          -EMSGSIZE);
        kit_assert_good(
                rig_call(&quota.rig, "echo", hark_bytes(bytes, 64 * KIB), KIT_PATIENCE_MS, &reply));
        ck_assert_uint_eq(hark_message_size(reply), 64 * KIB);
        hark_message_unref(reply);
        free(bytes);
        end(&quota);
}
END_TEST

START_TEST(what_one_has_sent_and_nobody_handled_takes_no_room_from_another)
{
        struct wishes wishes = {.limits = {.message_size = 64 * KIB, .received_size = 128 * KIB}};
        uint8_t *bytes = kit_pattern(64 * KIB);
        hark_message *reply = NULL;
        struct quota quota;

        start(&quota, &wishes);
        ask_greedily(&quota, "keep", hark_bytes(bytes, 30 * KIB));
        expect_refused(&quota, N_QUESTIONS - 4);
        expect_words(&quota, "echo", hark_bytes(bytes, 30 * KIB),
                     "too much is received and not handled yet");
        kit_assert_good(
                rig_call(&quota.rig, "echo", hark_bytes(bytes, 64 * KIB), KIT_PATIENCE_MS, &reply));
        ck_assert_uint_eq(hark_message_size(reply), 64 * KIB);
        hark_message_unref(reply);
        free(bytes);
        end(&quota);
}
END_TEST

START_TEST(subscriptions_of_one_are_no_subscriptions_of_another)
{
        struct wishes wishes = {.limits = {.subscriptions = 2}};
        struct record greedy[5] = {{.n_entries = 0}}, good[2] = {{.n_entries = 0}};
        struct quota quota;

        start(&quota, &wishes);
        for (size_t i = 0; i < COUNT(greedy); i++)
                record_subscribe(&greedy[i], quota.greedy, "a");
        kit_until(quota.rig.loop, greedy[2].is_over && greedy[3].is_over && greedy[4].is_over);
        for (size_t i = 2; i < COUNT(greedy); i++)
                ck_assert_int_eq(greedy[i].reason, HARK_RESOURCE_EXHAUSTED);
        for (size_t i = 0; i < COUNT(good); i++)
                record_subscribe(&good[i], quota.rig.client, "a");
        kit_assert_good(hark_client_flush(quota.greedy, KIT_PATIENCE_MS));
        rig_ask(&quota.rig, "publish", "a 1");
        kit_until(quota.rig.loop, good[0].n_delivered == 1 && good[1].n_delivered == 1);
        kit_until(quota.rig.loop, greedy[0].n_delivered == 1 && greedy[1].n_delivered == 1);
        end(&quota);
}
END_TEST

static struct hark_payload with_files(const int *fds, size_t n_fds)
{
        struct hark_payload payload = HARK_NOTHING;

        payload.fds = fds;
        payload.n_fds = n_fds;
        return payload;
}

START_TEST(files_that_one_has_sent_and_nobody_handled_take_no_room_from_another)
{
        struct wishes wishes = {.limits = {.fds_per_message = 2}};
        int fds[2] = {service_file_of("one "), service_file_of("two")};
        struct ending kept[2] = {{0}};
        hark_message *reply = NULL;
        struct quota quota;

        rig_need(HARK_CAN_PASS_FDS);
        start(&quota, &wishes);
        kit_until(quota.rig.loop, hark_client_state(quota.greedy) == HARK_CONNECTED);
        for (size_t i = 0; i < COUNT(kept); i++)
                kit_assert_good(hark_invoke(quota.greedy, "keep", with_files(fds, 2),
                                            KIT_PATIENCE_MS, rig_note_end, &kept[i], NULL));
        expect_words(&quota, "echo", with_files(fds, 1),
                     "too many file descriptors are received and not handled yet");
        kit_assert_good(
                rig_call(&quota.rig, "read_fds", with_files(fds, 2), KIT_PATIENCE_MS, &reply));
        ck_assert_str_eq(hark_message_text(reply), "one two");
        ck_assert_uint_eq(kept[0].n + kept[1].n, 0);
        hark_message_unref(reply);
        close(fds[0]);
        close(fds[1]);
        end(&quota);
}
END_TEST

/* --- the queue of who does not read ----------------------------------------------------------- */

/* Asks for more than its queue at the service holds, and then does not run. */
static hark_client *ask_and_sleep(struct quota *quota, hark_loop *loop)
{
        hark_client *sleeper = rig_connect_sleeper(&quota->rig, loop);

        for (size_t i = 0; i < N_QUESTIONS; i++)
                kit_assert_good(hark_invoke(sleeper, "large", hark_text("1048576"), KIT_PATIENCE_MS,
                                            rig_note_end, &quota->endings[i], NULL));
        kit_assert_good(hark_loop_process(loop, 0)); /* they leave */
        return sleeper;
}

START_TEST(answers_that_one_does_not_read_are_kept_from_nobody_else)
{
        struct wishes wishes = {.limits = {.queue_size = 64 * KIB}};
        hark_loop *loop = NULL;
        size_t n_refused = 0;
        hark_client *sleeper;
        struct quota quota;
        struct rig *rig = &quota.rig;

        start(&quota, &wishes);
        kit_assert_good(hark_loop_new(&loop));
        sleeper = ask_and_sleep(&quota, loop);
        for (int i = 0; i < 20; i++) {
                hark_message *reply = NULL;

                kit_assert_good(
                        rig_call(rig, "large", hark_text("1048576"), KIT_PATIENCE_MS, &reply));
                ck_assert_uint_eq(hark_message_size(reply), 1048576);
                hark_message_unref(reply);
        }
        for (uint64_t end_ms = kit_now_ms() + KIT_PATIENCE_MS; count_ended(&quota) < N_QUESTIONS;) {
                kit_assert(kit_now_ms() < end_ms);
                kit_settle(loop);
                kit_settle(rig->loop);
        }
        for (size_t i = 0; i < N_QUESTIONS; i++)
                n_refused += quota.endings[i].result == HARK_RESOURCE_EXHAUSTED;
        ck_assert_uint_ge(n_refused, 1);
        ck_assert_uint_lt(n_refused, N_QUESTIONS);
        hark_client_unref(sleeper);
        hark_loop_unref(loop);
        end(&quota);
}
END_TEST

CHAPTER(test_quotas, calls_of_one_are_no_calls_of_another,
        a_message_that_is_too_large_is_refused_alone,
        what_one_has_sent_and_nobody_handled_takes_no_room_from_another,
        subscriptions_of_one_are_no_subscriptions_of_another,
        files_that_one_has_sent_and_nobody_handled_take_no_room_from_another,
        answers_that_one_does_not_read_are_kept_from_nobody_else)
