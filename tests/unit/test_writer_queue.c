/* SPDX-License-Identifier: MIT */

/* What can be done to messages that are queued: taken back, given up, put in front, held back. */

#include "fixture.h"

#include <errno.h>
#include <string.h>

#include "writer_kit.h"

/* --- taking back ------------------------------------------------------------------------------ */

START_TEST(what_has_not_begun_to_leave_can_be_taken_back)
{
        struct hark_outgoing *slots[3] = {NULL};
        struct outbox outbox;

        outbox_init(&outbox, 0);
        outbox_queue_extra(&outbox, "reply #1", &(struct outbox_extra){.slot = &slots[0]});
        outbox_queue_extra(&outbox, "reply #2", &(struct outbox_extra){.slot = &slots[1]});
        outbox_queue_extra(&outbox, "reply #3 priority=4",
                           &(struct outbox_extra){.slot = &slots[2]});
        hark_writer_withdraw(&outbox.writer, slots[1]);
        hark_writer_withdraw(&outbox.writer, slots[2]);
        ck_assert_ptr_nonnull(slots[0]);
        ck_assert_ptr_null(slots[1]);
        ck_assert_ptr_null(slots[2]);
        outbox_send_all(&outbox);
        outbox_check(&outbox, "reply #1\n");
        ck_assert_ptr_null(slots[0]);
        outbox_done(&outbox);
}
END_TEST

START_TEST(a_slot_is_empty_once_the_first_byte_has_left)
{
        struct hark_outgoing *slot = NULL;
        struct outbox outbox;

        outbox_init(&outbox, 0);
        outbox_queue_extra(&outbox, "reply #1", &(struct outbox_extra){.slot = &slot});
        outbox_send(&outbox, 0);
        ck_assert_ptr_nonnull(slot);
        outbox_send(&outbox, 1);
        ck_assert_ptr_null(slot);
        outbox_done(&outbox);
}
END_TEST

START_TEST(what_is_dropped_at_the_end_leaves_its_slot_empty)
{
        struct hark_outgoing *slot = NULL;
        struct outbox outbox;

        outbox_init(&outbox, 0);
        outbox_queue_extra(&outbox, "reply #1 size=100000", &(struct outbox_extra){.slot = &slot});
        outbox_done(&outbox);
        ck_assert_ptr_null(slot);
}
END_TEST

START_TEST(what_is_queued_counts_the_memory_that_it_holds)
{
        struct hark_outgoing *slot = NULL;
        struct outbox outbox;

        outbox_init(&outbox, 0);
        outbox_queue_extra(&outbox, "reply #1 size=100000", &(struct outbox_extra){.slot = &slot});
        ck_assert_uint_ge(outbox.writer.queued_size, 100000);
        ck_assert_uint_lt(outbox.writer.queued_size, 102000);
        outbox_queue(&outbox, "reply #2 size=1000");
        hark_writer_withdraw(&outbox.writer, slot);
        ck_assert_uint_ge(outbox.writer.queued_size, 1000);
        ck_assert_uint_lt(outbox.writer.queued_size, 2100);
        outbox_send_all(&outbox);
        ck_assert_uint_eq(outbox.writer.queued_size, 0);
        outbox_done(&outbox);
}
END_TEST

/* --- giving up -------------------------------------------------------------------------------- */

START_TEST(a_message_given_up_between_fragments_has_no_more)
{
        struct outbox outbox;

        outbox_init(&outbox, 1032);
        outbox_queue(&outbox, "request #1 a size=2500");
        outbox_queue(&outbox, "request #2 a");
        outbox_send(&outbox, 32 + 8 + 1000);
        hark_writer_give_up(&outbox.writer, HARK_FRAME_REQUEST, 1, 0);
        outbox_send_all(&outbox);
        outbox_check(&outbox, "request #1 total=2500 size=1000 more a\n"
                              "request #2 a\n");
        outbox_done(&outbox);
}
END_TEST

