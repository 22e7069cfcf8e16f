/* SPDX-License-Identifier: MIT */

/*
 * A group whose members come, confirm now and then, and go, at random, over a port that takes
 * random amounts: each publication is confirmed by one member, or told to the publisher, and never
 * both; what a member has seen comes to another only with the mark, and not at all if it was for
 * once only.
 */

#include "fixture.h"

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "dice.h"
#include "frame_text.h"
#include "loop_kit.h"
#include "pubsub/group.h"
#include "server_talk.h"

#define N_MEMBERS    4
#define N_ACTIONS    3000
#define N_IDS        N_ACTIONS
#define MAX_PAYLOAD  20000
#define QUEUE_SIZE   8192
#define MAX_MESSAGES 20

/* What a member has been sent and has not confirmed. */
struct pending {
        unsigned publication;
        uint32_t sequence;
        uint8_t priority;
};

struct member {
        unsigned id; /* 0: it is not here */
        uint64_t next;
        struct pending pending[HARK_GROUP_WINDOW];
        unsigned n_pending;
};

struct publication {
        unsigned n_seen, n_confirmed, n_unconfirmed;
        bool was_once_only;
};

struct trial {
        struct server_talk talk;
        struct dice dice;
        bool has_priorities;
        struct member members[N_MEMBERS];
        bool is_once_only[N_IDS]; /* by id */
        unsigned last_id;
        struct publication publications[N_ACTIONS];
        unsigned n_published;
        unsigned n_gaps, n_repeated, n_unconfirmed;
};

static void on_unconfirmed(hark_server *server, const char *group, const char *topic,
                           hark_message *message, void *userdata)
{
        struct trial *trial = hark_container_of(userdata, struct trial, talk);
        struct publication *publication =
                &trial->publications[hark_load32(hark_message_data(message))];

        (void)server, (void)group, (void)topic;
        publication->n_unconfirmed++;
        trial->n_unconfirmed++;
}

/* --- what arrives ----------------------------------------------------------------------------- */

static struct member *find_member(struct trial *trial, unsigned id)
{
        for (unsigned i = 0; i < N_MEMBERS; i++)
                if (trial->members[i].id == id)
                        return &trial->members[i];
        return NULL;
}

static void see(struct trial *trial, unsigned number, const struct hark_header *header)
{
        struct publication *publication = &trial->publications[number];

        ck_assert_msg(publication->n_seen == 0 || header->flags & HARK_FLAG_REPEATED,
                      "%u comes again without the mark", number);
        ck_assert_msg(!publication->was_once_only, "%u was for once only", number);
        ck_assert_uint_eq(publication->n_confirmed, 0);
        publication->n_seen++;
        publication->was_once_only = trial->is_once_only[header->status];
        trial->n_repeated += header->flags & HARK_FLAG_REPEATED ? 1 : 0;
}

static void take_notification(struct trial *trial, const struct hark_header *header,
                              const struct hark_frame *frame)
{
        struct member *member = find_member(trial, header->status);
        unsigned number;

        if (header->flags & HARK_FLAG_CONTINUED)
                return;
        number = hark_load32(frame->payload.bytes);
        see(trial, number, header);
        if (!member)
                return; /* it had begun to leave when its member ended */
        ck_assert_uint_lt(member->n_pending, HARK_GROUP_WINDOW);
        member->pending[member->n_pending++] =
                (struct pending){number, header->sequence, header->priority};
        if (!trial->has_priorities)
                ck_assert_uint_eq(header->sequence, member->next++);
}

