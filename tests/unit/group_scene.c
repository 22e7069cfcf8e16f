/* SPDX-License-Identifier: MIT */

/* See group_scene.h. */

#include "group_scene.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loop_kit.h"
#include "pubsub/group.h"
#include "pubsub/topics.h"
#include "stream_kit.h"

#define MEMBERS 5

struct fake {
        struct hark_group_member member;
        char filter[32];
        bool is_here, holds, is_full, is_unfit, is_poor;
        uint64_t sequence;
};

struct scene {
        hark_loop *loop;
        struct hark_groups groups;
        struct hark_group_burden burden;
        struct fake fakes[MEMBERS]; /* a, b, c, ... */
        struct text told;
        size_t n_read;
        unsigned n_checks;
};

/* One for all: the tests have one scene each, and a process of their own. */
static struct scene scene;

static char letter_of(const struct fake *fake)
{
        return (char)('a' + (fake - scene.fakes));
}

static struct fake *fake_of(struct hark_group_member *member)
{
        return hark_container_of(member, struct fake, member);
}

/* --- made-up members -------------------------------------------------------------------------- */

static int check(struct hark_group_member *member, size_t size, unsigned n_fds)
{
        const struct fake *fake = fake_of(member);

        (void)n_fds;
        scene.n_checks++;
        if (fake->is_unfit && size > 0)
                return -EMSGSIZE;
        return fake->is_full ? -EAGAIN : 0;
}

static int give(struct hark_group_member *member, struct hark_group_item *item,
                const struct hark_group_loss *loss)
{
        static struct hark_outgoing *const held = (struct hark_outgoing *)&scene;
        struct fake *fake = fake_of(member);

        if (fake->is_poor)
                return -ENOMEM;
        if (loss->n_lost > 0)
                text_add(&scene.told, "%c lost %d %.*s\n", letter_of(fake), (int)loss->n_lost,
                         (int)loss->topic_size, loss->topic);
        fake->sequence += loss->n_lost + 1;
        item->sequence = fake->sequence;
        item->frame = fake->holds ? held : NULL;
        item->gap = fake->holds && loss->n_lost > 0 ? held : NULL;
        text_add(&scene.told, "%c %d %s%s\n", letter_of(fake), (int)item->sequence, item->topic,
                 item->is_repeated ? " repeated" : "");
        return 0;
}

static void take_back(struct hark_group_member *member, struct hark_group_item *item)
{
        (void)member;
        item->frame = item->gap = NULL;
}

static const struct hark_group_member_ops ops = {
        .check = check,
        .give = give,
        .take_back = take_back,
};

static void on_unconfirmed(const char *group, const char *topic, hark_message *message,
                           void *userdata)
{
        (void)userdata;
        ck_assert_str_eq(group, "crew");
        ck_assert_str_eq(hark_message_text(message), topic);
        text_add(&scene.told, "unconfirmed %s\n", topic);
}

/* --- events ----------------------------------------------------------------------------------- */

static unsigned number_in(const char *words, const char *key, unsigned otherwise)
{
        const char *found = strstr(words, key);

        return found ? (unsigned)strtoul(found + strlen(key), NULL, 10) : otherwise;
}

static void join(struct fake *fake, const char *words)
{
        fake->is_here = true;
        fake->sequence = 0;
        sscanf(words, "%*c %31s", fake->filter);
        fake->member = (struct hark_group_member){
                .ops = &ops,
                .filter = fake->filter,
                .filter_size = strlen(fake->filter),
                .is_once_only = strstr(words, "once"),
                .max_messages = number_in(words, "messages=", 1024),
                .max_size = number_in(words, "bytes=", 1 << 20),
                .max_memory = number_in(words, "memory=", 1 << 20),
                .burden = &scene.burden,
        };
        ck_assert_int_eq(hark_group_join(&scene.groups, &fake->member, "crew", 4), 0);
        hark_group_serve(&fake->member);
}

static void publish_one(const char *topic, unsigned priority)
{
        struct hark_payload payload = hark_text(topic);
        struct hark_publication publication = {
                .topic = topic, .topic_size = strlen(topic), .payload = &payload};

        payload.priority = (uint8_t)priority;
        ck_assert_int_eq(hark_message_new_copy(hark_loop_message_pools(scene.loop), NULL, &payload,
                                               &publication.message),
                         0);
        for (struct fake *fake = scene.fakes; fake < scene.fakes + MEMBERS; fake++)
                if (fake->is_here &&
                    hark_filter_matches(fake->filter, strlen(fake->filter), topic, strlen(topic)))
                        hark_group_meet(&fake->member, &publication);
        hark_groups_publish(&scene.groups, &publication);
        hark_message_unref(publication.message);
}

