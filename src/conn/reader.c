/* SPDX-License-Identifier: MIT */

/* See reader.h. */

#include "conn/reader.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/result.h"

_Static_assert(HARK_HEADER_SIZE + HARK_NAME_MAX + 1 + HARK_EXTENSIONS_MAX <= HARK_PREFIX_MAX,
               "what a prefix can be fits into what is kept of it");

static size_t smaller(size_t a, size_t b)
{
        return a < b ? a : b;
}

static void forget_incoming(struct hark_incoming *incoming)
{
        incoming->message = hark_message_unref(incoming->message);
        incoming->is_active = false;
}

/* The fds that this frame says are its own, in the order they came. */
static int claim_fds(struct hark_reader *reader, struct hark_incoming *incoming,
                     const char **ret_why)
{
        struct hark_in_fds *fds = &reader->fds;
        unsigned n = reader->header.n_fds;

        if (n == 0)
                return 0;
        if (n > fds->n_fds) {
                *ret_why = "file descriptors are missing";
                return -EPROTO;
        }
        if (!incoming->message || hark_message_take_over_fds(incoming->message, fds->fds, n) != 0) {
                incoming->message = hark_message_unref(incoming->message);
                for (unsigned i = 0; i < n; i++)
                        hark_close(fds->fds[i]);
        }
        fds->n_fds -= n;
        memmove(fds->fds, fds->fds + n, fds->n_fds * sizeof(*fds->fds));
        return 0;
}

static struct hark_span find_text(struct hark_span extensions, uint16_t id)
{
        struct hark_span value = {NULL, 0};

        hark_extension_find(extensions, id, &value);
        return value;
}

/* What a request says of its origin. A trace that is too long is cut. */
static void find_origin(struct hark_message_strings *strings, struct hark_span extensions)
{
        struct hark_span trace = find_text(extensions, HARK_EXTENSION_TRACE);
        struct hark_span chain = find_text(extensions, HARK_EXTENSION_CHAIN);

        strings->trace = (const char *)trace.bytes;
        strings->trace_size = trace.size < HARK_TRACE_MAX ? trace.size : HARK_TRACE_MAX;
        strings->chain = (const char *)chain.bytes;
        strings->chain_size = chain.size;
}

static hark_message *new_message(struct hark_reader *reader, const struct hark_frame *frame,
                                 size_t total)
{
        const struct hark_header *header = &reader->header;
        struct hark_message_strings strings = {.name = (const char *)frame->name.bytes,
                                               .name_size = frame->name.size};
        hark_message *message;

        if (header->type == HARK_FRAME_ERROR) {
                struct hark_span name = find_text(frame->extensions, HARK_EXTENSION_ERROR_NAME);

                strings.error_name = (const char *)name.bytes;
                strings.error_name_size = name.size;
        }
        if (header->flags & HARK_FLAG_EXTENSIONS) {
                struct hark_span text = find_text(frame->extensions, HARK_EXTENSION_ERROR_TEXT);

                strings.error_text = (const char *)text.bytes;
                strings.error_text_size = text.size;
        }
        if (header->type == HARK_FRAME_REQUEST && header->flags & HARK_FLAG_EXTENSIONS)
                find_origin(&strings, frame->extensions);
        message = hark_message_new(reader->message_pools, total, &strings);
        if (!message)
                return NULL;
        if (header->type == HARK_FRAME_ERROR)
                message->status = hark_status_of_wire(header->status);
        message->encoding = header->encoding;
        message->priority = header->priority;
        return message;
}

/* The first, or only, frame of a message: decides whether its bytes are kept. */
static int begin_message(struct hark_reader *reader, struct hark_incoming *incoming,
                         const struct hark_frame *frame, size_t total, const char **ret_why)
{
        bool is_kept = true;
        int r = reader->ops->begin(reader, &reader->header, frame, total, &is_kept, ret_why);

        if (r < 0)
                return r;
        incoming->header = reader->header;
        incoming->total = total;
        incoming->offset = 0;
        incoming->is_kept = is_kept;
        incoming->message = is_kept ? new_message(reader, frame, total) : NULL;
        incoming->is_active = true;
        return claim_fds(reader, incoming, ret_why);
}

