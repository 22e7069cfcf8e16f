/* SPDX-License-Identifier: MIT */

/* Sockets that a service manager hands over, and word to it. Each test plays the manager, and a
 * child process the service: descriptors 3 and up are its own to fill. */

#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <hark/hark.h>

#include "loop_kit.h"

/* --- the manager ------------------------------------------------------------------------------ */

static socklen_t name_unix(const char *path, struct sockaddr_un *ret_name)
{
        *ret_name = (struct sockaddr_un){.sun_family = AF_UNIX};
        strcpy(ret_name->sun_path, path);
        if (*path != '@')
                return sizeof(*ret_name);
        ret_name->sun_path[0] = '\0';
        return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
}

static int bind_unix(const char *path, int type)
{
        int fd = socket(AF_UNIX, type, 0);
        struct sockaddr_un name;
        socklen_t size = name_unix(path, &name);

        ck_assert_int_eq(bind(fd, (struct sockaddr *)&name, size), 0);
        return fd;
}

static int listen_of_type(const char *path, int type)
{
        int fd = bind_unix(path, type);

        ck_assert_int_eq(listen(fd, 10), 0);
        return fd;
}

static int listen_unix(const char *path)
{
        return listen_of_type(path, SOCK_STREAM);
}

static int listen_tcp(uint32_t host)
{
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(host)};

        ck_assert_int_eq(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
        ck_assert_int_eq(listen(fd, 10), 0);
        return fd;
}

/* Descriptors become 3, 4, ... of this process, which is a service's. */
static void hand_over(const int *fds, int n, const char *names)
{
        char text[16];

        for (int i = 0; i < n; i++)
                ck_assert_int_eq(dup2(fds[i], 100 + i), 100 + i);
        for (int i = 0; i < n; i++)
                ck_assert_int_eq(dup2(100 + i, 3 + i), 3 + i);
        snprintf(text, sizeof(text), "%d", getpid());
        setenv("LISTEN_PID", text, 1);
        snprintf(text, sizeof(text), "%d", n);
        setenv("LISTEN_FDS", text, 1);
        if (names)
                setenv("LISTEN_FDNAMES", names, 1);
}

/* --- the service ------------------------------------------------------------------------------ */

struct service {
        hark_loop *loop;
        hark_server *server;
        struct hark_credentials who; /* the last that came */
        unsigned n_answers;
};

static int on_accept(hark_peer *peer, void *userdata)
{
        struct service *service = userdata;

        service->who = *hark_peer_credentials(peer);
        return 0;
}

static void echo(hark_request *request, void *userdata)
{
        (void)userdata;
        hark_reply(request, hark_message_payload(hark_request_message(request)));
}

static void open_service(struct service *service)
{
        struct hark_server_params params = {.on_accept = on_accept, .userdata = service};

        *service = (struct service){.loop = kit_new_loop()};
        ck_assert_int_eq(hark_server_new(service->loop, &params, &service->server), 0);
        ck_assert_int_eq(hark_server_handle(service->server, "echo", echo, NULL), 0);
}

static void close_service(struct service *service)
{
        hark_server_unref(service->server);
        hark_loop_unref(service->loop);
}

static void on_reply(int result, hark_message *reply, void *userdata)
{
        struct service *service = userdata;

        (void)reply;
        ck_assert_int_eq(result, 0);
        service->n_answers++;
}

static void expect_an_answer(struct service *service, hark_client *client)
{
        ck_assert_int_eq(
                hark_invoke(client, "echo", HARK_NOTHING, KIT_PATIENCE_MS, on_reply, service, NULL),
                0);
        kit_process_until(service->loop, &service->n_answers, service->n_answers + 1);
}

static void expect_answers_at(struct service *service, const char *address)
{
        hark_client *client = NULL;

        ck_assert_int_eq(hark_connect(service->loop, address, NULL, &client), 0);
        expect_an_answer(service, client);
        hark_client_unref(client);
}

/* Runs in a process of its own, which has nothing to lose. */
static void run_service(int (*run)(void *userdata))
{
        ck_assert_int_eq(fixture_wait_exit(fixture_fork(run, NULL)), 0);
}

