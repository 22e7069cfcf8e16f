/* SPDX-License-Identifier: MIT */

/* Where a client connects to, and when it tries again. */

#include "fixture.h"

#include <errno.h>
#include <hark/hark.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "endpoint/client.h"
#include "loop/internal.h"
#include "loop_kit.h"

#define N_PLACES 3

struct scene {
        hark_loop *loop;
        hark_client *client;
        hark_server *servers[N_PLACES];
        unsigned n_connected, n_retrying, n_closed, n_answered;
        int reason;
        char addresses[N_PLACES][256];
        const char *alternatives[N_PLACES];
        char answer[32];
};

static void on_state(hark_client *client, int state, int reason, void *userdata)
{
        struct scene *scene = userdata;

        (void)client;
        scene->n_connected += state == HARK_CONNECTED;
        scene->n_retrying += state == HARK_RETRYING;
        scene->n_closed += state == HARK_CLOSED;
        scene->reason = reason;
}

static void say_which(hark_request *request, void *userdata)
{
        char text[8];

        snprintf(text, sizeof(text), "%d", *(int *)userdata);
        hark_reply(request, hark_text(text));
}

static void serve(struct scene *scene, int which)
{
        static int numbers[] = {0, 1, 2};

        ck_assert_int_eq(hark_server_new(scene->loop, NULL, &scene->servers[which]), 0);
        ck_assert_int_eq(
                hark_server_handle(scene->servers[which], "which", say_which, &numbers[which]), 0);
        ck_assert_int_eq(hark_server_listen(scene->servers[which], scene->addresses[which]), 0);
}

static void go(struct scene *scene, int which)
{
        scene->servers[which] = hark_server_unref(scene->servers[which]);
}

static void begin(struct scene *scene)
{
        *scene = (struct scene){.loop = kit_new_loop()};
        for (int i = 0; i < N_PLACES; i++) {
                char name[] = "place0";

                name[5] = (char)('0' + i);
                snprintf(scene->addresses[i], sizeof(scene->addresses[i]), "unix:%s",
                         fixture_path(name));
                if (i > 0)
                        scene->alternatives[i - 1] = scene->addresses[i];
        }
}

static struct hark_client_params params_of(struct scene *scene)
{
        return (struct hark_client_params){.on_state = on_state,
                                           .userdata = scene,
                                           .alternatives = scene->alternatives,
                                           .retry_min_ms = 1,
                                           .retry_max_ms = 4};
}

static int try_to_connect(struct scene *scene, const struct hark_client_params *params)
{
        return hark_connect(scene->loop, scene->addresses[0], params, &scene->client);
}

static void end(struct scene *scene)
{
        hark_client_unref(scene->client);
        for (int i = 0; i < N_PLACES; i++)
                hark_server_unref(scene->servers[i]);
        hark_loop_unref(scene->loop);
}

static void take_answer(int result, hark_message *message, void *userdata)
{
        struct scene *scene = userdata;

        ck_assert_int_eq(result, 0);
        snprintf(scene->answer, sizeof(scene->answer), "%s", hark_message_text(message));
        scene->n_answered++;
}

static void expect_served_by(struct scene *scene, const char *which)
{
        unsigned n = scene->n_answered;

        ck_assert_int_eq(hark_invoke(scene->client, "which", HARK_NOTHING, KIT_PATIENCE_MS,
                                     take_answer, scene, NULL),
                         0);
        kit_process_until(scene->loop, &scene->n_answered, n + 1);
        ck_assert_str_eq(scene->answer, which);
}

static uint64_t next_in_ms(const struct scene *scene)
{
        uint64_t due_ns = scene->client->attempts.next.due_ns, now_ns = hark_now_ns();

        if (!hark_timer_is_running(&scene->client->attempts.next) || due_ns < now_ns)
                return 0;
        return (due_ns - now_ns) / 1000000;
}

/* Until it does not try by itself any more. */
static void wait_until_quiet(struct scene *scene)
{
        uint64_t end_ns = hark_deadline_ns(KIT_PATIENCE_MS);

        while (next_in_ms(scene) < 10000 && hark_time_left_ms(end_ns) > 0)
                ck_assert_int_eq(hark_loop_process(scene->loop, 10), 0);
        ck_assert_uint_gt(next_in_ms(scene), 10000);
}

