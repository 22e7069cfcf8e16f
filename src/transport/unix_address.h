/* SPDX-License-Identifier: MIT */
#ifndef HARK_TRANSPORT_UNIX_ADDRESS_H
#define HARK_TRANSPORT_UNIX_ADDRESS_H

/* /path and @name of UNIX sockets of all types. */

#include <sys/socket.h>
#include <sys/un.h>

#include "transport/address.h"

struct hark_unix_name {
        struct sockaddr_un address; /* a path has a NUL behind it */
        socklen_t size;
};

/* The parse of struct hark_transport_ops. */
int hark_unix_parse(struct hark_address *address, const char *body, size_t body_size, char *why,
                    size_t why_size);

void hark_unix_name(struct hark_unix_name *name, const struct hark_address *address);

bool hark_unix_is_abstract(const struct hark_unix_name *name);

/* The name that a socket is bound to. 0; -EOPNOTSUPP: it has none; what getsockname(2) said. */
int hark_unix_name_of(int fd, struct hark_unix_name *ret_name);

/* As an address has it. Own memory; NULL: no memory. */
char *hark_unix_print(const char *scheme, const struct hark_unix_name *name);

/* For the log, without the scheme. */
#define HARK_UNIX_SHOWN 128
void hark_unix_show(const struct hark_unix_name *name, char shown[HARK_UNIX_SHOWN]);

#endif
