/* SPDX-License-Identifier: MIT */

#include "fixture.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "port_kit.h"

#define STRANGER 65432 /* a user of no meaning */

static const char *path_address(const char *options)
{
        static char text[200];

        (void)snprintf(text, sizeof(text), "unix:%s%s", fixture_path("s"), options);
        return text;
}

static const char *name_address(const char *options)
{
        static char text[200];

        (void)snprintf(text, sizeof(text), "unix:@%s%s", fixture_name("s"), options);
        return text;
}

static void need_root(void)
{
        if (geteuid() != 0)
                fixture_skip("only root can become another user");
        ck_assert_int_eq(chmod(fixture_dir(), 0777), 0);
}

/* --- listening and connecting ------------------------------------------------------------------ */

START_TEST(a_path_is_listened_at_and_left)
{
        hark_loop *loop = kit_new_loop();
        struct kit_listener listener = {0};
        struct kit_port client = {0}, server = {0};

        ck_assert_int_eq(kit_try_connect(loop, path_address(""), &client), -ENOENT);
        kit_listen(loop, path_address(""), &listener);
        ck_assert_str_eq(listener.listener->address, path_address(""));
        kit_connect(loop, path_address(""), &client);
        kit_accept(loop, &listener, &server);
        kit_wait(loop, &client.n_opened, 1);
        kit_talk(loop, &client, &server);
        kit_close_listener(&listener);
        ck_assert_int_eq(access(fixture_path("s"), F_OK), -1);
        kit_talk(loop, &client, &server); /* what is connected stays so */
        kit_close(&client);
        kit_close(&server);
        hark_loop_unref(loop);
}
END_TEST

START_TEST(an_address_is_told_without_what_concerns_the_listener_only)
{
        hark_loop *loop = kit_new_loop();
        struct kit_listener listener = {0};
        struct stat status;

        kit_listen(loop, path_address("?mode=0640&uid=any"), &listener);
        ck_assert_str_eq(listener.listener->address, path_address(""));
        ck_assert_int_eq(stat(fixture_path("s"), &status), 0);
        ck_assert_uint_eq(status.st_mode & 0777, 0640);
        kit_close_listener(&listener);
        hark_loop_unref(loop);
}
END_TEST

START_TEST(what_is_served_cannot_be_served_again)
{
        hark_loop *loop = kit_new_loop();
        struct kit_listener path = {0}, name = {0}, again = {0};

        kit_listen(loop, path_address(""), &path);
        kit_listen(loop, name_address(""), &name);
        ck_assert_int_eq(kit_try_listen(loop, path_address(""), &again), -EADDRINUSE);
        ck_assert_int_eq(kit_try_listen(loop, name_address(""), &again), -EADDRINUSE);
        kit_close_listener(&path);
        kit_close_listener(&name);
        hark_loop_unref(loop);
}
END_TEST

START_TEST(why_nobody_can_be_reached_is_told_at_once)
{
        hark_loop *loop = kit_new_loop();
        struct sockaddr_un name = {.sun_family = AF_UNIX};
        struct kit_port client = {0};
        int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);

        ck_assert_int_eq(kit_try_connect(loop, path_address(""), &client), -ENOENT);
        ck_assert_int_eq(kit_try_connect(loop, name_address(""), &client), -ECONNREFUSED);
        (void)snprintf(name.sun_path, sizeof(name.sun_path), "%s", fixture_path("s"));
        ck_assert_int_eq(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
        ck_assert_int_eq(listen(fd, 1), 0);
        ck_assert_int_eq(kit_try_connect(loop, path_address(""), &client), -ECONNREFUSED);
        close(fd);
        ck_assert_int_eq(kit_try_connect(loop, path_address(""), &client), -ECONNREFUSED);
        ck_assert_int_eq(unlink(fixture_path("s")), 0);
        hark_loop_unref(loop);
}
END_TEST

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

