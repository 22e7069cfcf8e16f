/* SPDX-License-Identifier: MIT */
#ifndef KIT_H
#define KIT_H

/*
 * How this program waits, and what it was told on its command line.
 *
 * A loop is run by hark_loop_process(), or, in the foreign setting, by a poll(2) that calls it only
 * when hark_loop_fd() is readable, and then without waiting: so whatever the library has left to do
 * without saying so on that fd would never be done.
 */

#include <hark/hark.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KIT_PATIENCE_MS 10000 /* for what should take no time at all */

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

struct setting {
        const char *address; /* as it was given */
        bool is_here;        /* the service is in the clients' process, on their loop */
        bool is_foreign;
        bool is_program; /* the service of exec:, which no test runs in */
};

extern struct setting setting;

uint64_t kit_now_ms(void);

/* Runs a loop once, waiting until end_ms at most. */
void kit_step(hark_loop *loop, uint64_t end_ms);

/* Fails the test; outside of one, where check's own would not work, ends the program. */
void kit_fail(const char *file, int line, const char *format, ...)
        __attribute__((noreturn, format(printf, 3, 4)));

#define kit_assert_msg(condition, ...)                             \
        do {                                                       \
                if (!(condition))                                  \
                        kit_fail(__FILE__, __LINE__, __VA_ARGS__); \
        } while (0)

#define kit_assert(condition) kit_assert_msg(condition, "does not hold: %s", #condition)

/* Runs a loop until the condition holds; that this takes so long fails the test. */
#define kit_until(loop, condition)                                                               \
        do {                                                                                     \
                uint64_t kit_end_ms = kit_now_ms() + KIT_PATIENCE_MS;                            \
                                                                                                 \
                while (!(condition)) {                                                           \
                        kit_assert_msg(kit_now_ms() < kit_end_ms, "waited for: %s", #condition); \
                        kit_step(loop, kit_end_ms);                                              \
                }                                                                                \
        } while (0)

/* Runs a loop as long as it has something to do at once. */
void kit_settle(hark_loop *loop);

/* Bytes that look random and are the same each time; yours to free. */
uint8_t *kit_pattern(size_t size);

/* A result as an error message has it. */
#define kit_assert_result(result, expected)                                                      \
        do {                                                                                     \
                int kit_result = (result), kit_expected = (expected);                            \
                                                                                                 \
                kit_assert_msg(kit_result == kit_expected, "%s: %d (%s), expected %d (%s)",      \
                               #result, kit_result, hark_reason(kit_result, NULL), kit_expected, \
                               hark_reason(kit_expected, NULL));                                 \
        } while (0)

#define kit_assert_good(result) kit_assert_result(result, 0)

#endif
