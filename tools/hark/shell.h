/* SPDX-License-Identifier: MIT */
#ifndef SHELL_H
#define SHELL_H

/* Starting a shell command with a pipe at each of its standard descriptors. */

#include <sys/types.h>

struct shell {
        pid_t pid;                 /* which is also its process group's */
        int input, output, errors; /* our ends, O_NONBLOCK and O_CLOEXEC: the caller's to close */
};

/* Runs /bin/sh -c command, in a process group of its own, with no signal blocked and SIGPIPE as
 * usual. Returns 0; -EMFILE, -ENFILE, -ENOMEM, -EAGAIN, ...: it was not started. */
int shell_start(const char *command, char *const *environment, struct shell *ret_shell);

#endif
