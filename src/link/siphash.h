/* SPDX-License-Identifier: MIT */
#ifndef HARK_LINK_SIPHASH_H
#define HARK_LINK_SIPHASH_H

/* SipHash-2-4, of Aumasson and Bernstein: whoever does not know the key can neither foretell what
 * it gives nor make two things that give the same. */

#include <stddef.h>
#include <stdint.h>

#define HARK_SIPHASH_KEY 16

uint64_t hark_siphash(const uint8_t key[HARK_SIPHASH_KEY], const void *bytes, size_t size);

#endif
