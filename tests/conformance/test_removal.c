/* SPDX-License-Identifier: MIT */

/*
 * Letting go of anything in any callback: of the client, of the server, of both and the loop, its
 * own object included, with calls, requests and subscriptions in flight. What was in flight ends,
 * once.
 */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "record.h"
#include "tests.h"

#define N_IN_FLIGHT 5

/* In which callback it happens. */
enum moment {
        IN_ON_ACCEPT,
        IN_ON_STATE_CONNECTED,
        IN_ON_STATE_CLOSED,
        IN_ON_REPLY,
        IN_ON_REPLY_LATE,
        IN_ON_REPLY_CANCELLED,
        IN_ON_NOTIFICATION,
        IN_ON_UNSUBSCRIBED,
        IN_ON_REFUSED,
        IN_ON_ROOM,
        IN_ON_REQUEST,
        IN_ON_REQUEST_ONE_WAY,
        IN_ON_CANCEL,
        IN_ON_LEAVE,
        IN_ON_PUBLICATION,
        IN_ON_TIMER,
        IN_ON_POST,
        IN_ON_FD,
        IN_ON_SIGNAL,
        IN_ON_CHILD,
        IN_CLIENT_UNREF,
        IN_SERVER_UNREF,
        N_MOMENTS
};

enum victim {
        THE_CLIENT = 1,
        THE_SERVER = 2,
        THE_LOOP = 4
};

struct scene {
        enum moment moment;
        unsigned victims;
        bool has_happened;
        struct rig rig;
        hark_server *server;
        hark_client *client;
        hark_peer *peer;
        hark_request *kept[2 * N_IN_FLIGHT];
        size_t n_kept;
        struct ending endings[N_IN_FLIGHT];
        struct record record;
        uint64_t call_id, subscription_id;
        int event_fd;
};

static void let_go(struct scene *scene)
{
        if (scene->victims & THE_CLIENT)
                scene->client = hark_client_unref(scene->client);
        if (scene->victims & THE_SERVER)
                scene->server = hark_server_unref(scene->server);
        if (scene->victims & THE_LOOP)
                scene->rig.loop = hark_loop_unref(scene->rig.loop);
}

static void happen(struct scene *scene, enum moment moment)
{
        if (scene->moment != moment || scene->has_happened)
                return;
        scene->has_happened = true;
        let_go(scene);
}

/* --- callbacks -------------------------------------------------------------------------------- */

static int on_accept(hark_peer *peer, void *userdata)
{
        struct scene *scene = userdata;

        scene->peer = peer;
        happen(scene, IN_ON_ACCEPT);
        return 0;
}

static void on_leave(hark_peer *peer, int reason, void *userdata)
{
        struct scene *scene = userdata;

        (void)peer, (void)reason;
        scene->peer = NULL;
        happen(scene, IN_ON_LEAVE);
        happen(scene, IN_SERVER_UNREF);
}

static int on_publication(hark_peer *peer, const char *topic, hark_message *message, void *userdata)
{
        (void)peer, (void)topic, (void)message;
        happen(userdata, IN_ON_PUBLICATION);
        return 0;
}

static void on_state(hark_client *client, int state, int reason, void *userdata)
{
        (void)client, (void)reason;
        happen(userdata, state == HARK_CONNECTED ? IN_ON_STATE_CONNECTED : IN_ON_STATE_CLOSED);
}

static void on_room(hark_client *client, void *userdata)
{
        (void)client;
        happen(userdata, IN_ON_ROOM);
}

static void on_refused(hark_client *client, const char *name, int status,
                       const hark_message *message, void *userdata)
{
        (void)client, (void)name, (void)status, (void)message;
        happen(userdata, IN_ON_REFUSED);
}

static void on_cancel(hark_request *request, int reason, void *userdata)
{
        struct scene *scene = userdata;

        (void)request, (void)reason;
        happen(scene, IN_ON_CANCEL);
}

static void keep(hark_request *request, void *userdata)
{
        struct hark_request_events events = {.on_cancel = on_cancel};
        struct scene *scene = userdata;

        ck_assert_uint_lt(scene->n_kept, COUNT(scene->kept));
        scene->kept[scene->n_kept++] = hark_request_ref(request);
        kit_assert_good(hark_request_watch(request, &events, scene));
}

static void answer(hark_request *request, void *userdata)
{
        happen(userdata, hark_request_is_one_way(request) ? IN_ON_REQUEST_ONE_WAY : IN_ON_REQUEST);
        hark_reply(request, HARK_NOTHING);
}