static void take_gap(struct trial *trial, const struct hark_header *header,
                     const struct hark_frame *frame)
{
        struct member *member = find_member(trial, header->status);
        struct hark_gap gap;
        const char *why;

        trial->n_gaps++;
        if (!member || trial->has_priorities)
                return;
        ck_assert_int_eq(hark_gap_decode(frame->payload, &gap, &why), 0);
        ck_assert_uint_eq(gap.first, member->next);
        member->next += gap.n_lost;
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
                take_notification(trial, &header, &frame);
        else if (header.type == HARK_FRAME_GAP)
                take_gap(trial, &header, &frame);
        else
                ck_assert_int_eq(header.type, HARK_FRAME_SUBSCRIBED);
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

/* --- what is done ----------------------------------------------------------------------------- */

static void say(struct trial *trial, const char *line)
{
        uint8_t bytes[8192];
        size_t size = frame_from_text(line, bytes, sizeof(bytes));

        ck_assert_msg(size > 0, "malformed: %s", line);
        memory_port_put(&trial->talk.conversation.memory, bytes, size);
        take_frames(trial);
}

static void join(struct trial *trial, struct member *member)
{
        char line[128];

        if (member->id != 0 || trial->last_id + 1 == N_IDS)
                return;
        *member = (struct member){.id = ++trial->last_id, .next = 1};
        trial->is_once_only[member->id] = dice_one_in(&trial->dice, 4);
        snprintf(line, sizeof(line), "subscribe #%u messages=%d bytes=30000 %s a.> group=\"crew\"",
                 member->id, MAX_MESSAGES, trial->is_once_only[member->id] ? "wishes=2" : "");
        say(trial, line);
}

static void leave(struct trial *trial, struct member *member)
{
        char line[64];

        if (member->id == 0)
                return;
        snprintf(line, sizeof(line), "unsubscribe #%u", member->id);
        member->id = 0;
        say(trial, line);
}

static void confirm(struct trial *trial, struct member *member)
{
        struct pending pending;
        unsigned i;
        char line[64];

        if (member->id == 0 || member->n_pending == 0)
                return;
        i = dice_below(&trial->dice, member->n_pending);
        pending = member->pending[i];
        member->pending[i] = member->pending[--member->n_pending];
        trial->publications[pending.publication].n_confirmed++;
        snprintf(line, sizeof(line), "ack to=%u priority=%u sequence=%u", member->id,
                 pending.priority, pending.sequence);
        say(trial, line);
}

static void publish(struct trial *trial)
{
        static uint8_t bytes[MAX_PAYLOAD];
        struct dice *dice = &trial->dice;
        size_t size = 4 + dice_below(dice, dice_one_in(dice, 10) ? MAX_PAYLOAD - 4 : 900);
        struct hark_payload payload = hark_bytes(bytes, size);

        if (!hark_server_has_subscribers(trial->talk.server, "a.x"))
                return;
        hark_store32(bytes, trial->n_published++);
        if (trial->has_priorities)
                payload.priority = (uint8_t)dice_below(dice, 3);
        ck_assert_int_eq(hark_server_publish(trial->talk.server, "a.x", payload), 0);
}

static void do_something(struct trial *trial)
{
        struct memory_port *memory = &trial->talk.conversation.memory;
        struct dice *dice = &trial->dice;
        struct member *member = &trial->members[dice_below(dice, N_MEMBERS)];

        switch (dice_below(dice, 24)) {
        case 0:
                memory_port_set_room(memory, 0);
                break;
        case 1:
        case 2:
                memory_port_set_room(memory, dice_below(dice, 30000));
                break;
        case 3:
        case 4:
                join(trial, member);
                break;
        case 5:
                leave(trial, member);
                break;
        case 6:
        case 7:
        case 8:
                take_frames(trial);
                break;
        default:
                if (dice_one_in(dice, 2))
                        confirm(trial, member);
                else
                        publish(trial);
        }
}

/* --- trials ----------------------------------------------------------------------------------- */

static void check_all(const struct trial *trial)
{
        for (unsigned i = 0; i < trial->n_published; i++) {
                const struct publication *publication = &trial->publications[i];

                ck_assert_msg(publication->n_confirmed + publication->n_unconfirmed == 1,
                              "%u: confirmed %u times, unconfirmed %u times", i,
                              publication->n_confirmed, publication->n_unconfirmed);
        }
}

static void run_trial(struct trial *trial, unsigned seed, bool has_priorities)
{
        struct hark_server_params params = {.limits.queue_size = QUEUE_SIZE,
                                            .on_unconfirmed = on_unconfirmed};

        trial->dice = dice_new(seed);
        trial->has_priorities = has_priorities;
        server_talk_begin(&trial->talk, &params, false);
        server_talk_greet(&trial->talk);
        for (unsigned i = 0; i < N_ACTIONS; i++)
                do_something(trial);
        memory_port_set_room(&trial->talk.conversation.memory, SIZE_MAX);
        for (unsigned i = 0; i < N_MEMBERS; i++)
                leave(trial, &trial->members[i]);
        check_all(trial);
        server_talk_end(&trial->talk);
}

static void run_trials(unsigned first_seed, bool has_priorities)
{
        static struct trial trial;
        unsigned n_gaps = 0, n_repeated = 0, n_unconfirmed = 0, n_published = 0;

        for (unsigned seed = first_seed; seed < first_seed + 20; seed++) {
                memset(&trial, 0, sizeof(trial));
                run_trial(&trial, seed, has_priorities);
                n_gaps += trial.n_gaps;
                n_repeated += trial.n_repeated;
                n_unconfirmed += trial.n_unconfirmed;
                n_published += trial.n_published;
        }
        ck_assert_uint_gt(n_gaps, 100);
        ck_assert_uint_gt(n_repeated, 1000);
        ck_assert_uint_gt(n_unconfirmed, 1000);
        ck_assert_uint_gt(n_published, n_unconfirmed + 1000);
}

START_TEST(each_is_confirmed_or_told_and_never_both)
{
        run_trials(0, false);
}
END_TEST

START_TEST(each_is_confirmed_or_told_in_all_priorities)
{
        run_trials(100, true);
}
END_TEST

FIXTURE_MAIN("group_count", each_is_confirmed_or_told_and_never_both,
             each_is_confirmed_or_told_in_all_priorities)
