/* SPDX-License-Identifier: MIT */

/* See reader_kit.h. */

#include "reader_kit.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

static struct recorder *recorder_of(struct hark_reader *reader)
{
        return hark_container_of(reader, struct recorder, reader);
}

static int begin(struct hark_reader *reader, const struct hark_header *header,
                 const struct hark_frame *frame, size_t total, bool *ret_is_kept,
                 const char **ret_why)
{
        struct recorder *recorder = recorder_of(reader);

        (void)frame;
        text_add_begin(&recorder->log, header, total);
        *ret_is_kept = !recorder->keeps_nothing && stream_is_kept(header);
        if (recorder->begin_result < 0)
                *ret_why = "as begin said";
        return recorder->begin_result;
}

static void describe(const hark_message *message, struct sent_message *sent)
{
        *sent = (struct sent_message){
                .name = {(const uint8_t *)message->name, strlen(message->name)},
                .text = message->error_text,
                .payload = {message->data, message->size},
        };
        for (unsigned i = 0; i < message->n_fds; i++) {
                eventfd_t tag = 0;

                ck_assert_int_eq(eventfd_read(message->fds[i], &tag), 0);
                sent->fd_tags[sent->n_fds++] = (unsigned)tag;
        }
}

static int end(struct hark_reader *reader, const struct hark_incoming *incoming,
               const struct hark_frame *frame, const char **ret_why)
{
        struct recorder *recorder = recorder_of(reader);
        const struct hark_header *header = &incoming->header;
        struct sent_message sent;
        struct hark_incoming forgotten;

        (void)frame;
        (void)ret_why;
        if (incoming->message) {
                describe(incoming->message, &sent);
                ck_assert_uint_eq(incoming->message->encoding, header->encoding);
                ck_assert_uint_eq(incoming->message->priority, header->priority);
        }
        text_add_end(&recorder->log, header, incoming->message ? &sent : NULL);
        hark_message_unref(incoming->message);
        /* As a connection does it. */
        if (header->type == HARK_FRAME_CANCEL)
                hark_reader_forget(reader, HARK_FRAME_REQUEST, header->id, header->priority,
                                   &forgotten);
        return recorder->end_result;
}

static const struct hark_reader_ops recorder_ops = {.begin = begin, .end = end};

static int fill_target(struct recorder *recorder, const uint8_t *bytes, size_t size,
                       size_t *ret_filled, const char **ret_why)
{
        size_t target_size = 0;
        uint8_t *target = hark_reader_target(&recorder->reader, &target_size);
        size_t n = target_size < size ? target_size : size;

        *ret_filled = 0;
        if (!target || n == 0)
                return 0;
        memcpy(target, bytes, n);
        *ret_filled = n;
        return hark_reader_filled(&recorder->reader, n, ret_why);
}

void recorder_init(struct recorder *recorder, struct hark_message_pools *pools)
{
        *recorder = (struct recorder){.log = text_new()};
        hark_reader_init(&recorder->reader, &recorder_ops, pools);
}

void recorder_done(struct recorder *recorder)
{
        hark_reader_done(&recorder->reader);
        text_free(&recorder->log);
}

int recorder_read(struct recorder *recorder, const uint8_t *bytes, size_t size,
                  enum recorder_way way, const char **ret_why)
{
        uint8_t *copy = malloc(size > 0 ? size : 1);
        size_t filled = 0;
        int r = 0;

        ck_assert_ptr_nonnull(copy);
        if (size > 0)
                memcpy(copy, bytes, size);
        if (way == RECORDER_FILLS_TARGET)
                r = fill_target(recorder, copy, size, &filled, ret_why);
        if (r == 0)
                r = hark_reader_feed(&recorder->reader, copy + filled, size - filled, ret_why);
        free(copy);
        return r;
}

void recorder_take(struct recorder *recorder, const struct stream *stream, size_t begin_at,
                   size_t end_at, enum recorder_way way)
{
        struct hark_in_fds *fds = &recorder->reader.fds;
        const char *why = "?";
        int r;

        for (unsigned i = 0; i < stream->n_fds; i++)
                if (stream->fds[i].at >= begin_at && stream->fds[i].at < end_at)
                        fds->fds[fds->n_fds++] =
                                eventfd(stream->fds[i].tag, EFD_CLOEXEC | EFD_NONBLOCK);
        r = recorder_read(recorder, stream->bytes + begin_at, end_at - begin_at, way, &why);
        ck_assert_msg(r == 0, "%s", why);
        ck_assert_uint_le(recorder->reader.carry_size, HARK_PREFIX_MAX);
}
