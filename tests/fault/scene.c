/* SPDX-License-Identifier: MIT */

/* See scene.h. */

#include "scene.h"

#include <check.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "faults.h"

/* ck_assert() takes memory itself, also where it is satisfied. */
#define SCENE_CHECK(condition)                          \
        do {                                            \
                if (!(condition)) {                     \
                        faults_disarm();                \
                        ck_abort_msg("%s", #condition); \
                }                                       \
        } while (0)

#define PATIENCE_MS 10000 /* for what takes no time */
#define LARGE       150000

/* --- the server ------------------------------------------------------------------------------- */

static void on_echo(hark_request *request, void *userdata)
{
        (void)userdata;
        (void)hark_reply(request, hark_message_payload(hark_request_message(request)));
}

static void on_cancel(hark_request *request, int reason, void *userdata)
{
        struct scene *scene = userdata;

        (void)reason;
        SCENE_CHECK(scene->kept == request);
        scene->kept = hark_request_unref(request);
}

static void on_keep(hark_request *request, void *userdata)
{
        static const struct hark_request_events events = {.on_cancel = on_cancel};
        struct scene *scene = userdata;

        if (scene->kept)
                return;
        SCENE_CHECK(hark_request_watch(request, &events, scene) == 0);
        scene->kept = hark_request_ref(request);
}

static void answer_later(void *userdata)
{
        struct scene *scene = userdata;

        if (!scene->kept)
                return;
        (void)hark_reply(scene->kept, hark_text("later"));
        scene->kept = hark_request_unref(scene->kept);
}

/* Answers what is kept for somebody else, by a post. */
static void on_answer(hark_request *request, void *userdata)
{
        struct scene *scene = userdata;

        if (hark_loop_post(scene->loop, answer_later, scene) < 0)
                answer_later(scene);
        (void)hark_reply(request, HARK_NOTHING);
}

/* What the client serves, which is nothing, has been asked: so far it went. */
static void on_further_end(int result, hark_message *message, void *userdata)
{
        if (result == HARK_UNIMPLEMENTED)
                (void)hark_reply(userdata, HARK_NOTHING);
        else
                (void)hark_fail(userdata, result != 0 ? result : HARK_INTERNAL,
                                hark_reason(result, message));
        hark_request_unref(userdata);
}

static void on_further(hark_request *request, void *userdata)
{
        struct hark_payload payload = {.parent = request, .trace = "trace"};
        hark_client *client = hark_peer_client(hark_request_peer(request));
        int r = -ENOMEM;

        (void)userdata;
        hark_request_ref(request);
        if (client)
                r = hark_invoke(client, "nothing", payload, HARK_FOREVER, on_further_end, request,
                                NULL);
        if (r < 0)
                on_further_end(r, NULL, request);
}

/* This server, which waits, is asked. */
static void on_round(hark_request *request, void *userdata)
{
        struct scene *scene = userdata;
        hark_message *reply = NULL;
        int r = hark_call(scene->client, "echo", HARK_NOTHING, HARK_FOREVER, &reply);

        if (r == HARK_CIRCLE)
                (void)hark_reply(request, HARK_NOTHING);
        else
                (void)hark_fail(request, r != 0 ? r : HARK_INTERNAL, hark_reason(r, reply));
        hark_message_unref(reply);
}

static void on_one_way(hark_request *request, void *userdata)
{
        struct scene *scene = userdata;

        (void)request;
        scene->n_one_way++;
}

static int on_accept(hark_peer *peer, void *userdata)
{
        struct scene *scene = userdata;

        (void)peer;
        scene->n_let_in++;
        return 0;
}

static void on_leave(hark_peer *peer, int reason, void *userdata)
{
        struct scene *scene = userdata;

        (void)peer;
        (void)reason;
        scene->n_left++;
}

static int handle_all(struct scene *scene)
{
        static const struct {
                const char *name;
                hark_on_request *on_request;
        } methods[] = {{"echo", on_echo},       {"keep", on_keep},   {"answer", on_answer},
                       {"further", on_further}, {"round", on_round}, {"one.way", on_one_way}};
        int r = 0;

        for (size_t i = 0; r == 0 && i < sizeof(methods) / sizeof(*methods); i++)
                r = hark_server_handle(scene->server, methods[i].name, methods[i].on_request,
                                       scene);
        return r;
}

static int make_server(struct scene *scene, const char *address)
{
        struct hark_server_params params = {
                .on_accept = on_accept, .on_leave = on_leave, .is_hub = true, .userdata = scene};
        int r;

        params.limits.window_size = SCENE_WINDOW;
        r = hark_server_new(scene->loop, &params, &scene->server);

        if (r == 0)
                r = handle_all(scene);
        if (r == 0)
                r = scene_stream_offer(scene->server);
        if (r == 0)
                r = hark_server_listen(scene->server, address);
        scene->is_listening = r == 0;
        return r;
}

/* --- the client ------------------------------------------------------------------------------- */

static void on_state(hark_client *client, int state, int reason, void *userdata)
{
        struct scene *scene = userdata;

        (void)client;
        (void)reason;
        scene->state = state;
}

static void end(struct ending *ending, int result)
{
        SCENE_CHECK(ending->has_begun);
        SCENE_CHECK(ending->n == 0);
        ending->n++;
        ending->result = result;
}

static void on_reply(int result, hark_message *message, void *userdata)
{
        (void)message;
        end(userdata, result);
}

static void on_large(int result, hark_message *message, void *userdata)
{
        if (result == 0 && hark_message_size(message) != LARGE)
                result = -EBADMSG;
        end(userdata, result);
}

static void on_later(int result, hark_message *message, void *userdata)
{
        if (result == 0 && strcmp(hark_message_text(message), "later") != 0)
                result = -EBADMSG;
        end(userdata, result);
}

static void on_files(int result, hark_message *message, void *userdata)
{
        for (size_t i = 0; result == 0 && i < 2; i++) {
                int fd = hark_message_take_fd(message, i);

                if (fd < 0)
                        result = -EBADMSG;
                else
                        close(fd);
        }
        end(userdata, result);
}

static void on_notification(const struct hark_notification *notification, void *userdata)
{
        struct scene *scene = userdata;

        if (notification->kind == HARK_NOTIFICATION)
                scene->n_notified++;
        else if (notification->kind == HARK_UNSUBSCRIBED)
                end(&scene->subscription, notification->reason);
}

/* Of a group what was lost for want of memory is told with the next one, if there is one. */
static void on_shared(const struct hark_notification *notification, void *userdata)
{
        struct scene *scene = userdata;

        if (notification->kind == HARK_NOTIFICATION)
                scene->n_shared++;
        else if (notification->kind == HARK_UNSUBSCRIBED)
                end(&scene->membership, notification->reason);
}

/* Runs the loop until it is so; false: no patience is left. */
static bool wait_for(struct scene *scene, bool (*is_so)(const struct scene *scene))
{
        uint64_t end_ns = hark_deadline_ns(PATIENCE_MS);
        int left_ms = PATIENCE_MS;

        while (!is_so(scene) && left_ms > 0) {
                SCENE_CHECK(hark_loop_process(scene->loop, left_ms) == 0);
                left_ms = hark_time_left_ms(end_ns);
        }
        return is_so(scene);
}

static bool is_connected_or_not(const struct scene *scene)
{
        return scene->state != 0;
}

static int connect_client(struct scene *scene, const char *address)
{
        struct hark_client_params params = {
                .on_state = on_state, .userdata = scene, .attempt_ms = scene->timeout_ms};
        int r;

        params.limits.window_size = SCENE_WINDOW;
        r = hark_connect(scene->loop, address, &params, &scene->client);

        if (r < 0)
                return r;
        SCENE_CHECK(wait_for(scene, is_connected_or_not));
        return scene->state == HARK_CONNECTED ? 0 : -ENOTCONN;
}

static int invoke(struct scene *scene, unsigned i, const char *method, struct hark_payload payload,
                  hark_on_reply *on_reply_or)
{
        int r;

        scene->calls[i].has_begun = true;
        r = hark_invoke(scene->client, method, payload, scene->timeout_ms, on_reply_or,
                        &scene->calls[i], NULL);
        scene->calls[i].has_begun = r == 0;
        return r;
}

static int first_failure(int so_far, int r)
{
        return so_far != 0 ? so_far : r;
}

static void on_stream_end(int result, void *userdata)
{
        end(userdata, result);
}

static int stream(struct scene *scene)
{
        struct ending *ending = &scene->calls[SCENE_CALLS - 1];
        int r;

        scene->stream = (struct scene_stream){
                .client = scene->client, .on_end = on_stream_end, .userdata = ending};
        ending->has_begun = true;
        r = scene_stream_begin(&scene->stream, scene->timeout_ms);
        ending->has_begun = r == 0;
        return r;
}

static int call_all(struct scene *scene)
{
        static const uint8_t large[LARGE];
        static const int fds[2] = {0, 1};
        struct hark_payload files = {.fds = fds, .n_fds = 2};
        int r = invoke(scene, 0, "echo", hark_text("hello"), on_reply);

        r = first_failure(r, invoke(scene, 1, "echo", hark_bytes(large, LARGE), on_large));
        r = first_failure(r, invoke(scene, 2, "keep", HARK_NOTHING, on_later));
        r = first_failure(r, invoke(scene, 3, "answer", HARK_NOTHING, on_reply));
        r = first_failure(r, invoke(scene, 4, "echo", files, on_files));
        r = first_failure(r, invoke(scene, 6, "further", HARK_NOTHING, on_reply));
        r = first_failure(r, invoke(scene, 7, "round", HARK_NOTHING, on_reply));
        r = first_failure(r, stream(scene));
        return first_failure(r, hark_send(scene->client, "one.way", hark_text("hello")));
}

static bool are_calls_over(const struct scene *scene)
{
        for (unsigned i = 0; i < SCENE_CALLS; i++)
                if (scene->calls[i].has_begun && scene->calls[i].n == 0)
                        return false;
        return true;
}

static int first_result(const struct scene *scene)
{
        for (unsigned i = 0; i < SCENE_CALLS; i++)
                if (scene->calls[i].has_begun && scene->calls[i].result != 0)
                        return scene->calls[i].result;
        return 0;
}

/* A call behind it shows that a subscription stands, and that what was published has come. */
static int ask_and_wait(struct scene *scene, unsigned i)
{
        int r = invoke(scene, i, "echo", HARK_NOTHING, on_reply);

        SCENE_CHECK(wait_for(scene, are_calls_over));
        return first_failure(r, scene->calls[i].result);
}

static bool is_unsubscribed(const struct scene *scene)
{
        return scene->subscription.n == scene->subscription.has_begun &&
               scene->membership.n == scene->membership.has_begun;
}

static int subscribe(struct scene *scene, uint64_t *ret_id)
{
        int r;

        scene->subscription.has_begun = true;
        r = hark_subscribe(scene->client, "news.*", on_notification, scene, NULL, ret_id);
        scene->subscription.has_begun = r == 0;
        return r;
}

static int join(struct scene *scene, uint64_t *ret_id)
{
        struct hark_subscribe_params params = {.group = "readers"};
        int r;

        scene->membership.has_begun = true;
        r = hark_subscribe(scene->client, "news.*", on_shared, scene, &params, ret_id);
        scene->membership.has_begun = r == 0;
        return r;
}

static int subscribe_and_publish(struct scene *scene)
{
        static const uint8_t shared[2000];
        uint64_t id = 0, member_id = 0;
        int r = subscribe(scene, &id);

        if (r < 0)
                return r;
        r = join(scene, &member_id);
        r = first_failure(r, hark_publish(scene->client, "news.small", hark_text("hello")));
        r = first_failure(r, hark_publish(scene->client, "news.large", hark_bytes(shared, 2000)));
        r = first_failure(r, ask_and_wait(scene, 5));
        (void)hark_unsubscribe(scene->client, member_id);
        (void)hark_unsubscribe(scene->client, id);
        SCENE_CHECK(wait_for(scene, is_unsubscribed));
        return first_failure(r, scene->n_notified == 2 && scene->n_shared == 2 ? 0 : -EBADMSG);
}

/* --- the scene -------------------------------------------------------------------------------- */

static int play_with_client(struct scene *scene)
{
        int r = call_all(scene);

        SCENE_CHECK(wait_for(scene, are_calls_over));
        r = first_failure(r, first_result(scene));
        r = first_failure(r, subscribe_and_publish(scene));
        return first_failure(r, scene->n_one_way == 1 ? 0 : -EBADMSG);
}

int scene_play(struct scene *scene, const char *address, int timeout_ms)
{
        int r;

        *scene = (struct scene){.timeout_ms = timeout_ms};
        r = hark_loop_new(&scene->loop);
        if (r == 0)
                r = make_server(scene, address);
        if (r == 0)
                r = connect_client(scene, address);
        return r == 0 ? play_with_client(scene) : r;
}

static void check_ending(const struct ending *ending)
{
        ck_assert_uint_eq(ending->n, ending->has_begun ? 1 : 0);
}

static void check_that_it_serves(struct scene *scene, const char *address)
{
        unsigned i = SCENE_CALLS - 1;

        scene->timeout_ms = PATIENCE_MS;
        scene->state = 0;
        scene->calls[i] = (struct ending){.n = 0};
        ck_assert_int_eq(connect_client(scene, address), 0);
        ck_assert_int_eq(ask_and_wait(scene, i), 0);
        scene->client = hark_client_unref(scene->client);
}

void scene_end(struct scene *scene, const char *address)
{
        scene->client = hark_client_unref(scene->client);
        for (unsigned i = 0; i < SCENE_CALLS; i++)
                check_ending(&scene->calls[i]);
        check_ending(&scene->subscription);
        check_ending(&scene->membership);
        if (scene->is_listening)
                check_that_it_serves(scene, address);
        hark_server_unref(scene->server);
        ck_assert_ptr_null(scene->kept);
        ck_assert_uint_eq(scene->n_let_in, scene->n_left);
        hark_loop_unref(scene->loop);
}
