/* SPDX-License-Identifier: MIT */

/* Too much of everything: what one peer makes the server hold is bounded, and the peer pays for
 * it. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hostile_kit.h"
#include "hostile_tests.h"

#define MIB ((size_t)1024 * 1024)

/* What a connection may cost: a full queue, a message, and a little for each of its parts. */
#define MEMORY_MAX (64 * MIB)

/* What the loop keeps for the next messages, whoever sends them. */
#define MEMORY_KEPT (8 * MIB)

#define FRAMES_AT_ONCE 256

/* Sends a frame again and again, counting up its id, never reading what comes back. Returns how
 * many were taken before the server closed. */
static unsigned flood(struct stage *stage, int fd, struct raw_frame frame, unsigned n)
{
        static uint8_t bytes[FRAMES_AT_ONCE * 2048 + RAW_FRAME_MAX];
        size_t memory = 0;
        unsigned n_sent = 0;

        while (n_sent < n) {
                size_t size = 0;

                for (unsigned i = 0; i < FRAMES_AT_ONCE; i++) {
                        frame.id++;
                        size += raw_encode(&frame, bytes + size);
                }
                if (!raw_send(stage, fd, bytes, size))
                        break;
                n_sent += FRAMES_AT_ONCE;
                if (memory < stage_memory(stage))
                        memory = stage_memory(stage);
        }
        ck_assert_msg(memory < MEMORY_MAX, "%zu MiB of memory", memory / MIB);
        return n_sent;
}

static void note_echo(int result, hark_message *message, void *userdata)
{
        (void)message;
        ck_assert_int_eq(result, 0);
        *(bool *)userdata = true;
}

/* What was freed goes home once the next message of its size is made. */
static void expect_freed(struct stage *stage)
{
        static const uint8_t payload[4096];
        bool is_answered = false;
        size_t memory;

        stage_settle(stage);
        stage_check(stage);
        ck_assert_int_eq(hark_invoke(stage->good, "echo", hark_bytes(payload, sizeof(payload)),
                                     PATIENCE_MS, note_echo, &is_answered, NULL),
                         0);
        while (!is_answered)
                stage_step(stage, PATIENCE_MS);
        memory = stage_memory(stage);
        ck_assert_msg(memory < MEMORY_KEPT, "%zu MiB of memory are still held", memory / MIB);
}

static void expect_closed_for_its_queue(struct stage *stage)
{
        for (int i = 0; i < 100 && stage->n_left == 0; i++)
                stage_step(stage, 10);
        ck_assert_uint_eq(stage->n_left, 1);
        ck_assert_int_eq(stage->leave_reason, -EDQUOT);
        expect_freed(stage);
}

START_TEST(who_asks_and_never_reads_is_closed)
{
        static const uint8_t payload[1024];
        struct raw_frame request = {.type = REQUEST,
                                    .name = "echo",
                                    .payload = payload,
                                    .payload_size = sizeof(payload)};
        struct stage stage;
        int fd;

        stage_set(&stage, NULL);
        fd = raw_enter(&stage);
        ck_assert_uint_lt(flood(&stage, fd, request, 100000), 100000);
        expect_closed_for_its_queue(&stage);
        close(fd);
        stage_clear(&stage);
}
END_TEST

START_TEST(who_asks_for_nothing_and_never_reads_is_closed)
{
        struct raw_frame request = {.type = REQUEST, .name = "no.such.method"};
        struct stage stage;
        int fd;

        stage_set(&stage, NULL);
        fd = raw_enter(&stage);
        ck_assert_uint_lt(flood(&stage, fd, request, 1000000), 1000000);
        expect_closed_for_its_queue(&stage);
        close(fd);
        stage_clear(&stage);
}
END_TEST

