/* SPDX-License-Identifier: MIT */

#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
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

static const char *pipe_address(int read_fd, int write_fd)
{
        static char text[64];

        (void)snprintf(text, sizeof(text), "pipe:%d,%d", read_fd, write_fd);
        return text;
}

static bool is_open(int fd)
{
        return fcntl(fd, F_GETFD) >= 0;
}

START_TEST(two_pipes_make_a_conversation)
{
        hark_loop *loop = kit_new_loop();
        struct pipes pipes = make_pipes();
        struct kit_port a = {0}, b = {0};

        kit_connect(loop, pipe_address(pipes.ours[0], pipes.ours[1]), &a);
        kit_connect(loop, pipe_address(pipes.theirs[0], pipes.theirs[1]), &b);
        kit_wait(loop, &a.n_opened, 1);
        kit_wait(loop, &b.n_opened, 1);
        kit_talk(loop, &a, &b);
        ck_assert_int_eq(kit_send(&a, "last", 4), 4);
        kit_close(&a);
        kit_wait(loop, &b.n_broken, 1); /* its reader has gone, and */
        ck_assert_int_eq(b.port->error, -EPIPE);
        kit_expect(loop, &b, "last", 4); /* what is left can still be read */
        ck_assert_int_eq(kit_receive(&b, &(char){0}, 1, NULL), 0);
        ck_assert_int_eq(kit_send(&b, "x", 1), -EPIPE);
        kit_close(&b);
        hark_loop_unref(loop);
}
END_TEST

START_TEST(the_descriptors_are_handed_over_and_their_flags_stay)
{
        hark_loop *loop = kit_new_loop();
        struct pipes pipes = make_pipes();
        int shared[] = {dup(pipes.ours[0]), dup(pipes.ours[1])}; /* as the parent has them */
        struct kit_port end = {0};

        kit_connect(loop, pipe_address(pipes.ours[0], pipes.ours[1]), &end);
        ck_assert(!is_open(pipes.ours[0]));
        ck_assert(!is_open(pipes.ours[1]));
        ck_assert_int_eq(fcntl(shared[0], F_GETFL), O_RDONLY);
        ck_assert_int_eq(fcntl(shared[1], F_GETFL), O_WRONLY);
        ck_assert_int_eq(kit_receive(&end, &(char){0}, 1, NULL), -EAGAIN);
        kit_close(&end);
        for (unsigned i = 0; i < 2; i++) {
                close(shared[i]);
                close(pipes.theirs[i]);
        }
        hark_loop_unref(loop);
}
END_TEST

/* What does not open stays as it was. */
static void check_not_opened(int read_fd, int write_fd, int result)
{
        hark_loop *loop = kit_new_loop();
        bool was_open[] = {is_open(read_fd), is_open(write_fd)};
        struct kit_port end = {0};

        ck_assert_int_eq(kit_try_connect(loop, pipe_address(read_fd, write_fd), &end), result);
        ck_assert(is_open(read_fd) == was_open[0]);
        ck_assert(is_open(write_fd) == was_open[1]);
        hark_loop_unref(loop);
}

START_TEST(what_is_no_pair_of_pipes_is_refused)
{
        struct pipes pipes = make_pipes();
        int file = open("/dev/zero", O_RDWR), datagrams[2];

        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_DGRAM, 0, datagrams), 0);
        check_not_opened(pipes.ours[1], pipes.ours[1], -EOPNOTSUPP);
        check_not_opened(pipes.ours[1], pipes.theirs[1], -EBADF);
        check_not_opened(pipes.ours[0], pipes.theirs[0], -EBADF);
        check_not_opened(pipes.ours[0], 999, -EBADF);
        check_not_opened(999, pipes.ours[1], -EBADF);
        check_not_opened(file, pipes.ours[1], -EOPNOTSUPP);
        check_not_opened(pipes.ours[0], file, -EOPNOTSUPP);
        check_not_opened(datagrams[0], datagrams[0], -EOPNOTSUPP);
        close(file);
        for (unsigned i = 0; i < 2; i++) {
                close(pipes.ours[i]);
                close(pipes.theirs[i]);
                close(datagrams[i]);
        }
}
END_TEST

