/* SPDX-License-Identifier: MIT */

#include "fixture.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "writer_kit.h"

/* --- order ------------------------------------------------------------------------------------ */

START_TEST(messages_of_one_priority_leave_in_the_order_they_came)
{
        struct outbox outbox;

        outbox_init(&outbox, 0);
        outbox_queue(&outbox, "request #1 a \"one\"");
        outbox_queue(&outbox, "ping #2");
        outbox_queue(&outbox, "publish #3 to=4 sequence=7 a.b \"two\"");
        outbox_send_all(&outbox);
        outbox_check(&outbox, "request #1 a \"one\"\n"
                              "ping #2\n"
                              "publish #3 to=4 sequence=7 a.b \"two\"\n");
        ck_assert(hark_writer_is_empty(&outbox.writer));
        outbox_done(&outbox);
}
END_TEST

START_TEST(the_most_urgent_leaves_first)
{
        struct outbox outbox;

        outbox_init(&outbox, 0);
        outbox_queue(&outbox, "request #1 a");
        outbox_queue(&outbox, "request #2 priority=3 a");
        outbox_queue(&outbox, "request #3 priority=7 a");
        outbox_queue(&outbox, "request #4 priority=3 a");
        outbox_send_all(&outbox);
        outbox_check(&outbox, "request #3 priority=7 a\n"
                              "request #2 priority=3 a\n"
                              "request #4 priority=3 a\n"
                              "request #1 a\n");
        outbox_done(&outbox);
}
END_TEST

START_TEST(all_that_a_message_says_arrives)
{
        struct outbox outbox;

        outbox_init(&outbox, 0);
        outbox_queue(&outbox, "error #3 status=12 encoding=5 from-library valve.Open "
                              "text=\"no such method\" \"details\"");
        outbox_queue(&outbox, "subscribe #5 messages=100 bytes=65536 load.>");
        outbox_queue(&outbox, "reply #2");
        outbox_send_all(&outbox);
        outbox_check(&outbox, "error #3 status=12 encoding=5 from-library valve.Open "
                              "text=\"no such method\" \"details\"\n"
                              "subscribe #5 messages=100 bytes=65536 load.>\n"
                              "reply #2\n");
        outbox_done(&outbox);
}
END_TEST

START_TEST(a_small_frame_is_one_piece_of_memory)
{
        struct outbox outbox;

        outbox_init(&outbox, 0);
        outbox_queue(&outbox, "error #1 status=7 text=\"not for you\" \"details of it\"");
        outbox_queue(&outbox, "request #2 a.method size=700");
        outbox_send(&outbox, SIZE_MAX);
        ck_assert_uint_eq(outbox.plan.n_frames, 2);
        ck_assert_uint_eq(outbox.plan.frames[0].n_iov, 1);
        ck_assert_uint_eq(outbox.plan.frames[1].n_iov, 1);
        outbox_done(&outbox);
}
END_TEST

START_TEST(a_send_is_given_no_more_than_a_socket_takes)
{
        struct outbox outbox;

        outbox_init(&outbox, 0);
        for (int i = 0; i < 100; i++)
                outbox_queue(&outbox, "request #1 a");
        outbox_send(&outbox, SIZE_MAX);
        ck_assert_uint_eq(outbox.plan.n_frames, HARK_SEND_FRAMES);
        outbox_send(&outbox, SIZE_MAX);
        ck_assert_uint_eq(outbox.plan.n_frames, 100 - HARK_SEND_FRAMES);
        outbox_queue(&outbox, "request #1 a size=900000");
        outbox_send(&outbox, SIZE_MAX);
        ck_assert_uint_lt(outbox.plan.size, 512 * 1024);
        outbox_done(&outbox);
}
END_TEST

/* --- fragments -------------------------------------------------------------------------------- */

START_TEST(a_large_message_leaves_in_fragments)
{
        struct outbox outbox;

        outbox_init(&outbox, 0);
        outbox_queue(&outbox, "request #1 encoding=2 text=\"of it\" a.b size=150000");
        outbox_send_all(&outbox);
        outbox_check(&outbox,
                     "request #1 encoding=2 total=150000 size=65536 more a.b text=\"of it\"\n"
                     "request #1 encoding=2 at=65536 size=65536 more continued\n"
                     "request #1 encoding=2 at=131072 size=18928 continued\n");
        outbox_queue(&outbox, "reply #2 size=65536");
        outbox_queue(&outbox, "reply #3 size=65537");
        outbox_send_all(&outbox);
        outbox_check(&outbox, "reply #2 size=65536\n"
                              "reply #3 total=65537 size=65536 more\n"
                              "reply #3 at=65536 continued \"q\"\n");
        outbox_done(&outbox);
}
END_TEST

