/* SPDX-License-Identifier: MIT */

/*
 * What a writer sends, a reader reads: random messages of all sizes and priorities, taken by the
 * port in any number of bytes, read in any number of bytes, some taken back before they leave and
 * some cancelled under way. Each of the others arrives once, whole, and in the order of its
 * priority.
 */

#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dice.h"
#include "frame_text.h"
#include "reader_kit.h"
#include "writer_kit.h"

#define N_PARCELS 300

enum parcel_state {
        PARCEL_QUEUED = 1,
        PARCEL_TAKEN_BACK,
        PARCEL_CANCELLED,
        PARCEL_ARRIVED
};

/* A message; its id is its index + 1. */
struct parcel {
        enum parcel_state state;
        uint8_t type, priority;
        size_t size;
        struct hark_outgoing *slot;
        bool has_begun; /* the reader has seen its beginning */
};

struct loopback {
        struct outbox outbox;
        struct hark_reader reader;
        struct dice dice;
        struct parcel parcels[N_PARCELS];
        uint32_t n_parcels;
        uint32_t last_begun[HARK_PRIORITIES];
        unsigned n_arrived, n_cancelled, n_taken_back;
};

static struct loopback *loopback_of(struct hark_reader *reader)
{
        return hark_container_of(reader, struct loopback, reader);
}

static struct parcel *parcel_of(struct loopback *loopback, uint32_t id)
{
        ck_assert_uint_ge(id, 1);
        ck_assert_uint_le(id, loopback->n_parcels);
        return &loopback->parcels[id - 1];
}

/* --- the receiving end ------------------------------------------------------------------------ */

static int begin(struct hark_reader *reader, const struct hark_header *header,
                 const struct hark_frame *frame, size_t total, bool *ret_is_kept,
                 const char **ret_why)
{
        struct loopback *loopback = loopback_of(reader);
        struct parcel *parcel = parcel_of(loopback, header->id);

        (void)frame;
        (void)ret_is_kept;
        (void)ret_why;
        if (header->type == HARK_FRAME_CANCEL)
                return 0;
        ck_assert_uint_eq(header->type, parcel->type);
        ck_assert_uint_eq(header->priority, parcel->priority);
        ck_assert_uint_eq(total, parcel->size);
        ck_assert(!parcel->has_begun);
        ck_assert_int_ne(parcel->state, PARCEL_TAKEN_BACK);
        ck_assert_uint_gt(header->id, loopback->last_begun[header->priority]);
        loopback->last_begun[header->priority] = header->id;
        parcel->has_begun = true;
        return 0;
}

static void check_payload(const hark_message *message, const struct parcel *parcel)
{
        ck_assert_uint_eq(message->size, parcel->size);
        for (size_t i = 0; i < parcel->size; i++)
                if (message->data[i] != frame_text_byte(i))
                        ck_abort_msg("byte %zu of %zu is another one", i, parcel->size);
}

static int end(struct hark_reader *reader, const struct hark_incoming *incoming,
               const struct hark_frame *frame, const char **ret_why)
{
        struct loopback *loopback = loopback_of(reader);
        const struct hark_header *header = &incoming->header;
        struct parcel *parcel = parcel_of(loopback, header->id);
        struct hark_incoming forgotten;

        (void)frame;
        (void)ret_why;
        if (header->type == HARK_FRAME_CANCEL) {
                hark_reader_forget(reader, HARK_FRAME_REQUEST, header->id, header->priority,
                                   &forgotten);
        } else {
                ck_assert_int_ne(parcel->state, PARCEL_ARRIVED);
                check_payload(incoming->message, parcel);
                if (parcel->state == PARCEL_QUEUED)
                        parcel->state = PARCEL_ARRIVED;
                loopback->n_arrived++;
        }
        hark_message_unref(incoming->message);
        return 0;
}

static const struct hark_reader_ops loopback_ops = {.begin = begin, .end = end};

/* Reads all that was sent, in pieces. */
static void read_sent(struct loopback *loopback)
{
        struct outbox *outbox = &loopback->outbox;

        for (size_t at = 0; at < outbox->size;) {
                size_t n = 1 + dice_below(&loopback->dice, 3000);
                const char *why = "?";
                int r;

                n = n < outbox->size - at ? n : outbox->size - at;
                r = hark_reader_feed(&loopback->reader, outbox->bytes + at, n, &why);
                ck_assert_msg(r == 0, "%s", why);
                at += n;
        }
        outbox->size = 0;
}