/* A further fragment must go on exactly where the last one of the same message ended. */
static int continue_message(struct hark_reader *reader, size_t payload_size, const char **ret_why)
{
        const struct hark_header *header = &reader->header;
        struct hark_incoming *incoming = &reader->fragmented[header->priority];
        size_t left = incoming->total - incoming->offset;
        bool is_last = !(header->flags & HARK_FLAG_MORE);

        *ret_why = NULL;
        if (!incoming->is_active || incoming->header.type != header->type ||
            incoming->header.id != header->id)
                *ret_why = "a later fragment of a message that is not under way";
        else if (header->offset != incoming->offset)
                *ret_why = "a fragment does not continue its message";
        else if (payload_size > left || is_last != (payload_size == left))
                *ret_why = "fragments do not add up to their message";
        reader->incoming = incoming;
        return *ret_why ? -EPROTO : 0;
}

static bool is_cancel_of(const struct hark_header *header, const struct hark_header *request)
{
        return header->type == HARK_FRAME_CANCEL && request->type == HARK_FRAME_REQUEST &&
               header->id == request->id;
}

/* Finds what the frame belongs to and checks that it may come now. */
static int choose_incoming(struct hark_reader *reader, const struct hark_frame *frame,
                           size_t payload_size, const char **ret_why)
{
        const struct hark_header *header = &reader->header;
        struct hark_incoming *slot = &reader->fragmented[header->priority];

        if (header->flags & HARK_FLAG_CONTINUED)
                return continue_message(reader, payload_size, ret_why);
        if (slot->is_active && !is_cancel_of(header, &slot->header)) {
                *ret_why = "a frame between the fragments of a message of its priority";
                return -EPROTO;
        }
        reader->incoming = header->flags & HARK_FLAG_MORE ? slot : &reader->single;
        return begin_message(reader, reader->incoming, frame,
                             header->flags & HARK_FLAG_MORE ? header->offset : payload_size,
                             ret_why);
}

static void begin_padding(struct hark_reader *reader, size_t size)
{
        reader->state = size > 0 ? HARK_READER_PADDING : HARK_READER_PREFIX;
        reader->frame_left = size;
}

/* All payload of the current frame is there: perhaps the message is whole. */
static int end_frame(struct hark_reader *reader, const struct hark_frame *frame,
                     const char **ret_why)
{
        struct hark_incoming *incoming = reader->incoming;
        struct hark_incoming whole;

        begin_padding(reader, hark_align8(reader->header.size) - reader->header.size);
        if (incoming->offset < incoming->total)
                return 0;
        whole = *incoming;
        incoming->message = NULL;
        incoming->is_active = false;
        return reader->ops->end(reader, &whole, frame, ret_why);
}

/* Copies payload to where it belongs. */
static size_t take_payload(struct hark_reader *reader, const uint8_t *bytes, size_t size)
{
        struct hark_incoming *incoming = reader->incoming;
        size_t n = smaller(size, reader->frame_left);

        if (incoming->message && n > 0)
                memcpy(incoming->message->data + incoming->offset, bytes, n);
        incoming->offset += n;
        reader->frame_left -= n;
        return n;
}

/*
 * Header, name and extensions of a frame are there, in prefix_size bytes; body_size bytes behind
 * the header are at hand. A frame that lies there whole is done with at once; of another the
 * payload is still to come.
 */
