/* SPDX-License-Identifier: MIT */

#include "fixture.h"

#include <stdint.h>

#include "names/hash.h"

/* Of the bytes 0, 1, 2, ... with the key 00 01 ... 0f: as `openssl mac` gives for SIPHASH with
 * c-rounds:1, d-rounds:3 and size:8, read as a little-endian number. */
static const struct {
        size_t size;
        uint64_t hash;
} vectors[] = {
        {0, 0xabac0158050fc4dc},  {1, 0xc9f49bf37d57ca93},  {7, 0xd3927d989bb11140},
        {8, 0x369095118d299a8e},  {9, 0x25a48eb36c063de4},  {15, 0xd320d86d2a519956},
        {16, 0xcc4fdd1a7d908b66}, {19, 0xf21f9de58d297d1c},
};

START_TEST(hashes_as_openssl_does)
{
        const struct hark_hash_key key = {0x0706050403020100, 0x0f0e0d0c0b0a0908};
        uint8_t bytes[32];

        for (unsigned i = 0; i < sizeof(bytes); i++)
                bytes[i] = (uint8_t)i;
        for (size_t i = 0; i < sizeof(vectors) / sizeof(*vectors); i++)
                ck_assert_uint_eq(hark_hash(&key, bytes, vectors[i].size), vectors[i].hash);
}
END_TEST

START_TEST(every_key_is_another)
{
        struct hark_hash_key one = hark_hash_key_new(), other = hark_hash_key_new();

        ck_assert(one.low != other.low || one.high != other.high);
        ck_assert_uint_ne(hark_hash(&one, "clock", 5), hark_hash(&other, "clock", 5));
}
END_TEST

FIXTURE_MAIN("hash", hashes_as_openssl_does, every_key_is_another)
