/* SPDX-License-Identifier: MIT */

/* See hash.h. */

#include "names/hash.h"

#include <sys/random.h>

#include "base/bytes.h"

struct state {
        uint64_t v0, v1, v2, v3;
};

static inline uint64_t rotate(uint64_t value, unsigned n_bits)
{
        return value << n_bits | value >> (64 - n_bits);
}

static inline void mix(struct state *state)
{
        state->v0 += state->v1;
        state->v1 = rotate(state->v1, 13) ^ state->v0;
        state->v0 = rotate(state->v0, 32);
        state->v2 += state->v3;
        state->v3 = rotate(state->v3, 16) ^ state->v2;
        state->v0 += state->v3;
        state->v3 = rotate(state->v3, 21) ^ state->v0;
        state->v2 += state->v1;
        state->v1 = rotate(state->v1, 17) ^ state->v2;
        state->v2 = rotate(state->v2, 32);
}

static inline void absorb(struct state *state, uint64_t block)
{
        state->v3 ^= block;
        mix(state);
        state->v0 ^= block;
}

/* Fewer than 8 bytes, and in the highest one the size of it all. */
static inline uint64_t load_last_block(const uint8_t *bytes, size_t size)
{
        uint64_t block = (uint64_t)size << 56;

        for (size_t i = 0; i < size % 8; i++)
                block |= (uint64_t)bytes[i] << 8 * i;
        return block;
}

struct hark_hash_key hark_hash_key_new(void)
{
        struct hark_hash_key key;

        /* Before the kernel has any randomness, early in boot, the stack's address must do: it is
         * no reason to wait, or not to start. */
        if (getrandom(&key, sizeof(key), GRND_NONBLOCK) != sizeof(key))
                key = (struct hark_hash_key){(uintptr_t)&key, ~(uint64_t)(uintptr_t)&key};
        return key;
}

uint64_t hark_hash(const struct hark_hash_key *key, const void *data, size_t size)
{
        const uint8_t *bytes = data;
        size_t left = size;
        struct state state = {
                .v0 = key->low ^ 0x736f6d6570736575,
                .v1 = key->high ^ 0x646f72616e646f6d,
                .v2 = key->low ^ 0x6c7967656e657261,
                .v3 = key->high ^ 0x7465646279746573,
        };

        for (; left >= 8; left -= 8, bytes += 8)
                absorb(&state, hark_load64(bytes));
        absorb(&state, load_last_block(bytes, size));
        state.v2 ^= 0xff;
        mix(&state);
        mix(&state);
        mix(&state);
        return state.v0 ^ state.v1 ^ state.v2 ^ state.v3;
}
