/* SPDX-License-Identifier: MIT */

/* What is sent again, and what waits to be sent, when a server has gone away and come back. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests.h"

#define SHORT_MS 40 /* what is to be waited for in vain */

/* What a client was told. */
struct told {
        unsigned n_lost_calls, n_room;
        uint64_t n_dropped, n_unknown;
};

static void on_lost(hark_client *client, uint64_t n_dropped, uint64_t n_unknown, void *userdata)
{
        struct told *told = userdata;

        (void)client;
        kit_assert(n_dropped + n_unknown > 0);
        told->n_lost_calls++;
        told->n_dropped += n_dropped;
        told->n_unknown += n_unknown;
}

static void on_room(hark_client *client, void *userdata)
{
        struct told *told = userdata;

        (void)client;
        told->n_room++;
}

static struct hark_client_params listen_to(struct told *told)
{
        return (struct hark_client_params){.on_lost = on_lost,
                                           .on_room = on_room,
                                           .userdata = told,
                                           .retry_min_ms = 1,
                                           .retry_max_ms = 50,
                                           .outbox_size = 1 << 20};
}

/* That of exec: is a new one each time. */
static void find_service(struct rig *rig)
{
        if (!rig->service && !rig->is_forked)
                rig->pid = (pid_t)strtol(rig_ask(rig, "pid", "%s", ""), NULL, 10);
}

static void start(struct rig *rig, const struct hark_client_params *params)
{
        rig_serve(rig, NULL);
        rig->client = rig_connect(rig, params);
        find_service(rig);
}

static void lose(struct rig *rig)
{
        rig_go_away(rig);
        kit_until(rig->loop, hark_client_state(rig->client) != HARK_CONNECTED);
}

static void come_back(struct rig *rig)
{
        rig_come_back(rig);
        kit_until(rig->loop, hark_client_state(rig->client) == HARK_CONNECTED);
        find_service(rig);
}

/* --- calls that are sent again ---------------------------------------------------------------- */

static void keep_again(struct rig *rig, int timeout_ms, struct ending *ending)
{
        struct hark_payload payload = hark_text("kept");

        payload.is_idempotent = true;
        kit_assert_good(
                hark_invoke(rig->client, "keep", payload, timeout_ms, rig_note_end, ending, NULL));
        ck_assert_int_eq(rig_count(rig, "kept"), 1);
}

static void need_death(void)
{
        if (setting.is_here)
                fixture_skip("a service that is here answers all before it goes");
        if (!rig_can_come_back())
                fixture_skip("nobody can come again: there is no address to return to");
}

START_TEST(an_idempotent_call_is_asked_again)
{
        struct ending kept = {0};
        struct hark_client_params params = {.retry_min_ms = 1};
        struct rig rig;

        need_death();
        start(&rig, &params);
        keep_again(&rig, KIT_PATIENCE_MS, &kept);
        for (int i = 0; i < 3; i++) {
                lose(&rig);
                come_back(&rig);
                ck_assert_int_eq(rig_count(&rig, "kept"), 1);
        }
        ck_assert_uint_eq(kept.n, 0);
        rig_ask(&rig, "answer", "%s", "");
        rig_expect_end(&rig, &kept, 0);
        ck_assert_str_eq(kept.text, "kept");
        rig_end(&rig);
}
END_TEST

START_TEST(a_large_idempotent_call_is_asked_again_whole)
{
        struct hark_payload payload = {.size = 200000, .is_idempotent = true};
        uint8_t *bytes = kit_pattern(payload.size);
        struct ending kept = {0};
        struct hark_client_params params = {.retry_min_ms = 1};
        hark_message *reply = NULL;
        struct rig rig;

        need_death();
        payload.data = bytes;
        start(&rig, &params);
        kit_assert_good(hark_invoke(rig.client, "keep", payload, KIT_PATIENCE_MS, rig_note_end,
                                    &kept, NULL));
        ck_assert_int_eq(rig_count(&rig, "kept"), 1);
        lose(&rig);
        come_back(&rig);
        kit_assert_good(rig_call(&rig, "echo", payload, KIT_PATIENCE_MS, &reply));
        ck_assert_mem_eq(hark_message_data(reply), bytes, payload.size);
        ck_assert_int_eq(rig_count(&rig, "kept"), 1);
        rig_ask(&rig, "answer", "%s", "");
        rig_expect_end(&rig, &kept, 0);
        hark_message_unref(reply);
        free(bytes);
        rig_end(&rig);
}
END_TEST

