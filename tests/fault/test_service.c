/* SPDX-License-Identifier: MIT */

/*
 * A waiting client and its server, in two processes, of which one or the other has its calls fail:
 * the first, the second, ... until none is left that can. Afterwards the same server serves the
 * next client.
 */

#include "fixture.h"

#include <errno.h>
#include <hark/hark.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "faults.h"

#define LARGE      150000
#define TIMEOUT_MS 2000

static const char *address(void)
{
        static char text[256];

        snprintf(text, sizeof(text), "unix:%s", fixture_path("s"));
        return text;
}

/* --- the server ------------------------------------------------------------------------------- */

static void on_echo(hark_request *request, void *userdata)
{
        (void)userdata;
        (void)hark_reply(request, hark_message_payload(hark_request_message(request)));
}

/* "FAULT N": from behind this answer on. */
static void on_arm(hark_request *request, void *userdata)
{
        unsigned fault = 0, n = 0;

        (void)userdata;
        sscanf(hark_message_text(hark_request_message(request)), "%u %u", &fault, &n);
        (void)hark_reply(request, HARK_NOTHING);
        faults_arm(fault, n);
}

static void on_disarm(hark_request *request, void *userdata)
{
        (void)userdata;
        (void)hark_reply(request, hark_text(faults_disarm() > 0 ? "yes" : "no"));
}

static void on_stop(hark_request *request, void *userdata)
{
        (void)hark_reply(request, HARK_NOTHING);
        hark_loop_stop(userdata);
}

static int serve(void *userdata)
{
        hark_loop *loop = NULL;
        hark_server *server = NULL;
        int r = hark_loop_new(&loop);

        if (r == 0)
                r = hark_server_new(loop, NULL, &server);
        if (r == 0) {
                hark_server_handle(server, "echo", on_echo, NULL);
                hark_server_handle(server, "arm", on_arm, NULL);
                hark_server_handle(server, "disarm", on_disarm, NULL);
                hark_server_handle(server, "stop", on_stop, loop);
                r = hark_server_listen(server, address());
        }
        fixture_gate_open(userdata);
        if (r == 0)
                r = hark_loop_run(loop);
        hark_server_unref(server);
        hark_loop_unref(loop);
        return r == 0 ? 0 : 1;
}

static pid_t start_server(void)
{
        struct fixture_gate gate = fixture_gate_new();
        pid_t pid = fixture_fork(serve, &gate);

        fixture_gate_wait(&gate);
        return pid;
}

/* --- the client ------------------------------------------------------------------------------- */

static int call_with_files(hark_client *client)
{
        static const int fds[2] = {0, 1};
        struct hark_payload payload = {.fds = fds, .n_fds = 2};
        hark_message *reply = NULL;
        int r = hark_call(client, "echo", payload, TIMEOUT_MS, &reply);

        for (size_t i = 0; r == 0 && i < 2; i++) {
                int fd = hark_message_take_fd(reply, i);

                if (fd < 0)
                        r = fd;
                else
                        close(fd);
        }
        hark_message_unref(reply);
        return r;
}

static int call_with_bytes(hark_client *client, size_t size)
{
        static const uint8_t bytes[LARGE];
        hark_message *reply = NULL;
        int r = hark_call(client, "echo", hark_bytes(bytes, size), TIMEOUT_MS, &reply);

        if (r == 0 && hark_message_size(reply) != size)
                r = -EBADMSG;
        hark_message_unref(reply);
        return r;
}

/* A client's whole life. Returns 0; or the first failure. */
static int play(const char *at)
{
        hark_client *client = NULL;
        int r = hark_connect(NULL, at, NULL, &client);

        if (r == 0)
                r = call_with_bytes(client, 32);
        if (r == 0)
                r = call_with_bytes(client, LARGE);
        if (r == 0)
                r = call_with_files(client);
        if (r == 0)
                r = hark_send(client, "echo", HARK_NOTHING);
        if (r == 0)
                r = hark_client_flush(client, TIMEOUT_MS);
        hark_client_unref(client);
        return r;
}