START_TEST(a_message_given_up_within_a_frame_finishes_it)
{
        for (size_t cut = 1; cut < 32 + 8 + 1000; cut += 37) {
                struct outbox outbox;

                outbox_init(&outbox, 1032);
                outbox_queue(&outbox, "request #1 a size=2500");
                outbox_queue(&outbox, "request #2 a");
                outbox_send(&outbox, cut);
                hark_writer_give_up(&outbox.writer, HARK_FRAME_REQUEST, 1, 0);
                outbox_queue(&outbox, "request #3 priority=3 a");
                outbox_send_all(&outbox);
                outbox_check(&outbox, "request #1 total=2500 size=1000 more a\n"
                                      "request #3 priority=3 a\n"
                                      "request #2 a\n");
                outbox_done(&outbox);
        }
}
END_TEST

START_TEST(only_what_has_begun_to_leave_is_given_up)
{
        struct outbox outbox;

        outbox_init(&outbox, 1032);
        hark_writer_give_up(&outbox.writer, HARK_FRAME_REQUEST, 1, 0);
        outbox_queue(&outbox, "request #1 a size=1500");
        hark_writer_give_up(&outbox.writer, HARK_FRAME_REQUEST, 1, 0);
        outbox_send(&outbox, 100);
        hark_writer_give_up(&outbox.writer, HARK_FRAME_REQUEST, 2, 0);
        hark_writer_give_up(&outbox.writer, HARK_FRAME_REPLY, 1, 0);
        hark_writer_give_up(&outbox.writer, HARK_FRAME_REQUEST, 1, 1);
        outbox_send_all(&outbox);
        outbox_check(&outbox, "request #1 total=1500 size=1000 more a\n"
                              "request #1 at=1000 size=500 continued\n");
        hark_writer_give_up(&outbox.writer, HARK_FRAME_REQUEST, 1, 0);
        outbox_done(&outbox);
}
END_TEST

/* --- before others ---------------------------------------------------------------------------- */

START_TEST(a_message_can_be_queued_before_another)
{
        struct hark_outgoing *slot = NULL;
        struct outbox outbox;

        outbox_init(&outbox, 0);
        outbox_queue(&outbox, "reply #1");
        outbox_queue_extra(&outbox, "reply #2", &(struct outbox_extra){.slot = &slot});
        outbox_queue_extra(&outbox, "reply #3",
                           &(struct outbox_extra){.is_before = true, .position = slot});
        outbox_queue_extra(&outbox, "reply #4", &(struct outbox_extra){.is_before = true});
        outbox_send_all(&outbox);
        outbox_check(&outbox, "reply #4\n"
                              "reply #1\n"
                              "reply #3\n"
                              "reply #2\n");
        outbox_done(&outbox);
}
END_TEST

START_TEST(nothing_is_queued_before_what_has_begun)
{
        struct outbox outbox;

        outbox_init(&outbox, 1032);
        outbox_queue(&outbox, "reply #1 size=1500");
        outbox_queue(&outbox, "reply #2");
        outbox_send(&outbox, 1);
        outbox_queue_extra(&outbox, "reply #3", &(struct outbox_extra){.is_before = true});
        outbox_send_all(&outbox);
        outbox_check(&outbox, "reply #1 total=1500 size=1000 more\n"
                              "reply #1 at=1000 size=500 continued\n"
                              "reply #3\n"
                              "reply #2\n");
        outbox_done(&outbox);
}
END_TEST

/* --- groups ----------------------------------------------------------------------------------- */