/* --- several addresses ------------------------------------------------------------------------ */

START_TEST(the_first_that_serves_is_taken)
{
        struct scene scene;
        struct hark_client_params params;

        begin(&scene);
        params = params_of(&scene);
        serve(&scene, 1);
        serve(&scene, 2);
        ck_assert_int_eq(try_to_connect(&scene, &params), 0);
        kit_process_until(scene.loop, &scene.n_connected, 1);
        expect_served_by(&scene, "1");
        ck_assert_uint_eq(scene.n_retrying, 0);
        end(&scene);
}
END_TEST

START_TEST(where_none_serves_connecting_fails)
{
        struct scene scene;
        struct hark_client_params params;

        begin(&scene);
        params = params_of(&scene);
        ck_assert_int_eq(try_to_connect(&scene, &params), -ENOENT);
        ck_assert_ptr_null(scene.client);
        scene.alternatives[1] = "nonsense";
        ck_assert_int_eq(try_to_connect(&scene, &params), -EINVAL);
        end(&scene);
}
END_TEST

START_TEST(after_a_goodbye_the_next_one_is_tried_first_and_then_all)
{
        struct scene scene;
        struct hark_client_params params;

        begin(&scene);
        params = params_of(&scene);
        for (int i = 0; i < N_PLACES; i++)
                serve(&scene, i);
        ck_assert_int_eq(try_to_connect(&scene, &params), 0);
        kit_process_until(scene.loop, &scene.n_connected, 1);
        expect_served_by(&scene, "0");
        go(&scene, 0);
        serve(&scene, 0);
        kit_process_until(scene.loop, &scene.n_connected, 2);
        expect_served_by(&scene, "1");
        go(&scene, 2);
        go(&scene, 1);
        kit_process_until(scene.loop, &scene.n_connected, 3);
        expect_served_by(&scene, "0");
        end(&scene);
}
END_TEST

static int refuse(hark_peer *peer, void *userdata)
{
        (void)peer;
        return *(int *)userdata;
}

static void serve_with_refusal(struct scene *scene, int which, int *status)
{
        struct hark_server_params params = {.on_accept = refuse, .userdata = status};

        ck_assert_int_eq(hark_server_new(scene->loop, &params, &scene->servers[which]), 0);
        ck_assert_int_eq(hark_server_listen(scene->servers[which], scene->addresses[which]), 0);
}

START_TEST(who_refuses_for_good_is_passed_over)
{
        int status = HARK_PERMISSION_DENIED;
        struct scene scene;
        struct hark_client_params params;

        begin(&scene);
        params = params_of(&scene);
        serve_with_refusal(&scene, 0, &status);
        serve(&scene, 1);
        ck_assert_int_eq(try_to_connect(&scene, &params), 0);
        kit_process_until(scene.loop, &scene.n_connected, 1);
        expect_served_by(&scene, "1");
        status = 0;
        go(&scene, 1);
        kit_process_until(scene.loop, &scene.n_retrying, 1);
        wait_until_quiet(&scene); /* and the first one is not asked again */
        serve(&scene, 2);
        kit_process_until(scene.loop, &scene.n_connected, 2);
        expect_served_by(&scene, "2");
        end(&scene);
}
END_TEST

/* There is nothing to wait for, and nothing is left that waits. */
START_TEST(where_nobody_can_come_nobody_is_waited_for)
{
        struct scene scene;
        struct hark_client_params params;

        begin(&scene);
        params = params_of(&scene);
        params.alternatives = NULL;
        params.wait_ms = KIT_PATIENCE_MS;
        snprintf(scene.addresses[0], sizeof(scene.addresses[0]), "pipe:1000,1001");
        ck_assert_int_eq(try_to_connect(&scene, &params), -EBADF);
        ck_assert_ptr_null(scene.client);
        ck_assert_ptr_null(scene.loop->earliest);
        end(&scene);
}
END_TEST

