/* SPDX-License-Identifier: MIT */
#ifndef HARK_BASE_BYTES_H
#define HARK_BASE_BYTES_H

/*
 * Little-endian numbers in unaligned bytes, and sizes rounded up to the wire's alignment of 8.
 */

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint16_t hark_load16(const void *bytes)
{
        uint16_t value;

        memcpy(&value, bytes, sizeof(value));
        return le16toh(value);
}

static inline uint32_t hark_load32(const void *bytes)
{
        uint32_t value;

        memcpy(&value, bytes, sizeof(value));
        return le32toh(value);
}

static inline uint64_t hark_load64(const void *bytes)
{
        uint64_t value;

        memcpy(&value, bytes, sizeof(value));
        return le64toh(value);
}

static inline void hark_store16(void *bytes, uint16_t value)
{
        value = htole16(value);
        memcpy(bytes, &value, sizeof(value));
}

static inline void hark_store32(void *bytes, uint32_t value)
{
        value = htole32(value);
        memcpy(bytes, &value, sizeof(value));
}

static inline void hark_store64(void *bytes, uint64_t value)
{
        value = htole64(value);
        memcpy(bytes, &value, sizeof(value));
}

/* size must leave room for it: sizes here are bounded by 1 GiB. */
static inline size_t hark_align8(size_t size)
{
        return (size + 7) & ~(size_t)7;
}

#endif
