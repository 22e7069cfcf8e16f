/* SPDX-License-Identifier: MIT */

/* See frame_text.h. */

#include "frame_text.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "wire/chain.h"

#define QUOTED_MAX 40 /* a longer payload is written as its size */

/* A line taken apart. */
struct words {
        uint64_t id, status, to, priority, encoding, sequence, total, at, us, fds, size;
        uint64_t messages, bytes, policy, wishes;                      /* subscribe */
        uint64_t lost, first, reason;                                  /* gap */
        uint64_t takes, keeps, calls, subscriptions, passes, instance; /* hello */
        uint64_t window;                                               /* hello */
        uint8_t type, flags;
        struct hark_span name, text, trace, chain, group, payload;
        bool has_text;
};

struct key {
        const char *text;
        size_t offset;
};

#define KEY(name)                                   \
        {                                           \
#name, offsetof(struct words, name) \
        }

static const struct key keys[] = {
        KEY(status),   KEY(to),     KEY(priority), KEY(encoding), KEY(sequence),
        KEY(total),    KEY(at),     KEY(us),       KEY(fds),      KEY(size),
        KEY(messages), KEY(bytes),  KEY(lost),     KEY(first),    KEY(reason),
        KEY(takes),    KEY(keeps),  KEY(calls),    KEY(passes),   KEY(subscriptions),
        KEY(instance), KEY(policy), KEY(wishes),   KEY(window),
};

#define TO_SERVER 0xff

struct flag {
        const char *text;
        uint8_t type; /* 0: any; of a publish to a server TO_SERVER */
        uint8_t flag;
};

static const struct flag flags[] = {
        {"more", 0, HARK_FLAG_MORE},
        {"continued", 0, HARK_FLAG_CONTINUED},
        {"one-way", HARK_FRAME_REQUEST, HARK_FLAG_ONE_WAY},
        {"waits", HARK_FRAME_REQUEST, HARK_FLAG_CALLER_WAITS},
        {"from-library", HARK_FRAME_ERROR, HARK_FLAG_FROM_LIBRARY},
        {"repeated", HARK_FRAME_PUBLISH, HARK_FLAG_REPEATED},
        {"retained", HARK_FRAME_PUBLISH, HARK_FLAG_RETAINED},
        {"kept", HARK_FRAME_PUBLISH, HARK_FLAG_KEPT},
        {"retain", TO_SERVER, HARK_FLAG_RETAIN},
        {"live", TO_SERVER, HARK_FLAG_LIVE},
        {"observes", HARK_FRAME_REQUEST, HARK_FLAG_OBSERVES},
        {"feeds", HARK_FRAME_REQUEST, HARK_FLAG_FEEDS},
        {"end", HARK_FRAME_ITEM, HARK_FLAG_END},
        {"feed", HARK_FRAME_ITEM, HARK_FLAG_FEED},
        {"feed", HARK_FRAME_CREDIT, HARK_FLAG_FEED},
};

#define N_OF(array) (sizeof(array) / sizeof(*(array)))

static uint64_t *field_of(struct words *words, const struct key *key)
{
        return (uint64_t *)(void *)((char *)words + key->offset);
}

/* --- reading a line --------------------------------------------------------------------------- */

static bool take_type(struct words *words, const char *word, size_t size)
{
        for (unsigned type = 1; type < UINT8_MAX; type++) {
                const char *name = hark_frame_type_name((uint8_t)type);

                if (!hark_frame_type_is_known((uint8_t)type) || strlen(name) != size ||
                    memcmp(name, word, size) != 0)
                        continue;
                words->type = (uint8_t)type;
                return true;
        }
        return false;
}

static bool take_flag(struct words *words, const char *word, size_t size)
{
        for (size_t i = 0; i < N_OF(flags); i++) {
                if (strlen(flags[i].text) != size || memcmp(flags[i].text, word, size) != 0)
                        continue;
                words->flags |= flags[i].flag;
                return true;
        }
        return false;
}

static bool take_number(struct words *words, const char *word, size_t size)
{
        const char *equals = memchr(word, '=', size);

        for (size_t i = 0; equals && i < N_OF(keys); i++) {
                size_t key_size = (size_t)(equals - word);

                if (strlen(keys[i].text) != key_size || memcmp(keys[i].text, word, key_size) != 0)
                        continue;
                *field_of(words, &keys[i]) = strtoull(equals + 1, NULL, 10);
                return true;
        }
        return false;
}

