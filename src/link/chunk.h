/* SPDX-License-Identifier: MIT */
#ifndef HARK_LINK_CHUNK_H
#define HARK_LINK_CHUNK_H

/*
 * What travels where one descriptor serves many peers, or packets are small: a frame goes in one or
 * more chunks, each with this header of 24 bytes in front. Pure: no fd, no memory, no clock.
 * hark-wire(7) says the same byte by byte.
 *
 *          0      1         2      3       4          6         8
 *         | 0xC2 | version | kind | flags | size u16 | sum u16 | connection u64          |
 *          16                      20
 *         | sequence u32          | acknowledged u32      |
 *
 * All numbers are little-endian. `size` counts what follows the header, `sum` is a checksum of the
 * other 22 bytes. The connection is the server's to give out, random, so that nobody who has not
 * been told can speak on it; 0: there is none yet. What sequence and acknowledged count is each
 * transport's: bytes (mq:) or chunks (udp:).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HARK_CHUNK_HEADER  24
#define HARK_CHUNK_MAGIC   0xC2
#define HARK_CHUNK_VERSION 1
#define HARK_CHUNK_MAX     UINT16_MAX /* bytes behind the header */

enum hark_chunk_kind {
        HARK_CHUNK_OPEN = 1, /* a client asks for a connection */
        HARK_CHUNK_COOKIE,   /* the server's answer that costs it nothing: ask again with this */
        HARK_CHUNK_ACCEPT,   /* the server's answer: here it is */
        HARK_CHUNK_DATA,     /* a piece of a frame */
        HARK_CHUNK_ACK,      /* nothing but what has been received */
        HARK_CHUNK_CLOSE,    /* the end, in good order */
        HARK_CHUNK_PROBE,    /* are you there? */
        HARK_CHUNK_RESET,    /* there is no such connection */
        HARK_CHUNK_LEFT      /* a one-way request, of nobody's connection */
};

enum hark_chunk_flag {
        HARK_CHUNK_LAST = 1 << 0, /* of its frame */
        HARK_CHUNK_FULL = 1 << 1  /* takes nothing beyond what it took before (udp:) */
};

struct hark_chunk {
        uint8_t kind; /* enum hark_chunk_kind */
        uint8_t flags;
        uint16_t size;
        uint64_t connection;
        uint32_t sequence, acknowledged;
};

void hark_chunk_encode(const struct hark_chunk *chunk, uint8_t bytes[HARK_CHUNK_HEADER]);

/* Reads the header of a packet. false: it is none, or does not have the size it says; flags and
 * kinds that are not known are not refused. */
bool hark_chunk_decode(const uint8_t *packet, size_t packet_size, struct hark_chunk *ret_chunk);

/* Reads the header alone, of a packet of which not all need be there. false: it is none. */
bool hark_chunk_decode_header(const uint8_t *bytes, size_t size, struct hark_chunk *ret_chunk);

#endif
