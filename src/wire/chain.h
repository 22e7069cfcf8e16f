/* SPDX-License-Identifier: MIT */
#ifndef HARK_WIRE_CHAIN_H
#define HARK_WIRE_CHAIN_H

/*
 * The chain of calls that a request ends, from the first asker to the one who sends it. Pure.
 *
 *         u64 number | hop | hop | ... at most 16
 *         hop: u64 instance | u8 flags (1: waits) | u8 name size | name, at most 32 bytes
 *
 * The number names the chain: each request of it has the same.
 */

#include "wire/frame.h"

#define HARK_CHAIN_HOPS     16
#define HARK_CHAIN_NAME_MAX 32
#define HARK_CHAIN_HEAD     8
#define HARK_CHAIN_HOP_HEAD 10
#define HARK_CHAIN_MAX \
        (HARK_CHAIN_HEAD + HARK_CHAIN_HOPS * (HARK_CHAIN_HOP_HEAD + HARK_CHAIN_NAME_MAX))

/* One who asked. */
struct hark_hop {
        uint64_t instance; /* 0: did not say */
        bool waits;        /* and runs no handler meanwhile */
        struct hark_span name;
};

struct hark_chain {
        size_t size;
        uint8_t bytes[HARK_CHAIN_MAX];
};

/* What is wrong with these bytes, as a static text; NULL: nothing. More than 16 hops are not wrong,
 * only too many. */
const char *hark_chain_check(struct hark_span bytes);

/* The number of the chain that begins with this request: its asker's instance, and its id. */
static inline uint64_t hark_chain_first_number(uint64_t instance, uint32_t id)
{
        return instance ^ id;
}

/* Of what hark_chain_check() has passed. */
uint64_t hark_chain_number(struct hark_span bytes);

/* All that a chain has to say. false: it is longer than any may be. */
bool hark_chain_copy(struct hark_chain *chain, struct hark_span bytes);

void hark_chain_begin(struct hark_chain *chain, uint64_t number);

/* A name that is too long is cut. false: it has 16 already. */
bool hark_chain_add(struct hark_chain *chain, const struct hark_hop *hop);

/* The hops of a chain, to be taken off one by one. */
struct hark_span hark_chain_hops(struct hark_span bytes);
/* false: that was the last. */
bool hark_chain_next(struct hark_span *hops, struct hark_hop *ret_hop);

/* Whether this instance waits in the chain. */
bool hark_chain_has_waiting(struct hark_span bytes, uint64_t instance);

/* "a -> b -> a": from where the instance first is to the end, and back. text has room for
 * HARK_CHAIN_TEXT_MAX. */
#define HARK_CHAIN_TEXT_MAX ((HARK_CHAIN_HOPS + 1) * (HARK_CHAIN_NAME_MAX + 4) + 1)
void hark_chain_describe(struct hark_span bytes, uint64_t instance, char *text);

static inline struct hark_span hark_chain_span(const struct hark_chain *chain)
{
        return (struct hark_span){chain->bytes, chain->size};
}

#endif
