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

/* What the child finds of ours. */
struct fds {
        int pipe_fd, as_fd;   /* this end of a pipe, as the fd of that number */
        const int *inherited; /* two more, under the numbers that they have; NULL: none */
};

/* Duplicated onto itself, a descriptor is not closed by exec. */
static int add_fds(posix_spawn_file_actions_t *actions, const struct fds *fds)
{
        int r = posix_spawn_file_actions_adddup2(actions, fds->pipe_fd, fds->as_fd);

        for (int i = 0; r == 0 && fds->inherited && i < 2; i++)
                r = posix_spawn_file_actions_adddup2(actions, fds->inherited[i], fds->inherited[i]);
        return r;
}

/* Starts with no signal blocked: this process takes some by its loop, and what is blocked would be
 * inherited. */
static int spawn(const char *path, char *const argv[], const struct fds *fds, pid_t *ret_pid)
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
        r = add_fds(&actions, fds);
        if (r == 0)
                r = posix_spawnp(ret_pid, path, &actions, &attributes, argv, environ);
        posix_spawn_file_actions_destroy(&actions);
        posix_spawnattr_destroy(&attributes);
        return -r;
}

static int start(const char *path, char *const argv[], int child_fd, const int *inherited,
                 struct child *ret_child)
{
        int theirs = child_fd == STDIN_FILENO ? 0 : 1; /* a pipe is read at 0 and written at 1 */
        int ends[2];
        int r;

        if (pipe2(ends, O_CLOEXEC) < 0)
                return -errno;
        r = spawn(path, argv, &(struct fds){ends[theirs], child_fd, inherited}, &ret_child->pid);
        close(ends[theirs]);
        if (r != 0)
                close(ends[!theirs]);
        else
                ret_child->fd = ends[!theirs];
        return r;
}

int child_start(const char *path, char *const argv[], const int *inherited, struct child *ret_child)
{
        return start(path, argv, STDOUT_FILENO, inherited, ret_child);
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

        return start(name, argv, STDIN_FILENO, NULL, ret_child);
}

void child_end_idle(struct child *child)
{
        if (child->pid == 0)
                return;
        close(child->fd);
        waitpid(child->pid, NULL, 0);
        child->pid = 0;
}