/* Returns behind the closing quote; NULL: there is none. */
static const char *take_quoted(struct hark_span *span, const char *quote)
{
        const char *end = strchr(quote + 1, '"');

        if (end)
                *span = (struct hark_span){(const uint8_t *)quote + 1, (size_t)(end - quote - 1)};
        return end ? end + 1 : NULL;
}

static bool take_plain(struct words *words, const char *word, size_t size)
{
        if (words->type == 0)
                return take_type(words, word, size);
        if (*word == '#') {
                words->id = strtoull(word + 1, NULL, 10);
                return true;
        }
        if (take_flag(words, word, size) || take_number(words, word, size))
                return true;
        if (words->name.size > 0 || memchr(word, '=', size))
                return false;
        words->name = (struct hark_span){(const uint8_t *)word, size};
        return true;
}

/* Returns behind the word; NULL: it is malformed. */
static const char *take_word(struct words *words, const char *word)
{
        static const char text[] = "text=\"", trace[] = "trace=\"", chain[] = "chain=\"",
                          group[] = "group=\"";
        size_t size = strcspn(word, " ");

        if (*word == '"')
                return take_quoted(&words->payload, word);
        if (strncmp(word, trace, strlen(trace)) == 0)
                return take_quoted(&words->trace, word + strlen(trace) - 1);
        if (strncmp(word, chain, strlen(chain)) == 0)
                return take_quoted(&words->chain, word + strlen(chain) - 1);
        if (strncmp(word, text, strlen(text)) == 0) {
                words->has_text = true;
                return take_quoted(&words->text, word + strlen(text) - 1);
        }
        if (strncmp(word, group, strlen(group)) == 0)
                return take_quoted(&words->group, word + strlen(group) - 1);
        return take_plain(words, word, size) ? word + size : NULL;
}

static bool parse_line(struct words *words, const char *line)
{
        *words = (struct words){.id = 0};
        while (line && *(line += strspn(line, " ")))
                line = take_word(words, line);
        return line && words->type != 0;
}

/* --- writing a frame -------------------------------------------------------------------------- */

static uint64_t or_default(uint64_t given, uint64_t fallback)
{
        return given > 0 ? given : fallback;
}

static size_t put_hello(const struct words *words, uint8_t *bytes)
{
        struct hark_hello hello = {
                .version_min = 1,
                .version_max = 1,
                .instance = or_default(words->instance, 1),
                .message_size = or_default(words->takes, 16 << 20),
                .received_size = or_default(words->keeps, 32 << 20),
                .calls_in_flight = (uint32_t)or_default(words->calls, 1024),
                .subscriptions = (uint32_t)or_default(words->subscriptions, 4096),
                .fds_per_message = (uint32_t)or_default(words->passes, 16),
                .window_size = or_default(words->window, 1 << 20),
        };

        hark_hello_encode(&hello, bytes);
        return HARK_HELLO_SIZE;
}

static size_t put_gap(const struct words *words, uint8_t *bytes)
{
        struct hark_gap gap = {
                .n_lost = words->lost, .first = words->first, .reason = (uint32_t)words->reason};

        hark_gap_encode(&gap, bytes);
        return HARK_GAP_SIZE;
}

static size_t put_payload(const struct words *words, uint8_t *bytes)
{
        if (words->payload.bytes) {
                memcpy(bytes, words->payload.bytes, words->payload.size);
                return words->payload.size;
        }
        if (words->type == HARK_FRAME_HELLO)
                return put_hello(words, bytes);
        if (words->type == HARK_FRAME_GAP && words->lost > 0)
                return put_gap(words, bytes);
        for (size_t i = 0; i < words->size; i++)
                bytes[i] = frame_text_byte(words->at + i);
        return words->size;
}

/* "NUMBER INSTANCE!NAME INSTANCE-NAME": of those with a ! it is said that they wait. */
static void read_chain(struct hark_span text, struct hark_chain *chain)
{
        const char *end = (const char *)text.bytes + text.size;
        char *cursor;

        hark_chain_begin(chain, strtoull((const char *)text.bytes, &cursor, 10));
        while (cursor < end) {
                uint64_t instance = strtoull(cursor, &cursor, 10);
                size_t size = strcspn(cursor + 1, " \"");
                struct hark_hop hop = {instance, *cursor == '!', {(uint8_t *)cursor + 1, size}};

                hark_chain_add(chain, &hop);
                cursor += 1 + size;
        }
}