START_TEST(a_group_holds_what_can_still_be_taken_back)
{
        struct hark_outgoing_group group;
        struct outbox_extra extra = {.group = &group};
        struct outbox outbox;
        struct hark_list *first;

        hark_outgoing_group_init(&group);
        outbox_init(&outbox, 1032);
        outbox_queue_extra(&outbox, "publish #1 to=1 a size=1500", &extra);
        outbox_queue(&outbox, "publish #2 to=2 a size=1500");
        outbox_queue_extra(&outbox, "publish #3 priority=2 to=1 a size=100", &extra);
        outbox_queue_extra(&outbox, "publish #4 to=1 a size=100", &extra);
        ck_assert_uint_eq(group.n_queued, 3);
        ck_assert_uint_ge(group.queued_size, 1700);

        /* The urgent one, and the beginning of the first. */
        outbox_send(&outbox, 32 + 8 + 104 + 10);
        ck_assert_uint_eq(group.n_queued, 1);
        ck_assert_uint_lt(group.queued_size, 200);
        first = hark_list_first(&group.queued);
        hark_writer_withdraw(&outbox.writer,
                             hark_container_of(first, struct hark_outgoing, group_link));
        ck_assert_uint_eq(group.n_queued, 0);
        ck_assert_uint_eq(group.queued_size, 0);
        ck_assert(hark_list_is_empty(&group.queued));
        outbox_send_all(&outbox);
        outbox_check(&outbox, "publish #3 to=1 priority=2 size=100 a\n"
                              "publish #1 to=1 total=1500 size=1000 more a\n"
                              "publish #1 to=1 at=1000 size=500 continued\n"
                              "publish #2 to=2 total=1500 size=1000 more a\n"
                              "publish #2 to=2 at=1000 size=500 continued\n");
        outbox_done(&outbox);
}
END_TEST

/* --- before the other side's hello ------------------------------------------------------------ */

START_TEST(a_budget_bounds_the_bytes)
{
        struct outbox outbox;

        outbox_init(&outbox, 1032);
        outbox.budget = (struct hark_send_budget){2100, UINT32_MAX, true};
        outbox_queue(&outbox, "reply #1 size=2500");
        outbox_queue(&outbox, "reply #2");
        outbox_send(&outbox, 700);
        outbox_send_all(&outbox);
        outbox_check(&outbox, "reply #1 total=2500 size=1000 more\n"
                              "reply #1 at=1000 size=1000 more continued\n");
        ck_assert_uint_eq(outbox.budget.bytes, 2100 - 2 * 1032);
        outbox.budget.bytes = SIZE_MAX;
        outbox_send_all(&outbox);
        outbox_check(&outbox, "reply #1 at=2000 size=500 continued\n"
                              "reply #2\n");
        outbox_done(&outbox);
}
END_TEST

START_TEST(a_budget_bounds_the_requests)
{
        struct outbox outbox;

        outbox_init(&outbox, 1032);
        outbox.budget = (struct hark_send_budget){SIZE_MAX, 2, true};
        outbox_queue(&outbox, "request #1 a size=1500");
        outbox_queue(&outbox, "request #2 a");
        outbox_queue(&outbox, "request #3 a");
        for (int i = 0; i < 20; i++)
                outbox_send(&outbox, 500);
        outbox_check(&outbox, "request #1 total=1500 size=1000 more a\n"
                              "request #1 at=1000 size=500 continued\n"
                              "request #2 a\n");
        ck_assert_uint_eq(outbox.budget.requests, 0);
        outbox_done(&outbox);
}
END_TEST

START_TEST(a_budget_holds_back_fds)
{
        static const int fds[] = {0};
        struct outbox outbox;

        outbox_init(&outbox, 0);
        outbox.budget = (struct hark_send_budget){SIZE_MAX, UINT32_MAX, false};
        outbox_queue(&outbox, "reply #1");
        outbox_queue_extra(&outbox, "reply #2", &(struct outbox_extra){.fds = fds, .n_fds = 1});
        outbox_send_all(&outbox);
        outbox_check(&outbox, "reply #1\n");
        outbox.budget.allows_fds = true;
        outbox_send_all(&outbox);
        outbox_check(&outbox, "reply #2 fds=1\n");
        outbox_done(&outbox);
}
END_TEST

/* What has begun to leave cannot be taken back; its slot is empty. */
struct drops {
        unsigned n;
        uint32_t ids[4];
        int errors[4];
        struct hark_outgoing **slots[4];
};

static void note_drop(const struct hark_outgoing *outgoing, int error, void *userdata)
{
        struct drops *drops = userdata;

        drops->ids[drops->n] = outgoing->header.id;
        drops->errors[drops->n] = error;
        drops->slots[drops->n++] = outgoing->slot;
}

