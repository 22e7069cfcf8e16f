/* SPDX-License-Identifier: MIT */

#include "fixture.h"

#include <errno.h>
#include <hark/version.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/message.h"
#include "base/result.h"

static hark_message *fail_with(const char *error_name, const char *error_text)
{
        struct hark_payload payload = HARK_NOTHING;
        hark_message *message = NULL;

        payload.status = HARK_UNKNOWN;
        payload.error_name = error_name;
        payload.error_text = error_text;
        ck_assert_int_eq(hark_message_new_copy(NULL, NULL, &payload, &message), 0);
        return message;
}

START_TEST(every_status_has_words_of_its_own)
{
        const char *unknown = hark_reason(99, NULL);

        for (int status = HARK_OK; status <= HARK_UNAUTHENTICATED; status++) {
                ck_assert_str_ne(hark_reason(status, NULL), unknown);
                for (int other = HARK_OK; other < status; other++)
                        ck_assert_str_ne(hark_reason(status, NULL), hark_reason(other, NULL));
        }
        ck_assert_str_ne(hark_reason(HARK_NOT_ANSWERED, NULL), unknown);
        ck_assert_str_ne(hark_reason(HARK_REPLY_TOO_LARGE, NULL), unknown);
        ck_assert_str_ne(hark_reason(HARK_APPLICATION + 5, NULL), unknown);
}
END_TEST

START_TEST(every_errno_has_words)
{
        for (int error = 1; error < 200; error++)
                ck_assert_str_ne(hark_reason(-error, NULL), "");
        ck_assert_str_eq(hark_reason(-ENOTCONN, NULL), "never sent: not connected");
        ck_assert_str_eq(hark_reason(-ECOMM, NULL), "lost on the way");
        ck_assert_str_eq(hark_reason(-EXDEV, NULL), strerror(EXDEV));
        ck_assert_ptr_nonnull(hark_reason(INT_MIN, NULL));
        ck_assert_ptr_nonnull(hark_reason(INT_MAX, NULL));
}
END_TEST

START_TEST(prefers_what_the_handler_said)
{
        hark_cleanup(hark_message_unrefp) hark_message *both = fail_with("a.Jam", "it jams\n");
        hark_cleanup(hark_message_unrefp) hark_message *named = fail_with("a.Jam", NULL);
        hark_cleanup(hark_message_unrefp) hark_message *empty = fail_with(NULL, "");

        ck_assert_str_eq(hark_reason(HARK_INTERNAL, both), "it jams?");
        ck_assert_str_eq(hark_reason(HARK_INTERNAL, named), "internal error");
        ck_assert_str_eq(hark_reason(HARK_APPLICATION, named), "a.Jam");
        ck_assert_str_eq(hark_reason(HARK_INTERNAL, empty), "internal error");
        ck_assert_str_eq(hark_reason(0, both), "success");
        ck_assert_str_eq(hark_reason(-ETIMEDOUT, both), "no answer in time");
}
END_TEST

START_TEST(errnos_become_the_nearest_status)
{
        ck_assert_int_eq(hark_status_of_errno(-ETIMEDOUT), HARK_DEADLINE_EXCEEDED);
        ck_assert_int_eq(hark_status_of_errno(-ENOTCONN), HARK_UNAVAILABLE);
        ck_assert_int_eq(hark_status_of_errno(-ECANCELED), HARK_CANCELLED);
        ck_assert_int_eq(hark_status_of_errno(-ENOMEM), HARK_RESOURCE_EXHAUSTED);
        ck_assert_int_eq(hark_status_of_errno(-ECONNRESET), HARK_UNKNOWN);
        ck_assert_int_eq(hark_status_of_errno(-EXDEV), HARK_UNKNOWN);
}
END_TEST

START_TEST(refusals_become_an_errno_of_connecting)
{
        ck_assert_int_eq(hark_errno_of_refusal(HARK_PERMISSION_DENIED), -EACCES);
        ck_assert_int_eq(hark_errno_of_refusal(HARK_RESOURCE_EXHAUSTED), -EDQUOT);
        ck_assert_int_eq(hark_errno_of_refusal(HARK_UNAVAILABLE), -ECONNREFUSED);
        ck_assert_int_eq(hark_errno_of_refusal(HARK_DEADLINE_EXCEEDED), -ETIMEDOUT);
        ck_assert_int_eq(hark_errno_of_refusal(HARK_INVALID_ARGUMENT), -EPROTO);
        ck_assert_int_eq(hark_errno_of_refusal(HARK_APPLICATION + 1), -EACCES);
}
END_TEST

START_TEST(the_library_has_the_version_of_its_header)
{
        char expected[32];

        (void)snprintf(expected, sizeof(expected), "%d.%d.%d", HARK_VERSION_MAJOR,
                       HARK_VERSION_MINOR, HARK_VERSION_PATCH);
        ck_assert_str_eq(hark_version(), expected);
}
END_TEST

FIXTURE_MAIN("result", every_status_has_words_of_its_own, every_errno_has_words,
             prefers_what_the_handler_said, errnos_become_the_nearest_status,
             refusals_become_an_errno_of_connecting, the_library_has_the_version_of_its_header)
