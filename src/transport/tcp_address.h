/* SPDX-License-Identifier: MIT */
#ifndef HARK_TRANSPORT_TCP_ADDRESS_H
#define HARK_TRANSPORT_TCP_ADDRESS_H

/*
 * HOST:PORT, and what the resolver makes of it. A HOST is
 *
 *         localhost      a name: the resolver is asked, which blocks
 *         127.0.0.1      an IPv4 address, all four numbers
 *         [::1]          an IPv6 address; with a zone: [fe80::1%25eth0]
 *         *              every address of this machine to a listener, this machine to a client
 */

#include <netdb.h>

#include "transport/address.h"

/* The parse of struct hark_transport_ops. */
int hark_tcp_parse(struct hark_address *address, const char *body, size_t body_size, char *why,
                   size_t why_size);

bool hark_tcp_is_any(const struct hark_address *address);

/* getaddrinfo(3) with more hints. Returns 0, with the list the caller's; not_found, which is an
 * -errno: there is no such host, or nobody can tell; -ENOMEM. */
int hark_tcp_resolve(const struct hark_address *address, struct addrinfo hints, int not_found,
                     struct addrinfo **ret_addresses);

#endif
