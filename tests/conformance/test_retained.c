/* SPDX-License-Identifier: MIT */

/* Values that topics keep: who comes later hears of them first, and misses no change. */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests.h"

#define LOG_SIZE 2048

/* What a subscription that wants retained values was told, as one line: "a=1? a=2 !a . " are a
 * value from before, a change, a withdrawal, and that all values from before have been told. */
struct view {
        char log[LOG_SIZE];
        unsigned n_current;
        bool is_over;
        int reason;
};

static void note(struct view *view, const char *format, ...) HARK_FORMAT(2, 3);

static void note(struct view *view, const char *format, ...)
{
        size_t size = strlen(view->log);
        va_list arguments;

        va_start(arguments, format);
        vsnprintf(view->log + size, sizeof(view->log) - size, format, arguments);
        va_end(arguments);
}

static void on_notification(const struct hark_notification *n, void *userdata)
{
        struct view *view = userdata;

        ck_assert(!view->is_over);
        switch (n->kind) {
        case HARK_NOTIFICATION:
                note(view, "%s=%s%s ", n->topic, hark_message_text(n->message),
                     n->is_retained ? "?" : "");
                ck_assert(n->is_retained == (n->sequence == 0));
                break;
        case HARK_GAP:
                note(view, "gap ");
                break;
        case HARK_WITHDRAWN:
                ck_assert_ptr_null(n->message);
                note(view, "!%s ", n->topic);
                break;
        case HARK_CURRENT:
                view->n_current++;
                note(view, ". ");
                break;
        case HARK_UNSUBSCRIBED:
                view->is_over = true;
                view->reason = n->reason;
                break;
        default:
                ck_abort_msg("kind %d", n->kind);
        }
}

static uint64_t look(struct view *view, hark_client *client, const char *filter)
{
        struct hark_subscribe_params params = {.wants_retained = true};
        uint64_t id = 0;

        kit_assert_good(hark_subscribe(client, filter, on_notification, view, &params, &id));
        return id;
}

static int put(hark_client *client, const char *topic, const char *text, enum hark_retain retain)
{
        struct hark_payload payload = hark_text(text);

        payload.retain = (uint8_t)retain;
        return hark_publish(client, topic, payload);
}

/* Ends with this; what came before may be anything. */
static bool ends_with(const struct view *view, const char *end)
{
        size_t size = strlen(view->log), end_size = strlen(end);

        return size >= end_size && strcmp(view->log + size - end_size, end) == 0;
}

static void start(struct rig *rig)
{
        struct wishes wishes = {.is_hub = true};

        rig_serve(rig, &wishes);
        rig->client = rig_connect(rig, NULL);
}

/* --- values ----------------------------------------------------------------------------------- */

START_TEST(who_comes_later_is_told_the_values_first)
{
        struct view view = {0};
        struct rig rig;

        start(&rig);
        kit_assert_good(put(rig.client, "a.x", "1", HARK_RETAIN));
        kit_assert_good(put(rig.client, "a.y", "2", HARK_RETAIN));
        kit_assert_good(put(rig.client, "a.z", "3", HARK_PASSING));
        kit_assert_good(put(rig.client, "b", "4", HARK_RETAIN));
        kit_assert_good(put(rig.client, "a.x", "5", HARK_RETAIN));
        kit_assert_good(hark_client_flush(rig.client, KIT_PATIENCE_MS));
        rig_ask(&rig, "echo", "%s", "");
        look(&view, rig.client, "a.*");
        kit_until(rig.loop, view.n_current == 1);
        ck_assert_str_eq(view.log, "a.x=5? a.y=2? . ");
        kit_assert_good(put(rig.client, "a.y", "6", HARK_RETAIN));
        kit_until(rig.loop, ends_with(&view, ". a.y=6 "));
        rig_end(&rig);
}
END_TEST

START_TEST(the_server_itself_retains_and_withdraws)
{
        struct view view = {0};
        struct rig rig;

        start(&rig);
        rig_ask(&rig, "retain", "a 1");
        look(&view, rig.client, "a");
        kit_until(rig.loop, view.n_current == 1);
        rig_ask(&rig, "retain", "a 2");
        rig_ask(&rig, "withdraw", "a");
        rig_ask(&rig, "withdraw", "a");
        rig_ask(&rig, "retain", "a 3");
        kit_until(rig.loop, ends_with(&view, "a=3 "));
        ck_assert_str_eq(view.log, "a=1? . a=2 !a a=3 ");
        rig_end(&rig);
}
END_TEST

START_TEST(many_and_large_values_all_come)
{
        struct view view = {0};
        struct rig rig;
        unsigned n_told = 0;

        start(&rig);
        rig_ask(&rig, "retain_many", "a. 100 100000");
        look(&view, rig.client, "a.*");
        kit_until(rig.loop, view.n_current == 1);
        for (const char *found = view.log; (found = strchr(found, '?')); found++)
                n_told++;
        ck_assert_uint_eq(n_told, 100);
        rig_end(&rig);
}
END_TEST

