/* SPDX-License-Identifier: MIT */

#include "fixture.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "wire/header.h"

#define MS 1000000ull

static const uint8_t known_types[] = {
        HARK_FRAME_HELLO,   HARK_FRAME_GOAWAY,    HARK_FRAME_PING,        HARK_FRAME_PONG,
        HARK_FRAME_REQUEST, HARK_FRAME_REPLY,     HARK_FRAME_ERROR,       HARK_FRAME_CANCEL,
        HARK_FRAME_PUBLISH, HARK_FRAME_SUBSCRIBE, HARK_FRAME_UNSUBSCRIBE, HARK_FRAME_SUBSCRIBED,
        HARK_FRAME_GAP,     HARK_FRAME_CREDIT,    HARK_FRAME_ITEM,        HARK_FRAME_WITHDRAWN,
};

#define N_KNOWN_TYPES (sizeof(known_types) / sizeof(*known_types))

/* xorshift64, so that every run tries the same. */
static uint64_t random_state = 0x9e3779b97f4a7c15;

static uint32_t pick(uint32_t n)
{
        random_state ^= random_state << 13;
        random_state ^= random_state >> 7;
        random_state ^= random_state << 17;
        return (uint32_t)((random_state >> 20) % n);
}

static void assert_equal(const struct hark_header *a, const struct hark_header *b)
{
        ck_assert_uint_eq(a->type, b->type);
        ck_assert_uint_eq(a->flags, b->flags);
        ck_assert_uint_eq(a->encoding, b->encoding);
        ck_assert_uint_eq(a->priority, b->priority);
        ck_assert_uint_eq(a->n_fds, b->n_fds);
        ck_assert_uint_eq(a->name_size, b->name_size);
        ck_assert_uint_eq(a->size, b->size);
        ck_assert_uint_eq(a->id, b->id);
        ck_assert_uint_eq(a->status, b->status);
        ck_assert_uint_eq(a->sequence, b->sequence);
        ck_assert_uint_eq(a->offset, b->offset);
        ck_assert_uint_eq(a->time_left_ns, b->time_left_ns);
}

static struct hark_header reencode(const struct hark_header *header)
{
        uint8_t bytes[HARK_HEADER_SIZE];
        struct hark_header decoded;
        const char *why = "";

        hark_header_encode(header, bytes);
        ck_assert_msg(hark_header_decode(bytes, &decoded, &why) == 0, "%s: %s",
                      hark_frame_type_name(header->type), why);
        return decoded;
}

static bool needs_name(uint8_t type)
{
        return type == HARK_FRAME_REQUEST || type == HARK_FRAME_PUBLISH ||
               type == HARK_FRAME_SUBSCRIBE || type == HARK_FRAME_GAP ||
               type == HARK_FRAME_WITHDRAWN;
}

static bool may_have_name(uint8_t type)
{
        return needs_name(type) || type == HARK_FRAME_HELLO || type == HARK_FRAME_ERROR;
}

/* What the payload's user chose, in a first or only fragment. */
static void choose_first(struct hark_header *header)
{
        bool has_message = hark_frame_type_has_payload(header->type);

        if (pick(2))
                header->flags |= HARK_FLAG_EXTENSIONS;
        if (may_have_name(header->type))
                header->name_size = (uint8_t)(needs_name(header->type) + pick(255));
        header->size = (uint32_t)hark_align8(header->name_size) + 8 + pick(60000);
        if (!has_message)
                return;
        header->n_fds = (uint8_t)pick(256);
        if (pick(2)) {
                header->flags |= HARK_FLAG_MORE;
                header->offset = 1 + pick(HARK_FRAME_MAX);
        }
}

static void choose_continued(struct hark_header *header)
{
        header->flags |= HARK_FLAG_CONTINUED | (pick(2) ? HARK_FLAG_MORE : 0);
        header->size = 1 + pick(HARK_FRAME_MAX);
        header->offset = pick(HARK_FRAME_MAX - header->size + 1);
}