static void on_reply(int result, hark_message *message, void *userdata)
{
        struct scene *scene = userdata;

        (void)message;
        if (result == -ETIMEDOUT)
                happen(scene, IN_ON_REPLY_LATE);
        else if (result == -ECANCELED || result == -ENOTCONN)
                happen(scene,
                       scene->moment == IN_CLIENT_UNREF ? IN_CLIENT_UNREF : IN_ON_REPLY_CANCELLED);
        else
                happen(scene, IN_ON_REPLY);
}

static void on_notification(const struct hark_notification *notification, void *userdata)
{
        struct scene *scene = userdata;

        record_notification(notification, &scene->record);
        happen(scene,
               notification->kind == HARK_UNSUBSCRIBED ? IN_ON_UNSUBSCRIBED : IN_ON_NOTIFICATION);
}

static void on_timer(void *userdata)
{
        happen(userdata, IN_ON_TIMER);
}

static void on_post(void *userdata)
{
        happen(userdata, IN_ON_POST);
}

static void on_fd(int fd, uint32_t events, void *userdata)
{
        uint64_t n;

        (void)events;
        ck_assert_int_eq(read(fd, &n, sizeof(n)), sizeof(n));
        happen(userdata, IN_ON_FD);
}

static void on_signal(int signo, void *userdata)
{
        (void)signo;
        happen(userdata, IN_ON_SIGNAL);
}

static void on_child(pid_t pid, int wait_status, void *userdata)
{
        (void)pid, (void)wait_status;
        happen(userdata, IN_ON_CHILD);
}

/* --- causes ----------------------------------------------------------------------------------- */

static uint64_t call(struct scene *scene, const char *method, int timeout_ms)
{
        uint64_t id;

        kit_assert_good(
                hark_invoke(scene->client, method, HARK_NOTHING, timeout_ms, on_reply, scene, &id));
        return id;
}

static void fill_queue(struct scene *scene)
{
        static const uint8_t bytes[1024];

        while (hark_send(scene->client, "answer", hark_bytes(bytes, sizeof(bytes))) == 0)
                ;
}

static void start_child(struct scene *scene)
{
        pid_t pid = fork();

        if (pid == 0)
                _exit(0);
        ck_assert_int_gt(pid, 0);
        kit_assert_good(hark_loop_add_child(scene->rig.loop, pid, on_child, scene, NULL));
}

static void watch_event(struct scene *scene)
{
        uint64_t one = 1;

        kit_assert_good(
                hark_loop_add_fd(scene->rig.loop, scene->event_fd, EPOLLIN, on_fd, scene, NULL));
        ck_assert_int_eq(write(scene->event_fd, &one, sizeof(one)), sizeof(one));
}

static void cause_of_loop(struct scene *scene)
{
        hark_loop *loop = scene->rig.loop;

        if (scene->moment == IN_ON_TIMER)
                kit_assert_good(hark_loop_add_timer(loop, 0, 1, on_timer, scene, NULL));
        if (scene->moment == IN_ON_POST)
                kit_assert_good(hark_loop_post(loop, on_post, scene));
        if (scene->moment == IN_ON_FD)
                watch_event(scene);
        if (scene->moment == IN_ON_SIGNAL) {
                kit_assert_good(hark_loop_add_signal(loop, SIGUSR1, on_signal, scene, NULL));
                raise(SIGUSR1);
        }
        if (scene->moment == IN_ON_CHILD)
                start_child(scene);
}

static void cause_of_calls(struct scene *scene)
{
        if (scene->moment == IN_ON_REPLY || scene->moment == IN_ON_REQUEST)
                call(scene, "answer", KIT_PATIENCE_MS);
        if (scene->moment == IN_ON_REPLY_LATE)
                call(scene, "keep", 1);
        if (scene->moment == IN_ON_REPLY_CANCELLED)
                kit_assert_good(hark_cancel(scene->client, call(scene, "keep", KIT_PATIENCE_MS)));
        if (scene->moment == IN_CLIENT_UNREF)
                call(scene, "keep", KIT_PATIENCE_MS);
        if (scene->moment == IN_ON_REQUEST_ONE_WAY)
                kit_assert_good(hark_send(scene->client, "answer", HARK_NOTHING));
        if (scene->moment == IN_ON_CANCEL)
                kit_assert_good(hark_cancel(scene->client, scene->call_id));
        if (scene->moment == IN_ON_REFUSED)
                kit_assert_good(hark_send(scene->client, "no.such.method", HARK_NOTHING));
        if (scene->moment == IN_ON_ROOM)
                fill_queue(scene);
}

