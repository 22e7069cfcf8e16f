/* SPDX-License-Identifier: MIT */
#ifndef HARK_LINK_CAST_H
#define HARK_LINK_CAST_H

/*
 * The datagrams that one sender of notifications sends to a multicast group. Pure: no fd, no
 * memory, no clock. Each has this header of 32 bytes in front:
 *
 *          0      1         2      3       4          6       8
 *         | 0xC3 | version | kind | flags | size u16 | 0 u16 | instance u64              |
 *          16                      24          26           28          30
 *         | number u64            | piece u16 | pieces u16 | topic u16 | 0 u16          |
 *
 * All numbers are little-endian. `size` counts what follows the header, and the datagram ends there.
 * The instance is random, and another one each time that a sender starts.
 *
 *         piece    a piece of a frame: all but the last have 1152 bytes. number: which notification
 *                  of its topic, from 1; topic: which of the sender's, 255: one of the rest,
 *                  that had no place among these and are numbered together
 *         table    the last number of each topic, every second and at the end. number: which table;
 *                  behind the header, up to four times
 *                      u64 last number | u16 topic | u8 name size | name
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HARK_CAST_HEADER  32
#define HARK_CAST_MAGIC   0xC3
#define HARK_CAST_VERSION 1
#define HARK_CAST_PIECE   1152 /* so that it passes where the MTU is 1280, the least of IPv6 */
#define HARK_CAST_PACKET  (HARK_CAST_HEADER + HARK_CAST_PIECE)
#define HARK_CAST_PIECES  64 /* of one frame or one table */
#define HARK_CAST_FRAME   ((size_t)HARK_CAST_PIECES * HARK_CAST_PIECE)

#define HARK_CAST_ENTRY        11 /* bytes of a table's entry before the name */
#define HARK_CAST_ENTRIES      4  /* of a table in one datagram, however long the names */
#define HARK_CAST_TOPICS       256
#define HARK_CAST_REST         (HARK_CAST_TOPICS - 1) /* the last of them */
#define HARK_CAST_HEARTBEAT_NS 1000000000ull

enum hark_cast_kind {
        HARK_CAST_IS_PIECE = 1,
        HARK_CAST_IS_TABLE
};

enum hark_cast_flag {
        HARK_CAST_BYE = 1 << 0 /* table: nothing comes after it */
};

struct hark_cast {
        uint8_t kind, flags;
        uint16_t size;
        uint64_t instance, number;
        uint16_t piece, n_pieces, topic;
};

void hark_cast_encode(const struct hark_cast *cast, uint8_t bytes[HARK_CAST_HEADER]);

/* false: it is no such datagram, or what it says of itself cannot be; unknown flags are ignored. */
bool hark_cast_decode(const uint8_t *packet, size_t packet_size, struct hark_cast *ret_cast);

#endif
