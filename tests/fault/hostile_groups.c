/* SPDX-License-Identifier: MIT */

/* Members of groups that confirm nothing, and groups without end: what they cost, and whom. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hostile_kit.h"
#include "hostile_tests.h"

#define MIB ((size_t)1024 * 1024)

#define MEMBERS_MAX 4096 /* subscriptions of one connection */
#define WINDOW      16

/* Subscribes to "flood" as a member of a group; the frame has no other extension. */
static void join(struct stage *stage, int fd, uint32_t id, const char *group)
{
        uint8_t extensions[64] = {0};
        size_t size = strlen(group);
        struct raw_frame subscribe = {.type = SUBSCRIBE,
                                      .flags = EXTENSIONS,
                                      .id = id,
                                      .name = "flood",
                                      .extensions = extensions,
                                      .extensions_size = (8 + size + 7) & ~(size_t)7};

        extensions[0] = (uint8_t)(4 + size);
        extensions[4] = 0x04; /* id 0x8004 */
        extensions[5] = 0x80;
        extensions[6] = (uint8_t)size;
        memcpy(extensions + 8, group, size);
        ck_assert(raw_send_frame(stage, fd, &subscribe));
}

static void wait_for_all(struct stage *stage, int fd, struct verdict *verdict, unsigned n)
{
        for (int i = 0; i < 100000 && verdict->n_subscribed < n; i++)
                raw_hear(stage, fd, verdict);
        ck_assert_uint_eq(verdict->n_subscribed, n);
}

/* Publishes, with somebody reading what comes; returns the memory that this has taken at the
 * most. */
static size_t publish(struct stage *stage, int fd, struct verdict *verdict, unsigned n, size_t size)
{
        static const uint8_t payload[4096];
        size_t memory = 0;

        for (unsigned i = 0; i < n; i++) {
                ck_assert_int_eq(
                        hark_server_publish(stage->server, "flood", hark_bytes(payload, size)), 0);
                if (i % 100 == 0)
                        raw_hear(stage, fd, verdict);
                if (memory < stage_memory(stage))
                        memory = stage_memory(stage);
        }
        raw_hear(stage, fd, verdict);
        return memory;
}

/* What was freed goes home once the next message of its size is made. */
static void expect_freed(struct stage *stage)
{
        static const uint8_t payload[4096];

        while (stage->n_left == 0)
                stage_step(stage, PATIENCE_MS);
        ck_assert_int_eq(
                hark_server_publish(stage->server, "news", hark_bytes(payload, sizeof(payload))),
                0);
        stage_settle(stage);
        stage_check(stage);
        ck_assert_uint_lt(stage_memory(stage), 8 * MIB);
}

START_TEST(who_confirms_nothing_is_given_no_more_than_sixteen)
{
        struct verdict *verdict = calloc(1, sizeof(*verdict));
        struct stage stage;
        int fd;

        ck_assert_ptr_nonnull(verdict);
        stage_set(&stage, NULL);
        fd = raw_enter(&stage);
        join(&stage, fd, 1, "crew");
        wait_for_all(&stage, fd, verdict, 1);
        ck_assert_uint_lt(publish(&stage, fd, verdict, 20000, 4096), 64 * MIB);
        ck_assert_uint_eq(verdict->n_published, WINDOW);
        ck_assert(!verdict->is_closed);
        close(fd);
        expect_freed(&stage);
        free(verdict);
        stage_clear(&stage);
}
END_TEST

START_TEST(thousands_of_groups_cost_a_few_queues)
{
        struct verdict *verdict = calloc(1, sizeof(*verdict));
        struct stage stage;
        char name[16];
        int fd;

        ck_assert_ptr_nonnull(verdict);
        stage_set(&stage, NULL);
        fd = raw_enter(&stage);
        for (uint32_t id = 1; id <= MEMBERS_MAX; id++) {
                snprintf(name, sizeof(name), "group-%u", id);
                join(&stage, fd, id, name);
        }
        wait_for_all(&stage, fd, verdict, MEMBERS_MAX);
        /* If each could keep them all, it would be 800. */
        ck_assert_uint_lt(publish(&stage, fd, verdict, 200, 1), 200 * MIB);
        ck_assert(!verdict->is_closed);
        close(fd);
        expect_freed(&stage);
        free(verdict);
        stage_clear(&stage);
}
END_TEST

START_TEST(thousands_of_members_may_end_at_once)
{
        struct verdict *verdict = calloc(1, sizeof(*verdict));
        struct stage stage;
        int fd;

        ck_assert_ptr_nonnull(verdict);
        stage_set(&stage, NULL);
        fd = raw_enter(&stage);
        for (uint32_t id = 1; id <= MEMBERS_MAX; id++)
                join(&stage, fd, id, "crew");
        wait_for_all(&stage, fd, verdict, MEMBERS_MAX);
        ck_assert_uint_lt(publish(&stage, fd, verdict, 2 * MEMBERS_MAX, 1), 64 * MIB);
        close(fd);
        expect_freed(&stage);
        free(verdict);
        stage_clear(&stage);
}
END_TEST

void add_group_tests(const TTest **tests, size_t *n)
{
        tests[(*n)++] = who_confirms_nothing_is_given_no_more_than_sixteen;
        tests[(*n)++] = thousands_of_groups_cost_a_few_queues;
        tests[(*n)++] = thousands_of_members_may_end_at_once;
}
