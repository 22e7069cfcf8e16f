/* SPDX-License-Identifier: MIT */

/* See pose.h. */

#include "link/pose.h"

#include <string.h>

#include "wire/frame.h"

#define FRAME_MAX (HARK_HEADER_SIZE + HARK_NAME_MAX + 1 + 512)

/* A frame that is being written: header, name, extensions, payload. */
struct frame {
        struct hark_header header;
        uint8_t bytes[FRAME_MAX];
        size_t size;
};

static void begin(struct frame *frame, uint8_t type, const char *name)
{
        size_t size = name ? strlen(name) : 0;

        *frame = (struct frame){.header = {.type = type, .name_size = (uint8_t)size},
                                .size = HARK_HEADER_SIZE + hark_name_padded_size(size)};
        if (size > 0)
                memcpy(frame->bytes + HARK_HEADER_SIZE, name, size);
}

static void add_text(struct frame *frame, const char *text)
{
        struct hark_extension_writer writer;

        hark_extensions_start(&writer, frame->bytes + frame->size);
        hark_extensions_put(&writer, HARK_EXTENSION_ERROR_TEXT, text, strlen(text));
        frame->header.flags |= HARK_FLAG_EXTENSIONS;
        frame->size += hark_extensions_finish(&writer);
}

static int finish(struct frame *frame, struct hark_inbox *inbox)
{
        frame->header.size = (uint32_t)(frame->size - HARK_HEADER_SIZE);
        hark_header_encode(&frame->header, frame->bytes);
        return hark_inbox_put(inbox, 0, frame->bytes, frame->size, true);
}

int hark_pose_hello(struct hark_inbox *inbox, const char *name, size_t message_size)
{
        struct hark_hello hello = {
                .version_min = HARK_WIRE_VERSION,
                .version_max = HARK_WIRE_VERSION,
                .message_size = message_size,
                .received_size = message_size,
                .calls_in_flight = 1024,
                .subscriptions = 1024,
        };
        struct frame frame;

        begin(&frame, HARK_FRAME_HELLO, name);
        hark_hello_encode(&hello, frame.bytes + frame.size);
        frame.size += HARK_HELLO_SIZE;
        return finish(&frame, inbox);
}

int hark_pose_subscribe(struct hark_inbox *inbox, uint32_t id, const char *filter)
{
        struct frame frame;

        begin(&frame, HARK_FRAME_SUBSCRIBE, filter);
        frame.header.id = id;
        return finish(&frame, inbox);
}

int hark_pose_subscribed(struct hark_inbox *inbox, uint32_t id)
{
        struct frame frame;

        begin(&frame, HARK_FRAME_SUBSCRIBED, NULL);
        frame.header.id = id;
        frame.header.priority = HARK_PRIORITIES - 1;
        return finish(&frame, inbox);
}

int hark_pose_pong(struct hark_inbox *inbox, uint32_t id)
{
        struct frame frame;

        begin(&frame, HARK_FRAME_PONG, NULL);
        frame.header.id = id;
        return finish(&frame, inbox);
}

int hark_pose_refusal(struct hark_inbox *inbox, const struct hark_header *asked, const char *name,
                      int status, const char *text)
{
        bool is_subscribe = asked->type == HARK_FRAME_SUBSCRIBE;
        bool is_awaited = is_subscribe || (asked->type == HARK_FRAME_REQUEST &&
                                           !(asked->flags & HARK_FLAG_ONE_WAY));
        struct frame frame;

        begin(&frame, is_subscribe ? HARK_FRAME_SUBSCRIBED : HARK_FRAME_ERROR,
              is_awaited ? NULL : name);
        frame.header.id = asked->id;
        frame.header.status = (uint32_t)status;
        frame.header.priority = asked->priority;
        if (!is_subscribe)
                frame.header.flags |= HARK_FLAG_FROM_LIBRARY;
        add_text(&frame, text);
        return finish(&frame, inbox);
}