/* --- sockets ---------------------------------------------------------------------------------- */

static int serve_all(void *userdata)
{
        const char *path = fixture_path("a b"), *name = fixture_name("x");
        const char *packets = fixture_path("packets");
        char abstract[128], expected[160];
        struct service service;

        (void)userdata;
        snprintf(abstract, sizeof(abstract), "@%s", name);
        hand_over((int[]){listen_unix(path), listen_tcp(INADDR_LOOPBACK), listen_unix(abstract),
                          listen_of_type(packets, SOCK_SEQPACKET)},
                  4, NULL);
        open_service(&service);
        ck_assert_int_eq(hark_server_listen(service.server, "inherit:"), 0);
        snprintf(expected, sizeof(expected), "unix:%s%%20b", fixture_path("a"));
        ck_assert_str_eq(hark_server_address(service.server, 0), expected);
        ck_assert_int_eq(strncmp(hark_server_address(service.server, 1), "tcp:127.0.0.1:", 14), 0);
        snprintf(expected, sizeof(expected), "unix:%s", abstract);
        ck_assert_str_eq(hark_server_address(service.server, 2), expected);
        snprintf(expected, sizeof(expected), "seqpacket:%s", packets);
        ck_assert_str_eq(hark_server_address(service.server, 3), expected);
        ck_assert_ptr_null(hark_server_address(service.server, 4));
        for (size_t i = 0; i < 4; i++)
                expect_answers_at(&service, hark_server_address(service.server, i));
        close_service(&service);
        unlink(path);
        unlink(packets);
        return 0;
}

START_TEST(sockets_of_each_kind_are_served_at_their_real_addresses)
{
        run_service(serve_all);
}
END_TEST

/* Who connected before the service was there is served as well; and the kernel says who that is. */
static int serve_who_waits(void *userdata)
{
        const char *path = fixture_path("s");
        hark_client *client = NULL;
        char address[128];
        struct service service;

        (void)userdata;
        hand_over((int[]){listen_unix(path)}, 1, NULL);
        snprintf(address, sizeof(address), "unix:%s", path);
        open_service(&service);
        ck_assert_int_eq(hark_connect(service.loop, address, NULL, &client), 0);
        ck_assert_int_eq(hark_server_listen(service.server, "inherit:"), 0);
        expect_an_answer(&service, client);
        ck_assert_uint_eq(service.who.uid, getuid());
        ck_assert_int_eq(service.who.pid, getpid());
        hark_client_unref(client);
        close_service(&service);
        unlink(path);
        return 0;
}

START_TEST(connections_that_wait_are_served)
{
        run_service(serve_who_waits);
}
END_TEST

static int serve_twice(void *userdata)
{
        const char *path = fixture_path("s");
        struct service service;
        struct stat status;

        (void)userdata;
        hand_over((int[]){listen_unix(path)}, 1, NULL);
        for (int i = 0; i < 2; i++) {
                open_service(&service);
                ck_assert_int_eq(hark_server_listen(service.server, "inherit:"), 0);
                expect_answers_at(&service, hark_server_address(service.server, 0));
                close_service(&service);
                ck_assert_int_eq(stat(path, &status), 0);
        }
        ck_assert_int_eq(fcntl(3, F_GETFD), FD_CLOEXEC);
        unlink(path);
        return 0;
}

START_TEST(what_is_the_managers_stays_when_the_server_goes)
{
        run_service(serve_twice);
}
END_TEST

static int serve_by_name(void *userdata)
{
        const char *paths[] = {fixture_path("a"), fixture_path("b"), fixture_path("c")};
        char expected[128];
        struct service service;

        (void)userdata;
        hand_over((int[]){listen_unix(paths[0]), listen_unix(paths[1]), listen_unix(paths[2])}, 3,
                  "one:two:one");
        open_service(&service);
        ck_assert_int_eq(hark_server_listen(service.server, "inherit:three"), -ENOENT);
        ck_assert_int_eq(hark_server_listen(service.server, "inherit:on"), -ENOENT);
        ck_assert_int_eq(hark_server_listen(service.server, "inherit:one"), 0);
        snprintf(expected, sizeof(expected), "unix:%s", paths[0]);
        ck_assert_str_eq(hark_server_address(service.server, 0), expected);
        snprintf(expected, sizeof(expected), "unix:%s", paths[2]);
        ck_assert_str_eq(hark_server_address(service.server, 1), expected);
        ck_assert_ptr_null(hark_server_address(service.server, 2));
        close_service(&service);
        for (size_t i = 0; i < 3; i++)
                unlink(paths[i]);
        return 0;
}