START_TEST(who_pings_and_never_reads_is_closed)
{
        struct raw_frame ping = {.type = PING};
        struct stage stage;
        int fd;

        stage_set(&stage, NULL);
        fd = raw_enter(&stage);
        ck_assert_uint_lt(flood(&stage, fd, ping, 2000000), 2000000);
        expect_closed_for_its_queue(&stage);
        close(fd);
        stage_clear(&stage);
}
END_TEST

START_TEST(so_many_subscriptions_are_kept_and_no_more)
{
        struct verdict *verdict = calloc(1, sizeof(*verdict));
        struct raw_frame subscribe = {.type = SUBSCRIBE, .name = "a.b.c.d.>"};
        struct stage stage;
        int fd;

        ck_assert_ptr_nonnull(verdict);
        stage_set(&stage, NULL);
        fd = raw_enter(&stage);
        ck_assert_uint_ge(flood(&stage, fd, subscribe, 8192), 8192);
        for (int i = 0; i < 1000 && verdict->n_subscribed < 8192; i++)
                raw_hear(&stage, fd, verdict);
        ck_assert_uint_eq(verdict->n_subscribed, 8192);
        ck_assert_uint_eq(verdict->last_status, HARK_RESOURCE_EXHAUSTED);
        ck_assert(!verdict->is_closed);
        ck_assert_uint_lt(stage_memory(&stage), 8 * MIB);
        close(fd);
        free(verdict);
        stage_clear(&stage);
}
END_TEST

START_TEST(a_subscriber_that_never_reads_costs_its_queue)
{
        static const uint8_t payload[4096];
        struct stage stage;
        size_t memory = 0;
        int fd;

        stage_set(&stage, NULL);
        fd = raw_enter(&stage);
        raw_send_frame(&stage, fd,
                       &(struct raw_frame){.type = SUBSCRIBE, .id = 1, .name = "flood"});
        while (!hark_server_has_subscribers(stage.server, "flood"))
                stage_step(&stage, PATIENCE_MS);
        for (int i = 0; i < 20000; i++) {
                ck_assert_int_eq(hark_server_publish(stage.server, "flood",
                                                     hark_bytes(payload, sizeof(payload))),
                                 0);
                if (i % 100 == 0)
                        stage_step(&stage, 0);
                if (memory < stage_memory(&stage))
                        memory = stage_memory(&stage);
        }
        ck_assert_uint_lt(memory, MEMORY_MAX);
        ck_assert_uint_eq(stage.n_left, 0);
        close(fd);
        expect_freed(&stage);
        stage_clear(&stage);
}
END_TEST

START_TEST(messages_that_are_never_finished_are_bounded)
{
        struct verdict *verdict = calloc(1, sizeof(*verdict));
        struct raw_frame begun = {.type = REQUEST,
                                  .name = "echo",
                                  .flags = MORE,
                                  .offset = 16u << 20,
                                  .payload = "x",
                                  .payload_size = 1};
        struct stage stage;
        int fd;

        ck_assert_ptr_nonnull(verdict);
        stage_set(&stage, NULL);
        fd = raw_enter(&stage);
        for (uint8_t priority = 0; priority < 8; priority++) {
                begun.id = 10u + priority;
                begun.priority = priority;
                raw_send_frame(&stage, fd, &begun);
        }
        raw_hear(&stage, fd, verdict);
        ck_assert_uint_ge(verdict->n_errors, 6);
        ck_assert_uint_eq(verdict->last_status, HARK_RESOURCE_EXHAUSTED);
        ck_assert_uint_lt(stage_memory(&stage), MEMORY_MAX);
        close(fd);
        expect_freed(&stage);
        free(verdict);
        stage_clear(&stage);
}
END_TEST

/* --- coming and going ------------------------------------------------------------------------- */

