/* SPDX-License-Identifier: MIT */

/* See fifo_record.h. */

#include "transport/fifo_record.h"

#include <string.h>

#include "base/bytes.h"
#include "names/hash.h"

#define NAME_AT 8
#define SUM_AT  (HARK_FIFO_RECORD - 8)

static const uint8_t magic[8] = "\xC4hark-f\1";

static uint64_t sum_of(const uint8_t *record)
{
        static const struct hark_hash_key key;

        return hark_hash(&key, record, SUM_AT);
}

void hark_fifo_record_encode(const char name[HARK_FIFO_NAME + 1], uint8_t record[HARK_FIFO_RECORD])
{
        memset(record, 0, HARK_FIFO_RECORD);
        memcpy(record, magic, sizeof(magic));
        memcpy(record + NAME_AT, name, HARK_FIFO_NAME);
        hark_store64(record + SUM_AT, sum_of(record));
}

static bool is_digit(uint8_t byte)
{
        return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'f');
}

static bool is_record(const uint8_t *record)
{
        if (memcmp(record, magic, sizeof(magic)) != 0 ||
            hark_load64(record + SUM_AT) != sum_of(record))
                return false;
        for (size_t i = 0; i < HARK_FIFO_NAME; i++)
                if (!is_digit(record[NAME_AT + i]))
                        return false;
        return true;
}

uint8_t *hark_fifo_records_room(struct hark_fifo_records *records, size_t *ret_size)
{
        size_t size = records->end - records->begin; /* less than a record */

        memmove(records->bytes, records->bytes + records->begin, size);
        records->begin = 0;
        records->end = size;
        *ret_size = sizeof(records->bytes) - size;
        return records->bytes + size;
}

bool hark_fifo_records_take(struct hark_fifo_records *records, char ret_name[HARK_FIFO_NAME + 1])
{
        while (records->end - records->begin >= HARK_FIFO_RECORD) {
                const uint8_t *record = records->bytes + records->begin;

                if (!is_record(record)) {
                        records->begin++;
                        continue;
                }
                memcpy(ret_name, record + NAME_AT, HARK_FIFO_NAME);
                ret_name[HARK_FIFO_NAME] = '\0';
                records->begin += HARK_FIFO_RECORD;
                return true;
        }
        return false;
}
