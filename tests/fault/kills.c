/* SPDX-License-Identifier: MIT */

/*
 * A server, or a client, is killed at a random moment, again and again.
 *
 *         kills ADDRESS
 *
 * The survivor learns it, what was under way ends, the next one that starts is served or serves at
 * once, and at the end nothing is left that the next start does not clear away: what the fixture
 * looks for after each test. HARK_KILLS says how often, 200 times if it does not.
 */

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "somewhere.h"

#define USUAL_KILLS 200

/* Between a start and a kill: from before anything has happened to long after. */
#define MOMENTS_US 6000

static unsigned n_kills(void)
{
        return somewhere_number("HARK_KILLS", USUAL_KILLS);
}

/* Where the kernel shows no death, one has to ask. */
static int ping_ms(void)
{
        return somewhere_can(HARK_CAN_SEE_DEATH) ? 0 : 100;
}

struct survivor {
        hark_loop *loop;
        hark_client *client;
        hark_server *server;
        unsigned n_asked, n_ended, n_answered, n_in, n_out, n_done;
        bool is_time;
};

static void on_time(void *userdata)
{
        struct survivor *survivor = userdata;

        survivor->is_time = true;
}

/* Lets it run for a random time, most often for a short one. */
static void run_for_a_moment(struct survivor *survivor)
{
        unsigned us = somewhere_random(MOMENTS_US) * somewhere_random(MOMENTS_US) / MOMENTS_US;
        uint64_t id;

        survivor->is_time = us < 1000;
        for (unsigned i = 0; survivor->is_time && i < us / 100; i++)
                ck_assert_int_eq(hark_loop_process(survivor->loop, 0), 0);
        if (survivor->is_time)
                return;
        ck_assert_int_eq(
                hark_loop_add_timer(survivor->loop, (int)(us / 1000), 0, on_time, survivor, &id),
                0);
        run_until(survivor->loop, survivor->is_time);
}

static void kill_now(pid_t pid)
{
        ck_assert_int_eq(kill(pid, SIGKILL), 0);
        ck_assert_int_eq(fixture_wait_exit(pid), 128 + SIGKILL);
}

/* --- servers ---------------------------------------------------------------------------------- */

static void on_reply(int result, hark_message *reply, void *userdata)
{
        struct survivor *survivor = userdata;

        (void)reply;
        survivor->n_ended++;
        survivor->n_answered += result == 0;
}

static void ask(struct survivor *survivor)
{
        int r = hark_invoke(survivor->client, "echo", hark_text("x"), HARK_FOREVER, on_reply,
                            survivor, NULL);

        ck_assert_msg(r == 0, "%s", hark_reason(r, NULL));
        survivor->n_asked++;
}

/* The first may go to the server that was killed before, whose end has not been seen yet. */
static void expect_an_answer(struct survivor *survivor)
{
        unsigned n = survivor->n_answered;

        for (int i = 0; i < 2 && survivor->n_answered == n; i++) {
                ask(survivor);
                run_until(survivor->loop, survivor->n_ended == survivor->n_asked);
        }
        ck_assert_uint_gt(survivor->n_answered, n);
}

/* What a killed server has left, the next one clears away. */
static void clear_away(hark_loop *loop)
{
        hark_server *server = NULL;

        ck_assert_int_eq(hark_server_new(loop, NULL, &server), 0);
        somewhere_listen(server);
        hark_server_unref(server);
}

