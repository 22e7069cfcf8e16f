/* SPDX-License-Identifier: MIT */

/*
 * Delivered plus reported is all that matched: random subscriptions of one slow client, random
 * publications, and a port that takes random amounts, now and then nothing for long.
 */

#include "fixture.h"

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "dice.h"
#include "loop_kit.h"
#include "server_talk.h"

#define N_SUBSCRIBERS 7

struct subscriber {
        const char *filter;
        const char *wishes;
        const char *topics; /* that match, each between spaces */
        bool may_jump;      /* its numbers need not follow each other */
        uint64_t n_matched, n_delivered, n_lost;
        uint64_t next; /* the number that comes next, if all are of one priority */
};

static const struct subscriber subscribers[N_SUBSCRIBERS] = {
        {">", "", " a.x a.y b ", false, 0, 0, 0, 1},
        {"a.*", "messages=3", " a.x a.y ", false, 0, 0, 0, 1},
        {"a.x", "bytes=3000", " a.x ", false, 0, 0, 0, 1},
        {"b", "messages=1 bytes=500", " b ", false, 0, 0, 0, 1},
        {"a.*", "policy=1 messages=2", " a.x a.y ", false, 0, 0, 0, 1},
        {">", "policy=2", " a.x a.y b ", true, 0, 0, 0, 1},
        {"a.x", "policy=2", " a.x ", false, 0, 0, 0, 1},
};

static const char *const topics[] = {"a.x", "a.y", "b"};

struct trial {
        struct server_talk talk;
        struct dice dice;
        struct subscriber subscribers[N_SUBSCRIBERS];
        bool has_priorities;
        uint64_t n_gaps;
};

/* --- what arrives ----------------------------------------------------------------------------- */

static void take_notification(struct trial *trial, const struct hark_header *header)
{
        struct subscriber *subscriber = &trial->subscribers[header->status - 1];

        if (header->flags & HARK_FLAG_CONTINUED)
                return;
        subscriber->n_delivered++;
        if (trial->has_priorities || subscriber->may_jump)
                return;
        ck_assert_uint_eq(header->sequence, subscriber->next);
        subscriber->next++;
}

static void take_gap(struct trial *trial, const struct hark_header *header,
                     const struct hark_frame *frame)
{
        struct subscriber *subscriber = &trial->subscribers[header->status - 1];
        struct hark_gap gap;
        const char *why;

        ck_assert_int_eq(hark_gap_decode(frame->payload, &gap, &why), 0);
        subscriber->n_lost += gap.n_lost;
        trial->n_gaps++;
        if (trial->has_priorities || subscriber->may_jump)
                return;
        ck_assert_uint_eq(gap.first, subscriber->next);
        subscriber->next += gap.n_lost;
}

static void take_frame(struct trial *trial, const uint8_t *bytes)
{
        struct hark_header header;
        struct hark_frame frame;
        const char *why;

        ck_assert_int_eq(hark_header_decode(bytes, &header, &why), 0);
        ck_assert_int_eq(
                hark_frame_split(&header, bytes + HARK_HEADER_SIZE, header.size, &frame, &why), 0);
        if (header.type == HARK_FRAME_PUBLISH)
                take_notification(trial, &header);
        else if (header.type == HARK_FRAME_GAP)
                take_gap(trial, &header, &frame);
}

static void take_frames(struct trial *trial)
{
        struct memory_port *memory = &trial->talk.conversation.memory;
        size_t at = 0;

        kit_process_what_shows(trial->talk.conversation.loop);
        while (memory->outgoing.size - at >= HARK_HEADER_SIZE) {
                const uint8_t *bytes = memory->outgoing.bytes + at;
                size_t size = HARK_HEADER_SIZE + hark_align8(hark_load32(bytes + 4));

                if (memory->outgoing.size - at < size)
                        break;
                take_frame(trial, bytes);
                at += size;
        }
        memory_port_take(memory, at);
}

/* --- what is published ------------------------------------------------------------------------ */

static void count_match(struct trial *trial, const char *topic)
{
        char word[16];

        snprintf(word, sizeof(word), " %s ", topic);
        for (size_t i = 0; i < N_SUBSCRIBERS; i++)
                if (strstr(trial->subscribers[i].topics, word))
                        trial->subscribers[i].n_matched++;
}

static void publish(struct trial *trial)
{
        static const uint8_t bytes[20000];
        struct dice *dice = &trial->dice;
        const char *topic = topics[dice_below(dice, 3)];
        size_t size = dice_below(dice, dice_one_in(dice, 10) ? sizeof(bytes) : 900);
        struct hark_payload payload = hark_bytes(bytes, size);

        if (trial->has_priorities)
                payload.priority = (uint8_t)dice_below(dice, 3);
        ck_assert_int_eq(hark_server_publish(trial->talk.server, topic, payload), 0);
        count_match(trial, topic);
}

static void do_something(struct trial *trial)
{
        struct dice *dice = &trial->dice;

        switch (dice_below(dice, 12)) {
        case 0:
                memory_port_set_room(&trial->talk.conversation.memory, dice_below(dice, 9000));
                break;
        case 1:
                memory_port_set_room(&trial->talk.conversation.memory, 0);
                break;
        case 2:
                take_frames(trial);
                break;
        default:
                publish(trial);
        }
}

/* --- trials ----------------------------------------------------------------------------------- */

static void begin(struct trial *trial)
{
        struct hark_server_params params = {.limits.queue_size = 8192};

        memcpy(trial->subscribers, subscribers, sizeof(subscribers));
        server_talk_begin(&trial->talk, &params, false);
        server_talk_greet(&trial->talk);
        for (unsigned i = 0; i < N_SUBSCRIBERS; i++) {
                char script[128];

                snprintf(script, sizeof(script),
                         "> subscribe #%u %s %s\n"
                         "< subscribed #%u priority=7\n",
                         i + 1, subscribers[i].wishes, subscribers[i].filter, i + 1);
                conversation_run(&trial->talk.conversation, script);
        }
}

/* Returns how many gaps there were. */
static uint64_t run_trial(unsigned seed, bool has_priorities)
{
        struct trial trial = {.dice = dice_new(seed), .has_priorities = has_priorities};

        begin(&trial);
        for (unsigned i = 0; i < 2000; i++)
                do_something(&trial);
        memory_port_set_room(&trial.talk.conversation.memory, SIZE_MAX);
        take_frames(&trial);
        for (unsigned i = 0; i < N_SUBSCRIBERS; i++) {
                struct subscriber *subscriber = &trial.subscribers[i];

                ck_assert_uint_eq(subscriber->n_delivered + subscriber->n_lost,
                                  subscriber->n_matched);
                ck_assert_uint_gt(subscriber->n_delivered, 0);
        }
        server_talk_end(&trial.talk);
        return trial.n_gaps;
}

START_TEST(delivered_and_lost_are_all_that_matched_without_a_hole)
{
        uint64_t n_gaps = 0;

        for (unsigned seed = 0; seed < 20; seed++)
                n_gaps += run_trial(seed, false);
        ck_assert_uint_gt(n_gaps, 1000);
}
END_TEST

START_TEST(delivered_and_lost_are_all_that_matched_in_all_priorities)
{
        uint64_t n_gaps = 0;

        for (unsigned seed = 100; seed < 120; seed++)
                n_gaps += run_trial(seed, true);
        ck_assert_uint_gt(n_gaps, 1000);
}
END_TEST

FIXTURE_MAIN("channel_count", delivered_and_lost_are_all_that_matched_without_a_hole,
             delivered_and_lost_are_all_that_matched_in_all_priorities)