START_TEST(a_name_selects_its_sockets)
{
        run_service(serve_by_name);
}
END_TEST

static int find_nothing(void *userdata)
{
        static const char *const wrong[][2] = {
                {NULL, "1"},  {"1", "1"},   {"x", "1"},
                {"", "1"},    {"me", NULL}, {"me", "0"},
                {"me", "-1"}, {"me", "x"},  {"me", "99999999999"},
        };
        char pid[16];
        struct service service;

        (void)userdata;
        snprintf(pid, sizeof(pid), "%d", getpid());
        open_service(&service);
        for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
                const char *is_for = wrong[i][0];

                unsetenv("LISTEN_PID");
                unsetenv("LISTEN_FDS");
                if (is_for)
                        setenv("LISTEN_PID", strcmp(is_for, "me") == 0 ? pid : is_for, 1);
                if (wrong[i][1])
                        setenv("LISTEN_FDS", wrong[i][1], 1);
                ck_assert_int_eq(hark_server_listen(service.server, "inherit:"), -ENOENT);
        }
        close_service(&service);
        return 0;
}

START_TEST(what_is_for_another_process_or_malformed_is_nothing)
{
        run_service(find_nothing);
}
END_TEST

static int serve_none(void *userdata)
{
        const char *path = fixture_path("a"), *other = fixture_path("b");
        int listening = fcntl(listen_unix(path), F_DUPFD, 50), pair[2]; /* out of the way */
        struct service service;

        (void)userdata;
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
        open_service(&service);
        for (int i = 0; i < 4; i++) {
                int wrong = -1;

                if (i == 0)
                        wrong = bind_unix(other, SOCK_DGRAM);
                else if (i == 1)
                        wrong = pair[0];
                else if (i == 2)
                        wrong = open("/dev/null", O_RDONLY);
                hand_over((int[]){listening, i < 3 ? wrong : listen_tcp(INADDR_ANY)}, 2, NULL);
                ck_assert_int_eq(hark_server_listen(service.server, "inherit:"),
                                 i < 3 ? -EOPNOTSUPP : -EPERM);
                ck_assert_ptr_null(hark_server_address(service.server, 0));
        }
        ck_assert_int_eq(hark_server_listen(service.server, "inherit:?open"), 0);
        ck_assert_ptr_nonnull(hark_server_address(service.server, 1));
        close_service(&service);
        unlink(path);
        unlink(other);
        return 0;
}

/* TCP does not tell who is there. */
static int serve_one_user(void *userdata)
{
        const char *path = fixture_path("a");
        char address[32];
        struct service service;

        (void)userdata;
        hand_over((int[]){listen_unix(path), listen_tcp(INADDR_LOOPBACK)}, 2, "local:net");
        snprintf(address, sizeof(address), "inherit:net?uid=%u", (unsigned)getuid());
        open_service(&service);
        ck_assert_int_eq(hark_server_listen(service.server, address), -EOPNOTSUPP);
        ck_assert_int_eq(hark_server_listen(service.server, "inherit:net?uid=any"), 0);
        snprintf(address, sizeof(address), "inherit:local?uid=%u", (unsigned)getuid());
        ck_assert_int_eq(hark_server_listen(service.server, address), 0);
        close_service(&service);
        unlink(path);
        return 0;
}

START_TEST(what_is_for_one_user_is_served_where_users_are_known)
{
        run_service(serve_one_user);
}
END_TEST

START_TEST(all_are_served_or_none)
{
        run_service(serve_none);
}
END_TEST

