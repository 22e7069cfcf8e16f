/* SPDX-License-Identifier: MIT */

/* What is sent to a multicast group, over a channel that loses, doubles and reorders. */

#include "fixture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "dice.h"
#include "link/cast_receiver.h"
#include "link/cast_sender.h"
#include "wire/frame.h"

#define MS        1000000ull
#define ON_WAY    8
#define N_TOPICS  3
#define NAME_SIZE 7

struct packet {
        size_t size;
        uint8_t bytes[HARK_CAST_PACKET];
};

/* One sender, one receiver, what is between them, and what has been told. */
struct scene {
        struct hark_cast_sender *sender;
        struct hark_cast_receiver *receiver;
        uint64_t now_ns;
        struct dice dice;
        bool is_bad; /* the channel */
        bool is_cut;
        struct packet on_way[ON_WAY];
        unsigned n_on_way;
        uint64_t n_sent[N_TOPICS], n_told[N_TOPICS], n_lost[N_TOPICS];
        unsigned n_unknown;
        size_t last_size;
};

static unsigned topic_of(const char *name, size_t size)
{
        ck_assert_uint_eq(size, NAME_SIZE);
        ck_assert_mem_eq(name, "topic.", NAME_SIZE - 1);
        return (unsigned)(name[NAME_SIZE - 1] - 'a');
}

static void on_told(void *userdata, const struct hark_cast_told *told)
{
        struct scene *scene = userdata;
        unsigned i;

        if (told->n_lost == UINT64_MAX) {
                scene->n_unknown++;
                return;
        }
        i = topic_of(told->name, told->name_size);
        if (!told->frame) {
                ck_assert_uint_eq(told->first, scene->n_told[i] + scene->n_lost[i] + 1);
                scene->n_lost[i] += told->n_lost;
                return;
        }
        scene->n_told[i]++;
        scene->last_size = told->frame_size;
        /* The payload is its number: each comes once, in its place. */
        ck_assert_uint_eq(hark_load64(told->frame + told->frame_size - 8),
                          scene->n_told[i] + scene->n_lost[i]);
}

static struct scene new_scene(void)
{
        return (struct scene){.sender = hark_cast_sender_new(77), .now_ns = 1, .dice = dice_new(1)};
}

static void join(struct scene *scene)
{
        scene->receiver = hark_cast_receiver_new(on_told, scene);
}

static void end_scene(struct scene *scene)
{
        hark_cast_sender_free(scene->sender);
        hark_cast_receiver_free(scene->receiver);
}

static void arrive(struct scene *scene, const struct packet *packet)
{
        /* A block of its own, so that the address sanitiser sees what is read beyond it. */
        uint8_t *bytes = malloc(packet->size);

        memcpy(bytes, packet->bytes, packet->size);
        hark_cast_receive(scene->receiver, bytes, packet->size, scene->now_ns);
        free(bytes);
}

static void flush(struct scene *scene)
{
        while (scene->n_on_way > 0) {
                unsigned i = dice_below(&scene->dice, scene->n_on_way);
                struct packet packet = scene->on_way[i];

                scene->on_way[i] = scene->on_way[--scene->n_on_way];
                arrive(scene, &packet);
        }
}

static void send_packet(struct scene *scene, const struct packet *packet)
{
        if (scene->is_cut || !scene->receiver)
                return;
        if (!scene->is_bad) {
                arrive(scene, packet);
                return;
        }
        for (unsigned n = dice_one_in(&scene->dice, 20) ? 2 : 1; n > 0; n--)
                if (!dice_one_in(&scene->dice, 5))
                        scene->on_way[scene->n_on_way++] = *packet;
        if (scene->n_on_way >= ON_WAY - 1)
                flush(scene);
}

static size_t make_frame(uint8_t *frame, const char *name, size_t size, uint64_t number)
{
        struct hark_header header = {
                .type = HARK_FRAME_PUBLISH, .name_size = NAME_SIZE, .size = (uint32_t)(8 + size)};

        hark_header_encode(&header, frame);
        memset(frame + HARK_HEADER_SIZE, 0, 8 + size);
        memcpy(frame + HARK_HEADER_SIZE, name, NAME_SIZE);
        hark_store64(frame + HARK_HEADER_SIZE + size, number);
        return HARK_HEADER_SIZE + 8 + size;
}

