/* SPDX-License-Identifier: MIT */

#include "fixture.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "port_kit.h"

#define STRANGER 65432 /* a user of no meaning */

/* Of the sockets of all types, which one is tried. */
static const char *const schemes[] = {"unix", "seqpacket", "dgram", NULL};
static const char *scheme;

static const char *path_address(const char *options)
{
        static char text[200];

        (void)snprintf(text, sizeof(text), "%s:%s%s", scheme, fixture_path("s"), options);
        return text;
}

static const char *name_address(const char *options)
{
        static char text[200];

        (void)snprintf(text, sizeof(text), "%s:@%s%s", scheme, fixture_name("s"), options);
        return text;
}

static void need_root(void)
{
        if (geteuid() != 0)
                fixture_skip("only root can become another user");
        ck_assert_int_eq(chmod(fixture_dir(), 0777), 0);
}

/* A server that has not come to accepting: its backlog holds one connection. */
static int listen_plainly(void)
{
        struct sockaddr_un name = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);

        (void)snprintf(name.sun_path, sizeof(name.sun_path), "%s", fixture_path("s"));
        ck_assert_int_eq(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
        ck_assert_int_eq(listen(fd, 0), 0);
        return fd;
}

/* How connecting ends: 0, once it is open and has been greeted, if it is; -ECONNRESET: closed by
 * the other side; other: as connect or the port says. */
static int outcome_of(hark_loop *loop, const char *address, bool is_greeted)
{
        struct kit_port client = {0};
        uint64_t end_ns = hark_deadline_ns(KIT_PATIENCE_MS);
        int r = kit_try_connect(loop, address, &client);
        char byte;

        if (r < 0)
                return r;
        kit_start(&client);
        while (client.n_broken == 0 && (client.n_opened == 0 || (is_greeted && !client.n_readable)))
                kit_turn(loop, end_ns);
        if (client.n_broken > 0)
                r = client.port->error;
        if (is_greeted && client.n_opened > 0)
                r = kit_receive(&client, &byte, 1, NULL) == 1 ? 0 : -ECONNRESET;
        kit_close(&client);
        return r;
}

struct visit {
        const char *address;
        int outcome; /* -ECONNRESET: refused by the listener */
};

static int visit_as_stranger(void *userdata)
{
        const struct visit *visit = userdata;
        hark_loop *loop = kit_new_loop();

        ck_assert_int_eq(setresuid(STRANGER, STRANGER, STRANGER), 0);
        ck_assert_int_eq(outcome_of(loop, visit->address, true), visit->outcome);
        hark_loop_unref(loop);
        return 0;
}

static void note_log(int level, const char *text, void *userdata)
{
        (void)level;
        (void)snprintf(userdata, 512, "%s", text);
}

/* Somebody else visits; who is let in is greeted with a byte. */
static void receive_visit(const char *listening, const struct visit *visit)
{
        hark_loop *loop = kit_new_loop();
        struct kit_listener listener = {0};
        struct kit_port server = {0};
        char log[512] = "", expected[512];
        pid_t pid;

        ck_assert_int_eq(hark_loop_set_log(loop, note_log, log), 0);
        kit_listen(loop, listening, &listener);
        pid = fixture_fork(visit_as_stranger, (void *)(uintptr_t)visit);
        if (visit->outcome == 0) {
                kit_accept(loop, &listener, &server);
                ck_assert_int_eq(kit_send(&server, "x", 1), 1);
                kit_close(&server);
        } else if (visit->outcome == -ECONNRESET) {
                (void)snprintf(expected, sizeof(expected),
                               "%s: refused uid %d; who may connect is said by uid= in the address",
                               listener.listener->address, STRANGER);
                while (!*log)
                        ck_assert_int_eq(hark_loop_process(loop, KIT_PATIENCE_MS), 0);
                ck_assert_str_eq(log, expected);
        }
        ck_assert_int_eq(fixture_wait_exit(pid), 0);
        ck_assert_uint_eq(listener.n_ports, 0);
        kit_close_listener(&listener);
        hark_loop_unref(loop);
}

static void receive_visits(void)
{
        char name[200], path[200];

        (void)snprintf(name, sizeof(name), "%s", name_address(""));
        (void)snprintf(path, sizeof(path), "%s", path_address(""));
        receive_visit(name, &(struct visit){name, -ECONNRESET});
        receive_visit(name_address("?uid=any"), &(struct visit){name, 0});
        receive_visit(name_address("?uid=65432"), &(struct visit){name, 0});
        receive_visit(name_address("?uid=65431"), &(struct visit){name, -ECONNRESET});
        receive_visit(path_address("?mode=0777"), &(struct visit){path, 0});
        receive_visit(path_address("?mode=0700"), &(struct visit){path, -EACCES});
        receive_visit(path_address("?mode=0777&uid=any"), &(struct visit){path, 0});
        receive_visit(path_address("?mode=0777&uid=65432"), &(struct visit){path, 0});
        receive_visit(path_address("?mode=0777&uid=65431"), &(struct visit){path, -ECONNRESET});
}

