/* SPDX-License-Identifier: MIT */

/*
 * Who of a group gets what, as tables of events. Members are made up, so that nothing but the group
 * decides:
 *
 *         > join a jobs.* [messages=N] [bytes=N] [memory=N] [once]
 *         > publish jobs.x [xN] [priority=P]
 *         > ack a 1                              > leave a b ...          (at once)
 *         > holds a      what it is given does not leave; else it has left at once
 *         > full a, > free a                     its connection has no room, has room again
 *         > unfit a                              it takes nothing at all
 *         > poor a, > rich a                     there is no memory to give it anything
 *         > close                                the server goes
 *         < a 1 jobs.x [repeated]                a is given it, as its number 1
 *         < a lost 2 jobs.x                      and is told before
 *         < unconfirmed jobs.x
 */

#include "fixture.h"

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

/* --- made-up members ----------------------------------------------------------------------------- */

static int check(struct hark_group_member *member, size_t size, unsigned n_fds)
{
        const struct fake *fake = fake_of(member);

        (void)size, (void)n_fds;
        if (fake->is_unfit)
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

/* --- events -------------------------------------------------------------------------------------- */

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

static void play(const char *script)
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

static void begin(void)
{
        scene.loop = kit_new_loop();
        scene.burden.max_memory = 1 << 20;
        scene.told = text_new();
        ck_assert_int_eq(hark_groups_init(&scene.groups, scene.loop, &scene), 0);
        scene.groups.on_unconfirmed = on_unconfirmed;
}

static void end(void)
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

static void script(const char *lines)
{
        begin();
        play(lines);
        end();
}

/* --- who gets it ----------------------------------------------------------------------------------- */

START_TEST(each_goes_to_one_in_turns)
{
        script("> join a jobs.*\n> join b jobs.*\n> join c jobs.*\n"
               "> publish jobs.1\n< a 1 jobs.1\n"
               "> publish jobs.2\n< b 1 jobs.2\n"
               "> publish jobs.3\n< c 1 jobs.3\n"
               "> publish jobs.4\n< a 2 jobs.4\n"
               "> publish other\n");
}
END_TEST

START_TEST(who_has_the_least_to_confirm_gets_it)
{
        script("> join a >\n> join b >\n> join c >\n"
               "> publish 1\n< a 1 1\n"
               "> publish 2\n< b 1 2\n"
               "> publish 3\n< c 1 3\n"
               "> ack b 1\n"
               "> publish 4\n< b 2 4\n"
               "> ack c 1\n"
               "> publish 5\n< c 2 5\n"
               "> publish 6\n< a 2 6\n");
}
END_TEST

START_TEST(only_who_matches_gets_it)
{
        script("> join a jobs.print\n> join b jobs.scan\n> join c jobs.*\n"
               "> publish jobs.scan x3\n< b 1 jobs.scan\n< c 1 jobs.scan\n< b 2 jobs.scan\n"
               "> publish jobs.print x2\n< a 1 jobs.print\n< c 2 jobs.print\n"
               "> publish jobs.copy\n< c 3 jobs.copy\n");
}
END_TEST

START_TEST(sixteen_wait_for_one_and_the_rest_for_anybody)
{
        begin();
        play("> join a >\n");
        for (int i = 1; i <= HARK_GROUP_WINDOW; i++) {
                char lines[64];

                snprintf(lines, sizeof(lines), "> publish x\n< a %d x\n", i);
                play(lines);
        }
        play("> publish y.1\n"
             "> publish y.2\n"
             "> ack a 3\n< a 17 y.1\n"
             "> join b >\n< b 1 y.2\n"
             "> ack a 17\n"
             "> publish y.3\n< b 2 y.3\n");
        end();
}
END_TEST

START_TEST(its_bytes_bound_what_one_has_to_confirm)
{
        script("> join a > bytes=100\n"
               "> publish x\n< a 1 x\n"
               "> publish y\n< a 2 y\n"
               "> publish z\n< a 3 z\n"
               "> publish w\n"
               "> ack a 1\n< a 4 w\n");
}
END_TEST

START_TEST(a_full_connection_waits_for_room)
{
        script("> join a >\n> join b >\n> full a\n"
               "> publish 1\n< b 1 1\n"
               "> publish 2\n< b 2 2\n"
               "> full b\n"
               "> publish 3\n"
               "> publish 4 priority=2\n"
               "> ack b 1\n"
               "> free a\n< a 1 4\n< a 2 3\n");
}
END_TEST

START_TEST(what_nobody_takes_is_lost_and_told)
{
        script("> join a >\n> join b >\n> unfit a\n"
               "> publish 1\n< b 1 1\n"
               "> unfit b\n"
               "> publish 2\n< unconfirmed 2\n"
               "> join c >\n"
               "> publish 3\n< c lost 1 2\n< c 2 3\n");
}
END_TEST

/* --- confirming ------------------------------------------------------------------------------------ */

START_TEST(only_its_own_can_be_confirmed_and_once)
{
        script("> join a >\n> join b >\n"
               "> publish 1\n< a 1 1\n"
               "> publish 2\n< b 1 2\n"
               "> ack a 2\n< not its own\n"
               "> ack a 1\n"
               "> ack a 1\n< not its own\n"
               "> holds b\n"
               "> publish 3\n< a 2 3\n"
               "> publish 4\n< b 2 4\n"
               "> ack b 2\n< not its own\n"
               "> ack b 1\n");
}
END_TEST

/* --- the end of a member --------------------------------------------------------------------------- */

START_TEST(what_it_may_have_seen_goes_to_others_marked)
{
        script("> join a >\n> join b >\n"
               "> publish 1\n< a 1 1\n"
               "> publish 2\n< b 1 2\n"
               "> publish 3\n< a 2 3\n"
               "> leave a\n< b 2 1 repeated\n< b 3 3 repeated\n"
               "> leave b\n< unconfirmed 1\n< unconfirmed 2\n< unconfirmed 3\n");
}
END_TEST

START_TEST(what_had_not_left_goes_to_others_unmarked)
{
        script("> join a >\n> join b >\n> holds a\n"
               "> publish 1\n< a 1 1\n"
               "> leave a\n< b 1 1\n");
}
END_TEST

START_TEST(what_comes_back_goes_before_what_waits)
{
        script("> join a >\n> join b >\n"
               "> publish 1\n< a 1 1\n"
               "> publish 2\n< b 1 2\n"
               "> publish 3\n< a 2 3\n"
               "> full a\n> full b\n"
               "> publish 4\n"
               "> publish 5 priority=1\n"
               "> leave a\n"
               "> join c >\n< c 1 5\n< c 2 1 repeated\n< c 3 3 repeated\n< c 4 4\n");
}
END_TEST

START_TEST(those_that_end_together_get_nothing_of_each_other)
{
        script("> join a >\n> join b >\n> join c >\n"
               "> publish 1\n< a 1 1\n"
               "> publish 2\n< b 1 2\n"
               "> publish 3\n< c 1 3\n"
               "> publish 4\n< a 2 4\n"
               "> leave a b\n< c 2 1 repeated\n< c 3 4 repeated\n< c 4 2 repeated\n");
}
END_TEST

START_TEST(once_only_means_no_other)
{
        script("> join a > once\n> join b >\n"
               "> publish 1\n< a 1 1\n"
               "> publish 2\n< b 1 2\n"
               "> holds a\n"
               "> publish 3\n< a 2 3\n"
               "> leave a\n< b 2 3\n< unconfirmed 1\n");
}
END_TEST

START_TEST(the_last_one_leaves_all_to_the_publisher_in_order)
{
        script("> join a >\n> join b >\n"
               "> publish 1\n< a 1 1\n"
               "> publish 2\n< b 1 2\n"
               "> publish 3\n< a 2 3\n"
               "> full a\n> full b\n"
               "> publish 4 priority=3\n> publish 5\n"
               "> leave a b\n"
               "< unconfirmed 1\n< unconfirmed 2\n< unconfirmed 3\n"
               "< unconfirmed 4\n< unconfirmed 5\n"
               "> join c >\n"
               "> publish 6\n< c 1 6\n");
}
END_TEST

START_TEST(what_matches_nobody_waits_for_who_comes)
{
        script("> join a jobs.a\n> join b jobs.b\n"
               "> publish jobs.a\n< a 1 jobs.a\n"
               "> leave a\n"
               "> publish jobs.b\n< b 1 jobs.b\n"
               "> join c jobs.*\n< c 1 jobs.a repeated\n");
}
END_TEST

START_TEST(a_closing_server_gives_nothing_on)
{
        script("> join a >\n> join b >\n"
               "> publish 1\n< a 1 1\n"
               "> publish 2\n< b 1 2\n"
               "> close\n"
               "> leave a\n"
               "> leave b\n< unconfirmed 1\n< unconfirmed 2\n");
}
END_TEST

/* --- the bounds ------------------------------------------------------------------------------------ */

START_TEST(beyond_its_bound_the_oldest_waiting_goes)
{
        script("> join a > messages=2\n> full a\n"
               "> publish old x16\n"
               "> publish 17\n< unconfirmed old\n"
               "> publish 18\n< unconfirmed old\n"
               "> full a\n"
               "> leave a\n"
               "< unconfirmed old\n< unconfirmed old\n< unconfirmed old\n< unconfirmed old\n"
               "< unconfirmed old\n< unconfirmed old\n< unconfirmed old\n< unconfirmed old\n"
               "< unconfirmed old\n< unconfirmed old\n< unconfirmed old\n< unconfirmed old\n"
               "< unconfirmed old\n< unconfirmed old\n< unconfirmed 17\n< unconfirmed 18\n");
}
END_TEST

START_TEST(who_gets_the_next_is_told_of_what_was_dropped)
{
        script("> join a > bytes=90\n> full a\n"
               "> publish x\n"
               "> publish y\n"
               "> publish z\n"
               "> publish w\n< unconfirmed x\n"
               "> publish v\n< unconfirmed y\n"
               "> join b >\n< b lost 2 \n< b 3 z\n< b 4 w\n< b 5 v\n"
               "> publish u\n< b 6 u\n");
}
END_TEST

START_TEST(word_of_a_loss_that_has_not_left_comes_back)
{
        script("> join a > bytes=90\n> full a\n> holds a\n"
               "> publish x x4\n< unconfirmed x\n"
               "> free a\n< a lost 1 x\n< a 2 x\n< a 3 x\n< a 4 x\n"
               "> join b >\n"
               "> leave a\n< b lost 1 \n< b 2 x\n< b 3 x\n< b 4 x\n");
}
END_TEST

START_TEST(no_wish_leads_beyond_what_its_connection_may_cost)
{
        begin();
        play("> join a > messages=1000000 memory=20480\n> full a\n");
        for (int i = 1; i <= 20; i++)
                play("> publish x\n");
        play("> publish y\n< unconfirmed x\n");
        play("> full b\n> join b > memory=50000\n");
        for (int i = 1; i <= 20; i++)
                play("> publish z\n");
        scene.groups.on_unconfirmed = NULL;
        end();
}
END_TEST

START_TEST(all_members_of_a_connection_have_one_bound)
{
        begin();
        scene.burden.max_memory = 4 * HARK_BLOCK_SIZE;
        play("> join a >\n> join b >\n> join c >\n"
             "> publish 1\n< a 1 1\n"
             "> publish 2\n< b 1 2\n"
             "> publish 3\n< c 1 3\n"
             "> publish 4\n< a 2 4\n"
             "> publish 5\n"
             "> ack b 1\n< b 2 5\n"
             "> publish 6\n"
             "> leave a b c\n"
             "< unconfirmed 1\n< unconfirmed 3\n< unconfirmed 4\n< unconfirmed 5\n< unconfirmed "
             "6\n");
        end();
}
END_TEST

START_TEST(what_a_member_had_is_dropped_last)
{
        script("> join a > messages=1\n> join b > messages=1\n"
               "> publish 1\n< a 1 1\n"
               "> full b\n> full a\n"
               "> publish f x15\n"
               "> leave a\n"
               "> publish g\n< unconfirmed f\n"
               "> free b\n< b lost 1 f\n< b 2 1 repeated\n"
               "< b 3 f\n< b 4 f\n< b 5 f\n< b 6 f\n< b 7 f\n< b 8 f\n< b 9 f\n< b 10 f\n"
               "< b 11 f\n< b 12 f\n< b 13 f\n< b 14 f\n< b 15 f\n< b 16 f\n< b 17 g\n");
}
END_TEST

START_TEST(without_memory_it_waits_for_the_next_occasion)
{
        script("> join a >\n> poor a\n"
               "> publish 1\n"
               "> rich a\n"
               "> publish 2\n< a 1 1\n< a 2 2\n");
}
END_TEST

FIXTURE_MAIN("group", each_goes_to_one_in_turns, who_has_the_least_to_confirm_gets_it,
             only_who_matches_gets_it, sixteen_wait_for_one_and_the_rest_for_anybody,
             its_bytes_bound_what_one_has_to_confirm, a_full_connection_waits_for_room,
             what_nobody_takes_is_lost_and_told, only_its_own_can_be_confirmed_and_once,
             what_it_may_have_seen_goes_to_others_marked, what_had_not_left_goes_to_others_unmarked,
             what_comes_back_goes_before_what_waits,
             those_that_end_together_get_nothing_of_each_other, once_only_means_no_other,
             the_last_one_leaves_all_to_the_publisher_in_order,
             what_matches_nobody_waits_for_who_comes, a_closing_server_gives_nothing_on,
             beyond_its_bound_the_oldest_waiting_goes,
             who_gets_the_next_is_told_of_what_was_dropped,
             word_of_a_loss_that_has_not_left_comes_back,
             no_wish_leads_beyond_what_its_connection_may_cost,
             all_members_of_a_connection_have_one_bound, what_a_member_had_is_dropped_last,
             without_memory_it_waits_for_the_next_occasion)
