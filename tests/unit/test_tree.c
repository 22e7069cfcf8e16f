/* SPDX-License-Identifier: MIT */

#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "names/name.h"
#include "names/tree.h"

struct item {
        struct hark_tree_entry entry;
        char filter[HARK_NAME_MAX + 1];
        unsigned n_visits;
};

static struct item *item_of(struct hark_tree_entry *entry)
{
        return hark_container_of(entry, struct item, entry);
}

static void add(struct hark_tree *tree, struct item *item, const char *filter)
{
        ck_assert_uint_lt(strlen(filter), sizeof(item->filter));
        strcpy(item->filter, filter);
        item->n_visits = 0;
        ck_assert_int_eq(hark_tree_add(tree, &item->entry, filter, strlen(filter)), 0);
}

static const char *best(const struct hark_tree *tree, const char *name)
{
        struct hark_tree_entry *entry = hark_tree_best(tree, name, strlen(name));

        return entry ? item_of(entry)->filter : "nothing";
}

static bool count_visit(struct hark_tree_entry *entry, void *userdata)
{
        unsigned *n_visits = userdata;

        item_of(entry)->n_visits++;
        ++*n_visits;
        return true;
}

static unsigned visit(const struct hark_tree *tree, const char *name)
{
        unsigned n_visits = 0;

        ck_assert(hark_tree_visit(tree, name, strlen(name), count_visit, &n_visits));
        return n_visits;
}

/* xorshift64, so that every run tries the same. */
static uint64_t random_state = 0x2545f4914f6cdd1d;

static unsigned pick(unsigned n)
{
        random_state ^= random_state << 13;
        random_state ^= random_state >> 7;
        random_state ^= random_state << 17;
        return (unsigned)(random_state >> 33) % n;
}

/* Few words, so that filters often match, often share nodes and are often equal. */
static void make_random_path(char *path, bool is_filter)
{
        static const char *const words[] = {"a", "b", "bb", "*", ">"};
        unsigned n_tokens = 1 + pick(5);

        *path = '\0';
        for (unsigned i = 0; i < n_tokens; i++) {
                bool is_last = i == n_tokens - 1;
                unsigned n_words = !is_filter ? 3 : is_last ? 5 : 4;

                strcat(path, words[pick(n_words)]);
                if (!is_last)
                        strcat(path, ".");
        }
}

START_TEST(an_empty_tree_finds_nothing)
{
        struct hark_tree *tree = hark_tree_new();

        ck_assert_ptr_nonnull(tree);
        ck_assert_uint_eq(visit(tree, "a.b"), 0);
        ck_assert_ptr_null(hark_tree_best(tree, "a", 1));
        ck_assert_ptr_null(hark_tree_find(tree, "a", 1));
        ck_assert_uint_eq(hark_tree_n_nodes(tree), 0);
        hark_tree_free(tree);
        hark_tree_free(NULL);
}
END_TEST

START_TEST(a_visit_finds_what_matching_one_by_one_finds)
{
        enum {
                N_ITEMS = 300,
                N_NAMES = 3000
        };
        static struct item items[N_ITEMS];
        struct hark_tree *tree = hark_tree_new();
        char path[HARK_NAME_MAX + 1];

        for (unsigned i = 0; i < N_ITEMS; i++) {
                make_random_path(path, true);
                add(tree, &items[i], path);
        }
        for (unsigned i = 0; i < N_NAMES; i++) {
                make_random_path(path, false);
                visit(tree, path);
                for (unsigned j = 0; j < N_ITEMS; j++) {
                        bool is_match = hark_filter_matches(
                                items[j].filter, strlen(items[j].filter), path, strlen(path));

                        ck_assert_msg(items[j].n_visits == is_match, "filter \"%s\", name \"%s\"",
                                      items[j].filter, path);
                        items[j].n_visits = 0;
                }
                /* Entries come and go while names are looked up. */
                hark_tree_remove(tree, &items[i % N_ITEMS].entry);
                make_random_path(path, true);
                add(tree, &items[i % N_ITEMS], path);
        }
        hark_tree_free(tree);
}
END_TEST

