/* SPDX-License-Identifier: MIT */

/* Those who come and say nothing, or not all of it. */

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hostile_kit.h"
#include "hostile_tests.h"

START_TEST(who_never_says_hello_is_given_up)
{
        struct hark_server_params params = {.limits = {.hello_ms = 50}};
        static const uint8_t half_a_header[16] = {0xC1, 1, HELLO};
        struct verdict *silent = calloc(1, sizeof(*silent)), *half = calloc(1, sizeof(*half));
        struct stage stage;
        int silent_fd, half_fd;

        ck_assert(silent && half);
        stage_set(&stage, &params);
        silent_fd = raw_open(&stage);
        half_fd = raw_open(&stage);
        raw_send(&stage, half_fd, half_a_header, sizeof(half_a_header));
        raw_hear_end(&stage, silent_fd, silent);
        raw_hear_end(&stage, half_fd, half);
        ck_assert(silent->has_goaway && half->has_goaway);
        ck_assert_uint_eq(silent->goaway_status, HARK_DEADLINE_EXCEEDED);
        ck_assert_uint_eq(half->goaway_status, HARK_DEADLINE_EXCEEDED);
        close(silent_fd);
        close(half_fd);
        free(silent);
        free(half);
        stage_clear(&stage);
}
END_TEST

START_TEST(who_has_said_hello_may_be_silent_for_ever)
{
        struct hark_server_params params = {.limits = {.hello_ms = 20}};
        static const uint8_t half_a_header[16] = {0xC1, 1, PING};
        struct verdict *verdict = calloc(1, sizeof(*verdict));
        struct stage stage;
        int fd;

        ck_assert_ptr_nonnull(verdict);
        stage_set(&stage, &params);
        fd = raw_enter(&stage);
        raw_send(&stage, fd, half_a_header, sizeof(half_a_header));
        for (int i = 0; i < 5; i++)
                stage_step(&stage, 20);
        raw_hear(&stage, fd, verdict);
        ck_assert(verdict->has_hello && !verdict->is_closed);
        close(fd);
        free(verdict);
        stage_clear(&stage);
}
END_TEST

START_TEST(so_many_may_be_silent_and_newcomers_wait_for_them_to_be_given_up)
{
        struct hark_server_params params = {.half_open = 4, .limits = {.hello_ms = 100}};
        struct verdict *verdict = calloc(1, sizeof(*verdict));
        struct stage stage;
        int silent[4], late;

        ck_assert_ptr_nonnull(verdict);
        stage_set(&stage, &params);
        for (size_t i = 0; i < COUNT(silent); i++)
                silent[i] = raw_open(&stage);
        stage_settle(&stage);
        late = raw_enter(&stage);
        raw_hear_end(&stage, late, verdict);
        ck_assert(!verdict->has_hello);
        stage_check(&stage);
        close(late);
        for (size_t i = 0; i < COUNT(silent); i++) {
                memset(verdict, 0, sizeof(*verdict));
                raw_hear_end(&stage, silent[i], verdict);
                close(silent[i]);
        }
        late = raw_enter(&stage);
        raw_expect_welcome(&stage, late, "a newcomer once there is a place");
        free(verdict);
        stage_clear(&stage);
}
END_TEST

void add_silence_tests(const TTest **tests, size_t *n)
{
        tests[(*n)++] = who_never_says_hello_is_given_up;
        tests[(*n)++] = who_has_said_hello_may_be_silent_for_ever;
        tests[(*n)++] = so_many_may_be_silent_and_newcomers_wait_for_them_to_be_given_up;
}