START_TEST(a_transport_may_want_smaller_frames)
{
        struct outbox outbox;

        outbox_init(&outbox, 1032);
        outbox_queue(&outbox, "reply #1 size=2500");
        outbox_send_all(&outbox);
        outbox_check(&outbox, "reply #1 total=2500 size=1000 more\n"
                              "reply #1 at=1000 size=1000 more continued\n"
                              "reply #1 at=2000 size=500 continued\n");
        outbox_done(&outbox);
}
END_TEST

START_TEST(the_urgent_pass_between_two_fragments)
{
        struct outbox outbox;

        outbox_init(&outbox, 1032);
        outbox_queue(&outbox, "reply #1 size=2500");
        ck_assert_uint_eq(outbox_send(&outbox, 1032), 1032);
        outbox_queue(&outbox, "reply #2");
        outbox_queue(&outbox, "reply #3 priority=1");
        ck_assert_uint_eq(outbox_send(&outbox, 32 + 1032), 32 + 1032);
        outbox_queue(&outbox, "reply #4 priority=7");
        outbox_send_all(&outbox);
        outbox_check(&outbox, "reply #1 total=2500 size=1000 more\n"
                              "reply #3 priority=1\n"
                              "reply #1 at=1000 size=1000 more continued\n"
                              "reply #4 priority=7\n"
                              "reply #1 at=2000 size=500 continued\n"
                              "reply #2\n");
        outbox_done(&outbox);
}
END_TEST

START_TEST(the_urgent_wait_for_the_frame_that_was_cut)
{
        struct outbox outbox;

        outbox_init(&outbox, 1032);
        outbox_queue(&outbox, "reply #1 size=1500");
        outbox_send(&outbox, 700);
        outbox_queue(&outbox, "reply #2 priority=7");
        outbox_send_all(&outbox);
        outbox_check(&outbox, "reply #1 total=1500 size=1000 more\n"
                              "reply #2 priority=7\n"
                              "reply #1 at=1000 size=500 continued\n");
        outbox_done(&outbox);
}
END_TEST

/* --- what is sent in part --------------------------------------------------------------------- */

static const char *const some_messages[] = {
        "request #1 a \"x\"",
        "error #2 priority=3 status=9 text=\"oh\" \"1234567\"",
        "request #3 priority=5 a.b.c size=1100",
        "reply #4 priority=5",
        "publish #5 priority=1 to=2 topic size=700",
        "ping #6",
};

#define N_SOME (sizeof(some_messages) / sizeof(*some_messages))

static void queue_some(struct outbox *outbox)
{
        for (size_t i = 0; i < N_SOME; i++)
                outbox_queue(outbox, some_messages[i]);
}

static void check_same(const struct outbox *a, const struct outbox *b)
{
        ck_assert_uint_eq(a->size, b->size);
        ck_assert_mem_eq(a->bytes, b->bytes, a->size);
        ck_assert(hark_writer_is_empty(&b->writer));
}

START_TEST(a_send_may_take_any_number_of_bytes)
{
        struct outbox whole;

        outbox_init(&whole, 552);
        queue_some(&whole);
        outbox_send_all(&whole);
        for (size_t first = 1; first < whole.size; first++) {
                struct outbox cut;

                outbox_init(&cut, 552);
                queue_some(&cut);
                ck_assert_uint_eq(outbox_send(&cut, first), first);
                outbox_send_all(&cut);
                check_same(&whole, &cut);
                outbox_done(&cut);
        }
        outbox_done(&whole);
}
END_TEST

START_TEST(every_send_may_take_the_same_few_bytes)
{
        struct outbox whole;

        outbox_init(&whole, 552);
        queue_some(&whole);
        outbox_send_all(&whole);
        for (size_t step = 1; step < 600; step += step < 100 ? 1 : 13) {
                struct outbox cut;

                outbox_init(&cut, 552);
                queue_some(&cut);
                while (outbox_send(&cut, step) > 0)
                        ;
                check_same(&whole, &cut);
                outbox_done(&cut);
        }
        outbox_done(&whole);
}
END_TEST

START_TEST(a_send_may_take_nothing)
{
        struct outbox outbox;

        outbox_init(&outbox, 1032);
        outbox_queue(&outbox, "reply #1 size=1500");
        ck_assert_uint_eq(outbox_send(&outbox, 0), 0);
        outbox_send(&outbox, 10);
        ck_assert_uint_eq(outbox_send(&outbox, 0), 0);
        outbox_send_all(&outbox);
        outbox_check(&outbox, "reply #1 total=1500 size=1000 more\n"
                              "reply #1 at=1000 size=500 continued\n");
        outbox_done(&outbox);
}
END_TEST