START_TEST(a_visit_of_a_filter_finds_what_covers_it)
{
        enum {
                N_ITEMS = 300,
                N_FILTERS = 3000
        };
        static struct item items[N_ITEMS];
        struct hark_tree *tree = hark_tree_new();
        char path[HARK_NAME_MAX + 1];
        unsigned n_visits = 0;

        for (unsigned i = 0; i < N_ITEMS; i++) {
                make_random_path(path, true);
                add(tree, &items[i], path);
        }
        for (unsigned i = 0; i < N_FILTERS; i++) {
                make_random_path(path, true);
                n_visits += visit(tree, path);
                for (unsigned j = 0; j < N_ITEMS; j++) {
                        const char *filter = items[j].filter;
                        bool covers =
                                hark_filter_covers(filter, strlen(filter), path, strlen(path));

                        ck_assert_msg(items[j].n_visits == covers, "\"%s\" and \"%s\"", filter,
                                      path);
                        items[j].n_visits = 0;
                }
        }
        ck_assert_uint_gt(n_visits, N_FILTERS);
        hark_tree_free(tree);
}
END_TEST

struct order {
        const struct item *items[8];
        unsigned n_items, n_wanted;
};

static bool note_order(struct hark_tree_entry *entry, void *userdata)
{
        struct order *order = userdata;

        order->items[order->n_items++] = item_of(entry);
        return order->n_items < order->n_wanted;
}

START_TEST(equal_filters_share_nodes_and_are_visited_in_the_order_added)
{
        struct hark_tree *tree = hark_tree_new();
        struct order order = {.n_wanted = 8};
        struct item items[4] = {0};

        for (unsigned i = 0; i < 4; i++)
                add(tree, &items[i], "a.*.c");
        ck_assert_uint_eq(hark_tree_n_nodes(tree), 3);
        hark_tree_remove(tree, &items[1].entry);
        add(tree, &items[1], "a.*.c");
        ck_assert(hark_tree_visit(tree, "a.b.c", 5, note_order, &order));
        ck_assert_uint_eq(order.n_items, 4);
        ck_assert_ptr_eq(order.items[0], &items[0]);
        ck_assert_ptr_eq(order.items[1], &items[2]);
        ck_assert_ptr_eq(order.items[2], &items[3]);
        ck_assert_ptr_eq(order.items[3], &items[1]);
        ck_assert_ptr_eq(hark_tree_find(tree, "a.*.c", 5), &items[0].entry);
        hark_tree_free(tree);
}
END_TEST

START_TEST(a_visit_goes_from_the_most_specific_filter_to_the_least)
{
        static const char *const filters[] = {"a.b", "a.*", "a.>", "*.b", "*.*", "*.>", ">"};
        struct hark_tree *tree = hark_tree_new();
        struct order order = {.n_wanted = 8};
        struct item items[7] = {0};

        for (unsigned i = 7; i-- > 0;)
                add(tree, &items[i], filters[i]);
        ck_assert(hark_tree_visit(tree, "a.b", 3, note_order, &order));
        ck_assert_uint_eq(order.n_items, 7);
        for (unsigned i = 0; i < 7; i++)
                ck_assert_str_eq(order.items[i]->filter, filters[i]);
        for (unsigned i = 0; i < 7; i++) {
                ck_assert_str_eq(best(tree, "a.b"), filters[i]);
                hark_tree_remove(tree, &items[i].entry);
        }
        ck_assert_str_eq(best(tree, "a.b"), "nothing");
        hark_tree_free(tree);
}
END_TEST

START_TEST(a_visit_ends_where_it_is_told_to)
{
        struct hark_tree *tree = hark_tree_new();
        struct item items[4] = {0};

        add(tree, &items[0], "a.b");
        add(tree, &items[1], "a.b");
        add(tree, &items[2], "a.*");
        add(tree, &items[3], ">");
        for (unsigned n_wanted = 1; n_wanted <= 4; n_wanted++) {
                struct order order = {.n_wanted = n_wanted};

                ck_assert(!hark_tree_visit(tree, "a.b", 3, note_order, &order));
                ck_assert_uint_eq(order.n_items, n_wanted);
        }
        hark_tree_free(tree);
}
END_TEST

