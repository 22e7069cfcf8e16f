/* SPDX-License-Identifier: MIT */

/* The arithmetic of a window. */

#include "fixture.h"

#include "dice.h"
#include "rpc/window.h"

START_TEST(an_item_is_taken_whole_while_the_window_is_open)
{
        struct hark_window window;

        hark_window_init(&window, 1000);
        ck_assert(hark_window_take(&window, 999));
        ck_assert(hark_window_is_open(&window));
        ck_assert(hark_window_take(&window, 5000));
        ck_assert(!hark_window_is_open(&window));
        ck_assert(!hark_window_take(&window, 1));
        ck_assert_uint_eq(window.used, 5999);
}
END_TEST

START_TEST(a_window_of_nothing_is_never_open)
{
        struct hark_window window;

        hark_window_init(&window, 0);
        ck_assert(!hark_window_take(&window, 1));
        ck_assert_uint_eq(hark_window_due(&window), 0);
}
END_TEST

START_TEST(credit_opens_it_again)
{
        struct hark_window window;

        hark_window_init(&window, 1000);
        ck_assert(hark_window_take(&window, 1500));
        ck_assert(hark_window_credit(&window, 500));
        ck_assert(!hark_window_is_open(&window));
        ck_assert(hark_window_credit(&window, 1));
        ck_assert(hark_window_is_open(&window));
}
END_TEST

START_TEST(credit_for_more_than_is_under_way_is_refused)
{
        struct hark_window window;

        hark_window_init(&window, 1000);
        ck_assert(hark_window_take(&window, 300));
        ck_assert(!hark_window_credit(&window, 301));
        ck_assert(!hark_window_credit(&window, UINT32_MAX));
        ck_assert_uint_eq(window.used, 300);
        ck_assert(hark_window_credit(&window, 300));
        ck_assert(!hark_window_credit(&window, 1));
}
END_TEST

START_TEST(credit_is_due_at_half_a_window)
{
        struct hark_window window;

        hark_window_init(&window, 1000);
        for (int i = 0; i < 3; i++)
                ck_assert(hark_window_take(&window, 300));
        hark_window_consume(&window, 300);
        ck_assert_uint_eq(hark_window_due(&window), 0);
        hark_window_consume(&window, 300);
        ck_assert_uint_eq(hark_window_due(&window), 600);
        hark_window_credited(&window, 600);
        ck_assert_uint_eq(hark_window_due(&window), 0);
        ck_assert_uint_eq(window.used, 300);
}
END_TEST

/* Two ends of a stream, whatever the sizes are and however late the credit. */
struct ends {
        struct hark_window sender, receiver;
        uint64_t sent[64], n_sent, n_consumed, credit; /* credit: on its way */
};

static void send_one(struct ends *ends, uint64_t cost)
{
        if (ends->n_sent - ends->n_consumed == 64 || !hark_window_take(&ends->sender, cost))
                return;
        ck_assert_msg(hark_window_take(&ends->receiver, cost), "what may be sent is taken");
        ends->sent[ends->n_sent++ % 64] = cost;
}

static void consume_one(struct ends *ends)
{
        uint32_t due;

        if (ends->n_consumed == ends->n_sent)
                return;
        hark_window_consume(&ends->receiver, ends->sent[ends->n_consumed++ % 64]);
        due = hark_window_due(&ends->receiver);
        hark_window_credited(&ends->receiver, due);
        ends->credit += due;
}

static void bring_credit(struct ends *ends)
{
        ck_assert(hark_window_credit(&ends->sender, ends->credit));
        ends->credit = 0;
}

START_TEST(two_ends_agree_and_never_get_stuck)
{
        struct dice dice = dice_new(1);

        for (int round = 0; round < 200; round++) {
                uint64_t size = 1 + dice_below(&dice, 5000);
                struct ends ends = {.n_sent = 0};

                hark_window_init(&ends.sender, size);
                hark_window_init(&ends.receiver, size);
                for (int i = 0; i < 300; i++) {
                        switch (dice_below(&dice, 3)) {
                        case 0:
                                send_one(&ends, 256 + dice_below(&dice, 3000));
                                break;
                        case 1:
                                consume_one(&ends);
                                break;
                        default:
                                bring_credit(&ends);
                        }
                        ck_assert_uint_le(ends.receiver.used, size + 256 + 3000);
                }
                while (ends.n_consumed < ends.n_sent)
                        consume_one(&ends);
                bring_credit(&ends);
                ck_assert_msg(hark_window_is_open(&ends.sender), "all is dealt with");
        }
}
END_TEST

FIXTURE_MAIN("window", an_item_is_taken_whole_while_the_window_is_open,
             a_window_of_nothing_is_never_open, credit_opens_it_again,
             credit_for_more_than_is_under_way_is_refused, credit_is_due_at_half_a_window,
             two_ends_agree_and_never_get_stuck)
