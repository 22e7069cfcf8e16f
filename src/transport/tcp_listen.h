/* SPDX-License-Identifier: MIT */
#ifndef HARK_TRANSPORT_TCP_LISTEN_H
#define HARK_TRANSPORT_TCP_LISTEN_H

/*
 * A socket that listens at the first of a host's addresses that can be had. [::] is IPv6 and
 * nothing else, so that an address means what it says; `*` is one IPv6 socket that takes IPv4 as
 * well, or an IPv4 socket where there is no IPv6.
 */

#include "transport/address.h"

/*
 * Returns the descriptor. May block in the resolver.
 * -EPERM: it reaches beyond this machine, and the address is not open; -ENOENT: no such host;
 * -EADDRINUSE, -EADDRNOTAVAIL, -EACCES, ... of bind(2).
 */
int hark_tcp_listen(const struct hark_address *address);

#endif
