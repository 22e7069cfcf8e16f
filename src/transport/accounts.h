/* SPDX-License-Identifier: MIT */
#ifndef HARK_TRANSPORT_ACCOUNTS_H
#define HARK_TRANSPORT_ACCOUNTS_H

/*
 * Users and groups by their names, as the system's databases have them: getpwnam_r(3),
 * getgrnam_r(3). May block, where these ask another machine.
 */

#include <sys/types.h>

/* name: size bytes. 0; -ENOENT: there is none of this name; -ENOMEM and others: it could not be
 * asked. */
int hark_user_find(const char *name, size_t size, uid_t *ret_uid);
int hark_group_find(const char *name, size_t size, gid_t *ret_gid);

#endif