START_TEST(nobody_connects_to_what_is_inherited)
{
        hark_client *client = NULL;
        char why[128];

        ck_assert_int_eq(hark_connect(NULL, "inherit:", NULL, &client), -EOPNOTSUPP);
        ck_assert_int_eq(hark_address_check("inherit:a:b", why, sizeof(why)), -EINVAL);
        ck_assert_str_eq(why, "name: 'a:b' has a ':', which no name has");
}
END_TEST

/* --- word to the manager ---------------------------------------------------------------------- */

static int open_manager(const char *name)
{
        int fd = bind_unix(name, SOCK_DGRAM | SOCK_NONBLOCK);

        setenv("NOTIFY_SOCKET", name, 1);
        return fd;
}

static void expect_word(int fd, const char *expected)
{
        char text[64];
        ssize_t n = recv(fd, text, sizeof(text) - 1, 0);

        ck_assert_int_ge(n, 0);
        text[n] = '\0';
        ck_assert_str_eq(text, expected);
}

START_TEST(the_manager_hears_it_at_a_path_and_at_a_name)
{
        char name[128];
        int fd = open_manager(fixture_path("notify"));

        ck_assert_int_eq(hark_supervisor_notify("READY=1"), 0);
        ck_assert_int_eq(hark_supervisor_notify("STOPPING=1\nSTATUS=bye"), 0);
        expect_word(fd, "READY=1");
        expect_word(fd, "STOPPING=1\nSTATUS=bye");
        close(fd);
        unlink(fixture_path("notify"));
        snprintf(name, sizeof(name), "@%s", fixture_name("notify"));
        fd = open_manager(name);
        ck_assert_int_eq(hark_supervisor_notify("READY=1"), 0);
        expect_word(fd, "READY=1");
        close(fd);
}
END_TEST

START_TEST(without_a_manager_nothing_is_said)
{
        unsetenv("NOTIFY_SOCKET");
        ck_assert_int_eq(hark_supervisor_notify("READY=1"), 0);
        setenv("NOTIFY_SOCKET", "", 1);
        ck_assert_int_eq(hark_supervisor_notify("READY=1"), 0);
        ck_assert_int_eq(hark_supervisor_notify(""), -EINVAL);
        ck_assert_int_eq(hark_supervisor_notify(NULL), -EINVAL);
}
END_TEST

START_TEST(a_manager_that_cannot_be_told_is_an_error)
{
        char longest[200];

        setenv("NOTIFY_SOCKET", fixture_path("nobody"), 1);
        ck_assert_int_eq(hark_supervisor_notify("READY=1"), -ENOENT);
        setenv("NOTIFY_SOCKET", "vsock:2:1234", 1);
        ck_assert_int_eq(hark_supervisor_notify("READY=1"), -EOPNOTSUPP);
        memset(longest, '/', sizeof(longest) - 1);
        longest[sizeof(longest) - 1] = '\0';
        setenv("NOTIFY_SOCKET", longest, 1);
        ck_assert_int_eq(hark_supervisor_notify("READY=1"), -EOPNOTSUPP);
}
END_TEST

START_TEST(a_manager_that_does_not_read_holds_up_nobody)
{
        int fd = open_manager(fixture_path("notify"));
        int r = 0;

        for (int i = 0; i < 100000 && r == 0; i++)
                r = hark_supervisor_notify("WATCHDOG=1");
        ck_assert_int_eq(r, -EAGAIN);
        close(fd);
        unlink(fixture_path("notify"));
}
END_TEST

FIXTURE_MAIN("inherited", sockets_of_each_kind_are_served_at_their_real_addresses,
             connections_that_wait_are_served, what_is_the_managers_stays_when_the_server_goes,
             a_name_selects_its_sockets, what_is_for_another_process_or_malformed_is_nothing,
             all_are_served_or_none, what_is_for_one_user_is_served_where_users_are_known,
             nobody_connects_to_what_is_inherited, the_manager_hears_it_at_a_path_and_at_a_name,
             without_a_manager_nothing_is_said, a_manager_that_cannot_be_told_is_an_error,
             a_manager_that_does_not_read_holds_up_nobody)