static struct hark_header make_random_header(void)
{
        struct hark_header header = {
                .type = known_types[pick(N_KNOWN_TYPES)],
                .encoding = (uint8_t)pick(256),
                .priority = (uint8_t)pick(HARK_PRIORITIES),
                .id = 1 + pick(UINT32_MAX),
                .status = 1 + pick(INT32_MAX),
                .sequence = pick(UINT32_MAX),
        };

        if (hark_frame_type_has_payload(header.type) && pick(3) == 0)
                choose_continued(&header);
        else
                choose_first(&header);
        if (header.type == HARK_FRAME_ERROR && pick(2))
                header.flags |= HARK_FLAG_FROM_LIBRARY;
        if (header.type != HARK_FRAME_REQUEST)
                return header;
        if (pick(2))
                header.flags |= HARK_FLAG_ONE_WAY;
        if (pick(2))
                header.flags |= HARK_FLAG_CALLER_WAITS;
        header.time_left_ns =
                pick(2) ? pick(UINT32_MAX) * 1000ull : (1u << 23) * MS + pick(1u << 31) * MS;
        return header;
}

START_TEST(decoding_gives_what_was_encoded)
{
        for (unsigned i = 0; i < 100000; i++) {
                struct hark_header header = make_random_header();
                struct hark_header decoded = reencode(&header);

                assert_equal(&header, &decoded);
        }
}
END_TEST

START_TEST(every_field_has_its_place)
{
        static const struct hark_header header = {
                .type = HARK_FRAME_REQUEST,
                .flags = HARK_FLAG_MORE | HARK_FLAG_EXTENSIONS | HARK_FLAG_ONE_WAY,
                .size = 0x03020100,
                .id = 0x13121110,
                .status = 0x23222120,
                .time_left_ns = 0x33323130 * 1000ull,
                .encoding = 0x40,
                .priority = 5,
                .n_fds = 0x41,
                .name_size = 0x42,
                .sequence = 0x53525150,
                .offset = 0x33626160,
        };
        static const uint8_t wanted[HARK_HEADER_SIZE] = {
                0xc1, 1,    16,   0x13, 0x00, 0x01, 0x02, 0x03, 0x10, 0x11, 0x12,
                0x13, 0x20, 0x21, 0x22, 0x23, 0x30, 0x31, 0x32, 0x33, 0x40, 5,
                0x41, 0x42, 0x50, 0x51, 0x52, 0x53, 0x60, 0x61, 0x62, 0x33,
        };
        uint8_t bytes[HARK_HEADER_SIZE];

        hark_header_encode(&header, bytes);
        ck_assert_mem_eq(bytes, wanted, sizeof(wanted));
}
END_TEST

struct refusal {
        const char *why;
        struct hark_header header;
};

