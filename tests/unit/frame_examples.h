/* SPDX-License-Identifier: MIT */
#ifndef FRAME_EXAMPLES_H
#define FRAME_EXAMPLES_H

/*
 * One frame of each type, as the library writes it: what the wire must look like for good, the
 * examples of hark-wire(7), and the seeds for fuzzing.
 */

#include <string.h>

#include "base/bytes.h"
#include "wire/chain.h"

#define EXAMPLE_SIZE_MAX 256

struct frame_example {
        const char *title;
        struct hark_header header; /* but for size and name_size, which follow from the rest */
        const char *name;          /* NULL: none */
        const char *error_text;    /* NULL: none */
        const char *payload;       /* NULL: none */
        const struct hark_hello *hello;
        const struct hark_gap *gap;
        const struct hark_queue *queue;
        const char *group; /* NULL: none */
        bool has_origin;
        const char *hex; /* the whole frame */
};

static const struct hark_hello example_hello = {
        .version_min = 1,
        .version_max = 1,
        .instance = 0x0123456789abcdef,
        .message_size = 16 << 20,
        .received_size = 32 << 20,
        .calls_in_flight = 1024,
        .subscriptions = 4096,
        .fds_per_message = 16,
        .pid = 4711,
        .window_size = 1 << 20,
};

static const struct hark_gap example_gap = {.n_lost = 3, .first = 12, .reason = 105};

static const struct hark_queue example_queue = {.max_messages = 100, .max_size = 65536};
static const struct hark_queue example_once = {.flags = HARK_QUEUE_ONCE_ONLY};

