/* SPDX-License-Identifier: MIT */

/* on_room: what a client promises with each -EAGAIN, as its connections come and go. */

#include "fixture.h"

#include <errno.h>
#include <hark/hark.h>
#include <stdio.h>

#include "loop_kit.h"

struct scene {
        hark_loop *loop;
        hark_server *server;
        hark_client *client;
        unsigned n_connected, n_retrying, n_room;
        char address[256];
};

static void on_state(hark_client *client, int state, int reason, void *userdata)
{
        struct scene *scene = userdata;

        (void)client;
        (void)reason;
        scene->n_connected += state == HARK_CONNECTED;
        scene->n_retrying += state == HARK_RETRYING;
}

static void on_room(hark_client *client, void *userdata)
{
        struct scene *scene = userdata;

        (void)client;
        scene->n_room++;
}

static void serve(struct scene *scene)
{
        ck_assert_int_eq(hark_server_new(scene->loop, NULL, &scene->server), 0);
        ck_assert_int_eq(hark_server_listen(scene->server, scene->address), 0);
}

static void begin(struct scene *scene, size_t outbox_size)
{
        struct hark_client_params params = {
                .on_state = on_state,
                .on_room = on_room,
                .userdata = scene,
                .retry_min_ms = 1,
                .retry_max_ms = 4,
                .outbox_size = outbox_size,
                .limits = {.queue_size = 4096},
        };

        *scene = (struct scene){.loop = kit_new_loop()};
        snprintf(scene->address, sizeof(scene->address), "unix:%s", fixture_path("place"));
        serve(scene);
        ck_assert_int_eq(hark_connect(scene->loop, scene->address, &params, &scene->client), 0);
        kit_process_until(scene->loop, &scene->n_connected, 1);
}

static void lose_server(struct scene *scene)
{
        scene->server = hark_server_unref(scene->server);
        kit_process_until(scene->loop, &scene->n_retrying, 1);
}

static void fill(struct scene *scene)
{
        int r;

        do
                r = hark_send(scene->client, "a", HARK_NOTHING);
        while (r == 0);
        ck_assert_int_eq(r, -EAGAIN);
}

static void end(struct scene *scene)
{
        hark_client_unref(scene->client);
        hark_server_unref(scene->server);
        hark_loop_unref(scene->loop);
}

/* The queue that had no room is gone. */
START_TEST(who_waits_for_room_is_told_when_the_connection_is_lost)
{
        struct scene scene;

        begin(&scene, 0);
        fill(&scene);
        lose_server(&scene);
        kit_process_until(scene.loop, &scene.n_room, 1);
        ck_assert_int_eq(hark_send(scene.client, "a", HARK_NOTHING), -ENOTCONN);
        end(&scene);
}
END_TEST

START_TEST(who_waits_for_room_in_the_outbox_is_told_when_it_has_left)
{
        struct scene scene;

        begin(&scene, 4096);
        lose_server(&scene);
        fill(&scene);
        ck_assert_uint_eq(scene.n_room, 0);
        serve(&scene);
        kit_process_until(scene.loop, &scene.n_room, 1);
        end(&scene);
}
END_TEST

START_TEST(who_lets_go_waits_for_no_room)
{
        struct scene scene;

        begin(&scene, 4096);
        lose_server(&scene);
        fill(&scene);
        scene.client = hark_client_unref(scene.client);
        ck_assert_uint_eq(scene.n_room, 0);
        end(&scene);
}
END_TEST

FIXTURE_MAIN("room", who_waits_for_room_is_told_when_the_connection_is_lost,
             who_waits_for_room_in_the_outbox_is_told_when_it_has_left,
             who_lets_go_waits_for_no_room)