START_TEST(who_finds_the_backlog_full_gets_in_later)
{
        hark_loop *loop = kit_new_loop();
        struct kit_port first = {0}, second = {0}, gone = {0};
        int server = listen_plainly();
        int accepted[2];

        kit_connect(loop, path_address(""), &first);
        kit_wait(loop, &first.n_opened, 1);
        kit_connect(loop, path_address(""), &second);
        kit_connect(loop, path_address(""), &gone);
        for (unsigned i = 0; i < 3; i++)
                ck_assert_int_eq(hark_loop_process(loop, 20), 0);
        ck_assert_uint_eq(second.n_opened + second.n_broken, 0);
        kit_close(&gone);
        accepted[0] = accept(server, NULL, NULL);
        kit_wait(loop, &second.n_opened, 1);
        accepted[1] = accept(server, NULL, NULL);
        ck_assert_int_eq(kit_send(&second, "x", 1), 1);
        ck_assert_int_eq(read(accepted[1], &(char){0}, 1), 1);
        close(accepted[0]);
        close(accepted[1]);
        close(server);
        kit_close(&first);
        kit_close(&second);
        ck_assert_int_eq(unlink(fixture_path("s")), 0);
        hark_loop_unref(loop);
}
END_TEST

START_TEST(who_waits_for_a_full_backlog_hears_when_the_server_ends)
{
        hark_loop *loop = kit_new_loop();
        struct kit_port first = {0}, second = {0};
        int server = listen_plainly();

        kit_connect(loop, path_address(""), &first);
        kit_wait(loop, &first.n_opened, 1);
        kit_connect(loop, path_address(""), &second);
        close(server);
        kit_wait(loop, &second.n_broken, 1);
        ck_assert_int_eq(second.port->error, -ECONNREFUSED);
        ck_assert(!second.port->is_open);
        kit_close(&first);
        kit_close(&second);
        ck_assert_int_eq(unlink(fixture_path("s")), 0);
        hark_loop_unref(loop);
}
END_TEST

/* --- identity ---------------------------------------------------------------------------------- */

static void check_identity(const struct kit_port *end, pid_t pid)
{
        struct hark_credentials credentials;
        siginfo_t info;

        hark_credentials_init(&credentials);
        end->port->transport->identify(end->port, &credentials);
        ck_assert_uint_eq(credentials.uid, geteuid());
        ck_assert_uint_eq(credentials.gid, getegid());
        ck_assert_int_eq(credentials.pid, pid);
        ck_assert_int_ge(credentials.pidfd, 0);
        if (pid != getpid())
                ck_assert_int_eq(waitid(P_PIDFD, (id_t)credentials.pidfd, &info,
                                        WEXITED | WNOWAIT | WNOHANG),
                                 0);
        close(credentials.pidfd);
}

static int connect_and_wait(void *userdata)
{
        hark_loop *loop = kit_new_loop();
        struct kit_port client = {0};

        (void)userdata;
        kit_connect(loop, path_address(""), &client);
        kit_expect_end(loop, &client, 0);
        kit_close(&client);
        hark_loop_unref(loop);
        return 0;
}

START_TEST(each_end_knows_who_is_at_the_other)
{
        hark_loop *loop = kit_new_loop();
        struct kit_listener listener = {0};
        struct kit_port client = {0}, server = {0};
        pid_t pid;

        kit_listen(loop, path_address(""), &listener);
        kit_connect(loop, path_address(""), &client);
        kit_accept(loop, &listener, &server);
        check_identity(&client, getpid());
        check_identity(&server, getpid());
        kit_close(&server);
        kit_close(&client);
        pid = fixture_fork(connect_and_wait, NULL);
        kit_accept(loop, &listener, &server);
        check_identity(&server, pid);
        kit_close(&server);
        ck_assert_int_eq(fixture_wait_exit(pid), 0);
        kit_close_listener(&listener);
        hark_loop_unref(loop);
}
END_TEST

static int connect_and_leave(void *userdata)
{
        hark_loop *loop = kit_new_loop();
        struct kit_port client = {0};

        (void)userdata;
        kit_connect(loop, path_address(""), &client);
        kit_close(&client);
        hark_loop_unref(loop);
        return 0;
}

START_TEST(who_has_died_is_still_known_by_its_number)
{
        hark_loop *loop = kit_new_loop();
        struct kit_listener listener = {0};
        struct kit_port server = {0};
        struct hark_credentials credentials;
        pid_t pid;

        kit_listen(loop, path_address(""), &listener);
        pid = fixture_fork(connect_and_leave, NULL);
        ck_assert_int_eq(fixture_wait_exit(pid), 0);
        kit_accept(loop, &listener, &server);
        hark_credentials_init(&credentials);
        server.port->transport->identify(server.port, &credentials);
        ck_assert_int_eq(credentials.pid, pid);
        ck_assert_uint_eq(credentials.uid, geteuid());
        if (credentials.pidfd >= 0) /* it is up to the kernel */
                close(credentials.pidfd);
        kit_close(&server);
        kit_close_listener(&listener);
        hark_loop_unref(loop);
}
END_TEST

