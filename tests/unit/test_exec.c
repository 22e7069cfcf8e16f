/* SPDX-License-Identifier: MIT */

#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "port_kit.h"
#include "transport/fd_port.h"

/* Everything that the program prints until it ends. */
static void read_all(hark_loop *loop, struct kit_port *end, char *text, size_t size)
{
        uint64_t end_ns = hark_deadline_ns(KIT_PATIENCE_MS);
        size_t n_read = 0;
        ssize_t n;

        while ((n = kit_receive(end, text + n_read, size - 1 - n_read, NULL)) != 0) {
                ck_assert_msg(n > 0 || n == -EAGAIN, "received %zd", n);
                if (n > 0)
                        n_read += (size_t)n;
                else
                        kit_turn(loop, end_ns);
        }
        text[n_read] = '\0';
}

/* Runs a program to its end, and checks what it prints. */
static void check_output(const char *address, const char *output)
{
        hark_loop *loop = kit_new_loop();
        struct kit_port end = {0};
        char text[4096];

        kit_connect(loop, address, &end);
        read_all(loop, &end, text, sizeof(text));
        ck_assert_str_eq(text, output);
        kit_close(&end);
        hark_loop_unref(loop);
}

static int identify(const struct kit_port *end, pid_t *ret_pid)
{
        struct hark_credentials credentials;

        hark_credentials_init(&credentials);
        end->port->transport->identify(end->port, &credentials);
        ck_assert_uint_eq(credentials.uid, geteuid());
        ck_assert_uint_eq(credentials.gid, getegid());
        ck_assert_int_gt(credentials.pid, 0);
        ck_assert_int_ge(credentials.pidfd, 0);
        *ret_pid = credentials.pid;
        return credentials.pidfd;
}

static void expect_exit(int pidfd)
{
        struct pollfd pollfd = {.fd = pidfd, .events = POLLIN};

        ck_assert_int_eq(poll(&pollfd, 1, KIT_PATIENCE_MS), 1);
        close(pidfd);
}

/* execvp(3) says -EACCES if a directory of PATH cannot be looked into: as it may be of who runs
 * this. */
static void set_plain_path(void)
{
        ck_assert_int_eq(setenv("PATH", "/usr/bin:/bin", 1), 0);
}

START_TEST(a_program_is_talked_with_over_its_stdin_and_stdout)
{
        hark_loop *loop = kit_new_loop();
        struct kit_port end = {0};
        pid_t pid;
        int pidfd;

        kit_connect(loop, "exec:cat", &end);
        kit_wait(loop, &end.n_opened, 1);
        ck_assert_int_eq(kit_send(&end, "hello", 5), 5);
        kit_expect(loop, &end, "hello", 5);
        pidfd = identify(&end, &pid);
        kit_close(&end); /* so cat reads the end */
        expect_exit(pidfd);
        hark_loop_unref(loop);
}
END_TEST

START_TEST(words_become_arguments_and_no_shell_sees_them)
{
        check_output("exec:printf %25s\\n a%20b $HOME %3F; %25XX", "a b\n$HOME\n?;\n%XX\n");
}
END_TEST

START_TEST(a_program_that_is_not_there_is_told_at_once)
{
        hark_loop *loop = kit_new_loop();
        struct kit_port end = {0};

        set_plain_path();
        ck_assert_int_eq(kit_try_connect(loop, "exec:no-such-program x", &end), -ENOENT);
        ck_assert_int_eq(kit_try_connect(loop, "exec:/no/such/program", &end), -ENOENT);
        ck_assert_int_eq(kit_try_connect(loop, "exec:/dev/null", &end), -EACCES);
        ck_assert_int_eq(kit_try_connect(loop, "exec:/dev/null/x", &end), -ENOTDIR);
        hark_loop_unref(loop);
}
END_TEST

START_TEST(what_a_program_printed_last_comes_before_its_end)
{
        hark_loop *loop = kit_new_loop();
        struct kit_port end = {0};
        char text[100000];

        kit_connect(loop, "exec:sh -c head%20-c%2099999%20/dev/zero%20|%20tr%20%22\\0%22%20x",
                    &end);
        read_all(loop, &end, text, sizeof(text));
        ck_assert_uint_eq(strlen(text), 99999);
        ck_assert_uint_eq(end.n_broken, 0);
        kit_close(&end);
        hark_loop_unref(loop);
}
END_TEST

START_TEST(a_program_that_ends_but_leaves_its_socket_to_another_has_ended)
{
        hark_loop *loop = kit_new_loop();
        struct kit_port end = {0};
        char text[32] = "";
        int left_over;

        kit_connect(loop, "exec:sh -c sleep%201000%20%26%20echo%20$!", &end);
        kit_wait(loop, &end.n_broken, 1);
        ck_assert_int_eq(end.port->error, -ECONNRESET);
        ck_assert_int_gt(kit_receive(&end, text, sizeof(text) - 1, NULL), 0);
        left_over = atoi(text);
        ck_assert_int_gt(left_over, 1);
        ck_assert_int_eq(kill(left_over, SIGKILL), 0);
        kit_close(&end);
        hark_loop_unref(loop);
}
END_TEST

static volatile sig_atomic_t n_child_signals;

static void count_child_signal(int signo)
{
        (void)signo;
        n_child_signals++;
}

