/* SPDX-License-Identifier: MIT */

/* Files that travel with a message: with exactly that one, however many travel, and none gets
 * lost. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "record.h"
#include "service_internal.h"
#include "tests.h"

#define N_MIXED 200

static struct hark_payload with_files(const int *fds, size_t n_fds, const char *text)
{
        struct hark_payload payload = hark_text(text);

        payload.fds = fds;
        payload.n_fds = n_fds;
        return payload;
}

/* Reads a file that came with a message, and closes it. */
static void check_file(hark_message *message, size_t index, const char *expected)
{
        int fd = hark_message_take_fd(message, index);
        char text[64] = "";

        ck_assert_msg(fd >= 0, "take: %s", hark_reason(fd, NULL));
        ck_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
        ck_assert_int_eq(pread(fd, text, sizeof(text) - 1, 0), (int)strlen(expected));
        ck_assert_str_eq(text, expected);
        close(fd);
        kit_assert_result(hark_message_take_fd(message, index), -EALREADY);
}

START_TEST(files_travel_with_a_request)
{
        int fds[3] = {service_file_of("one "), service_file_of("two "), service_file_of("three")};
        hark_message *reply = NULL;
        struct rig rig;

        rig_need(HARK_CAN_PASS_FDS);
        rig_start(&rig, NULL);
        kit_assert_good(
                rig_call(&rig, "read_fds", with_files(fds, 3, ""), KIT_PATIENCE_MS, &reply));
        ck_assert_str_eq(hark_message_text(reply), "one two three");
        hark_message_unref(reply);
        rig_end(&rig);
        for (size_t i = 0; i < COUNT(fds); i++)
                ck_assert_int_eq(close(fds[i]), 0); /* ours stayed open */
}
END_TEST

START_TEST(a_file_travels_with_a_reply)
{
        hark_message *reply = NULL;
        struct rig rig;

        rig_need(HARK_CAN_PASS_FDS);
        rig_start(&rig, NULL);
        kit_assert_good(rig_call(&rig, "give_fd", hark_text("given"), KIT_PATIENCE_MS, &reply));
        kit_assert_result(hark_message_take_fd(reply, 1), -ENOENT);
        check_file(reply, 0, "given");
        hark_message_unref(reply);
        rig_end(&rig);
}
END_TEST

struct post {
        unsigned n;
};

static void check_notification(const struct hark_notification *notification, void *userdata)
{
        struct post *post = userdata;

        if (notification->kind != HARK_NOTIFICATION)
                return;
        check_file(notification->message, 0, "news");
        post->n++;
}

START_TEST(a_file_travels_with_a_notification_to_every_subscriber)
{
        struct post first = {0}, second = {0};
        struct rig rig;

        rig_need(HARK_CAN_PASS_FDS);
        rig_start(&rig, NULL);
        kit_assert_good(hark_subscribe(rig.client, "a", check_notification, &first, NULL, NULL));
        kit_assert_good(hark_subscribe(rig.client, "*", check_notification, &second, NULL, NULL));
        rig_ask(&rig, "publish_fd", "a news");
        kit_until(rig.loop, first.n == 1 && second.n == 1);
        rig_end(&rig);
}
END_TEST

START_TEST(files_that_nobody_takes_are_closed)
{
        int fds[2] = {service_file_of("one"), service_file_of("two")};
        struct ending ending = {0};
        char n_open[16];
        struct rig rig;

        rig_need(HARK_CAN_PASS_FDS);
        rig_start(&rig, NULL);
        strcpy(n_open, rig_ask(&rig, "n_open", "%s", ""));
        for (int i = 0; i < 50; i++) {
                hark_message *reply = NULL;

                kit_assert_good(
                        rig_call(&rig, "echo", with_files(fds, 2, "x"), KIT_PATIENCE_MS, &reply));
                ck_assert_uint_eq(hark_message_payload(reply).n_fds, 2);
                hark_message_unref(reply);
        }
        kit_assert_good(hark_send(rig.client, "no.such.method", with_files(fds, 2, "x")));
        kit_assert_good(hark_invoke(rig.client, "keep", with_files(fds, 2, "x"), KIT_PATIENCE_MS,
                                    rig_note_end, &ending, NULL));
        rig_ask(&rig, "let_go", "%s", "");
        ck_assert_str_eq(rig_ask(&rig, "n_open", "%s", ""), n_open);
        rig_end(&rig);
        close(fds[0]);
        close(fds[1]);
}
END_TEST

/* --- each with its own ------------------------------------------------------------------------ */

struct mixed {
        unsigned number, *n_checked;
};

static void check_mixed(int result, hark_message *message, void *userdata)
{
        struct mixed *mixed = userdata;
        char expected[32] = "";

        kit_assert_good(result);
        for (unsigned i = 0; i < mixed->number % 4; i++) {
                sprintf(expected, "%u.%u ", mixed->number, i);
                check_file(message, i, expected);
        }
        kit_assert_result(hark_message_take_fd(message, mixed->number % 4), -ENOENT);
        ++*mixed->n_checked;
}