START_TEST(who_is_out_is_not_watched_any_more)
{
        int status = HARK_PERMISSION_DENIED;
        struct scene scene;
        struct hark_client_params params;

        begin(&scene);
        params = params_of(&scene);
        params.wait_ms = HARK_FOREVER;
        ck_assert_int_eq(try_to_connect(&scene, &params), 0);
        wait_until_quiet(&scene);
        ck_assert_ptr_nonnull(scene.client->attempts.candidates[0].watch);
        serve_with_refusal(&scene, 0, &status);
        while (!scene.client->attempts.candidates[0].is_out)
                ck_assert_int_eq(hark_loop_process(scene.loop, KIT_PATIENCE_MS), 0);
        ck_assert_ptr_null(scene.client->attempts.candidates[0].watch);
        ck_assert_ptr_nonnull(scene.client->attempts.candidates[1].watch);
        end(&scene);
}
END_TEST

static void expect_another_try(int status, int reason)
{
        struct scene scene;
        struct hark_client_params params;

        begin(&scene);
        params = params_of(&scene);
        params.alternatives = NULL;
        params.wait_ms = HARK_FOREVER;
        serve_with_refusal(&scene, 0, &status);
        ck_assert_int_eq(try_to_connect(&scene, &params), 0);
        kit_process_until(scene.loop, &scene.n_retrying, 1);
        ck_assert_int_eq(scene.reason, reason);
        status = 0;
        kit_process_until(scene.loop, &scene.n_connected, 1);
        end(&scene);
}

START_TEST(who_is_full_is_tried_again)
{
        expect_another_try(HARK_RESOURCE_EXHAUSTED, -EDQUOT);
}
END_TEST

/* As a server says to who was stopped before he could say hello. */
START_TEST(who_heard_nothing_in_time_is_tried_again)
{
        expect_another_try(HARK_DEADLINE_EXCEEDED, -ETIMEDOUT);
}
END_TEST

START_TEST(calls_made_while_several_are_tried_wait_for_the_one_that_serves)
{
        int status = HARK_UNAVAILABLE;
        struct scene scene;
        struct hark_client_params params;

        begin(&scene);
        params = params_of(&scene);
        params.wait_ms = HARK_FOREVER;
        serve_with_refusal(&scene, 0, &status);
        serve(&scene, 1);
        ck_assert_int_eq(try_to_connect(&scene, &params), 0);
        expect_served_by(&scene, "1");
        end(&scene);
}
END_TEST

/* --- a goodbye that takes its time ------------------------------------------------------------ */

static hark_request *kept;

static void keep(hark_request *request, void *userdata)
{
        (void)userdata;
        kept = hark_request_ref(request);
}

static void count_end(int result, hark_message *message, void *userdata)
{
        (void)message;
        ck_assert_int_eq(result, 0);
        ++*(unsigned *)userdata;
}

static void on_drained(int result, void *userdata)
{
        (void)result;
        ++*(unsigned *)userdata;
}

static void note(const struct hark_notification *notification, void *userdata)
{
        *(unsigned *)userdata += notification->kind == HARK_NOTIFICATION;
}

static bool is_leaving(const struct scene *scene)
{
        return scene->client->conn && scene->client->conn->has_goaway;
}

/* So that the first server cannot go before that is answered. */
static void ask_to_be_kept(struct scene *scene, unsigned *n_ended)
{
        ck_assert_int_eq(hark_invoke(scene->client, "keep", HARK_NOTHING, KIT_PATIENCE_MS,
                                     count_end, n_ended, NULL),
                         0);
        while (!kept)
                ck_assert_int_eq(hark_loop_process(scene->loop, KIT_PATIENCE_MS), 0);
}

static void start_to_drain(struct scene *scene, unsigned *n_drained)
{
        ck_assert_int_eq(
                hark_server_drain(scene->servers[0], KIT_PATIENCE_MS, on_drained, n_drained), 0);
        while (!is_leaving(scene))
                ck_assert_int_eq(hark_loop_process(scene->loop, KIT_PATIENCE_MS), 0);
}

