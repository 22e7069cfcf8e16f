/* SPDX-License-Identifier: MIT */
#ifndef READER_KIT_H
#define READER_KIT_H

/*
 * A reader whose messages are written down, each as two lines:
 *
 *         begin request #5 of 13
 *         end request #5 name=log sum=af63dc4c8601ec8c fds=2,3,
 *
 * so that two ways to read the same stream can be compared, and both with what was sent.
 */

#include <stddef.h>

#include "conn/reader.h"
#include "stream_kit.h"

/* How bytes are handed to the reader. */
enum recorder_way {
        RECORDER_FEEDS = 0,
        RECORDER_FILLS_TARGET, /* payload goes where the reader wants it, as a port puts it there */
        N_RECORDER_WAYS
};

struct recorder {
        struct hark_reader reader;
        struct text log;
        bool keeps_nothing;
        int begin_result, end_result; /* what the ops return */
};

/* pools may be NULL: messages come from malloc. */
void recorder_init(struct recorder *recorder, struct hark_message_pools *pools);
void recorder_done(struct recorder *recorder);

/* Reads a part of a stream, with the fds of the frames that begin in it, and fails the test if
 * there is a mistake in it. The reader gets a copy that ends where the part ends. */
void recorder_take(struct recorder *recorder, const struct stream *stream, size_t begin, size_t end,
                   enum recorder_way way);

/* The same for bytes without fds; returns as hark_reader_feed(). */
int recorder_read(struct recorder *recorder, const uint8_t *bytes, size_t size,
                  enum recorder_way way, const char **ret_why);

#endif
