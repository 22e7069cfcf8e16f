/* SPDX-License-Identifier: MIT */

#include "fixture.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "port_kit.h"
#include "transport/fd_port.h"

static int socket_of(const struct kit_port *end)
{
        return hark_container_of(end->port, struct hark_fd_port, port)->in.fd;
}

static int get_option(int fd, int level, int option)
{
        int value = -1;
        socklen_t size = sizeof(value);

        ck_assert_int_eq(getsockopt(fd, level, option, &value, &size), 0);
        return value;
}

static void need_ipv6(void)
{
        struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
        int fd = socket(AF_INET6, SOCK_STREAM, 0);
        int r = bind(fd, (struct sockaddr *)&any, sizeof(any));

        close(fd);
        if (r < 0)
                fixture_skip("this machine has no IPv6 loopback address");
}

/* The port of "tcp:...:PORT". */
static unsigned port_of(const char *address)
{
        return (unsigned)atoi(strrchr(address, ':') + 1);
}

START_TEST(a_port_is_picked_and_told)
{
        hark_loop *loop = kit_new_loop();
        struct kit_listener listener = {0};
        struct kit_port client = {0}, server = {0};
        char expected[64];

        kit_listen(loop, "tcp:127.0.0.1:0", &listener);
        (void)snprintf(expected, sizeof(expected), "tcp:127.0.0.1:%u",
                       port_of(listener.listener->address));
        ck_assert_str_eq(listener.listener->address, expected);
        ck_assert_uint_gt(port_of(expected), 0);
        kit_connect(loop, expected, &client);
        kit_wait(loop, &client.n_opened, 1);
        kit_accept(loop, &listener, &server);
        ck_assert_str_eq(client.port->remote, expected + 4);
        ck_assert_int_eq(strncmp(server.port->remote, "127.0.0.1:", 10), 0);
        kit_talk(loop, &client, &server);
        kit_close(&client);
        kit_expect_end(loop, &server, 0);
        kit_close(&server);
        kit_close_listener(&listener);
        hark_loop_unref(loop);
}
END_TEST

START_TEST(ipv6_is_written_in_brackets)
{
        hark_loop *loop = kit_new_loop();
        struct kit_listener listener = {0};
        struct kit_port client = {0}, server = {0};

        need_ipv6();
        kit_listen(loop, "tcp:[::1]:0", &listener);
        ck_assert_int_eq(strncmp(listener.listener->address, "tcp:[::1]:", 10), 0);
        kit_connect(loop, listener.listener->address, &client);
        kit_wait(loop, &client.n_opened, 1);
        kit_accept(loop, &listener, &server);
        ck_assert_int_eq(strncmp(server.port->remote, "[::1]:", 6), 0);
        kit_talk(loop, &client, &server);
        kit_close(&client);
        kit_close(&server);
        kit_close_listener(&listener);
        hark_loop_unref(loop);
}
END_TEST

/* Whether it can be connected to and talked with. */
static void check_reachable(hark_loop *loop, struct kit_listener *listener, const char *address)
{
        struct kit_port client = {0}, server = {0};

        kit_connect(loop, address, &client);
        kit_wait(loop, &client.n_opened, 1);
        kit_accept(loop, listener, &server);
        kit_talk(loop, &client, &server);
        kit_close(&client);
        kit_close(&server);
}

START_TEST(a_name_is_looked_up)
{
        hark_loop *loop = kit_new_loop();
        struct kit_listener listener = {0};
        char address[64];

        kit_listen(loop, "tcp:localhost:0", &listener);
        (void)snprintf(address, sizeof(address), "tcp:localhost:%u",
                       port_of(listener.listener->address));
        check_reachable(loop, &listener, address);
        kit_close_listener(&listener);
        hark_loop_unref(loop);
}
END_TEST

/* Listens at 127.0.0.1, which is the last of the two that a client takes `*` for. */
static void listen_at_last_address(hark_loop *loop, struct kit_listener *listener, char *any)
{
        kit_listen(loop, "tcp:127.0.0.1:0", listener);
        (void)snprintf(any, 64, "tcp:*:%u", port_of(listener->listener->address));
}

START_TEST(an_address_that_refuses_is_followed_by_the_next)
{
        hark_loop *loop = kit_new_loop();
        struct kit_listener listener = {0};
        char address[64];

        need_ipv6();
        listen_at_last_address(loop, &listener, address);
        check_reachable(loop, &listener, address);
        kit_close_listener(&listener);
        hark_loop_unref(loop);
}
END_TEST

