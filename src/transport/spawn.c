/* SPDX-License-Identifier: MIT */

/*
 * See spawn.h. What runs in the keeper and in the program before its exec is a copy of one thread
 * of a program that may have more: it must call nothing that takes a lock, see signal-safety(7).
 */

#include "transport/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "transport/inherit.h"
#include "transport/peercred.h"

#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1u << 2)
#endif

#define FIRST_OTHER_FD 3
#define EXIT_NOT_RUN   127 /* as the shell has it */

struct report {
        pid_t pid;
        int error; /* 0: it runs */
};

union control {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
};

/* fork(2), but that the child's end sends no signal, which also hides it from the program's wait():
 * only __WALL sees it. All arguments are 0, so their order, which differs among machines, is no
 * matter. */
static pid_t fork_quietly(void)
{
        return (pid_t)syscall(SYS_clone, 0L, 0L, 0L, 0L, 0L);
}

static void wait_for(pid_t pid)
{
        while (waitpid(pid, NULL, __WALL) < 0 && errno == EINTR)
                ;
}

/* --- in the program, before its exec ---------------------------------------------------------- */

/* A handler of ours must not run here: it could write where the parent reads. */
static void reset_signals(void)
{
        const struct sigaction by_default = {.sa_handler = SIG_DFL};
        struct sigaction action;
        sigset_t none;

        for (int signo = 1; signo < _NSIG; signo++)
                if (sigaction(signo, NULL, &action) == 0 &&
                    (action.sa_handler != SIG_IGN || signo == SIGPIPE))
                        (void)sigaction(signo, &by_default, NULL);
        (void)sigemptyset(&none);
        (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static void close_others_on_exec(void)
{
        struct rlimit limit;

        if (syscall(SYS_close_range, (unsigned)FIRST_OTHER_FD, ~0u, CLOSE_RANGE_CLOEXEC) == 0)
                return;
        /* Before Linux 5.11. */
        if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur > INT_MAX)
                limit.rlim_cur = INT_MAX;
        for (int fd = FIRST_OTHER_FD; fd < (int)limit.rlim_cur; fd++)
                (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
}

static _Noreturn void become_program(char *const argv[], int stdio_fd, int failure_fd)
{
        int error;

        reset_signals();
        close_others_on_exec();
        if (dup2(stdio_fd, STDIN_FILENO) >= 0 && dup2(stdio_fd, STDOUT_FILENO) >= 0)
                (void)execvp(argv[0], argv);
        error = errno;
        if (write(failure_fd, &error, sizeof(error)) < 0)
                _exit(EXIT_NOT_RUN + 1);
        _exit(EXIT_NOT_RUN);
}

/* --- in the keeper ---------------------------------------------------------------------------- */

/* What the program wrote; its end without a word is its exec. Nobody else has the writing end. */
static int read_failure(int failure_fd)
{
        int error = 0;
        ssize_t n;

        do {
                n = read(failure_fd, &error, sizeof(error));
        } while (n < 0 && errno == EINTR);
        return n == sizeof(error) ? error : 0;
}

static int open_failure_pipe(int *ret_read_fd, int *ret_write_fd)
{
        int fds[2];

        if (pipe2(fds, O_CLOEXEC) < 0)
                return errno;
        *ret_read_fd = fds[0];
        *ret_write_fd = hark_fd_above_stdio(fds[1]);
        return *ret_write_fd < 0 ? -*ret_write_fd : 0;
}

static void start_program(char *const argv[], int stdio_fd, struct report *report)
{
        int read_fd = -1, write_fd = -1;

        report->error = open_failure_pipe(&read_fd, &write_fd);
        if (report->error)
                return;
        report->pid = fork_quietly();
        if (report->pid == 0)
                become_program(argv, stdio_fd, write_fd);
        if (report->pid < 0) {
                report->error = errno;
                return;
        }
        hark_close(write_fd);
        report->error = read_failure(read_fd);
        if (report->error)
                wait_for(report->pid);
}

static void send_report(int report_fd, const struct report *report, int pidfd)
{
        struct iovec iov = {.iov_base = (void *)(uintptr_t)report, .iov_len = sizeof(*report)};
        union control control = {.header = {.cmsg_len = CMSG_LEN(sizeof(int)),
                                            .cmsg_level = SOL_SOCKET,
                                            .cmsg_type = SCM_RIGHTS}};
        struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};

        if (pidfd >= 0) {
                memcpy(CMSG_DATA(&control.header), &pidfd, sizeof(pidfd));
                message.msg_control = control.bytes;
                message.msg_controllen = sizeof(control.bytes);
        }
        (void)sendmsg(report_fd, &message, MSG_NOSIGNAL);
}

static _Noreturn void keep(char *const argv[], int stdio_fd, int report_fd)
{
        struct report report = {0};

        start_program(argv, stdio_fd, &report);
        send_report(report_fd, &report, report.error ? -1 : hark_pidfd_open(report.pid));
        _exit(0);
}

/* --- in our process --------------------------------------------------------------------------- */

/* The keeper has ended, so what it had to say is there; or it was killed, and said nothing. */
static int receive_report(int report_fd, struct hark_child *ret_child)
{
        struct report report = {0};
        struct iovec iov = {.iov_base = &report, .iov_len = sizeof(report)};
        union control control;
        struct msghdr message = {.msg_iov = &iov,
                                 .msg_iovlen = 1,
                                 .msg_control = control.bytes,
                                 .msg_controllen = sizeof(control.bytes)};
        const struct cmsghdr *header;

        if (recvmsg(report_fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) != sizeof(report))
                return -ECHILD;
        if (report.error)
                return -report.error;
        *ret_child = (struct hark_child){.pid = report.pid, .pidfd = -1};
        header = CMSG_FIRSTHDR(&message);
        if (header && header->cmsg_type == SCM_RIGHTS)
                memcpy(&ret_child->pidfd, CMSG_DATA(header), sizeof(int));
        return 0;
}

/* Returns the keeper's pid. */
static pid_t start_keeper(char *const argv[], int stdio_fd, int report_fd)
{
        sigset_t all, previous;
        pid_t pid;
        int error;

        (void)sigfillset(&all);
        (void)pthread_sigmask(SIG_SETMASK, &all, &previous);
        pid = fork_quietly();
        if (pid == 0)
                keep(argv, stdio_fd, report_fd);
        error = errno;
        (void)pthread_sigmask(SIG_SETMASK, &previous, NULL);
        return pid < 0 ? -error : pid;
}

int hark_spawn(char *const argv[], int stdio_fd, struct hark_child *ret_child)
{
        hark_cleanup(hark_closep) int ours = -1;
        hark_cleanup(hark_closep) int keepers = -1;
        int report[2];
        pid_t pid;

        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, report) < 0)
                return -errno;
        ours = report[0];
        keepers = report[1];
        pid = start_keeper(argv, stdio_fd, keepers);
        if (pid < 0)
                return pid;
        wait_for(pid);
        return receive_report(ours, ret_child);
}