START_TEST(ten_thousand_may_come_and_go)
{
        struct stage stage;

        stage_set(&stage, NULL);
        for (int i = 0; i < 10000; i++) {
                int fd = i % 2 ? raw_enter(&stage) : raw_open(&stage);

                if (i % 3 > 0)
                        stage_step(&stage, 0);
                close(fd);
                if (i % 16 == 0)
                        stage_step(&stage, 0);
                if (i % 1000 == 0)
                        stage_check(&stage);
        }
        expect_freed(&stage);
        stage_clear(&stage); /* and the fixture counts what is open */
}
END_TEST

/* --- descriptors ------------------------------------------------------------------------------ */

static void send_with_fds(int fd, const void *bytes, size_t size, unsigned n_fds)
{
        union {
                struct cmsghdr header;
                char bytes[CMSG_SPACE(32 * sizeof(int))];
        } control = {.header = {.cmsg_len = CMSG_LEN(n_fds * sizeof(int)),
                                .cmsg_level = SOL_SOCKET,
                                .cmsg_type = SCM_RIGHTS}};
        struct iovec iov = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = size};
        struct msghdr message = {.msg_iov = &iov,
                                 .msg_iovlen = 1,
                                 .msg_control = control.bytes,
                                 .msg_controllen = CMSG_SPACE(n_fds * sizeof(int))};

        for (unsigned i = 0; i < n_fds; i++)
                ((int *)(void *)CMSG_DATA(&control.header))[i] = STDIN_FILENO;
        ck_assert_int_eq(sendmsg(fd, &message, MSG_NOSIGNAL), (int)size);
}

START_TEST(descriptors_that_no_message_claims_are_closed)
{
        static const struct {
                const char *what;
                unsigned n_claimed, n_sent;
        } examples[] = {
                {"none claimed", 0, 1},
                {"fewer claimed than come", 2, 3},
                {"more claimed than come", 3, 2},
                {"more than one message may have", 17, 17},
        };
        static uint8_t bytes[RAW_FRAME_MAX];
        struct stage stage;

        if (!raw_is_unix())
                fixture_skip("this socket passes no descriptors");
        stage_set(&stage, NULL);
        for (size_t i = 0; i < COUNT(examples); i++) {
                struct raw_frame request = {.type = REQUEST,
                                            .id = 1,
                                            .name = "echo",
                                            .n_fds = (uint8_t)examples[i].n_claimed};
                int fd = raw_enter(&stage);

                stage_settle(&stage);
                send_with_fds(fd, bytes, raw_encode(&request, bytes), examples[i].n_sent);
                raw_expect_thrown_out(&stage, fd, examples[i].what);
        }
        stage_clear(&stage);
}
END_TEST

START_TEST(descriptors_come_with_a_frame_that_is_passed_over)
{
        struct raw_frame unknown = {.type = 0x90, .n_fds = 2};
        static uint8_t bytes[RAW_FRAME_MAX];
        struct stage stage;
        int fd;

        if (!raw_is_unix())
                fixture_skip("this socket passes no descriptors");
        stage_set(&stage, NULL);
        fd = raw_enter(&stage);
        stage_settle(&stage);
        send_with_fds(fd, bytes, raw_encode(&unknown, bytes), 2);
        raw_expect_welcome(&stage, fd, "descriptors of an unknown frame");
        stage_clear(&stage);
}
END_TEST

void add_flood_tests(const TTest **tests, size_t *n)
{
        tests[(*n)++] = who_asks_and_never_reads_is_closed;
        tests[(*n)++] = who_asks_for_nothing_and_never_reads_is_closed;
        tests[(*n)++] = who_pings_and_never_reads_is_closed;
        tests[(*n)++] = so_many_subscriptions_are_kept_and_no_more;
        tests[(*n)++] = a_subscriber_that_never_reads_costs_its_queue;
        tests[(*n)++] = messages_that_are_never_finished_are_bounded;
        tests[(*n)++] = ten_thousand_may_come_and_go;
        tests[(*n)++] = descriptors_that_no_message_claims_are_closed;
        tests[(*n)++] = descriptors_come_with_a_frame_that_is_passed_over;
}