/* Some messages have files and some have none, some are large and some are urgent. */
static void send_mixed(struct rig *rig, struct mixed *mixed, uint8_t *bytes)
{
        size_t size = mixed->number % 5 == 0 ? (size_t)200 * 1000 : mixed->number % 100;
        struct hark_payload payload = hark_bytes(bytes, size);
        int fds[4];
        char text[32];

        payload.n_fds = mixed->number % 4;
        payload.fds = fds;
        payload.priority = mixed->number % 7 == 0 ? 6 : 0;
        for (size_t i = 0; i < payload.n_fds; i++) {
                snprintf(text, sizeof(text), "%u.%zu ", mixed->number, i);
                fds[i] = service_file_of(text);
        }
        kit_assert_good(hark_invoke(rig->client, "echo", payload, KIT_PATIENCE_MS, check_mixed,
                                    mixed, NULL));
        for (size_t i = 0; i < payload.n_fds; i++)
                close(fds[i]);
}

START_TEST(files_stay_with_their_message_among_many)
{
        static struct mixed mixed[N_MIXED];
        uint8_t *bytes = kit_pattern((size_t)200 * 1000);
        unsigned n_checked = 0;
        struct rig rig;

        rig_need(HARK_CAN_PASS_FDS);
        rig_start(&rig, NULL);
        for (unsigned i = 0; i < N_MIXED; i++) {
                mixed[i] = (struct mixed){.number = i, .n_checked = &n_checked};
                send_mixed(&rig, &mixed[i], bytes);
                /* In batches: what waits to be handled may have no more than so many files. */
                if (i % 16 == 15)
                        kit_until(rig.loop, n_checked == i + 1);
        }
        kit_until(rig.loop, n_checked == N_MIXED);
        rig_end(&rig);
        free(bytes);
}
END_TEST

/* --- what cannot be passed -------------------------------------------------------------------- */

START_TEST(more_files_than_one_message_may_have_are_refused)
{
        struct wishes wishes = {.limits = {.fds_per_message = 2}};
        struct hark_client_params params = {.limits = {.fds_per_message = 1}};
        int fds[3] = {service_file_of("1"), service_file_of("2"), service_file_of("3")};
        hark_message *reply = NULL;
        struct rig rig;

        rig_need(HARK_CAN_PASS_FDS);
        rig_serve(&rig, &wishes);
        rig.client = rig_connect(&rig, &params);
        kit_assert_result(rig_call(&rig, "read_fds", with_files(fds, 3, ""), KIT_PATIENCE_MS, NULL),
                          -EDQUOT);
        kit_assert_result(hark_send(rig.client, "read_fds", with_files(fds, 3, "")), -EDQUOT);
        kit_assert_good(
                rig_call(&rig, "read_fds", with_files(fds, 2, ""), KIT_PATIENCE_MS, &reply));
        ck_assert_str_eq(hark_message_text(reply), "12");
        hark_message_unref(reply);
        /* Nor does the client take two of them back. */
        kit_assert_result(rig_call(&rig, "echo", with_files(fds, 2, ""), KIT_PATIENCE_MS, NULL),
                          HARK_RESOURCE_EXHAUSTED);
        rig_end(&rig);
        for (size_t i = 0; i < COUNT(fds); i++)
                close(fds[i]);
}
END_TEST

START_TEST(a_file_that_is_not_open_is_refused)
{
        int fd = -1;
        struct rig rig;

        rig_need(HARK_CAN_PASS_FDS);
        rig_start(&rig, NULL);
        kit_assert_result(rig_call(&rig, "echo", with_files(&fd, 1, ""), KIT_PATIENCE_MS, NULL),
                          -EBADF);
        ck_assert_str_eq(rig_ask(&rig, "echo", "x"), "x");
        rig_end(&rig);
}
END_TEST

START_TEST(where_files_cannot_travel_they_are_refused)
{
        int fd = service_file_of("here");
        struct record record = {0};
        struct rig rig;

        if (rig_client_can(HARK_CAN_PASS_FDS))
                fixture_skip("here they can");
        rig_start(&rig, NULL);
        kit_assert_result(rig_call(&rig, "echo", with_files(&fd, 1, ""), KIT_PATIENCE_MS, NULL),
                          -EOPNOTSUPP);
        kit_assert_result(hark_send(rig.client, "echo", with_files(&fd, 1, "")), -EOPNOTSUPP);
        kit_assert_result(hark_publish(rig.client, "a", with_files(&fd, 1, "")), -EOPNOTSUPP);
        kit_assert_result(rig_call(&rig, "give_fd", hark_text("x"), KIT_PATIENCE_MS, NULL),
                          HARK_FAILED_PRECONDITION);
        ck_assert_int_eq(rig_count(&rig, "give_fd"), -EOPNOTSUPP);
        record_subscribe(&record, rig.client, "a");
        rig_ask(&rig, "publish_fd", "a news");
        kit_until(rig.loop, record.n_lost == 1);
        kit_assert_result(record.entries[0].reason, -EOPNOTSUPP);
        rig_end(&rig);
        close(fd);
}
END_TEST

CHAPTER(test_files, files_travel_with_a_request, a_file_travels_with_a_reply,
        a_file_travels_with_a_notification_to_every_subscriber, files_that_nobody_takes_are_closed,
        files_stay_with_their_message_among_many, more_files_than_one_message_may_have_are_refused,
        a_file_that_is_not_open_is_refused, where_files_cannot_travel_they_are_refused)