/* Asks the server for what is not to fail. "": it did. */
static const char *ask(const char *method, const char *text)
{
        static char answer[16];
        hark_client *client = NULL;
        hark_message *reply = NULL;
        int r = hark_connect(NULL, address(), NULL, &client);

        if (r == 0)
                r = hark_call(client, method, hark_text(text), TIMEOUT_MS, &reply);
        snprintf(answer, sizeof(answer), "%s", r == 0 ? hark_message_text(reply) : "");
        if (r == 0 && !*answer)
                strcpy(answer, "done");
        hark_message_unref(reply);
        hark_client_unref(client);
        return answer;
}

static void stop_server(pid_t pid)
{
        ck_assert_str_eq(ask("stop", ""), "done");
        ck_assert_int_eq(fixture_wait_exit(pid), 0);
}

/* --- the client's faults ---------------------------------------------------------------------- */

static void let_client_fail(enum fault fault, bool may_fail, unsigned least)
{
        const char *at = address();
        pid_t server = start_server();
        bool has_failed = true;
        unsigned n = 0;

        for (; has_failed; n++) {
                int r;

                faults_arm(fault, n);
                r = play(at);
                has_failed = faults_disarm() > 0;
                if (!may_fail || !has_failed)
                        ck_assert_msg(r == 0, "fault %u: %s", n, hark_reason(r, NULL));
                ck_assert_int_eq(play(at), 0);
        }
        ck_assert_uint_gt(n, least);
        stop_server(server);
}

START_TEST(a_client_without_memory_says_so)
{
        let_client_fail(FAULT_MEMORY, true, 8);
}
END_TEST

START_TEST(a_client_without_descriptors_says_so)
{
        let_client_fail(FAULT_DESCRIPTORS, true, 8);
}
END_TEST

START_TEST(a_client_that_is_disturbed_goes_on)
{
        let_client_fail(FAULT_INTERRUPTION, false, 10);
        let_client_fail(FAULT_NOTHING_YET, false, 8);
        let_client_fail(FAULT_NO_ROOM, false, 4);
        let_client_fail(FAULT_SHORT, false, 8);
}
END_TEST

/* --- the server's faults ---------------------------------------------------------------------- */

static void arm_server(enum fault fault, unsigned n)
{
        char text[32];

        snprintf(text, sizeof(text), "%u %u", (unsigned)fault, n);
        ck_assert_str_eq(ask("arm", text), "done");
}

/* Whether the fault has happened. If it has not, asking may make it happen. */
static bool disarm_server(void)
{
        const char *answer = ask("disarm", "");

        if (*answer)
                return strcmp(answer, "yes") == 0;
        ck_assert_str_eq(ask("disarm", ""), "yes");
        return false;
}

static void let_server_fail(enum fault fault, bool may_fail, unsigned least)
{
        const char *at = address();
        pid_t server = start_server();
        bool has_failed = true;
        unsigned n = 0;

        for (; has_failed; n++) {
                int r;

                arm_server(fault, n);
                r = play(at);
                has_failed = disarm_server();
                if (!may_fail || !has_failed)
                        ck_assert_msg(r == 0, "fault %u: %s", n, hark_reason(r, NULL));
                ck_assert_int_eq(play(at), 0);
        }
        ck_assert_uint_gt(n, least);
        stop_server(server);
}

START_TEST(a_server_without_memory_serves_the_next_client)
{
        let_server_fail(FAULT_MEMORY, true, 3);
}
END_TEST

START_TEST(a_server_without_descriptors_serves_the_next_client)
{
        let_server_fail(FAULT_DESCRIPTORS, true, 3);
}
END_TEST

START_TEST(a_server_that_is_disturbed_goes_on)
{
        let_server_fail(FAULT_INTERRUPTION, false, 10);
        let_server_fail(FAULT_NOTHING_YET, false, 8);
        let_server_fail(FAULT_NO_ROOM, false, 4);
        let_server_fail(FAULT_SHORT, false, 8);
}
END_TEST

FIXTURE_MAIN("service", a_client_without_memory_says_so, a_client_without_descriptors_says_so,
             a_client_that_is_disturbed_goes_on, a_server_without_memory_serves_the_next_client,
             a_server_without_descriptors_serves_the_next_client,
             a_server_that_is_disturbed_goes_on)
