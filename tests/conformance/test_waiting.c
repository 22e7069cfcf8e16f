/* SPDX-License-Identifier: MIT */

/* Calls that wait, inside callbacks too: nobody's callbacks run, all connections go on. The service
 * is apart. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "record.h"
#include "tests.h"

/* --- a service that waits for us -------------------------------------------------------------- */

/* A client whose server keeps what the service asks it: as long as that is so, the service
 * waits. */
struct holder {
        struct rig rig;
        hark_server *serves;
        hark_request *held;
};

static void hold(hark_request *request, void *userdata)
{
        struct holder *holder = userdata;

        ck_assert_ptr_null(holder->held);
        holder->held = hark_request_ref(request);
}

static void serve_nothing_but_hold(struct holder *holder, const struct wishes *wishes)
{
        struct hark_client_params params = {.name = "holder"};
        struct rig *rig = &holder->rig;

        holder->held = NULL;
        rig_serve_apart(rig, wishes);
        kit_assert_good(hark_server_new(rig->loop, NULL, &holder->serves));
        kit_assert_good(hark_server_handle(holder->serves, "hold", hold, holder));
        params.serves = holder->serves;
        rig->client = rig_connect(rig, &params);
}

static void have_it_wait(struct holder *holder, struct ending *waiting)
{
        rig_invoke(&holder->rig, "wait", "60000 hold x", waiting);
        kit_until(holder->rig.loop, holder->held);
}

static void let_it_go_on(struct holder *holder)
{
        kit_assert_good(hark_reply(holder->held, hark_text("done")));
        holder->held = hark_request_unref(holder->held);
}

static void end(struct holder *holder)
{
        rig_end(&holder->rig);
        hark_server_unref(holder->serves);
}

START_TEST(a_handler_that_waits_is_answered_and_runs_nobody_else)
{
        static struct ending echoes[10];
        struct ending waiting = {0};
        struct holder holder;
        uint64_t id = 0;

        serve_nothing_but_hold(&holder, NULL);
        have_it_wait(&holder, &waiting);
        for (size_t i = 0; i < COUNT(echoes); i++)
                id = rig_invoke(&holder.rig, "echo", "x", &echoes[i]);
        kit_assert_good(hark_client_flush(holder.rig.client, KIT_PATIENCE_MS));
        kit_settle(holder.rig.loop);
        for (size_t i = 0; i < COUNT(echoes); i++)
                ck_assert_uint_eq(echoes[i].n, 0);
        kit_assert_good(hark_cancel(holder.rig.client, id));
        kit_assert_good(hark_client_flush(holder.rig.client, KIT_PATIENCE_MS));
        let_it_go_on(&holder);
        rig_expect_end(&holder.rig, &waiting, 0);
        ck_assert_str_eq(waiting.text, "0 0 done");
        for (size_t i = 0; i < COUNT(echoes) - 1; i++)
                rig_expect_end(&holder.rig, &echoes[i], 0);
        rig_expect_end(&holder.rig, &echoes[COUNT(echoes) - 1], -ECANCELED);
        ck_assert_int_eq(rig_count(&holder.rig, "echoed"), COUNT(echoes) - 1);
        ck_assert_int_eq(rig_count(&holder.rig, "meanwhile"), 1);
        end(&holder);
}
END_TEST

START_TEST(other_clients_of_a_handler_that_waits_are_read)
{
        struct ending waiting = {0};
        hark_client *second;
        struct holder holder;

        rig_need_several_clients();
        serve_nothing_but_hold(&holder, NULL);
        second = rig_connect(&holder.rig, NULL);
        have_it_wait(&holder, &waiting);
        kit_assert_good(hark_send(second, "note", hark_text("held back")));
        kit_assert_good(hark_client_flush(second, KIT_PATIENCE_MS));
        ck_assert_uint_eq(waiting.n, 0);
        let_it_go_on(&holder);
        rig_expect_end(&holder.rig, &waiting, 0);
        ck_assert_str_eq(rig_ask(&holder.rig, "log", "%s", ""), "held back;");
        end(&holder);
}
END_TEST

START_TEST(a_handler_s_own_deadline_ends_its_wait)
{
        struct ending waiting = {0};
        struct holder holder;

        serve_nothing_but_hold(&holder, NULL);
        rig_invoke(&holder.rig, "wait", "30 hold x", &waiting);
        rig_expect_end(&holder.rig, &waiting, 0);
        ck_assert_str_eq(waiting.text, "-110 0 ");
        kit_assert_result(hark_reply(holder.held, HARK_NOTHING), -ETIMEDOUT);
        hark_request_unref(holder.held);
        end(&holder);
}
END_TEST

/* What comes while the service waits counts as received; past its limit it is refused, and yet the
 * answer that it waits for gets through. */
