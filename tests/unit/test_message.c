/* SPDX-License-Identifier: MIT */

#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/message.h"

#define N_THREADS 4
#define N_REFS    20000

static const struct hark_message_strings no_strings;

static hark_message *copy(const char *name, struct hark_payload payload)
{
        hark_message *message = NULL;

        ck_assert_int_eq(hark_message_new_copy(NULL, name, &payload, &message), 0);
        return message;
}

static bool is_open(int fd)
{
        return fcntl(fd, F_GETFD) >= 0;
}

static int open_null(void)
{
        int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

        ck_assert_int_ge(fd, 0);
        return fd;
}

START_TEST(payloads_say_what_they_were_made_of)
{
        struct hark_payload bytes = hark_bytes("abc", 3), text = hark_text("abc");
        struct hark_payload nothing = HARK_NOTHING, none = hark_text(NULL);

        ck_assert_uint_eq(bytes.size, 3);
        ck_assert_uint_eq(bytes.encoding, HARK_RAW);
        ck_assert_uint_eq(text.size, 3);
        ck_assert_uint_eq(text.encoding, HARK_TEXT);
        ck_assert_ptr_null(nothing.data);
        ck_assert_uint_eq(nothing.size, 0);
        ck_assert_uint_eq(none.size, 0);
        ck_assert_uint_eq(none.encoding, HARK_TEXT);
}
END_TEST

START_TEST(no_message_is_an_empty_one)
{
        struct hark_payload payload = hark_message_payload(NULL);

        ck_assert_ptr_null(hark_message_ref(NULL));
        ck_assert_ptr_null(hark_message_unref(NULL));
        ck_assert_ptr_null(hark_message_data(NULL));
        ck_assert_uint_eq(hark_message_size(NULL), 0);
        ck_assert_str_eq(hark_message_text(NULL), "");
        ck_assert_int_eq(hark_message_take_fd(NULL, 0), -ENOENT);
        ck_assert_uint_eq(payload.size, 0);
        ck_assert_ptr_null(payload.message);
}
END_TEST

START_TEST(holds_a_copy_of_bytes_and_attributes)
{
        char bytes[] = "hello";
        struct hark_payload payload = hark_text(bytes);
        hark_cleanup(hark_message_unrefp) hark_message *message = NULL;

        payload.priority = 5;
        payload.status = 1234;
        payload.error_name = "a.Jam";
        payload.error_text = "it\tjams";
        message = copy("clock.Now", payload);
        memset(bytes, 'x', sizeof(bytes));
        ck_assert_str_eq(hark_message_text(message), "hello");
        ck_assert_uint_eq(hark_message_size(message), 5);
        ck_assert_uint_eq((uintptr_t)hark_message_data(message) % 8, 0);
        ck_assert_str_eq(message->name, "clock.Now");
        ck_assert_str_eq(message->error_name, "a.Jam");
        ck_assert_str_eq(message->error_text, "it?jams");
        ck_assert_int_eq(message->status, 1234);
        ck_assert_uint_eq(message->priority, 5);
        ck_assert_uint_eq(message->encoding, HARK_TEXT);
}
END_TEST

START_TEST(bytes_with_a_nul_are_no_text)
{
        hark_cleanup(hark_message_unrefp) hark_message *nul = copy(NULL, hark_bytes("a\0b", 3));
        hark_cleanup(hark_message_unrefp) hark_message *last = copy(NULL, hark_bytes("ab", 3));
        hark_cleanup(hark_message_unrefp) hark_message *empty = copy(NULL, HARK_NOTHING);

        ck_assert_str_eq(hark_message_text(nul), "");
        ck_assert_uint_eq(hark_message_size(nul), 3);
        ck_assert_str_eq(hark_message_text(last), "");
        ck_assert_str_eq(hark_message_text(empty), "");
        ck_assert_ptr_null(hark_message_data(empty));
        ck_assert_str_eq(empty->name, "");
}
END_TEST

