/* SPDX-License-Identifier: MIT */
#ifndef HARK_TRANSPORT_MULTICAST_H
#define HARK_TRANSPORT_MULTICAST_H

/*
 * udp: at the address of a multicast group: notifications to all who hear it, and nothing else.
 *
 *         server    its port stands in for a client, which has subscribed to all there is
 *         client    its port stands in for a server, which answers what one can at a group: a
 *                   subscribe stands, a publish goes to the group, all else is refused
 *
 * So what is above knows nothing of it. Nobody knows who hears; whoever does, misses what he misses
 * by its number, see link/cast.h.
 */

#include "transport/transport.h"

/* As those of struct hark_transport_ops, for an address of which hark_multicast_is_group(). */
int hark_multicast_listen(hark_loop *loop, const struct hark_address *address,
                          struct hark_listener **ret_listener);
int hark_multicast_connect(hark_loop *loop, const struct hark_address *address,
                           struct hark_port **ret_port);

#endif
