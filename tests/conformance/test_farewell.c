/* SPDX-License-Identifier: MIT */

/* Coming and going in good order: admission, goodbyes, letting go. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests.h"

struct states {
        unsigned n_connected, n_closed;
        int reason;
};

static void on_state(hark_client *client, int state, int reason, void *userdata)
{
        struct states *states = userdata;

        ck_assert_int_eq(hark_client_state(client), state);
        states->n_connected += state == HARK_CONNECTED;
        states->n_closed += state == HARK_CLOSED;
        states->reason = reason;
}

/* --- coming ----------------------------------------------------------------------------------- */

START_TEST(a_client_is_told_that_it_is_connected_once)
{
        struct states states = {0};
        struct hark_client_params params = {.on_state = on_state, .userdata = &states};
        struct rig rig;

        rig_serve(&rig, NULL);
        rig.client = rig_connect(&rig, &params);
        rig_ask(&rig, "echo", "x");
        kit_settle(rig.loop);
        ck_assert_uint_eq(states.n_connected, 1);
        ck_assert_int_eq(states.reason, 0);
        rig_end(&rig);
        ck_assert_uint_eq(states.n_closed, 0); /* what we do ourselves we know */
}
END_TEST

/* Asks to come in, with something to say already. */
static int come_in(struct rig *rig, const char *name, struct ending *ending)
{
        struct states states = {0};
        struct hark_client_params params = {
                .on_state = on_state, .userdata = &states, .name = name};
        hark_client *client = NULL;

        kit_assert_good(rig_begin_connect(rig, rig->loop, &params, &client));
        kit_assert_good(hark_send(client, "note", hark_text(name)));
        kit_assert_good(hark_publish(client, "a", hark_text(name)));
        kit_assert_good(hark_invoke(client, "echo", HARK_NOTHING, KIT_PATIENCE_MS, rig_note_end,
                                    ending, NULL));
        kit_until(rig->loop, states.n_connected + states.n_closed > 0 && ending->n > 0);
        hark_client_unref(client);
        return states.n_closed > 0 ? states.reason : 0;
}

START_TEST(a_hook_decides_who_comes_in)
{
        static const struct {
                int status, result;
        } examples[] = {
                {HARK_PERMISSION_DENIED, -EACCES}, {HARK_UNAUTHENTICATED, -EACCES},
                {HARK_APPLICATION + 1, -EACCES},   {HARK_RESOURCE_EXHAUSTED, -EDQUOT},
                {HARK_UNAVAILABLE, -ECONNREFUSED}, {-1, -EACCES},
        };

        for (size_t i = 0; i < COUNT(examples); i++) {
                struct wishes wishes = {.accept_status = examples[i].status};
                struct ending refused = {0}, admitted = {0};
                struct rig rig;

                rig_serve(&rig, &wishes);
                kit_assert_result(come_in(&rig, "stranger", &refused), examples[i].result);
                ck_assert_msg(refused.result == -ENOTCONN || refused.result == -ECONNRESET, "%d",
                              refused.result);
                kit_assert_good(come_in(&rig, "friend", &admitted));
                kit_assert_good(admitted.result);
                rig_end(&rig);
        }
}
END_TEST

START_TEST(who_is_refused_is_handled_nothing)
{
        struct wishes wishes = {.accept_status = HARK_PERMISSION_DENIED,
                                .notes_publications = true};
        struct hark_client_params params = {.name = "friend"};
        struct ending ending = {0};
        struct rig rig;

        rig_need_several_clients();
        rig_serve(&rig, &wishes);
        come_in(&rig, "stranger", &ending);
        rig.client = rig_connect(&rig, &params);
        ck_assert_int_eq(rig_count(&rig, "echoed"), 0);
        ck_assert_str_eq(rig_ask(&rig, "log", "%s", ""), "");
        ck_assert_int_eq(rig_count(&rig, "asked_to_accept"), 2);
        ck_assert_int_eq(rig_count(&rig, "left"), 0);
        rig_end(&rig);
}
END_TEST

/* --- going ------------------------------------------------------------------------------------ */

START_TEST(letting_go_of_a_client_ends_what_is_in_flight_before_it_returns)
{
        static struct ending endings[100];
        struct rig rig;

        rig_start(&rig, NULL);
        for (size_t i = 0; i < COUNT(endings); i++)
                rig_invoke(&rig, i % 2 ? "keep" : "echo", "", &endings[i]);
        for (int i = 0; i < 3; i++)
                kit_step(rig.loop, kit_now_ms());
        rig_drop(&rig, rig.client);
        for (size_t i = 0; i < COUNT(endings); i++) {
                ck_assert_uint_eq(endings[i].n, 1);
                if (i % 2)
                        kit_assert_result(endings[i].result, -ECANCELED);
        }
        rig_end(&rig);
}
END_TEST

START_TEST(a_client_that_goes_says_goodbye)
{
        hark_client *second;
        struct rig rig;

        rig_need_several_clients();
        rig_start(&rig, NULL);
        second = rig_connect(&rig, NULL);
        kit_assert_good(hark_client_flush(second, KIT_PATIENCE_MS));
        rig_drop(&rig, second);
        while (rig_count(&rig, "left") == 0)
                ;
        ck_assert_int_eq(rig_count(&rig, "leave_reason"), 0);
        ck_assert_int_eq(rig_count(&rig, "left"), 1);
        rig_end(&rig);
}
END_TEST

