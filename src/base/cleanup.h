/* SPDX-License-Identifier: MIT */
#ifndef HARK_BASE_CLEANUP_H
#define HARK_BASE_CLEANUP_H

/*
 * Locals that own: `hark_cleanup(closep) int fd = -1;` is closed when it goes out of scope, unless
 * HARK_TAKE_FD(fd) or HARK_TAKE(pointer) has handed it on.
 */

#include <stdlib.h>
#include <unistd.h>

#define hark_cleanup(function) __attribute__((cleanup(function)))

#define HARK_TAKE(pointer)                                   \
        __extension__({                                      \
                __typeof__(pointer) hark_taken_ = (pointer); \
                (pointer) = NULL;                            \
                hark_taken_;                                 \
        })

#define HARK_TAKE_FD(fd)                \
        __extension__({                 \
                int hark_taken_ = (fd); \
                (fd) = -1;              \
                hark_taken_;            \
        })

/* close(2), which on Linux must not be repeated on EINTR; errno stays. Takes -1. Returns -1. */
int hark_close(int fd);

static inline void hark_closep(int *fd)
{
        hark_close(*fd);
}

static inline void hark_freep(void *pointer)
{
        free(*(void **)pointer);
}

#endif