static void cause_the_rest(struct scene *scene)
{
        if (scene->moment == IN_ON_NOTIFICATION)
                kit_assert_good(hark_server_publish(scene->server, "a", HARK_NOTHING));
        if (scene->moment == IN_ON_UNSUBSCRIBED)
                kit_assert_good(hark_unsubscribe(scene->client, scene->subscription_id));
        if (scene->moment == IN_ON_PUBLICATION)
                kit_assert_good(hark_publish(scene->client, "a", HARK_NOTHING));
        if (scene->moment == IN_ON_STATE_CLOSED)
                kit_assert_good(hark_peer_disconnect(scene->peer));
        if (scene->moment == IN_ON_LEAVE || scene->moment == IN_CLIENT_UNREF)
                scene->client = hark_client_unref(scene->client);
        if (scene->moment == IN_SERVER_UNREF)
                scene->server = hark_server_unref(scene->server);
}

/* --- scenes ----------------------------------------------------------------------------------- */

static void make_server(struct scene *scene)
{
        struct hark_server_params params = {.on_accept = on_accept,
                                            .on_leave = on_leave,
                                            .on_publication = on_publication,
                                            .userdata = scene};

        kit_assert_good(hark_server_new(scene->rig.loop, &params, &scene->server));
        kit_assert_good(hark_server_handle(scene->server, "keep", keep, scene));
        kit_assert_good(hark_server_handle(scene->server, "answer", answer, scene));
        rig_listen(&scene->rig, scene->server);
}

static void make_client(struct scene *scene)
{
        struct hark_client_params params = {.on_state = on_state,
                                            .on_room = on_room,
                                            .on_refused = on_refused,
                                            .userdata = scene,
                                            .limits = {.queue_size = 16384}};

        kit_assert_good(rig_begin_connect(&scene->rig, scene->rig.loop, &params, &scene->client));
        for (size_t i = 0; i < N_IN_FLIGHT; i++)
                kit_assert_good(hark_invoke(scene->client, "keep", HARK_NOTHING, HARK_FOREVER,
                                            rig_note_end, &scene->endings[i], &scene->call_id));
        kit_assert_good(hark_subscribe(scene->client, "a", on_notification, scene, NULL,
                                       &scene->subscription_id));
}

static void begin(struct scene *scene)
{
        rig_prepare(&scene->rig);
        scene->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        make_server(scene);
        make_client(scene);
        if (scene->moment == IN_ON_ACCEPT || scene->moment == IN_ON_STATE_CONNECTED)
                return;
        kit_until(scene->rig.loop, scene->n_kept == N_IN_FLIGHT);
        cause_of_loop(scene);
        cause_of_calls(scene);
        cause_the_rest(scene);
}

static void check_ends(const struct scene *scene)
{
        for (size_t i = 0; i < N_IN_FLIGHT; i++)
                ck_assert_msg(scene->endings[i].n == 1, "moment %d, victims %u, call %zu: %u ends",
                              scene->moment, scene->victims, i, scene->endings[i].n);
        ck_assert_msg(scene->record.is_over, "moment %d, victims %u: no end of a subscription",
                      scene->moment, scene->victims);
}

static void finish(struct scene *scene)
{
        if (scene->rig.loop)
                kit_settle(scene->rig.loop);
        if (!scene->client && !(scene->victims & THE_LOOP))
                check_ends(scene);
        scene->client = hark_client_unref(scene->client);
        check_ends(scene);
        for (size_t i = 0; i < scene->n_kept; i++)
                hark_request_unref(scene->kept[i]);
        hark_server_unref(scene->server);
        rig_end(&scene->rig);
        close(scene->event_fd);
}

static void play_all(unsigned victims)
{
        for (enum moment moment = 0; moment < N_MOMENTS; moment++) {
                struct scene *scene = calloc(1, sizeof(*scene));

                ck_assert_ptr_nonnull(scene);
                scene->moment = moment;
                scene->victims = victims;
                begin(scene);
                kit_until(scene->rig.loop, scene->has_happened);
                finish(scene);
                free(scene);
        }
}

START_TEST(a_client_may_be_let_go_of_in_any_callback)
{
        play_all(THE_CLIENT);
}
END_TEST

START_TEST(a_server_may_be_let_go_of_in_any_callback)
{
        play_all(THE_SERVER);
}
END_TEST

START_TEST(a_client_and_its_server_may_be_let_go_of_in_any_callback)
{
        play_all(THE_CLIENT | THE_SERVER);
}
END_TEST

START_TEST(everything_may_be_let_go_of_in_any_callback)
{
        play_all(THE_CLIENT | THE_SERVER | THE_LOOP);
}
END_TEST

CHAPTER(test_removal, a_client_may_be_let_go_of_in_any_callback,
        a_server_may_be_let_go_of_in_any_callback,
        a_client_and_its_server_may_be_let_go_of_in_any_callback,
        everything_may_be_let_go_of_in_any_callback)
