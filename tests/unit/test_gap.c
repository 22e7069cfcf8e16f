/* SPDX-License-Identifier: MIT */

#include "fixture.h"

#include <errno.h>

#include "wire/frame.h"

static void assert_gap(uint64_t n_lost, uint64_t first, uint32_t reason, const char *wanted_why)
{
        struct hark_gap gap = {.n_lost = n_lost, .first = first, .reason = reason}, decoded;
        uint8_t bytes[HARK_GAP_SIZE];
        const char *why = "nothing wrong";
        int r;

        hark_gap_encode(&gap, bytes);
        r = hark_gap_decode((struct hark_span){bytes, sizeof(bytes)}, &decoded, &why);
        ck_assert_int_eq(r, wanted_why ? -EPROTO : 0);
        ck_assert_str_eq(why, wanted_why ? wanted_why : "nothing wrong");
        if (wanted_why)
                return;
        ck_assert_uint_eq(decoded.n_lost, n_lost);
        ck_assert_uint_eq(decoded.first, first);
        ck_assert_uint_eq(decoded.reason, reason);
}

START_TEST(a_gap_says_what_can_have_been_lost)
{
        static const uint8_t bytes[HARK_GAP_SIZE];
        struct hark_gap gap;
        const char *why;

        assert_gap(1, 1, 1, NULL);
        assert_gap(3, 12, 4095, NULL);
        assert_gap(UINT64_MAX, UINT64_MAX, ENOBUFS, NULL);
        assert_gap(1, UINT64_MAX - 1, ENOBUFS, NULL);
        assert_gap(0, 1, ENOBUFS, "a gap in which nothing was lost");
        assert_gap(1, 0, ENOBUFS, "a gap that begins before the first sequence number");
        assert_gap(2, UINT64_MAX - 1, ENOBUFS, "a gap that ends beyond the last sequence number");
        assert_gap(1, 1, 0, "a gap whose reason is no errno");
        assert_gap(1, 1, 4096, "a gap whose reason is no errno");
        ck_assert_int_eq(hark_gap_decode((struct hark_span){bytes, sizeof(bytes) - 1}, &gap, &why),
                         -EPROTO);
        ck_assert_str_eq(why, "a gap of less than 24 bytes");
}
END_TEST

FIXTURE_MAIN("gap", a_gap_says_what_can_have_been_lost)