START_TEST(one_socket_serves_both_ways_and_may_pass_fds)
{
        hark_loop *loop = kit_new_loop();
        struct kit_port a = {0}, b = {0};
        int pair[2], shared;
        struct hark_out_frame frame = {
                .iov = {{"x", 1}}, .n_iov = 1, .size = 1, .fds = &(int){STDERR_FILENO}, .n_fds = 1};
        struct hark_in_fds fds = {.n_fds = 0};
        char byte;

        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
        shared = dup(pair[0]);
        kit_connect(loop, pipe_address(pair[0], pair[0]), &a);
        kit_connect(loop, pipe_address(pair[1], pair[1]), &b);
        kit_talk(loop, &a, &b);
        ck_assert_int_eq(fcntl(shared, F_GETFL), O_RDWR);
        ck_assert(a.port->capabilities & HARK_CAN_PASS_FDS);
        ck_assert_int_eq(a.port->transport->send(a.port, &frame, 1), 1);
        ck_assert_int_eq(kit_receive(&b, &byte, 1, &fds), 1);
        ck_assert_uint_eq(fds.n_fds, 1);
        close(fds.fds[0]);
        close(shared);
        kit_close(&a);
        kit_expect_end(loop, &b, 0);
        kit_close(&b);
        hark_loop_unref(loop);
}
END_TEST

START_TEST(two_sockets_serve_a_way_each)
{
        hark_loop *loop = kit_new_loop();
        struct kit_port a = {0}, b = {0};
        int there[2], back[2];

        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, there), 0);
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, back), 0);
        kit_connect(loop, pipe_address(back[0], there[0]), &a);
        kit_connect(loop, pipe_address(there[1], back[1]), &b);
        kit_talk(loop, &a, &b);
        kit_close(&a);
        kit_expect_end(loop, &b, 0);
        kit_close(&b);
        hark_loop_unref(loop);
}
END_TEST

START_TEST(pipes_pass_no_fds)
{
        hark_loop *loop = kit_new_loop();
        struct pipes pipes = make_pipes();
        struct kit_port end = {0};

        kit_connect(loop, pipe_address(pipes.ours[0], pipes.ours[1]), &end);
        ck_assert(!(end.port->capabilities & HARK_CAN_PASS_FDS));
        kit_close(&end);
        close(pipes.theirs[0]);
        close(pipes.theirs[1]);
        hark_loop_unref(loop);
}
END_TEST

START_TEST(what_is_full_says_when_there_is_room_again)
{
        hark_loop *loop = kit_new_loop();
        struct pipes pipes = make_pipes();
        struct kit_port end = {0};
        static char zeros[70000];

        kit_connect(loop, pipe_address(pipes.ours[0], pipes.ours[1]), &end);
        ck_assert_int_eq(kit_send(&end, zeros, sizeof(zeros)), 65536);
        ck_assert_int_eq(kit_send(&end, zeros, 1), -EAGAIN);
        end.port->transport->want(end.port, HARK_PORT_READABLE | HARK_PORT_WRITABLE);
        kit_process_what_shows(loop);
        ck_assert_uint_eq(end.n_writable, 0);
        ck_assert_int_eq(read(pipes.theirs[0], zeros, 65536), 65536);
        kit_wait(loop, &end.n_writable, 1);
        ck_assert_int_eq(kit_send(&end, zeros, 1), 1);
        kit_close(&end);
        close(pipes.theirs[0]);
        close(pipes.theirs[1]);
        hark_loop_unref(loop);
}
END_TEST

START_TEST(a_reader_that_goes_breaks_it_without_a_signal)
{
        hark_loop *loop = kit_new_loop();
        struct pipes pipes = make_pipes();
        struct kit_port end = {0};

        signal(SIGPIPE, SIG_DFL);
        kit_connect(loop, pipe_address(pipes.ours[0], pipes.ours[1]), &end);
        kit_wait(loop, &end.n_opened, 1);
        ck_assert_int_eq(write(pipes.theirs[1], "last", 4), 4);
        close(pipes.theirs[0]);
        ck_assert_int_eq(kit_send(&end, "x", 1), -EPIPE);
        kit_wait(loop, &end.n_broken, 1);
        ck_assert_int_eq(end.port->error, -EPIPE);
        kit_process_what_shows(loop); /* does not spin */
        kit_expect(loop, &end, "last", 4);
        kit_close(&end);
        close(pipes.theirs[1]);
        hark_loop_unref(loop);
}
END_TEST

START_TEST(a_fifo_whose_writer_has_gone_before_shows_its_end)
{
        hark_loop *loop = kit_new_loop();
        struct pipes pipes = make_pipes();
        const char *path = fixture_path("fifo");
        struct kit_port end = {0};
        int reader, writer;

        ck_assert_int_eq(mkfifo(path, 0600), 0);
        reader = open(path, O_RDONLY | O_NONBLOCK);
        writer = open(path, O_WRONLY);
        close(writer);
        kit_connect(loop, pipe_address(reader, pipes.ours[1]), &end);
        kit_wait(loop, &end.n_readable, 1);
        ck_assert_int_eq(kit_receive(&end, &(char){0}, 1, NULL), 0);
        kit_close(&end);
        close(pipes.ours[0]);
        close(pipes.theirs[0]);
        close(pipes.theirs[1]);
        ck_assert_int_eq(unlink(path), 0);
        hark_loop_unref(loop);
}
END_TEST

