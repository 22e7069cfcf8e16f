/* SPDX-License-Identifier: MIT */
#ifndef HARK_TRANSPORT_FIFO_RECORD_H
#define HARK_TRANSPORT_FIFO_RECORD_H

/*
 * What a client writes into the FIFO where a server listens: a record of one size, small enough to
 * be written in one piece by many at once (pipe(7), PIPE_BUF).
 *
 *          0  magic     8 bytes   C4 "hark-f" 01, the last of which is the version
 *          8  name     32 bytes   of the client's connection, hexadecimal digits
 *         40  zeros   208 bytes
 *        248  sum       8 bytes   SipHash-1-3 of all before, its key zeros; little-endian
 *
 * Whoever may write there may write anything: so what is no record is passed over byte by byte,
 * until one begins. Pure: no descriptor, no memory of its own.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HARK_FIFO_RECORD 256
#define HARK_FIFO_NAME   32

void hark_fifo_record_encode(const char name[HARK_FIFO_NAME + 1], uint8_t record[HARK_FIFO_RECORD]);

/* What has been read, and is not used up. */
struct hark_fifo_records {
        uint8_t bytes[4096];
        size_t begin, end;
};

/* Where more can be read to, *ret_size > 0 bytes; behind hark_fifo_records_take() only. */
uint8_t *hark_fifo_records_room(struct hark_fifo_records *records, size_t *ret_size);

/* Takes the name of the next record. false: more has to be read first. */
bool hark_fifo_records_take(struct hark_fifo_records *records, char ret_name[HARK_FIFO_NAME + 1]);

#endif
