/* SPDX-License-Identifier: MIT */
#ifndef SENT_FRAMES_H
#define SENT_FRAMES_H

/*
 * Reads what the library sends as the other end would, and stops the fuzzer at the first mistake in
 * it.
 */

#include "conn/reader.h"
#include "fuzz.h"

struct sent_frames {
        struct hark_reader reader;
};

static inline int sent_frames_begin(struct hark_reader *reader, const struct hark_header *header,
                                    const struct hark_frame *frame, size_t total, bool *ret_is_kept,
                                    const char **ret_why)
{
        (void)reader;
        (void)header;
        (void)frame;
        (void)total;
        (void)ret_why;
        *ret_is_kept = false;
        return 0;
}

static inline int sent_frames_end(struct hark_reader *reader, const struct hark_incoming *incoming,
                                  const struct hark_frame *frame, const char **ret_why)
{
        const struct hark_header *header = &incoming->header;
        struct hark_incoming forgotten;

        (void)frame;
        (void)ret_why;
        if (header->type == HARK_FRAME_CANCEL)
                hark_reader_forget(reader, HARK_FRAME_REQUEST, header->id, header->priority,
                                   &forgotten);
        return 0;
}

static inline void sent_frames_init(struct sent_frames *sent)
{
        static const struct hark_reader_ops ops = {.begin = sent_frames_begin,
                                                   .end = sent_frames_end};

        hark_reader_init(&sent->reader, &ops, NULL);
}

static inline void sent_frames_check(struct sent_frames *sent, const uint8_t *bytes, size_t size)
{
        const char *why = "?";

        if (hark_reader_feed(&sent->reader, bytes, size, &why) == 0)
                return;
        fprintf(stderr, "what was sent is malformed: %s\n", why);
        abort();
}

static inline void sent_frames_done(struct sent_frames *sent)
{
        hark_reader_done(&sent->reader);
}

#endif
