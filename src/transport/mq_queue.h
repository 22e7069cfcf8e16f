/* SPDX-License-Identifier: MIT */
#ifndef HARK_TRANSPORT_MQ_QUEUE_H
#define HARK_TRANSPORT_MQ_QUEUE_H

/*
 * The queues of mq:, mq_overview(7): who makes them, how large they are, and which are dead.
 *
 *         /clock           the server's, which takes from all clients
 *         /clock.r0 ...    a client's each, in which its answers come; the lowest number that is free
 *
 * Each belongs to the process that reads it, which shows on it that it lives (reader_mark.h): a queue
 * of which nobody shows that is stale. A server adopts a stale one, with what waits in it; clients'
 * are unlinked by whoever finds them and may. So they have numbers: the directory of all queues may
 * not be mounted, and where it is anybody can list it, so that no name would be a secret.
 *
 * How large they are is what the system allows, at the most that of the table, at the least an
 * eighth of it:
 *
 *         server's     10 messages of 8192 bytes
 *         client's      4 messages of 1024 bytes, of which an unprivileged user may have about 170
 */

#include <stdbool.h>
#include <sys/types.h>

#include "loop/loop.h"

#define HARK_MQ_NAME     256  /* with its NUL */
#define HARK_MQ_CLIENTS  1024 /* numbers of clients' queues */
#define HARK_MQ_SIZE_MAX 8192 /* of a message in any queue of ours */

/*
 * Takes the server's queue: makes it, or adopts a stale one of this user. Says in the log which
 * limit was in the way. Blocks up to a second, where another server starts there.
 * Returns it, open both ways; -EADDRINUSE: somebody serves it, or it is another user's; -EBUSY;
 * -EMFILE, -ENOSPC: a limit; -errno of mq_open(3).
 */
int hark_mq_take(hark_loop *loop, const char *name, mode_t mode);

/* Unlinks the clients' queues of this server that are dead, as far as we may. */
void hark_mq_sweep(const char *name);

/* Makes a client's queue for itself to read, into which that user can write. Returns it, with its
 * name; as hark_mq_take(). */
int hark_mq_make(hark_loop *loop, const char *name, uid_t writer, char ret_name[HARK_MQ_NAME]);

/* Whether this is the name of a client's queue at that server. */
bool hark_mq_is_client(const char *name, const char *client);

/* Opens somebody's queue to write. Returns it; -ECONNREFUSED: nobody reads it; -ENOENT; -errno. */
int hark_mq_open(const char *name, uid_t *ret_owner);

/* The same, whether anybody reads it or not. */
int hark_mq_open_to_leave(const char *name, uid_t *ret_owner);

/* Bytes of a message in it. */
size_t hark_mq_message_size(int fd);

#endif
