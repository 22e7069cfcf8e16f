/* SPDX-License-Identifier: MIT */

/* See chunk.h. */

#include "link/chunk.h"

#include "base/bytes.h"

/* Fletcher's, over 16 bits: it is cheap, and what it has to find is garbage, no forgery. */
static uint16_t sum_of(const uint8_t *bytes)
{
        uint32_t a = 1, b = 0;

        for (size_t i = 0; i < HARK_CHUNK_HEADER; i++) {
                if (i == 6 || i == 7)
                        continue; /* where the sum itself lies */
                a = (a + bytes[i]) % 251;
                b = (b + a) % 251;
        }
        return (uint16_t)(b << 8 | a);
}

void hark_chunk_encode(const struct hark_chunk *chunk, uint8_t bytes[HARK_CHUNK_HEADER])
{
        bytes[0] = HARK_CHUNK_MAGIC;
        bytes[1] = HARK_CHUNK_VERSION;
        bytes[2] = chunk->kind;
        bytes[3] = chunk->flags;
        hark_store16(bytes + 4, chunk->size);
        hark_store64(bytes + 8, chunk->connection);
        hark_store32(bytes + 16, chunk->sequence);
        hark_store32(bytes + 20, chunk->acknowledged);
        hark_store16(bytes + 6, sum_of(bytes));
}

bool hark_chunk_decode_header(const uint8_t *bytes, size_t size, struct hark_chunk *ret_chunk)
{
        if (size < HARK_CHUNK_HEADER || bytes[0] != HARK_CHUNK_MAGIC ||
            bytes[1] != HARK_CHUNK_VERSION || hark_load16(bytes + 6) != sum_of(bytes))
                return false;
        *ret_chunk = (struct hark_chunk){
                .kind = bytes[2],
                .flags = bytes[3],
                .size = hark_load16(bytes + 4),
                .connection = hark_load64(bytes + 8),
                .sequence = hark_load32(bytes + 16),
                .acknowledged = hark_load32(bytes + 20),
        };
        return true;
}

bool hark_chunk_decode(const uint8_t *packet, size_t packet_size, struct hark_chunk *ret_chunk)
{
        struct hark_chunk chunk;

        if (!hark_chunk_decode_header(packet, packet_size, &chunk) ||
            chunk.size != packet_size - HARK_CHUNK_HEADER)
                return false;
        *ret_chunk = chunk;
        return true;
}