START_TEST(the_best_goes_back_when_the_more_specific_way_leads_nowhere)
{
        struct hark_tree *tree = hark_tree_new();
        struct item items[5] = {0};

        add(tree, &items[0], "a.b.x");
        add(tree, &items[1], "a.*.c.y");
        add(tree, &items[2], "*.b.c.*");
        add(tree, &items[3], "a.>");
        add(tree, &items[4], "*");
        ck_assert_str_eq(best(tree, "a.b.x"), "a.b.x");
        ck_assert_str_eq(best(tree, "a.b.c.y"), "a.*.c.y");
        ck_assert_str_eq(best(tree, "a.b.c.z"), "a.>");
        ck_assert_str_eq(best(tree, "q.b.c.z"), "*.b.c.*");
        ck_assert_str_eq(best(tree, "a"), "*");
        ck_assert_str_eq(best(tree, "q.r"), "nothing");
        hark_tree_free(tree);
}
END_TEST

START_TEST(find_takes_a_filter_for_what_is_written)
{
        struct hark_tree *tree = hark_tree_new();
        struct item items[2] = {0};

        add(tree, &items[0], "a.*");
        add(tree, &items[1], "a.b.>");
        ck_assert_ptr_eq(hark_tree_find(tree, "a.*", 3), &items[0].entry);
        ck_assert_ptr_eq(hark_tree_find(tree, "a.b.>", 5), &items[1].entry);
        ck_assert_ptr_null(hark_tree_find(tree, "a", 1));
        ck_assert_ptr_null(hark_tree_find(tree, "a.b", 3));
        ck_assert_ptr_null(hark_tree_find(tree, "a.>", 3));
        ck_assert_ptr_null(hark_tree_find(tree, "*.*", 3));
        hark_tree_free(tree);
}
END_TEST

START_TEST(a_name_of_the_most_tokens_is_found)
{
        struct hark_tree *tree = hark_tree_new();
        struct item items[2] = {0};
        char name[HARK_NAME_MAX + 1] = "x", filter[HARK_NAME_MAX + 1] = "*";

        for (unsigned i = 1; i < HARK_TOKENS_MAX; i++) {
                strcat(name, ".x");
                strcat(filter, i % 2 ? ".x" : ".*");
        }
        ck_assert_uint_eq(strlen(name), HARK_NAME_MAX);
        add(tree, &items[0], name);
        add(tree, &items[1], filter);
        ck_assert_uint_eq(visit(tree, name), 2);
        ck_assert_str_eq(best(tree, name), name);
        ck_assert_uint_eq(hark_tree_n_nodes(tree), 2 * HARK_TOKENS_MAX);
        hark_tree_free(tree);
}
END_TEST

START_TEST(nodes_go_with_what_they_held_in_whatever_order)
{
        enum {
                N_ITEMS = 500
        };
        static struct item items[N_ITEMS];
        unsigned order[N_ITEMS];
        struct hark_tree *tree = hark_tree_new();
        char path[HARK_NAME_MAX + 1];

        for (unsigned i = 0; i < N_ITEMS; i++) {
                unsigned other = pick(i + 1);

                make_random_path(path, true);
                add(tree, &items[i], path);
                order[i] = order[other];
                order[other] = i;
        }
        for (unsigned i = 0; i < N_ITEMS; i++) {
                struct item *item = &items[order[i]];

                ck_assert_uint_gt(hark_tree_n_nodes(tree), 0);
                hark_tree_remove(tree, &item->entry);
                ck_assert_ptr_null(item->entry.node);
                hark_tree_remove(tree, &item->entry);
        }
        ck_assert_uint_eq(hark_tree_n_nodes(tree), 0);
        hark_tree_free(tree);
}
END_TEST

START_TEST(an_inner_node_stays_while_it_holds_anything)
{
        struct hark_tree *tree = hark_tree_new();
        struct item items[3] = {0};

        add(tree, &items[0], "a.b.c");
        add(tree, &items[1], "a.b");
        add(tree, &items[2], "a.>");
        ck_assert_uint_eq(hark_tree_n_nodes(tree), 4);
        hark_tree_remove(tree, &items[0].entry);
        ck_assert_uint_eq(hark_tree_n_nodes(tree), 3);
        ck_assert_uint_eq(visit(tree, "a.b"), 2);
        hark_tree_remove(tree, &items[1].entry);
        ck_assert_uint_eq(hark_tree_n_nodes(tree), 2);
        ck_assert_uint_eq(visit(tree, "a.b"), 1);
        hark_tree_remove(tree, &items[2].entry);
        ck_assert_uint_eq(hark_tree_n_nodes(tree), 0);
        hark_tree_free(tree);
}
END_TEST