static void put_origin(struct hark_extension_writer *writer, const struct words *words)
{
        struct hark_chain chain;

        if (words->chain.size > 0) {
                read_chain(words->chain, &chain);
                hark_extensions_put(writer, HARK_EXTENSION_CHAIN, chain.bytes, chain.size);
        }
        if (words->trace.size > 0)
                hark_extensions_put(writer, HARK_EXTENSION_TRACE, words->trace.bytes,
                                    words->trace.size);
}

static bool has_queue(const struct words *words)
{
        return words->messages > 0 || words->bytes > 0 || words->policy > 0 || words->wishes > 0;
}

static void put_queue(const struct words *words, struct hark_extension_writer *writer)
{
        struct hark_queue queue = {
                .max_messages = (uint32_t)words->messages,
                .policy = (uint8_t)words->policy,
                .flags = (uint8_t)words->wishes,
                .max_size = words->bytes,
        };
        uint8_t bytes[HARK_QUEUE_SIZE];

        hark_queue_encode(&queue, bytes);
        hark_extensions_put(writer, HARK_EXTENSION_QUEUE, bytes, sizeof(bytes));
}

static size_t put_extensions(const struct words *words, uint8_t *bytes)
{
        struct hark_extension_writer writer;

        if (!words->has_text && !has_queue(words) && words->chain.size == 0 &&
            words->trace.size == 0 && !words->group.bytes)
                return 0;
        hark_extensions_start(&writer, bytes);
        if (words->has_text)
                hark_extensions_put(&writer, HARK_EXTENSION_ERROR_TEXT, words->text.bytes,
                                    words->text.size);
        if (has_queue(words))
                put_queue(words, &writer);
        if (words->group.bytes)
                hark_extensions_put(&writer, HARK_EXTENSION_GROUP, words->group.bytes,
                                    words->group.size);
        put_origin(&writer, words);
        return hark_extensions_finish(&writer);
}

static void put_header(const struct words *words, size_t size, bool has_extensions, uint8_t *bytes)
{
        struct hark_header header = {
                .type = words->type,
                .flags = words->flags | (has_extensions ? HARK_FLAG_EXTENSIONS : 0),
                .encoding = (uint8_t)words->encoding,
                .priority = (uint8_t)words->priority,
                .n_fds = (uint8_t)words->fds,
                .name_size = (uint8_t)words->name.size,
                .size = (uint32_t)size,
                .id = (uint32_t)words->id,
                .status = (uint32_t)(words->status | words->to),
                .sequence = (uint32_t)words->sequence,
                .offset = (uint32_t)(words->total | words->at),
                .time_left_ns = words->us * 1000,
        };

        hark_header_encode(&header, bytes);
}

size_t frame_from_text(const char *line, uint8_t *bytes, size_t room)
{
        size_t size = HARK_HEADER_SIZE, extensions_size, payload_size;
        struct words words;

        if (!parse_line(&words, line) || words.name.size > HARK_NAME_MAX ||
            room < HARK_HEADER_SIZE + HARK_NAME_MAX + 1 + HARK_EXTENSIONS_MAX + words.size +
                            words.payload.size + HARK_HELLO_SIZE + 8)
                return 0;
        if (words.name.size > 0) {
                memset(bytes + size, 0, hark_align8(words.name.size));
                memcpy(bytes + size, words.name.bytes, words.name.size);
        }
        size += hark_align8(words.name.size);
        extensions_size = put_extensions(&words, bytes + size);
        size += extensions_size;
        payload_size = put_payload(&words, bytes + size);
        memset(bytes + size + payload_size, 0, hark_align8(payload_size) - payload_size);
        put_header(&words, size - HARK_HEADER_SIZE + payload_size, extensions_size > 0, bytes);
        return size + hark_align8(payload_size);
}

/* --- writing a line --------------------------------------------------------------------------- */

struct line {
        char *text;
        size_t size;
};

static void add_word(struct line *line, const char *format, ...)
        __attribute__((format(printf, 2, 3)));

static void add_word(struct line *line, const char *format, ...)
{
        va_list arguments;

        va_start(arguments, format);
        line->size += (size_t)vsnprintf(line->text + line->size, FRAME_LINE_SIZE - line->size,
                                        format, arguments);
        va_end(arguments);
        if (line->size >= FRAME_LINE_SIZE)
                line->size = FRAME_LINE_SIZE - 1;
}

static void add_span(struct line *line, const char *before, struct hark_span span)
{
        add_word(line, "%s\"%.*s\"", before, (int)span.size, (const char *)span.bytes);
}