START_TEST(who_asks_for_no_values_is_told_of_changes_only)
{
        struct view view = {0};
        struct rig rig;

        start(&rig);
        rig_ask(&rig, "retain", "a 1");
        kit_assert_good(hark_subscribe(rig.client, "a", on_notification, &view, NULL, NULL));
        rig_ask(&rig, "withdraw", "a");
        rig_ask(&rig, "retain", "a 2");
        kit_until(rig.loop, ends_with(&view, "a=2 "));
        ck_assert_str_eq(view.log, "a=2 ");
        rig_end(&rig);
}
END_TEST

static void note_refusal(hark_client *client, const char *name, int status,
                         const hark_message *message, void *userdata)
{
        (void)client;
        note(userdata, "%s %d %s", name, status, hark_message_size(message) == 0 ? "" : "payload");
        note(userdata, "%s", hark_reason(status, message));
}

START_TEST(what_is_too_much_is_refused_by_its_name)
{
        struct wishes wishes = {.is_hub = true, .retained_topics = 1};
        struct view refusals = {0}, view = {0};
        struct hark_client_params params = {.on_refused = note_refusal, .userdata = &refusals};
        struct rig rig;

        rig_serve(&rig, &wishes);
        rig.client = rig_connect(&rig, &params);
        kit_assert_good(put(rig.client, "a", "1", HARK_RETAIN));
        kit_assert_good(put(rig.client, "b", "2", HARK_RETAIN));
        kit_until(rig.loop, refusals.log[0]);
        ck_assert_str_eq(refusals.log, "b 8 too much is retained (retained_topics)");
        look(&view, rig.client, ">");
        kit_until(rig.loop, view.n_current == 1);
        ck_assert_str_eq(view.log, "a=1? . ");
        rig_end(&rig);
}
END_TEST

START_TEST(what_cannot_be_kept_is_not_taken)
{
        struct hark_payload payload = hark_text("x");
        int fd = 0;
        struct rig rig;

        start(&rig);
        payload.retain = HARK_WITHDRAW;
        kit_assert_result(hark_publish(rig.client, "a", payload), -EINVAL);
        payload.retain = HARK_WITHDRAW + 1;
        kit_assert_result(hark_publish(rig.client, "a", payload), -EINVAL);
        payload.retain = HARK_RETAIN;
        payload.fds = &fd;
        payload.n_fds = 1;
        kit_assert_result(hark_publish(rig.client, "a", payload), -EINVAL);
        rig_end(&rig);
}
END_TEST

/* --- live values ------------------------------------------------------------------------------ */

START_TEST(a_live_value_ends_with_its_publisher)
{
        struct view view = {0};
        hark_client *publisher;
        struct rig rig;

        rig_need_several_clients();
        start(&rig);
        publisher = rig_connect(&rig, NULL);
        look(&view, rig.client, ">");
        kit_until(rig.loop, view.n_current == 1);
        kit_assert_good(put(publisher, "live", "1", HARK_RETAIN_LIVE));
        kit_assert_good(put(publisher, "kept", "2", HARK_RETAIN));
        kit_assert_good(put(publisher, "taken", "3", HARK_RETAIN_LIVE));
        kit_until(rig.loop, ends_with(&view, "taken=3 "));
        kit_assert_good(put(rig.client, "taken", "4", HARK_RETAIN_LIVE));
        kit_until(rig.loop, ends_with(&view, "taken=4 "));
        rig_drop(&rig, publisher);
        kit_until(rig.loop, ends_with(&view, "!live "));
        ck_assert_str_eq(view.log, ". live=1 kept=2 taken=3 taken=4 !live ");
        rig_end(&rig);
}
END_TEST

/* --- coming back ------------------------------------------------------------------------------ */

START_TEST(after_a_restart_what_is_gone_is_withdrawn)
{
        struct hark_client_params params = {.retry_min_ms = 1, .retry_max_ms = 50};
        struct wishes wishes = {.is_hub = true};
        struct view view = {0};
        struct rig rig;

        if (!rig_can_come_back())
                fixture_skip("nobody can come again: there is no address to return to");
        rig_serve(&rig, &wishes);
        rig.client = rig_connect(&rig, &params);
        if (!rig.service && !rig.is_forked)
                rig.pid = (pid_t)strtol(rig_ask(&rig, "pid", "%s", ""), NULL, 10);
        rig_ask(&rig, "retain", "a 1");
        look(&view, rig.client, ">");
        rig_ask(&rig, "retain", "b 2");
        kit_until(rig.loop, ends_with(&view, "b=2 "));
        rig_go_away(&rig);
        kit_until(rig.loop, hark_client_state(rig.client) != HARK_CONNECTED);
        rig_come_back(&rig);
        kit_until(rig.loop, view.n_current == 2);
        ck_assert_str_eq(view.log, "a=1? . b=2 gap !a !b . ");
        rig_ask(&rig, "retain", "b 3");
        kit_until(rig.loop, ends_with(&view, "b=3 "));
        rig_end(&rig);
}
END_TEST

