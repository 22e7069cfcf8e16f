/* SPDX-License-Identifier: MIT */

/* See peercred.h. */

#include "transport/peercred.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77 /* Linux 6.5; not in Debian 12's headers */
#endif

#ifndef SO_PEERGROUPS
#define SO_PEERGROUPS 59 /* Linux 4.13 */
#endif

/* A user may be in 65536 groups, and each connection of his keeps the list. */
#define GROUPS_MAX 4096

static int get_peer(int fd, struct ucred *ret_peer)
{
        socklen_t size = sizeof(*ret_peer);

        return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, ret_peer, &size) < 0 ? -errno : 0;
}

/*
 * The kernel noted the process itself, so this cannot be another one that got its pid later. An
 * older kernel noted the pid only: who asks it must do so soon after the connection was made, while
 * there is hardly time for the pid to be given away.
 */
static int open_peer_pidfd(int fd, pid_t pid)
{
        socklen_t size = sizeof(int);
        int pidfd = -1;

        if (getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &size) == 0)
                return pidfd;
        return errno == ENOPROTOOPT ? hark_pidfd_open(pid) : -1;
}

int hark_peer_uid(int fd, uid_t *ret_uid)
{
        struct ucred peer;
        int r = get_peer(fd, &peer);

        if (r == 0)
                *ret_uid = peer.uid;
        return r;
}

void hark_peer_identify(int fd, struct hark_credentials *credentials)
{
        struct ucred peer;

        if (get_peer(fd, &peer) < 0)
                return;
        credentials->uid = peer.uid;
        credentials->gid = peer.gid;
        credentials->pid = peer.pid; /* 0: it is in a pid namespace that we do not see */
        if (peer.pid > 0)
                credentials->pidfd = open_peer_pidfd(fd, peer.pid);
}

int hark_peer_list_groups(int fd, gid_t **ret_groups, size_t *ret_n_groups)
{
        hark_cleanup(hark_freep) gid_t *groups = NULL;
        socklen_t size = 0;

        /* Of no room, it says how much is needed, and that this is an error. */
        if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &size) < 0 && errno != ERANGE)
                return -errno;
        if (size > GROUPS_MAX * sizeof(gid_t))
                return -E2BIG;
        if (size > 0) {
                groups = malloc(size);
                if (!groups)
                        return -ENOMEM;
                if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) < 0)
                        return -errno;
        }
        *ret_groups = HARK_TAKE(groups);
        *ret_n_groups = size / sizeof(gid_t);
        return 0;
}

int hark_pidfd_open(pid_t pid)
{
        int pidfd = (int)syscall(SYS_pidfd_open, pid, 0); /* sets FD_CLOEXEC */

        return pidfd < 0 ? -1 : pidfd;
}
