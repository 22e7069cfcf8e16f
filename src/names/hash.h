/* SPDX-License-Identifier: MIT */
#ifndef HARK_NAMES_HASH_H
#define HARK_NAMES_HASH_H

/*
 * SipHash-1-3 (Aumasson and Bernstein, 2012): a hash whose collisions nobody can prepare who does
 * not know the key. Peers choose the tokens that we put into a table.
 */

#include <stddef.h>
#include <stdint.h>

struct hark_hash_key {
        uint64_t low, high;
};

/* A key that other processes do not know. */
struct hark_hash_key hark_hash_key_new(void);

uint64_t hark_hash(const struct hark_hash_key *key, const void *data, size_t size);

#endif