static void fill_words(struct words *words, const struct hark_header *header,
                       const struct hark_frame *frame)
{
        bool has_to = header->type == HARK_FRAME_PUBLISH || header->type == HARK_FRAME_GAP ||
                      header->type == HARK_FRAME_ACK || header->type == HARK_FRAME_WITHDRAWN;
        struct hark_queue queue;

        *words = (struct words){
                .status = has_to ? 0 : header->status,
                .to = has_to ? header->status : 0,
                .priority = header->priority,
                .encoding = header->encoding,
                .sequence = header->sequence,
                .total = header->flags & HARK_FLAG_CONTINUED ? 0 : header->offset,
                .at = header->flags & HARK_FLAG_CONTINUED ? header->offset : 0,
                .fds = header->n_fds,
        };
        if (frame->payload.size > QUOTED_MAX && header->type != HARK_FRAME_HELLO)
                words->size = frame->payload.size;
        hark_queue_find(frame->extensions, &queue);
        words->messages = queue.max_messages;
        words->bytes = queue.max_size;
        words->policy = queue.policy;
        words->wishes = queue.flags;
}

static void fill_gap(struct words *words, struct hark_span payload)
{
        struct hark_gap gap;
        const char *why;

        if (hark_gap_decode(payload, &gap, &why) < 0)
                return;
        words->lost = gap.n_lost;
        words->first = gap.first;
        words->reason = gap.reason;
}

static void add_numbers(struct line *line, struct words *words)
{
        for (size_t i = 0; i < N_OF(keys); i++)
                if (*field_of(words, &keys[i]) > 0)
                        add_word(line, " %s=%llu", keys[i].text,
                                 (unsigned long long)*field_of(words, &keys[i]));
}

static void add_flags(struct line *line, const struct hark_header *header)
{
        bool is_to_server = header->type == HARK_FRAME_PUBLISH && header->status == 0;
        uint8_t type = is_to_server ? TO_SERVER : header->type;

        for (size_t i = 0; i < N_OF(flags); i++)
                if ((header->flags & flags[i].flag) != 0 &&
                    (flags[i].type == 0 || flags[i].type == type))
                        add_word(line, " %s", flags[i].text);
        if (header->time_left_ns > 0)
                add_word(line, " timed");
}

/* Without its number and the instances, which are random. */
static void add_chain(struct line *line, struct hark_span chain)
{
        struct hark_span hops = hark_chain_hops(chain);
        const char *before = "";
        struct hark_hop hop;

        add_word(line, " chain=\"");
        while (hark_chain_next(&hops, &hop)) {
                add_word(line, "%s%c%.*s", before, hop.waits ? '!' : '-', (int)hop.name.size,
                         (const char *)hop.name.bytes);
                before = " ";
        }
        add_word(line, "\"");
}

static void add_extensions(struct line *line, struct hark_span extensions)
{
        struct hark_span value;

        if (hark_extension_find(extensions, HARK_EXTENSION_ERROR_TEXT, &value))
                add_span(line, " text=", value);
        if (hark_extension_find(extensions, HARK_EXTENSION_CHAIN, &value))
                add_chain(line, value);
        if (hark_extension_find(extensions, HARK_EXTENSION_TRACE, &value))
                add_span(line, " trace=", value);
        if (hark_extension_find(extensions, HARK_EXTENSION_GROUP, &value))
                add_span(line, " group=", value);
}

const char *frame_to_text(const uint8_t *bytes, char text[FRAME_LINE_SIZE])
{
        struct line line = {.text = text};
        struct hark_frame frame = {0};
        struct hark_header header;
        struct words words;
        const char *why;

        if (hark_header_decode(bytes, &header, &why) < 0 ||
            hark_frame_split(&header, bytes + HARK_HEADER_SIZE, header.size, &frame, &why) < 0) {
                add_word(&line, "malformed: %s", why);
                return text;
        }
        fill_words(&words, &header, &frame);
        add_word(&line, "%s", hark_frame_type_name(header.type));
        if (header.type == HARK_FRAME_GAP)
                fill_gap(&words, frame.payload);
        if (header.id > 0)
                add_word(&line, " #%u", header.id);
        add_numbers(&line, &words);
        add_flags(&line, &header);
        if (frame.name.size > 0)
                add_word(&line, " %.*s", (int)frame.name.size, (const char *)frame.name.bytes);
        add_extensions(&line, frame.extensions);
        if (frame.payload.size > 0 && frame.payload.size <= QUOTED_MAX &&
            header.type != HARK_FRAME_HELLO && header.type != HARK_FRAME_GAP)
                add_span(&line, " ", frame.payload);
        return text;
}

uint8_t frame_text_byte(size_t index)
{
        return (uint8_t)('a' + index % 26);
}
