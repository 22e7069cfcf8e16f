/* SPDX-License-Identifier: MIT */

/* Questions: what is sent arrives as it was, whatever its size and however many there are. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests.h"

#define KIB ((size_t)1024)
#define MIB (KIB * 1024)

static void check_echo(struct rig *rig, const uint8_t *bytes, size_t size)
{
        hark_message *reply = NULL;

        kit_assert_good(rig_call(rig, "echo", hark_bytes(bytes, size), KIT_PATIENCE_MS, &reply));
        ck_assert_uint_eq(hark_message_size(reply), size);
        ck_assert(size == 0 || memcmp(hark_message_data(reply), bytes, size) == 0);
        hark_message_unref(reply);
}

START_TEST(every_size_comes_back_identical)
{
        static const size_t sizes[] = {0,   1,       7, 8, 64 * KIB - 1, 64 * KIB, 64 * KIB + 1,
                                       MIB, 16 * MIB};
        uint8_t *bytes = kit_pattern(16 * MIB);
        struct rig rig;

        rig_start(&rig, NULL);
        for (size_t i = 0; i < COUNT(sizes); i++)
                check_echo(&rig, bytes, sizes[i]);
        rig_end(&rig);
        free(bytes);
}
END_TEST

/* --- many at once ----------------------------------------------------------------------------- */

struct crowd {
        unsigned n_ended, n_right;
};

struct one_of_many {
        struct crowd *crowd;
        unsigned number, n_ends;
};

static void check_own(int result, hark_message *message, void *userdata)
{
        struct one_of_many *self = userdata;

        kit_assert_good(result);
        ck_assert_uint_eq(++self->n_ends, 1);
        self->crowd->n_ended++;
        self->crowd->n_right += strtoul(hark_message_text(message), NULL, 10) == self->number;
}

START_TEST(a_thousand_calls_answered_in_any_order_each_find_their_callback)
{
        static struct one_of_many calls[1000];
        struct crowd crowd = {0};
        struct rig rig;
        char text[16];

        rig_start(&rig, NULL);
        for (unsigned i = 0; i < COUNT(calls); i++) {
                calls[i] = (struct one_of_many){.crowd = &crowd, .number = i};
                snprintf(text, sizeof(text), "%u", i);
                kit_assert_good(hark_invoke(rig.client, "keep", hark_text(text), KIT_PATIENCE_MS,
                                            check_own, &calls[i], NULL));
        }
        ck_assert_str_eq(rig_ask(&rig, "answer", "%s", ""), "1000");
        kit_until(rig.loop, crowd.n_ended == COUNT(calls));
        ck_assert_uint_eq(crowd.n_right, COUNT(calls));
        rig_end(&rig);
}
END_TEST

START_TEST(calls_may_be_made_before_the_connection_stands)
{
        static struct one_of_many calls[200]; /* more than may leave before the other's hello */
        struct crowd crowd = {0};
        struct rig rig;
        hark_client *client;
        char text[16];

        rig_serve(&rig, NULL);
        kit_assert_good(rig_begin_connect(&rig, rig.loop, NULL, &client));
        ck_assert_int_eq(hark_client_state(client), HARK_CONNECTING);
        for (unsigned i = 0; i < COUNT(calls); i++) {
                calls[i] = (struct one_of_many){.crowd = &crowd, .number = i};
                snprintf(text, sizeof(text), "%u", i);
                kit_assert_good(hark_invoke(client, "echo", hark_text(text), KIT_PATIENCE_MS,
                                            check_own, &calls[i], NULL));
        }
        kit_until(rig.loop, crowd.n_ended == COUNT(calls));
        ck_assert_uint_eq(crowd.n_right, COUNT(calls));
        hark_client_unref(client);
        rig_end(&rig);
}
END_TEST

/* --- what goes with them ---------------------------------------------------------------------- */

START_TEST(encoding_and_priority_travel_along)
{
        struct hark_payload payload = hark_text("attributes"), back;
        hark_message *reply = NULL;
        struct rig rig;

        rig_start(&rig, NULL);
        payload.encoding = 77;
        payload.priority = 5;
        kit_assert_good(rig_call(&rig, "echo", payload, KIT_PATIENCE_MS, &reply));
        back = hark_message_payload(reply);
        ck_assert_uint_eq(back.encoding, 77);
        ck_assert_uint_eq(back.priority, 5);
        ck_assert_int_eq(back.status, 0);
        ck_assert_ptr_null(back.error_name);
        ck_assert_ptr_null(back.error_text);
        hark_message_unref(reply);
        rig_end(&rig);
}
END_TEST

START_TEST(the_most_specific_filter_answers)
{
        struct rig rig;

        rig_start(&rig, NULL);
        ck_assert_str_eq(rig_ask(&rig, "family.other", "%s", "x"), "*: family.other");
        ck_assert_str_eq(rig_ask(&rig, "family.echo", "%s", "x"), "x");
        rig_end(&rig);
}
END_TEST