/* --- races ------------------------------------------------------------------------------------ */

#define N_AT_ONCE 16

/* Other values, so many that a walk along all of them has to wait for room. */
#define N_OTHERS 20

/* One subscription to a topic whose value counts up, and to others which stay. */
struct racer {
        uint64_t id;
        unsigned long last; /* 0: none yet */
        unsigned n_values, n_others;
        bool is_current, is_running;
};

static void take_value(struct racer *racer, const struct hark_notification *n)
{
        unsigned long value = strtoul(hark_message_text(n->message), NULL, 10);

        if (strcmp(n->topic, "race.counter") != 0) {
                ck_assert(n->is_retained && !racer->is_current);
                racer->n_others++;
                return;
        }
        if (n->is_retained)
                ck_assert_uint_eq(racer->n_values, 0);
        else if (racer->n_values > 0)
                ck_assert_uint_eq(value, racer->last + 1);
        racer->last = value;
        racer->n_values++;
}

static void on_race(const struct hark_notification *n, void *userdata)
{
        struct racer *racer = userdata;

        switch (n->kind) {
        case HARK_NOTIFICATION:
                take_value(racer, n);
                break;
        case HARK_CURRENT:
                ck_assert(!racer->is_current);
                ck_assert_uint_gt(racer->n_values, 0);
                ck_assert_uint_eq(racer->n_others, N_OTHERS);
                racer->is_current = true;
                break;
        case HARK_UNSUBSCRIBED:
                racer->is_running = false;
                break;
        default:
                ck_abort_msg("kind %d", n->kind);
        }
}

static void start_racer(struct racer *racer, hark_client *client)
{
        struct hark_subscribe_params params = {.wants_retained = true};

        *racer = (struct racer){.is_running = true};
        kit_assert_good(hark_subscribe(client, "race.*", on_race, racer, &params, &racer->id));
}

/* Lets the finished go, and starts others. @return how many were started */
static unsigned turn_over(struct racer *racers, hark_client *client, unsigned n_left)
{
        unsigned n_started = 0;

        for (size_t i = 0; i < N_AT_ONCE; i++) {
                struct racer *racer = &racers[i];

                if (racer->is_running && racer->is_current && racer->n_values >= 3)
                        (void)hark_unsubscribe(client, racer->id);
                if (!racer->is_running && n_started < n_left) {
                        start_racer(racer, client);
                        n_started++;
                }
        }
        return n_started;
}

static bool are_running(const struct racer *racers)
{
        for (size_t i = 0; i < N_AT_ONCE; i++)
                if (racers[i].is_running)
                        return true;
        return false;
}

/* No more than the guide, who hears of all of them, has heard a short time ago: so nobody has a
 * gap. */
static unsigned long change(hark_client *client, const struct racer *guide, unsigned long value)
{
        char text[24];

        if (value - guide->last > 64)
                return value;
        snprintf(text, sizeof(text), "%lu", value + 1);
        return put(client, "race.counter", text, HARK_RETAIN) == 0 ? value + 1 : value;
}

static void race(unsigned n_races, unsigned size_of_others)
{
        struct racer racers[N_AT_ONCE] = {0}, guide;
        hark_client *publisher;
        unsigned long value = 0;
        unsigned n_left = n_races;
        struct rig rig;

        start(&rig);
        publisher = rig_can_be_here(setting.address) ? rig_connect(&rig, NULL) : rig.client;
        guide = (struct racer){.is_running = true};
        kit_assert_good(
                hark_subscribe(rig.client, "race.counter", on_race, &guide, NULL, &guide.id));
        kit_assert_good(hark_client_flush(rig.client, KIT_PATIENCE_MS));
        value = change(publisher, &guide, value);
        kit_until(rig.loop, guide.last == value);
        rig_ask(&rig, "retain_many", "race.other %d %u", N_OTHERS, size_of_others);
        while (n_left > 0 || are_running(racers)) {
                n_left -= turn_over(racers, rig.client, n_left);
                value = change(publisher, &guide, value);
                kit_step(rig.loop, kit_now_ms() + 1000);
        }
        rig_end(&rig);
}

START_TEST(no_change_is_missed_or_told_twice)
{
        race(10000, 100);
}
END_TEST

/* So large that they do not fit into what a transport takes at once. */
START_TEST(nor_while_the_values_wait_for_room)
{
        race(300, 40000);
}
END_TEST

CHAPTER(test_retained, who_comes_later_is_told_the_values_first,
        the_server_itself_retains_and_withdraws, many_and_large_values_all_come,
        who_asks_for_no_values_is_told_of_changes_only, what_is_too_much_is_refused_by_its_name,
        what_cannot_be_kept_is_not_taken, a_live_value_ends_with_its_publisher,
        after_a_restart_what_is_gone_is_withdrawn, no_change_is_missed_or_told_twice,
        nor_while_the_values_wait_for_room)
