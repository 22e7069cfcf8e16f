/* SPDX-License-Identifier: MIT */

/*
 * The frame decoder: a header of 32 bytes, and as much as there is behind it. Holds it to:
 *
 *         a header that is taken is written as the same bytes again, but for time left in ms, which
 *         may be written in microseconds, and which stays the same time
 *         what hark_frame_prefix_size() asks for, step by step, is enough to split the frame, and
 *         more bytes change nothing but the payload
 *         nothing is read but the bytes that were handed over (each time in a block of its own, so
 *         that the address sanitiser sees it), and everything found lies in them
 */

#include "fuzz.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "names/name.h"
#include "wire/chain.h"

#define OFFSET_FLAGS     3
#define OFFSET_TIME_LEFT 16

static void check_same_header(const struct hark_header *a, const struct hark_header *b)
{
        FUZZ_CHECK(a->type == b->type && a->flags == b->flags && a->encoding == b->encoding);
        FUZZ_CHECK(a->priority == b->priority && a->n_fds == b->n_fds);
        FUZZ_CHECK(a->name_size == b->name_size && a->size == b->size && a->id == b->id);
        FUZZ_CHECK(a->status == b->status && a->sequence == b->sequence);
        FUZZ_CHECK(a->offset == b->offset && a->time_left_ns == b->time_left_ns);
}

static void check_reencoding(const uint8_t *bytes, const struct hark_header *header)
{
        uint8_t written[HARK_HEADER_SIZE];
        struct hark_header again;
        const char *why;

        FUZZ_CHECK(!(header->flags & HARK_FLAG_TIME_IN_MS));
        hark_header_encode(header, written);
        FUZZ_CHECK(hark_header_decode(written, &again, &why) == 0);
        check_same_header(header, &again);
        if (bytes[OFFSET_FLAGS] & HARK_FLAG_TIME_IN_MS) {
                written[OFFSET_FLAGS] |= HARK_FLAG_TIME_IN_MS;
                memcpy(written + OFFSET_TIME_LEFT, bytes + OFFSET_TIME_LEFT, sizeof(uint32_t));
        }
        FUZZ_CHECK(memcmp(written, bytes, sizeof(written)) == 0);
}

static void check_inside(struct hark_span span, const uint8_t *body, size_t size)
{
        FUZZ_CHECK(span.size <= size);
        FUZZ_CHECK(span.size == 0 || (span.bytes >= body && span.bytes + span.size <= body + size));
}

static bool is_filter(uint8_t type)
{
        return type == HARK_FRAME_SUBSCRIBE || type == HARK_FRAME_GAP;
}

static void check_name(const struct hark_header *header, struct hark_span name)
{
        const char *text = (const char *)name.bytes;

        FUZZ_CHECK(name.size == header->name_size);
        if (name.size == 0)
                return;
        FUZZ_CHECK(memchr(text, '\0', name.size) == NULL);
        if (header->type != HARK_FRAME_HELLO)
                FUZZ_CHECK(is_filter(header->type) ? hark_filter_is_valid(text, name.size)
                                                   : hark_name_is_valid(text, name.size));
}

/* What is taken apart is what it was, put together again; who is in it can be told. */
static void check_chain(struct hark_span value)
{
        struct hark_span hops = hark_chain_hops(value);
        struct hark_chain chain, copy;
        char text[HARK_CHAIN_TEXT_MAX];
        struct hark_hop hop;

        if (!hark_chain_copy(&copy, value))
                return;
        hark_chain_begin(&chain, hark_chain_number(value));
        while (hark_chain_next(&hops, &hop)) {
                FUZZ_CHECK(hark_chain_add(&chain, &hop));
                FUZZ_CHECK(!hop.waits || hop.instance == 0 ||
                           hark_chain_has_waiting(value, hop.instance));
                hark_chain_describe(value, hop.instance, text);
        }
        FUZZ_CHECK(hops.size == 0 && chain.size == value.size);
}

static void check_extensions(struct hark_span extensions)
{
        struct hark_span value;

        for (uint16_t id = 0; id < 8; id++) {
                if (!hark_extension_find(extensions, id, &value))
                        continue;
                check_inside(value, extensions.bytes, extensions.size);
                FUZZ_CHECK(id != HARK_EXTENSION_QUEUE || value.size >= HARK_QUEUE_SIZE);
                if (id == HARK_EXTENSION_CHAIN)
                        check_chain(value);
        }
        if (!hark_extension_find(extensions, HARK_EXTENSION_GROUP, &value))
                return;
        check_inside(value, extensions.bytes, extensions.size);
        FUZZ_CHECK(hark_name_is_valid((const char *)value.bytes, value.size));
}

