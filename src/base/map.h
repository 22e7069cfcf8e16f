/* SPDX-License-Identifier: MIT */
#ifndef HARK_BASE_MAP_H
#define HARK_BASE_MAP_H

/*
 * Intrusive hash map from a 64-bit key: the node lies in what is found, so that adding cannot fail.
 *
 * The table of buckets grows with what is in it; when there is no memory to grow, the chains get
 * longer and nothing else happens. Keys are unique: adding one that is there is the caller's bug.
 */

#include <stddef.h>
#include <stdint.h>

struct hark_map_node {
        struct hark_map_node *next; /* of the same bucket */
        uint64_t key;
};

struct hark_map {
        struct hark_map_node **buckets; /* NULL while empty: then `few` is the only bucket */
        struct hark_map_node *few;
        size_t n_buckets; /* a power of two */
        size_t n_nodes;
};

#define HARK_MAP_INIT \
        {             \
                0     \
        }

/* Frees the buckets; the map must be empty of nodes that still matter to the caller. */
void hark_map_done(struct hark_map *map);

void hark_map_add(struct hark_map *map, struct hark_map_node *node, uint64_t key);

/* NULL if there is none. */
struct hark_map_node *hark_map_find(const struct hark_map *map, uint64_t key);

/* The node must be in the map. */
void hark_map_remove(struct hark_map *map, struct hark_map_node *node);

/* Any node, NULL if there is none: to empty a map, remove what this gives until it gives NULL. */
struct hark_map_node *hark_map_any(const struct hark_map *map);

#endif
