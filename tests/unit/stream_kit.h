/* SPDX-License-Identifier: MIT */
#ifndef STREAM_KIT_H
#define STREAM_KIT_H

/*
 * Streams of frames as a peer might send them, each with the log that whoever reads it must write:
 * see reader_kit.h. Random ones have messages of all types, fragments of up to eight at a time,
 * others between them, cancelled ones, fds, and frames that are to be ignored.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dice.h"
#include "frame_examples.h"
#include "wire/frame.h"

#define STREAM_FDS_MAX 60

/* A string that grows. */
struct text {
        char *text;
        size_t size;
};

struct text text_new(void);
void text_free(struct text *text);
void text_add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A whole message, as its sender knows it. */
struct sent_message {
        struct hark_span name, payload;
        const char *text; /* NULL: none */
        unsigned fd_tags[STREAM_FDS_MAX];
        unsigned n_fds;
};

void text_add_begin(struct text *log, const struct hark_header *header, size_t total);
/* sent NULL: it was not kept. */
void text_add_end(struct text *log, const struct hark_header *header,
                  const struct sent_message *sent);

struct stream {
        uint8_t *bytes;
        size_t size, room;
        struct {
                size_t at; /* where its frame begins */
                unsigned tag;
        } fds[STREAM_FDS_MAX];
        unsigned n_fds;
        bool has_no_fds; /* and shall have none */
        uint32_t last_id;
        struct text expected;
};

/* Which messages are not kept: some requests and publications. */
bool stream_is_kept(const struct hark_header *header);

struct stream stream_new(void);
void stream_free(struct stream *stream);
void stream_add_example(struct stream *stream, const struct frame_example *example);
/* Adds so many frames, and those that complete the messages under way. */
void stream_add_random(struct stream *stream, struct dice *dice, unsigned n_frames);

#endif
