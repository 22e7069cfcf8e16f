/* SPDX-License-Identifier: MIT */

#include "fixture.h"
#include "frame_examples.h"

#include <ctype.h>
#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>

#define BODY(bytes) (const uint8_t *)(bytes), sizeof(bytes) - 1

/* "c1 01..." to bytes; whatever is no hex digit separates. Returns their number. */
static size_t parse_hex(const char *hex, uint8_t *bytes)
{
        size_t n_digits = 0;

        for (; *hex; hex++) {
                unsigned digit;

                if (!isxdigit((unsigned char)*hex))
                        continue;
                digit = isdigit((unsigned char)*hex) ? *hex - '0' : *hex - 'a' + 10;
                bytes[n_digits / 2] =
                        (uint8_t)(n_digits % 2 ? bytes[n_digits / 2] | digit : digit << 4);
                n_digits++;
        }
        return n_digits / 2;
}

static void assert_span(struct hark_span span, const char *text)
{
        ck_assert_uint_eq(span.size, text ? strlen(text) : 0);
        if (text)
                ck_assert_mem_eq(span.bytes, text, strlen(text));
}

static void decode(const uint8_t *bytes, struct hark_header *header)
{
        const char *why = "";

        ck_assert_msg(hark_header_decode(bytes, header, &why) == 0, "%s", why);
}

static struct hark_frame split(const struct hark_header *header, const uint8_t *body, size_t size)
{
        struct hark_frame frame;
        const char *why = "";

        ck_assert_msg(hark_frame_split(header, body, size, &frame, &why) == 0, "%s", why);
        return frame;
}

START_TEST(the_wire_is_what_it_always_was)
{
        for (size_t i = 0; i < N_FRAME_EXAMPLES; i++) {
                uint8_t written[EXAMPLE_SIZE_MAX], wanted[EXAMPLE_SIZE_MAX];
                size_t size = write_example(&frame_examples[i], written);

                ck_assert_msg(parse_hex(frame_examples[i].hex, wanted) == size &&
                                      memcmp(written, wanted, size) == 0,
                              "%s is written differently", frame_examples[i].title);
        }
}
END_TEST

START_TEST(what_was_written_is_read)
{
        for (size_t i = 0; i < N_FRAME_EXAMPLES; i++) {
                const struct frame_example *example = &frame_examples[i];
                uint8_t bytes[EXAMPLE_SIZE_MAX];
                struct hark_span text = {NULL, 0};
                struct hark_header header;
                struct hark_frame frame;

                write_example(example, bytes);
                decode(bytes, &header);
                frame = split(&header, bytes + HARK_HEADER_SIZE, header.size);
                assert_span(frame.name, example->name);
                if (!example->hello && !example->gap)
                        assert_span(frame.payload, example->payload);
                ck_assert(hark_extension_find(frame.extensions, HARK_EXTENSION_ERROR_TEXT, &text) ==
                          (example->error_text != NULL));
                assert_span(text, example->error_text);
        }
}
END_TEST

START_TEST(every_type_has_an_example)
{
        for (unsigned type = 0; type < 256; type++) {
                bool has_example = false;

                for (size_t i = 0; i < N_FRAME_EXAMPLES; i++)
                        has_example |= frame_examples[i].header.type == type;
                ck_assert_msg(has_example == hark_frame_type_is_known((uint8_t)type), "%u", type);
        }
}
END_TEST

/* --- the manual ------------------------------------------------------------------------------- */

/* Relative to the build directory, where tests are run. */
static char *read_manual(void)
{
        char source[] = __FILE__;
        char path[4096];
        static char text[1 << 17];
        size_t size;
        FILE *file;

        snprintf(path, sizeof(path), "%s/../../docs/man/hark-wire.7.scd", dirname(source));
        file = fopen(path, "re");
        ck_assert_msg(file != NULL, "cannot open %s: run this in the build directory", path);
        size = fread(text, 1, sizeof(text) - 1, file);
        ck_assert_uint_lt(size, sizeof(text) - 1);
        text[size] = '\0';
        fclose(file);
        return text;
}

static void format_row(const uint8_t *bytes, size_t offset, size_t size, char row[64])
{
        int n = sprintf(row, "%04zx ", offset);

        for (size_t i = offset; i < offset + 16 && i < size; i++)
                n += sprintf(row + n, i % 16 == 8 ? "  %02x" : " %02x", bytes[i]);
}

