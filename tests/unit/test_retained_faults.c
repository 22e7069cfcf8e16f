/* SPDX-License-Identifier: MIT */

/* Retained values when memory runs out: a value is kept and told, or neither. */

#include "fixture.h"

#include "conn/conn.h"
#include "faults.h"
#include "loop_kit.h"
#include "pubsub/known.h"
#include "pubsub/retained.h"
#include "pubsub/topics.h"

/* Larger than what pools have ready. */
static uint8_t bytes[2 * 1024 * 1024];

static struct hark_payload value_of(size_t size)
{
        struct hark_payload payload = hark_bytes(bytes, size);

        payload.retain = HARK_RETAIN;
        return payload;
}

START_TEST(a_first_value_is_kept_or_not)
{
        struct hark_payload payload = value_of(sizeof(bytes));
        struct hark_retained retained;
        struct hark_retained_value *value;
        unsigned n_failed = 0;

        ck_assert_int_eq(hark_retained_init(&retained, NULL), 0);
        retained.max_values = 10;
        retained.max_size = SIZE_MAX / 2;
        FAULTS_FOR_EACH(n)
        {
                int r = hark_retained_set(&retained, "a.b", &payload, NULL, &value);

                if (!faults_stop()) {
                        ck_assert_int_eq(r, 0);
                        break;
                }
                n_failed++;
                ck_assert_int_eq(r, -ENOMEM);
                ck_assert_ptr_null(hark_retained_find(&retained, "a.b"));
                ck_assert_uint_eq(retained.n_values, 0);
                ck_assert_uint_eq(retained.size, 0);
        }
        ck_assert_uint_ge(n_failed, 3);
        ck_assert_uint_eq(retained.size, hark_conn_cost(sizeof(bytes)));
        hark_retained_done(&retained);
}
END_TEST

START_TEST(the_value_before_stays_where_there_is_no_memory_for_another)
{
        struct hark_payload first = value_of(1), second = value_of(sizeof(bytes));
        struct hark_retained retained;
        struct hark_retained_value *value;
        unsigned n_failed = 0;

        ck_assert_int_eq(hark_retained_init(&retained, NULL), 0);
        retained.max_values = 10;
        retained.max_size = SIZE_MAX / 2;
        ck_assert_int_eq(hark_retained_set(&retained, "a", &first, NULL, &value), 0);
        FAULTS_FOR_EACH(n)
        {
                int r = hark_retained_set(&retained, "a", &second, NULL, &value);

                if (!faults_stop())
                        break;
                n_failed++;
                ck_assert_int_eq(r, -ENOMEM);
                ck_assert_uint_eq(hark_retained_find(&retained, "a")->message->size, 1);
                ck_assert_uint_eq(retained.size, hark_conn_cost(1));
        }
        ck_assert_uint_gt(n_failed, 0);
        ck_assert_uint_eq(hark_retained_find(&retained, "a")->message->size, sizeof(bytes));
        hark_retained_done(&retained);
}
END_TEST

START_TEST(a_topic_is_known_or_not)
{
        struct hark_known known;
        unsigned n_failed = 0;

        ck_assert_int_eq(hark_known_init(&known), 0);
        FAULTS_FOR_EACH(n)
        {
                int r = hark_known_note(&known, "a.b", 3, HARK_KNOWN_CHANGED);

                if (!faults_stop())
                        break;
                n_failed++;
                ck_assert_int_eq(r, -ENOMEM);
                ck_assert_ptr_null(hark_known_find(&known, "a.b", 3));
                ck_assert_uint_eq(known.n_topics, 0);
        }
        ck_assert_uint_gt(n_failed, 0);
        ck_assert_ptr_nonnull(hark_known_find(&known, "a.b", 3));
        hark_known_done(&known);
}
END_TEST

FIXTURE_MAIN("retained_faults", a_first_value_is_kept_or_not,
             the_value_before_stays_where_there_is_no_memory_for_another, a_topic_is_known_or_not)
