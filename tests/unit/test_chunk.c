/* SPDX-License-Identifier: MIT */

/* The header of chunks, and frames put together from them. */

#include "fixture.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "link/chunk.h"
#include "link/inbox.h"

#define MAX_FRAME 4096

/* --- the header ------------------------------------------------------------------------------- */

START_TEST(a_header_is_read_back)
{
        static const uint8_t expected[16] = {0xC2, 1, 4, 1, 3, 0};
        struct hark_chunk chunk = {.kind = HARK_CHUNK_DATA,
                                   .flags = HARK_CHUNK_LAST,
                                   .size = 3,
                                   .connection = 0x0123456789ABCDEF,
                                   .sequence = 0xFEDCBA98,
                                   .acknowledged = 7};
        uint8_t packet[HARK_CHUNK_HEADER + 3] = {0};
        struct hark_chunk read;

        hark_chunk_encode(&chunk, packet);
        ck_assert_mem_eq(packet, expected, 6);
        ck_assert_uint_eq(hark_load64(packet + 8), 0x0123456789ABCDEF);
        ck_assert(hark_chunk_decode(packet, sizeof(packet), &read));
        ck_assert_uint_eq(read.kind, chunk.kind);
        ck_assert_uint_eq(read.flags, chunk.flags);
        ck_assert_uint_eq(read.size, chunk.size);
        ck_assert_uint_eq(read.connection, chunk.connection);
        ck_assert_uint_eq(read.sequence, chunk.sequence);
        ck_assert_uint_eq(read.acknowledged, chunk.acknowledged);
}
END_TEST

START_TEST(any_byte_that_is_changed_is_found)
{
        struct hark_chunk chunk = {.kind = HARK_CHUNK_ACK, .connection = 5};
        uint8_t packet[HARK_CHUNK_HEADER];
        struct hark_chunk read;

        hark_chunk_encode(&chunk, packet);
        for (size_t i = 0; i < sizeof(packet); i++) {
                packet[i] ^= 1;
                ck_assert(!hark_chunk_decode(packet, sizeof(packet), &read));
                packet[i] ^= 1;
        }
        ck_assert(hark_chunk_decode(packet, sizeof(packet), &read));
}
END_TEST

START_TEST(a_packet_of_another_size_is_none)
{
        struct hark_chunk chunk = {.kind = HARK_CHUNK_DATA, .size = 4};
        uint8_t packet[HARK_CHUNK_HEADER + 5] = {0};
        struct hark_chunk read;

        hark_chunk_encode(&chunk, packet);
        for (size_t size = 0; size <= sizeof(packet); size++)
                ck_assert_int_eq(hark_chunk_decode(packet, size, &read),
                                 size == HARK_CHUNK_HEADER + 4);
}
END_TEST

/* --- frames ----------------------------------------------------------------------------------- */

/* A frame whose bytes behind the header are all this one. */
static size_t make_frame(uint8_t *frame, size_t body_size, uint8_t byte)
{
        size_t size = (32 + body_size + 7) & ~(size_t)7;

        memset(frame, 0, size);
        hark_store32(frame + 4, (uint32_t)body_size);
        memset(frame + 32, byte, body_size);
        return size;
}

static void put_in_pieces(struct hark_inbox *inbox, unsigned priority, const uint8_t *frame,
                          size_t size, size_t piece)
{
        for (size_t at = 0; at < size; at += piece) {
                size_t n = size - at < piece ? size - at : piece;

                ck_assert_int_eq(hark_inbox_put(inbox, priority, frame + at, n, at + n == size), 0);
        }
}

static void expect_frame(struct hark_inbox *inbox, const uint8_t *frame, size_t size)
{
        size_t taken;
        const uint8_t *bytes = hark_inbox_peek(inbox, &taken);

        ck_assert_ptr_nonnull(bytes);
        ck_assert_uint_eq(taken, size);
        ck_assert_mem_eq(bytes, frame, size);
        hark_inbox_take(inbox);
}

START_TEST(a_frame_is_put_together_however_it_was_cut)
{
        uint8_t frame[MAX_FRAME];
        size_t size = make_frame(frame, 1001, 'x');
        struct hark_inbox inbox;

        hark_inbox_init(&inbox, MAX_FRAME);
        for (size_t piece = 32; piece <= size; piece++) {
                put_in_pieces(&inbox, 0, frame, size, piece);
                ck_assert_uint_eq(inbox.size, size);
                expect_frame(&inbox, frame, size);
                ck_assert(!hark_inbox_has_frame(&inbox));
                ck_assert_uint_eq(inbox.size, 0);
        }
        hark_inbox_done(&inbox);
}
END_TEST

START_TEST(what_is_urgent_passes_between_the_pieces_of_another)
{
        uint8_t bulky[MAX_FRAME], urgent[MAX_FRAME];
        size_t bulky_size = make_frame(bulky, 200, 'b'), urgent_size = make_frame(urgent, 9, 'u');
        struct hark_inbox inbox;

        hark_inbox_init(&inbox, MAX_FRAME);
        ck_assert_int_eq(hark_inbox_put(&inbox, 0, bulky, 100, false), 0);
        put_in_pieces(&inbox, 7, urgent, urgent_size, urgent_size);
        expect_frame(&inbox, urgent, urgent_size);
        ck_assert(!hark_inbox_has_frame(&inbox));
        ck_assert_int_eq(hark_inbox_put(&inbox, 0, bulky + 100, bulky_size - 100, true), 0);
        expect_frame(&inbox, bulky, bulky_size);
        hark_inbox_done(&inbox);
}
END_TEST

START_TEST(what_does_not_add_up_is_refused)
{
        uint8_t frame[2 * MAX_FRAME];
        size_t size = make_frame(frame, 100, 'x');
        struct hark_inbox inbox;

        hark_inbox_init(&inbox, MAX_FRAME);
        ck_assert_int_eq(hark_inbox_put(&inbox, 0, frame, 31, false), -EPROTO);
        ck_assert_int_eq(hark_inbox_put(&inbox, 1, frame, size, false), -EPROTO);
        ck_assert_int_eq(hark_inbox_put(&inbox, 2, frame, size - 8, true), -EPROTO);
        ck_assert_int_eq(hark_inbox_put(&inbox, 3, frame, size + 8, true), -EPROTO);
        make_frame(frame, MAX_FRAME - 32 + 1, 'x');
        ck_assert_int_eq(hark_inbox_put(&inbox, 4, frame, 100, false), -EPROTO);
        hark_store32(frame + 4, UINT32_MAX);
        ck_assert_int_eq(hark_inbox_put(&inbox, 5, frame, 100, false), -EPROTO);
        ck_assert(!hark_inbox_has_frame(&inbox));
        hark_inbox_done(&inbox);
}
END_TEST

START_TEST(what_is_not_taken_is_freed)
{
        uint8_t frame[MAX_FRAME];
        size_t size = make_frame(frame, 100, 'x');
        struct hark_inbox inbox;

        hark_inbox_init(&inbox, MAX_FRAME);
        put_in_pieces(&inbox, 0, frame, size, size);
        ck_assert_int_eq(hark_inbox_put(&inbox, 1, frame, 40, false), 0);
        hark_inbox_done(&inbox);
}
END_TEST

FIXTURE_MAIN("chunk", a_header_is_read_back, any_byte_that_is_changed_is_found,
             a_packet_of_another_size_is_none, a_frame_is_put_together_however_it_was_cut,
             what_is_urgent_passes_between_the_pieces_of_another, what_does_not_add_up_is_refused,
             what_is_not_taken_is_freed)
