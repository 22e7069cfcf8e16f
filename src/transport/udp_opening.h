/* SPDX-License-Identifier: MIT */
#ifndef HARK_TRANSPORT_UDP_OPENING_H
#define HARK_TRANSPORT_UDP_OPENING_H

/*
 * How a connection over UDP begins:
 *
 *         client                                            server
 *         OPEN    nonce, padded         -->                 keeps nothing
 *                                       <--  COOKIE  nonce, cookie
 *         OPEN    nonce, cookie, padded -->                 makes the connection
 *                                       <--  ACCEPT  nonce, padded; the connection's number
 *
 * Who has the cookie gets what is sent to the address that he says is his: so nobody can have a
 * server keep something, or send more than it was sent, in another's name. Who has the connection's
 * number was told it: so nobody else can speak on it, if he does not see what is sent.
 *
 * Both are padded to the size of datagrams on the connection, which so has been shown to pass, both
 * ways. The client repeats what is not answered, then in smaller datagrams; a connection that was
 * made already is accepted again.
 */

#include <stddef.h>
#include <stdint.h>

#include "link/chunk.h"
#include "link/cookie.h"
#include "transport/udp_socket.h"

/* A payload of all these chunks: nonce u64 | cookie u64, 0: none | zeros. */
struct hark_udp_opening {
        uint64_t nonce, cookie;
};

#define HARK_UDP_OPENING 16 /* bytes, without the padding */

/* Writes a datagram: the header, with the connection, and this, padded to size bytes in all. */
void hark_udp_opening_encode(const struct hark_udp_opening *opening, uint8_t kind,
                             uint64_t connection, uint8_t *packet, size_t size);

/* false: the chunk is too small. */
bool hark_udp_opening_decode(const struct hark_chunk *chunk, const uint8_t *bytes,
                             struct hark_udp_opening *ret_opening);

/* What a server makes its cookies of, and remembers an opening by. */
#define HARK_UDP_OPENING_KEY (16 + 2 + 2 + 8)
void hark_udp_opening_key(const union hark_inet_name *client, uint64_t nonce,
                          uint8_t ret_key[HARK_UDP_OPENING_KEY]);

#endif