static int begin_frame(struct hark_reader *reader, const uint8_t *body, size_t body_size,
                       size_t prefix_size, size_t *ret_taken, const char **ret_why)
{
        const struct hark_header *header = &reader->header;
        static const struct hark_frame nothing;
        struct hark_frame frame;
        bool is_whole;
        int r = hark_frame_split(header, body, body_size, &frame, ret_why);

        if (r == 0)
                r = choose_incoming(reader, &frame, header->size - prefix_size, ret_why);
        if (r < 0)
                return r;
        reader->state = HARK_READER_PAYLOAD;
        reader->frame_left = header->size - prefix_size;
        is_whole = body_size - prefix_size >= reader->frame_left;
        *ret_taken =
                prefix_size + take_payload(reader, frame.payload.bytes, body_size - prefix_size);
        if (!is_whole)
                return 0;
        /* What is left of a fragmented message's frame is not its name any more. */
        return end_frame(reader, reader->incoming == &reader->single ? &frame : &nothing, ret_why);
}

/* One that says it may be ignored: all of it is as good as padding, and its fds are nobody's. */
static int ignore_frame(struct hark_reader *reader, const char **ret_why)
{
        struct hark_incoming nobody = {.message = NULL};

        begin_padding(reader, hark_align8(reader->header.size));
        return claim_fds(reader, &nobody, ret_why);
}

/*
 * Tries to begin a frame with the bytes at hand. Returns 0 with *ret_taken; 1: more bytes are
 * needed to begin; negative: as hark_reader_feed().
 */
static int parse_prefix(struct hark_reader *reader, const uint8_t *bytes, size_t size,
                        size_t *ret_taken, const char **ret_why)
{
        size_t prefix_size, body_size, taken = 0;
        int r;

        if (size < HARK_HEADER_SIZE)
                return 1;
        r = hark_header_decode(bytes, &reader->header, ret_why);
        if (r < 0)
                return r;
        if (!hark_frame_type_is_known(reader->header.type)) {
                *ret_taken = HARK_HEADER_SIZE;
                return ignore_frame(reader, ret_why);
        }
        bytes += HARK_HEADER_SIZE;
        body_size = smaller(size - HARK_HEADER_SIZE, reader->header.size);
        r = hark_frame_prefix_size(&reader->header, bytes, body_size, &prefix_size, ret_why);
        if (r < 0)
                return r;
        if (body_size < prefix_size)
                return 1;
        r = begin_frame(reader, bytes, body_size, prefix_size, &taken, ret_why);
        *ret_taken = HARK_HEADER_SIZE + taken;
        return r;
}

/*
 * A prefix was cut: what was kept of it is completed byte for byte as far as needed, which is known
 * in two steps (the header, then the sizes in it), so that nothing behind the prefix is kept.
 */
static int carry_prefix(struct hark_reader *reader, const uint8_t *bytes, size_t size,
                        size_t *ret_taken, const char **ret_why)
{
        size_t before = reader->carry_size, taken;
        size_t n = smaller(size, HARK_PREFIX_MAX - before);
        int r;

        if (!reader->carry)
                reader->carry = malloc(HARK_PREFIX_MAX);
        if (!reader->carry)
                return -ENOMEM;
        memcpy(reader->carry + before, bytes, n);
        reader->carry_size = before + n;
        r = parse_prefix(reader, reader->carry, reader->carry_size, &taken, ret_why);
        if (r < 0)
                return r;
        if (r > 0) {
                *ret_taken = n;
                return 0;
        }
        /* The kept bytes alone were too few, so at least one byte of the new ones was taken. */
        assert(taken > before);
        reader->carry_size = 0;
        *ret_taken = taken - before;
        return 0;
}

static int feed_prefix(struct hark_reader *reader, const uint8_t *bytes, size_t size,
                       size_t *ret_taken, const char **ret_why)
{
        int r;

        if (reader->carry_size > 0)
                return carry_prefix(reader, bytes, size, ret_taken, ret_why);
        r = parse_prefix(reader, bytes, size, ret_taken, ret_why);
        return r > 0 ? carry_prefix(reader, bytes, size, ret_taken, ret_why) : r;
}

