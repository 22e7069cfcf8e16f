/* SPDX-License-Identifier: MIT */

/* See stream_kit.h. */

#include "stream_kit.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

#define PAYLOAD_MAX 2500

/* A message under way, in fragments. */
struct underway {
        struct hark_header header;
        struct sent_message sent;
        uint8_t payload[PAYLOAD_MAX];
        char name[HARK_NAME_MAX];
        size_t offset;
        bool is_active;
};

static const uint8_t types[] = {
        HARK_FRAME_HELLO,   HARK_FRAME_GOAWAY,    HARK_FRAME_PING,        HARK_FRAME_PONG,
        HARK_FRAME_REQUEST, HARK_FRAME_REQUEST,   HARK_FRAME_REQUEST,     HARK_FRAME_REPLY,
        HARK_FRAME_ERROR,   HARK_FRAME_CANCEL,    HARK_FRAME_PUBLISH,     HARK_FRAME_PUBLISH,
        HARK_FRAME_REPLY,   HARK_FRAME_SUBSCRIBE, HARK_FRAME_UNSUBSCRIBE, HARK_FRAME_SUBSCRIBED,
        HARK_FRAME_GAP,
};

/* --- text ------------------------------------------------------------------------------------- */

struct text text_new(void)
{
        return (struct text){.text = calloc(1, 1)};
}

void text_free(struct text *text)
{
        free(text->text);
        text->text = NULL;
}

void text_add(struct text *text, const char *format, ...)
{
        va_list arguments, again;
        int n;

        va_start(arguments, format);
        va_copy(again, arguments);
        n = vsnprintf(NULL, 0, format, arguments);
        text->text = realloc(text->text, text->size + (size_t)n + 1);
        if (!text->text)
                abort();
        vsnprintf(text->text + text->size, (size_t)n + 1, format, again);
        text->size += (size_t)n;
        va_end(again);
        va_end(arguments);
}

/* FNV-1a */
static uint64_t sum(struct hark_span bytes)
{
        uint64_t hash = 0xcbf29ce484222325;

        for (size_t i = 0; i < bytes.size; i++)
                hash = (hash ^ bytes.bytes[i]) * 0x100000001b3;
        return hash;
}

void text_add_begin(struct text *log, const struct hark_header *header, size_t total)
{
        text_add(log, "begin %s #%u of %zu\n", hark_frame_type_name(header->type), header->id,
                 total);
}

void text_add_end(struct text *log, const struct hark_header *header,
                  const struct sent_message *sent)
{
        text_add(log, "end %s #%u", hark_frame_type_name(header->type), header->id);
        if (!sent) {
                text_add(log, " dropped\n");
                return;
        }
        text_add(log, " name=%.*s", (int)sent->name.size, (const char *)sent->name.bytes);
        if (sent->text)
                text_add(log, " text=%s", sent->text);
        text_add(log, " sum=%llx", (unsigned long long)sum(sent->payload));
        for (unsigned i = 0; i < sent->n_fds; i++)
                text_add(log, "%s%u,", i == 0 ? " fds=" : "", sent->fd_tags[i]);
        text_add(log, "\n");
}

/* --- frames ----------------------------------------------------------------------------------- */

static uint8_t *make_room(struct stream *stream, size_t size)
{
        if (stream->size + size > stream->room) {
                stream->room = 2 * (stream->size + size);
                stream->bytes = realloc(stream->bytes, stream->room);
                if (!stream->bytes)
                        abort();
        }
        return stream->bytes + stream->size;
}

/* A piece of a frame, padded. */
static void add_piece(struct stream *stream, const void *bytes, size_t size)
{
        uint8_t *place = make_room(stream, hark_align8(size));

        memset(place, 0, hark_align8(size));
        if (size > 0)
                memcpy(place, bytes, size);
        stream->size += hark_align8(size);
}

static size_t put_text(const char *text, uint8_t bytes[256])
{
        struct hark_extension_writer writer;

        if (!text)
                return 0;
        hark_extensions_start(&writer, bytes);
        hark_extensions_put(&writer, 0x1234, "skipped", 7);
        hark_extensions_put(&writer, HARK_EXTENSION_ERROR_TEXT, text, strlen(text));
        return hark_extensions_finish(&writer);
}

