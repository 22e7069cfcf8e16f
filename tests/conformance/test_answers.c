/* SPDX-License-Identifier: MIT */

/* Answers: at once, later, not at all, twice, and no. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests.h"

/* Asks, expecting a status. @return the answer, yours to let go of */
static hark_message *ask_and_fail(struct rig *rig, const char *method, const char *text, int status)
{
        hark_message *reply = NULL;
        int r = rig_call(rig, method, hark_text(text), KIT_PATIENCE_MS, &reply);

        kit_assert_result(r, status);
        ck_assert_ptr_nonnull(reply);
        return reply;
}

START_TEST(an_unknown_method_says_so)
{
        struct rig rig;
        hark_message *reply;

        rig_start(&rig, NULL);
        reply = ask_and_fail(&rig, "no.such.method", "", HARK_UNIMPLEMENTED);
        ck_assert_uint_eq(hark_message_size(reply), 0);
        hark_message_unref(reply);
        rig_end(&rig);
}
END_TEST

START_TEST(a_handler_that_forgets_is_told_of)
{
        struct rig rig;

        rig_start(&rig, NULL);
        hark_message_unref(ask_and_fail(&rig, "forget", "", HARK_NOT_ANSWERED));
        rig_end(&rig);
}
END_TEST

START_TEST(a_failure_arrives_with_status_name_text_and_payload)
{
        struct hark_payload failure;
        hark_message *reply;
        struct rig rig;

        rig_start(&rig, NULL);
        reply = ask_and_fail(&rig, "fail", "1042 org.example.Jammed the door is jammed", 1042);
        failure = hark_message_payload(reply);
        ck_assert_int_eq(failure.status, 1042);
        ck_assert_str_eq(failure.error_name, "org.example.Jammed");
        ck_assert_str_eq(failure.error_text, "the door is jammed");
        ck_assert_str_eq(hark_reason(1042, reply), "the door is jammed");
        ck_assert_str_eq(hark_message_text(reply), "details");
        hark_message_unref(reply);
        rig_end(&rig);
}
END_TEST

START_TEST(a_failure_s_text_is_formatted)
{
        hark_message *reply;
        struct rig rig;

        rig_start(&rig, NULL);
        reply = ask_and_fail(&rig, "failf", "", HARK_APPLICATION + 3);
        ck_assert_str_eq(hark_reason(HARK_APPLICATION + 3, reply), "seven: 7");
        hark_message_unref(reply);
        rig_end(&rig);
}
END_TEST

START_TEST(what_failed_further_on_is_a_status_and_no_errno_of_ours)
{
        static const struct {
                int error;
                const char *text;
                int status;
        } examples[] = {
                {-ETIMEDOUT, "-110", HARK_DEADLINE_EXCEEDED},
                {-ENOTCONN, "-107", HARK_UNAVAILABLE},
                {-ECONNRESET, "-104", 0}, /* some status, but not a good one */
                {-ENOENT, "-2", HARK_NOT_FOUND},
                {-EACCES, "-13", HARK_PERMISSION_DENIED},
        };
        struct rig rig;

        rig_start(&rig, NULL);
        for (size_t i = 0; i < COUNT(examples); i++) {
                hark_message *reply = NULL;
                int r = rig_call(&rig, "fail_errno", hark_text(examples[i].text), KIT_PATIENCE_MS,
                                 &reply);

                ck_assert_int_eq(atoi(examples[i].text), examples[i].error);
                ck_assert_int_gt(r, 0);
                if (examples[i].status > 0)
                        ck_assert_int_eq(r, examples[i].status);
                ck_assert_str_eq(hark_reason(r, reply), hark_reason(examples[i].error, NULL));
                hark_message_unref(reply);
        }
        rig_end(&rig);
}
END_TEST