/* --- the sending end -------------------------------------------------------------------------- */

static size_t random_size(struct dice *dice)
{
        switch (dice_below(dice, 6)) {
        case 0:
                return 0;
        case 1:
                return dice_below(dice, 20000);
        case 2:
                return 500 + dice_below(dice, 1000);
        default:
                return dice_below(dice, 200);
        }
}

static void queue_parcel(struct loopback *loopback)
{
        struct dice *dice = &loopback->dice;
        struct parcel *parcel = &loopback->parcels[loopback->n_parcels++];
        bool is_request = dice_one_in(dice, 2);
        char line[128];

        parcel->state = PARCEL_QUEUED;
        parcel->type = is_request ? HARK_FRAME_REQUEST : HARK_FRAME_REPLY;
        parcel->priority = (uint8_t)dice_below(dice, 3);
        parcel->size = random_size(dice);
        snprintf(line, sizeof(line), "%s #%u priority=%u size=%zu%s",
                 is_request ? "request" : "reply", loopback->n_parcels, parcel->priority,
                 parcel->size, is_request ? " a.method" : "");
        outbox_queue_extra(&loopback->outbox, line, &(struct outbox_extra){.slot = &parcel->slot});
}

/* As a caller does it whose call is over. */
static void end_parcel(struct loopback *loopback)
{
        struct dice *dice = &loopback->dice;
        uint32_t id = loopback->n_parcels - dice_below(dice, loopback->n_parcels) % 16;
        struct parcel *parcel = parcel_of(loopback, id);
        char line[64];

        if (parcel->state != PARCEL_QUEUED || parcel->type != HARK_FRAME_REQUEST)
                return;
        if (parcel->slot) {
                hark_writer_withdraw(&loopback->outbox.writer, parcel->slot);
                parcel->state = PARCEL_TAKEN_BACK;
                loopback->n_taken_back++;
                return;
        }
        hark_writer_give_up(&loopback->outbox.writer, HARK_FRAME_REQUEST, id, parcel->priority);
        snprintf(line, sizeof(line), "cancel #%u priority=%u", id, parcel->priority);
        outbox_queue_extra(&loopback->outbox, line, &(struct outbox_extra){.is_before = true});
        parcel->state = PARCEL_CANCELLED;
        loopback->n_cancelled++;
}

static void send_some(struct loopback *loopback)
{
        outbox_send(&loopback->outbox, 1 + dice_below(&loopback->dice, 4000));
        if (dice_one_in(&loopback->dice, 3))
                read_sent(loopback);
}

static void do_something(struct loopback *loopback)
{
        switch (dice_below(&loopback->dice, 8)) {
        case 0:
        case 1:
                if (loopback->n_parcels < N_PARCELS)
                        queue_parcel(loopback);
                break;
        case 2:
                if (loopback->n_parcels > 0)
                        end_parcel(loopback);
                break;
        default:
                send_some(loopback);
        }
}

static void run_loopback(struct loopback *loopback, unsigned seed)
{
        memset(loopback, 0, sizeof(*loopback));
        loopback->dice = dice_new(seed);
        outbox_init(&loopback->outbox, 1032);
        hark_reader_init(&loopback->reader, &loopback_ops, NULL);
        while (loopback->n_parcels < N_PARCELS)
                do_something(loopback);
        outbox_send_all(&loopback->outbox);
        read_sent(loopback);
        for (uint32_t id = 1; id <= N_PARCELS; id++)
                ck_assert_int_ne(parcel_of(loopback, id)->state, PARCEL_QUEUED);
        hark_reader_done(&loopback->reader);
        outbox_done(&loopback->outbox);
}

START_TEST(all_that_is_sent_arrives_once_whole_and_in_order)
{
        struct loopback *loopback = malloc(sizeof(*loopback));
        unsigned n_cancelled = 0, n_taken_back = 0;

        ck_assert_ptr_nonnull(loopback);
        for (unsigned seed = 0; seed < 25; seed++) {
                run_loopback(loopback, seed);
                ck_assert_uint_gt(loopback->n_arrived, N_PARCELS / 2);
                n_cancelled += loopback->n_cancelled;
                n_taken_back += loopback->n_taken_back;
        }
        ck_assert_uint_gt(n_cancelled, 100);
        ck_assert_uint_gt(n_taken_back, 10);
        free(loopback);
}
END_TEST

FIXTURE_MAIN("loopback", all_that_is_sent_arrives_once_whole_and_in_order)