START_TEST(a_listener_lets_in_whom_its_path_or_its_address_lets_in)
{
        need_root();
        for (size_t i = 0; schemes[i]; i++) {
                scheme = schemes[i];
                receive_visits();
        }
}
END_TEST

struct serving {
        const char *address;
        struct fixture_gate is_listening, is_done;
};

/* Until the gate opens. */
static void serve_until(hark_loop *loop, int gate)
{
        struct pollfd fds[] = {{.fd = hark_loop_fd(loop), .events = POLLIN},
                               {.fd = gate, .events = POLLIN}};

        while (fds[1].revents == 0) {
                ck_assert_int_gt(poll(fds, 2, KIT_PATIENCE_MS), 0);
                ck_assert_int_eq(hark_loop_process(loop, 0), 0);
        }
}

static int serve_as_stranger(void *userdata)
{
        struct serving *serving = userdata;
        hark_loop *loop = kit_new_loop();
        struct kit_listener listener = {0};

        ck_assert_int_eq(setresuid(STRANGER, STRANGER, STRANGER), 0);
        kit_listen(loop, serving->address, &listener);
        fixture_gate_open(&serving->is_listening);
        serve_until(loop, serving->is_done.fds[0]);
        fixture_gate_wait(&serving->is_done);
        kit_close_listener(&listener);
        hark_loop_unref(loop);
        return 0;
}

/* Connects with each of the options to what somebody else serves. */
static void visit_stranger(const char *address, const char *const *options, const int *results)
{
        struct serving serving = {address, fixture_gate_new(), fixture_gate_new()};
        hark_loop *loop = kit_new_loop();
        char text[200], log[512] = "";
        pid_t pid = fixture_fork(serve_as_stranger, &serving);

        ck_assert_int_eq(hark_loop_set_log(loop, note_log, log), 0);
        fixture_gate_wait(&serving.is_listening);
        for (; *options; options++, results++) {
                (void)snprintf(text, sizeof(text), "%s%s", address, *options);
                ck_assert_msg(outcome_of(loop, text, false) == *results, "%s", text);
                if (*results < 0)
                        ck_assert_ptr_nonnull(strstr(log, "is served by uid 65432"));
        }
        fixture_gate_open(&serving.is_done);
        ck_assert_int_eq(fixture_wait_exit(pid), 0);
        hark_loop_unref(loop);
}

START_TEST(a_client_checks_who_serves_what_anybody_could_serve)
{
        static const char *const options[] = {"", "?uid=any", "?uid=65432", "?uid=65431", NULL};
        static const int results[] = {-EPERM, 0, 0, -EPERM};
        char text[200];

        need_root();
        for (size_t i = 0; schemes[i]; i++) {
                scheme = schemes[i];
                (void)snprintf(text, sizeof(text), "%s", name_address(""));
                visit_stranger(text, options, results);
                (void)snprintf(text, sizeof(text), "%s", path_address(""));
                visit_stranger(text, options, results);
        }
}
END_TEST

START_TEST(a_client_is_refused_by_the_check_also_after_waiting_for_the_backlog)
{
        hark_loop *loop = kit_new_loop();
        struct kit_port first = {0}, second = {0};
        uid_t uid = geteuid();
        int server, accepted;

        need_root();
        scheme = "unix";
        ck_assert_int_eq(seteuid(STRANGER), 0);
        server = listen_plainly();
        ck_assert_int_eq(seteuid(uid), 0);
        ck_assert_int_eq(kit_try_connect(loop, path_address("?uid=any"), &first), 0);
        kit_connect(loop, path_address(""), &second);
        accepted = accept(server, NULL, NULL);
        kit_wait(loop, &second.n_broken, 1);
        ck_assert_int_eq(second.port->error, -EPERM);
        close(accepted);
        close(server);
        kit_close(&first);
        kit_close(&second);
        ck_assert_int_eq(unlink(fixture_path("s")), 0);
        hark_loop_unref(loop);
}
END_TEST

FIXTURE_MAIN("unix_users", a_listener_lets_in_whom_its_path_or_its_address_lets_in,
             a_client_checks_who_serves_what_anybody_could_serve,
             a_client_is_refused_by_the_check_also_after_waiting_for_the_backlog)
