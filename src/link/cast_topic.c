/* SPDX-License-Identifier: MIT */

/* See cast_topic.h. */

#include "link/cast_topic.h"

#include <stdlib.h>
#include <string.h>

#include "wire/frame.h"

struct held {
        struct hark_list link;
        uint64_t number;
        uint64_t since_ns;
        uint64_t pieces; /* which have come, a bit for each */
        unsigned n_pieces;
        size_t frame_size; /* 0: the last piece, which shows it, has not come */
        size_t room;       /* of bytes */
        uint8_t bytes[];
};

static struct held *held_of(struct hark_list *link)
{
        return hark_container_of(link, struct held, link);
}

static bool is_whole(const struct held *held)
{
        uint64_t all = UINT64_MAX >> (HARK_CAST_PIECES - held->n_pieces);

        return held->pieces == all;
}

static void drop(struct held *held, struct hark_cast_sink *sink)
{
        hark_list_remove(&held->link);
        sink->n_held -= held->room;
        free(held);
}

struct hark_cast_topic *hark_cast_topic_new(bool is_rest)
{
        struct hark_cast_topic *topic = calloc(1, sizeof(*topic));

        if (!topic)
                return NULL;
        hark_list_init(&topic->held);
        topic->is_rest = is_rest;
        return topic;
}

void hark_cast_topic_free(struct hark_cast_topic *topic, struct hark_cast_sink *sink)
{
        hark_list_for_each (link, &topic->held)
                drop(held_of(link), sink);
        free(topic);
}

/* The first that is held of this number or a later one; the list's head: none. */
static struct hark_list *seek(struct hark_cast_topic *topic, uint64_t number)
{
        struct hark_list *link = topic->held.next;

        while (link != &topic->held && held_of(link)->number < number)
                link = link->next;
        return link;
}

/* NULL: no room, no memory. */
static struct held *hold(struct hark_list *position, struct hark_cast_sink *sink,
                         const struct hark_cast *cast, uint64_t now_ns)
{
        size_t room = (size_t)cast->n_pieces * HARK_CAST_PIECE;
        struct held *held;

        if (room > HARK_CAST_HELD - sink->n_held)
                return NULL;
        held = malloc(sizeof(*held) + room);
        if (!held)
                return NULL;
        *held = (struct held){.number = cast->number,
                              .since_ns = now_ns,
                              .n_pieces = cast->n_pieces,
                              .room = room};
        hark_list_insert_before(position, &held->link);
        sink->n_held += room;
        return held;
}

void hark_cast_topic_put(struct hark_cast_topic *topic, struct hark_cast_sink *sink,
                         const struct hark_cast *cast, const uint8_t *bytes, uint64_t now_ns)
{
        struct hark_list *link = seek(topic, cast->number);
        struct held *held = link == &topic->held ? NULL : held_of(link);
        uint64_t bit = 1ull << cast->piece;
        size_t offset = (size_t)cast->piece * HARK_CAST_PIECE;

        if (!held || held->number != cast->number)
                held = hold(link, sink, cast, now_ns);
        if (!held || held->n_pieces != cast->n_pieces || (held->pieces & bit))
                return;
        memcpy(held->bytes + offset, bytes, cast->size);
        held->pieces |= bit;
        if (cast->piece + 1 == cast->n_pieces)
                held->frame_size = offset + cast->size;
}

bool hark_cast_topic_name(struct hark_cast_topic *topic, const char *name, size_t size)
{
        if (topic->is_rest)
                return size == 0;
        if (topic->name_size > 0)
                return topic->name_size == size && memcmp(topic->name, name, size) == 0;
        if (size == 0 || !hark_name_is_valid(name, size))
                return false;
        topic->name_size = (uint8_t)size;
        memcpy(topic->name, name, size);
        return true;
}

void hark_cast_topic_expect(struct hark_cast_topic *topic, uint64_t last, uint64_t now_ns)
{
        if (last <= topic->last)
                return;
        topic->last = last;
        topic->last_ns = now_ns;
}