START_TEST(a_freed_tree_lets_go_of_its_entries)
{
        struct hark_tree *tree = hark_tree_new();
        struct item items[3] = {0};

        add(tree, &items[0], "a.b");
        add(tree, &items[1], "a.b");
        add(tree, &items[2], ">");
        hark_tree_free(tree);
        for (unsigned i = 0; i < 3; i++) {
                ck_assert_ptr_null(items[i].entry.node);
                ck_assert(hark_list_is_empty(&items[i].entry.link));
        }
        tree = hark_tree_new();
        add(tree, &items[0], "c");
        ck_assert_uint_eq(visit(tree, "c"), 1);
        hark_tree_free(tree);
}
END_TEST

static uint64_t now_ns(void)
{
        struct timespec now;

        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
        return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* The least of some tries: what the machine did besides is not in it. */
static uint64_t measure_visits(const struct hark_tree *tree)
{
        uint64_t least = UINT64_MAX;
        char name[32];

        for (unsigned i = 0; i < 10; i++) {
                uint64_t start = now_ns(), took;

                for (unsigned j = 0; j < 1000; j++) {
                        snprintf(name, sizeof(name), "plant.%u.sensor.%u", j % 10, j);
                        visit(tree, name);
                }
                took = now_ns() - start;
                least = took < least ? took : least;
        }
        return least;
}

START_TEST(a_hundred_thousand_filters_do_not_slow_down_a_visit)
{
        enum {
                N_ITEMS = 100000,
                N_FEW = 10
        };
        struct item *items = calloc(N_ITEMS, sizeof(*items));
        struct hark_tree *tree = hark_tree_new();
        uint64_t few_ns, many_ns;
        char filter[32];

        for (unsigned i = 0; i < N_ITEMS; i++) {
                snprintf(filter, sizeof(filter), "plant.%u.sensor.%u", i % 10, i);
                add(tree, &items[i], filter);
                if (i == N_FEW)
                        few_ns = measure_visits(tree);
        }
        /* "plant", ten numbers, "sensor" below each, and the leaves */
        ck_assert_uint_eq(hark_tree_n_nodes(tree), 1 + 10 + 10 + N_ITEMS);
        many_ns = measure_visits(tree);
        /* Looking at all of them would take ten thousand times as long. */
        ck_assert_uint_lt(many_ns, 100 * few_ns);
        for (unsigned i = 0; i < N_ITEMS; i++)
                items[i].n_visits = 0;
        ck_assert_uint_eq(visit(tree, "plant.7.sensor.12347"), 1);
        ck_assert_uint_eq(items[12347].n_visits, 1);
        ck_assert_uint_eq(visit(tree, "plant.7.sensor.12346"), 0);
        for (unsigned i = 0; i < N_ITEMS; i++)
                hark_tree_remove(tree, &items[i].entry);
        ck_assert_uint_eq(hark_tree_n_nodes(tree), 0);
        hark_tree_free(tree);
        free(items);
}
END_TEST

FIXTURE_MAIN("tree", an_empty_tree_finds_nothing, a_visit_finds_what_matching_one_by_one_finds,
             a_visit_of_a_filter_finds_what_covers_it,
             equal_filters_share_nodes_and_are_visited_in_the_order_added,
             a_visit_goes_from_the_most_specific_filter_to_the_least,
             a_visit_ends_where_it_is_told_to,
             the_best_goes_back_when_the_more_specific_way_leads_nowhere,
             find_takes_a_filter_for_what_is_written, a_name_of_the_most_tokens_is_found,
             nodes_go_with_what_they_held_in_whatever_order,
             an_inner_node_stays_while_it_holds_anything, a_freed_tree_lets_go_of_its_entries,
             a_hundred_thousand_filters_do_not_slow_down_a_visit)
