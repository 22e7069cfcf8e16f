/* SPDX-License-Identifier: MIT */

/* See chain.h. */

#include "wire/chain.h"

#include <string.h>

#include "base/bytes.h"

#define HOP_WAITS 1

static size_t count_hops(struct hark_span bytes)
{
        struct hark_span hops = hark_chain_hops(bytes);
        struct hark_hop hop;
        size_t n = 0;

        while (hark_chain_next(&hops, &hop))
                n++;
        return n;
}

struct hark_span hark_chain_hops(struct hark_span bytes)
{
        return (struct hark_span){bytes.bytes + HARK_CHAIN_HEAD, bytes.size - HARK_CHAIN_HEAD};
}

bool hark_chain_next(struct hark_span *hops, struct hark_hop *ret_hop)
{
        const uint8_t *bytes = hops->bytes;
        size_t size;

        if (hops->size < HARK_CHAIN_HOP_HEAD)
                return false;
        size = HARK_CHAIN_HOP_HEAD + (size_t)bytes[9];
        if (size > hops->size)
                return false;
        ret_hop->instance = hark_load64(bytes);
        ret_hop->waits = bytes[8] & HOP_WAITS;
        ret_hop->name = (struct hark_span){bytes + HARK_CHAIN_HOP_HEAD, bytes[9]};
        hops->bytes += size;
        hops->size -= size;
        return true;
}

const char *hark_chain_check(struct hark_span bytes)
{
        struct hark_span hops;
        struct hark_hop hop;

        if (bytes.size < HARK_CHAIN_HEAD)
                return "a call chain of less than 8 bytes";
        hops = hark_chain_hops(bytes);
        while (hark_chain_next(&hops, &hop))
                if (hop.name.size > HARK_CHAIN_NAME_MAX)
                        return "a name of more than 32 bytes in a call chain";
        return hops.size > 0 ? "a call chain that is cut short" : NULL;
}

uint64_t hark_chain_number(struct hark_span bytes)
{
        return hark_load64(bytes.bytes);
}

bool hark_chain_copy(struct hark_chain *chain, struct hark_span bytes)
{
        if (bytes.size > sizeof(chain->bytes) || count_hops(bytes) > HARK_CHAIN_HOPS)
                return false;
        memcpy(chain->bytes, bytes.bytes, bytes.size);
        chain->size = bytes.size;
        return true;
}

void hark_chain_begin(struct hark_chain *chain, uint64_t number)
{
        hark_store64(chain->bytes, number);
        chain->size = HARK_CHAIN_HEAD;
}

bool hark_chain_add(struct hark_chain *chain, const struct hark_hop *hop)
{
        uint8_t *bytes = chain->bytes + chain->size;
        size_t name_size = hop->name.size;

        if (count_hops(hark_chain_span(chain)) >= HARK_CHAIN_HOPS)
                return false;
        if (name_size > HARK_CHAIN_NAME_MAX)
                name_size = HARK_CHAIN_NAME_MAX;
        hark_store64(bytes, hop->instance);
        bytes[8] = hop->waits ? HOP_WAITS : 0;
        bytes[9] = (uint8_t)name_size;
        if (name_size > 0)
                memcpy(bytes + HARK_CHAIN_HOP_HEAD, hop->name.bytes, name_size);
        chain->size += HARK_CHAIN_HOP_HEAD + name_size;
        return true;
}

bool hark_chain_has_waiting(struct hark_span bytes, uint64_t instance)
{
        struct hark_span hops = hark_chain_hops(bytes);
        struct hark_hop hop;

        while (instance != 0 && hark_chain_next(&hops, &hop))
                if (hop.waits && hop.instance == instance)
                        return true;
        return false;
}

static char *add_text(char *end, const void *text, size_t size)
{
        memcpy(end, text, size);
        return end + size;
}

static char *add_name(char *end, struct hark_span name)
{
        return name.size > 0 ? add_text(end, name.bytes, name.size) : add_text(end, "?", 1);
}

void hark_chain_describe(struct hark_span bytes, uint64_t instance, char *text)
{
        struct hark_span hops = hark_chain_hops(bytes), first = {NULL, 0};
        struct hark_hop hop;
        char *end = text;

        while (hark_chain_next(&hops, &hop)) {
                if (end == text && hop.instance != instance)
                        continue;
                if (end == text)
                        first = hop.name;
                end = add_name(end, hop.name);
                end = add_text(end, " -> ", 4);
        }
        end = add_name(end, first);
        *end = '\0';
}
