/* SPDX-License-Identifier: MIT */
#ifndef HARK_TRANSPORT_PATH_H
#define HARK_TRANSPORT_PATH_H

/*
 * Taking a path for a UNIX socket or a FIFO, and leaving it, so that of several servers that start at once
 * one gets it, that nobody takes the path of a server that lives, and that nobody is left without
 * because somebody died.
 *
 * The difficulty is that a server which has called bind(2) but not yet listen(2) refuses
 * connections just as a dead one does. So the socket gets its final name only when it listens:
 *
 *         lock the directory (flock(2); the others wait here)
 *         bind and listen under a name of its own in the same directory
 *         look at the path:  nothing there             rename, unless something turns up meanwhile
 *                            a socket that is dead     rename over it
 *                            anything else             give up: it is in use
 *         unlock
 *
 * Dead is only what refuses connections, or a FIFO that nobody reads; a full backlog is life, and so
 * is whatever is not known. What is no socket, or no FIFO, is never replaced. The lock is needed between servers that find the same dead
 * socket: without it the second would replace the first one's living socket. It also keeps two
 * processes from unlinking each other's when they leave.
 */

#include <sys/types.h>

/* A path that was taken. */
struct hark_path {
        int directory; /* which holds it; open, whatever becomes of the working directory */
        char *name;    /* in it, own memory */
        dev_t device;  /* and */
        ino_t inode;   /* of what was put there, to know it by */
};

/*
 * Takes the path with a new socket of this type (SOCK_STREAM, ...), which listens, if its type can;
 * or S_IFIFO: with a FIFO, open both ways. mode: the permissions of chmod(2); -1: those that the
 * umask leaves, of a FIFO 0600.
 * Waits up to a second for others who are taking or leaving a path of the same directory.
 * Returns 0 with ret_path and ret_fd the caller's; -EADDRINUSE, -EBUSY: the second was not enough,
 * -EACCES, -ENOENT: no such directory, -ENOTDIR, -EMFILE, -ENOMEM, ... Nothing is left behind then.
 */
int hark_path_take(const char *path, int type, int mode, struct hark_path *ret_path, int *ret_fd);

/*
 * Unlinks the path, if it still is this one's, and lets go. Comes before the descriptor is closed:
 * so its inode's number belongs to nobody else yet. If the lock cannot be had within a second it
 * stays, for the next server to replace.
 */
void hark_path_leave(struct hark_path *path);

#endif
