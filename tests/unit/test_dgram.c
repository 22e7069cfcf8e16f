/* SPDX-License-Identifier: MIT */

/* What dgram: does not share with unix: and seqpacket:. */

#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "port_kit.h"
#include "transport/dgram_opening.h"
#include "transport/fd_port.h"

#define STRANGER 65432 /* a user of no meaning */

static const char *address(void)
{
        static char text[200];

        (void)snprintf(text, sizeof(text), "dgram:%s", fixture_path("s"));
        return text;
}

/* A client, a server's end, and where that came from. */
struct pair {
        hark_loop *loop;
        struct kit_listener listener;
        struct kit_port client, server;
};

static void join(struct pair *pair, struct kit_port *client, struct kit_port *server)
{
        pair->listener.n_ports = 0;
        kit_connect(pair->loop, address(), client);
        kit_accept(pair->loop, &pair->listener, server);
        kit_wait(pair->loop, &client->n_opened, 1);
}

static void pair_open(struct pair *pair)
{
        *pair = (struct pair){.loop = kit_new_loop()};
        kit_listen(pair->loop, address(), &pair->listener);
        join(pair, &pair->client, &pair->server);
}

static void pair_close(struct pair *pair)
{
        kit_close(&pair->client);
        kit_close(&pair->server);
        kit_close_listener(&pair->listener);
        hark_loop_unref(pair->loop);
}

/* Until the queue of the other side is full. */
static unsigned fill(struct kit_port *end)
{
        unsigned n = 0;

        while (kit_send(end, "x", 1) == 1)
                n++;
        return n;
}

START_TEST(a_close_is_seen_although_the_queue_is_full)
{
        struct pair pair;
        unsigned n;
        char byte;

        pair_open(&pair);
        n = fill(&pair.client);
        ck_assert_uint_gt(n, 0);
        kit_close(&pair.client);
        kit_wait(pair.loop, &pair.server.n_broken, 1);
        ck_assert_int_eq(pair.server.port->error, -ECONNRESET);
        for (; n > 0; n--)
                ck_assert_int_eq(kit_receive(&pair.server, &byte, 1, NULL), 1);
        ck_assert_int_eq(kit_receive(&pair.server, &byte, 1, NULL), -EAGAIN);
        pair_close(&pair);
}
END_TEST

START_TEST(a_close_of_the_server_s_end_is_seen_by_the_client)
{
        struct pair pair;

        pair_open(&pair);
        kit_close(&pair.server);
        kit_wait(pair.loop, &pair.client.n_broken, 1);
        ck_assert_int_eq(pair.client.port->error, -ECONNRESET);
        pair_close(&pair);
}
END_TEST

static int connect_and_wait(void *userdata)
{
        hark_loop *loop = kit_new_loop();
        struct kit_port client = {0};

        (void)userdata;
        kit_connect(loop, address(), &client);
        kit_wait(loop, &client.n_broken, 1); /* killed before */
        return 1;
}

/* The kernel would throw it away. */
START_TEST(what_came_is_read_although_something_is_sent_to_who_has_gone)
{
        struct pair pair;
        char byte;

        pair_open(&pair);
        ck_assert_int_eq(kit_send(&pair.server, "x", 1), 1);
        kit_close(&pair.server);
        ck_assert_int_eq(kit_send(&pair.client, "y", 1), 1);
        ck_assert_int_eq(kit_receive(&pair.client, &byte, 1, NULL), 1);
        kit_wait(pair.loop, &pair.client.n_broken, 1);
        pair_close(&pair);
}
END_TEST

START_TEST(a_death_is_seen_at_once)
{
        hark_loop *loop = kit_new_loop();
        struct kit_listener listener = {0};
        struct kit_port server = {0};
        pid_t pid;

        kit_listen(loop, address(), &listener);
        pid = fixture_fork(connect_and_wait, NULL);
        kit_accept(loop, &listener, &server);
        ck_assert_int_eq(kill(pid, SIGKILL), 0);
        kit_wait(loop, &server.n_broken, 1);
        ck_assert_int_eq(fixture_wait_exit(pid), 128 + SIGKILL);
        kit_close(&server);
        kit_close_listener(&listener);
        hark_loop_unref(loop);
}
END_TEST

START_TEST(who_does_not_read_holds_up_nobody_else)
{
        struct kit_port other_client = {0}, other_server = {0};
        struct pair pair;

        pair_open(&pair);
        join(&pair, &other_client, &other_server);
        ck_assert_uint_gt(fill(&pair.server), 0);
        for (int i = 0; i < 100; i++)
                kit_talk(pair.loop, &other_client, &other_server);
        kit_close(&other_client);
        kit_close(&other_server);
        pair_close(&pair);
}
END_TEST

/* More than the listener's queue holds. */
START_TEST(many_that_come_at_once_all_get_in)
{
        enum {
                N = 40
        };
        hark_loop *loop = kit_new_loop();
        struct kit_listener listener = {0};
        struct kit_port clients[N];

        kit_listen(loop, address(), &listener);
        for (int i = 0; i < N; i++)
                kit_connect(loop, address(), &clients[i]);
        kit_wait(loop, &listener.n_ports, N);
        for (int i = 0; i < N; i++)
                kit_close(&clients[i]);
        listener.n_ports = sizeof(listener.ports) / sizeof(*listener.ports); /* those it kept */
        kit_close_listener(&listener);
        hark_loop_unref(loop);
}
END_TEST

