/* SPDX-License-Identifier: MIT */
#ifndef HARK_TRANSPORT_INHERITED_H
#define HARK_TRANSPORT_INHERITED_H

/*
 * Listening sockets that somebody else has made, and what makes listeners of them: inherited.c
 * finds them, and the transport of their family takes them.
 */

#include "transport/transport.h"

/*
 * A listener of a socket that listens already, of that transport. Takes fd over if it succeeds. Nothing of the socket
 * is removed when the listener is closed: it is not ours. address: its options count, its body does
 * not.
 * 0; -EOPNOTSUPP: the socket has no name; -EPERM: it reaches beyond this machine, and the address
 * is not open; -ENOMEM, or what epoll_ctl(2) said.
 */
int hark_unix_adopt(hark_loop *loop, const struct hark_transport_ops *transport,
                    const struct hark_address *address, int fd,
                    struct hark_listener **ret_listener);
int hark_tcp_adopt(hark_loop *loop, const struct hark_address *address, int fd,
                   struct hark_listener **ret_listener);

#endif
