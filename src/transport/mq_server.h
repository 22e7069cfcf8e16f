/* SPDX-License-Identifier: MIT */
#ifndef HARK_TRANSPORT_MQ_SERVER_H
#define HARK_TRANSPORT_MQ_SERVER_H

/*
 * The server's side of mq:. One queue takes from all clients: each message is handed to the
 * connection whose number it has. The queue stays as long as there are connections, also when its
 * listener has gone, and its name with that.
 */

#include "transport/mq_port.h"

/* Of an OPEN: this number, then the name of the client's queue without a NUL. */
#define HARK_MQ_NONCE 16

/* Bytes of the name of a server's queue: behind it there is room for the number of a client's. */
#define HARK_MQ_SERVER_NAME 240

/* As many messages as this in a row may have been all for which there was room. */
#define HARK_MQ_FULL 2

int hark_mq_listen(hark_loop *loop, const struct hark_address *address,
                   struct hark_listener **ret_listener);
void hark_mq_close_listener(struct hark_listener *base);

#endif
