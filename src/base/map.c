/* SPDX-License-Identifier: MIT */

/*
 * Buckets of singly-linked chains. The table doubles when there are more nodes than buckets, and
 * never shrinks: who held many of something will again. A map of a few nodes, as most are, has no
 * table at all.
 *
 * Not hardened against keys chosen to collide: every map's nodes are bounded by a limit, and a walk
 * over that many is what an attacker can cause.
 */

#include "base/map.h"

#include <assert.h>
#include <stdlib.h>

#define FEW           4  /* nodes in one chain before there is a table */
#define FIRST_BUCKETS 16 /* a power of two */

/* 2^64 divided by the golden ratio: spreads consecutive keys, which ids are, evenly. */
#define HASH_FACTOR 0x9E3779B97F4A7C15u

static struct hark_map_node **find_bucket(struct hark_map_node **buckets, size_t n_buckets,
                                          uint64_t key)
{
        uint64_t hash = key * HASH_FACTOR;

        return &buckets[(hash >> 32) & (n_buckets - 1)];
}

/* The link that points at the key's chain. */
static struct hark_map_node **find_chain(struct hark_map *map, uint64_t key)
{
        return map->buckets == NULL ? &map->few : find_bucket(map->buckets, map->n_buckets, key);
}

static void push_node(struct hark_map_node **chain, struct hark_map_node *node)
{
        node->next = *chain;
        *chain = node;
}

static void move_chain(struct hark_map_node *chain, struct hark_map_node **buckets,
                       size_t n_buckets)
{
        while (chain != NULL) {
                struct hark_map_node *node = chain;

                chain = node->next;
                push_node(find_bucket(buckets, n_buckets, node->key), node);
        }
}

static void grow(struct hark_map *map)
{
        size_t n_buckets = map->n_buckets > 0 ? map->n_buckets * 2 : FIRST_BUCKETS;
        struct hark_map_node **buckets = calloc(n_buckets, sizeof(*buckets));

        if (buckets == NULL)
                return; /* longer chains until there is memory again */
        move_chain(map->few, buckets, n_buckets);
        for (size_t i = 0; i < map->n_buckets; i++)
                move_chain(map->buckets[i], buckets, n_buckets);
        free(map->buckets);
        map->few = NULL;
        map->buckets = buckets;
        map->n_buckets = n_buckets;
}

void hark_map_done(struct hark_map *map)
{
        free(map->buckets);
        *map = (struct hark_map)HARK_MAP_INIT;
}

void hark_map_add(struct hark_map *map, struct hark_map_node *node, uint64_t key)
{
        assert(hark_map_find(map, key) == NULL);
        if (map->n_nodes >= (map->n_buckets > 0 ? map->n_buckets : FEW))
                grow(map);
        node->key = key;
        push_node(find_chain(map, key), node);
        map->n_nodes++;
}

struct hark_map_node *hark_map_find(const struct hark_map *map, uint64_t key)
{
        struct hark_map_node *node = map->few;

        if (map->buckets != NULL)
                node = *find_bucket(map->buckets, map->n_buckets, key);
        while (node != NULL && node->key != key)
                node = node->next;
        return node;
}

void hark_map_remove(struct hark_map *map, struct hark_map_node *node)
{
        struct hark_map_node **link = find_chain(map, node->key);

        while (*link != node) {
                assert(*link != NULL);
                link = &(*link)->next;
        }
        *link = node->next;
        node->next = NULL;
        map->n_nodes--;
}

struct hark_map_node *hark_map_any(const struct hark_map *map)
{
        if (map->n_nodes == 0)
                return NULL;
        if (map->buckets == NULL)
                return map->few;
        for (size_t i = 0; i < map->n_buckets; i++)
                if (map->buckets[i] != NULL)
                        return map->buckets[i];
        return NULL;
}