static int feed_payload(struct hark_reader *reader, const uint8_t *bytes, size_t size,
                        size_t *ret_taken, const char **ret_why)
{
        static const struct hark_frame nothing;

        *ret_taken = take_payload(reader, bytes, size);
        return reader->frame_left == 0 ? end_frame(reader, &nothing, ret_why) : 0;
}

static void feed_padding(struct hark_reader *reader, size_t size, size_t *ret_taken)
{
        *ret_taken = smaller(size, reader->frame_left);
        reader->frame_left -= *ret_taken;
        if (reader->frame_left == 0)
                reader->state = HARK_READER_PREFIX;
}

static int feed_some(struct hark_reader *reader, const uint8_t *bytes, size_t size,
                     size_t *ret_taken, const char **ret_why)
{
        switch (reader->state) {
        case HARK_READER_PREFIX:
                return feed_prefix(reader, bytes, size, ret_taken, ret_why);
        case HARK_READER_PAYLOAD:
                return feed_payload(reader, bytes, size, ret_taken, ret_why);
        case HARK_READER_PADDING:
                feed_padding(reader, size, ret_taken);
                return 0;
        }
        return 0;
}

/* Between two frames no fd may be left over: it would be taken for the next frame's. */
static int check_fds(const struct hark_reader *reader, const char **ret_why)
{
        bool is_between = reader->state == HARK_READER_PREFIX && reader->carry_size == 0;

        if (reader->fds.is_truncated) {
                *ret_why = "file descriptors were lost on the way";
                return -EPROTO;
        }
        if (reader->fds.n_fds > 0 && is_between) {
                *ret_why = "file descriptors that belong to no message";
                return -EPROTO;
        }
        return 0;
}

void hark_reader_init(struct hark_reader *reader, const struct hark_reader_ops *ops,
                      struct hark_message_pools *message_pools)
{
        *reader = (struct hark_reader){.ops = ops, .message_pools = message_pools};
}

void hark_reader_done(struct hark_reader *reader)
{
        for (unsigned i = 0; i < reader->fds.n_fds; i++)
                hark_close(reader->fds.fds[i]);
        reader->fds.n_fds = 0;
        forget_incoming(&reader->single);
        for (unsigned i = 0; i < HARK_PRIORITIES; i++)
                forget_incoming(&reader->fragmented[i]);
        free(HARK_TAKE(reader->carry));
}

int hark_reader_feed(struct hark_reader *reader, const uint8_t *bytes, size_t size,
                     const char **ret_why)
{
        int r = 0;

        while (size > 0 && r == 0) {
                size_t taken = 0;

                r = feed_some(reader, bytes, size, &taken, ret_why);
                bytes += taken;
                size -= taken;
        }
        return r < 0 ? r : check_fds(reader, ret_why);
}

uint8_t *hark_reader_target(struct hark_reader *reader, size_t *ret_size)
{
        if (reader->state != HARK_READER_PAYLOAD || !reader->incoming->message)
                return NULL;
        *ret_size = reader->frame_left;
        return reader->incoming->message->data + reader->incoming->offset;
}

int hark_reader_filled(struct hark_reader *reader, size_t size, const char **ret_why)
{
        static const struct hark_frame nothing;

        assert(reader->state == HARK_READER_PAYLOAD && size <= reader->frame_left);
        reader->incoming->offset += size;
        reader->frame_left -= size;
        return reader->frame_left == 0 ? end_frame(reader, &nothing, ret_why) : 0;
}

bool hark_reader_forget(struct hark_reader *reader, uint8_t type, uint32_t id, uint8_t priority,
                        struct hark_incoming *ret_forgotten)
{
        struct hark_incoming *slot = &reader->fragmented[priority];

        if (!slot->is_active || slot->header.type != type || slot->header.id != id)
                return false;
        forget_incoming(slot);
        *ret_forgotten = *slot;
        return slot->is_kept;
}