START_TEST(what_is_asked_while_a_server_drains_waits_for_the_next_one)
{
        unsigned n_ended = 0, n_drained = 0, n_notes = 0;
        struct scene scene;
        struct hark_client_params params;

        begin(&scene);
        params = params_of(&scene);
        params.wait_ms = HARK_FOREVER;
        params.outbox_size = 4096;
        serve(&scene, 0);
        serve(&scene, 1);
        ck_assert_int_eq(hark_server_handle(scene.servers[0], "keep", keep, NULL), 0);
        ck_assert_int_eq(try_to_connect(&scene, &params), 0);
        ask_to_be_kept(&scene, &n_ended);
        start_to_drain(&scene, &n_drained);
        ck_assert_int_eq(hark_invoke(scene.client, "which", HARK_NOTHING, KIT_PATIENCE_MS,
                                     take_answer, &scene, NULL),
                         0);
        ck_assert_int_eq(hark_send(scene.client, "which", HARK_NOTHING), 0);
        ck_assert_int_eq(hark_subscribe(scene.client, "a", note, &n_notes, NULL, NULL), 0);
        ck_assert_int_eq(hark_reply(kept, HARK_NOTHING), 0);
        kept = hark_request_unref(kept);
        kit_process_until(scene.loop, &scene.n_answered, 1);
        ck_assert_str_eq(scene.answer, "1");
        ck_assert_uint_eq(n_ended, 1);
        ck_assert_int_eq(hark_server_publish(scene.servers[1], "a", HARK_NOTHING), 0);
        kit_process_until(scene.loop, &n_notes, 1);
        kit_process_until(scene.loop, &n_drained, 1);
        end(&scene);
}
END_TEST

/* Keeps who feeds, until that is all. */
static void count_fed(hark_request *request, hark_message *item, void *userdata)
{
        char text[8];

        if (item) {
                ++*(unsigned *)userdata;
                return;
        }
        snprintf(text, sizeof(text), "%u", *(unsigned *)userdata);
        ck_assert_int_eq(hark_reply(request, hark_text(text)), 0);
        hark_request_unref(request);
}

static void collect(hark_request *request, void *userdata)
{
        static const struct hark_request_events events = {.on_item = count_fed};

        ck_assert_int_eq(hark_request_watch(hark_request_ref(request), &events, userdata), 0);
}

/* One item as soon as there is room. */
struct feed {
        struct scene *scene;
        uint64_t id;
};

static void feed_one(int result, hark_message *message, void *userdata)
{
        struct feed *feed = userdata;

        if (result != HARK_ROOM) {
                take_answer(result, message, feed->scene);
                return;
        }
        ck_assert_int_eq(hark_feed(feed->scene->client, feed->id, HARK_NOTHING), 0);
        ck_assert_int_eq(hark_feed_end(feed->scene->client, feed->id), 0);
}

static void ask_to_collect(struct feed *feed)
{
        struct hark_payload payload = {.has_feed = true};

        ck_assert_int_eq(hark_invoke(feed->scene->client, "collect", payload, KIT_PATIENCE_MS,
                                     feed_one, feed, &feed->id),
                         0);
}

/* The server that drains knows nothing of that call, and would pass over its items. */
START_TEST(what_is_fed_while_a_server_drains_waits_for_the_next_one)
{
        unsigned n_ended = 0, n_drained = 0, n_fed = 0;
        struct scene scene;
        struct feed feed = {.scene = &scene}, none = {.scene = &scene};
        struct hark_client_params params;

        begin(&scene);
        params = params_of(&scene);
        params.wait_ms = HARK_FOREVER;
        serve(&scene, 0);
        serve(&scene, 1);
        ck_assert_int_eq(hark_server_handle(scene.servers[0], "keep", keep, NULL), 0);
        ck_assert_int_eq(hark_server_handle(scene.servers[1], "collect", collect, &n_fed), 0);
        ck_assert_int_eq(try_to_connect(&scene, &params), 0);
        ask_to_be_kept(&scene, &n_ended);
        start_to_drain(&scene, &n_drained);
        ask_to_collect(&feed);
        ask_to_collect(&none);
        ck_assert_int_eq(hark_feed(scene.client, feed.id, HARK_NOTHING), -EAGAIN);
        ck_assert_int_eq(hark_feed_end(scene.client, none.id), 0);
        ck_assert_int_eq(hark_reply(kept, HARK_NOTHING), 0);
        kept = hark_request_unref(kept);
        while (scene.client->conn && is_leaving(&scene))
                ck_assert_int_eq(hark_loop_process(scene.loop, KIT_PATIENCE_MS), 0);
        ck_assert_int_eq(hark_feed(scene.client, feed.id, HARK_NOTHING), -EAGAIN);
        kit_process_until(scene.loop, &scene.n_answered, 2);
        ck_assert_uint_eq(n_fed, 1);
        ck_assert_uint_eq(n_ended, 1);
        kit_process_until(scene.loop, &n_drained, 1);
        end(&scene);
}
END_TEST