static int publish_as(struct scene *scene, const char *name, const char *written, size_t size)
{
        static uint8_t frame[2 * HARK_CAST_FRAME];
        uint64_t number = ++scene->n_sent[topic_of(name, NAME_SIZE)];
        size_t frame_size = make_frame(frame, written, size, number);
        struct hark_cast cast;
        struct packet packet;
        int r = hark_cast_sender_begin(scene->sender, name, NAME_SIZE, frame_size, &cast);

        if (r < 0)
                return r;
        do {
                hark_cast_encode(&cast, packet.bytes);
                memcpy(packet.bytes + HARK_CAST_HEADER,
                       frame + (size_t)cast.piece * HARK_CAST_PIECE, cast.size);
                packet.size = HARK_CAST_HEADER + cast.size;
                send_packet(scene, &packet);
        } while (hark_cast_next(&cast, frame_size));
        return 0;
}

static int publish(struct scene *scene, const char *name, size_t size)
{
        return publish_as(scene, name, name, size);
}

static void send_table(struct scene *scene, uint8_t flags)
{
        unsigned n = hark_cast_sender_begin_table(scene->sender);
        struct packet packet;

        for (unsigned i = 0; i < n; i++) {
                packet.size = hark_cast_sender_write_table(scene->sender, i, flags, packet.bytes);
                send_packet(scene, &packet);
        }
}

static void pass(struct scene *scene, uint64_t ms)
{
        scene->now_ns += ms * MS;
        (void)hark_cast_receiver_process(scene->receiver, scene->now_ns);
}

/* The first of some pieces, and no other. */
static void send_piece(struct scene *scene, uint16_t topic, uint64_t number, uint16_t n_pieces)
{
        struct hark_cast cast = {.kind = HARK_CAST_IS_PIECE,
                                 .size = HARK_CAST_PIECE,
                                 .instance = 77,
                                 .number = number,
                                 .n_pieces = n_pieces,
                                 .topic = topic};
        struct packet packet = {.size = HARK_CAST_PACKET};

        hark_cast_encode(&cast, packet.bytes);
        arrive(scene, &packet);
}

/* --- a good channel --------------------------------------------------------------------------- */

START_TEST(notifications_of_any_size_arrive_whole)
{
        static const size_t sizes[] = {8, 1112, 1113, 1120, 5000, HARK_CAST_FRAME - 40};
        struct scene scene = new_scene();

        join(&scene);
        for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
                ck_assert_int_eq(publish(&scene, "topic.a", sizes[i]), 0);
                ck_assert_uint_eq(scene.last_size, HARK_HEADER_SIZE + 8 + sizes[i]);
        }
        send_table(&scene, HARK_CAST_BYE);
        pass(&scene, 6000);
        ck_assert_uint_eq(scene.n_told[0], sizeof(sizes) / sizeof(*sizes));
        ck_assert_uint_eq(scene.n_lost[0], 0);
        ck_assert_uint_eq(scene.n_unknown, 0);
        end_scene(&scene);
}
END_TEST

START_TEST(what_is_too_large_is_missed)
{
        struct scene scene = new_scene();

        join(&scene);
        publish(&scene, "topic.a", 8);
        ck_assert_int_eq(publish(&scene, "topic.a", HARK_CAST_FRAME - 39), -EMSGSIZE);
        send_table(&scene, 0);
        pass(&scene, 200);
        ck_assert_uint_eq(scene.n_lost[0], 1);
        end_scene(&scene);
}
END_TEST

/* --- losses ----------------------------------------------------------------------------------- */

START_TEST(told_and_lost_add_up_whatever_the_channel_does)
{
        struct scene scene = new_scene();

        join(&scene);
        send_table(&scene, 0);
        scene.is_bad = true;
        for (unsigned i = 0; i < 6000; i++) {
                char name[] = "topic.a";

                name[NAME_SIZE - 1] = (char)('a' + dice_below(&scene.dice, N_TOPICS));
                publish(&scene, name, 8 + dice_below(&scene.dice, 3000));
                if (dice_one_in(&scene.dice, 50)) {
                        flush(&scene);
                        send_table(&scene, 0);
                        pass(&scene, dice_below(&scene.dice, 300));
                }
        }
        flush(&scene);
        scene.is_bad = false;
        send_table(&scene, HARK_CAST_BYE);
        pass(&scene, 200);
        pass(&scene, 200);
        for (unsigned i = 0; i < N_TOPICS; i++) {
                ck_assert_uint_eq(scene.n_told[i] + scene.n_lost[i], scene.n_sent[i]);
                ck_assert_uint_gt(scene.n_told[i], scene.n_sent[i] / 10);
                ck_assert_uint_gt(scene.n_lost[i], scene.n_sent[i] / 10);
        }
        ck_assert_uint_eq(scene.n_unknown, 0);
        end_scene(&scene);
}
END_TEST