START_TEST(what_the_other_side_does_not_take_is_dropped_and_told)
{
        static const int fds[] = {0, 1};
        struct hark_outgoing *slot = NULL;
        struct drops drops = {.n = 0};
        struct outbox outbox;

        outbox_init(&outbox, 1032);
        outbox_queue(&outbox, "request #1 a size=2500");
        outbox_send(&outbox, 10);
        outbox_queue_extra(&outbox, "request #2 a size=2001",
                           &(struct outbox_extra){.slot = &slot});
        outbox_queue(&outbox, "request #3 a size=2000");
        outbox_queue_extra(&outbox, "request #4 priority=3 a",
                           &(struct outbox_extra){.fds = fds, .n_fds = 2});
        hark_writer_drop_unfit(&outbox.writer, 2000, 1, note_drop, &drops);
        ck_assert_uint_eq(drops.n, 2);
        ck_assert_uint_eq(drops.ids[0], 2);
        ck_assert_int_eq(drops.errors[0], -EMSGSIZE);
        ck_assert_ptr_eq(drops.slots[0], &slot);
        ck_assert_ptr_null(slot);
        ck_assert_uint_eq(drops.ids[1], 4);
        ck_assert_int_eq(drops.errors[1], -EDQUOT);
        outbox_send_all(&outbox);
        outbox_check(&outbox, "request #1 total=2500 size=1000 more a\n"
                              "request #1 at=1000 size=1000 more continued\n"
                              "request #1 at=2000 size=500 continued\n"
                              "request #3 total=2000 size=1000 more a\n"
                              "request #3 at=1000 size=1000 continued\n");
        outbox_done(&outbox);
}
END_TEST

/* --- shared messages -------------------------------------------------------------------------- */

static hark_message *new_message(size_t size)
{
        static const uint8_t zeros[4000];
        struct hark_payload payload = hark_bytes(zeros, size);
        hark_message *message = NULL;

        ck_assert_int_eq(hark_message_new_copy(NULL, NULL, &payload, &message), 0);
        return message;
}

START_TEST(a_large_message_is_shared_among_those_who_send_it)
{
        hark_message *message = new_message(4000);
        struct outbox_extra extra = {.shared = message};
        struct outbox outboxes[3];

        for (unsigned i = 0; i < 3; i++) {
                outbox_init(&outboxes[i], 0);
                outbox_queue_extra(&outboxes[i], "publish #1 to=1 a", &extra);
        }
        ck_assert_uint_eq(message->n_refs, 4);
        hark_message_unref(message);
        for (unsigned i = 0; i < 3; i++) {
                outbox_send(&outboxes[i], 100);
                ck_assert_ptr_eq(outboxes[i].plan.frames[0].iov[1].iov_base, message->data);
        }
        for (unsigned i = 0; i < 3; i++) {
                outbox_send_all(&outboxes[i]);
                outbox_check(&outboxes[i], "publish #1 to=1 size=4000 a\n");
                outbox_done(&outboxes[i]);
        }
}
END_TEST

START_TEST(a_small_message_is_copied_rather_than_shared)
{
        hark_message *message = new_message(30);
        struct outbox outbox;

        outbox_init(&outbox, 0);
        outbox_queue_extra(&outbox, "publish #1 to=1 a", &(struct outbox_extra){.shared = message});
        ck_assert_uint_eq(message->n_refs, 1);
        outbox_send(&outbox, SIZE_MAX);
        ck_assert_uint_eq(outbox.plan.frames[0].n_iov, 1);
        hark_message_unref(message);
        outbox_done(&outbox);
}
END_TEST

FIXTURE_MAIN("writer_queue", what_has_not_begun_to_leave_can_be_taken_back,
             a_slot_is_empty_once_the_first_byte_has_left,
             what_is_dropped_at_the_end_leaves_its_slot_empty,
             what_is_queued_counts_the_memory_that_it_holds,
             a_message_given_up_between_fragments_has_no_more,
             a_message_given_up_within_a_frame_finishes_it,
             only_what_has_begun_to_leave_is_given_up, a_message_can_be_queued_before_another,
             nothing_is_queued_before_what_has_begun, a_group_holds_what_can_still_be_taken_back,
             a_budget_bounds_the_bytes, a_budget_bounds_the_requests, a_budget_holds_back_fds,
             what_the_other_side_does_not_take_is_dropped_and_told,
             a_large_message_is_shared_among_those_who_send_it,
             a_small_message_is_copied_rather_than_shared)
