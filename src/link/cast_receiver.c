/* SPDX-License-Identifier: MIT */

/* See cast_receiver.h. */

#include "link/cast_receiver.h"

#include <stdlib.h>

#include "base/bytes.h"
#include "link/cast_topic.h"

struct sender {
        uint64_t instance; /* 0: this place is free */
        uint64_t heard_ns;
        bool has_ended;
        bool is_known; /* there has been a whole table: it had no other topics then */
        uint64_t table, table_pieces; /* the newest, and which pieces of it have come */
        struct hark_cast_sink sink;
        struct hark_cast_topic *topics[HARK_CAST_TOPICS];
};

struct hark_cast_receiver {
        void (*tell)(void *userdata, const struct hark_cast_told *told);
        void *userdata;
        struct sender senders[HARK_CAST_SENDERS];
};

struct hark_cast_receiver *hark_cast_receiver_new(void (*tell)(void *userdata,
                                                               const struct hark_cast_told *told),
                                                  void *userdata)
{
        struct hark_cast_receiver *receiver = calloc(1, sizeof(*receiver));

        if (receiver) {
                receiver->tell = tell;
                receiver->userdata = userdata;
        }
        return receiver;
}

static void forget(struct sender *sender)
{
        for (unsigned i = 0; i < HARK_CAST_TOPICS; i++)
                if (sender->topics[i])
                        hark_cast_topic_free(sender->topics[i], &sender->sink);
        *sender = (struct sender){0};
}

void hark_cast_receiver_free(struct hark_cast_receiver *receiver)
{
        if (!receiver)
                return;
        for (unsigned i = 0; i < HARK_CAST_SENDERS; i++)
                forget(&receiver->senders[i]);
        free(receiver);
}

static void settle(struct sender *sender, uint64_t now_ns, bool is_final)
{
        for (unsigned i = 0; i < HARK_CAST_TOPICS; i++)
                if (sender->topics[i])
                        hark_cast_topic_settle(sender->topics[i], &sender->sink, now_ns, is_final);
}

/* It has gone without a word: what it may have sent since its last table is lost uncounted. */
static void give_up(struct hark_cast_receiver *receiver, struct sender *sender, uint64_t now_ns)
{
        settle(sender, now_ns, true);
        receiver->tell(receiver->userdata,
                       &(struct hark_cast_told){.name = "", .first = 1, .n_lost = UINT64_MAX});
}

static bool is_silent(const struct sender *sender, uint64_t now_ns)
{
        return now_ns >= sender->heard_ns + HARK_CAST_SILENCE_NS;
}

/* NULL: there are as many as may be. */
static struct sender *find_sender(struct hark_cast_receiver *receiver, uint64_t instance,
                                  uint64_t now_ns)
{
        struct sender *place = NULL;

        for (unsigned i = 0; i < HARK_CAST_SENDERS; i++) {
                if (receiver->senders[i].instance == instance)
                        return &receiver->senders[i];
                if (!place && receiver->senders[i].instance == 0)
                        place = &receiver->senders[i];
        }
        if (place)
                *place = (struct sender){
                        .instance = instance,
                        .heard_ns = now_ns,
                        .sink = {.tell = receiver->tell, .userdata = receiver->userdata},
                };
        return place;
}

/* Where it begins is said by what is heard of it first, if it is not known to be new. NULL: no
 * memory, or a number that cannot be. */
static struct hark_cast_topic *find_topic(struct sender *sender, unsigned i, uint64_t number,
                                          uint64_t first)
{
        struct hark_cast_topic **place = &sender->topics[i];

        if (number > UINT64_MAX - HARK_CAST_JUMP)
                return NULL;
        if (!*place) {
                *place = hark_cast_topic_new(i == HARK_CAST_REST);
                if (!*place)
                        return NULL;
                (*place)->next = sender->is_known ? 1 : first;
                (*place)->last = (*place)->next - 1;
        }
        if (number >= (*place)->next && number - (*place)->next >= HARK_CAST_JUMP)
                return NULL;
        return *place;
}

