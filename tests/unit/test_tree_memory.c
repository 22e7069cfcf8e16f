/* SPDX-License-Identifier: MIT */

/* The tree when memory runs out: compiled here a second time, with an allocator that fails. */

#include "fixture.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool is_failing;      /* every allocation from some point on fails */
static unsigned n_remaining; /* allocations that still succeed then */

static bool may_allocate(void)
{
        if (is_failing && n_remaining == 0)
                return false;
        n_remaining--;
        return true;
}

static void *test_malloc(size_t size)
{
        return may_allocate() ? malloc(size) : NULL;
}

static void *test_calloc(size_t n, size_t size)
{
        return may_allocate() ? calloc(n, size) : NULL;
}

#define malloc(size)    test_malloc(size)
#define calloc(n, size) test_calloc(n, size)
#include "names/tree.c"
#undef malloc
#undef calloc

static void fail_after(unsigned n_allocations)
{
        is_failing = true;
        n_remaining = n_allocations;
}

START_TEST(a_tree_is_made_whole_or_not_at_all)
{
        struct hark_tree *tree = NULL;
        unsigned n_failures = 0;

        while (!tree) {
                fail_after(n_failures);
                tree = hark_tree_new();
                n_failures += !tree;
        }
        ck_assert_uint_eq(n_failures, 3);
        is_failing = false;
        hark_tree_free(tree);
}
END_TEST

START_TEST(what_cannot_be_added_leaves_nothing_behind)
{
        struct hark_tree *tree = hark_tree_new();
        struct hark_tree_entry old = {0}, new = {0};
        unsigned n_failures = 0;
        int r = -ENOMEM;

        ck_assert_int_eq(hark_tree_add(tree, &old, "a.b", 3), 0);
        while (r == -ENOMEM) {
                fail_after(n_failures);
                r = hark_tree_add(tree, &new, "a.*.c.>", 7);
                is_failing = false;
                if (r == 0)
                        break;
                n_failures++;
                ck_assert_ptr_null(new.node);
                ck_assert_uint_eq(hark_tree_n_nodes(tree), 2);
                ck_assert_ptr_eq(hark_tree_best(tree, "a.b", 3), &old);
                ck_assert_ptr_null(hark_tree_best(tree, "a.b.c.d", 7));
        }
        ck_assert_int_eq(r, 0);
        ck_assert_uint_eq(n_failures, 3);
        ck_assert_ptr_eq(hark_tree_best(tree, "a.b.c.d", 7), &new);
        hark_tree_free(tree);
}
END_TEST

/* Only the first allocation succeeds, which is the node's: the table that should grow does not. */
static int add_without_growing(struct hark_tree *tree, struct hark_tree_entry *entry,
                               const char *filter)
{
        int r;

        fail_after(1);
        r = hark_tree_add(tree, entry, filter, strlen(filter));
        is_failing = false;
        return r;
}

START_TEST(a_table_that_cannot_grow_or_shrink_still_finds_all)
{
        static struct hark_tree_entry entries[200], one_more;
        struct hark_tree *tree = hark_tree_new();
        char filter[] = "aa";

        for (unsigned i = 0; i < 200; i++) {
                filter[0] = (char)('a' + i / 20);
                filter[1] = (char)('a' + i % 20);
                ck_assert_int_eq(add_without_growing(tree, &entries[i], filter), 0);
        }
        ck_assert_uint_eq(tree->n_buckets, N_BUCKETS_MIN);
        for (unsigned i = 0; i < 200; i++) {
                filter[0] = (char)('a' + i / 20);
                filter[1] = (char)('a' + i % 20);
                ck_assert_ptr_eq(hark_tree_best(tree, filter, 2), &entries[i]);
        }
        ck_assert_int_eq(hark_tree_add(tree, &one_more, "more", 4), 0);
        ck_assert_uint_eq(tree->n_buckets, 2 * N_BUCKETS_MIN);
        fail_after(0);
        for (unsigned i = 0; i < 200; i++)
                hark_tree_remove(tree, &entries[i]);
        ck_assert_uint_eq(hark_tree_n_nodes(tree), 1);
        ck_assert_uint_eq(tree->n_buckets, 2 * N_BUCKETS_MIN);
        is_failing = false;
        hark_tree_free(tree);
}
END_TEST

FIXTURE_MAIN("tree_memory", a_tree_is_made_whole_or_not_at_all,
             what_cannot_be_added_leaves_nothing_behind,
             a_table_that_cannot_grow_or_shrink_still_finds_all)