START_TEST(a_server_that_is_killed_is_missed_and_the_next_one_serves)
{
        struct hark_client_params params = {
                .wait_ms = HARK_FOREVER,
                .retry_min_ms = 1,
                .retry_max_ms = 20,
                .ping_ms = ping_ms(),
        };
        struct survivor survivor = {.n_asked = 0};
        pid_t pid = somewhere_serve();

        ck_assert_int_eq(hark_loop_new(&survivor.loop), 0);
        ck_assert_int_eq(hark_connect(survivor.loop, somewhere(), &params, &survivor.client), 0);
        for (unsigned i = 0; i < n_kills(); i++) {
                run_until(survivor.loop, hark_client_state(survivor.client) == HARK_CONNECTED);
                expect_an_answer(&survivor);
                for (unsigned n = somewhere_random(20); n > 0; n--)
                        ask(&survivor);
                run_for_a_moment(&survivor);
                kill_now(pid);
                run_until(survivor.loop, hark_client_state(survivor.client) != HARK_CONNECTED);
                pid = somewhere_serve();
                run_until(survivor.loop, survivor.n_ended == survivor.n_asked);
                if (somewhere_random(4) > 0)
                        continue;
                /* One that is killed while it is connected to. */
                run_for_a_moment(&survivor);
                kill_now(pid);
                pid = somewhere_serve();
        }
        kill_now(pid);
        run_until(survivor.loop, hark_client_state(survivor.client) != HARK_CONNECTED);
        hark_client_unref(survivor.client);
        ck_assert_uint_eq(survivor.n_ended, survivor.n_asked);
        clear_away(survivor.loop);
        hark_loop_unref(survivor.loop);
}
END_TEST

/* --- clients ---------------------------------------------------------------------------------- */

static int on_accept(hark_peer *peer, void *userdata)
{
        struct survivor *survivor = userdata;

        (void)peer;
        survivor->n_in++;
        return 0;
}

static void on_leave(hark_peer *peer, int reason, void *userdata)
{
        struct survivor *survivor = userdata;

        (void)reason;
        survivor->n_out++;
        survivor->n_done += strcmp(hark_peer_credentials(peer)->claimed_name, "next") == 0;
}

static void echo(hark_request *request, void *userdata)
{
        (void)userdata;
        hark_reply(request, hark_message_payload(hark_request_message(request)));
}

static int ask_for_ever(void *userdata)
{
        hark_client *client = NULL;

        (void)userdata;
        ck_assert_int_eq(hark_connect(NULL, somewhere(), NULL, &client), 0);
        for (;;)
                ck_assert_int_eq(hark_call(client, "echo", hark_text("x"), HARK_FOREVER, NULL), 0);
}

static int ask_once(void *userdata)
{
        struct hark_client_params params = {.name = "next"};
        hark_client *client = NULL;

        (void)userdata;
        ck_assert_int_eq(hark_connect(NULL, somewhere(), &params, &client), 0);
        ck_assert_int_eq(hark_call(client, "echo", hark_text("x"), PATIENCE_MS, NULL), 0);
        hark_client_unref(client);
        return 0;
}

START_TEST(a_client_that_is_killed_is_missed_and_the_next_one_is_served)
{
        struct survivor survivor = {.n_asked = 0};
        struct hark_server_params params = {
                .on_accept = on_accept,
                .on_leave = on_leave,
                .userdata = &survivor,
                .ping_ms = ping_ms(),
        };

        ck_assert_int_eq(hark_loop_new(&survivor.loop), 0);
        ck_assert_int_eq(hark_server_new(survivor.loop, &params, &survivor.server), 0);
        ck_assert_int_eq(hark_server_handle(survivor.server, "echo", echo, NULL), 0);
        somewhere_listen(survivor.server);
        for (unsigned i = 0; i < n_kills(); i++) {
                unsigned n_in = survivor.n_in;
                pid_t pid = fixture_fork(ask_for_ever, NULL);

                if (somewhere_random(3) > 0)
                        run_until(survivor.loop, survivor.n_in > n_in);
                run_for_a_moment(&survivor);
                kill_now(pid);
                pid = fixture_fork(ask_once, NULL);
                run_until(survivor.loop, survivor.n_done == i + 1);
                ck_assert_int_eq(fixture_wait_exit(pid), 0);
        }
        run_until(survivor.loop, survivor.n_in == survivor.n_out);
        hark_server_unref(survivor.server);
        hark_loop_unref(survivor.loop);
}
END_TEST

int main(int argc, char **argv)
{
        const TTest *const tests[] = {a_server_that_is_killed_is_missed_and_the_next_one_serves,
                                      a_client_that_is_killed_is_missed_and_the_next_one_is_served};

        if (argc != 2) {
                fprintf(stderr, "usage: %s ADDRESS\n", argv[0]);
                return 2;
        }
        given_address = argv[1];
        return fixture_run(given_address, tests, sizeof(tests) / sizeof(*tests));
}
