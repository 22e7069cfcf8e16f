/* SPDX-License-Identifier: MIT */
#ifndef HARK_LINK_COOKIE_H
#define HARK_LINK_COOKIE_H

/*
 * What a server gives to whoever wants a connection, and wants to see again: only who gets what is
 * sent to his address can have it. The server keeps nothing for that: a cookie is made from the
 * address, what the client has sent, the time and a key, and can be made again to be compared.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "link/siphash.h"

#define HARK_COOKIE_SLOT_NS (8 * 1000000000ull) /* it is good for one to two of these */

struct hark_cookie_key {
        uint8_t bytes[HARK_SIPHASH_KEY]; /* random */
};

/* Never 0. what: the address and all else that the cookie is for. */
uint64_t hark_cookie_make(const struct hark_cookie_key *key, const void *what, size_t size,
                          uint64_t now_ns);

bool hark_cookie_is_good(const struct hark_cookie_key *key, const void *what, size_t size,
                         uint64_t now_ns, uint64_t cookie);

#endif
