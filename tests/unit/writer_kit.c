/* SPDX-License-Identifier: MIT */

/* See writer_kit.h. */

#include "writer_kit.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "frame_text.h"
#include "loop/loop.h"
#include "stream_kit.h"

#define FRAME_ROOM (1 << 20)

void outbox_init(struct outbox *outbox, size_t max_frame)
{
        *outbox = (struct outbox){.budget = {SIZE_MAX, UINT32_MAX, true}};
        outbox->pool = hark_pool_new(HARK_BLOCK_SIZE, 16);
        outbox->messages = hark_message_pools_new();
        hark_writer_init(&outbox->writer, outbox->pool, outbox->messages, max_frame);
}

void outbox_done(struct outbox *outbox)
{
        hark_writer_done(&outbox->writer);
        ck_assert(hark_writer_is_empty(&outbox->writer));
        ck_assert_uint_eq(outbox->writer.queued_size, 0);
        hark_pool_close(outbox->pool);
        hark_message_pools_close(outbox->messages);
        free(outbox->bytes);
}

static void queue_frame(struct outbox *outbox, const uint8_t *bytes,
                        const struct outbox_extra *extra)
{
        const uint8_t *body = bytes + HARK_HEADER_SIZE;
        struct hark_payload payload = {.fds = extra->fds, .n_fds = extra->n_fds};
        struct hark_send send = {.payload = &payload, .message = extra->shared};
        struct hark_header header;
        struct hark_frame frame;
        const char *why;
        int r;

        ck_assert_int_eq(hark_header_decode(bytes, &header, &why), 0);
        ck_assert_int_eq(hark_frame_split(&header, body, header.size, &frame, &why), 0);
        payload.data = frame.payload.bytes;
        payload.size = frame.payload.size;
        payload.encoding = header.encoding;
        send.type = header.type;
        send.flags = header.flags & (uint8_t)~HARK_FLAG_EXTENSIONS;
        send.priority = header.priority;
        send.id = header.id;
        send.status = header.status;
        send.sequence = header.sequence;
        send.name = (const char *)frame.name.bytes;
        send.name_size = frame.name.size;
        send.extensions.bytes = body + hark_align8(frame.name.size);
        send.extensions.size = (size_t)(frame.payload.bytes - send.extensions.bytes);
        send.deadline_ns = extra->deadline_ns > 0 ? extra->deadline_ns : HARK_NEVER;
        send.loss_number = extra->loss_number;
        send.group = extra->group;
        r = extra->is_before
                    ? hark_writer_queue_before(&outbox->writer, &send, extra->position, extra->slot)
                    : hark_writer_queue(&outbox->writer, &send, extra->slot);
        ck_assert_int_eq(r, 0);
}

void outbox_queue_extra(struct outbox *outbox, const char *line, const struct outbox_extra *extra)
{
        uint8_t *bytes = malloc(FRAME_ROOM);

        ck_assert_ptr_nonnull(bytes);
        ck_assert_msg(frame_from_text(line, bytes, FRAME_ROOM) > 0, "malformed: %s", line);
        queue_frame(outbox, bytes, extra);
        free(bytes);
}

void outbox_queue(struct outbox *outbox, const char *line)
{
        struct outbox_extra nothing = {.slot = NULL};

        outbox_queue_extra(outbox, line, &nothing);
}

static void take_bytes(struct outbox *outbox, const void *bytes, size_t size)
{
        if (outbox->size + size > outbox->room) {
                outbox->room = 2 * (outbox->size + size);
                outbox->bytes = realloc(outbox->bytes, outbox->room);
                ck_assert_ptr_nonnull(outbox->bytes);
        }
        if (size > 0)
                memcpy(outbox->bytes + outbox->size, bytes, size);
        outbox->size += size;
}

static size_t take_frame(struct outbox *outbox, const struct hark_out_frame *frame, size_t max)
{
        size_t size = 0, taken = 0;

        ck_assert_uint_ge(frame->n_iov, 1);
        ck_assert_uint_le(frame->n_iov, HARK_FRAME_IOVS);
        for (unsigned i = 0; i < frame->n_iov; i++) {
                size_t n =
                        frame->iov[i].iov_len < max - taken ? frame->iov[i].iov_len : max - taken;

                ck_assert_uint_gt(frame->iov[i].iov_len, 0);
                take_bytes(outbox, frame->iov[i].iov_base, n);
                size += frame->iov[i].iov_len;
                taken += n;
        }
        ck_assert_uint_eq(size, frame->size);
        if (taken > 0)
                outbox->n_fds += frame->n_fds;
        return taken;
}

size_t outbox_send(struct outbox *outbox, size_t max)
{
        struct hark_plan *plan = &outbox->plan;
        size_t size = 0, taken = 0;

        hark_writer_plan(&outbox->writer, plan, outbox->budget);
        ck_assert_uint_le(plan->n_frames, HARK_SEND_FRAMES);
        for (unsigned i = 0; i < plan->n_frames; i++) {
                size += plan->frames[i].size;
                taken += take_frame(outbox, &plan->frames[i], max - taken);
        }
        ck_assert_uint_eq(size, plan->size);
        hark_writer_sent(&outbox->writer, plan, taken, &outbox->budget);
        return taken;
}

void outbox_send_all(struct outbox *outbox)
{
        while (outbox_send(outbox, SIZE_MAX) > 0)
                ;
}

void outbox_check(struct outbox *outbox, const char *lines)
{
        struct text found = text_new();
        char line[FRAME_LINE_SIZE];

        for (size_t at = 0; at < outbox->size;) {
                ck_assert_uint_ge(outbox->size - at, HARK_HEADER_SIZE);
                text_add(&found, "%s\n", frame_to_text(outbox->bytes + at, line));
                at += HARK_HEADER_SIZE + hark_align8(hark_load32(outbox->bytes + at + 4));
                ck_assert_uint_le(at, outbox->size);
        }
        ck_assert_str_eq(found.text, lines);
        text_free(&found);
        outbox->size = 0;
}
