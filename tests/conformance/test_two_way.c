/* SPDX-License-Identifier: MIT */

/* Either end of a connection may ask the other: a client answers by the server that it serves. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "record.h"
#include "tests.h"

#define N_BOTH_WAYS 200

static void answer_echo(hark_request *request, void *userdata)
{
        ++*(unsigned *)userdata;
        hark_reply(request, hark_message_payload(hark_request_message(request)));
}

static void answer_no(hark_request *request, void *userdata)
{
        struct hark_payload failure = hark_text("details");

        ++*(unsigned *)userdata;
        failure.status = HARK_APPLICATION + 9;
        failure.error_name = "org.example.Nine";
        failure.error_text = "nine times no";
        failure.encoding = HARK_JSON;
        hark_reply(request, failure);
}

struct couple {
        struct rig rig;
        hark_server *serves;
        unsigned n_asked;
};

static void start(struct couple *couple)
{
        struct hark_client_params params = {.name = "both"};
        struct rig *rig = &couple->rig;

        couple->n_asked = 0;
        rig_serve(rig, NULL);
        kit_assert_good(hark_server_new(rig->loop, NULL, &couple->serves));
        kit_assert_good(hark_server_handle(couple->serves, "echo", answer_echo, &couple->n_asked));
        kit_assert_good(hark_server_handle(couple->serves, "no", answer_no, &couple->n_asked));
        params.serves = couple->serves;
        rig->client = rig_connect(rig, &params);
}

static void end(struct couple *couple)
{
        rig_end(&couple->rig);
        hark_server_unref(couple->serves);
}

START_TEST(a_server_asks_its_client_back)
{
        struct ending ending = {0};
        struct couple couple;

        start(&couple);
        rig_invoke(&couple.rig, "ask", "echo hello", &ending);
        rig_expect_end(&couple.rig, &ending, 0);
        ck_assert_str_eq(ending.text, "hello");
        ck_assert_uint_eq(couple.n_asked, 1);
        end(&couple);
}
END_TEST

static void check_forwarded(int result, hark_message *message, void *userdata)
{
        struct hark_payload failure = hark_message_payload(message);

        kit_assert_result(result, HARK_APPLICATION + 9);
        ck_assert_int_eq(failure.status, HARK_APPLICATION + 9);
        ck_assert_str_eq(failure.error_name, "org.example.Nine");
        ck_assert_str_eq(failure.error_text, "nine times no");
        ck_assert_uint_eq(failure.encoding, HARK_JSON);
        ck_assert_str_eq(hark_message_text(message), "details");
        *(bool *)userdata = true;
}

START_TEST(a_failure_is_passed_on_whole)
{
        struct couple couple;
        bool is_checked = false;

        start(&couple);
        kit_assert_good(hark_invoke(couple.rig.client, "ask", hark_text("no x"), KIT_PATIENCE_MS,
                                    check_forwarded, &is_checked, NULL));
        kit_until(couple.rig.loop, is_checked);
        end(&couple);
}
END_TEST

START_TEST(both_ask_at_once)
{
        static struct ending there[N_BOTH_WAYS], back[N_BOTH_WAYS];
        struct couple couple;

        start(&couple);
        for (int i = 0; i < N_BOTH_WAYS; i++) {
                rig_invoke(&couple.rig, "echo", "there", &there[i]);
                rig_invoke(&couple.rig, "ask", "echo back", &back[i]);
        }
        for (int i = 0; i < N_BOTH_WAYS; i++) {
                rig_expect_end(&couple.rig, &there[i], 0);
                rig_expect_end(&couple.rig, &back[i], 0);
                ck_assert_str_eq(there[i].text, "there");
                ck_assert_str_eq(back[i].text, "back");
        }
        ck_assert_uint_eq(couple.n_asked, N_BOTH_WAYS);
        end(&couple);
}
END_TEST

START_TEST(a_client_that_serves_nothing_says_so)
{
        struct ending ending = {0};
        struct rig rig;

        rig_start(&rig, NULL);
        rig_invoke(&rig, "ask", "echo hello", &ending);
        rig_expect_end(&rig, &ending, HARK_UNIMPLEMENTED);
        rig_end(&rig);
}
END_TEST

START_TEST(a_method_that_the_client_does_not_have_is_unknown_to_it)
{
        struct ending ending = {0};
        struct couple couple;

        start(&couple);
        rig_invoke(&couple.rig, "ask", "other hello", &ending);
        rig_expect_end(&couple.rig, &ending, HARK_UNIMPLEMENTED);
        ck_assert_uint_eq(couple.n_asked, 0);
        end(&couple);
}
END_TEST

START_TEST(a_server_follows_what_its_client_publishes)
{
        struct couple couple;

        start(&couple);
        rig_ask(&couple.rig, "follow", "news.>");
        kit_until(couple.rig.loop, hark_server_has_subscribers(couple.serves, "news.a"));
        ck_assert(!hark_server_has_subscribers(couple.serves, "olds.a"));
        kit_assert_good(hark_server_publish(couple.serves, "news.a", hark_text("one")));
        kit_assert_good(hark_server_publish(couple.serves, "olds.a", hark_text("two")));
        kit_assert_good(hark_server_publish(couple.serves, "news.b.c", hark_text("three")));
        ck_assert_str_eq(rig_ask(&couple.rig, "log", "%s", ""), "1 news.a one;1 news.b.c three;");
        end(&couple);
}
END_TEST

/* What the server asks us while we go is not answered any more, and not waited for. */
START_TEST(a_client_may_leave_while_it_is_asked)
{
        struct ending ending = {0};
        struct couple couple;

        start(&couple);
        kit_assert_good(hark_server_handle(couple.serves, "echo", NULL, NULL));
        rig_invoke(&couple.rig, "ask", "echo hello", &ending);
        kit_assert_good(hark_client_flush(couple.rig.client, KIT_PATIENCE_MS));
        rig_drop(&couple.rig, couple.rig.client);
        ck_assert_uint_eq(ending.n, 1);
        kit_assert_result(ending.result, -ECANCELED);
        end(&couple);
}
END_TEST

START_TEST(a_server_that_is_served_goes_before_its_client)
{
        struct ending ending = {0};
        struct couple couple;

        start(&couple);
        couple.serves = hark_server_unref(couple.serves);
        rig_invoke(&couple.rig, "ask", "echo hello", &ending);
        rig_expect_end(&couple.rig, &ending, 0); /* the client holds it */
        end(&couple);
}
END_TEST

CHAPTER(test_two_way, a_server_asks_its_client_back, a_failure_is_passed_on_whole, both_ask_at_once,
        a_client_that_serves_nothing_says_so,
        a_method_that_the_client_does_not_have_is_unknown_to_it,
        a_server_follows_what_its_client_publishes, a_client_may_leave_while_it_is_asked,
        a_server_that_is_served_goes_before_its_client)