/* Callbacks were held back while the connection was lost and came back; and when their time has
 * come, the new one is being left again. */
START_TEST(what_stood_before_is_not_asked_of_a_server_that_drains)
{
        unsigned n_ended = 0, n_drained = 0, n_notes = 0;
        struct scene scene;
        struct hark_client_params params;

        begin(&scene);
        params = params_of(&scene);
        params.wait_ms = HARK_FOREVER;
        serve(&scene, 0);
        serve(&scene, 1);
        ck_assert_int_eq(hark_server_handle(scene.servers[0], "keep", keep, NULL), 0);
        ck_assert_int_eq(try_to_connect(&scene, &params), 0);
        ck_assert_int_eq(hark_subscribe(scene.client, "a", note, &n_notes, NULL, NULL), 0);
        ask_to_be_kept(&scene, &n_ended);
        ck_assert_int_eq(hark_server_publish(scene.servers[0], "a", HARK_NOTHING), 0);
        kit_process_until(scene.loop, &n_notes, 1);
        start_to_drain(&scene, &n_drained);
        hark_subscriptions_lose_conn(&scene.client->subscriptions, -ECONNRESET);
        hark_subscriptions_set_conn(&scene.client->subscriptions, scene.client->conn);
        ck_assert_int_eq(hark_loop_process(scene.loop, 0), 0);
        ck_assert_int_eq(hark_reply(kept, HARK_NOTHING), 0);
        kept = hark_request_unref(kept);
        kit_process_until(scene.loop, &scene.n_connected, 2);
        expect_served_by(&scene, "1");
        ck_assert_int_eq(hark_server_publish(scene.servers[1], "a", HARK_NOTHING), 0);
        kit_process_until(scene.loop, &n_notes, 2);
        end(&scene);
}
END_TEST

/* --- when ------------------------------------------------------------------------------------- */

START_TEST(where_the_kernel_tells_who_comes_nobody_is_asked)
{
        struct scene scene;
        struct hark_client_params params;

        begin(&scene);
        params = params_of(&scene);
        params.wait_ms = HARK_FOREVER;
        ck_assert_int_eq(try_to_connect(&scene, &params), 0);
        wait_until_quiet(&scene);
        serve(&scene, 2);
        kit_process_until(scene.loop, &scene.n_connected, 1);
        go(&scene, 2);
        kit_process_until(scene.loop, &scene.n_retrying, 2);
        wait_until_quiet(&scene);
        serve(&scene, 0);
        kit_process_until(scene.loop, &scene.n_connected, 2);
        expect_served_by(&scene, "0");
        end(&scene);
}
END_TEST

/* What stands at the path is no server, or not yet: then it pays to look again, but not for
 * ever. */
START_TEST(who_has_come_and_does_not_answer_is_tried_for_a_while)
{
        struct scene scene;
        struct hark_client_params params;
        FILE *file;

        begin(&scene);
        params = params_of(&scene);
        params.wait_ms = HARK_FOREVER;
        ck_assert_int_eq(try_to_connect(&scene, &params), 0);
        wait_until_quiet(&scene);
        file = fopen(scene.addresses[1] + strlen("unix:"), "we");
        ck_assert_ptr_nonnull(file);
        fclose(file);
        while (next_in_ms(&scene) > 10000)
                ck_assert_int_eq(hark_loop_process(scene.loop, KIT_PATIENCE_MS), 0);
        wait_until_quiet(&scene);
        unlink(scene.addresses[1] + strlen("unix:"));
        end(&scene);
}
END_TEST