static void check_hello(struct hark_span payload)
{
        uint8_t written[HARK_HELLO_SIZE];
        struct hark_hello hello;
        const char *why;

        if (hark_hello_decode(payload, &hello, &why) < 0)
                return;
        FUZZ_CHECK(hello.message_size <= HARK_FRAME_MAX);
        if (hark_load64(payload.bytes + 16) > HARK_FRAME_MAX)
                hello.message_size = hark_load64(payload.bytes + 16);
        FUZZ_CHECK(hello.window_size <= HARK_FRAME_MAX);
        if (hark_load64(payload.bytes + 48) > HARK_FRAME_MAX)
                hello.window_size = hark_load64(payload.bytes + 48);
        hark_hello_encode(&hello, written);
        FUZZ_CHECK(memcmp(written, payload.bytes, sizeof(written)) == 0);
}

static void check_gap(struct hark_span payload)
{
        uint8_t written[HARK_GAP_SIZE];
        struct hark_gap gap;
        const char *why;

        if (hark_gap_decode(payload, &gap, &why) < 0)
                return;
        FUZZ_CHECK(gap.n_lost > 0 && gap.first > 0 && gap.reason > 0);
        FUZZ_CHECK(gap.n_lost == UINT64_MAX || gap.first + gap.n_lost >= gap.first);
        hark_gap_encode(&gap, written);
        FUZZ_CHECK(memcmp(written, payload.bytes, sizeof(written) - sizeof(uint32_t)) == 0);
}

/* Splits the first size bytes of a body, as a copy. Returns what split said. */
static int split_copy(const struct hark_header *header, const uint8_t *body, size_t size,
                      size_t prefix_size)
{
        uint8_t *copy = fuzz_copy(body, size);
        struct hark_frame frame;
        const char *why = NULL;
        int r = hark_frame_split(header, copy, size, &frame, &why);

        FUZZ_CHECK(r == 0 ? why == NULL : r == -EPROTO && why != NULL);
        if (r == 0) {
                check_inside(frame.name, copy, prefix_size);
                check_inside(frame.extensions, copy, prefix_size);
                FUZZ_CHECK(frame.payload.bytes == copy + prefix_size);
                FUZZ_CHECK(frame.payload.size == size - prefix_size);
                check_name(header, frame.name);
                check_extensions(frame.extensions);
                if (header->type == HARK_FRAME_HELLO)
                        check_hello(frame.payload);
                if (header->type == HARK_FRAME_GAP)
                        check_gap(frame.payload);
        }
        free(copy);
        return r;
}

/* As a reader does that gets it bit by bit. Returns false if it is cut short or refused. */
static bool measure_prefix(const struct hark_header *header, const uint8_t *body, size_t size,
                           size_t *ret_prefix_size)
{
        size_t known = 0, wanted = 0;

        for (;;) {
                uint8_t *copy = fuzz_copy(body, known);
                const char *why = NULL;
                int r = hark_frame_prefix_size(header, copy, known, &wanted, &why);

                free(copy);
                if (r < 0) {
                        FUZZ_CHECK(r == -EPROTO && why != NULL);
                        FUZZ_CHECK(split_copy(header, body, known, 0) == -EPROTO);
                        return false;
                }
                FUZZ_CHECK(wanted <= HARK_NAME_MAX + 1 + HARK_EXTENSIONS_MAX);
                FUZZ_CHECK(wanted <= header->size);
                if (wanted > size)
                        return false;
                if (wanted <= known)
                        break;
                known = wanted;
        }
        *ret_prefix_size = wanted;
        return true;
}

static void check_body(const struct hark_header *header, const uint8_t *body, size_t size)
{
        size_t prefix_size;
        int r;

        size = size < header->size ? size : header->size;
        if (!measure_prefix(header, body, size, &prefix_size))
                return;
        r = split_copy(header, body, prefix_size, prefix_size);
        FUZZ_CHECK(split_copy(header, body, size, prefix_size) == r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct hark_header header;
        const char *why = NULL;
        uint8_t *bytes;
        int r;

        if (size < HARK_HEADER_SIZE)
                return 0;
        bytes = fuzz_copy(data, HARK_HEADER_SIZE);
        r = hark_header_decode(bytes, &header, &why);
        free(bytes);
        FUZZ_CHECK(r == 0 ? why == NULL : r == -EPROTO && why != NULL);
        if (r < 0)
                return 0;
        check_reencoding(data, &header);
        FUZZ_CHECK(strlen(hark_frame_type_name(header.type)) > 0);
        if (hark_frame_type_is_known(header.type))
                check_body(&header, data + HARK_HEADER_SIZE, size - HARK_HEADER_SIZE);
        return 0;
}