/* A socket whose backlog is full answers nobody. Returns false if it cannot have this port. */
static bool stay_silent_at(unsigned port, int *fds)
{
        struct sockaddr_in6 name = {.sin6_family = AF_INET6,
                                    .sin6_port = htons((uint16_t)port),
                                    .sin6_addr = IN6ADDR_LOOPBACK_INIT};
        const struct sockaddr *any = (const struct sockaddr *)&name;

        for (unsigned i = 0; i < 3; i++)
                fds[i] = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0);
        if (bind(fds[0], any, sizeof(name)) < 0)
                return false;
        ck_assert_int_eq(listen(fds[0], 0), 0);
        for (unsigned i = 1; i < 3; i++) {
                struct pollfd pollfd = {.fd = fds[i], .events = POLLOUT};

                (void)connect(fds[i], any, sizeof(name));
                (void)poll(&pollfd, 1, 100);
        }
        return true;
}

START_TEST(an_address_that_does_not_answer_is_followed_by_the_next)
{
        hark_loop *loop = kit_new_loop();
        struct kit_listener listener = {0};
        char address[64];
        int fds[3];

        need_ipv6();
        listen_at_last_address(loop, &listener, address);
        ck_assert(stay_silent_at(port_of(address), fds));
        check_reachable(loop, &listener, address);
        for (unsigned i = 0; i < 3; i++)
                close(fds[i]);
        kit_close_listener(&listener);
        hark_loop_unref(loop);
}
END_TEST

START_TEST(nothing_beyond_this_machine_is_listened_at_by_accident)
{
        static const char *const addresses[] = {"tcp:*:0", "tcp:0.0.0.0:0", "tcp:[::]:0",
                                                "tcp:192.0.2.1:0", "tcp:[::ffff:0.0.0.0]:0"};
        hark_loop *loop = kit_new_loop();
        struct kit_listener listener = {0};

        for (size_t i = 0; i < sizeof(addresses) / sizeof(*addresses); i++)
                ck_assert_msg(kit_try_listen(loop, addresses[i], &listener) == -EPERM, "%s",
                              addresses[i]);
        kit_listen(loop, "tcp:127.255.0.1:0", &listener);
        kit_close_listener(&listener);
        hark_loop_unref(loop);
}
END_TEST

START_TEST(an_open_listener_takes_ipv4_and_ipv6_as_far_as_its_address_says)
{
        hark_loop *loop = kit_new_loop();
        struct kit_listener listener = {0};
        struct kit_port client = {0};
        char address[64];
        unsigned port;

        kit_listen(loop, "tcp:*:0?open", &listener);
        port = port_of(listener.listener->address);
        (void)snprintf(address, sizeof(address), "tcp:*:%u", port);
        ck_assert_str_eq(listener.listener->address, address);
        check_reachable(loop, &listener, address);
        (void)snprintf(address, sizeof(address), "tcp:127.0.0.1:%u", port);
        check_reachable(loop, &listener, address);
        kit_close_listener(&listener);
        need_ipv6();
        kit_listen(loop, "tcp:[::]:0?open", &listener);
        port = port_of(listener.listener->address);
        (void)snprintf(address, sizeof(address), "tcp:[::1]:%u", port);
        check_reachable(loop, &listener, address);
        (void)snprintf(address, sizeof(address), "tcp:127.0.0.1:%u", port);
        ck_assert_int_eq(kit_try_connect(loop, address, &client), 0);
        kit_start(&client);
        kit_wait(loop, &client.n_broken, 1);
        ck_assert_int_eq(client.port->error, -ECONNREFUSED);
        kit_close(&client);
        kit_close_listener(&listener);
        hark_loop_unref(loop);
}
END_TEST

START_TEST(what_is_in_use_is_said_but_old_connections_are_no_use)
{
        hark_loop *loop = kit_new_loop();
        struct kit_listener listener = {0}, again = {0};
        struct kit_port client = {0}, server = {0};
        char address[64];

        kit_listen(loop, "tcp:127.0.0.1:0", &listener);
        (void)snprintf(address, sizeof(address), "%s", listener.listener->address);
        ck_assert_int_eq(kit_try_listen(loop, address, &again), -EADDRINUSE);
        kit_connect(loop, address, &client);
        kit_accept(loop, &listener, &server);
        kit_close_listener(&listener);
        kit_close(&server); /* first, and so in TIME_WAIT */
        kit_close(&client);
        kit_listen(loop, address, &listener);
        kit_close_listener(&listener);
        hark_loop_unref(loop);
}
END_TEST

