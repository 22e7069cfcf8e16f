/* SPDX-License-Identifier: MIT */

/* A server that has no descriptor left to accept with: it waits for one, and so does the client. */

#include "fixture.h"

#include <hark/hark.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"

#define PATIENCE_MS 10000

struct stage {
        hark_loop *loop;
        hark_server *server;
        hark_client *early, *late;
        struct rlimit limit;
        unsigned n_warnings, n_replies;
};

static void on_log(int level, const char *text, void *userdata)
{
        struct stage *stage = userdata;

        (void)level;
        if (strstr(text, "cannot accept"))
                stage->n_warnings++;
}

static void on_echo(hark_request *request, void *userdata)
{
        (void)userdata;
        (void)hark_reply(request, hark_message_payload(hark_request_message(request)));
}

static void on_reply(int result, hark_message *message, void *userdata)
{
        struct stage *stage = userdata;

        (void)message;
        ck_assert_int_eq(result, 0);
        stage->n_replies++;
}

static void run_until(struct stage *stage, const unsigned *n, unsigned enough)
{
        uint64_t end_ns = hark_deadline_ns(PATIENCE_MS);

        while (*n < enough && hark_time_left_ms(end_ns) > 0)
                ck_assert_int_eq(hark_loop_process(stage->loop, hark_time_left_ms(end_ns)), 0);
        ck_assert_uint_ge(*n, enough);
}

static void call(struct stage *stage, hark_client *client)
{
        ck_assert_int_eq(
                hark_invoke(client, "echo", hark_text("hello"), PATIENCE_MS, on_reply, stage, NULL),
                0);
}

static void set_up(struct stage *stage, const char *address)
{
        *stage = (struct stage){.n_warnings = 0};
        ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &stage->limit), 0);
        ck_assert_int_eq(hark_loop_new(&stage->loop), 0);
        hark_loop_set_log(stage->loop, on_log, stage);
        ck_assert_int_eq(hark_server_new(stage->loop, NULL, &stage->server), 0);
        ck_assert_int_eq(hark_server_handle(stage->server, "echo", on_echo, NULL), 0);
        ck_assert_int_eq(hark_server_listen(stage->server, address), 0);
        ck_assert_int_eq(hark_connect(stage->loop, hark_server_address(stage->server, 0), NULL,
                                      &stage->early),
                         0);
        call(stage, stage->early);
        run_until(stage, &stage->n_replies, 1);
}

static void tear_down(struct stage *stage)
{
        hark_client_unref(stage->late);
        hark_client_unref(stage->early);
        hark_server_unref(stage->server);
        hark_loop_unref(stage->loop);
}

/* From now on this process has those that it has, and no other. */
static void take_descriptors_away(struct stage *stage)
{
        struct rlimit limit = stage->limit;
        int fd = dup(0);

        ck_assert_int_ge(fd, 0);
        close(fd);
        limit.rlim_cur = (rlim_t)fd;
        ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void give_descriptors_back(struct stage *stage)
{
        ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &stage->limit), 0);
}

static bool is_at_rest(const struct stage *stage)
{
        struct pollfd look = {.fd = hark_loop_fd(stage->loop), .events = POLLIN};

        return poll(&look, 1, 0) == 0;
}

static void who_waits_is_served(const char *address)
{
        struct stage stage;

        set_up(&stage, address);
        ck_assert_int_eq(
                hark_connect(stage.loop, hark_server_address(stage.server, 0), NULL, &stage.late),
                0);
        call(&stage, stage.late);
        take_descriptors_away(&stage);
        run_until(&stage, &stage.n_warnings, 1);

        /* The others are served, the one waits, and nothing spins. */
        call(&stage, stage.early);
        run_until(&stage, &stage.n_replies, 2);
        while (!is_at_rest(&stage))
                ck_assert_int_eq(hark_loop_process(stage.loop, 0), 0);
        ck_assert_uint_eq(stage.n_replies, 2);
        ck_assert_uint_eq(stage.n_warnings, 1);

        give_descriptors_back(&stage);
        run_until(&stage, &stage.n_replies, 3);
        tear_down(&stage);
}

START_TEST(who_waits_at_a_path_is_served_once_there_is_a_descriptor)
{
        char address[256];

        snprintf(address, sizeof(address), "unix:%s", fixture_path("s"));
        who_waits_is_served(address);
}
END_TEST

START_TEST(who_waits_at_a_port_is_served_once_there_is_a_descriptor)
{
        who_waits_is_served("tcp:127.0.0.1:0");
}
END_TEST

FIXTURE_MAIN("accept", who_waits_at_a_path_is_served_once_there_is_a_descriptor,
             who_waits_at_a_port_is_served_once_there_is_a_descriptor)