START_TEST(order_alone_costs_nothing)
{
        struct scene scene = new_scene();

        join(&scene);
        send_table(&scene, 0);
        for (uint64_t number = 3; number >= 1; number--) {
                uint8_t frame[64];
                struct hark_cast cast = {.kind = HARK_CAST_IS_PIECE,
                                         .instance = 77,
                                         .number = number,
                                         .n_pieces = 1};
                struct packet packet;

                cast.size = (uint16_t)make_frame(frame, "topic.a", 8, number);
                hark_cast_encode(&cast, packet.bytes);
                memcpy(packet.bytes + HARK_CAST_HEADER, frame, cast.size);
                packet.size = HARK_CAST_HEADER + cast.size;
                ck_assert_uint_eq(scene.n_told[0], 0);
                arrive(&scene, &packet);
        }
        ck_assert_uint_eq(scene.n_told[0], 3);
        ck_assert_uint_eq(scene.n_lost[0], 0);
        end_scene(&scene);
}
END_TEST

START_TEST(each_frame_has_its_own_time_to_become_whole)
{
        struct scene scene = new_scene();

        join(&scene);
        publish(&scene, "topic.a", 8);
        send_piece(&scene, 0, 3, 2); /* 2 is missing */
        pass(&scene, 90);
        send_piece(&scene, 0, 4, 2);
        pass(&scene, 10);
        ck_assert_uint_eq(scene.n_lost[0], 2);
        pass(&scene, 89);
        ck_assert_uint_eq(scene.n_lost[0], 2);
        pass(&scene, 1);
        ck_assert_uint_eq(scene.n_lost[0], 3);
        end_scene(&scene);
}
END_TEST

START_TEST(who_joins_late_misses_nothing_that_was_before)
{
        struct scene scene = new_scene();

        for (unsigned i = 0; i < 5; i++)
                publish(&scene, "topic.a", 8);
        join(&scene);
        scene.n_told[0] = 5; /* by others */
        send_table(&scene, 0);
        publish(&scene, "topic.a", 8);
        pass(&scene, 200);
        ck_assert_uint_eq(scene.n_told[0], 6);
        ck_assert_uint_eq(scene.n_lost[0], 0);
        end_scene(&scene);
}
END_TEST

START_TEST(the_first_of_a_new_topic_is_missed_too)
{
        struct scene scene = new_scene();

        join(&scene);
        send_table(&scene, 0);
        scene.is_cut = true;
        publish(&scene, "topic.b", 8);
        scene.is_cut = false;
        publish(&scene, "topic.b", 8);
        ck_assert_uint_eq(scene.n_told[1], 0); /* the first may be on its way */
        pass(&scene, 99);
        ck_assert_uint_eq(scene.n_lost[1], 0);
        pass(&scene, 1);
        ck_assert_uint_eq(scene.n_lost[1], 1);
        ck_assert_uint_eq(scene.n_told[1], 1);
        end_scene(&scene);
}
END_TEST

START_TEST(a_sender_that_falls_silent_leaves_one_gap_of_unknown_size)
{
        struct scene scene = new_scene();

        join(&scene);
        publish(&scene, "topic.a", 8);
        pass(&scene, 4999);
        ck_assert_uint_eq(scene.n_unknown, 0);
        pass(&scene, 1);
        ck_assert_uint_eq(scene.n_unknown, 1);
        ck_assert_uint_eq(hark_cast_receiver_process(scene.receiver, scene.now_ns), 0);
        pass(&scene, 10000);
        ck_assert_uint_eq(scene.n_unknown, 1);
        end_scene(&scene);
}
END_TEST

START_TEST(what_is_lost_of_topics_without_a_place_is_told_uncounted)
{
        struct scene scene = new_scene();
        struct hark_cast cast;
        char name[16];

        join(&scene);
        for (unsigned i = 0; i < HARK_CAST_REST; i++) {
                int size = snprintf(name, sizeof(name), "other.%u", i);

                hark_cast_sender_begin(scene.sender, name, (size_t)size, 40, &cast);
                ck_assert_uint_eq(cast.topic, i);
        }
        publish(&scene, "topic.a", 8);
        send_table(&scene, 0);
        ck_assert_uint_eq(scene.n_told[0], 1);
        scene.is_cut = true;
        publish(&scene, "topic.c", 8);
        scene.is_cut = false;
        publish(&scene, "topic.a", 8);
        pass(&scene, 200);
        ck_assert_uint_eq(scene.n_unknown, 1);
        ck_assert_uint_eq(scene.n_told[0], 2);
        end_scene(&scene);
}
END_TEST

/* --- what nobody of good will sends ----------------------------------------------------------- */