/* The frame with size bytes of payload from where its message has come to. */
static void add_frame(struct stream *stream, struct underway *message, size_t size, uint8_t flags)
{
        struct hark_header header = message->header;
        const struct sent_message *sent = &message->sent;
        uint8_t extensions[256], bytes[HARK_HEADER_SIZE];
        bool is_first = message->offset == 0;
        size_t name_size = is_first ? sent->name.size : 0;
        size_t extensions_size = is_first ? put_text(sent->text, extensions) : 0;

        header.flags |= flags;
        header.size = (uint32_t)(hark_align8(name_size) + extensions_size + size);
        header.name_size = (uint8_t)name_size;
        header.n_fds = is_first ? (uint8_t)sent->n_fds : 0;
        if (extensions_size > 0)
                header.flags |= HARK_FLAG_EXTENSIONS;
        if (flags & HARK_FLAG_CONTINUED)
                header.offset = (uint32_t)message->offset;
        else if (flags & HARK_FLAG_MORE)
                header.offset = (uint32_t)sent->payload.size;
        hark_header_encode(&header, bytes);
        for (unsigned i = 0; i < header.n_fds; i++) {
                stream->fds[stream->n_fds].at = stream->size;
                stream->fds[stream->n_fds++].tag = sent->fd_tags[i];
        }
        add_piece(stream, bytes, sizeof(bytes));
        add_piece(stream, message->name, name_size);
        add_piece(stream, extensions, extensions_size);
        add_piece(stream, message->payload + message->offset, size);
        message->offset += size;
}

static void expect_begin(struct stream *stream, const struct underway *message)
{
        text_add_begin(&stream->expected, &message->header, message->sent.payload.size);
}

static void expect_end(struct stream *stream, const struct underway *message)
{
        bool is_kept = stream_is_kept(&message->header);

        text_add_end(&stream->expected, &message->header, is_kept ? &message->sent : NULL);
}

/* --- random messages -------------------------------------------------------------------------- */

static size_t random_size(struct dice *dice)
{
        switch (dice_below(dice, 5)) {
        case 0:
                return 0;
        case 1:
                return dice_below(dice, PAYLOAD_MAX);
        default:
                return dice_below(dice, 60);
        }
}

static void make_name(struct underway *message, struct dice *dice)
{
        bool is_optional = message->header.type == HARK_FRAME_HELLO ||
                           message->header.type == HARK_FRAME_ERROR;
        size_t size = 1 + dice_below(dice, dice_one_in(dice, 8) ? HARK_NAME_MAX : 20);

        if (is_optional && dice_one_in(dice, 2))
                return;
        for (size_t i = 0; i < size; i++)
                message->name[i] = i % 5 == 4 && i + 1 < size ? '.' : 'a';
        message->sent.name = (struct hark_span){(const uint8_t *)message->name, size};
}

static bool has_name(uint8_t type)
{
        switch (type) {
        case HARK_FRAME_HELLO:
        case HARK_FRAME_REQUEST:
        case HARK_FRAME_ERROR:
        case HARK_FRAME_PUBLISH:
        case HARK_FRAME_SUBSCRIBE:
        case HARK_FRAME_GAP:
        case HARK_FRAME_WITHDRAWN:
                return true;
        default:
                return false;
        }
}

static void make_payload(struct underway *message, struct dice *dice)
{
        size_t size = random_size(dice);

        for (size_t i = 0; i < size; i++)
                message->payload[i] = (uint8_t)dice_below(dice, 256);
        message->sent.payload = (struct hark_span){message->payload, size};
}

static void make_fds(struct stream *stream, struct underway *message, struct dice *dice)
{
        unsigned n = dice_one_in(dice, 5) ? dice_below(dice, 4) : 0;

        if (stream->has_no_fds || stream->n_fds + n > STREAM_FDS_MAX)
                return;
        for (unsigned i = 0; i < n; i++)
                message->sent.fd_tags[i] = stream->n_fds + i + 1;
        message->sent.n_fds = n;
}

static void make_message(struct stream *stream, struct underway *message, struct dice *dice,
                         uint8_t priority)
{
        uint8_t type = types[dice_below(dice, sizeof(types))];

        message->offset = 0;
        message->sent = (struct sent_message){.n_fds = 0};
        message->header = (struct hark_header){
                .type = type,
                .id = ++stream->last_id,
                .priority = priority,
                .encoding = (uint8_t)dice_below(dice, 256),
                .status = type == HARK_FRAME_ERROR || type == HARK_FRAME_GAP ? 12 : 0,
        };
        if (has_name(type))
                make_name(message, dice);
        if (type != HARK_FRAME_HELLO && type != HARK_FRAME_REQUEST && dice_one_in(dice, 4))
                message->sent.text = "not now";
        if (!hark_frame_type_has_payload(type))
                return;
        make_payload(message, dice);
        make_fds(stream, message, dice);
}

