/* SPDX-License-Identifier: MIT */
#ifndef HARK_TRANSPORT_INET_ADDRESS_H
#define HARK_TRANSPORT_INET_ADDRESS_H

/*
 * HOST:PORT of whatever runs over IP, what the resolver makes of it, and the socket addresses that
 * come of that. A HOST is
 *
 *         localhost      a name: the resolver is asked, which blocks
 *         127.0.0.1      an IPv4 address, all four numbers
 *         [::1]          an IPv6 address; with a zone: [fe80::1%25eth0]
 *         *              every address of this machine to a listener, this machine to a client
 */

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "loop/loop.h"
#include "transport/address.h"

/* The parse of struct hark_transport_ops. */
int hark_inet_parse(struct hark_address *address, const char *body, size_t body_size, char *why,
                    size_t why_size);

bool hark_inet_is_any(const struct hark_address *address);

/* getaddrinfo(3) with more hints, which say for what protocol. Returns 0, with the list the
 * caller's; not_found, which is an -errno: there is no such host, or nobody can tell; -ENOMEM. */
int hark_inet_resolve(const struct hark_address *address, struct addrinfo hints, int not_found,
                      struct addrinfo **ret_addresses);

/* An IPv4 or IPv6 socket address, for all functions of socket(7) that want one. */
union hark_inet_name {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
};

/* Writes "127.0.0.1:80" or "[::1]:80" as an address has it; cut if it does not fit. */
void hark_inet_print(const union hark_inet_name *name, char *text, size_t size);

bool hark_inet_is_loopback(const union hark_inet_name *name);

/* 0: a server may listen there; -EPERM: that reaches beyond this machine, and the address does not
 * say that it is open. */
int hark_inet_check_exposure(const struct hark_address *address, const union hark_inet_name *name);

/* Says what was not allowed, and what would make it so. */
void hark_inet_log_exposure(hark_loop *loop, const char *address);

#endif