START_TEST(an_idempotent_call_keeps_its_deadline)
{
        struct ending kept = {0};
        struct hark_client_params params = {.retry_min_ms = 1};
        struct rig rig;

        need_death();
        rig_need_address_to_return_to();
        start(&rig, &params);
        keep_again(&rig, SHORT_MS * 10, &kept);
        lose(&rig);
        /* It may have been carried out by the first server. */
        rig_expect_end(&rig, &kept, -ETIMEDOUT);
        come_back(&rig);
        ck_assert_int_eq(rig_count(&rig, "kept"), 0);
        rig_end(&rig);
}
END_TEST

START_TEST(an_idempotent_call_of_a_one_shot_client_ends)
{
        struct ending kept = {0};
        struct rig rig;

        need_death();
        start(&rig, &rig_one_shot);
        keep_again(&rig, KIT_PATIENCE_MS, &kept);
        lose(&rig);
        rig_expect_end(&rig, &kept, -ECONNRESET);
        rig_end(&rig);
}
END_TEST

struct watcher {
        hark_client *client;
        uint64_t id;
        unsigned n_items;
        struct ending ending;
};

/* The first item stops the flow, so that the handler is held up with the rest. */
static void watch_items(int result, hark_message *message, void *userdata)
{
        struct watcher *watcher = userdata;

        if (result != HARK_MORE) {
                rig_note_end(result, message, &watcher->ending);
                return;
        }
        if (watcher->n_items++ == 0)
                kit_assert_good(hark_pause(watcher->client, watcher->id, true));
}

START_TEST(an_idempotent_call_is_not_asked_again_when_an_item_has_come)
{
        struct hark_payload payload = hark_text("100 1000 0");
        struct hark_client_params params = {.retry_min_ms = 1, .limits = {.window_size = 4096}};
        struct watcher watcher = {.n_items = 0};
        struct rig rig;

        need_death();
        payload.is_idempotent = true;
        start(&rig, &params);
        watcher.client = rig.client;
        kit_assert_good(hark_observe(rig.client, "items", payload, KIT_PATIENCE_MS, watch_items,
                                     &watcher, &watcher.id));
        kit_until(rig.loop, watcher.n_items == 1);
        lose(&rig);
        come_back(&rig);
        /* Where nothing more had come, no item keeps the end back. */
        if (watcher.ending.n == 0)
                kit_assert_good(hark_pause(rig.client, watcher.id, false));
        rig_expect_end(&rig, &watcher.ending, -ECONNRESET);
        ck_assert_uint_lt(watcher.n_items, 100);
        rig_end(&rig);
}
END_TEST

START_TEST(a_stream_that_is_asked_for_while_away_flows_on_return)
{
        struct hark_client_params params = {.retry_min_ms = 1, .wait_ms = HARK_FOREVER};
        struct watcher watcher = {.n_items = 1};
        struct rig rig;

        rig_need_address_to_return_to();
        start(&rig, &params);
        lose(&rig);
        kit_assert_good(hark_observe(rig.client, "items", hark_text("50 1000 0"), KIT_PATIENCE_MS,
                                     watch_items, &watcher, NULL));
        come_back(&rig);
        rig_expect_end(&rig, &watcher.ending, 0);
        ck_assert_uint_eq(watcher.n_items, 51);
        rig_end(&rig);
}
END_TEST

START_TEST(letting_go_ends_what_would_be_asked_again)
{
        struct ending kept = {0};
        struct hark_client_params params = {.retry_min_ms = 1};
        struct rig rig;

        need_death();
        rig_need_address_to_return_to();
        start(&rig, &params);
        keep_again(&rig, KIT_PATIENCE_MS, &kept);
        lose(&rig);
        rig_drop(&rig, rig.client);
        ck_assert_uint_eq(kept.n, 1);
        kit_assert_result(kept.result, -ECANCELED);
        rig_end(&rig);
}
END_TEST