static const struct refusal refusals[] = {
        {"a frame larger than 1 GiB", {.type = HARK_FRAME_REPLY, .size = HARK_FRAME_MAX + 1}},
        {"a frame larger than 1 GiB", {.type = HARK_FRAME_REPLY, .size = UINT32_MAX}},
        {"a frame larger than 1 GiB", {.type = 200, .size = HARK_FRAME_MAX + 1}},
        {"a frame larger than 64 KiB of a type that carries no message",
         {.type = HARK_FRAME_HELLO, .size = HARK_CONTROL_MAX + 1}},
        {"a frame too small for its name and extensions",
         {.type = HARK_FRAME_REQUEST, .name_size = 9, .size = 15}},
        {"a frame too small for its name and extensions",
         {.type = HARK_FRAME_PING, .flags = HARK_FLAG_EXTENSIONS, .size = 7}},
        {"a frame too small for its name and extensions",
         {.type = HARK_FRAME_ERROR,
          .status = 5,
          .flags = HARK_FLAG_EXTENSIONS,
          .name_size = 1,
          .size = 15}},
        {"a name in a frame of a type that has none",
         {.type = HARK_FRAME_REPLY, .name_size = 1, .size = 8}},
        {"a name in a frame of a type that has none",
         {.type = HARK_FRAME_CANCEL, .name_size = 1, .size = 8}},
        {"no name in a frame of a type that needs one", {.type = HARK_FRAME_REQUEST}},
        {"no name in a frame of a type that needs one", {.type = HARK_FRAME_PUBLISH}},
        {"no name in a frame of a type that needs one", {.type = HARK_FRAME_SUBSCRIBE}},
        {"no name in a frame of a type that needs one", {.type = HARK_FRAME_GAP}},
        {"fds with a frame of a type that carries no message",
         {.type = HARK_FRAME_HELLO, .n_fds = 1}},
        {"an offset in a frame whose flags say that it is no fragment",
         {.type = HARK_FRAME_REPLY, .size = 1, .offset = 1}},
        {"a first fragment without the total size of its message",
         {.type = HARK_FRAME_REPLY, .flags = HARK_FLAG_MORE, .size = 1}},
        {"a message larger than 1 GiB",
         {.type = HARK_FRAME_REPLY,
          .flags = HARK_FLAG_MORE,
          .size = 1,
          .offset = HARK_FRAME_MAX + 1}},
        {"name, extensions or fds in a later fragment",
         {.type = HARK_FRAME_REQUEST, .flags = HARK_FLAG_CONTINUED, .name_size = 1, .size = 9}},
        {"name, extensions or fds in a later fragment",
         {.type = HARK_FRAME_REQUEST,
          .flags = HARK_FLAG_CONTINUED | HARK_FLAG_EXTENSIONS,
          .size = 9}},
        {"name, extensions or fds in a later fragment",
         {.type = HARK_FRAME_REQUEST, .flags = HARK_FLAG_CONTINUED, .n_fds = 1, .size = 9}},
        {"an empty fragment", {.type = HARK_FRAME_REPLY, .flags = HARK_FLAG_CONTINUED}},
        {"a fragment that ends beyond 1 GiB",
         {.type = HARK_FRAME_REPLY,
          .flags = HARK_FLAG_CONTINUED,
          .size = 2,
          .offset = HARK_FRAME_MAX - 1}},
        {"a fragment that ends beyond 1 GiB",
         {.type = HARK_FRAME_REPLY, .flags = HARK_FLAG_CONTINUED, .size = 1, .offset = UINT32_MAX}},
        {"a status beyond 2^31 - 1", {.type = HARK_FRAME_ERROR, .status = 1u << 31}},
        {"a status beyond 2^31 - 1", {.type = HARK_FRAME_GOAWAY, .status = UINT32_MAX}},
        {"a status beyond 2^31 - 1", {.type = HARK_FRAME_SUBSCRIBED, .status = UINT32_MAX}},
        {"a gap or an ack of no subscription", {.type = HARK_FRAME_GAP, .name_size = 1, .size = 8}},
        {"a gap or an ack of no subscription", {.type = HARK_FRAME_ACK}},
        {"a subscribe with id 0, which is no subscription",
         {.type = HARK_FRAME_SUBSCRIBE, .name_size = 1, .size = 8}},
        {"an error without a status", {.type = HARK_FRAME_ERROR}},
        {"a frame of an unknown type", {.type = 0}},
        {"a frame of an unknown type", {.type = 7}},
        {"a frame of an unknown type", {.type = 127}},
        {"a flag that is not defined for its type of frame",
         {.type = HARK_FRAME_PING, .flags = HARK_FLAG_MORE}},
        {"a flag that is not defined for its type of frame",
         {.type = HARK_FRAME_HELLO, .flags = HARK_FLAG_CONTINUED}},
        {"a flag that is not defined for its type of frame",
         {.type = HARK_FRAME_REPLY, .flags = HARK_FLAG_FROM_LIBRARY}},
        {"a flag that is not defined for its type of frame",
         {.type = HARK_FRAME_REPLY, .flags = 1 << 7, .size = 8}},
        {"a flag that is not defined for its type of frame",
         {.type = HARK_FRAME_REPLY, .time_left_ns = UINT64_MAX}},
        {"a flag that is not defined for its type of frame",
         {.type = HARK_FRAME_CREDIT, .flags = HARK_FLAG_END}},
        {"items of a request that expects no answer",
         {.type = HARK_FRAME_REQUEST,
          .flags = HARK_FLAG_ONE_WAY | HARK_FLAG_FEEDS,
          .name_size = 1,
          .size = 8}},
        {"items of a request that expects no answer",
         {.type = HARK_FRAME_REQUEST,
          .flags = HARK_FLAG_ONE_WAY | HARK_FLAG_OBSERVES,
          .name_size = 1,
          .size = 8}},
        {"an end of items that end with the answer",
         {.type = HARK_FRAME_ITEM, .flags = HARK_FLAG_END}},
        {"an end of items that is one",
         {.type = HARK_FRAME_ITEM, .flags = HARK_FLAG_END | HARK_FLAG_FEED, .n_fds = 1}},
        {"an end of items that is one",
         {.type = HARK_FRAME_ITEM,
          .flags = HARK_FLAG_END | HARK_FLAG_FEED | HARK_FLAG_MORE,
          .size = 1,
          .offset = 2}},
        {"a priority above 7", {.type = HARK_FRAME_PING, .priority = 8}},
};

