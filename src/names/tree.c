/* SPDX-License-Identifier: MIT */

/*
 * The tree of filters, all of whose nodes lie in one hash table:
 *
 *         root --clock--> node --Now--> node, entries of "clock.Now"
 *                           |---*-----> node, entries of "clock.*"
 *                           '--->-----> node, entries of "clock.>"
 *
 * A node's hash is made of its parent's and its token's, so a token is hashed once for each name
 * however many nodes it is looked for under. A walk tries, from each node, the word, `*` and `>`:
 * it comes to a node at most once, because there is one path to it, and only to nodes whose path
 * matches the name so far. Of a filter, whose `*` only `*` and `>` cover and whose `>` only `>`, it
 * walks to what covers it.
 *
 * Invariants: every node but the root has entries or children; `any` and `rest` are the children
 * `*` and `>`, which are in the table like all others.
 */

#include "names/tree.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "names/hash.h"
#include "names/name.h"

#define N_BUCKETS_MIN 16

struct hark_tree_node {
        struct hark_tree_node *next;       /* of the same bucket */
        struct hark_tree_node *parent;     /* NULL: the root */
        struct hark_tree_node *any, *rest; /* NULL: no such child */
        struct hark_list entries;
        uint64_t hash; /* of the path */
        size_t n_children;
        uint8_t token_size;
        char token[];
};

struct hark_tree {
        struct hark_tree_node **buckets;
        size_t n_buckets; /* a power of two */
        size_t n_nodes;   /* without the root */
        struct hark_tree_node *root;
        struct hark_hash_key key;
};

struct token {
        const char *text;
        size_t size;
        uint64_t hash;
};

/* A name or a filter taken apart. */
struct path {
        struct token tokens[HARK_TOKENS_MAX];
        size_t n_tokens;
};

struct walk {
        const struct hark_tree *tree;
        bool (*visit)(struct hark_tree_entry *entry, void *userdata);
        void *userdata;
        struct path path;
};

static bool is_token(const struct token *token, char wildcard)
{
        return token->size == 1 && *token->text == wildcard;
}

static void split_path(const struct hark_tree *tree, const char *text, size_t size,
                       struct path *path)
{
        const char *end = text + size;
        const char *dot;

        path->n_tokens = 0;
        do {
                struct token *token = &path->tokens[path->n_tokens++];

                dot = memchr(text, '.', (size_t)(end - text));
                token->text = text;
                token->size = (size_t)((dot ? dot : end) - text);
                token->hash = hark_hash(&tree->key, text, token->size);
                text += token->size + 1;
        } while (dot);
}

/* Not symmetrical, so that a.b and b.a lie apart. */
static uint64_t hash_child(const struct hark_tree_node *parent, const struct token *token)
{
        return (parent->hash ^ token->hash) * 0x9e3779b97f4a7c15 + token->hash;
}

static struct hark_tree_node **find_bucket(const struct hark_tree *tree, uint64_t hash)
{
        return &tree->buckets[(hash >> 32) & (tree->n_buckets - 1)];
}

static bool is_child(const struct hark_tree_node *node, const struct hark_tree_node *parent,
                     const struct token *token)
{
        return node->parent == parent && node->token_size == token->size &&
               memcmp(node->token, token->text, token->size) == 0;
}

static struct hark_tree_node *find_child(const struct hark_tree *tree,
                                         const struct hark_tree_node *parent,
                                         const struct token *token)
{
        uint64_t hash = hash_child(parent, token);
        struct hark_tree_node *node = *find_bucket(tree, hash);

        while (node && (node->hash != hash || !is_child(node, parent, token)))
                node = node->next;
        return node;
}

/* Moves all nodes to a table of another size; without memory for it the old one stays. */
static void resize(struct hark_tree *tree, size_t n_buckets)
{
        struct hark_tree_node **buckets = calloc(n_buckets, sizeof(struct hark_tree_node *));
        struct hark_tree old = *tree;

        if (!buckets)
                return;
        tree->buckets = buckets;
        tree->n_buckets = n_buckets;
        for (size_t i = 0; i < old.n_buckets; i++) {
                struct hark_tree_node *node, *next;

                for (node = old.buckets[i]; node; node = next) {
                        struct hark_tree_node **bucket = find_bucket(tree, node->hash);

                        next = node->next;
                        node->next = *bucket;
                        *bucket = node;
                }
        }
        free(old.buckets);
}

