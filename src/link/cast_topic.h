/* SPDX-License-Identifier: MIT */
#ifndef HARK_LINK_CAST_TOPIC_H
#define HARK_LINK_CAST_TOPIC_H

/*
 * One topic of one sender, as a receiver sees it: which number is next, and what is held because
 * it is not whole, or because something before it is missing.
 */

#include "base/list.h"
#include "link/cast_receiver.h"
#include "names/name.h"

/* One for each sender. */
struct hark_cast_sink {
        void (*tell)(void *userdata, const struct hark_cast_told *told);
        void *userdata;
        size_t n_held; /* bytes, of all topics */
};

struct hark_cast_topic {
        struct hark_list held; /* by number, all from next on */
        uint64_t next;         /* 0: where it begins is not known yet */
        uint64_t last;         /* the largest number that there is said to be */
        uint64_t last_ns;      /* since when that is known */
        uint64_t overdue_ns;   /* when next is lost; 0: nothing is missed */
        bool is_rest;
        uint8_t name_size; /* 0: the rest, or not known yet */
        char name[HARK_NAME_MAX];
};

struct hark_cast_topic *hark_cast_topic_new(bool is_rest); /* NULL: no memory */
void hark_cast_topic_free(struct hark_cast_topic *topic, struct hark_cast_sink *sink);

/* Keeps a piece of a number that is not told yet; what finds no room, or does not fit what has come
 * before, is lost. */
void hark_cast_topic_put(struct hark_cast_topic *topic, struct hark_cast_sink *sink,
                         const struct hark_cast *cast, const uint8_t *bytes, uint64_t now_ns);

/* What a table says. false: that cannot be. */
bool hark_cast_topic_name(struct hark_cast_topic *topic, const char *name, size_t size);
void hark_cast_topic_expect(struct hark_cast_topic *topic, uint64_t last, uint64_t now_ns);

/* Tells what can be told now. With is_final, nothing more will come, and all that is missing is
 * lost. */
void hark_cast_topic_settle(struct hark_cast_topic *topic, struct hark_cast_sink *sink,
                            uint64_t now_ns, bool is_final);

#endif
