/* SPDX-License-Identifier: MIT */
#ifndef FUZZ_H
#define FUZZ_H

/*
 * What every fuzz target stands on. A target is one function that holds the library to properties,
 * whatever the bytes are. libFuzzer calls it with bytes that it invents (clang, meson's option
 * fuzz); replay.c calls it with those that are kept in corpus/, as an ordinary test.
 */

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A property: also checked where assert() is not. */
#define FUZZ_CHECK(condition)                                                                   \
        do {                                                                                    \
                if (!(condition)) {                                                             \
                        fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
                        abort();                                                                \
                }                                                                               \
        } while (0)

/* A block of exactly these bytes: the address sanitiser then sees what is read beyond them. */
static inline uint8_t *fuzz_copy(const uint8_t *bytes, size_t size)
{
        uint8_t *copy = malloc(size > 0 ? size : 1);

        if (!copy)
                abort();
        if (size > 0)
                memcpy(copy, bytes, size);
        return copy;
}

#endif