START_TEST(strings_need_no_terminator)
{
        struct hark_message_strings strings = {.name = "nameXX", .name_size = 4};
        hark_cleanup(hark_message_unrefp) hark_message *message =
                hark_message_new(NULL, 0, &strings);

        ck_assert_str_eq(message->name, "name");
        ck_assert_ptr_null(message->error_name);
        ck_assert_ptr_null(message->error_text);
}
END_TEST

START_TEST(comes_from_the_pool_if_it_fits)
{
        struct hark_message_pools *pools = hark_message_pools_new();
        hark_message *small = hark_message_new(pools, HARK_MESSAGE_POOLED, &no_strings);
        hark_message *large = hark_message_new(pools, HARK_MESSAGE_POOLED + 4096, &no_strings);

        ck_assert_ptr_nonnull(small->pool);
        ck_assert_ptr_null(large->pool);
        memset(small->data, 1, HARK_MESSAGE_POOLED);
        memset(large->data, 1, HARK_MESSAGE_POOLED + 4096);
        hark_message_unref(large);
        hark_message_pools_close(pools);
        hark_message_unref(small);
}
END_TEST

START_TEST(fds_are_duplicates_and_close_with_it)
{
        int fds[2] = {open_null(), open_null()}, first, second;
        struct hark_payload payload = HARK_NOTHING;
        hark_message *message;

        payload.fds = fds;
        payload.n_fds = 2;
        message = copy(NULL, payload);
        first = message->fds[0];
        second = message->fds[1];
        ck_assert_int_ne(first, fds[0]);
        ck_assert_int_eq(fcntl(first, F_GETFD), FD_CLOEXEC);
        ck_assert(is_open(second));
        hark_message_unref(message);
        ck_assert(!is_open(first));
        ck_assert(!is_open(second));
        ck_assert(is_open(fds[0]));
        hark_close(fds[0]);
        hark_close(fds[1]);
}
END_TEST

START_TEST(an_fd_is_taken_once_and_the_others_are_passed_on)
{
        int fds[3] = {open_null(), open_null(), open_null()}, taken;
        hark_message *message = hark_message_new(NULL, 0, &no_strings);
        struct hark_payload payload;

        ck_assert_int_eq(hark_message_take_over_fds(message, fds, 3), 0);
        taken = hark_message_take_fd(message, 1);
        ck_assert_int_eq(taken, fds[1]);
        ck_assert_int_eq(hark_message_take_fd(message, 1), -EALREADY);
        ck_assert_int_eq(hark_message_take_fd(message, 3), -ENOENT);
        payload = hark_message_payload(message);
        ck_assert_uint_eq(payload.n_fds, 2);
        ck_assert_int_eq(payload.fds[0], fds[0]);
        ck_assert_int_eq(payload.fds[1], fds[2]);
        hark_message_unref(message);
        ck_assert(is_open(taken));
        ck_assert(!is_open(fds[0]));
        hark_close(taken);
}
END_TEST

START_TEST(a_bad_fd_copies_nothing)
{
        int fds[2] = {open_null(), -1};
        struct hark_payload payload = HARK_NOTHING;
        hark_message *message = NULL;

        payload.fds = fds;
        payload.n_fds = 2;
        ck_assert_int_eq(hark_message_new_copy(NULL, NULL, &payload, &message), -EBADF);
        ck_assert_ptr_null(message);
        hark_close(fds[0]);
}
END_TEST

START_TEST(forwards_everything)
{
        struct hark_payload payload = hark_text("it is late");
        hark_cleanup(hark_message_unrefp) hark_message *message = NULL, *again = NULL;

        payload.priority = 3;
        payload.status = HARK_NOT_FOUND;
        payload.error_name = "a.Late";
        payload.error_text = "late";
        message = copy("a", payload);
        again = copy("b", hark_message_payload(message));
        ck_assert_ptr_ne(again, message);
        ck_assert_str_eq(hark_message_text(again), "it is late");
        ck_assert_str_eq(again->error_name, "a.Late");
        ck_assert_str_eq(again->error_text, "late");
        ck_assert_int_eq(again->status, HARK_NOT_FOUND);
        ck_assert_uint_eq(again->priority, 3);
        ck_assert_uint_eq(again->encoding, HARK_TEXT);
}
END_TEST

