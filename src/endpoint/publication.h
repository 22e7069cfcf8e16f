/* SPDX-License-Identifier: MIT */
#ifndef HARK_ENDPOINT_PUBLICATION_H
#define HARK_ENDPOINT_PUBLICATION_H

/* What a client publishes through its server: it waits for its turn as a request does, is judged by
 * on_publication, and passed on to the server's topics. */

#include "endpoint/peer.h"

/* publish or withdrawn has come. Takes over the message. */
void hark_peer_take_publication(hark_peer *peer, struct hark_received *received);

#endif
