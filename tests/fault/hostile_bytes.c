/* SPDX-License-Identifier: MIT */

/* Bytes that are no conversation, or not quite one, or one that is cut anywhere. */

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hostile_kit.h"
#include "hostile_tests.h"

#define MIB ((size_t)1024 * 1024)

static uint32_t random_state;

static uint32_t next_random(void)
{
        random_state = random_state * 1664525 + 1013904223;
        return random_state >> 8;
}

static void fill_random(uint8_t *bytes, size_t size)
{
        for (size_t i = 0; i < size; i++)
                bytes[i] = (uint8_t)(next_random() >> 8);
}

/* Says no more. Whatever it said before, the server closes now. */
static void fall_silent(struct stage *stage, int fd)
{
        struct verdict *verdict = calloc(1, sizeof(*verdict));

        ck_assert_ptr_nonnull(verdict);
        shutdown(fd, SHUT_WR);
        raw_hear_end(stage, fd, verdict);
        close(fd);
        free(verdict);
}

START_TEST(random_bytes_are_thrown_out)
{
        uint8_t bytes[4096];
        struct stage stage;

        random_state = 1;
        stage_set(&stage, NULL);
        for (int i = 0; i < 500; i++) {
                size_t size = 1 + next_random() % sizeof(bytes);
                int fd = i % 2 ? raw_enter(&stage) : raw_open(&stage);

                fill_random(bytes, size);
                raw_send(&stage, fd, bytes, size);
                fall_silent(&stage, fd);
        }
        stage_clear(&stage);
}
END_TEST

/* One good conversation, in which some bits are not what they were. */
static size_t write_conversation(uint8_t *bytes)
{
        static const struct raw_frame frames[] = {
                {.type = SUBSCRIBE, .id = 1, .name = "a.>"},
                {.type = REQUEST, .id = 2, .name = "echo", .payload = "hello", .payload_size = 5},
                {.type = REQUEST,
                 .id = 3,
                 .flags = MORE,
                 .offset = 16,
                 .name = "echo",
                 .payload = "12345678",
                 .payload_size = 8},
                {.type = REQUEST, .id = 4, .flags = ONE_WAY, .priority = 3, .name = "echo"},
                {.type = REQUEST,
                 .id = 3,
                 .flags = CONTINUED,
                 .offset = 8,
                 .payload = "12345678",
                 .payload_size = 8},
                {.type = PUBLISH, .id = 5, .name = "a.b", .payload = "x", .payload_size = 1},
                {.type = CANCEL, .id = 2},
                {.type = PING, .id = 6},
                {.type = UNSUBSCRIBE, .id = 1},
        };
        struct raw_frame hello = raw_hello();
        size_t size = raw_encode(&hello, bytes);

        for (size_t i = 0; i < COUNT(frames); i++)
                size += raw_encode(&frames[i], bytes + size);
        return size;
}

START_TEST(a_conversation_with_wrong_bits_harms_nobody)
{
        static uint8_t good[RAW_FRAME_MAX * 2], bad[RAW_FRAME_MAX * 2];
        size_t size = write_conversation(good);
        struct stage stage;

        random_state = 2;
        stage_set(&stage, NULL);
        for (int i = 0; i < 1500; i++) {
                int fd = raw_open(&stage);

                memcpy(bad, good, size);
                for (uint32_t n = next_random() % 4; n < 4; n++)
                        bad[next_random() % size] ^= (uint8_t)(1 << next_random() % 8);
                raw_send(&stage, fd, bad, size);
                fall_silent(&stage, fd);
        }
        stage_clear(&stage);
}
END_TEST

START_TEST(a_conversation_may_end_anywhere)
{
        static uint8_t good[RAW_FRAME_MAX * 2];
        size_t size = write_conversation(good);
        struct stage stage;

        stage_set(&stage, NULL);
        for (size_t end = 0; end <= size; end++) {
                int fd = raw_open(&stage);

                raw_send(&stage, fd, good, end);
                stage_settle(&stage);
                close(fd);
        }
        ck_assert_uint_lt(stage_memory(&stage), MIB);
        stage_clear(&stage);
}
END_TEST

START_TEST(a_slow_writer_is_served_like_any_other)
{
        static uint8_t good[RAW_FRAME_MAX * 2];
        struct verdict *verdict = calloc(1, sizeof(*verdict));
        size_t size = write_conversation(good);
        struct stage stage;
        int fd;

        ck_assert_ptr_nonnull(verdict);
        stage_set(&stage, NULL);
        fd = raw_open(&stage);
        for (size_t i = 0; i < size; i++) {
                ck_assert(raw_send(&stage, fd, good + i, 1));
                stage_step(&stage, 0);
        }
        for (int i = 0; i < 100 && verdict->n_pongs == 0; i++)
                raw_hear(&stage, fd, verdict);
        ck_assert(!verdict->is_closed);
        ck_assert_uint_eq(verdict->n_replies, 2);
        ck_assert_uint_eq(verdict->n_errors, 0);
        ck_assert_uint_eq(verdict->n_subscribed, 1);
        ck_assert_uint_eq(verdict->n_published, 1);
        ck_assert_uint_eq(verdict->n_pongs, 1);
        ck_assert_uint_eq(stage.n_handled, 1 + 3);
        close(fd);
        free(verdict);
        stage_clear(&stage);
}
END_TEST

START_TEST(endless_garbage_is_not_listened_to)
{
        static uint8_t garbage[64 * 1024];
        struct stage stage;
        size_t taken = 0;
        int fd;

        random_state = 3;
        fill_random(garbage, sizeof(garbage));
        stage_set(&stage, NULL);
        fd = raw_open(&stage);
        while (taken < 64 * MIB && raw_send(&stage, fd, garbage, sizeof(garbage)))
                taken += sizeof(garbage);
        ck_assert_uint_lt(taken, 16 * MIB);
        close(fd);
        stage_clear(&stage);
}
END_TEST

void add_byte_tests(const TTest **tests, size_t *n)
{
        tests[(*n)++] = random_bytes_are_thrown_out;
        tests[(*n)++] = a_conversation_with_wrong_bits_harms_nobody;
        tests[(*n)++] = a_conversation_may_end_anywhere;
        tests[(*n)++] = a_slow_writer_is_served_like_any_other;
        tests[(*n)++] = endless_garbage_is_not_listened_to;
}