START_TEST(the_manual_shows_what_is_written)
{
        static const char *const titles[] = {"request", "reply", "error"};
        const char *manual = read_manual();
        uint8_t bytes[EXAMPLE_SIZE_MAX];
        char row[64];

        for (size_t i = 0; i < N_FRAME_EXAMPLES; i++) {
                size_t size = write_example(&frame_examples[i], bytes);
                bool is_shown = false;

                for (size_t j = 0; j < sizeof(titles) / sizeof(*titles); j++)
                        is_shown |= strcmp(frame_examples[i].title, titles[j]) == 0;
                for (size_t offset = 0; is_shown && offset < size; offset += 16) {
                        format_row(bytes, offset, size, row);
                        ck_assert_msg(strstr(manual, row) != NULL, "%s: the manual lacks\n%s",
                                      frame_examples[i].title, row);
                }
        }
}
END_TEST

/* --- splitting -------------------------------------------------------------------------------- */

struct split_refusal {
        const char *why;
        struct hark_header header; /* but for size */
        const uint8_t *body;
        size_t body_size;
};

#define REQUEST(n)                                           \
        {                                                    \
                .type = HARK_FRAME_REQUEST, .name_size = (n) \
        }
#define TYPE(t, n)                            \
        {                                     \
                .type = (t), .name_size = (n) \
        }
#define EXTENSIONS(t)                                      \
        {                                                  \
                .type = (t), .flags = HARK_FLAG_EXTENSIONS \
        }
#define MORE(t, total)                                                  \
        {                                                               \
                .type = (t), .flags = HARK_FLAG_MORE, .offset = (total) \
        }

static const struct split_refusal split_refusals[] = {
        {"a malformed name", REQUEST(3), BODY("a\0b\0\0\0\0\0")},
        {"a malformed name", REQUEST(3), BODY("a.*\0\0\0\0\0")},
        {"a malformed name", REQUEST(2), BODY("a.\0\0\0\0\0\0")},
        {"a malformed name", TYPE(HARK_FRAME_PUBLISH, 3), BODY("a.>\0\0\0\0\0")},
        {"a malformed name", TYPE(HARK_FRAME_ERROR, 1), BODY("\0\0\0\0\0\0\0\0")},
        {"a malformed filter", TYPE(HARK_FRAME_SUBSCRIBE, 3), BODY(">.a\0\0\0\0\0")},
        {"a malformed filter", TYPE(HARK_FRAME_GAP, 3), BODY("a\0>\0\0\0\0\0")},
        {"a NUL in the name of a hello", TYPE(HARK_FRAME_HELLO, 3), BODY("a\0b\0\0\0\0\0")},
        {"more than 3808 bytes of extensions", EXTENSIONS(HARK_FRAME_REPLY),
         BODY("\xdd\x0e\0\0\0\0\0\0")},
        {"more than 3808 bytes of extensions", EXTENSIONS(HARK_FRAME_REPLY),
         BODY("\xff\xff\xff\xff\0\0\0\0")},
        {"extensions that end beyond their frame", EXTENSIONS(HARK_FRAME_REPLY),
         BODY("\5\0\0\0\0\0\0\0")},
        {"an extension that is cut short", EXTENSIONS(HARK_FRAME_REPLY), BODY("\3\0\0\0\1\0\0\0")},
        {"an extension that is cut short", EXTENSIONS(HARK_FRAME_REPLY), BODY("\4\0\0\0\1\0\1\0")},
        {"an extension that is cut short", EXTENSIONS(HARK_FRAME_REPLY),
         BODY("\7\0\0\0\1\0\0\0\1\0\0\0\0\0\0\0")},
        {"an unknown extension that must be understood", EXTENSIONS(HARK_FRAME_REPLY),
         BODY("\4\0\0\0\1\x80\0\0")},
        {"a queue extension of less than 16 bytes", EXTENSIONS(HARK_FRAME_PING),
         BODY("\4\0\0\0\3\0\0\0")},
        {"a malformed name of a group", EXTENSIONS(HARK_FRAME_REPLY), BODY("\4\0\0\0\4\x80\0\0")},
        {"a malformed name of a group", EXTENSIONS(HARK_FRAME_PING),
         BODY("\7\0\0\0\4\x80\3\0a.*\0\0\0\0\0")},
        {"an empty fragment", MORE(HARK_FRAME_REPLY, 8), BODY("")},
        {"a first fragment with all of its message", MORE(HARK_FRAME_REPLY, 8), BODY("12345678")},
};

