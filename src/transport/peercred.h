/* SPDX-License-Identifier: MIT */
#ifndef HARK_TRANSPORT_PEERCRED_H
#define HARK_TRANSPORT_PEERCRED_H

/*
 * Who is at the other end of a UNIX socket, as the kernel noted when it was connected: the client as
 * it called connect(2), the server as it called listen(2).
 */

#include <hark/server.h>

/* 0; -errno of getsockopt(2). */
int hark_peer_uid(int fd, uid_t *ret_uid);

/* Fills in uid, gid, pid and pidfd, as far as they are known. The pidfd is the caller's. */
void hark_peer_identify(int fd, struct hark_credentials *credentials);

/* pidfd_open(2), or -1. */
int hark_pidfd_open(pid_t pid);

#endif
