/* SPDX-License-Identifier: MIT */

/* See kit.h. */

#include "kit.h"

#include <check.h>
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct setting setting;

void kit_fail(const char *file, int line, const char *format, ...)
{
        char text[512];
        va_list arguments;

        va_start(arguments, format);
        vsnprintf(text, sizeof(text), format, arguments);
        va_end(arguments);
        if (setting.is_program)
                fprintf(stderr, "%s:%d: %s\n", file, line, text);
        else
                _ck_assert_failed(file, line, "Failed", "%s", text);
        exit(EXIT_FAILURE);
}

uint64_t kit_now_ms(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static bool is_readable(const hark_loop *loop, int timeout_ms)
{
        struct pollfd look = {.fd = hark_loop_fd(loop), .events = POLLIN};
        int n = poll(&look, 1, timeout_ms);

        kit_assert_msg(n >= 0 || errno == EINTR, "poll: %m");
        return n == 1;
}

void kit_step(hark_loop *loop, uint64_t end_ms)
{
        uint64_t now_ms = kit_now_ms();
        int left_ms = now_ms < end_ms ? (int)(end_ms - now_ms) : 0;

        if (!setting.is_foreign)
                kit_assert_good(hark_loop_process(loop, left_ms));
        else if (is_readable(loop, left_ms))
                kit_assert_good(hark_loop_process(loop, 0));
}

void kit_settle(hark_loop *loop)
{
        for (int i = 0; i < 100000; i++) {
                if (!is_readable(loop, 0))
                        return;
                kit_assert_good(hark_loop_process(loop, 0));
        }
        kit_assert_msg(false, "a loop stays readable, however often it is processed");
}

uint8_t *kit_pattern(size_t size)
{
        uint8_t *bytes = malloc(size + 1);
        uint32_t state = 1;

        kit_assert(bytes);
        for (size_t i = 0; i < size; i++) {
                state = state * 1664525 + 1013904223;
                bytes[i] = (uint8_t)(state >> 24);
        }
        return bytes;
}
