/* SPDX-License-Identifier: MIT */
#ifndef CHILD_H
#define CHILD_H

/*
 * The processes that the demo starts: the server, and a short-lived one for the server to notice.
 * Each is ended, and waited for, by the one who started it.
 */

#include <stddef.h>
#include <sys/types.h>

struct child {
        pid_t pid; /* 0: none */
        int fd;    /* of a pipe: the child's stdout, or its stdin */
};

/* Starts a program whose stdout is child->fd, and which has two more of our descriptors if inherited
 * is not NULL. Returns 0 or a negative errno. */
int child_start(const char *path, char *const argv[], const int *inherited,
                struct child *ret_child);

/* Reads a line of the child's, without its newline. Returns 0; -ETIMEDOUT; -EPIPE: there is
 * none. */
int child_read_line(const struct child *child, int timeout_ms, char *ret_line, size_t size);

/*
 * Asks by SIGTERM, waits, and if it takes longer than the timeout kills.
 * Returns 0: it ended by itself with exit status 0; -ETIMEDOUT; -ECHILD: it ended otherwise.
 */
int child_end(struct child *child, int timeout_ms);

/* Starts a process that does nothing until child_end_idle(), or until this one dies, however. */
int child_start_idle(struct child *ret_child);

void child_end_idle(struct child *child);

#endif