START_TEST(a_fifo_that_nobody_reads_any_more_is_refused)
{
        hark_loop *loop = kit_new_loop();
        struct pipes pipes = make_pipes();
        const char *path = fixture_path("fifo");
        struct kit_port end = {0};
        int reader, writer;

        ck_assert_int_eq(mkfifo(path, 0600), 0);
        reader = open(path, O_RDONLY | O_NONBLOCK);
        writer = open(path, O_WRONLY);
        close(reader);
        ck_assert_int_eq(kit_try_connect(loop, pipe_address(pipes.ours[0], writer), &end),
                         -ECONNREFUSED);
        close(writer);
        for (unsigned i = 0; i < 2; i++) {
                close(pipes.ours[i]);
                close(pipes.theirs[i]);
        }
        ck_assert_int_eq(unlink(path), 0);
        hark_loop_unref(loop);
}
END_TEST

/* A pipe that belongs to another user cannot be opened anew. */
static int use_pipes_of_root(void *userdata)
{
        const struct pipes *pipes = userdata;
        int shared = dup(pipes->ours[0]);
        hark_loop *loop = kit_new_loop();
        struct kit_port end = {0};

        ck_assert_int_eq(setresuid(65432, 65432, 65432), 0);
        kit_connect(loop, pipe_address(pipes->ours[0], pipes->ours[1]), &end);
        ck_assert_int_eq(kit_receive(&end, &(char){0}, 1, NULL), -EAGAIN);
        ck_assert_int_eq(fcntl(shared, F_GETFL), O_RDONLY | O_NONBLOCK);
        ck_assert_int_eq(kit_send(&end, "x", 1), 1);
        kit_close(&end);
        ck_assert_int_eq(fcntl(shared, F_GETFL), O_RDONLY);
        close(shared);
        hark_loop_unref(loop);
        return 0;
}

START_TEST(a_pipe_of_another_user_gets_its_flags_back_in_the_end)
{
        struct pipes pipes = make_pipes();
        pid_t pid;

        if (geteuid() != 0)
                fixture_skip("only root can become another user");
        pid = fixture_fork(use_pipes_of_root, &pipes);
        ck_assert_int_eq(fixture_wait_exit(pid), 0);
        ck_assert_int_eq(read(pipes.theirs[0], &(char){0}, 1), 1);
        for (unsigned i = 0; i < 2; i++) {
                close(pipes.ours[i]);
                close(pipes.theirs[i]);
        }
}
END_TEST

START_TEST(a_listener_yields_one_port_and_not_from_inside_listen)
{
        hark_loop *loop = kit_new_loop();
        struct pipes pipes = make_pipes();
        struct kit_listener listener = {0};
        struct kit_port client = {0}, server = {0};
        char address[64];

        (void)snprintf(address, sizeof(address), "%s", pipe_address(pipes.ours[0], pipes.ours[1]));
        kit_listen(loop, address, &listener);
        ck_assert_str_eq(listener.listener->address, address);
        ck_assert_uint_eq(listener.n_ports, 0);
        kit_accept(loop, &listener, &server);
        kit_connect(loop, pipe_address(pipes.theirs[0], pipes.theirs[1]), &client);
        kit_talk(loop, &client, &server);
        kit_process_what_shows(loop);
        ck_assert_uint_eq(listener.n_ports, 0);
        kit_close_listener(&listener);
        kit_close(&client);
        kit_close(&server);
        hark_loop_unref(loop);
}
END_TEST

START_TEST(a_listener_that_is_closed_before_closes_its_port)
{
        hark_loop *loop = kit_new_loop();
        struct pipes pipes = make_pipes();
        struct kit_listener listener = {0};

        kit_listen(loop, pipe_address(pipes.ours[0], pipes.ours[1]), &listener);
        kit_close_listener(&listener);
        kit_process_what_shows(loop);
        ck_assert_int_eq(read(pipes.theirs[0], &(char){0}, 1), 0);
        close(pipes.theirs[0]);
        close(pipes.theirs[1]);
        hark_loop_unref(loop);
}
END_TEST

FIXTURE_MAIN("pipe", two_pipes_make_a_conversation,
             the_descriptors_are_handed_over_and_their_flags_stay,
             what_is_no_pair_of_pipes_is_refused, one_socket_serves_both_ways_and_may_pass_fds,
             two_sockets_serve_a_way_each, pipes_pass_no_fds,
             what_is_full_says_when_there_is_room_again,
             a_reader_that_goes_breaks_it_without_a_signal,
             a_fifo_whose_writer_has_gone_before_shows_its_end,
             a_fifo_that_nobody_reads_any_more_is_refused,
             a_pipe_of_another_user_gets_its_flags_back_in_the_end,
             a_listener_yields_one_port_and_not_from_inside_listen,
             a_listener_that_is_closed_before_closes_its_port)