START_TEST(why_nobody_can_be_reached_is_told)
{
        hark_loop *loop = kit_new_loop();
        struct kit_listener listener = {0};
        struct kit_port client = {0};
        char address[64];
        int r;

        kit_listen(loop, "tcp:127.0.0.1:0", &listener);
        (void)snprintf(address, sizeof(address), "%s", listener.listener->address);
        kit_close_listener(&listener);
        r = kit_try_connect(loop, address, &client);
        if (r == 0) {
                kit_start(&client);
                kit_wait(loop, &client.n_broken, 1);
                ck_assert_uint_eq(client.n_opened, 0);
                r = client.port->error;
                kit_close(&client);
        }
        ck_assert_int_eq(r, -ECONNREFUSED);
        /* RFC 6761: this name is never there. */
        ck_assert_int_eq(kit_try_connect(loop, "tcp:no.such.host.invalid:1", &client),
                         -EHOSTUNREACH);
        ck_assert_int_eq(kit_try_listen(loop, "tcp:no.such.host.invalid:1?open", &listener),
                         -ENOENT);
        hark_loop_unref(loop);
}
END_TEST

START_TEST(a_port_may_be_closed_while_it_connects)
{
        hark_loop *loop = kit_new_loop();
        struct kit_listener listener = {0};
        struct kit_port never_started = {0}, started = {0};

        kit_listen(loop, "tcp:127.0.0.1:0", &listener);
        ck_assert_int_eq(kit_try_connect(loop, listener.listener->address, &never_started), 0);
        kit_connect(loop, listener.listener->address, &started);
        kit_close(&never_started);
        kit_close(&started);
        kit_process_what_shows(loop);
        ck_assert_uint_eq(started.n_opened + started.n_broken, 0);
        kit_close_listener(&listener);
        hark_loop_unref(loop);
}
END_TEST

static void check_tuned(const struct kit_port *end)
{
        int fd = socket_of(end);

        ck_assert_int_eq(get_option(fd, IPPROTO_TCP, TCP_NODELAY), 1);
        ck_assert_int_eq(get_option(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
        ck_assert_int_eq(get_option(fd, IPPROTO_TCP, TCP_KEEPIDLE), 30);
        ck_assert_int_eq(get_option(fd, IPPROTO_TCP, TCP_KEEPINTVL), 10);
        ck_assert_int_eq(get_option(fd, IPPROTO_TCP, TCP_KEEPCNT), 3);
}

START_TEST(both_ends_send_at_once_and_notice_a_lost_machine)
{
        hark_loop *loop = kit_new_loop();
        struct kit_port client = {0}, server = {0};

        kit_pair(loop, "tcp:127.0.0.1:0", &client, &server);
        check_tuned(&client);
        check_tuned(&server);
        kit_close(&client);
        kit_close(&server);
        hark_loop_unref(loop);
}
END_TEST

START_TEST(nobody_is_identified)
{
        hark_loop *loop = kit_new_loop();
        struct kit_port client = {0}, server = {0};
        struct hark_credentials credentials;

        kit_pair(loop, "tcp:127.0.0.1:0", &client, &server);
        hark_credentials_init(&credentials);
        server.port->transport->identify(server.port, &credentials);
        ck_assert_uint_eq(credentials.uid, (uid_t)-1);
        ck_assert_int_eq(credentials.pid, 0);
        ck_assert_int_eq(credentials.pidfd, -1);
        kit_close(&client);
        kit_close(&server);
        hark_loop_unref(loop);
}
END_TEST

START_TEST(a_reset_is_told)
{
        hark_loop *loop = kit_new_loop();
        struct kit_port client = {0}, server = {0};
        struct linger at_once = {1, 0};

        kit_pair(loop, "tcp:127.0.0.1:0", &client, &server);
        ck_assert_int_eq(
                setsockopt(socket_of(&client), SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)),
                0);
        kit_close(&client);
        kit_expect_end(loop, &server, -ECONNRESET);
        kit_close(&server);
        hark_loop_unref(loop);
}
END_TEST

FIXTURE_MAIN("tcp", a_port_is_picked_and_told, ipv6_is_written_in_brackets, a_name_is_looked_up,
             an_address_that_refuses_is_followed_by_the_next,
             an_address_that_does_not_answer_is_followed_by_the_next,
             nothing_beyond_this_machine_is_listened_at_by_accident,
             an_open_listener_takes_ipv4_and_ipv6_as_far_as_its_address_says,
             what_is_in_use_is_said_but_old_connections_are_no_use,
             why_nobody_can_be_reached_is_told, a_port_may_be_closed_while_it_connects,
             both_ends_send_at_once_and_notice_a_lost_machine, nobody_is_identified,
             a_reset_is_told)