START_TEST(a_program_is_nobodys_child_to_wait_for)
{
        hark_loop *loop = kit_new_loop();
        struct kit_port end = {0};
        pid_t own = fork();

        set_plain_path();
        if (own == 0)
                _exit(42);
        ck_assert_int_eq(waitid(P_PID, (id_t)own, &(siginfo_t){0}, WEXITED | WNOWAIT), 0);
        signal(SIGCHLD, count_child_signal);
        kit_connect(loop, "exec:true", &end);
        kit_expect_end(loop, &end, 0);
        kit_close(&end);
        ck_assert_int_eq(kit_try_connect(loop, "exec:no-such-program", &end), -ENOENT);
        ck_assert_int_eq(n_child_signals, 0);
        ck_assert_int_eq(fixture_wait_exit(own), 42); /* nobody has taken it */
        ck_assert_int_eq(waitpid(-1, NULL, __WALL), -1);
        ck_assert_int_eq(errno, ECHILD);
        hark_loop_unref(loop);
}
END_TEST

START_TEST(who_adopts_orphans_reaps_the_program_as_well)
{
        hark_loop *loop = kit_new_loop();
        struct kit_port end = {0};
        uint64_t end_ns = hark_deadline_ns(KIT_PATIENCE_MS);

        set_plain_path();
        ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
        kit_connect(loop, "exec:cat", &end);
        kit_wait(loop, &end.n_opened, 1);
        ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), 0); /* it is ours */
        ck_assert_int_eq(kit_send(&end, "x", 1), 1);
        kit_expect(loop, &end, "x", 1);
        ck_assert_int_eq(
                shutdown(hark_container_of(end.port, struct hark_fd_port, port)->in.fd, SHUT_WR),
                0);
        while (waitid(P_ALL, 0, &(siginfo_t){0}, WEXITED | WNOHANG | WNOWAIT) == 0)
                kit_turn(loop, end_ns);
        ck_assert_int_eq(errno, ECHILD);
        kit_close(&end);
        ck_assert_int_eq(kit_try_connect(loop, "exec:no-such-program", &end), -ENOENT);
        ck_assert_int_eq(waitpid(-1, NULL, __WALL), -1);
        hark_loop_unref(loop);
}
END_TEST

START_TEST(a_program_has_the_three_descriptors_and_no_other)
{
        int pair[2], low;

        ck_assert_int_eq(pipe(pair), 0); /* without FD_CLOEXEC */
        low = dup2(pair[0], 77);
        check_output("exec:sh -c echo%20/proc/self/fd/*", "/proc/self/fd/0 /proc/self/fd/1 "
                                                          "/proc/self/fd/2 /proc/self/fd/3\n");
        close(pair[0]);
        close(pair[1]);
        close(low);
}
END_TEST

START_TEST(a_program_starts_from_a_process_without_stdin_and_stdout)
{
        int stdin_copy = fcntl(STDIN_FILENO, F_DUPFD, 10);
        int stdout_copy = fcntl(STDOUT_FILENO, F_DUPFD, 10);

        close(STDIN_FILENO);
        close(STDOUT_FILENO);
        check_output("exec:echo got", "got\n");
        ck_assert_int_eq(dup2(stdin_copy, STDIN_FILENO), STDIN_FILENO);
        ck_assert_int_eq(dup2(stdout_copy, STDOUT_FILENO), STDOUT_FILENO);
        close(stdin_copy);
        close(stdout_copy);
}
END_TEST

static void ignore_nothing(int signo)
{
        (void)signo;
}

START_TEST(a_program_starts_with_its_signals_as_they_should_be)
{
        sigset_t all;

        signal(SIGPIPE, SIG_IGN);
        signal(SIGHUP, SIG_IGN); /* nohup(1), which is meant for children as well */
        signal(SIGINT, SIG_DFL); /* a shell has what it starts in the background ignore these two */
        signal(SIGQUIT, SIG_DFL);
        signal(SIGUSR1, ignore_nothing);
        sigemptyset(&all);
        sigaddset(&all, SIGTERM); /* as hark_loop_add_signal() leaves it */
        sigprocmask(SIG_BLOCK, &all, NULL);
        /* Signals 1 to 28: glibc's own 32 and 33 are ignored in whatever make(1) starts. */
        check_output("exec:sed -n s/^\\(Sig[BIC].*:\\).*\\(.......\\)$/\\1\\2/p /proc/self/status",
                     "SigBlk:0000000\nSigIgn:0000001\nSigCgt:0000000\n");
        ck_assert_int_eq(sigprocmask(SIG_BLOCK, NULL, &all), 0);
        ck_assert_int_eq(sigismember(&all, SIGTERM), 1);
        ck_assert_int_eq(sigismember(&all, SIGINT), 0);
}
END_TEST

START_TEST(a_program_that_nobody_waits_for_is_let_go)
{
        hark_loop *loop = kit_new_loop();
        struct kit_port never_started = {0}, started = {0};

        ck_assert_int_eq(kit_try_connect(loop, "exec:cat", &never_started), 0);
        kit_connect(loop, "exec:cat", &started);
        kit_close(&never_started);
        kit_close(&started);
        kit_process_what_shows(loop);
        hark_loop_unref(loop);
}
END_TEST

START_TEST(it_connects_only)
{
        struct hark_address *address = kit_address("exec:cat");

        ck_assert_ptr_null(address->transport->listen);
        hark_address_free(address);
}
END_TEST

FIXTURE_MAIN("exec", a_program_is_talked_with_over_its_stdin_and_stdout,
             words_become_arguments_and_no_shell_sees_them,
             a_program_that_is_not_there_is_told_at_once,
             what_a_program_printed_last_comes_before_its_end,
             a_program_that_ends_but_leaves_its_socket_to_another_has_ended,
             a_program_is_nobodys_child_to_wait_for, who_adopts_orphans_reaps_the_program_as_well,
             a_program_has_the_three_descriptors_and_no_other,
             a_program_starts_from_a_process_without_stdin_and_stdout,
             a_program_starts_with_its_signals_as_they_should_be,
             a_program_that_nobody_waits_for_is_let_go, it_connects_only)
