/* SPDX-License-Identifier: MIT */

#include "fixture.h"

#include <string.h>

#include "base/bytes.h"
#include "wire/frame.h"

static void assert_span(struct hark_span span, const char *text)
{
        ck_assert_uint_eq(span.size, strlen(text));
        ck_assert_mem_eq(span.bytes, text, span.size);
}

START_TEST(of_two_extensions_with_one_id_the_first_counts)
{
        uint8_t bytes[64];
        struct hark_extension_writer writer;
        struct hark_span value, extensions;

        hark_extensions_start(&writer, bytes);
        hark_extensions_put(&writer, 7, NULL, 0);
        hark_extensions_put(&writer, 9, "one", 3);
        hark_extensions_put(&writer, 9, "two", 3);
        ck_assert_uint_eq(hark_extensions_finish(&writer), 24);
        extensions = (struct hark_span){bytes + 4, hark_load32(bytes)};
        ck_assert_ptr_null(hark_extensions_check(extensions));
        ck_assert(hark_extension_find(extensions, 9, &value));
        assert_span(value, "one");
        ck_assert(hark_extension_find(extensions, 7, &value));
        assert_span(value, "");
        ck_assert(!hark_extension_find(extensions, 8, &value));
        ck_assert(!hark_extension_find((struct hark_span){NULL, 0}, 9, &value));
}
END_TEST

START_TEST(extensions_never_grow_beyond_what_a_reader_keeps)
{
        static uint8_t bytes[HARK_EXTENSIONS_MAX + 8], text[70000];
        struct hark_extension_writer writer;
        struct hark_span extensions, value;

        memset(bytes + HARK_EXTENSIONS_MAX, 0xee, 8);
        hark_extensions_start(&writer, bytes);
        hark_extensions_put(&writer, 1, text, 100);
        hark_extensions_put(&writer, 2, text, sizeof(text));
        hark_extensions_put(&writer, 3, text, 16);
        ck_assert_uint_eq(hark_extensions_finish(&writer), HARK_EXTENSIONS_MAX);
        ck_assert_mem_eq(bytes + HARK_EXTENSIONS_MAX, "\xee\xee\xee\xee\xee\xee\xee\xee", 8);
        extensions = (struct hark_span){bytes + 4, hark_load32(bytes)};
        ck_assert_ptr_null(hark_extensions_check(extensions));
        ck_assert(hark_extension_find(extensions, 2, &value));
        ck_assert_uint_eq(value.size, HARK_EXTENSIONS_MAX - 4 - 104 - 4);
        ck_assert(!hark_extension_find(extensions, 3, &value));
}
END_TEST

START_TEST(what_a_queue_is_wished_to_be_is_read_as_written)
{
        const struct hark_queue queue = {7, 2, HARK_QUEUE_ONCE_ONLY, (uint64_t)1 << 40};
        uint8_t bytes[64], encoded[HARK_QUEUE_SIZE];
        struct hark_extension_writer writer;
        struct hark_queue found;

        hark_queue_encode(&queue, encoded);
        hark_extensions_start(&writer, bytes);
        hark_extensions_put(&writer, HARK_EXTENSION_QUEUE, encoded, sizeof(encoded));
        hark_extensions_finish(&writer);
        hark_queue_find((struct hark_span){bytes + 4, hark_load32(bytes)}, &found);
        ck_assert_uint_eq(found.max_messages, 7);
        ck_assert_uint_eq(found.policy, 2);
        ck_assert_uint_eq(found.flags, HARK_QUEUE_ONCE_ONLY);
        ck_assert_uint_eq(found.max_size, (uint64_t)1 << 40);
        hark_queue_find((struct hark_span){NULL, 0}, &found);
        ck_assert_uint_eq(found.max_messages, 0);
        ck_assert_uint_eq(found.max_size, 0);
}
END_TEST

FIXTURE_MAIN("extension", what_a_queue_is_wished_to_be_is_read_as_written,
             of_two_extensions_with_one_id_the_first_counts,
             extensions_never_grow_beyond_what_a_reader_keeps)
