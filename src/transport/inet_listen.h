/* SPDX-License-Identifier: MIT */
#ifndef HARK_TRANSPORT_INET_LISTEN_H
#define HARK_TRANSPORT_INET_LISTEN_H

/*
 * A socket at the first of a host's addresses that can be had. [::] is IPv6 and nothing else, so
 * that an address means what it says; `*` is one IPv6 socket that takes IPv4 as well, or an IPv4
 * socket where there is no IPv6.
 */

#include <netdb.h>

#include "transport/inet_address.h"

/* Makes a socket that is bound to this address, as the protocol needs it. Returns it, or -errno. */
typedef int hark_inet_bind_fn(const struct addrinfo *info, bool is_v6_only);

/*
 * Returns the descriptor. type: SOCK_STREAM or SOCK_DGRAM. May block in the resolver.
 * -EPERM: it reaches beyond this machine, and the address is not open, which has been logged;
 * -ENOENT: no such host; -EADDRINUSE, -EADDRNOTAVAIL, -EACCES, ... of bind(2).
 */
int hark_inet_listen(hark_loop *loop, const struct hark_address *address, int type,
                     hark_inet_bind_fn *bind);

/* The address with the port that the socket really has. Own memory; NULL: none. */
char *hark_inet_listener_address(int fd, const struct hark_address *address);

#endif
