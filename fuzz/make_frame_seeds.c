/* SPDX-License-Identifier: MIT */

/*
 * make_frame_seeds DIRECTORY: writes what fuzz_frame starts from, one file each: the example of
 * every type of frame, and such examples with one thing changed or cut off. To be run again when
 * the wire changes; what a fuzzer found is kept beside it under other names.
 */

#include <stdio.h>
#include <stdlib.h>

#include "../tests/unit/frame_examples.h"

struct change {
        const char *name, *of; /* of: the example's title */
        size_t offset, n_bytes;
        uint8_t bytes[8];
        size_t size; /* cut to so many bytes; 0: not cut */
};

#define BODY HARK_HEADER_SIZE

static const struct change changes[] = {
        {.name = "magic-wrong", .of = "ping", .offset = 0, .n_bytes = 1, .bytes = {0x82}},
        {.name = "version-2", .of = "ping", .offset = 1, .n_bytes = 1, .bytes = {2}},
        {.name = "type-unknown", .of = "ping", .offset = 2, .n_bytes = 1, .bytes = {7}},
        {.name = "type-passed-over", .of = "request", .offset = 2, .n_bytes = 1, .bytes = {0x90}},
        {.name = "flag-undefined", .of = "reply", .offset = 3, .n_bytes = 1, .bytes = {0x80}},
        {.name = "time-in-ms", .of = "request", .offset = 3, .n_bytes = 1, .bytes = {4}},
        {.name = "time-in-ms-reply", .of = "reply", .offset = 3, .n_bytes = 1, .bytes = {4}},
        {.name = "size-4-gib",
         .of = "request",
         .offset = 4,
         .n_bytes = 4,
         .bytes = {0xff, 0xff, 0xff, 0xff}},
        {.name = "size-1-gib", .of = "reply", .offset = 4, .n_bytes = 4, .bytes = {0, 0, 0, 0x40}},
        {.name = "size-of-ping", .of = "ping", .offset = 4, .n_bytes = 4, .bytes = {1, 0, 1, 0}},
        {.name = "size-too-small", .of = "request", .offset = 4, .n_bytes = 1, .bytes = {15}},
        {.name = "status-negative",
         .of = "error",
         .offset = 12,
         .n_bytes = 4,
         .bytes = {0xff, 0xff, 0xff, 0xff}},
        {.name = "status-missing", .of = "error", .offset = 12, .n_bytes = 1, .bytes = {0}},
        {.name = "priority-8", .of = "request", .offset = 21, .n_bytes = 1, .bytes = {8}},
        {.name = "fds", .of = "request", .offset = 22, .n_bytes = 1, .bytes = {3}},
        {.name = "fds-of-ping", .of = "ping", .offset = 22, .n_bytes = 1, .bytes = {3}},
        {.name = "name-missing", .of = "request", .offset = 23, .n_bytes = 1, .bytes = {0}},
        {.name = "name-with-nul", .of = "request", .offset = BODY + 2, .n_bytes = 1, .bytes = {0}},
        {.name = "name-wildcard", .of = "request", .offset = BODY + 6, .n_bytes = 1, .bytes = "*"},
        {.name = "name-empty-token",
         .of = "publish",
         .offset = BODY + 3,
         .n_bytes = 2,
         .bytes = ".."},
        {.name = "filter-any", .of = "subscribe", .offset = BODY, .n_bytes = 5, .bytes = "*.*.*"},
        {.name = "group-of-two-words",
         .of = "subscribe-in-group",
         .offset = BODY + 8 + 4 + 20 + 4 + 3,
         .n_bytes = 1,
         .bytes = " "},
        {.name = "ack-of-nothing", .of = "ack", .offset = 12, .n_bytes = 1, .bytes = {0}},
        {.name = "repeated-reply", .of = "reply", .offset = 3, .n_bytes = 1, .bytes = {0x20}},
        {.name = "filter-rest-first", .of = "gap", .offset = BODY, .n_bytes = 2, .bytes = ">."},
        {.name = "hello-name-any",
         .of = "hello",
         .offset = BODY,
         .n_bytes = 2,
         .bytes = "\x1b\xff"},
        {.name = "extensions-beyond", .of = "goaway", .offset = BODY, .n_bytes = 1, .bytes = {29}},
        {.name = "extensions-too-many",
         .of = "goaway",
         .offset = BODY,
         .n_bytes = 2,
         .bytes = {0xff, 0xff}},
        {.name = "extension-unknown",
         .of = "goaway",
         .offset = BODY + 4,
         .n_bytes = 2,
         .bytes = {0xff, 0x7f}},
        {.name = "extension-must-be-understood",
         .of = "goaway",
         .offset = BODY + 4,
         .n_bytes = 2,
         .bytes = {2, 0x80}},
        {.name = "extension-cut", .of = "goaway", .offset = BODY + 6, .n_bytes = 1, .bytes = {22}},
        {.name = "extension-followed",
         .of = "goaway",
         .offset = BODY + 6,
         .n_bytes = 1,
         .bytes = {4}},
        {.name = "queue-too-short",
         .of = "subscribe",
         .offset = BODY + 14,
         .n_bytes = 1,
         .bytes = {8}},
        {.name = "chain-cut",
         .of = "request-on-behalf",
         .offset = BODY + 16 + 6,
         .n_bytes = 1,
         .bytes = {35}},
        {.name = "chain-name-too-long",
         .of = "request-on-behalf",
         .offset = BODY + 16 + 8 + 17,
         .n_bytes = 1,
         .bytes = {33}},
        {.name = "total-missing",
         .of = "request-first-fragment",
         .offset = 28,
         .n_bytes = 1,
         .bytes = {0}},
        {.name = "total-too-small",
         .of = "request-first-fragment",
         .offset = 28,
         .n_bytes = 1,
         .bytes = {8}},
        {.name = "fragment-in-the-middle",
         .of = "request-last-fragment",
         .offset = 3,
         .n_bytes = 1,
         .bytes = {9}},
        {.name = "fragment-at-the-end",
         .of = "request-last-fragment",
         .offset = 28,
         .n_bytes = 4,
         .bytes = {0, 0, 0, 0x40}},
        {.name = "fragment-with-name",
         .of = "request-first-fragment",
         .offset = 3,
         .n_bytes = 1,
         .bytes = {9}},
        {.name = "hello-version-2",
         .of = "hello",
         .offset = BODY + 8,
         .n_bytes = 4,
         .bytes = {2, 0, 3, 0}},
        {.name = "hello-message-size-huge",
         .of = "hello",
         .offset = BODY + 24,
         .n_bytes = 8,
         .bytes = {0xff, 0, 0, 0, 1}},
        {.name = "gap-unknown",
         .of = "gap",
         .offset = BODY + 8,
         .n_bytes = 8,
         .bytes = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}},
        {.name = "gap-nothing", .of = "gap", .offset = BODY + 8, .n_bytes = 1, .bytes = {0}},
        {.name = "end-with-payload",
         .of = "item-of-question",
         .offset = 3,
         .n_bytes = 1,
         .bytes = {0x30}},
        {.name = "end-of-answer", .of = "item", .offset = 3, .n_bytes = 1, .bytes = {0x10}},
        {.name = "one-way-streaming",
         .of = "request-streaming",
         .offset = 3,
         .n_bytes = 1,
         .bytes = {0xd0}},
        {.name = "hello-window-huge",
         .of = "hello",
         .offset = BODY + 56,
         .n_bytes = 8,
         .bytes = {0, 0, 0, 0, 1}},
        {.name = "cut-in-header", .of = "request", .size = 16},
        {.name = "cut-after-header", .of = "request", .size = BODY},
        {.name = "cut-in-name", .of = "request", .size = BODY + 5},
        {.name = "cut-in-extensions-size", .of = "subscribe", .size = BODY + 10},
        {.name = "cut-in-extensions", .of = "subscribe", .size = BODY + 20},
        {.name = "cut-in-payload", .of = "publish", .size = BODY + 10},
};