/* --- what waits in the outbox ----------------------------------------------------------------- */

static void send_note(struct rig *rig, const char *text)
{
        kit_assert_good(hark_send(rig->client, "note", hark_text(text)));
}

START_TEST(what_is_sent_while_away_arrives_in_order_and_before_the_rest)
{
        struct told told = {0};
        struct hark_client_params params = listen_to(&told);
        struct ending call = {0};
        struct rig rig;

        rig_need_address_to_return_to();
        params.wait_ms = HARK_FOREVER;
        start(&rig, &params);
        lose(&rig);
        send_note(&rig, "one");
        rig_invoke(&rig, "note", "two", &call);
        send_note(&rig, "three");
        come_back(&rig);
        send_note(&rig, "four");
        ck_assert_str_eq(rig_ask(&rig, "log", "%s", ""), "one;two;three;four;");
        ck_assert_uint_eq(told.n_lost_calls, 0);
        rig_end(&rig);
}
END_TEST

START_TEST(what_is_published_while_away_arrives)
{
        struct told told = {0};
        struct hark_client_params params = listen_to(&told);
        struct wishes wishes = {.is_hub = true, .notes_publications = true};
        struct rig rig;

        rig_need_address_to_return_to();
        rig_serve(&rig, &wishes);
        rig.client = rig_connect(&rig, &params);
        lose(&rig);
        kit_assert_good(hark_publish(rig.client, "a", hark_text("x")));
        kit_assert_good(hark_publish(rig.client, "b", hark_text("y")));
        come_back(&rig);
        ck_assert_str_eq(rig_ask(&rig, "log", "%s", ""), "x;y;");
        rig_end(&rig);
}
END_TEST

START_TEST(a_full_outbox_says_so_and_when_it_is_not)
{
        struct told told = {0};
        struct hark_client_params params = listen_to(&told);
        unsigned n = 0;
        struct rig rig;
        int r;

        rig_need_address_to_return_to();
        params.outbox_size = 4096;
        start(&rig, &params);
        lose(&rig);
        while ((r = hark_send(rig.client, "count_this", HARK_NOTHING)) == 0)
                n++;
        kit_assert_result(r, -EAGAIN);
        ck_assert_uint_ge(n, 2);
        ck_assert_uint_le(n, 16);
        kit_settle(rig.loop);
        ck_assert_uint_eq(told.n_room, 0);
        come_back(&rig);
        kit_until(rig.loop, told.n_room == 1);
        kit_assert_good(hark_send(rig.client, "note", HARK_NOTHING));
        rig_end(&rig);
}
END_TEST

START_TEST(letting_go_makes_no_room)
{
        struct told told = {0};
        struct hark_client_params params = listen_to(&told);
        struct rig rig;

        rig_need_address_to_return_to();
        params.outbox_size = 4096;
        start(&rig, &params);
        lose(&rig);
        while (hark_send(rig.client, "note", HARK_NOTHING) == 0)
                ;
        rig_drop(&rig, rig.client);
        kit_assert(told.n_dropped > 0);
        ck_assert_uint_eq(told.n_room, 0);
        rig_end(&rig);
}
END_TEST

START_TEST(what_waits_when_the_client_is_let_go_of_is_told_as_dropped)
{
        struct told told = {0};
        struct hark_client_params params = listen_to(&told);
        struct rig rig;

        rig_need_address_to_return_to();
        start(&rig, &params);
        lose(&rig);
        send_note(&rig, "one");
        send_note(&rig, "two");
        rig_drop(&rig, rig.client);
        ck_assert_uint_eq(told.n_lost_calls, 1);
        ck_assert_uint_eq(told.n_dropped, 2);
        ck_assert_uint_eq(told.n_unknown, 0);
        rig_end(&rig);
}
END_TEST

/* --- what was under way ----------------------------------------------------------------------- */