static const struct frame_example frame_examples[] = {
        {.title = "hello",
         .header = {.type = HARK_FRAME_HELLO, .priority = 7},
         .name = "clockctl",
         .hello = &example_hello,
         .hex = "c1010100 40000000 00000000 00000000 00000000 00070008 00000000 00000000 "
                "636c6f63 6b63746c 01000100 00000000 efcdab89 67452301 00000001 00000000 "
                "00000002 00000000 00040000 00100000 10000000 67120000 00001000 00000000"},
        {.title = "goaway",
         .header = {.type = HARK_FRAME_GOAWAY, .id = 7, .status = 14},
         .error_text = "closing for the night",
         .hex = "c1010202 20000000 07000000 0e000000 00000000 00000000 00000000 00000000 "
                "19000000 02001500 636c6f73 696e6720 666f7220 74686520 6e696768 74000000"},
        {.title = "ping",
         .header = {.type = HARK_FRAME_PING, .id = 8},
         .hex = "c1010300 00000000 08000000 00000000 00000000 00000000 00000000 00000000"},
        {.title = "pong",
         .header = {.type = HARK_FRAME_PONG, .id = 8},
         .hex = "c1010400 00000000 08000000 00000000 00000000 00000000 00000000 00000000"},
        {.title = "request",
         .header = {.type = HARK_FRAME_REQUEST,
                    .id = 2,
                    .encoding = 5,
                    .time_left_ns = 1000 * 1000 * 1000},
         .name = "clock.Now",
         .payload = "UTC",
         .hex = "c1011000 13000000 02000000 00000000 40420f00 05000009 00000000 00000000 "
                "636c6f63 6b2e4e6f 77000000 00000000 55544300 00000000"},
        {.title = "request-one-way",
         .header = {.type = HARK_FRAME_REQUEST, .flags = HARK_FLAG_ONE_WAY, .id = 3},
         .name = "valve.Open",
         .hex = "c1011010 10000000 03000000 00000000 00000000 0000000a 00000000 00000000 "
                "76616c76 652e4f70 656e0000 00000000"},
        {.title = "request-on-behalf",
         .header = {.type = HARK_FRAME_REQUEST, .flags = HARK_FLAG_CALLER_WAITS, .id = 6},
         .name = "maps.Find",
         .has_origin = true,
         .hex = "c1011022 48000000 06000000 00000000 00000000 00000009 00000000 00000000 "
                "6d617073 2e46696e 64000000 00000000 31000000 05002400 07000000 00000000 "
                "0c000000 00000000 01037465 610d0000 00000000 00000572 6f757465 06000500 "
                "74726163 65000000"},
        {.title = "request-first-fragment",
         .header = {.type = HARK_FRAME_REQUEST, .flags = HARK_FLAG_MORE, .id = 4, .offset = 13},
         .name = "log",
         .payload = "Hello, w",
         .hex = "c1011001 10000000 04000000 00000000 00000000 00000003 00000000 0d000000 "
                "6c6f6700 00000000 48656c6c 6f2c2077"},
        {.title = "request-last-fragment",
         .header = {.type = HARK_FRAME_REQUEST, .flags = HARK_FLAG_CONTINUED, .id = 4, .offset = 8},
         .payload = "orld!",
         .hex = "c1011008 05000000 04000000 00000000 00000000 00000000 00000000 08000000 "
                "6f726c64 21000000"},
        {.title = "reply",
         .header = {.type = HARK_FRAME_REPLY, .id = 2, .encoding = 5},
         .payload = "12:00",
         .hex = "c1011100 05000000 02000000 00000000 00000000 05000000 00000000 00000000 "
                "31323a30 30000000"},
        {.title = "error",
         .header =
                 {.type = HARK_FRAME_ERROR, .flags = HARK_FLAG_FROM_LIBRARY, .id = 3, .status = 12},
         .name = "valve.Open",
         .error_text = "no such method",
         .hex = "c1011212 28000000 03000000 0c000000 00000000 0000000a 00000000 00000000 "
                "76616c76 652e4f70 656e0000 00000000 12000000 02000e00 6e6f2073 75636820 "
                "6d657468 6f640000"},
        {.title = "cancel",
         .header = {.type = HARK_FRAME_CANCEL, .id = 2},
         .hex = "c1011300 00000000 02000000 00000000 00000000 00000000 00000000 00000000"},
        {.title = "request-streaming",
         .header = {.type = HARK_FRAME_REQUEST,
                    .flags = HARK_FLAG_OBSERVES | HARK_FLAG_FEEDS,
                    .id = 6},
         .name = "log",
         .hex = "c10110c0 08000000 06000000 00000000 00000000 00000003 00000000 00000000 "
                "6c6f6700 00000000"},
        {.title = "item",
         .header = {.type = HARK_FRAME_ITEM, .id = 6, .encoding = 5},
         .payload = "one",
         .hex = "c1011400 03000000 06000000 00000000 00000000 05000000 00000000 00000000 "
                "6f6e6500 00000000"},
        {.title = "item-of-question",
         .header = {.type = HARK_FRAME_ITEM, .flags = HARK_FLAG_FEED, .id = 6, .encoding = 5},
         .payload = "two",
         .hex = "c1011420 03000000 06000000 00000000 00000000 05000000 00000000 00000000 "
                "74776f00 00000000"},
        {.title = "item-end-of-question",
         .header = {.type = HARK_FRAME_ITEM, .flags = HARK_FLAG_FEED | HARK_FLAG_END, .id = 6},
         .hex = "c1011430 00000000 06000000 00000000 00000000 00000000 00000000 00000000"},
        {.title = "credit",
         .header = {.type = HARK_FRAME_CREDIT, .id = 6, .status = 524288},
         .hex = "c1010500 00000000 06000000 00000800 00000000 00000000 00000000 00000000"},
        {.title = "credit-for-question",
         .header = {.type = HARK_FRAME_CREDIT, .flags = HARK_FLAG_FEED, .id = 6, .status = 524288},
         .hex = "c1010520 00000000 06000000 00000800 00000000 00000000 00000000 00000000"},
        {.title = "subscribe",
         .header = {.type = HARK_FRAME_SUBSCRIBE, .id = 5},
         .name = "load.>",
         .queue = &example_queue,
         .hex = "c1012102 20000000 05000000 00000000 00000000 00000006 00000000 00000000 "
                "6c6f6164 2e3e0000 14000000 03001000 64000000 00000000 00000100 00000000"},
        {.title = "subscribe-in-group",
         .header = {.type = HARK_FRAME_SUBSCRIBE, .id = 6},
         .name = "jobs.>",
         .queue = &example_once,
         .group = "workers",
         .hex = "c1012102 30000000 06000000 00000000 00000000 00000006 00000000 00000000 "
                "6a6f6273 2e3e0000 1f000000 03001000 00000000 00020000 00000000 00000000 "
                "04800700 776f726b 65727300 00000000"},
        {.title = "subscribed",
         .header = {.type = HARK_FRAME_SUBSCRIBED, .id = 5},
         .hex = "c1012300 00000000 05000000 00000000 00000000 00000000 00000000 00000000"},
        {.title = "subscribed-refused",
         .header = {.type = HARK_FRAME_SUBSCRIBED, .id = 5, .status = 7},
         .error_text = "not for you",
         .hex = "c1012302 18000000 05000000 07000000 00000000 00000000 00000000 00000000 "
                "0f000000 02000b00 6e6f7420 666f7220 796f7500 00000000"},
        {.title = "publish",
         .header =
                 {.type = HARK_FRAME_PUBLISH, .id = 9, .status = 5, .encoding = 3, .sequence = 11},
         .name = "load.one",
         .payload = "[0.25]",
         .hex = "c1012000 0e000000 09000000 05000000 00000000 03000008 0b000000 00000000 "
                "6c6f6164 2e6f6e65 5b302e32 355d0000"},
        {.title = "publish-repeated",
         .header = {.type = HARK_FRAME_PUBLISH,
                    .flags = HARK_FLAG_REPEATED,
                    .id = 10,
                    .status = 6,
                    .encoding = 5,
                    .sequence = 2},
         .name = "jobs.print",
         .payload = "page 7",
         .hex = "c1012020 16000000 0a000000 06000000 00000000 0500000a 02000000 00000000 "
                "6a6f6273 2e707269 6e740000 00000000 70616765 20370000"},
        {.title = "ack",
         .header = {.type = HARK_FRAME_ACK, .status = 6, .sequence = 2},
         .hex = "c1010600 00000000 00000000 06000000 00000000 00000000 02000000 00000000"},
        {.title = "gap",
         .header = {.type = HARK_FRAME_GAP, .status = 5},
         .name = "load.>",
         .gap = &example_gap,
         .hex = "c1012400 20000000 00000000 05000000 00000000 00000006 00000000 00000000 "
                "6c6f6164 2e3e0000 03000000 00000000 0c000000 00000000 69000000 00000000"},
        {.title = "withdrawn",
         .header = {.type = HARK_FRAME_WITHDRAWN, .id = 11, .status = 5, .sequence = 12},
         .name = "load.one",
         .hex = "c1012500 08000000 0b000000 05000000 00000000 00000008 0c000000 00000000 "
                "6c6f6164 2e6f6e65"},
        {.title = "unsubscribe",
         .header = {.type = HARK_FRAME_UNSUBSCRIBE, .id = 5},
         .hex = "c1012200 00000000 05000000 00000000 00000000 00000000 00000000 00000000"},
};