static void receive_piece(struct sender *sender, const struct hark_cast *cast, const uint8_t *bytes,
                          uint64_t now_ns)
{
        struct hark_cast_topic *topic = find_topic(sender, cast->topic, cast->number, cast->number);

        if (!topic || cast->number < topic->next)
                return;
        hark_cast_topic_expect(topic, cast->number, now_ns);
        hark_cast_topic_put(topic, &sender->sink, cast, bytes, now_ns);
        hark_cast_topic_settle(topic, &sender->sink, now_ns, false);
}

/* Returns its size; 0: it is cut short, or cannot be. */
static size_t receive_entry(struct sender *sender, const uint8_t *bytes, size_t size,
                            uint64_t now_ns)
{
        struct hark_cast_topic *topic;
        uint64_t last;
        unsigned i;

        if (size < HARK_CAST_ENTRY || size - HARK_CAST_ENTRY < bytes[10])
                return 0;
        last = hark_load64(bytes);
        i = hark_load16(bytes + 8);
        if (i >= HARK_CAST_TOPICS)
                return 0;
        topic = find_topic(sender, i, last, last + 1);
        if (!topic ||
            !hark_cast_topic_name(topic, (const char *)bytes + HARK_CAST_ENTRY, bytes[10]))
                return 0;
        hark_cast_topic_expect(topic, last, now_ns);
        return HARK_CAST_ENTRY + bytes[10];
}

static void receive_table(struct sender *sender, const struct hark_cast *cast, const uint8_t *bytes,
                          uint64_t now_ns)
{
        uint64_t all = UINT64_MAX >> (HARK_CAST_PIECES - cast->n_pieces);
        size_t size, at = 0;

        for (; at < cast->size; at += size) {
                size = receive_entry(sender, bytes + at, cast->size - at, now_ns);
                if (size == 0)
                        return;
        }
        if (cast->number < sender->table)
                return;
        if (cast->number > sender->table)
                sender->table_pieces = 0;
        sender->table = cast->number;
        sender->table_pieces |= 1ull << cast->piece;
        if ((sender->table_pieces & all) != all)
                return;
        sender->is_known = true;
        sender->has_ended |= (cast->flags & HARK_CAST_BYE) != 0;
}

void hark_cast_receive(struct hark_cast_receiver *receiver, const uint8_t *packet, size_t size,
                       uint64_t now_ns)
{
        const uint8_t *bytes = packet + HARK_CAST_HEADER;
        struct hark_cast cast;
        struct sender *sender;

        if (!hark_cast_decode(packet, size, &cast))
                return;
        sender = find_sender(receiver, cast.instance, now_ns);
        if (!sender) {
                (void)hark_cast_receiver_process(receiver, now_ns); /* may make room for it */
                sender = find_sender(receiver, cast.instance, now_ns);
        }
        if (!sender)
                return;
        sender->heard_ns = now_ns;
        if (cast.kind == HARK_CAST_IS_TABLE) {
                receive_table(sender, &cast, bytes, now_ns);
                settle(sender, now_ns, false);
        } else {
                receive_piece(sender, &cast, bytes, now_ns);
        }
}

/* The first of both that is not 0. */
static uint64_t sooner(uint64_t a, uint64_t b)
{
        return a == 0 || (b != 0 && b < a) ? b : a;
}

static uint64_t process_sender(struct hark_cast_receiver *receiver, struct sender *sender,
                               uint64_t now_ns)
{
        uint64_t wakeup_ns;

        if (is_silent(sender, now_ns)) {
                if (!sender->has_ended)
                        give_up(receiver, sender, now_ns);
                forget(sender);
                return 0;
        }
        settle(sender, now_ns, false);
        wakeup_ns = sender->heard_ns + HARK_CAST_SILENCE_NS;
        for (unsigned i = 0; i < HARK_CAST_TOPICS; i++)
                if (sender->topics[i] && sender->topics[i]->overdue_ns > now_ns)
                        wakeup_ns = sooner(wakeup_ns, sender->topics[i]->overdue_ns);
        return wakeup_ns;
}

uint64_t hark_cast_receiver_process(struct hark_cast_receiver *receiver, uint64_t now_ns)
{
        uint64_t wakeup_ns = 0;

        for (unsigned i = 0; i < HARK_CAST_SENDERS; i++)
                if (receiver->senders[i].instance != 0)
                        wakeup_ns = sooner(wakeup_ns,
                                           process_sender(receiver, &receiver->senders[i], now_ns));
        return wakeup_ns;
}