START_TEST(what_is_malformed_is_refused_before_it_begins)
{
        struct hark_payload reserved = {.reserved = {1}}, failure = {.status = 1};
        struct hark_payload urgent = {.priority = 8}, nowhere = {.size = 1};
        struct rig rig;

        rig_start(&rig, NULL);
        kit_assert_result(rig_call(&rig, "", HARK_NOTHING, 1000, NULL), -EINVAL);
        kit_assert_result(rig_call(&rig, "a..b", HARK_NOTHING, 1000, NULL), -EINVAL);
        kit_assert_result(rig_call(&rig, "a.*", HARK_NOTHING, 1000, NULL), -EINVAL);
        kit_assert_result(rig_call(&rig, "a b", HARK_NOTHING, 1000, NULL), -EINVAL);
        kit_assert_result(rig_call(&rig, "echo", HARK_NOTHING, -1, NULL), -EINVAL);
        kit_assert_result(rig_call(&rig, "echo", reserved, 1000, NULL), -EINVAL);
        kit_assert_result(rig_call(&rig, "echo", failure, 1000, NULL), -EINVAL);
        kit_assert_result(rig_call(&rig, "echo", urgent, 1000, NULL), -EINVAL);
        kit_assert_result(rig_call(&rig, "echo", nowhere, 1000, NULL), -EINVAL);
        kit_assert_result(hark_send(rig.client, "a..b", HARK_NOTHING), -EINVAL);
        kit_assert_result(hark_publish(rig.client, "a.>", HARK_NOTHING), -EINVAL);
        ck_assert_str_eq(rig_ask(&rig, "echo", "%s", "still there"), "still there");
        rig_end(&rig);
}
END_TEST

/* --- one way ---------------------------------------------------------------------------------- */

struct refusals {
        unsigned n;
        int status;
        char name[64];
};

static void on_refused(hark_client *client, const char *name, int status,
                       const hark_message *message, void *userdata)
{
        struct refusals *refusals = userdata;

        (void)client;
        refusals->n++;
        refusals->status = status;
        snprintf(refusals->name, sizeof(refusals->name), "%s", name);
        ck_assert_int_gt((int)strlen(hark_reason(status, message)), 0);
}

START_TEST(a_one_way_call_arrives_and_needs_no_answer)
{
        struct rig rig;

        rig_start(&rig, NULL);
        kit_assert_good(hark_send(rig.client, "one_way", hark_text("x")));
        kit_assert_good(hark_send(rig.client, "forget", hark_text("x")));
        ck_assert_int_eq(rig_count(&rig, "is_one_way"), 1);
        ck_assert_int_eq(rig_count(&rig, "one_way_reply"), 0);
        ck_assert_int_eq(rig_count(&rig, "forgotten"), 1);
        rig_end(&rig);
}
END_TEST

START_TEST(a_one_way_call_to_an_unknown_method_is_told_as_refused)
{
        struct refusals refusals = {0};
        struct hark_client_params params = {.on_refused = on_refused, .userdata = &refusals};
        struct rig rig;

        rig_serve(&rig, NULL);
        rig.client = rig_connect(&rig, &params);
        kit_assert_good(hark_send(rig.client, "no.such.method", hark_text("x")));
        kit_until(rig.loop, refusals.n == 1);
        ck_assert_int_eq(refusals.status, HARK_UNIMPLEMENTED);
        ck_assert_str_eq(refusals.name, "no.such.method");
        ck_assert_str_eq(rig_ask(&rig, "echo", "%s", "x"), "x");
        ck_assert_uint_eq(refusals.n, 1);
        rig_end(&rig);
}
END_TEST

/* --- sizes that are not taken ----------------------------------------------------------------- */

START_TEST(what_the_service_does_not_take_is_not_sent)
{
        static const uint8_t bytes[4097];
        struct wishes wishes = {.limits = {.message_size = 4096}};
        struct rig rig;

        rig_start(&rig, &wishes);
        check_echo(&rig, bytes, 4096);
        kit_assert_result(rig_call(&rig, "echo", hark_bytes(bytes, 4097), 1000, NULL), -EMSGSIZE);
        kit_assert_result(hark_send(rig.client, "echo", hark_bytes(bytes, 4097)), -EMSGSIZE);
        kit_assert_result(hark_publish(rig.client, "echo", hark_bytes(bytes, 4097)), -EMSGSIZE);
        check_echo(&rig, bytes, 4096);
        ck_assert_int_eq(rig_count(&rig, "echoed"), 2);
        rig_end(&rig);
}
END_TEST

START_TEST(what_turns_out_too_large_when_the_service_says_hello_ends_so)
{
        uint8_t *bytes = kit_pattern(2 * MIB);
        struct wishes wishes = {.limits = {.message_size = MIB}};
        struct ending large = {0}, small = {0};
        hark_client *client;
        struct rig rig;

        rig_serve(&rig, &wishes);
        kit_assert_good(rig_begin_connect(&rig, rig.loop, NULL, &client));
        /* As many requests as may leave before the service's hello: the next one waits for it. */
        for (int i = 0; i < 64; i++)
                kit_assert_good(hark_send(client, "note", HARK_NOTHING));
        kit_assert_good(hark_invoke(client, "echo", hark_bytes(bytes, 2 * MIB), KIT_PATIENCE_MS,
                                    rig_note_end, &large, NULL));
        kit_assert_good(hark_invoke(client, "echo", hark_text("x"), KIT_PATIENCE_MS, rig_note_end,
                                    &small, NULL));
        kit_until(rig.loop, large.n == 1 && small.n == 1);
        kit_assert_result(large.result, -EMSGSIZE);
        kit_assert_good(small.result);
        hark_client_unref(client);
        rig_end(&rig);
        free(bytes);
}
END_TEST

CHAPTER(test_calls, every_size_comes_back_identical,
        a_thousand_calls_answered_in_any_order_each_find_their_callback,
        calls_may_be_made_before_the_connection_stands, encoding_and_priority_travel_along,
        the_most_specific_filter_answers, what_is_malformed_is_refused_before_it_begins,
        a_one_way_call_arrives_and_needs_no_answer,
        a_one_way_call_to_an_unknown_method_is_told_as_refused,
        what_the_service_does_not_take_is_not_sent,
        what_turns_out_too_large_when_the_service_says_hello_ends_so)
