/* SPDX-License-Identifier: MIT */
#ifndef HARK_TRANSPORT_PEERCRED_H
#define HARK_TRANSPORT_PEERCRED_H

/*
 * Who is at the other end of a UNIX socket, as the kernel noted when it was connected: the client
 * as it called connect(2), the server as it called listen(2).
 */

#include <hark/server.h>

/* 0; -errno of getsockopt(2). */
int hark_peer_uid(int fd, uid_t *ret_uid);

/* Fills in uid, gid, pid and pidfd, as far as they are known. The pidfd is the caller's. */
void hark_peer_identify(int fd, struct hark_credentials *credentials);

/* The peer's supplementary groups, in own memory, NULL if there are none; of more than 4096, none
 * are known. 0; -E2BIG: more; -ENOMEM; -ENOPROTOOPT: the kernel has no SO_PEERGROUPS (Linux
 * 4.13). */
int hark_peer_list_groups(int fd, gid_t **ret_groups, size_t *ret_n_groups);

/* pidfd_open(2), or -1. */
int hark_pidfd_open(pid_t pid);

#endif
