/* SPDX-License-Identifier: MIT */
#ifndef HARK_NAMES_TREE_H
#define HARK_NAMES_TREE_H

/*
 * A tree of filters: finds all that match a name without looking at the others.
 *
 * One node per token of a filter; a child is found by hash of (parent, token), so that a walk costs
 * what the name is long, and what wildcards stand on its way, however many filters there are.
 * Methods, topics and rules use the same tree.
 *
 * Entries of one filter are visited in the order they were added. Equal filters share a node.
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/list.h"

struct hark_tree;
struct hark_tree_node;

/* Embedded in what is found. */
struct hark_tree_entry {
        struct hark_list link;
        struct hark_tree_node *node; /* NULL: in no tree */
};

struct hark_tree *hark_tree_new(void); /* NULL: no memory */
/* Frees the tree, NULL too; entries still in it are let go of (node = NULL). */
void hark_tree_free(struct hark_tree *tree);

/* filter is valid. 0; -ENOMEM. */
int hark_tree_add(struct hark_tree *tree, struct hark_tree_entry *entry, const char *filter,
                  size_t size);

/* Takes one that is in no tree, too; nodes that hold nothing any more go. */
void hark_tree_remove(struct hark_tree *tree, struct hark_tree_entry *entry);

/* Calls visit for every entry whose filter matches name (valid), the most specific filter first
 * (see hark_tree_best()), until one returns false; visit must not change the tree. name may be a
 * filter, too: then for every entry whose filter covers it (hark_filter_covers()). Returns whether
 * it walked to the end. */
bool hark_tree_visit(const struct hark_tree *tree, const char *name, size_t size,
                     bool (*visit)(struct hark_tree_entry *entry, void *userdata), void *userdata);

/* The entry of the most specific filter that matches: token by token from the left, a word beats
 * `*`, `*` beats `>`. NULL: none. */
struct hark_tree_entry *hark_tree_best(const struct hark_tree *tree, const char *name, size_t size);

/* The first entry of exactly this filter. NULL: none. */
struct hark_tree_entry *hark_tree_find(const struct hark_tree *tree, const char *filter,
                                       size_t size);

/* How many nodes the filters take. */
size_t hark_tree_n_nodes(const struct hark_tree *tree);

#endif