static struct hark_tree_node *new_node(struct hark_tree_node *parent, const struct token *token)
{
        struct hark_tree_node *node = malloc(sizeof(*node) + token->size);

        if (!node)
                return NULL;
        *node = (struct hark_tree_node){
                .parent = parent,
                .hash = parent ? hash_child(parent, token) : token->hash,
                .token_size = (uint8_t)token->size,
        };
        hark_list_init(&node->entries);
        memcpy(node->token, token->text, token->size);
        return node;
}

/* Where a parent keeps this child besides the table; NULL: nowhere. */
static struct hark_tree_node **find_shortcut(struct hark_tree_node *parent,
                                             const struct token *token)
{
        if (is_token(token, '*'))
                return &parent->any;
        return is_token(token, '>') ? &parent->rest : NULL;
}

static struct hark_tree_node *add_child(struct hark_tree *tree, struct hark_tree_node *parent,
                                        const struct token *token)
{
        struct hark_tree_node *node = new_node(parent, token);
        struct hark_tree_node **shortcut = find_shortcut(parent, token);
        struct hark_tree_node **bucket;

        if (!node)
                return NULL;
        if (tree->n_nodes >= tree->n_buckets)
                resize(tree, tree->n_buckets * 2);
        bucket = find_bucket(tree, node->hash);
        node->next = *bucket;
        *bucket = node;
        if (shortcut)
                *shortcut = node;
        parent->n_children++;
        tree->n_nodes++;
        return node;
}

static void remove_child(struct hark_tree *tree, struct hark_tree_node *node)
{
        struct hark_tree_node **link = find_bucket(tree, node->hash);
        struct token token = {.text = node->token, .size = node->token_size};
        struct hark_tree_node **shortcut = find_shortcut(node->parent, &token);

        while (*link != node)
                link = &(*link)->next;
        *link = node->next;
        if (shortcut)
                *shortcut = NULL;
        node->parent->n_children--;
        tree->n_nodes--;
        free(node);
}

/* Removes a node and those above it, as far up as they hold nothing. */
static void prune(struct hark_tree *tree, struct hark_tree_node *node)
{
        while (node != tree->root && node->n_children == 0 && hark_list_is_empty(&node->entries)) {
                struct hark_tree_node *parent = node->parent;

                remove_child(tree, node);
                node = parent;
        }
        if (tree->n_buckets > N_BUCKETS_MIN && tree->n_nodes < tree->n_buckets / 8)
                resize(tree, tree->n_buckets / 2);
}

static void free_node(struct hark_tree_node *node)
{
        hark_list_for_each (link, &node->entries) {
                hark_list_remove(link);
                hark_container_of(link, struct hark_tree_entry, link)->node = NULL;
        }
        free(node);
}

static struct hark_tree_node *find_node(const struct hark_tree *tree, const struct path *path)
{
        struct hark_tree_node *node = tree->root;

        for (size_t i = 0; node && i < path->n_tokens; i++)
                node = find_child(tree, node, &path->tokens[i]);
        return node;
}

/* NULL: no memory, and nothing is left behind. */
static struct hark_tree_node *make_node(struct hark_tree *tree, const struct path *path)
{
        struct hark_tree_node *node = tree->root;

        for (size_t i = 0; i < path->n_tokens; i++) {
                struct hark_tree_node *child = find_child(tree, node, &path->tokens[i]);

                if (!child)
                        child = add_child(tree, node, &path->tokens[i]);
                if (!child) {
                        prune(tree, node);
                        return NULL;
                }
                node = child;
        }
        return node;
}

static struct hark_tree_entry *first_entry(const struct hark_tree_node *node)
{
        struct hark_list *link = node ? hark_list_first(&node->entries) : NULL;

