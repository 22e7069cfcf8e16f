/* SPDX-License-Identifier: MIT */

#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "port_kit.h"

/* Two pipes: what one end of the conversation has, and the other. */
struct pipes {
        int ours[2];   /* read, write */
        int theirs[2]; /* read, write */
};

static struct pipes make_pipes(void)
{
        struct pipes pipes;
        int there[2], back[2];

        ck_assert_int_eq(pipe(there), 0);
        ck_assert_int_eq(pipe(back), 0);
        pipes = (struct pipes){{back[0], there[1]}, {there[0], back[1]}};
        return pipes;
}

struct standard {
        int fds[3]; /* what 0, 1 and 2 become */
        int others[2];
};

/* Says "ping" and hears "pong"; a stray word goes to stderr, and stdin is at its end. */
static int talk_over_stdio(void *userdata)
{
        const struct standard *standard = userdata;
        hark_loop *loop = kit_new_loop();
        struct kit_listener listener = {0};
        struct kit_port end = {0};

        for (int i = 0; i < 3; i++)
                ck_assert_int_eq(dup2(standard->fds[i], i), i);
        for (int i = 0; i < 3; i++)
                close(standard->fds[i]);
        close(standard->others[0]);
        close(standard->others[1]);
        kit_listen(loop, "stdio:", &listener);
        ck_assert_str_eq(listener.listener->address, "stdio:");
        ck_assert_int_eq(write(STDOUT_FILENO, "stray", 5), 5);
        ck_assert_int_eq(read(STDIN_FILENO, &(char){0}, 1), 0);
        kit_accept(loop, &listener, &end);
        ck_assert_int_eq(kit_send(&end, "ping", 4), 4);
        kit_expect(loop, &end, "pong", 4);
        kit_close(&end);
        kit_close_listener(&listener);
        hark_loop_unref(loop);
        return 0;
}

/* The other end of the above, as plain descriptors. */
static void check_stdio(struct standard *standard, int read_fd, int write_fd, int stderr_fd)
{
        pid_t pid = fixture_fork(talk_over_stdio, standard);
        char text[16] = "";

        for (int i = 0; i < 3; i++)
                close(standard->fds[i]);
        ck_assert_int_eq(read(stderr_fd, text, sizeof(text) - 1), 5);
        ck_assert_str_eq(text, "stray");
        ck_assert_int_eq(read(read_fd, text, sizeof(text) - 1), 4);
        ck_assert_int_eq(memcmp(text, "ping", 4), 0);
        ck_assert_int_eq(write(write_fd, "pong", 4), 4);
        ck_assert_int_eq(read(read_fd, text, sizeof(text) - 1), 0);
        ck_assert_int_eq(fixture_wait_exit(pid), 0);
        close(stderr_fd);
}

START_TEST(stdin_and_stdout_are_moved_out_of_the_way)
{
        struct pipes pipes = make_pipes();
        int errors[2];
        struct standard standard;

        ck_assert_int_eq(pipe(errors), 0);
        standard = (struct standard){{pipes.ours[0], pipes.ours[1], errors[1]},
                                     {pipes.theirs[0], pipes.theirs[1]}};
        check_stdio(&standard, pipes.theirs[0], pipes.theirs[1], errors[0]);
        close(pipes.theirs[0]);
        close(pipes.theirs[1]);
}
END_TEST

START_TEST(one_socket_may_be_stdin_and_stdout)
{
        int pair[2], errors[2];
        struct standard standard;

        ck_assert_int_eq(pipe(errors), 0);
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
        standard = (struct standard){{pair[0], dup(pair[0]), errors[1]}, {pair[1], -1}};
        check_stdio(&standard, pair[1], pair[1], errors[0]);
        close(pair[1]);
}
END_TEST

static int refuse_terminal(void *userdata)
{
        int null = open("/dev/null", O_RDWR);
        hark_loop *loop = kit_new_loop();
        struct kit_port end = {0};

        (void)userdata;
        ck_assert_int_eq(dup2(null, STDIN_FILENO), STDIN_FILENO);
        close(null);
        ck_assert_int_eq(kit_try_connect(loop, "stdio:", &end), -EOPNOTSUPP);
        close(STDIN_FILENO);
        ck_assert_int_eq(kit_try_connect(loop, "stdio:", &end), -EBADF);
        hark_loop_unref(loop);
        return 0;
}

START_TEST(a_stdin_that_is_no_pipe_is_refused)
{
        ck_assert_int_eq(fixture_wait_exit(fixture_fork(refuse_terminal, NULL)), 0);
}
END_TEST

FIXTURE_MAIN("stdio", stdin_and_stdout_are_moved_out_of_the_way, one_socket_may_be_stdin_and_stdout,
             a_stdin_that_is_no_pipe_is_refused)