static int write_seed(const char *directory, const char *name, const uint8_t *bytes, size_t size)
{
        char path[4096];
        FILE *file;
        int r = 0;

        snprintf(path, sizeof(path), "%s/%s", directory, name);
        file = fopen(path, "we");
        if (!file || fwrite(bytes, 1, size, file) != size)
                r = -1;
        if (file && fclose(file) != 0)
                r = -1;
        if (r < 0)
                perror(path);
        return r;
}

static const struct frame_example *find_example(const char *title)
{
        for (size_t i = 0; i < N_FRAME_EXAMPLES; i++) {
                if (strcmp(frame_examples[i].title, title) == 0)
                        return &frame_examples[i];
        }
        abort();
}

static int write_change(const char *directory, const struct change *change)
{
        uint8_t bytes[EXAMPLE_SIZE_MAX];
        size_t size = write_example(find_example(change->of), bytes);

        memcpy(bytes + change->offset, change->bytes, change->n_bytes);
        return write_seed(directory, change->name, bytes, change->size ? change->size : size);
}

int main(int argc, char **argv)
{
        int r = 0;

        if (argc != 2) {
                fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
                return 2;
        }
        for (size_t i = 0; r == 0 && i < N_FRAME_EXAMPLES; i++) {
                uint8_t bytes[EXAMPLE_SIZE_MAX];
                size_t size = write_example(&frame_examples[i], bytes);

                r = write_seed(argv[1], frame_examples[i].title, bytes, size);
        }
        for (size_t i = 0; r == 0 && i < sizeof(changes) / sizeof(*changes); i++)
                r = write_change(argv[1], &changes[i]);
        return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