/* --- who may ----------------------------------------------------------------------------------- */

struct visit {
        const char *address;
        int result;      /* of connecting, or 0 */
        bool is_refused; /* by the listener, after that */
};

static int visit_as_stranger(void *userdata)
{
        const struct visit *visit = userdata;
        hark_loop *loop = kit_new_loop();
        struct kit_port client = {0};

        ck_assert_int_eq(setresuid(STRANGER, STRANGER, STRANGER), 0);
        ck_assert_int_eq(kit_try_connect(loop, visit->address, &client), visit->result);
        if (visit->result == 0) {
                char byte;

                kit_start(&client);
                kit_wait(loop, &client.n_readable, 1);
                ck_assert_int_eq(kit_receive(&client, &byte, 1, NULL), visit->is_refused ? 0 : 1);
                kit_close(&client);
        }
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
        if (visit->result == 0 && !visit->is_refused) {
                kit_accept(loop, &listener, &server);
                ck_assert_int_eq(kit_send(&server, "x", 1), 1);
                kit_close(&server);
        } else if (visit->is_refused) {
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

START_TEST(a_listener_lets_in_whom_its_path_or_its_address_lets_in)
{
        char name[200], path[200];

        need_root();
        (void)snprintf(name, sizeof(name), "%s", name_address(""));
        (void)snprintf(path, sizeof(path), "%s", path_address(""));
        receive_visit(name, &(struct visit){name, 0, true});
        receive_visit(name_address("?uid=any"), &(struct visit){name, 0, false});
        receive_visit(name_address("?uid=65432"), &(struct visit){name, 0, false});
        receive_visit(name_address("?uid=65431"), &(struct visit){name, 0, true});
        receive_visit(path_address("?mode=0777"), &(struct visit){path, 0, false});
        receive_visit(path_address("?mode=0700"), &(struct visit){path, -EACCES, false});
        receive_visit(path_address("?mode=0777&uid=any"), &(struct visit){path, 0, false});
        receive_visit(path_address("?mode=0777&uid=65432"), &(struct visit){path, 0, false});
        receive_visit(path_address("?mode=0777&uid=65431"), &(struct visit){path, 0, true});
}
END_TEST

struct serving {
        const char *address;
        struct fixture_gate is_listening, is_done;
};

static int serve_as_stranger(void *userdata)
{
        struct serving *serving = userdata;
        hark_loop *loop = kit_new_loop();
        struct kit_listener listener = {0};

        ck_assert_int_eq(setresuid(STRANGER, STRANGER, STRANGER), 0);
        kit_listen(loop, serving->address, &listener);
        fixture_gate_open(&serving->is_listening);
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
                struct kit_port client = {0};

                (void)snprintf(text, sizeof(text), "%s%s", address, *options);
                ck_assert_msg(kit_try_connect(loop, text, &client) == *results, "%s", text);
                if (*results == 0)
                        kit_close(&client);
                else
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
        (void)snprintf(text, sizeof(text), "%s", name_address(""));
        visit_stranger(text, options, results);
        (void)snprintf(text, sizeof(text), "%s", path_address(""));
        visit_stranger(text, options, results);
}
END_TEST

START_TEST(a_client_is_refused_by_the_check_also_after_waiting_for_the_backlog)
{
        hark_loop *loop = kit_new_loop();
        struct kit_port first = {0}, second = {0};
        uid_t uid = geteuid();
        int server, accepted;

        need_root();
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

/* --- accepting --------------------------------------------------------------------------------- */

START_TEST(many_who_come_at_once_all_get_in)
{
        hark_loop *loop = kit_new_loop();
        struct kit_listener listener = {0};
        struct kit_port clients[100] = {0};

        kit_listen(loop, path_address(""), &listener);
        for (unsigned i = 0; i < 100; i++)
                ck_assert_int_eq(kit_try_connect(loop, path_address(""), &clients[i]), 0);
        kit_wait(loop, &listener.n_ports, 100);
        for (unsigned i = 0; i < 100; i++)
                kit_close(&clients[i]);
        listener.n_ports = 8; /* those that were kept */
        kit_close_listener(&listener);
        hark_loop_unref(loop);
}
END_TEST

static void close_listener_on_port(struct hark_listener *base, struct hark_port *port)
{
        struct kit_listener *listener = base->userdata;

        hark_port_close(port);
        listener->n_ports++;
        listener->listener = hark_listener_close(base);
}

START_TEST(a_listener_may_be_closed_by_whoever_it_tells)
{
        hark_loop *loop = kit_new_loop();
        struct kit_listener listener = {0};
        struct kit_port clients[3] = {0};

        kit_listen(loop, path_address(""), &listener);
        listener.listener->on_port = close_listener_on_port;
        for (unsigned i = 0; i < 3; i++)
                ck_assert_int_eq(kit_try_connect(loop, path_address(""), &clients[i]), 0);
        kit_wait(loop, &listener.n_ports, 1);
        kit_process_what_shows(loop);
        ck_assert_uint_eq(listener.n_ports, 1);
        ck_assert_ptr_null(listener.listener);
        for (unsigned i = 0; i < 3; i++)
                kit_close(&clients[i]);
        hark_loop_unref(loop);
}
END_TEST

static void count_log(int level, const char *text, void *userdata)
{
        (void)level;
        ck_assert_ptr_nonnull(strstr(text, "cannot accept"));
        kit_count(userdata);
}

/* How often there is something to do. */
static unsigned count_turns(hark_loop *loop, int for_ms)
{
        uint64_t end_ns = hark_deadline_ns(for_ms);
        unsigned n = 0;

        while (kit_is_readable_within(loop, hark_time_left_ms(end_ns)) &&
               hark_time_left_ms(end_ns) > 0) {
                ck_assert_int_eq(hark_loop_process(loop, 0), 0);
                n++;
        }
        return n;
}

START_TEST(who_comes_while_there_is_no_descriptor_left_waits_and_gets_in)
{
        hark_loop *loop = kit_new_loop();
        struct kit_listener listener = {0};
        struct kit_port client = {0};
        struct rlimit limit, few;
        unsigned n_lines = 0;

        ck_assert_int_eq(hark_loop_set_log(loop, count_log, &n_lines), 0);
        kit_listen(loop, path_address(""), &listener);
        for (unsigned shortage = 1; shortage <= 2; shortage++) {
                ck_assert_int_eq(kit_try_connect(loop, path_address(""), &client), 0);
                ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
                few = limit;
                few.rlim_cur = 3;
                ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
                ck_assert_uint_lt(count_turns(loop, 200), 20);
                ck_assert_uint_eq(listener.n_ports, 0);
                ck_assert_uint_eq(n_lines, shortage); /* does not repeat itself either */
                ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
                kit_wait(loop, &listener.n_ports, 1);
                hark_port_close(listener.ports[--listener.n_ports]);
                kit_close(&client);
        }
        kit_close_listener(&listener);
        hark_loop_unref(loop);
}
END_TEST

START_TEST(a_listener_that_waits_for_descriptors_may_be_closed)
{
        hark_loop *loop = kit_new_loop();
        struct kit_listener listener = {0};
        struct kit_port client = {0};
        struct rlimit limit, few;

        kit_listen(loop, name_address(""), &listener);
        ck_assert_int_eq(kit_try_connect(loop, name_address(""), &client), 0);
        ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
        few = limit;
        few.rlim_cur = 3;
        ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
        kit_turn(loop, hark_deadline_ns(KIT_PATIENCE_MS));
        ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
        kit_close_listener(&listener);
        kit_close(&client);
        kit_process_what_shows(loop);
        hark_loop_unref(loop);
}
END_TEST

FIXTURE_MAIN("unix", a_path_is_listened_at_and_left,
             an_address_is_told_without_what_concerns_the_listener_only,
             what_is_served_cannot_be_served_again, why_nobody_can_be_reached_is_told_at_once,
             who_finds_the_backlog_full_gets_in_later,
             who_waits_for_a_full_backlog_hears_when_the_server_ends,
             each_end_knows_who_is_at_the_other, who_has_died_is_still_known_by_its_number,
             a_listener_lets_in_whom_its_path_or_its_address_lets_in,
             a_client_checks_who_serves_what_anybody_could_serve,
             a_client_is_refused_by_the_check_also_after_waiting_for_the_backlog,
             many_who_come_at_once_all_get_in, a_listener_may_be_closed_by_whoever_it_tells,
             who_comes_while_there_is_no_descriptor_left_waits_and_gets_in,
             a_listener_that_waits_for_descriptors_may_be_closed)