static void start_message(struct stream *stream, struct underway *message, struct dice *dice,
                          uint8_t priority)
{
        size_t total;

        make_message(stream, message, dice, priority);
        total = message->sent.payload.size;
        expect_begin(stream, message);
        if (total > 1 && dice_one_in(dice, 2)) {
                add_frame(stream, message, 1 + dice_below(dice, (uint32_t)total - 1),
                          HARK_FLAG_MORE);
                message->is_active = true;
                return;
        }
        add_frame(stream, message, total, 0);
        expect_end(stream, message);
}

static void continue_message(struct stream *stream, struct underway *message, struct dice *dice)
{
        size_t left = message->sent.payload.size - message->offset;
        size_t size = dice_one_in(dice, 3) ? left : 1 + dice_below(dice, (uint32_t)left);

        add_frame(stream, message, size, HARK_FLAG_CONTINUED | (size < left ? HARK_FLAG_MORE : 0));
        if (size < left)
                return;
        expect_end(stream, message);
        message->is_active = false;
}

static void cancel_message(struct stream *stream, struct underway *message)
{
        struct underway cancel = {.header = {.type = HARK_FRAME_CANCEL,
                                             .id = message->header.id,
                                             .priority = message->header.priority}};

        expect_begin(stream, &cancel);
        add_frame(stream, &cancel, 0, 0);
        expect_end(stream, &cancel);
        message->is_active = false;
}

/* One of an unknown type that says it may be ignored; its other fields mean nothing. */
static void add_ignored(struct stream *stream, struct dice *dice)
{
        struct underway ignored = {.header = {.type = 0x80 + 37, .priority = 99, .flags = 0xf0}};

        add_frame(stream, &ignored, dice_below(dice, 100), 0);
}

static void add_random_frame(struct stream *stream, struct underway *messages, struct dice *dice)
{
        uint8_t priority = (uint8_t)dice_below(dice, HARK_PRIORITIES);
        struct underway *message = &messages[priority];

        if (dice_one_in(dice, 12))
                add_ignored(stream, dice);
        else if (!message->is_active)
                start_message(stream, message, dice, priority);
        else if (message->header.type == HARK_FRAME_REQUEST && dice_one_in(dice, 6))
                cancel_message(stream, message);
        else
                continue_message(stream, message, dice);
}

/* --- streams ---------------------------------------------------------------------------------- */

bool stream_is_kept(const struct hark_header *header)
{
        bool may_be_dropped =
                header->type == HARK_FRAME_REQUEST || header->type == HARK_FRAME_PUBLISH;

        return !may_be_dropped || header->id % 4 != 0;
}

struct stream stream_new(void)
{
        return (struct stream){.expected = text_new()};
}

void stream_free(struct stream *stream)
{
        free(stream->bytes);
        text_free(&stream->expected);
}

void stream_add_example(struct stream *stream, const struct frame_example *example)
{
        struct sent_message sent = {.text = example->error_text};
        uint8_t bytes[EXAMPLE_SIZE_MAX], payload[EXAMPLE_SIZE_MAX];

        if (example->name)
                sent.name =
                        (struct hark_span){(const uint8_t *)example->name, strlen(example->name)};
        sent.payload = (struct hark_span){payload, write_example_payload(example, payload)};
        add_piece(stream, bytes, write_example(example, bytes));
        text_add_begin(&stream->expected, &example->header, sent.payload.size);
        text_add_end(&stream->expected, &example->header,
                     stream_is_kept(&example->header) ? &sent : NULL);
}

void stream_add_random(struct stream *stream, struct dice *dice, unsigned n_frames)
{
        struct underway *messages = calloc(HARK_PRIORITIES, sizeof(*messages));

        if (!messages)
                abort();
        for (unsigned i = 0; i < n_frames; i++)
                add_random_frame(stream, messages, dice);
        for (unsigned i = 0; i < HARK_PRIORITIES; i++)
                while (messages[i].is_active)
                        continue_message(stream, &messages[i], dice);
        free(messages);
}
