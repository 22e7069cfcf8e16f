/* SPDX-License-Identifier: MIT */

/* Rules: what none allows is refused, and says what refused it; only who asked for it notices. */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "record.h"
#include "tests.h"

struct refusals {
        unsigned n;
        int status;
        char name[64], text[256];
};

static void on_refused(hark_client *client, const char *name, int status,
                       const hark_message *message, void *userdata)
{
        struct refusals *refusals = userdata;

        (void)client;
        refusals->n++;
        refusals->status = status;
        snprintf(refusals->name, sizeof(refusals->name), "%s", name);
        snprintf(refusals->text, sizeof(refusals->text), "%s", hark_reason(status, message));
}

/* A service with these rules, and a client. */
static void start_with(struct rig *rig, struct refusals *refusals, const struct wishes *wishes)
{
        struct hark_client_params params = {.on_refused = on_refused, .userdata = refusals};

        *refusals = (struct refusals){.n = 0};
        rig_serve(rig, wishes);
        rig->client = rig_connect(rig, &params);
}

/* Asks, is refused, and hears why. */
static void expect_refused(struct rig *rig, const char *method, const char *why)
{
        hark_message *reply = NULL;

        kit_assert_result(rig_call(rig, method, hark_text("x"), KIT_PATIENCE_MS, &reply),
                          HARK_PERMISSION_DENIED);
        ck_assert_msg(strstr(hark_reason(HARK_PERMISSION_DENIED, reply), why), "%s",
                      hark_reason(HARK_PERMISSION_DENIED, reply));
        hark_message_unref(reply);
}

START_TEST(a_call_that_no_rule_allows_is_refused)
{
        struct wishes wishes = {.rules = "call echo anyone;call count anyone;call note uid=65432;"};
        struct refusals refusals;
        struct rig rig;

        start_with(&rig, &refusals, &wishes);
        ck_assert_str_eq(rig_ask(&rig, "echo", "a"), "a");
        expect_refused(&rig, "who", "no rule allows ");
        expect_refused(&rig, "who", " to call who");
        expect_refused(&rig, "note", "rule \"call note uid=65432\" does not allow ");
        expect_refused(&rig, "no.such.method", "no rule allows ");
        kit_assert_good(hark_send(rig.client, "note", hark_text("x")));
        kit_until(rig.loop, refusals.n == 1);
        ck_assert_int_eq(refusals.status, HARK_PERMISSION_DENIED);
        ck_assert_str_eq(refusals.name, "note");
        ck_assert_ptr_nonnull(strstr(refusals.text, "rule \"call note uid=65432\""));
        ck_assert_str_eq(rig_ask(&rig, "echo", "b"), "b");
        ck_assert_int_eq(rig_count(&rig, "echoed"), 2);
        rig_end(&rig);
}
END_TEST

START_TEST(a_subscription_needs_one_rule_for_all_of_it)
{
        struct wishes wishes = {
                .rules = "call > anyone;subscribe news.* anyone;subscribe news.local.* anyone;"};
        struct record records[4] = {{.n_entries = 0}};
        static const char *const filters[] = {"news.>", "*.local", "news.*", "news.local.now"};
        struct refusals refusals;
        struct rig rig;

        start_with(&rig, &refusals, &wishes);
        for (size_t i = 0; i < COUNT(filters); i++)
                record_subscribe(&records[i], rig.client, filters[i]);
        kit_until(rig.loop, records[0].is_over && records[1].is_over);
        ck_assert_int_eq(records[0].reason, HARK_PERMISSION_DENIED);
        ck_assert_int_eq(records[1].reason, HARK_PERMISSION_DENIED);
        rig_ask(&rig, "publish", "news.local 1");
        rig_ask(&rig, "publish", "news.local.now 1");
        kit_until(rig.loop, records[2].n_delivered == 1 && records[3].n_delivered == 1);
        ck_assert(!records[2].is_over && !records[3].is_over);
        ck_assert_uint_eq(records[0].n_delivered + records[1].n_delivered, 0);
        rig_end(&rig);
}
END_TEST

START_TEST(a_publication_that_no_rule_allows_reaches_nobody)
{
        struct wishes wishes = {.is_hub = true,
                                .rules = "call > anyone;subscribe > anyone;publish open.* anyone;"};
        struct record record = {.n_entries = 0};
        struct refusals refusals;
        struct rig rig;

        start_with(&rig, &refusals, &wishes);
        record_subscribe(&record, rig.client, ">");
        kit_assert_good(hark_publish(rig.client, "shut.a", HARK_NOTHING));
        kit_assert_good(hark_publish(rig.client, "open.a", HARK_NOTHING));
        kit_until(rig.loop, refusals.n == 1 && record.n_delivered == 1);
        ck_assert_int_eq(refusals.status, HARK_PERMISSION_DENIED);
        ck_assert_str_eq(refusals.name, "shut.a");
        ck_assert_str_eq(record.entries[0].topic, "open.a");
        rig_end(&rig);
}
END_TEST