static void assert_refused(const uint8_t *bytes, const char *wanted_why)
{
        struct hark_header decoded = {.type = 99};
        const char *why = "nothing wrong";

        ck_assert_msg(hark_header_decode(bytes, &decoded, &why) == -EPROTO, "not refused: %s",
                      wanted_why);
        ck_assert_str_eq(why, wanted_why);
        ck_assert_uint_eq(decoded.type, 99);
}

START_TEST(what_is_wrong_is_refused_with_its_reason)
{
        for (size_t i = 0; i < sizeof(refusals) / sizeof(*refusals); i++) {
                uint8_t bytes[HARK_HEADER_SIZE];

                hark_header_encode(&refusals[i].header, bytes);
                assert_refused(bytes, refusals[i].why);
        }
}
END_TEST

START_TEST(what_is_no_frame_of_this_version_is_refused)
{
        static const struct hark_header ping = {.type = HARK_FRAME_PING};
        uint8_t bytes[HARK_HEADER_SIZE];

        hark_header_encode(&ping, bytes);
        bytes[1] = HARK_WIRE_VERSION + 1;
        assert_refused(bytes, "a frame of a version of the wire that is not spoken here");
        bytes[0] = 0xc0;
        assert_refused(bytes, "not a hark frame: its first byte is not 0xC1");
        assert_refused((const uint8_t *)"GET / HTTP/1.1\r\nHost: localhost\r\n",
                       "not a hark frame: its first byte is not 0xC1");
}
END_TEST

static const struct hark_header borderline_headers[] = {
        {.type = HARK_FRAME_REPLY, .size = HARK_FRAME_MAX},
        {.type = HARK_FRAME_PING, .size = HARK_CONTROL_MAX},
        {.type = HARK_FRAME_REQUEST, .name_size = 255, .size = 256},
        {.type = HARK_FRAME_PING, .flags = HARK_FLAG_EXTENSIONS, .size = 8},
        {.type = HARK_FRAME_HELLO},
        {.type = HARK_FRAME_REPLY,
         .flags = HARK_FLAG_CONTINUED,
         .size = 1,
         .offset = HARK_FRAME_MAX - 1},
        {.type = HARK_FRAME_REPLY, .flags = HARK_FLAG_MORE, .size = 1, .offset = HARK_FRAME_MAX},
        {.type = HARK_FRAME_ERROR, .status = INT32_MAX},
        {.type = HARK_FRAME_GOAWAY},
        {.type = HARK_FRAME_PUBLISH, .status = UINT32_MAX, .name_size = 1, .size = 8},
        {.type = HARK_FRAME_PING, .priority = 7},
};

START_TEST(what_is_just_within_the_limits_is_taken)
{
        for (size_t i = 0; i < sizeof(borderline_headers) / sizeof(*borderline_headers); i++) {
                struct hark_header decoded = reencode(&borderline_headers[i]);

                assert_equal(&decoded, &borderline_headers[i]);
        }
}
END_TEST

START_TEST(an_unknown_type_that_may_be_ignored_is_passed_on)
{
        for (unsigned type = 0x80; type <= 0xff; type++) {
                struct hark_header header = {
                        .type = (uint8_t)type,
                        .flags = (uint8_t)~HARK_FLAG_TIME_IN_MS,
                        .priority = 255,
                        .n_fds = 3,
                        .name_size = 200,
                        .size = 5,
                        .status = UINT32_MAX,
                        .offset = UINT32_MAX,
                };
                struct hark_header decoded = reencode(&header);

                assert_equal(&header, &decoded);
                ck_assert(!hark_frame_type_is_known((uint8_t)type));
        }
}
END_TEST

