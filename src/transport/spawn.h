/* SPDX-License-Identifier: MIT */
#ifndef HARK_TRANSPORT_SPAWN_H
#define HARK_TRANSPORT_SPAWN_H

/*
 * Starting a program that nobody has to wait for.
 *
 * A library that starts a child has a problem at its end: somebody must reap it, and the library
 * has no thread to do so, must not handle SIGCHLD, which is the program's, and may be done with
 * long before the child is. So the child is not ours: a keeper in between, which lives for a moment
 * only, starts it and ends, and the child goes to init, or to whoever adopts orphans here
 * (PR_SET_CHILD_SUBREAPER), who reaps it. We reap the keeper; it raises no SIGCHLD, and no wait()
 * of the program's sees it.
 *
 *         we      fork ----- wait for the keeper ------------------------- read its report
 *         keeper       `- fork ----- read failure ---- report pid, pidfd or errno, and end
 *         program            `- set up, exec (which closes `failure`) or write errno to it
 *
 * The pidfd is opened by the keeper, whose child the program still is, so it can be no other
 * process.
 */

#include <sys/types.h>

struct hark_child {
        pid_t pid;
        int pidfd; /* -1: the kernel would not give one */
};

/*
 * Starts argv[0], looked for as execvp(3) does, with stdio_fd, which is 3 or above, as its stdin
 * and stdout. It has our stderr, and no other descriptor; signals are unblocked, and neither
 * handled nor, for SIGPIPE, ignored.
 * Returns when the program has been executed, so it blocks for that long: 0, with the pidfd the
 * caller's; -ENOENT, -EACCES, ... of execve(2); -EAGAIN, -ENOMEM of fork(2).
 */
int hark_spawn(char *const argv[], int stdio_fd, struct hark_child *ret_child);

#endif
