/* SPDX-License-Identifier: MIT */
#ifndef HARK_TRANSPORT_USERS_H
#define HARK_TRANSPORT_USERS_H

/*
 * Who may be at the other end, where the kernel tells users apart, beside root, whom nothing keeps out anyway, and our
 * own user:
 *
 *                      no uid=                             uid=NAME      uid=any
 *         client       owners of the path, see trust.h     NAME          anybody
 *                      @name: nobody, it is free to all
 *         listener     whom the path's permissions let in  NAME          anybody
 *                      @name: nobody
 *
 * A queue is as free to all as a @name, but has permissions.
 */

#include "transport/transport.h"

struct hark_users {
        enum hark_uid_rule rule;
        uid_t uid;
        uint64_t refusal_logged_ns; /* when the last line said that somebody was refused */
};

struct hark_users hark_users(const struct hark_address *address);

/* Whether a client of this port may be served by this user. path: where it is; NULL: its name is
 * free to all. shown: the address, for the log. 0; -EPERM, and says so in the log. */
int hark_users_check_server(const struct hark_port *port, const char *path, const char *shown,
                            const struct hark_users *users, uid_t uid);

/* Whether a listener admits this user; by_default: also one of whom the address does not speak.
 * 0; -EPERM, and says so in the log. */
int hark_users_check_client(const struct hark_listener *listener, struct hark_users *users,
                            bool by_default, uid_t uid);

#endif
