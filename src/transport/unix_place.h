/* SPDX-License-Identifier: MIT */
#ifndef HARK_TRANSPORT_UNIX_PLACE_H
#define HARK_TRANSPORT_UNIX_PLACE_H

/* The path or the abstract name that a listener has taken, and whom it lets in there. */

#include "transport/path.h"
#include "transport/unix_address.h"
#include "transport/users.h"

struct hark_unix_place {
        bool is_abstract;
        bool has_path; /* which is taken, and to be left */
        struct hark_path path;
        struct hark_users users;
};

/* Takes the place with a new socket of this type, which listens, if its type can. Returns 0 with
 * both the caller's; what bind(2) or hark_path_take() says. */
int hark_unix_take(const struct hark_address *address, int type, struct hark_unix_place *ret_place,
                   int *ret_fd);

/* Before the socket is closed. Takes one that was never taken. */
void hark_unix_leave(struct hark_unix_place *place);

/* Whether a client of this port may be served there by this user, as hark_users_check_server(). */
int hark_unix_check_server(const struct hark_port *port, const struct hark_unix_name *name,
                           const struct hark_users *users, uid_t uid);

#endif