        return link ? hark_container_of(link, struct hark_tree_entry, link) : NULL;
}

static bool visit_entries(const struct walk *walk, const struct hark_tree_node *node)
{
        hark_list_for_each (link, &node->entries) {
                struct hark_tree_entry *entry =
                        hark_container_of(link, struct hark_tree_entry, link);

                if (!walk->visit(entry, walk->userdata))
                        return false;
        }
        return true;
}

/* The first i tokens led to this node. As deep as the name has tokens: at most HARK_TOKENS_MAX. */
static bool walk_on(const struct walk *walk, const struct hark_tree_node *node, size_t i)
{
        const struct token *token = &walk->path.tokens[i];
        const struct hark_tree_node *word;

        if (i == walk->path.n_tokens)
                return visit_entries(walk, node);
        if (is_token(token, '>'))
                return !node->rest || visit_entries(walk, node->rest);
        word = is_token(token, '*') ? NULL : find_child(walk->tree, node, token);
        return (!word || walk_on(walk, word, i + 1)) &&
               (!node->any || walk_on(walk, node->any, i + 1)) &&
               (!node->rest || visit_entries(walk, node->rest));
}

static bool keep_first(struct hark_tree_entry *entry, void *userdata)
{
        struct hark_tree_entry **first = userdata;

        *first = entry;
        return false;
}

struct hark_tree *hark_tree_new(void)
{
        struct hark_tree *tree = calloc(1, sizeof(*tree));

        if (!tree)
                return NULL;
        tree->key = hark_hash_key_new();
        tree->n_buckets = N_BUCKETS_MIN;
        tree->buckets = calloc(N_BUCKETS_MIN, sizeof(struct hark_tree_node *));
        tree->root = new_node(NULL, &(struct token){.text = ""});
        if (tree->buckets && tree->root)
                return tree;
        free(tree->root);
        free(tree->buckets);
        free(tree);
        return NULL;
}

void hark_tree_free(struct hark_tree *tree)
{
        if (!tree)
                return;
        for (size_t i = 0; i < tree->n_buckets; i++) {
                struct hark_tree_node *node, *next;

                for (node = tree->buckets[i]; node; node = next) {
                        next = node->next;
                        free_node(node);
                }
        }
        free(tree->root);
        free(tree->buckets);
        free(tree);
}

int hark_tree_add(struct hark_tree *tree, struct hark_tree_entry *entry, const char *filter,
                  size_t size)
{
        struct hark_tree_node *node;
        struct path path;

        split_path(tree, filter, size, &path);
        node = make_node(tree, &path);
        if (!node)
                return -ENOMEM;
        hark_list_push_back(&node->entries, &entry->link);
        entry->node = node;
        return 0;
}

void hark_tree_remove(struct hark_tree *tree, struct hark_tree_entry *entry)
{
        struct hark_tree_node *node = entry->node;

        if (!node)
                return;
        hark_list_remove(&entry->link);
        entry->node = NULL;
        prune(tree, node);
}

bool hark_tree_visit(const struct hark_tree *tree, const char *name, size_t size,
                     bool (*visit)(struct hark_tree_entry *entry, void *userdata), void *userdata)
{
        struct walk walk; /* not initialised whole: room for a name of 128 tokens */

        if (tree->n_nodes == 0)
                return true;
        walk.tree = tree;
        walk.visit = visit;
        walk.userdata = userdata;
        split_path(tree, name, size, &walk.path);
        return walk_on(&walk, tree->root, 0);
}

struct hark_tree_entry *hark_tree_best(const struct hark_tree *tree, const char *name, size_t size)
{
        struct hark_tree_entry *best = NULL;

        /* The walk tries words before `*` before `>`. */
        hark_tree_visit(tree, name, size, keep_first, &best);
        return best;
}

struct hark_tree_entry *hark_tree_find(const struct hark_tree *tree, const char *filter,
                                       size_t size)
{
        struct path path;

        split_path(tree, filter, size, &path);
        return first_entry(find_node(tree, &path));
}

size_t hark_tree_n_nodes(const struct hark_tree *tree)
{
        return tree->n_nodes;
}