START_TEST(where_the_kernel_does_not_tell_the_delays_grow_to_their_limit)
{
        struct scene scene;
        struct hark_client_params params;

        begin(&scene);
        params = params_of(&scene);
        params.alternatives = NULL;
        params.wait_ms = HARK_FOREVER;
        snprintf(scene.addresses[0], sizeof(scene.addresses[0]), "unix:@%s", fixture_name("away"));
        ck_assert_int_eq(try_to_connect(&scene, &params), 0);
        while (scene.client->attempts.delay_ms < 4)
                ck_assert_int_eq(hark_loop_process(scene.loop, KIT_PATIENCE_MS), 0);
        for (int i = 0; i < 5; i++) {
                ck_assert_int_eq(hark_loop_process(scene.loop, KIT_PATIENCE_MS), 0);
                ck_assert_int_eq(scene.client->attempts.delay_ms, 4);
                ck_assert_uint_le(next_in_ms(&scene), 4);
        }
        serve(&scene, 0);
        kit_process_until(scene.loop, &scene.n_connected, 1);
        end(&scene);
}
END_TEST

START_TEST(times_that_make_no_sense_are_refused)
{
        struct scene scene;
        struct hark_client_params params;

        begin(&scene);
        params = params_of(&scene);
        params.retry_min_ms = 5;
        ck_assert_int_eq(try_to_connect(&scene, &params), -EINVAL);
        params.retry_min_ms = -1;
        ck_assert_int_eq(try_to_connect(&scene, &params), -EINVAL);
        params.retry_min_ms = 1;
        params.wait_ms = -1;
        ck_assert_int_eq(try_to_connect(&scene, &params), -EINVAL);
        end(&scene);
}
END_TEST

/* The resolver would block the loop. */
START_TEST(a_name_is_resolved_once)
{
        struct scene scene;
        struct hark_client_params params;
        struct hark_address *address;

        begin(&scene);
        params = params_of(&scene);
        params.alternatives = NULL;
        snprintf(scene.addresses[0], sizeof(scene.addresses[0]), "tcp:127.0.0.1:0");
        serve(&scene, 0);
        snprintf(scene.addresses[0], sizeof(scene.addresses[0]), "tcp:localhost%s",
                 strrchr(hark_server_address(scene.servers[0], 0), ':'));
        ck_assert_int_eq(try_to_connect(&scene, &params), 0);
        kit_process_until(scene.loop, &scene.n_connected, 1);
        address = scene.client->attempts.candidates[0].address;
        ck_assert_ptr_nonnull(address->resolved);
        strcpy(address->host, "invalid"); /* it would not be found any more (RFC 6761) */
        go(&scene, 0);
        kit_process_until(scene.loop, &scene.n_retrying, 1);
        snprintf(scene.addresses[0], sizeof(scene.addresses[0]), "tcp:127.0.0.1:%u", address->port);
        serve(&scene, 0);
        kit_process_until(scene.loop, &scene.n_connected, 2);
        end(&scene);
}
END_TEST

FIXTURE_MAIN("attempts", the_first_that_serves_is_taken, where_none_serves_connecting_fails,
             after_a_goodbye_the_next_one_is_tried_first_and_then_all,
             who_refuses_for_good_is_passed_over, where_nobody_can_come_nobody_is_waited_for,
             who_is_out_is_not_watched_any_more, who_is_full_is_tried_again,
             who_heard_nothing_in_time_is_tried_again,
             calls_made_while_several_are_tried_wait_for_the_one_that_serves,
             what_is_asked_while_a_server_drains_waits_for_the_next_one,
             what_is_fed_while_a_server_drains_waits_for_the_next_one,
             what_stood_before_is_not_asked_of_a_server_that_drains,
             where_the_kernel_tells_who_comes_nobody_is_asked,
             who_has_come_and_does_not_answer_is_tried_for_a_while,
             where_the_kernel_does_not_tell_the_delays_grow_to_their_limit,
             times_that_make_no_sense_are_refused, a_name_is_resolved_once)