START_TEST(who_is_there_is_told_at_both_ends)
{
        struct pair pair;

        pair_open(&pair);
        for (int i = 0; i < 2; i++) {
                struct hark_port *port = i == 0 ? pair.client.port : pair.server.port;
                struct hark_credentials who;

                hark_credentials_init(&who);
                port->transport->identify(port, &who);
                ck_assert_uint_eq(who.uid, geteuid());
                ck_assert_uint_eq(who.gid, getegid());
                ck_assert_int_eq(who.pid, getpid());
                ck_assert_int_ge(who.pidfd, 0);
                close(who.pidfd);
        }
        pair_close(&pair);
}
END_TEST

/* --- openings that are none ------------------------------------------------------------------- */

static int connect_plainly(void)
{
        struct sockaddr_un name = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        (void)snprintf(name.sun_path, sizeof(name.sun_path), "%s", fixture_path("s"));
        ck_assert_int_eq(connect(fd, (struct sockaddr *)&name, sizeof(name)), 0);
        return fd;
}

static void send_bytes(int fd, const char *bytes, size_t size, const int *fds, unsigned n_fds)
{
        struct iovec iov = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = size};

        ck_assert_int_ge(hark_socket_send(fd, &iov, 1, fds, n_fds), 0);
}

/* Sends all that is like an opening and is none; the far ends are closed by whoever gets them, so
 * that what is left of them shows as a leak, or in the lifeline. */
static void send_bad_openings(int fd)
{
        int streams[2], pipes[2];
        struct hark_dgram_ends near, far;

        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, streams), 0);
        ck_assert_int_eq(pipe2(pipes, O_CLOEXEC), 0);
        ck_assert_int_eq(hark_dgram_make(&near, &far), 0);
        send_bytes(fd, "", 0, NULL, 0);
        send_bytes(fd, "\xC3hark-o\1", 8, NULL, 0);
        send_bytes(fd, "\xC3hark-o\2", 8, (int[]){far.socket, far.other, far.lifeline}, 3);
        send_bytes(fd, "\xC3hark-o\1 ", 9, (int[]){far.socket, far.other, far.lifeline}, 3);
        send_bytes(fd, "\xC3hark-o\1", 8, (int[]){far.socket}, 1);
        send_bytes(fd, "\xC3hark-o\1", 8, (int[]){far.lifeline, far.other, far.socket}, 3);
        send_bytes(fd, "\xC3hark-o\1", 8, (int[]){far.socket, far.other, pipes[0]}, 3);
        send_bytes(fd, "\xC3hark-o\1", 8, (int[]){streams[0], far.other, far.lifeline}, 3);
        send_bytes(fd, "\xC3hark-o\1", 8, (int[]){far.socket, pipes[1], far.lifeline}, 3);
        send_bytes(fd, "\xC3hark-o\1", 8, (int[]){fd, far.other, far.lifeline}, 3);
        send_bytes(fd, "\xC3hark-o\1", 8, (int[]){far.socket, far.other, far.lifeline, pipes[1]},
                   4);
        close(streams[0]);
        close(streams[1]);
        close(pipes[0]);
        close(pipes[1]);
        hark_dgram_ends_close(&near);
        hark_dgram_ends_close(&far);
}

START_TEST(what_is_no_opening_is_thrown_away_with_its_descriptors)
{
        struct pair pair;
        int fd;

        pair_open(&pair);
        fd = connect_plainly();
        pair.listener.n_ports = 0;
        send_bad_openings(fd);
        close(fd);
        kit_close(&pair.client);
        kit_close(&pair.server);
        join(&pair, &pair.client, &pair.server);     /* behind all of those */
        ck_assert_uint_eq(pair.listener.n_ports, 0); /* none but that one */
        kit_talk(pair.loop, &pair.client, &pair.server);
        pair_close(&pair);
}
END_TEST

/* --- somebody else ---------------------------------------------------------------------------- */

/* What a client has let out of its hands: its end, to a process of another user. */
static int speak_as_stranger(void *userdata)
{
        const int *fd = userdata;

        ck_assert_int_eq(setresuid(STRANGER, STRANGER, STRANGER), 0);
        return send(*fd, "forged", 6, 0) == 6 ? 0 : 1;
}

START_TEST(a_message_of_another_user_ends_the_connection_unread)
{
        struct kit_port server = {0};
        hark_loop *loop = kit_new_loop();
        struct kit_listener listener = {0};
        struct hark_dgram_ends near, far;
        char bytes[16];
        int fd;

        if (geteuid() != 0)
                fixture_skip("only root can become another user");
        kit_listen(loop, address(), &listener);
        fd = connect_plainly();
        ck_assert_int_eq(hark_dgram_make(&near, &far), 0);
        ck_assert_int_eq(hark_dgram_send_opening(fd, &far), 0);
        hark_dgram_ends_close(&far);
        kit_accept(loop, &listener, &server);
        ck_assert_int_eq(fixture_wait_exit(fixture_fork(speak_as_stranger, &near.socket)), 0);
        kit_wait(loop, &server.n_readable, 1);
        ck_assert_int_eq(kit_receive(&server, bytes, sizeof(bytes), NULL), -EPROTO);
        hark_dgram_ends_close(&near);
        close(fd);
        kit_close(&server);
        kit_close_listener(&listener);
        hark_loop_unref(loop);
}
END_TEST

FIXTURE_MAIN("dgram", a_close_is_seen_although_the_queue_is_full,
             a_close_of_the_server_s_end_is_seen_by_the_client, a_death_is_seen_at_once,
             what_came_is_read_although_something_is_sent_to_who_has_gone,
             who_does_not_read_holds_up_nobody_else, many_that_come_at_once_all_get_in,
             who_is_there_is_told_at_both_ends,
             what_is_no_opening_is_thrown_away_with_its_descriptors,
             a_message_of_another_user_ends_the_connection_unread)
