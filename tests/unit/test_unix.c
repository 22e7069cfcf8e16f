/* SPDX-License-Identifier: MIT */

#include "fixture.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "port_kit.h"
#include "transport/fd_port.h"

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

/* --- listening and connecting ----------------------------------------------------------------- */

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

/* --- buffers ---------------------------------------------------------------------------------- */

static int buffer_of(const struct kit_port *end)
{
        const struct hark_fd_port *stream = hark_container_of(end->port, struct hark_fd_port, port);
        int size = 0;
        socklen_t size_size = sizeof(size);

        ck_assert_int_eq(getsockopt(stream->in.fd, SOL_SOCKET, SO_SNDBUF, &size, &size_size), 0);
        return size;
}

START_TEST(a_bulky_message_finds_more_room_as_long_as_it_leaves)
{
        hark_loop *loop = kit_new_loop();
        struct kit_port client = {0}, server = {0};
        int usual;

        kit_pair(loop, path_address(""), &client, &server);
        usual = buffer_of(&client);
        for (unsigned i = 0; i < 3; i++) {
                client.port->transport->set_bulky(client.port, true);
                ck_assert_int_gt(buffer_of(&client), usual);
                client.port->transport->set_bulky(client.port, false);
                ck_assert_int_eq(buffer_of(&client), usual);
        }
        ck_assert_int_eq(buffer_of(&server), usual);
        kit_close(&client);
        kit_close(&server);
        hark_loop_unref(loop);
}
END_TEST

/* --- identity --------------------------------------------------------------------------------- */

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

FIXTURE_MAIN("unix", a_bulky_message_finds_more_room_as_long_as_it_leaves,
             a_path_is_listened_at_and_left,
             an_address_is_told_without_what_concerns_the_listener_only,
             what_is_served_cannot_be_served_again, why_nobody_can_be_reached_is_told_at_once,
             who_finds_the_backlog_full_gets_in_later,
             who_waits_for_a_full_backlog_hears_when_the_server_ends,
             each_end_knows_who_is_at_the_other, who_has_died_is_still_known_by_its_number)