START_TEST(what_is_wrong_behind_the_header_is_refused_with_its_reason)
{
        for (size_t i = 0; i < sizeof(split_refusals) / sizeof(*split_refusals); i++) {
                const struct split_refusal *refusal = &split_refusals[i];
                struct hark_header header = refusal->header;
                uint8_t bytes[HARK_HEADER_SIZE];
                struct hark_frame frame = {.name = {NULL, 99}};
                const char *why = "nothing wrong";

                header.size = (uint32_t)refusal->body_size;
                header.id = header.status = 1;
                hark_header_encode(&header, bytes);
                decode(bytes, &header);
                ck_assert_msg(hark_frame_split(&header, refusal->body, refusal->body_size, &frame,
                                               &why) == -EPROTO,
                              "not refused: %s", refusal->why);
                ck_assert_str_eq(why, refusal->why);
                ck_assert_uint_eq(frame.name.size, 99);
        }
}
END_TEST

START_TEST(what_is_unusual_but_right_is_taken)
{
        const struct split_refusal taken[] = {
                {"", TYPE(HARK_FRAME_HELLO, 3), BODY("\xff /\0\0\0\0\0")},
                {"", TYPE(HARK_FRAME_HELLO, 0), BODY("")},
                {"", TYPE(HARK_FRAME_SUBSCRIBE, 1), BODY(">padding")},
                {"", EXTENSIONS(HARK_FRAME_REPLY), BODY("\0\0\0\0junk")},
                {"", EXTENSIONS(HARK_FRAME_REPLY), BODY("\4\0\0\0\xff\x7f\0\0")},
                {"", MORE(HARK_FRAME_REPLY, 9), BODY("12345678")},
        };

        for (size_t i = 0; i < sizeof(taken) / sizeof(*taken); i++) {
                struct hark_header header = taken[i].header;

                header.size = (uint32_t)taken[i].body_size;
                split(&header, taken[i].body, taken[i].body_size);
        }
}
END_TEST

START_TEST(the_prefix_size_says_how_much_to_read_before_splitting)
{
        for (size_t i = 0; i < N_FRAME_EXAMPLES; i++) {
                uint8_t bytes[EXAMPLE_SIZE_MAX];
                const uint8_t *body = bytes + HARK_HEADER_SIZE;
                struct hark_header header;
                size_t whole_size, size;
                const char *why;

                write_example(&frame_examples[i], bytes);
                decode(bytes, &header);
                ck_assert_int_eq(
                        hark_frame_prefix_size(&header, body, header.size, &whole_size, &why), 0);
                for (size_t known = 0; known <= header.size; known++) {
                        ck_assert_int_eq(hark_frame_prefix_size(&header, body, known, &size, &why),
                                         0);
                        ck_assert_uint_le(size, whole_size);
                        ck_assert(size == whole_size || size > known);
                        if (known >= whole_size)
                                ck_assert_uint_eq(split(&header, body, known).payload.size,
                                                  known - whole_size);
                }
        }
}
END_TEST

START_TEST(the_prefix_size_refuses_what_split_would)
{
        const struct hark_header header = {
                .type = HARK_FRAME_REPLY, .flags = HARK_FLAG_EXTENSIONS, .size = 8};
        size_t size = 99;
        const char *why;

        ck_assert_int_eq(hark_frame_prefix_size(&header, BODY("\5\0\0\0"), &size, &why), -EPROTO);
        ck_assert_str_eq(why, "extensions that end beyond their frame");
        ck_assert_uint_eq(size, 99);
}
END_TEST

START_TEST(bytes_behind_a_frame_are_not_its_payload)
{
        const struct hark_header header = {.type = HARK_FRAME_REPLY, .size = 3};

        assert_span(split(&header, BODY("abcdefgh")).payload, "abc");
}
END_TEST

START_TEST(names_and_extensions_are_padded_to_eight)
{
        ck_assert_uint_eq(hark_name_padded_size(0), 0);
        ck_assert_uint_eq(hark_name_padded_size(1), 8);
        ck_assert_uint_eq(hark_name_padded_size(8), 8);
        ck_assert_uint_eq(hark_name_padded_size(255), 256);
}
END_TEST

FIXTURE_MAIN("frame", the_wire_is_what_it_always_was, what_was_written_is_read,
             every_type_has_an_example, the_manual_shows_what_is_written,
             what_is_wrong_behind_the_header_is_refused_with_its_reason,
             what_is_unusual_but_right_is_taken,
             the_prefix_size_says_how_much_to_read_before_splitting,
             the_prefix_size_refuses_what_split_would, bytes_behind_a_frame_are_not_its_payload,
             names_and_extensions_are_padded_to_eight)
