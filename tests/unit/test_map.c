/* SPDX-License-Identifier: MIT */

#include "fixture.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/map.h"

#define N_NODES 1000

static struct hark_map_node nodes[N_NODES];

/* Spread, close together, and equal in their low bits. */
static uint64_t key_of(size_t i)
{
        return i % 3 == 0 ? i : i % 3 == 1 ? (uint64_t)i << 32 : UINT64_MAX - i;
}

static void fill(struct hark_map *map)
{
        for (size_t i = 0; i < N_NODES; i++)
                hark_map_add(map, &nodes[i], key_of(i));
}

START_TEST(finds_what_was_added_and_nothing_else)
{
        struct hark_map map = HARK_MAP_INIT;

        ck_assert_ptr_null(hark_map_find(&map, 0));
        for (size_t i = 0; i < N_NODES; i++) {
                ck_assert_ptr_null(hark_map_find(&map, key_of(i)));
                hark_map_add(&map, &nodes[i], key_of(i));
                for (size_t j = 0; j <= i; j++)
                        ck_assert_ptr_eq(hark_map_find(&map, key_of(j)), &nodes[j]);
        }
        ck_assert_uint_eq(map.n_nodes, N_NODES);
        hark_map_done(&map);
}
END_TEST

START_TEST(forgets_what_was_removed_and_nothing_else)
{
        struct hark_map map = HARK_MAP_INIT;

        fill(&map);
        for (size_t i = 0; i < N_NODES; i += 2)
                hark_map_remove(&map, &nodes[i]);
        for (size_t i = 0; i < N_NODES; i++)
                ck_assert_ptr_eq(hark_map_find(&map, key_of(i)), i % 2 == 0 ? NULL : &nodes[i]);
        hark_map_done(&map);
}
END_TEST

START_TEST(is_emptied_by_removing_any)
{
        struct hark_map map = HARK_MAP_INIT;
        struct hark_map_node *node;
        size_t n = 0;

        fill(&map);
        while ((node = hark_map_any(&map)) != NULL) {
                hark_map_remove(&map, node);
                n++;
        }
        ck_assert_uint_eq(n, N_NODES);
        hark_map_done(&map);
}
END_TEST

START_TEST(needs_no_memory_for_a_few)
{
        struct hark_map map = HARK_MAP_INIT;

        for (size_t i = 0; i < 4; i++)
                hark_map_add(&map, &nodes[i], i);
        ck_assert_ptr_null(map.buckets);
        ck_assert_ptr_eq(hark_map_find(&map, 3), &nodes[3]);
        ck_assert_ptr_nonnull(hark_map_any(&map));
}
END_TEST

START_TEST(spreads_consecutive_keys)
{
        struct hark_map map = HARK_MAP_INIT;
        size_t n_used = 0;

        for (size_t i = 0; i < N_NODES; i++)
                hark_map_add(&map, &nodes[i], i + 1);
        for (size_t i = 0; i < map.n_buckets; i++)
                n_used += map.buckets[i] != NULL;
        ck_assert_uint_gt(n_used, N_NODES / 2);
        hark_map_done(&map);
}
END_TEST

FIXTURE_MAIN("map", finds_what_was_added_and_nothing_else,
             forgets_what_was_removed_and_nothing_else, is_emptied_by_removing_any,
             needs_no_memory_for_a_few, spreads_consecutive_keys)
