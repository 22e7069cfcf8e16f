/* SPDX-License-Identifier: MIT */

/* Finds the borders of name, extensions and payload, and checks what only these bytes can show. */

#include "wire/frame.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "names/name.h"

static size_t smaller(size_t a, size_t b)
{
        return a < b ? a : b;
}

static const char *check_name(const struct hark_header *header, const char *name, size_t size)
{
        switch (header->type) {
        case HARK_FRAME_HELLO:
                return memchr(name, '\0', size) ? "a NUL in the name of a hello" : NULL;
        case HARK_FRAME_SUBSCRIBE:
        case HARK_FRAME_GAP:
                return hark_filter_is_valid(name, size) ? NULL : "a malformed filter";
        default:
                return hark_name_is_valid(name, size) ? NULL : "a malformed name";
        }
}

static const char *check_extensions_size(const struct hark_header *header, size_t before,
                                         size_t size)
{
        if (size > HARK_EXTENSIONS_MAX - HARK_EXTENSIONS_HEAD_SIZE)
                return "more than 3808 bytes of extensions";
        if (hark_align8(HARK_EXTENSIONS_HEAD_SIZE + size) > header->size - before)
                return "extensions that end beyond their frame";
        return NULL;
}

static const char *check_fragment(const struct hark_header *header, size_t prefix_size)
{
        size_t payload_size = header->size - prefix_size;

        if (header->type == HARK_FRAME_ITEM && header->flags & HARK_FLAG_END && payload_size > 0)
                return "an end of items that is one";
        if (!(header->flags & HARK_FLAG_MORE) || header->flags & HARK_FLAG_CONTINUED)
                return NULL;
        if (payload_size == 0)
                return "an empty fragment";
        return payload_size < header->offset ? NULL : "a first fragment with all of its message";
}

static const char *measure_prefix(const struct hark_header *header, const uint8_t *body,
                                  size_t body_size, size_t *ret_size)
{
        size_t name_size = hark_align8(header->name_size);
        size_t extensions_size;
        const char *why;

        if (!(header->flags & HARK_FLAG_EXTENSIONS)) {
                *ret_size = name_size;
                return NULL;
        }
        if (body_size < name_size + HARK_EXTENSIONS_HEAD_SIZE) {
                *ret_size = name_size + HARK_EXTENSIONS_HEAD_SIZE;
                return NULL;
        }
        extensions_size = hark_load32(body + name_size);
        why = check_extensions_size(header, name_size, extensions_size);
        if (!why)
                *ret_size = name_size + hark_align8(HARK_EXTENSIONS_HEAD_SIZE + extensions_size);
        return why;
}

static const char *split_body(const struct hark_header *header, const uint8_t *body,
                              size_t prefix_size, struct hark_frame *frame)
{
        const uint8_t *extensions = body + hark_align8(header->name_size);
        const char *why = NULL;

        if (header->name_size > 0) {
                frame->name = (struct hark_span){body, header->name_size};
                why = check_name(header, (const char *)body, header->name_size);
        }
        if (!why && header->flags & HARK_FLAG_EXTENSIONS) {
                frame->extensions = (struct hark_span){extensions + HARK_EXTENSIONS_HEAD_SIZE,
                                                       hark_load32(extensions)};
                why = hark_extensions_check(frame->extensions);
        }
        return why ? why : check_fragment(header, prefix_size);
}

int hark_frame_split(const struct hark_header *header, const uint8_t *body, size_t body_size,
                     struct hark_frame *ret_frame, const char **ret_why)
{
        struct hark_frame frame = {0};
        size_t size = smaller(body_size, header->size);
        size_t prefix_size;
        const char *why = measure_prefix(header, body, size, &prefix_size);

        if (!why) {
                /* hark_header_decode() has seen that a whole frame holds them. */
                assert(prefix_size <= size);
                why = split_body(header, body, prefix_size, &frame);
        }
        if (why) {
                *ret_why = why;
                return -EPROTO;
        }
        frame.payload = (struct hark_span){body + prefix_size, size - prefix_size};
        *ret_frame = frame;
        return 0;
}

int hark_frame_prefix_size(const struct hark_header *header, const uint8_t *body, size_t body_size,
                           size_t *ret_size, const char **ret_why)
{
        size_t size;
        const char *why = measure_prefix(header, body, smaller(body_size, header->size), &size);

        if (why) {
                *ret_why = why;
                return -EPROTO;
        }
        *ret_size = size;
        return 0;
}

size_t hark_name_padded_size(size_t name_size)
{
        return hark_align8(name_size);
}