/* The service stands still, so that what is sent fills all that lies between. */
static unsigned send_into_the_dark(struct rig *rig)
{
        static const uint8_t bytes[4096];
        unsigned n = 0;
        int r;

        rig_freeze(rig);
        do {
                r = hark_send(rig->client, "count_this", hark_bytes(bytes, sizeof(bytes)));
                n += r == 0;
                if (r == -EAGAIN)
                        kit_settle(rig->loop);
        } while (r == 0 || hark_send(rig->client, "count_this", HARK_NOTHING) == 0);
        kit_assert_result(r, -EAGAIN);
        return n;
}

static void need_freezing(void)
{
        need_death();
        rig_need_address_to_return_to();
}

START_TEST(each_send_is_accounted_for_when_a_server_is_killed)
{
        struct told told = {0};
        struct hark_client_params params = listen_to(&told);
        long n_sent = 0;
        struct rig rig;

        need_freezing();
        params.outbox_size = 0;
        params.limits.queue_size = 65536;
        rig_start_apart(&rig, NULL, &params);
        for (int i = 0; i < 10; i++)
                send_note(&rig, "read");
        rig_ask(&rig, "echo", "behind them");
        n_sent = send_into_the_dark(&rig);
        rig_kill(&rig);
        kit_until(rig.loop, told.n_lost_calls == 1);
        ck_assert_uint_gt(told.n_dropped, 0);
        ck_assert_uint_gt(told.n_unknown, 0);
        ck_assert_int_ge((long)(told.n_dropped + told.n_unknown), n_sent);
        rig_end(&rig);
}
END_TEST

START_TEST(what_has_not_left_is_sent_on_return_and_nothing_else)
{
        struct told told = {0};
        struct hark_client_params params = listen_to(&told);
        struct rig rig;
        unsigned n = 0;
        char log[4096] = "";

        need_freezing();
        params.limits.queue_size = 65536;
        rig_start_apart(&rig, NULL, &params);
        send_into_the_dark(&rig);
        while (n < 10 && hark_send(rig.client, "note", hark_text("x")) == -EAGAIN)
                n++;
        rig_kill(&rig);
        kit_until(rig.loop, told.n_lost_calls == 1);
        ck_assert_uint_eq(told.n_dropped, 0);
        ck_assert_uint_gt(told.n_unknown, 0);
        send_note(&rig, "last");
        come_back(&rig);
        snprintf(log, sizeof(log), "%s", rig_ask(&rig, "log", "%s", ""));
        ck_assert_str_eq(log, "last;");
        rig_end(&rig);
}
END_TEST

START_TEST(what_is_known_to_have_been_read_is_not_told)
{
        struct told told = {0};
        struct hark_client_params params = listen_to(&told);
        struct rig rig;

        need_freezing();
        start(&rig, &params);
        send_note(&rig, "read");
        kit_assert_good(hark_client_flush(rig.client, KIT_PATIENCE_MS));
        lose(&rig);
        kit_settle(rig.loop);
        ck_assert_uint_eq(told.n_lost_calls, 0);
        come_back(&rig);
        send_note(&rig, "read");
        rig_ask(&rig, "echo", "behind it");
        lose(&rig);
        kit_settle(rig.loop);
        ck_assert_uint_eq(told.n_lost_calls, 0);
        rig_end(&rig);
}
END_TEST

CHAPTER(test_outbox, an_idempotent_call_is_asked_again,
        a_large_idempotent_call_is_asked_again_whole, an_idempotent_call_keeps_its_deadline,
        an_idempotent_call_of_a_one_shot_client_ends,
        an_idempotent_call_is_not_asked_again_when_an_item_has_come,
        a_stream_that_is_asked_for_while_away_flows_on_return,
        letting_go_ends_what_would_be_asked_again,
        what_is_sent_while_away_arrives_in_order_and_before_the_rest,
        what_is_published_while_away_arrives, a_full_outbox_says_so_and_when_it_is_not,
        letting_go_makes_no_room, what_waits_when_the_client_is_let_go_of_is_told_as_dropped,
        each_send_is_accounted_for_when_a_server_is_killed,
        what_has_not_left_is_sent_on_return_and_nothing_else,
        what_is_known_to_have_been_read_is_not_told)
