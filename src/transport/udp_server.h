/* SPDX-License-Identifier: MIT */
#ifndef HARK_TRANSPORT_UDP_SERVER_H
#define HARK_TRANSPORT_UDP_SERVER_H

/*
 * The server's side of udp:. One socket takes whoever opens a connection, which then has a socket of
 * its own, connected to its client: what one does not read takes no room from another, and what
 * comes from him nobody else has to look at. All are bound to the one address.
 */

#include "transport/transport.h"

/* The listen and close_listener of struct hark_transport_ops. */
int hark_udp_listen(hark_loop *loop, const struct hark_address *address,
                    struct hark_listener **ret_listener);
void hark_udp_close_listener(struct hark_listener *base);

#endif
