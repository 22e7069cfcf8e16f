/* SPDX-License-Identifier: MIT */

/* See udp_opening.h. */

#include "transport/udp_opening.h"

#include <string.h>

#include "base/bytes.h"

void hark_udp_opening_encode(const struct hark_udp_opening *opening, uint8_t kind,
                             uint64_t connection, uint8_t *packet, size_t size)
{
        struct hark_chunk chunk = {.kind = kind,
                                   .size = (uint16_t)(size - HARK_CHUNK_HEADER),
                                   .connection = connection};

        memset(packet, 0, size);
        hark_chunk_encode(&chunk, packet);
        hark_store64(packet + HARK_CHUNK_HEADER, opening->nonce);
        hark_store64(packet + HARK_CHUNK_HEADER + 8, opening->cookie);
}

bool hark_udp_opening_decode(const struct hark_chunk *chunk, const uint8_t *bytes,
                             struct hark_udp_opening *ret_opening)
{
        if (chunk->size < HARK_UDP_OPENING)
                return false;
        ret_opening->nonce = hark_load64(bytes);
        ret_opening->cookie = hark_load64(bytes + 8);
        return true;
}

void hark_udp_opening_key(const union hark_inet_name *client, uint64_t nonce,
                          uint8_t ret_key[HARK_UDP_OPENING_KEY])
{
        memset(ret_key, 0, HARK_UDP_OPENING_KEY);
        if (client->any.sa_family == AF_INET6)
                memcpy(ret_key, &client->in6.sin6_addr, 16);
        else
                memcpy(ret_key, &client->in.sin_addr, 4);
        hark_store16(ret_key + 16, client->any.sa_family);
        memcpy(ret_key + 18, &client->in.sin_port, 2); /* sin6_port lies there, too */
        hark_store64(ret_key + 20, nonce);
}
