/* SPDX-License-Identifier: MIT */
#ifndef HARK_TRANSPORT_MULTICAST_SOCKET_H
#define HARK_TRANSPORT_MULTICAST_SOCKET_H

/*
 * Multicast groups, ip(7) and ipv6(7), and the sockets that send to one or hear it.
 *
 * A group is not told apart by its address alone, but by the interface, too: the same number on two
 * of them is two groups. If none is named, it is that of the loopback interface, which nobody
 * outside this machine hears.
 */

#include <stdbool.h>

#include "transport/inet_address.h"

struct hark_multicast_group {
        union hark_inet_name name;
        unsigned interface; /* its index */
        bool is_local;      /* nobody outside this machine hears it */
};

/* Whether the address is written as a number, and that is a group's. */
bool hark_multicast_is_group(const struct hark_address *address);

/* 0; -ENODEV: there is no such interface; -EMFILE, -ENFILE, -ENOMEM: no means to ask. */
int hark_multicast_find(const struct hark_address *address, struct hark_multicast_group *ret_group);

/* Make a socket that sends to the group, and one that hears it, as others on this machine may. What
 * is sent is heard on this machine, too, and leaves its network only if somebody carries it on.
 * Return it, or -errno: -ENETUNREACH: there is no route. */
int hark_multicast_open_sender(const struct hark_multicast_group *group);
int hark_multicast_open_receiver(const struct hark_multicast_group *group);

#endif