START_TEST(fds_leave_once_with_the_first_byte)
{
        static const int fds[] = {0, 1};
        struct outbox_extra extra = {.fds = fds, .n_fds = 2};
        struct outbox outbox;

        outbox_init(&outbox, 1032);
        outbox_queue_extra(&outbox, "reply #1 size=1500", &extra);
        outbox_send(&outbox, 0);
        ck_assert_uint_eq(outbox.n_fds, 0);
        ck_assert_uint_eq(outbox.plan.frames[0].n_fds, 2);
        ck_assert_uint_eq(outbox.plan.frames[1].n_fds, 0);
        outbox_send(&outbox, 1);
        ck_assert_uint_eq(outbox.n_fds, 2);
        outbox_send(&outbox, 100);
        outbox_send_all(&outbox);
        ck_assert_uint_eq(outbox.n_fds, 2);
        outbox_check(&outbox, "reply #1 total=1500 fds=2 size=1000 more\n"
                              "reply #1 at=1000 size=500 continued\n");
        outbox_done(&outbox);
}
END_TEST

/* --- deadlines -------------------------------------------------------------------------------- */

static uint64_t time_left_ns(const struct outbox *outbox)
{
        struct hark_header header;
        const char *why;

        ck_assert_int_eq(hark_header_decode(outbox->bytes, &header, &why), 0);
        return header.time_left_ns;
}

START_TEST(a_deadline_becomes_the_time_left_when_it_leaves)
{
        struct outbox_extra extra = {.deadline_ns = hark_now_ns() + 1000000000};
        struct outbox outbox;

        outbox_init(&outbox, 0);
        outbox_queue_extra(&outbox, "request #1 a", &extra);
        outbox_send_all(&outbox);
        ck_assert_uint_le(time_left_ns(&outbox), 1000000000);
        ck_assert_uint_gt(time_left_ns(&outbox), 0);
        outbox_done(&outbox);
}
END_TEST

START_TEST(a_deadline_that_is_over_is_not_written_as_none)
{
        struct outbox_extra extra = {.deadline_ns = 1};
        struct outbox outbox;

        outbox_init(&outbox, 0);
        outbox_queue_extra(&outbox, "request #1 a", &extra);
        outbox_send_all(&outbox);
        ck_assert_uint_eq(time_left_ns(&outbox), 1000);
        outbox_done(&outbox);
}
END_TEST

/* Whoever loses it says that a whole message is lost. */
START_TEST(only_a_whole_message_may_be_lost)
{
        struct outbox_extra extra = {.loss_number = 7};
        struct outbox outbox;

        outbox_init(&outbox, 1032);
        outbox_queue_extra(&outbox, "publish #3 to=4 sequence=7 a.b size=1000", &extra);
        ck_assert_uint_eq(outbox_send(&outbox, 100), 100);
        ck_assert_uint_eq(outbox.plan.frames[0].loss_number, 7);
        outbox_send_all(&outbox);
        ck_assert_uint_eq(outbox.plan.frames[0].loss_number, 0); /* the rest of it */
        outbox_queue_extra(&outbox, "publish #3 to=4 sequence=7 a.b size=2000", &extra);
        while (outbox_send(&outbox, SIZE_MAX) > 0)
                for (unsigned i = 0; i < outbox.plan.n_frames; i++)
                        ck_assert_uint_eq(outbox.plan.frames[i].loss_number, 0);
        outbox_done(&outbox);
}
END_TEST

FIXTURE_MAIN("writer", messages_of_one_priority_leave_in_the_order_they_came,
             the_most_urgent_leaves_first, all_that_a_message_says_arrives,
             a_small_frame_is_one_piece_of_memory, a_send_is_given_no_more_than_a_socket_takes,
             a_large_message_leaves_in_fragments, a_transport_may_want_smaller_frames,
             the_urgent_pass_between_two_fragments, the_urgent_wait_for_the_frame_that_was_cut,
             a_send_may_take_any_number_of_bytes, every_send_may_take_the_same_few_bytes,
             a_send_may_take_nothing, fds_leave_once_with_the_first_byte,
             a_deadline_becomes_the_time_left_when_it_leaves,
             a_deadline_that_is_over_is_not_written_as_none, only_a_whole_message_may_be_lost)
