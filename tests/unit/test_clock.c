/* SPDX-License-Identifier: MIT */

#include "fixture.h"

#include <hark/types.h>

#include "base/clock.h"

#define NS_PER_MS 1000000u

START_TEST(never_goes_back)
{
        uint64_t before = hark_now_ns();

        for (int i = 0; i < 1000; i++) {
                uint64_t now = hark_now_ns();

                ck_assert_uint_ge(now, before);
                before = now;
        }
}
END_TEST

START_TEST(a_deadline_lies_as_far_ahead_as_it_was_set)
{
        uint64_t before = hark_now_ns();
        uint64_t due = hark_deadline_ns(60000);
        int left = hark_time_left_ms(due);

        ck_assert_uint_ge(due, before + (uint64_t)60000 * NS_PER_MS);
        ck_assert_int_gt(left, 50000);
        ck_assert_int_le(left, 60000);
}
END_TEST

START_TEST(no_limit_stays_no_limit)
{
        ck_assert_uint_eq(hark_deadline_ns(HARK_FOREVER), HARK_NEVER);
        ck_assert_int_eq(hark_time_left_ms(HARK_NEVER), HARK_FOREVER);
        ck_assert_int_eq(hark_time_left_ms(HARK_NEVER - 1), HARK_FOREVER);
}
END_TEST

START_TEST(nothing_is_left_only_when_it_is_over)
{
        uint64_t due = hark_now_ns() + 3 * NS_PER_MS;
        int left;

        do {
                left = hark_time_left_ms(due);
                ck_assert_int_le(left, 3);
                ck_assert(left > 0 || hark_now_ns() >= due);
        } while (left > 0);
        ck_assert_int_eq(hark_time_left_ms(0), 0);
}
END_TEST

FIXTURE_MAIN("clock", never_goes_back, a_deadline_lies_as_far_ahead_as_it_was_set,
             no_limit_stays_no_limit, nothing_is_left_only_when_it_is_over)