START_TEST(shares_what_is_forwarded_unchanged)
{
        hark_cleanup(hark_message_unrefp) hark_message *message = copy("a", hark_text("same"));
        hark_cleanup(hark_message_unrefp) hark_message *same = NULL, *named = NULL, *other = NULL;
        struct hark_payload payload = hark_message_payload(message);

        same = copy(NULL, payload);
        named = copy("a", payload);
        payload.priority = 1;
        other = copy(NULL, payload);
        ck_assert_ptr_eq(same, message);
        ck_assert_ptr_eq(named, message);
        ck_assert_ptr_ne(other, message);
}
END_TEST

START_TEST(does_not_share_fds_that_could_be_taken_meanwhile)
{
        int fd = open_null();
        hark_cleanup(hark_message_unrefp) hark_message *message = NULL, *forwarded = NULL;

        message = hark_message_new(NULL, 0, &no_strings);
        ck_assert_int_eq(hark_message_take_over_fds(message, &fd, 1), 0);
        forwarded = copy(NULL, hark_message_payload(message));
        hark_close(hark_message_take_fd(message, 0));
        ck_assert_uint_eq(hark_message_payload(forwarded).n_fds, 1);
        ck_assert(is_open(hark_message_payload(forwarded).fds[0]));
}
END_TEST

START_TEST(does_not_share_fds_that_were_not_to_be_passed_on)
{
        int fd = open_null();
        hark_cleanup(hark_message_unrefp) hark_message *message = NULL, *forwarded = NULL;
        struct hark_payload payload;

        message = hark_message_new(NULL, 0, &no_strings);
        ck_assert_int_eq(hark_message_take_over_fds(message, &fd, 1), 0);
        payload = hark_message_payload(message);
        payload.n_fds = 0;
        forwarded = copy(NULL, payload);
        ck_assert_int_eq(hark_message_take_fd(forwarded, 0), -ENOENT);
}
END_TEST

static void *ref_and_unref(void *argument)
{
        hark_message *message = argument;

        for (int i = 0; i < N_REFS; i++) {
                hark_message *mine = hark_message_ref(message);

                ck_assert_str_eq(hark_message_text(mine), "shared");
                hark_message_unref(mine);
        }
        hark_message_unref(message);
        return NULL;
}

START_TEST(is_counted_across_threads)
{
        struct hark_message_pools *pools = hark_message_pools_new();
        struct hark_payload payload = hark_text("shared");
        pthread_t threads[N_THREADS];
        hark_message *message = NULL;

        ck_assert_int_eq(hark_message_new_copy(pools, NULL, &payload, &message), 0);
        for (size_t i = 0; i < N_THREADS; i++)
                ck_assert_int_eq(
                        pthread_create(&threads[i], NULL, ref_and_unref, hark_message_ref(message)),
                        0);
        hark_message_unref(message);
        hark_message_pools_close(pools);
        for (size_t i = 0; i < N_THREADS; i++)
                pthread_join(threads[i], NULL);
}
END_TEST

FIXTURE_MAIN("message", payloads_say_what_they_were_made_of, no_message_is_an_empty_one,
             holds_a_copy_of_bytes_and_attributes, bytes_with_a_nul_are_no_text,
             strings_need_no_terminator, comes_from_the_pool_if_it_fits,
             fds_are_duplicates_and_close_with_it, an_fd_is_taken_once_and_the_others_are_passed_on,
             a_bad_fd_copies_nothing, forwards_everything, shares_what_is_forwarded_unchanged,
             does_not_share_fds_that_could_be_taken_meanwhile,
             does_not_share_fds_that_were_not_to_be_passed_on, is_counted_across_threads)