#define N_FRAME_EXAMPLES (sizeof(frame_examples) / sizeof(*frame_examples))

static inline void write_example_origin(struct hark_extension_writer *writer)
{
        struct hark_hop waiting = {12, true, {(const uint8_t *)"tea", 3}};
        struct hark_hop asking = {13, false, {(const uint8_t *)"route", 5}};
        struct hark_chain chain;

        hark_chain_begin(&chain, 7);
        hark_chain_add(&chain, &waiting);
        hark_chain_add(&chain, &asking);
        hark_extensions_put(writer, HARK_EXTENSION_CHAIN, chain.bytes, chain.size);
        hark_extensions_put(writer, HARK_EXTENSION_TRACE, "trace", 5);
}

static inline size_t write_example_extensions(const struct frame_example *example, uint8_t *bytes)
{
        struct hark_extension_writer writer;
        uint8_t queue[HARK_QUEUE_SIZE];

        if (!example->error_text && !example->queue && !example->group && !example->has_origin)
                return 0;
        hark_extensions_start(&writer, bytes);
        if (example->error_text)
                hark_extensions_put(&writer, HARK_EXTENSION_ERROR_TEXT, example->error_text,
                                    strlen(example->error_text));
        if (example->queue) {
                hark_queue_encode(example->queue, queue);
                hark_extensions_put(&writer, HARK_EXTENSION_QUEUE, queue, sizeof(queue));
        }
        if (example->group)
                hark_extensions_put(&writer, HARK_EXTENSION_GROUP, example->group,
                                    strlen(example->group));
        if (example->has_origin)
                write_example_origin(&writer);
        return hark_extensions_finish(&writer);
}

static inline size_t write_example_payload(const struct frame_example *example, uint8_t *bytes)
{
        if (example->hello) {
                hark_hello_encode(example->hello, bytes);
                return HARK_HELLO_SIZE;
        }
        if (example->gap) {
                hark_gap_encode(example->gap, bytes);
                return HARK_GAP_SIZE;
        }
        if (!example->payload)
                return 0;
        memcpy(bytes, example->payload, strlen(example->payload));
        return strlen(example->payload);
}

/* Writes the frame with its padding; returns its size. */
static inline size_t write_example(const struct frame_example *example,
                                   uint8_t bytes[EXAMPLE_SIZE_MAX])
{
        struct hark_header header = example->header;
        size_t name_size = example->name ? strlen(example->name) : 0;
        size_t size = HARK_HEADER_SIZE, extensions_size;

        memset(bytes, 0, EXAMPLE_SIZE_MAX);
        if (name_size > 0)
                memcpy(bytes + size, example->name, name_size);
        size += hark_name_padded_size(name_size);
        extensions_size = write_example_extensions(example, bytes + size);
        size += extensions_size;
        size += write_example_payload(example, bytes + size);

        header.name_size = (uint8_t)name_size;
        header.size = (uint32_t)(size - HARK_HEADER_SIZE);
        if (extensions_size > 0)
                header.flags |= HARK_FLAG_EXTENSIONS;
        hark_header_encode(&header, bytes);
        return hark_align8(size);
}

#endif
