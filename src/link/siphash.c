/* SPDX-License-Identifier: MIT */

/* See siphash.h. */

#include "link/siphash.h"

#include "base/bytes.h"

static uint64_t rotate(uint64_t x, unsigned n)
{
        return x << n | x >> (64 - n);
}

static void mix(uint64_t v[4])
{
        v[0] += v[1];
        v[1] = rotate(v[1], 13) ^ v[0];
        v[0] = rotate(v[0], 32);
        v[2] += v[3];
        v[3] = rotate(v[3], 16) ^ v[2];
        v[0] += v[3];
        v[3] = rotate(v[3], 21) ^ v[0];
        v[2] += v[1];
        v[1] = rotate(v[1], 17) ^ v[2];
        v[2] = rotate(v[2], 32);
}

static void take_word(uint64_t v[4], uint64_t word)
{
        v[3] ^= word;
        mix(v);
        mix(v);
        v[0] ^= word;
}

/* What does not fill a word, and the size. */
static uint64_t last_word(const uint8_t *bytes, size_t size)
{
        uint64_t word = (uint64_t)size << 56;

        for (size_t i = size & ~(size_t)7; i < size; i++)
                word |= (uint64_t)bytes[i] << 8 * (i & 7);
        return word;
}

uint64_t hark_siphash(const uint8_t key[HARK_SIPHASH_KEY], const void *bytes, size_t size)
{
        uint64_t k0 = hark_load64(key), k1 = hark_load64(key + 8);
        uint64_t v[4] = {k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d, k0 ^ 0x6c7967656e657261,
                         k1 ^ 0x7465646279746573};

        for (size_t i = 0; i + 8 <= size; i += 8)
                take_word(v, hark_load64((const uint8_t *)bytes + i));
        take_word(v, last_word(bytes, size));
        v[2] ^= 0xff;
        for (unsigned i = 0; i < 4; i++)
                mix(v);
        return v[0] ^ v[1] ^ v[2] ^ v[3];
}
