/* SPDX-License-Identifier: MIT */
#ifndef HARK_TRANSPORT_TRUST_H
#define HARK_TRANSPORT_TRUST_H

/*
 * Who may serve a path. Whoever can write a directory can put a socket there, so a client that
 * found one has to ask who did. Root and the client's own user may always; beyond them the owners
 * of the directories that lead to it, because the path is theirs to give, but only as long as
 * nobody else can write any of these directories: from the first that group or others may write
 * (such as /tmp), anybody could have made what follows.
 */

#include <stdbool.h>
#include <sys/types.h>

/* Whether uid, neither root nor our own, may serve path, by the rule above. Symbolic links are
 * followed, and the directories that they lead through count as well. */
bool hark_trust_owner_of_path(const char *path, uid_t uid);

#endif
