/* SPDX-License-Identifier: MIT */
#ifndef HARK_TRANSPORT_SINGLE_H
#define HARK_TRANSPORT_SINGLE_H

/* A listener that yields one port, which is there from the beginning, and never another. */

#include "transport/transport.h"

/* Takes over the text of its address, which may be NULL. NULL: no memory. */
struct hark_listener *hark_single_new(hark_loop *loop, const struct hark_transport_ops *transport,
                                      char *address);

/* Takes over the port, which is yielded by the loop. */
void hark_single_yield(struct hark_listener *listener, struct hark_port *port);

/* The close_listener of struct hark_transport_ops. */
void hark_single_close(struct hark_listener *listener);

#endif
