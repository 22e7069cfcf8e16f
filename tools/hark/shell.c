/* SPDX-License-Identifier: MIT */
#include "shell.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <unistd.h>

#define N_PIPES 3

/* The two ends of a pipe; -1: closed. */
struct ends {
        int ours, theirs;
};

static void close_fd(int fd)
{
        if (fd >= 0)
                close(fd);
}

static int add_descriptors(posix_spawn_file_actions_t *actions, const struct ends pipes[N_PIPES])
{
        int r = 0;

        for (int i = 0; i < N_PIPES && r == 0; i++)
                r = posix_spawn_file_actions_adddup2(actions, pipes[i].theirs, i);
        return r;
}

/* The loop blocks the signals that it takes, and the server ignores SIGPIPE: neither is for the
 * command to inherit. */
static int add_attributes(posix_spawnattr_t *attributes)
{
        sigset_t none, defaults;
        int r;

        sigemptyset(&none);
        sigemptyset(&defaults);
        sigaddset(&defaults, SIGPIPE);
        r = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                                         POSIX_SPAWN_SETSIGDEF);
        if (r == 0)
                r = posix_spawnattr_setpgroup(attributes, 0);
        if (r == 0)
                r = posix_spawnattr_setsigmask(attributes, &none);
        if (r == 0)
                r = posix_spawnattr_setsigdefault(attributes, &defaults);
        return r;
}

static int spawn(const char *command, char *const *environment, const struct ends pipes[N_PIPES],
                 pid_t *ret_pid)
{
        char *argv[] = {(char[]){"sh"}, (char[]){"-c"}, (char *)(uintptr_t)command, NULL};
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
        int r = posix_spawn_file_actions_init(&actions);

        if (r != 0)
                return -r;
        r = posix_spawnattr_init(&attributes);
        if (r == 0) {
                r = add_descriptors(&actions, pipes);
                if (r == 0)
                        r = add_attributes(&attributes);
                if (r == 0)
                        r = posix_spawn(ret_pid, "/bin/sh", &actions, &attributes, argv,
                                        environment);
                posix_spawnattr_destroy(&attributes);
        }
        posix_spawn_file_actions_destroy(&actions);
        return -r;
}

/* O_NONBLOCK is set afterwards, because pipe2(2) would do it to the command's end, too, which
 * programs do not expect. */
static int open_pipe(bool is_read_by_command, struct ends *ret_ends)
{
        int fds[2];

        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        *ret_ends = is_read_by_command ? (struct ends){.ours = fds[1], .theirs = fds[0]}
                                       : (struct ends){.ours = fds[0], .theirs = fds[1]};
        return fcntl(ret_ends->ours, F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
}

int shell_start(const char *command, char *const *environment, struct shell *ret_shell)
{
        struct ends pipes[N_PIPES] = {{-1, -1}, {-1, -1}, {-1, -1}};
        pid_t pid = 0;
        int r = 0;

        for (int i = 0; i < N_PIPES && r == 0; i++)
                r = open_pipe(i == STDIN_FILENO, &pipes[i]);
        if (r == 0)
                r = spawn(command, environment, pipes, &pid);
        for (int i = 0; i < N_PIPES; i++) {
                close_fd(pipes[i].theirs);
                if (r != 0)
                        close_fd(pipes[i].ours);
        }
        if (r == 0)
                *ret_shell = (struct shell){pid, pipes[STDIN_FILENO].ours,
                                            pipes[STDOUT_FILENO].ours, pipes[STDERR_FILENO].ours};
        return r;
}