/* "publish jobs.x x3" publishes jobs.x three times. */
static void publish(const char *words)
{
        unsigned n = number_in(words, " x", 1);
        char topic[32];

        sscanf(words, "%31s", topic);
        while (n-- > 0)
                publish_one(topic, number_in(words, "priority=", 0));
}

static void leave(const char *letters)
{
        for (const char *at = letters; *at && *at != '\n'; at += 1 + (at[1] == ' '))
                hark_group_leave(&scene.fakes[*at - 'a'].member);
        for (const char *at = letters; *at && *at != '\n'; at += 1 + (at[1] == ' ')) {
                hark_group_hand_on(&scene.fakes[*at - 'a'].member);
                scene.fakes[*at - 'a'].is_here = false;
        }
}

static void change(const char *verb, struct fake *fake)
{
        if (strcmp(verb, "holds") == 0)
                fake->holds = true;
        else if (strcmp(verb, "unfit") == 0)
                fake->is_unfit = true;
        else if (strcmp(verb, "full") == 0 || strcmp(verb, "free") == 0)
                fake->is_full = strcmp(verb, "full") == 0;
        else if (strcmp(verb, "poor") == 0 || strcmp(verb, "rich") == 0)
                fake->is_poor = strcmp(verb, "poor") == 0;
        else
                ck_abort_msg("malformed: %s", verb);
        if (strcmp(verb, "free") == 0)
                hark_group_serve(&fake->member);
}

static void run_event(const char *line)
{
        char verb[16];
        const char *words;
        struct fake *fake;

        sscanf(line, "%15s", verb);
        words = line + strlen(verb) + (line[strlen(verb)] == ' ');
        fake = &scene.fakes[*words >= 'a' && *words < 'a' + MEMBERS ? *words - 'a' : 0];
        if (strcmp(verb, "join") == 0)
                join(fake, words);
        else if (strcmp(verb, "publish") == 0)
                publish(words);
        else if (strcmp(verb, "ack") == 0)
                text_add(&scene.told, "%s",
                         hark_group_confirm(&fake->member, number_in(words, " ", 0))
                                 ? ""
                                 : "not its own\n");
        else if (strcmp(verb, "leave") == 0)
                leave(words);
        else if (strcmp(verb, "close") == 0)
                hark_groups_close(&scene.groups);
        else
                change(verb, fake);
}

static void expect(const char *line)
{
        const char *told = scene.told.text + scene.n_read;
        size_t size = strcspn(told, "\n");

        ck_assert_msg(size == strlen(line) && memcmp(told, line, size) == 0,
                      "told \"%.*s\" instead of \"%s\"", (int)size, told, line);
        scene.n_read += size + 1;
}

static void run_line(const char *line)
{
        if (*line == '<') {
                expect(line + 2);
                return;
        }
        ck_assert_msg(scene.told.text[scene.n_read] == '\0', "before \"%s\": told %s", line,
                      scene.told.text + scene.n_read);
        run_event(line + 2);
        kit_process_what_shows(scene.loop);
}

void group_scene_play(const char *script)
{
        while (*script) {
                size_t size = strcspn(script, "\n");
                char line[128];

                snprintf(line, sizeof(line), "%.*s", (int)size, script);
                run_line(line);
                script += size + 1;
        }
        ck_assert_str_eq(scene.told.text + scene.n_read, "");
}

void group_scene_begin(void)
{
        scene.loop = kit_new_loop();
        scene.burden.max_memory = 1 << 20;
        scene.told = text_new();
        ck_assert_int_eq(hark_groups_init(&scene.groups, scene.loop, &scene), 0);
        scene.groups.on_unconfirmed = on_unconfirmed;
}

void group_scene_end(void)
{
        for (struct fake *fake = scene.fakes; fake < scene.fakes + MEMBERS; fake++) {
                if (!fake->is_here)
                        continue;
                hark_group_leave(&fake->member);
                hark_group_hand_on(&fake->member);
        }
        kit_process_what_shows(scene.loop);
        ck_assert_uint_eq(hark_tree_n_nodes(scene.groups.by_name), 0);
        hark_groups_done(&scene.groups);
        text_free(&scene.told);
        hark_loop_unref(scene.loop);
}

void group_scene(const char *lines)
{
        group_scene_begin();
        group_scene_play(lines);
        group_scene_end();
}

void group_scene_bound(size_t memory)
{
        scene.burden.max_memory = memory;
}

void group_scene_ignore_unconfirmed(void)
{
        scene.groups.on_unconfirmed = NULL;
}

unsigned group_scene_checks(void)
{
        return scene.n_checks;
}