/* Whether it is one frame that says something of one topic, and nothing else. */
static bool read_frame(const struct held *held, struct hark_span *ret_name)
{
        struct hark_header header;
        struct hark_frame frame;
        const uint8_t *body = held->bytes + HARK_HEADER_SIZE;
        const char *why;

        if (held->frame_size < HARK_HEADER_SIZE ||
            hark_header_decode(held->bytes, &header, &why) < 0 ||
            !hark_frame_type_publishes(header.type) || header.n_fds > 0 || header.name_size == 0 ||
            (header.flags & (HARK_FLAG_MORE | HARK_FLAG_CONTINUED)) ||
            header.size != held->frame_size - HARK_HEADER_SIZE ||
            hark_frame_split(&header, body, header.size, &frame, &why) < 0)
                return false;
        *ret_name = frame.name;
        return true;
}

/* What is held as next is whole. What turns out to be no notification of this topic is dropped, and
 * missed from then on. */
static void tell_next(struct hark_cast_topic *topic, struct hark_cast_sink *sink)
{
        struct held *held = held_of(topic->held.next);
        struct hark_span name;

        if (read_frame(held, &name) &&
            (topic->is_rest || hark_cast_topic_name(topic, (const char *)name.bytes, name.size))) {
                topic->next = held->number + 1;
                sink->tell(sink->userdata, &(struct hark_cast_told){
                                                   .name = (const char *)name.bytes,
                                                   .name_size = name.size,
                                                   .frame = held->bytes,
                                                   .frame_size = held->frame_size,
                                           });
        }
        drop(held, sink);
}

/* The name of a topic that has not been told of and is in no table yet may lie in what waits. What
 * has no name goes, or it would wait for ever. */
static void learn_name(struct hark_cast_topic *topic, struct hark_cast_sink *sink)
{
        struct hark_span name;

        hark_list_for_each (link, &topic->held) {
                struct held *held = held_of(link);

                if (topic->name_size > 0 || !is_whole(held))
                        continue;
                if (read_frame(held, &name))
                        (void)hark_cast_topic_name(topic, (const char *)name.bytes, name.size);
                else
                        drop(held, sink);
        }
}

static void tell_gap(struct hark_cast_topic *topic, struct hark_cast_sink *sink, uint64_t end)
{
        struct hark_cast_told gap = {.name = topic->name,
                                     .name_size = topic->name_size,
                                     .first = topic->next,
                                     .n_lost = end - topic->next};

        if (topic->is_rest)
                gap.n_lost = UINT64_MAX; /* who knows of which */
        topic->next = end;
        sink->tell(sink->userdata, &gap);
}

static bool is_lost(const struct held *held, const struct hark_cast_topic *topic, uint64_t now_ns)
{
        return !is_whole(held) &&
               (held->number == topic->next || now_ns >= held->since_ns + HARK_CAST_GRACE_NS);
}

/* Drops what did not become whole in time, and tells all that as lost. */
static void lose(struct hark_cast_topic *topic, struct hark_cast_sink *sink, uint64_t now_ns)
{
        struct hark_list *first;

        learn_name(topic, sink);
        while ((first = hark_list_first(&topic->held)) && is_lost(held_of(first), topic, now_ns))
                drop(held_of(first), sink);
        if (!topic->is_rest && topic->name_size == 0)
                return; /* nobody could be told; a table will say */
        tell_gap(topic, sink, first ? held_of(first)->number : topic->last + 1);
}

static bool has_next(struct hark_cast_topic *topic)
{
        struct hark_list *first = hark_list_first(&topic->held);

        return first && held_of(first)->number == topic->next && is_whole(held_of(first));
}

/* Next is missed since what comes after it has been seen; each hole has its own time, so that many
 * do not add up. */
static uint64_t find_overdue(struct hark_cast_topic *topic)
{
        struct hark_list *first = hark_list_first(&topic->held);

        if (topic->next > topic->last)
                return 0;
        return (first ? held_of(first)->since_ns : topic->last_ns) + HARK_CAST_GRACE_NS;
}

void hark_cast_topic_settle(struct hark_cast_topic *topic, struct hark_cast_sink *sink,
                            uint64_t now_ns, bool is_final)
{
        uint64_t before;

        do {
                while (has_next(topic))
                        tell_next(topic, sink);
                topic->overdue_ns = find_overdue(topic);
                if (topic->overdue_ns == 0 || (!is_final && now_ns < topic->overdue_ns))
                        return;
                before = topic->next;
                lose(topic, sink, is_final ? UINT64_MAX : now_ns);
        } while (topic->next != before);
}
