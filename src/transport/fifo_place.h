/* SPDX-License-Identifier: MIT */
#ifndef HARK_TRANSPORT_FIFO_PLACE_H
#define HARK_TRANSPORT_FIFO_PLACE_H

/*
 * Where FIFOs lie, and who has made them:
 *
 *         /run/clock        the server's, which takes records
 *         /run/clock.d/     the server's directory; 0700, or 1733 where others may connect: so they
 *                           can make files in it, but see none, and unlink none of others
 *         NAME.r            a client's, which it reads, and its server writes
 *         NAME.w            the server's, which it reads, and that client writes
 *
 * The two are there only while a connection is made. Each belongs to the side that reads it, so
 * that nobody else can; what anybody can open for writing has a name that nobody can guess.
 *
 * What a death leaves behind are FIFOs that nobody reads: opening one to write is ENXIO. The server
 * unlinks them as it starts, and now and then.
 */

#include <stdbool.h>
#include <sys/types.h>

#include "transport/transport.h"

#define HARK_FIFO_FILE 40 /* "NAME.r", with its NUL */

enum hark_fifo_side {
        HARK_FIFO_OF_CLIENT = 'r',
        HARK_FIFO_OF_SERVER = 'w'
};

/* The file of a connection of this name. */
void hark_fifo_file(const char *name, enum hark_fifo_side side, char ret_file[HARK_FIFO_FILE]);

/*
 * Makes, or takes over, the directory of the server at this path, in the directory fd, and unlinks
 * what is dead in it. Returns it; -EPERM: it is somebody else's, or no directory; -errno.
 */
int hark_fifo_take_directory(int parent, const char *name, bool is_open_to_others);

/* Unlinks it with all that is in it. */
void hark_fifo_leave_directory(int parent, const char *name, int directory);

/* Unlinks the FIFOs in it that nobody has read for some seconds; at once: even so young. */
void hark_fifo_sweep(int directory, bool at_once);

/* Opens the directory of the server at path, whose user is uid. Returns it; -EPERM: it is another's;
 * -errno. */
int hark_fifo_find_directory(const char *path, uid_t uid);

/* Makes a FIFO for oneself to read, into which that user can write. Returns it, open and marked as
 * ours (reader_mark.h); -errno. */
int hark_fifo_make(int directory, const char *file, uid_t writer);

/* Opens the other side's FIFO to write. Returns it, with its owner; -ECONNREFUSED: nobody reads it,
 * or it is no such FIFO; -errno. */
int hark_fifo_open(int directory, const char *file, uid_t *ret_owner);

#endif