START_TEST(past_the_limit_of_what_is_received_requests_are_refused)
{
        static struct ending endings[64];
        struct wishes wishes = {.limits = {.message_size = 64 * 1024, .received_size = 512 * 1024}};
        uint8_t *bytes = kit_pattern((size_t)64 * 1024);
        struct ending waiting = {0};
        unsigned n_refused = 0, n_good = 0;
        struct holder holder;

        serve_nothing_but_hold(&holder, &wishes);
        have_it_wait(&holder, &waiting);
        for (size_t i = 0; i < COUNT(endings); i++)
                kit_assert_good(hark_invoke(holder.rig.client, "echo",
                                            hark_bytes(bytes, (size_t)64 * 1024), KIT_PATIENCE_MS,
                                            rig_note_end, &endings[i], NULL));
        kit_assert_good(hark_client_flush(holder.rig.client, KIT_PATIENCE_MS));
        let_it_go_on(&holder);
        rig_expect_end(&holder.rig, &waiting, 0);
        for (size_t i = 0; i < COUNT(endings); i++) {
                kit_until(holder.rig.loop, endings[i].n == 1);
                n_good += endings[i].result == 0;
                n_refused += endings[i].result == HARK_RESOURCE_EXHAUSTED;
        }
        ck_assert_uint_eq(n_good, 7);
        ck_assert_uint_eq(n_refused, COUNT(endings) - 7);
        ck_assert_str_eq(rig_ask(&holder.rig, "echo", "x"), "x");
        end(&holder);
        free(bytes);
}
END_TEST

START_TEST(past_the_limit_of_what_is_received_notifications_are_a_gap)
{
        struct hark_client_params params = {
                .limits = {.message_size = 64 * 1024, .received_size = 512 * 1024}};
        struct hark_subscribe_params wide = {.max_messages = 10000, .max_size = SIZE_MAX / 4};
        struct record record = {0};
        struct rig rig;

        rig_start_apart(&rig, NULL, &params);
        kit_assert_good(hark_subscribe(rig.client, "a", record_notification, &record, &wide, NULL));
        /* It waits for the answer, and holds back what comes before. */
        kit_assert_good(
                hark_call(rig.client, "publish", hark_text("a 1000 4096"), KIT_PATIENCE_MS, NULL));
        ck_assert_uint_eq(record.n_entries, 0);
        kit_until(rig.loop, record_total(&record) == 1000);
        ck_assert_uint_gt(record.n_lost, 0);
        ck_assert_uint_ge(record.n_delivered, 100);
        kit_assert_result(record.entries[record.n_delivered].reason, -ENOBUFS);
        rig_ask(&rig, "publish", "a");
        kit_until(rig.loop, record_total(&record) == 1001);
        rig_end(&rig);
}
END_TEST

/* --- inside callbacks ------------------------------------------------------------------------- */

struct caller {
        struct rig rig;
        unsigned n_answered;
};

static void call_inside(struct caller *caller)
{
        hark_message *reply = NULL;
        int r = hark_call(caller->rig.client, "echo", hark_text("inside"), KIT_PATIENCE_MS, &reply);

        kit_assert_good(r);
        ck_assert_str_eq(hark_message_text(reply), "inside");
        hark_message_unref(reply);
        kit_assert_result(hark_loop_process(caller->rig.loop, 0), -EDEADLK);
        kit_assert_result(hark_loop_run(caller->rig.loop), -EDEADLK);
        caller->n_answered++;
}

static void in_notification(const struct hark_notification *notification, void *userdata)
{
        if (notification->kind == HARK_NOTIFICATION)
                call_inside(userdata);
}

static void in_reply(int result, hark_message *message, void *userdata)
{
        (void)result, (void)message;
        call_inside(userdata);
}

static void in_post(void *userdata)
{
        call_inside(userdata);
}

START_TEST(a_call_may_wait_inside_any_callback)
{
        struct caller caller = {.n_answered = 0};
        struct rig *rig = &caller.rig;

        rig_start_apart(rig, NULL, NULL);
        kit_assert_good(hark_subscribe(rig->client, "a", in_notification, &caller, NULL, NULL));
        kit_assert_good(hark_invoke(rig->client, "echo", HARK_NOTHING, KIT_PATIENCE_MS, in_reply,
                                    &caller, NULL));
        kit_assert_good(hark_loop_post(rig->loop, in_post, &caller));
        kit_assert_good(hark_loop_add_timer(rig->loop, 1, 0, in_post, &caller, NULL));
        rig_ask(rig, "publish", "a 5");
        kit_until(rig->loop, caller.n_answered == 8);
        rig_end(rig);
}
END_TEST

static void pass_on(hark_request *request, void *userdata)
{
        struct rig *rig = userdata;
        hark_message *reply = NULL;
        int r = hark_call(rig->client, "echo", hark_message_payload(hark_request_message(request)),
                          KIT_PATIENCE_MS, &reply);

        kit_assert_good(r);
        kit_assert_good(hark_reply(request, hark_message_payload(reply)));
        hark_message_unref(reply);
}

START_TEST(a_handler_asks_on_before_it_answers)
{
        struct hark_client_params params = {.name = "onward"};
        struct ending ending = {0};
        hark_server *serves = NULL;
        struct rig rig;

        rig_serve_apart(&rig, NULL);
        kit_assert_good(hark_server_new(rig.loop, NULL, &serves));
        kit_assert_good(hark_server_handle(serves, "onward", pass_on, &rig));
        params.serves = serves;
        rig.client = rig_connect(&rig, &params);
        rig_invoke(&rig, "ask", "onward there and back", &ending);
        rig_expect_end(&rig, &ending, 0);
        ck_assert_str_eq(ending.text, "there and back");
        rig_end(&rig);
        hark_server_unref(serves);
}
END_TEST

CHAPTER(test_waiting, a_handler_that_waits_is_answered_and_runs_nobody_else,
        other_clients_of_a_handler_that_waits_are_read, a_handler_s_own_deadline_ends_its_wait,
        past_the_limit_of_what_is_received_requests_are_refused,
        past_the_limit_of_what_is_received_notifications_are_a_gap,
        a_call_may_wait_inside_any_callback, a_handler_asks_on_before_it_answers)
