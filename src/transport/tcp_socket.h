/* SPDX-License-Identifier: MIT */
#ifndef HARK_TRANSPORT_TCP_SOCKET_H
#define HARK_TRANSPORT_TCP_SOCKET_H

/*
 * What TCP sockets are set to, and what can be read off them.
 *
 * A process that dies closes its sockets, and the other side hears of it at once. A machine that
 * dies, or a cable, is silent; and silent is a process, too, that is stopped or has nothing to say.
 * They are told apart by the other side's kernel, which acknowledges and answers whatever its
 * processes do:
 *
 *         nothing is on its way     keepalive: asked after 30 s of silence, then every 10 s, given up
 *                                   after 3 questions without an answer: within a minute
 *         something is on its way   given up when it was sent again and nothing at all has come back
 *                                   for a minute; looked at every 15 s while there is such a thing
 *
 * 30 s also keeps the connection known to routers on the way, which forget it after minutes.
 *
 * TCP_USER_TIMEOUT does not do for the second: it also ends a connection whose other side answers,
 * but does not read for so long (the kernel's tcp_probe_timer()), as a process in a debugger would
 * not. Nor does what the kernel does on its own, which takes a quarter of an hour.
 */

#include <netdb.h>
#include <stdbool.h>

#define HARK_TCP_SILENCE_MS 60000
#define HARK_TCP_LOOK_MS    15000

/* A non-blocking socket of AF_INET or AF_INET6, or -errno. Small writes leave it at once, and a
 * lost machine is noticed as said above; sockets that it accepts are the same in this. */
int hark_tcp_open(int family);

/* The same, bound to an address and listening. Takes an address at which another one listened a
 * moment ago. */
int hark_tcp_listen(const struct addrinfo *info, bool is_v6_only);

/* Sets a socket that somebody else has made to the same. */
void hark_tcp_set_up(int fd);

enum hark_tcp_health {
        HARK_TCP_SETTLED, /* all that was sent has arrived */
        HARK_TCP_WAITING, /* for acknowledgements, or for the other process to read */
        HARK_TCP_SILENT   /* sent again, and not a sign of the other machine for silence_ms */
};
enum hark_tcp_health hark_tcp_look(int fd, unsigned silence_ms);

/* Whether the socket is connected to itself, as happens to who connects to a port of this machine
 * where nobody listens, and is given that very port as its own (RFC 9293, 3.5: simultaneous
 * open). */
bool hark_tcp_is_own_peer(int fd);

#endif
