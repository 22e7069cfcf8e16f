/* SPDX-License-Identifier: MIT */

#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <unistd.h>

#include "transport/sigpipe.h"

static volatile sig_atomic_t n_signals;

static void count_signal(int signo)
{
        (void)signo;
        n_signals++;
}

static bool is_pending(void)
{
        sigset_t pending;

        sigpending(&pending);
        return sigismember(&pending, SIGPIPE);
}

static void block(int how)
{
        sigset_t set;

        sigemptyset(&set);
        sigaddset(&set, SIGPIPE);
        ck_assert_int_eq(sigprocmask(how, &set, NULL), 0);
}

static ssize_t write_one(int fd, bool *has_no_flag)
{
        struct iovec iov = {(void *)"x", 1};

        return hark_writev_no_signal(fd, &iov, 1, has_no_flag);
}

/* What a pipe does whose reader goes: without the kernel's flag, and with it where there is one. */
static void check_pipe(bool has_no_flag)
{
        int fds[2];
        char byte;

        ck_assert_int_eq(pipe2(fds, O_NONBLOCK), 0);
        ck_assert_int_eq(write_one(fds[1], &has_no_flag), 1);
        ck_assert_int_eq(read(fds[0], &byte, 1), 1);
        ck_assert_int_eq(byte, 'x');
        while (write_one(fds[1], &has_no_flag) > 0)
                ;
        ck_assert_int_eq(write_one(fds[1], &has_no_flag), -EAGAIN);
        close(fds[0]);
        ck_assert_int_eq(write_one(fds[1], &has_no_flag), -EPIPE);
        close(fds[1]);
        ck_assert_int_eq(write_one(fds[1], &has_no_flag), -EBADF);
}

START_TEST(a_pipe_without_a_reader_is_an_error_and_no_signal)
{
        signal(SIGPIPE, count_signal);
        check_pipe(true);
        check_pipe(false);
        ck_assert_int_eq(n_signals, 0);
        ck_assert(!is_pending());
}
END_TEST

START_TEST(a_program_that_blocks_the_signal_finds_none_pending)
{
        signal(SIGPIPE, count_signal);
        block(SIG_BLOCK);
        check_pipe(true);
        check_pipe(false);
        ck_assert(!is_pending());
        block(SIG_UNBLOCK);
        ck_assert_int_eq(n_signals, 0);
}
END_TEST

START_TEST(one_that_was_pending_before_stays)
{
        signal(SIGPIPE, count_signal);
        block(SIG_BLOCK);
        ck_assert_int_eq(raise(SIGPIPE), 0);
        check_pipe(true);
        check_pipe(false);
        ck_assert(is_pending());
        block(SIG_UNBLOCK);
        ck_assert_int_eq(n_signals, 1);
}
END_TEST

START_TEST(a_program_that_ignores_the_signal_is_none_the_wiser)
{
        signal(SIGPIPE, SIG_IGN);
        check_pipe(true);
        check_pipe(false);
        ck_assert_ptr_eq(signal(SIGPIPE, SIG_DFL), SIG_IGN);
}
END_TEST

FIXTURE_MAIN("sigpipe", a_pipe_without_a_reader_is_an_error_and_no_signal,
             a_program_that_blocks_the_signal_finds_none_pending, one_that_was_pending_before_stays,
             a_program_that_ignores_the_signal_is_none_the_wiser)
