/* SPDX-License-Identifier: MIT */

/* What is urgent leaves first, but what waits has its share. */

#include "fixture.h"

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "writer_kit.h"

#define URGENT "publish #1 to=1 sequence=1 priority=7 a size=60000"

static struct outbox outbox;

static unsigned count_urgent(void)
{
        unsigned n = 0;

        hark_list_for_each (link, &outbox.writer.queue[7])
                n++;
        return n;
}

/* A flood: at all times more that is urgent waits than one send takes. */
static void keep_flooding(const char *line)
{
        while (count_urgent() < 8)
                outbox_queue(&outbox, line);
}

static void queue_many_megabytes(int priority)
{
        char line[64];

        snprintf(line, sizeof(line), "request #2 priority=%d b size=1000000", priority);
        for (int i = 0; i < 10; i++)
                outbox_queue(&outbox, line);
}

/* Bytes of frames of each priority, and how often each was begun, in what was sent. */
struct sent {
        size_t size[HARK_PRIORITIES];
        unsigned n[HARK_PRIORITIES];
};

static struct sent count_sent(void)
{
        struct sent sent = {.size = {0}};

        for (size_t at = 0; at + HARK_HEADER_SIZE <= outbox.size;) {
                size_t size = HARK_HEADER_SIZE + hark_align8(hark_load32(outbox.bytes + at + 4));
                uint8_t priority = outbox.bytes[at + 21];

                ck_assert_uint_lt(priority, HARK_PRIORITIES);
                sent.size[priority] += size;
                sent.n[priority]++;
                at += size;
        }
        outbox.size = 0;
        return sent;
}

/* Sends so many bytes, no more than step at a time. */
static void send_flood(const char *line, size_t n_bytes, size_t step)
{
        for (size_t n = 0; n < n_bytes;) {
                keep_flooding(line);
                n += outbox_send(&outbox, step);
        }
}

START_TEST(one_part_in_sixteen_is_left_to_those_that_wait)
{
        const size_t steps[] = {SIZE_MAX, 100000, 5000};

        for (size_t i = 0; i < 3; i++) {
                struct sent sent;

                outbox_init(&outbox, 0);
                queue_many_megabytes(0);
                send_flood(URGENT, (size_t)10 * 1024 * 1024, steps[i]);
                sent = count_sent();
                ck_assert_uint_ge(sent.size[0], sent.size[7] / 20);
                ck_assert_uint_le(sent.size[0], sent.size[7] / 14);
                outbox_done(&outbox);
        }
}
END_TEST

START_TEST(each_priority_has_its_share)
{
        struct sent sent;

        outbox_init(&outbox, 0);
        for (int i = 0; i < HARK_PRIORITIES - 1; i++)
                queue_many_megabytes(i);
        send_flood(URGENT, (size_t)20 * 1024 * 1024, SIZE_MAX);
        sent = count_sent();
        for (int i = 0; i < HARK_PRIORITIES - 1; i++)
                ck_assert_uint_ge(sent.size[i], sent.size[7] / 18);
        ck_assert_uint_ge(sent.size[7], (size_t)10 * 1024 * 1024);
        outbox_done(&outbox);
}
END_TEST

START_TEST(small_messages_leave_together_when_it_is_their_turn)
{
        struct sent sent;

        outbox_init(&outbox, 0);
        for (int i = 0; i < 50; i++)
                outbox_queue(&outbox, "publish #2 to=1 sequence=1 b size=100");
        send_flood(URGENT, HARK_PASSED_MAX + (size_t)1024 * 1024, SIZE_MAX);
        sent = count_sent();
        ck_assert_uint_eq(sent.n[0], 50);
        outbox_done(&outbox);
}
END_TEST

START_TEST(until_then_what_is_urgent_goes_first)
{
        struct sent sent;

        outbox_init(&outbox, 0);
        outbox_queue(&outbox, "request #2 b");
        send_flood(URGENT, HARK_PASSED_MAX - (size_t)256 * 1024, SIZE_MAX);
        sent = count_sent();
        ck_assert_uint_eq(sent.n[0], 0);
        outbox_done(&outbox);
}
END_TEST

START_TEST(what_did_not_wait_has_saved_up_nothing)
{
        struct sent sent;

        outbox_init(&outbox, 0);
        send_flood(URGENT, 4 * HARK_PASSED_MAX, SIZE_MAX);
        count_sent();
        outbox_queue(&outbox, "request #2 b");
        send_flood(URGENT, HARK_PASSED_MAX / 2, SIZE_MAX);
        sent = count_sent();
        ck_assert_uint_eq(sent.n[0], 0);
        outbox_done(&outbox);
}
END_TEST

START_TEST(what_speaks_of_all_before_it_passes_nothing_of_that)
{
        const char *lines[] = {"ping #9", "pong #9", "goaway #9"};

        for (size_t i = 0; i < 3; i++) {
                struct sent sent;
                unsigned n_before = 40;

                outbox_init(&outbox, 0);
                for (unsigned n = 0; n < n_before; n++)
                        outbox_queue(&outbox, URGENT);
                outbox_queue(&outbox, lines[i]);
                for (unsigned n = 0; n == 0 || outbox.writer.filled & 1; n++) {
                        keep_flooding(URGENT);
                        outbox_send(&outbox, SIZE_MAX);
                }
                sent = count_sent();
                ck_assert_uint_eq(sent.n[0], 1);
                ck_assert_uint_ge(sent.n[7], n_before);
                outbox_done(&outbox);
        }
}
END_TEST

/* Before the other side's hello no fds leave, whoever is due. */
START_TEST(what_is_due_and_may_not_leave_holds_up_nobody)
{
        struct sent sent;

        outbox_init(&outbox, 0);
        outbox.budget.requests = 0;
        outbox_queue(&outbox, "request #2 b");
        send_flood(URGENT, 2 * HARK_PASSED_MAX, SIZE_MAX);
        sent = count_sent();
        ck_assert_uint_eq(sent.n[0], 0);
        ck_assert_uint_ge(sent.n[7], 20);
        outbox_done(&outbox);
}
END_TEST

FIXTURE_MAIN("writer_fairness", one_part_in_sixteen_is_left_to_those_that_wait,
             each_priority_has_its_share, small_messages_leave_together_when_it_is_their_turn,
             until_then_what_is_urgent_goes_first, what_did_not_wait_has_saved_up_nothing,
             what_speaks_of_all_before_it_passes_nothing_of_that,
             what_is_due_and_may_not_leave_holds_up_nobody)