struct time_case {
        uint64_t time_left_ns, decoded_ns;
        uint32_t written;
        bool is_in_ms;
};

static const struct time_case time_cases[] = {
        {0, 0, 0, false},
        {1, 1000, 1, false},
        {1000, 1000, 1, false},
        {1001, 2000, 2, false},
        {1500 * MS, 1500 * MS, 1500000, false},
        {UINT32_MAX * 1000ull, UINT32_MAX * 1000ull, UINT32_MAX, false},
        {UINT32_MAX * 1000ull + 1, 4294968 * MS, 4294968, true},
        {5000000 * MS + 1, 5000001 * MS, 5000001, true},
        {UINT32_MAX * MS, UINT32_MAX *MS, UINT32_MAX, true},
        {UINT32_MAX * MS + 1, UINT32_MAX *MS, UINT32_MAX, true},
        {UINT64_MAX, UINT32_MAX *MS, UINT32_MAX, true},
};

START_TEST(time_left_is_rounded_up_in_the_finest_unit_that_holds_it)
{
        for (size_t i = 0; i < sizeof(time_cases) / sizeof(*time_cases); i++) {
                const struct time_case *c = &time_cases[i];
                struct hark_header header = {
                        .type = HARK_FRAME_REQUEST,
                        .flags = HARK_FLAG_TIME_IN_MS, /* encode's own business */
                        .name_size = 1,
                        .size = 8,
                        .time_left_ns = c->time_left_ns,
                };
                uint8_t bytes[HARK_HEADER_SIZE];
                struct hark_header decoded = reencode(&header);

                ck_assert_uint_eq(decoded.time_left_ns, c->decoded_ns);
                ck_assert_uint_eq(decoded.flags, 0);
                hark_header_encode(&header, bytes);
                ck_assert_uint_eq(hark_load32(bytes + 16), c->written);
                ck_assert_uint_eq(bytes[3], c->is_in_ms ? HARK_FLAG_TIME_IN_MS : 0);
        }
}
END_TEST

START_TEST(every_type_has_a_name_for_logs)
{
        for (size_t i = 0; i < N_KNOWN_TYPES; i++) {
                ck_assert(hark_frame_type_is_known(known_types[i]));
                ck_assert_str_ne(hark_frame_type_name(known_types[i]), "unknown");
        }
        ck_assert_str_eq(hark_frame_type_name(HARK_FRAME_REQUEST), "request");
        ck_assert_str_eq(hark_frame_type_name(HARK_FRAME_GAP), "gap");
        ck_assert_str_eq(hark_frame_type_name(HARK_FRAME_WITHDRAWN), "withdrawn");
        ck_assert_str_eq(hark_frame_type_name(0), "unknown");
        ck_assert_str_eq(hark_frame_type_name(15), "unknown");
        ck_assert_str_eq(hark_frame_type_name(255), "unknown");
}
END_TEST

START_TEST(five_types_carry_a_message)
{
        for (unsigned type = 0; type < 256; type++) {
                bool is_carrier = type == HARK_FRAME_REQUEST || type == HARK_FRAME_REPLY ||
                                  type == HARK_FRAME_ERROR || type == HARK_FRAME_ITEM ||
                                  type == HARK_FRAME_PUBLISH;

                ck_assert(hark_frame_type_has_payload((uint8_t)type) == is_carrier);
        }
}
END_TEST

FIXTURE_MAIN("header", decoding_gives_what_was_encoded, every_field_has_its_place,
             what_is_wrong_is_refused_with_its_reason, what_is_no_frame_of_this_version_is_refused,
             what_is_just_within_the_limits_is_taken,
             an_unknown_type_that_may_be_ignored_is_passed_on,
             time_left_is_rounded_up_in_the_finest_unit_that_holds_it,
             every_type_has_a_name_for_logs, five_types_carry_a_message)