START_TEST(a_rule_to_publish_makes_no_hub)
{
        struct wishes wishes = {.rules = "all > anyone;"};
        struct refusals refusals;
        struct rig rig;

        start_with(&rig, &refusals, &wishes);
        kit_assert_good(hark_publish(rig.client, "a", HARK_NOTHING));
        kit_until(rig.loop, refusals.n == 1);
        ck_assert_int_eq(refusals.status, HARK_UNIMPLEMENTED);
        rig_end(&rig);
}
END_TEST

/* Each rule names who this process is: it holds where the kernel says so, and nowhere else. */
START_TEST(a_user_is_one_only_where_the_kernel_vouches_for_it)
{
        static const char *const whos[] = {"uid", "gid", "self"};

        for (size_t i = 0; i < COUNT(whos); i++) {
                struct wishes wishes = {.connections = 0};
                struct refusals refusals;
                struct rig rig;
                char who[40];

                snprintf(who, sizeof(who), "%s=%u", whos[i], i == 0 ? geteuid() : getegid());
                snprintf(wishes.rules, sizeof(wishes.rules), "call echo %s;",
                         i == 2 ? whos[i] : who);
                start_with(&rig, &refusals, &wishes);
                if (rig_service_can(HARK_CAN_IDENTIFY))
                        ck_assert_str_eq(rig_ask(&rig, "echo", "me"), "me");
                else
                        expect_refused(&rig, "echo", "does not allow an unknown user to call echo");
                rig_end(&rig);
        }
}
END_TEST

START_TEST(who_is_refused_is_refused_alone)
{
        struct wishes wishes = {.rules = "call echo anyone;call count anyone;"};
        struct ending endings[100] = {{0}};
        struct refusals refusals;
        hark_client *other;
        struct rig rig;

        rig_need_several_clients();
        start_with(&rig, &refusals, &wishes);
        other = rig_connect(&rig, NULL);
        for (size_t i = 0; i < COUNT(endings); i++) {
                kit_assert_good(hark_invoke(other, i % 2 ? "who" : "echo", hark_text("x"),
                                            KIT_PATIENCE_MS, rig_note_end, &endings[i], NULL));
                ck_assert_str_eq(rig_ask(&rig, "echo", "good"), "good");
        }
        for (size_t i = 0; i < COUNT(endings); i++)
                rig_expect_end(&rig, &endings[i], i % 2 ? HARK_PERMISSION_DENIED : 0);
        rig_end(&rig);
}
END_TEST

START_TEST(where_rules_only_report_all_passes)
{
        struct wishes wishes = {
                .is_hub = true, .rules_only_report = true, .rules = "call a uid=65432;"};
        struct record record = {.n_entries = 0};
        struct refusals refusals;
        struct rig rig;

        start_with(&rig, &refusals, &wishes);
        ck_assert_str_eq(rig_ask(&rig, "echo", "a"), "a");
        record_subscribe(&record, rig.client, ">");
        kit_assert_good(hark_publish(rig.client, "b", HARK_NOTHING));
        kit_until(rig.loop, record.n_delivered == 1);
        ck_assert_uint_eq(refusals.n, 0);
        rig_end(&rig);
}
END_TEST

/* A client that serves has rules as well: for the server that it is connected to. */
static void answer(hark_request *request, void *userdata)
{
        (void)userdata;
        hark_reply(request, hark_text("answered"));
}

START_TEST(a_client_that_serves_has_rules_too)
{
        struct hark_client_params params = {.name = "both"};
        struct ending good = {0}, bad = {0};
        struct rig rig;

        rig_serve(&rig, NULL);
        kit_assert_good(hark_server_new(rig.loop, NULL, &params.serves));
        kit_assert_good(hark_server_handle(params.serves, ">", answer, NULL));
        kit_assert_good(hark_server_allow(params.serves, "call open anyone"));
        rig.client = rig_connect(&rig, &params);
        rig_invoke(&rig, "ask", "open", &good);
        rig_invoke(&rig, "ask", "shut", &bad);
        rig_expect_end(&rig, &good, 0);
        rig_expect_end(&rig, &bad, HARK_PERMISSION_DENIED);
        ck_assert_str_eq(good.text, "answered");
        rig_end(&rig);
        hark_server_unref(params.serves);
}
END_TEST

CHAPTER(test_rules, a_call_that_no_rule_allows_is_refused,
        a_subscription_needs_one_rule_for_all_of_it,
        a_publication_that_no_rule_allows_reaches_nobody, a_rule_to_publish_makes_no_hub,
        a_user_is_one_only_where_the_kernel_vouches_for_it, who_is_refused_is_refused_alone,
        where_rules_only_report_all_passes, a_client_that_serves_has_rules_too)
