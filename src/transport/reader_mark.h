/* SPDX-License-Identifier: MIT */
#ifndef HARK_TRANSPORT_READER_MARK_H
#define HARK_TRANSPORT_READER_MARK_H

/*
 * Who reads a FIFO or a message queue: the reader holds locks on it, of which the kernel tells
 * whoever else has it open, also across users (fcntl(2)):
 *
 *         byte 0   a record lock, by which F_GETLK tells the pid. A process loses it when it closes
 *                  any descriptor of the file, and is not shown its own.
 *         byte 1   a lock of the open file (F_OFD_SETLK), which holds until the descriptor is
 *                  closed, and shows in the same process, too; but tells no pid.
 *
 * They need a descriptor that can read, so that nobody else can seem to be the reader.
 */

#include "transport/transport.h"

/* Marks it as read by this process. Again does no harm. 0; -errno. */
int hark_reader_mark(int fd);

/* Shows, from now until fd is closed, that somebody reads it. 0; -errno. */
int hark_reader_show(int fd);
bool hark_reader_is_shown(int fd);

/* Fills in uid and gid of the owner, and pid and pidfd of who has marked it. The pidfd is the
 * caller's. */
void hark_reader_identify(int fd, struct hark_credentials *credentials);

#endif
