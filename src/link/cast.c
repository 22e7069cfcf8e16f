/* SPDX-License-Identifier: MIT */

/* See cast.h. */

#include "link/cast.h"

#include "base/bytes.h"

void hark_cast_encode(const struct hark_cast *cast, uint8_t bytes[HARK_CAST_HEADER])
{
        bytes[0] = HARK_CAST_MAGIC;
        bytes[1] = HARK_CAST_VERSION;
        bytes[2] = cast->kind;
        bytes[3] = cast->flags;
        hark_store16(bytes + 4, cast->size);
        hark_store16(bytes + 6, 0);
        hark_store64(bytes + 8, cast->instance);
        hark_store64(bytes + 16, cast->number);
        hark_store16(bytes + 24, cast->piece);
        hark_store16(bytes + 26, cast->n_pieces);
        hark_store16(bytes + 28, cast->topic);
        hark_store16(bytes + 30, 0);
}

static bool is_possible(const struct hark_cast *cast)
{
        bool is_last = cast->piece + 1 == cast->n_pieces;

        if (cast->instance == 0 || cast->n_pieces == 0 || cast->n_pieces > HARK_CAST_PIECES ||
            cast->piece >= cast->n_pieces || cast->size > HARK_CAST_PIECE)
                return false;
        if (cast->kind != HARK_CAST_IS_PIECE)
                return cast->kind == HARK_CAST_IS_TABLE;
        return cast->topic < HARK_CAST_TOPICS && cast->number > 0 && cast->size > 0 &&
               (is_last || cast->size == HARK_CAST_PIECE);
}

bool hark_cast_decode(const uint8_t *packet, size_t packet_size, struct hark_cast *ret_cast)
{
        struct hark_cast cast;

        if (packet_size < HARK_CAST_HEADER || packet[0] != HARK_CAST_MAGIC ||
            packet[1] != HARK_CAST_VERSION ||
            hark_load16(packet + 4) != packet_size - HARK_CAST_HEADER)
                return false;
        cast = (struct hark_cast){
                .kind = packet[2],
                .flags = packet[3],
                .size = hark_load16(packet + 4),
                .instance = hark_load64(packet + 8),
                .number = hark_load64(packet + 16),
                .piece = hark_load16(packet + 24),
                .n_pieces = hark_load16(packet + 26),
                .topic = hark_load16(packet + 28),
        };
        if (!is_possible(&cast))
                return false;
        *ret_cast = cast;
        return true;
}
