/* SPDX-License-Identifier: MIT */

/* See child.h. */

#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

/* Starts with this end of the pipe as the fd child_fd, and with no signal blocked: this process
 * takes some by its loop, and what is blocked would be inherited. */
static int spawn(const char *path, char *const argv[], int pipe_fd, int child_fd, pid_t *ret_pid)
{
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
        sigset_t none;
        int r;

        sigemptyset(&none);
        posix_spawnattr_init(&attributes);
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
        posix_spawnattr_setsigmask(&attributes, &none);
        posix_spawn_file_actions_init(&actions);
        r = posix_spawn_file_actions_adddup2(&actions, pipe_fd, child_fd);
        if (r == 0)
                r = posix_spawnp(ret_pid, path, &actions, &attributes, argv, environ);
        posix_spawn_file_actions_destroy(&actions);
        posix_spawnattr_destroy(&attributes);
        return -r;
}

static int start(const char *path, char *const argv[], int child_fd, struct child *ret_child)
{
        int theirs = child_fd == STDIN_FILENO ? 0 : 1; /* a pipe is read at 0 and written at 1 */
        int fds[2];
        int r;

        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        r = spawn(path, argv, fds[theirs], child_fd, &ret_child->pid);
        close(fds[theirs]);
        if (r != 0)
                close(fds[!theirs]);
        else
                ret_child->fd = fds[!theirs];
        return r;
}

int child_start(const char *path, char *const argv[], struct child *ret_child)
{
        return start(path, argv, STDOUT_FILENO, ret_child);
}

int child_read_line(const struct child *child, int timeout_ms, char *ret_line, size_t size)
{
        struct pollfd pollfd = {.fd = child->fd, .events = POLLIN};

        for (size_t n = 0; n < size; n++) {
                if (poll(&pollfd, 1, timeout_ms) <= 0)
                        return -ETIMEDOUT;
                if (read(child->fd, ret_line + n, 1) <= 0)
                        return -EPIPE;
                if (ret_line[n] == '\n') {
                        ret_line[n] = '\0';
                        return 0;
                }
        }
        return -EPIPE;
}

int child_end(struct child *child, int timeout_ms)
{
        struct pollfd pollfd = {.events = POLLIN};
        int n_ready, status;

        if (child->pid == 0)
                return 0;
        pollfd.fd = pidfd_open(child->pid, 0);
        kill(child->pid, SIGTERM);
        n_ready = poll(&pollfd, 1, timeout_ms);
        if (n_ready != 1)
                kill(child->pid, SIGKILL);
        waitpid(child->pid, &status, 0);
        close(pollfd.fd);
        close(child->fd);
        child->pid = 0;
        if (n_ready != 1)
                return -ETIMEDOUT;
        return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -ECHILD;
}

int child_start_idle(struct child *ret_child)
{
        char name[] = "cat";
        char *const argv[] = {name, NULL};

        return start(name, argv, STDIN_FILENO, ret_child);
}

void child_end_idle(struct child *child)
{
        if (child->pid == 0)
                return;
        close(child->fd);
        waitpid(child->pid, NULL, 0);
        child->pid = 0;
}