START_TEST(what_was_flushed_arrives_before_the_client_goes)
{
        hark_client *second;
        struct rig rig;

        rig_need_several_clients();
        rig_start(&rig, NULL);
        second = rig_connect(&rig, NULL);
        for (int i = 0; i < 1000; i++)
                kit_assert_good(hark_send(second, "echo", HARK_NOTHING));
        kit_assert_good(hark_client_flush(second, KIT_PATIENCE_MS));
        rig_drop(&rig, second);
        while (rig_count(&rig, "left") == 0)
                ;
        ck_assert_int_eq(rig_count(&rig, "echoed"), 1000);
        rig_end(&rig);
}
END_TEST

#define MANY 2000 /* more than may be in flight */

static void note_dropped(hark_client *client, uint64_t n_dropped, uint64_t n_unknown,
                         void *userdata)
{
        (void)client, (void)n_unknown;
        *(uint64_t *)userdata = n_dropped;
}

/* The client does not wait for that; the answer comes to nobody. */
START_TEST(what_has_left_is_handled_when_the_client_has_gone)
{
        uint64_t n_dropped = 0;
        struct hark_client_params params = {.on_lost = note_dropped, .userdata = &n_dropped};
        struct ending ending = {0};
        struct rig rig;

        rig_need_several_clients();
        rig_start_apart(&rig, NULL, &params);
        rig_freeze(&rig);
        rig_invoke(&rig, "echo", "x", &ending);
        for (unsigned i = 0; i < MANY; i++)
                kit_assert_good(hark_send(rig.client, "note", HARK_NOTHING));
        kit_settle(rig.loop);
        rig_drop(&rig, rig.client);
        rig_thaw(&rig);
        rig.client = rig_connect(&rig, NULL);
        /* Of one a part may have left. */
        kit_until(rig.loop, rig_count(&rig, "notes") + 1 >= MANY - (long)n_dropped);
        rig_end(&rig);
}
END_TEST

START_TEST(who_is_shown_out_gets_what_was_sent_before)
{
        struct states states = {0};
        struct hark_client_params params = {
                .on_state = on_state, .userdata = &states, .is_one_shot = true};
        struct ending kept = {0};
        struct rig rig;

        rig_serve(&rig, NULL);
        rig.client = rig_connect(&rig, &params);
        rig_invoke(&rig, "keep", "", &kept);
        ck_assert_str_eq(rig_ask(&rig, "disconnect", "%s", ""), "goodbye");
        kit_until(rig.loop, states.n_closed == 1);
        ck_assert_int_eq(states.reason, 0);
        rig_expect_end(&rig, &kept, -ECONNRESET);
        rig_end(&rig);
}
END_TEST

START_TEST(a_peer_is_shown_out_once)
{
        hark_client *second;
        struct rig rig;

        rig_need_several_clients();
        rig_serve(&rig, NULL);
        rig.client = rig_connect(&rig, &rig_one_shot);
        second = rig_connect(&rig, NULL);
        rig_ask(&rig, "disconnect", "%s", "");
        kit_until(rig.loop, hark_client_state(rig.client) == HARK_CLOSED);
        rig.client = second;
        ck_assert_int_eq(rig_count(&rig, "disconnect"), 0);
        ck_assert_int_eq(rig_count(&rig, "use_after_disconnect"), -ENOTCONN);
        ck_assert_int_eq(rig_count(&rig, "left"), 1);
        ck_assert_int_eq(rig_count(&rig, "leave_reason"), 0);
        rig_end(&rig);
}
END_TEST

START_TEST(connections_come_and_go)
{
        struct rig rig;

        rig_need_address_to_return_to();
        rig_start(&rig, NULL);
        for (int i = 0; i < 200; i++) {
                hark_client *client = NULL;
                struct ending ending = {0};

                kit_assert_good(rig_begin_connect(&rig, rig.loop, NULL, &client));
                kit_assert_good(hark_invoke(client, "echo", hark_text("x"), KIT_PATIENCE_MS,
                                            rig_note_end, &ending, NULL));
                rig_expect_end(&rig, &ending, 0);
                hark_client_unref(client);
        }
        ck_assert_int_eq(rig_count(&rig, "echoed"), 200);
        while (rig_count(&rig, "left") < 200)
                ;
        rig_end(&rig);
}
END_TEST

/* --- flushing --------------------------------------------------------------------------------- */

START_TEST(a_flush_waits_until_all_is_read)
{
        uint8_t *bytes = kit_pattern((size_t)1024 * 1024);
        struct rig rig;

        rig_start(&rig, NULL);
        kit_assert_good(hark_client_flush(rig.client, KIT_PATIENCE_MS));
        for (int i = 0; i < 8; i++)
                kit_assert_good(
                        hark_send(rig.client, "echo", hark_bytes(bytes, (size_t)1024 * 1024)));
        kit_assert_good(hark_client_flush(rig.client, KIT_PATIENCE_MS));
        ck_assert_int_eq(rig_count(&rig, "echoed"), 8);
        kit_assert_result(hark_client_flush(rig.client, -1), -EINVAL);
        rig_end(&rig);
        free(bytes);
}
END_TEST

CHAPTER(test_farewell, a_client_is_told_that_it_is_connected_once, a_hook_decides_who_comes_in,
        who_is_refused_is_handled_nothing,
        letting_go_of_a_client_ends_what_is_in_flight_before_it_returns,
        a_client_that_goes_says_goodbye, what_was_flushed_arrives_before_the_client_goes,
        what_has_left_is_handled_when_the_client_has_gone,
        who_is_shown_out_gets_what_was_sent_before, a_peer_is_shown_out_once,
        connections_come_and_go, a_flush_waits_until_all_is_read)
