/* SPDX-License-Identifier: MIT */

/* See cast_sender.h. */

#include "link/cast_sender.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "names/name.h"

struct topic {
        uint64_t last;
        uint8_t name_size;
        char name[HARK_NAME_MAX];
};

struct hark_cast_sender {
        uint64_t instance;
        uint64_t n_tables;
        unsigned n_topics;
        unsigned n_in_table; /* of these, in the one that has been begun */
        uint64_t last_of_rest;
        struct topic *topics[HARK_CAST_REST];
};

struct hark_cast_sender *hark_cast_sender_new(uint64_t instance)
{
        struct hark_cast_sender *sender = calloc(1, sizeof(*sender));

        if (sender)
                sender->instance = instance;
        return sender;
}

void hark_cast_sender_free(struct hark_cast_sender *sender)
{
        if (!sender)
                return;
        for (unsigned i = 0; i < sender->n_topics; i++)
                free(sender->topics[i]);
        free(sender);
}

static unsigned find_topic(const struct hark_cast_sender *sender, const char *name, size_t size)
{
        unsigned i;

        for (i = 0; i < sender->n_topics; i++)
                if (sender->topics[i]->name_size == size &&
                    memcmp(sender->topics[i]->name, name, size) == 0)
                        break;
        return i;
}

/* HARK_CAST_REST: there is no place for it, or no memory. */
static unsigned add_topic(struct hark_cast_sender *sender, const char *name, size_t size)
{
        struct topic *topic = NULL;

        if (sender->n_topics < HARK_CAST_REST)
                topic = calloc(1, sizeof(*topic));
        if (!topic)
                return HARK_CAST_REST;
        topic->name_size = (uint8_t)size;
        memcpy(topic->name, name, size);
        sender->topics[sender->n_topics] = topic;
        return sender->n_topics++;
}

static uint64_t *last_of(struct hark_cast_sender *sender, unsigned i)
{
        return i == HARK_CAST_REST ? &sender->last_of_rest : &sender->topics[i]->last;
}

/* A topic stays where it has once been, or its number would begin anew: so none moves from the
 * rest to a place of its own, unless there was no memory for one. */
static uint64_t count(struct hark_cast_sender *sender, const char *name, size_t size, uint64_t n,
                      uint16_t *ret_topic)
{
        unsigned i = find_topic(sender, name, size);

        if (i == sender->n_topics)
                i = add_topic(sender, name, size);
        *ret_topic = (uint16_t)i;
        return *last_of(sender, i) += n;
}

void hark_cast_sender_skip(struct hark_cast_sender *sender, const char *name, size_t name_size,
                           uint64_t n)
{
        uint16_t topic;

        if (name_size > 0)
                (void)count(sender, name, name_size, n, &topic);
        else
                sender->last_of_rest += n;
}

static uint16_t size_of_piece(size_t frame_size, unsigned piece)
{
        size_t left = frame_size - (size_t)piece * HARK_CAST_PIECE;

        return (uint16_t)(left < HARK_CAST_PIECE ? left : HARK_CAST_PIECE);
}

int hark_cast_sender_begin(struct hark_cast_sender *sender, const char *name, size_t name_size,
                           size_t frame_size, struct hark_cast *ret_cast)
{
        uint16_t topic;
        uint64_t number = count(sender, name, name_size, 1, &topic);

        if (frame_size > HARK_CAST_FRAME)
                return -EMSGSIZE;
        *ret_cast = (struct hark_cast){
                .kind = HARK_CAST_IS_PIECE,
                .size = size_of_piece(frame_size, 0),
                .instance = sender->instance,
                .number = number,
                .n_pieces = (uint16_t)((frame_size + HARK_CAST_PIECE - 1) / HARK_CAST_PIECE),
                .topic = topic,
        };
        return 0;
}

bool hark_cast_next(struct hark_cast *cast, size_t frame_size)
{
        if (cast->piece + 1 >= cast->n_pieces)
                return false;
        cast->piece++;
        cast->size = size_of_piece(frame_size, cast->piece);
        return true;
}

static unsigned n_entries(const struct hark_cast_sender *sender)
{
        return sender->n_in_table + (sender->last_of_rest > 0);
}

static unsigned n_packets(const struct hark_cast_sender *sender)
{
        unsigned n = (n_entries(sender) + HARK_CAST_ENTRIES - 1) / HARK_CAST_ENTRIES;

        return n > 0 ? n : 1;
}

unsigned hark_cast_sender_begin_table(struct hark_cast_sender *sender)
{
        sender->n_tables++;
        sender->n_in_table = sender->n_topics;
        return n_packets(sender);
}

static size_t write_entry(const struct hark_cast_sender *sender, unsigned i, uint8_t *bytes)
{
        const struct topic *topic = i < sender->n_in_table ? sender->topics[i] : NULL;
        uint8_t name_size = topic ? topic->name_size : 0;

        hark_store64(bytes, topic ? topic->last : sender->last_of_rest);
        hark_store16(bytes + 8, (uint16_t)(topic ? i : HARK_CAST_REST));
        bytes[10] = name_size;
        if (topic)
                memcpy(bytes + HARK_CAST_ENTRY, topic->name, name_size);
        return HARK_CAST_ENTRY + name_size;
}

size_t hark_cast_sender_write_table(const struct hark_cast_sender *sender, unsigned nth,
                                    uint8_t flags, uint8_t packet[HARK_CAST_PACKET])
{
        struct hark_cast cast = {.kind = HARK_CAST_IS_TABLE,
                                 .flags = flags,
                                 .instance = sender->instance,
                                 .number = sender->n_tables,
                                 .piece = (uint16_t)nth,
                                 .n_pieces = (uint16_t)n_packets(sender)};
        unsigned first = nth * HARK_CAST_ENTRIES;
        size_t size = 0;

        for (unsigned i = first; i < first + HARK_CAST_ENTRIES && i < n_entries(sender); i++)
                size += write_entry(sender, i, packet + HARK_CAST_HEADER + size);
        cast.size = (uint16_t)size;
        hark_cast_encode(&cast, packet);
        return HARK_CAST_HEADER + size;
}