START_TEST(a_frame_of_another_topic_is_lost)
{
        struct scene scene = new_scene();

        join(&scene);
        publish(&scene, "topic.a", 8);
        publish_as(&scene, "topic.a", "topic.b", 8);
        publish(&scene, "topic.a", 8);
        pass(&scene, 200);
        ck_assert_uint_eq(scene.n_told[0], 2);
        ck_assert_uint_eq(scene.n_lost[0], 1);
        ck_assert_uint_eq(scene.n_told[1], 0);
        end_scene(&scene);
}
END_TEST

START_TEST(more_senders_than_may_be_are_not_heard)
{
        struct scene scene = new_scene();
        struct packet packet = {.size = HARK_CAST_HEADER};

        join(&scene);
        publish(&scene, "topic.a", 8);
        for (uint64_t i = 0; i < 1000; i++) {
                struct hark_cast cast = {
                        .kind = HARK_CAST_IS_TABLE, .instance = 1000 + i, .n_pieces = 1};

                hark_cast_encode(&cast, packet.bytes);
                arrive(&scene, &packet);
        }
        publish(&scene, "topic.a", 8);
        ck_assert_uint_eq(scene.n_told[0], 2);
        pass(&scene, 5000);
        ck_assert_uint_eq(scene.n_unknown, HARK_CAST_SENDERS);
        end_scene(&scene);
}
END_TEST

START_TEST(what_is_of_no_use_takes_no_more_than_its_share)
{
        struct scene scene = new_scene();

        join(&scene);
        send_table(&scene, 0);
        for (uint64_t number = 1; number <= 1000; number++)
                send_piece(&scene, 9, number, number < 900 ? HARK_CAST_PIECES : 1);
        pass(&scene, 200); /* that takes what will not become whole out of the way */
        for (uint64_t number = 1; number <= 1000; number++)
                send_piece(&scene, 10, number + 1, 1); /* whole, but no frames */
        publish(&scene, "topic.a", 8);
        ck_assert_uint_eq(scene.n_told[0], 0);
        pass(&scene, 200);
        publish(&scene, "topic.a", 8);
        pass(&scene, 200);
        ck_assert_uint_eq(scene.n_lost[0], 1);
        ck_assert_uint_eq(scene.n_told[0], 1);
        end_scene(&scene);
}
END_TEST

START_TEST(a_number_far_ahead_is_ignored)
{
        struct scene scene = new_scene();
        struct hark_cast cast = {.kind = HARK_CAST_IS_PIECE,
                                 .size = 1,
                                 .instance = 77,
                                 .number = 2 + HARK_CAST_JUMP,
                                 .n_pieces = 1};
        struct packet packet = {.size = HARK_CAST_HEADER + 1};

        join(&scene);
        publish(&scene, "topic.a", 8);
        hark_cast_encode(&cast, packet.bytes);
        arrive(&scene, &packet);
        pass(&scene, 200);
        publish(&scene, "topic.a", 8);
        ck_assert_uint_eq(scene.n_told[0], 2);
        ck_assert_uint_eq(scene.n_lost[0], 0);
        end_scene(&scene);
}
END_TEST

START_TEST(garbage_does_no_harm)
{
        struct scene scene = new_scene();

        join(&scene);
        send_table(&scene, 0);
        for (unsigned i = 0; i < 20000; i++) {
                struct packet packet;

                packet.size = dice_below(&scene.dice, 80);
                for (size_t k = 0; k < packet.size; k++)
                        packet.bytes[k] = (uint8_t)dice_below(&scene.dice, 4);
                packet.bytes[0] = HARK_CAST_MAGIC;
                packet.bytes[1] = HARK_CAST_VERSION;
                if (packet.size >= HARK_CAST_HEADER)
                        hark_store16(packet.bytes + 4, (uint16_t)(packet.size - HARK_CAST_HEADER));
                arrive(&scene, &packet);
        }
        publish(&scene, "topic.a", 8);
        ck_assert_uint_eq(scene.n_told[0], 1);
        end_scene(&scene);
}
END_TEST

FIXTURE_MAIN("cast", notifications_of_any_size_arrive_whole, what_is_too_large_is_missed,
             told_and_lost_add_up_whatever_the_channel_does, order_alone_costs_nothing,
             each_frame_has_its_own_time_to_become_whole,
             who_joins_late_misses_nothing_that_was_before, the_first_of_a_new_topic_is_missed_too,
             a_sender_that_falls_silent_leaves_one_gap_of_unknown_size,
             what_is_lost_of_topics_without_a_place_is_told_uncounted,
             a_frame_of_another_topic_is_lost, more_senders_than_may_be_are_not_heard,
             what_is_of_no_use_takes_no_more_than_its_share, a_number_far_ahead_is_ignored,
             garbage_does_no_harm)
