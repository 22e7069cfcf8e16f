/* SPDX-License-Identifier: MIT */
#ifndef HARK_TRANSPORT_UDP_SOCKET_H
#define HARK_TRANSPORT_UDP_SOCKET_H

/*
 * Sockets of UDP, udp(7): datagrams that are never cut on the way (RFC 1191, RFC 8201), to and from
 * whoever it is, and what the network has to say of those that did not arrive.
 */

#include <netdb.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "transport/inet_address.h"

/* Bytes of a datagram: between processes of one machine; where nothing is known of the way but that
 * it carries IPv6 (RFC 8200), less what IP, UDP and tunnels put in front; and that it carries IPv4
 * (RFC 791), less the same. */
#define HARK_UDP_LOOPBACK 8192
#define HARK_UDP_COMMON   1200
#define HARK_UDP_LEAST    512

/* Who is at the other end; and for a socket that is bound to every address of this machine, at
 * which of them: what answers has to come from there. */
struct hark_udp_path {
        union hark_inet_name peer;
        struct in6_addr local; /* of an IPv4 socket, in the last four bytes */
        bool has_local;
};

/* Makes a socket that is bound to this address; hark_inet_bind_fn(). Where connections of this user
 * are left of a server that listened there, it joins them: then it has to be claimed. */
int hark_udp_bind(const struct addrinfo *info, bool is_v6_only);

/* Says that fd listens, for as long as *ret_claim is open, which may be -1. 0; -EADDRINUSE: another
 * one does. */
int hark_udp_claim(int fd, int *ret_claim);

/* Makes a socket that is bound where this one is, and talks to the peer of the path and nobody else.
 * What he sends comes there from then on. Returns it, or -errno. */
int hark_udp_split(int fd, const struct hark_udp_path *path);

/* Makes a socket that talks to this address and nobody else. Returns it, or -errno. */
int hark_udp_connect(const struct addrinfo *info);

/*
 * Closes a socket that talks to somebody. A process that was forked may have it still: so it is left
 * talking to nobody but itself, or it would swallow what whoever has that address next sends.
 * Takes -1.
 */
void hark_udp_close(int fd);

/* to: NULL: whom the socket is connected to. 0: it has left, or was lost at once, which nobody can tell from later; -EMSGSIZE: the way carries
 * less; -EAGAIN: no room. */
int hark_udp_send(int fd, const struct hark_udp_path *to, const struct iovec *iov, unsigned n_iov);

/* Returns the bytes of a datagram, cut to size; -EAGAIN: there is none; -EINTR: try again: of an
 * error of another datagram, say. */
ssize_t hark_udp_receive(int fd, void *bytes, size_t size, struct hark_udp_path *ret_from);

/* Takes one report of a datagram that did not arrive. Returns how many of its bytes are told, 0 too,
 * *ret_error being an errno; -EAGAIN: there is none. */
ssize_t hark_udp_receive_error(int fd, void *bytes, size_t size, int *ret_error);

/* Whether they name the same host and port. */
bool hark_udp_is_same(const union hark_inet_name *a, const union hark_inet_name *b);

#endif