START_TEST(a_reply_that_the_client_does_not_take_has_its_own_status)
{
        struct hark_client_params params = {.limits = {.message_size = 4096}};
        hark_message *reply = NULL;
        struct rig rig;

        rig_serve(&rig, NULL);
        rig.client = rig_connect(&rig, &params);
        kit_assert_good(rig_call(&rig, "large", hark_text("4096"), KIT_PATIENCE_MS, &reply));
        ck_assert_uint_eq(hark_message_size(reply), 4096);
        hark_message_unref(reply);
        hark_message_unref(ask_and_fail(&rig, "large", "4097", HARK_REPLY_TOO_LARGE));
        ck_assert_int_eq(rig_count(&rig, "large"), -EMSGSIZE);
        rig_end(&rig);
}
END_TEST

START_TEST(the_second_answer_is_refused_and_does_not_arrive)
{
        struct rig rig;

        rig_start(&rig, NULL);
        ck_assert_str_eq(rig_ask(&rig, "twice", "%s", ""), "first");
        ck_assert_int_eq(rig_count(&rig, "twice"), -EALREADY);
        rig_end(&rig);
}
END_TEST

START_TEST(an_answer_may_come_from_a_timer)
{
        struct rig rig;

        rig_start(&rig, NULL);
        ck_assert_str_eq(rig_ask(&rig, "later", "%s", "hello"), "hello");
        rig_end(&rig);
}
END_TEST

START_TEST(an_answer_may_come_after_a_post_from_another_thread)
{
        struct rig rig;

        rig_start(&rig, NULL);
        for (int i = 0; i < 20; i++)
                ck_assert_str_eq(rig_ask(&rig, "thread", "%s", "hello"), "hello");
        rig_end(&rig);
}
END_TEST

/* --- kept ------------------------------------------------------------------------------------- */

START_TEST(a_request_that_was_kept_and_let_go_of_is_told_of)
{
        struct ending end = {0};
        struct rig rig;

        rig_start(&rig, NULL);
        rig_invoke(&rig, "keep", "", &end);
        rig_ask(&rig, "let_go", "%s", "");
        rig_expect_end(&rig, &end, HARK_NOT_ANSWERED);
        ck_assert_int_eq(rig_count(&rig, "cancelled"), 0);
        rig_end(&rig);
}
END_TEST

/* The service must know that the first client has gone before it is asked by the second. */
static void kept_beyond_death(const char *keep, int n_cancelled)
{
        struct ending end = {0};
        hark_client *second;
        struct rig rig;

        rig_need_several_clients();
        rig_start(&rig, NULL);
        second = rig_connect(&rig, NULL);
        rig_invoke(&rig, keep, "", &end);
        ck_assert_int_eq(rig_count(&rig, "kept"), 1);
        rig_drop(&rig, rig.client);
        ck_assert_uint_eq(end.n, 1);
        kit_assert_result(end.result, -ECANCELED);
        rig.client = second;
        while (rig_count(&rig, "left") == 0)
                ;
        ck_assert_int_eq(rig_count(&rig, "cancelled"), n_cancelled);
        if (n_cancelled > 0)
                ck_assert(rig_count(&rig, "cancel_reason") == -ECANCELED ||
                          rig_count(&rig, "cancel_reason") == -ECONNRESET);
        rig_ask(&rig, "answer", "%s", "");
        if (n_cancelled == 0)
                ck_assert(rig_count(&rig, "answered") == -ECANCELED ||
                          rig_count(&rig, "answered") == -ECONNRESET);
        rig_end(&rig);
}

START_TEST(a_request_may_be_kept_beyond_its_peer)
{
        kept_beyond_death("keep_quietly", 0);
}
END_TEST

START_TEST(a_watched_request_hears_of_its_peer_s_end)
{
        kept_beyond_death("keep", 1);
}
END_TEST

CHAPTER(test_answers, an_unknown_method_says_so, a_handler_that_forgets_is_told_of,
        a_failure_arrives_with_status_name_text_and_payload, a_failure_s_text_is_formatted,
        what_failed_further_on_is_a_status_and_no_errno_of_ours,
        a_reply_that_the_client_does_not_take_has_its_own_status,
        the_second_answer_is_refused_and_does_not_arrive, an_answer_may_come_from_a_timer,
        an_answer_may_come_after_a_post_from_another_thread,
        a_request_that_was_kept_and_let_go_of_is_told_of, a_request_may_be_kept_beyond_its_peer,
        a_watched_request_hears_of_its_peer_s_end)
