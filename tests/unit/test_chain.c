/* SPDX-License-Identifier: MIT */

/* The chain of calls that a request ends, and the words for a circle in it. */

#include "fixture.h"

#include <string.h>

#include "wire/chain.h"

static struct hark_hop hop(uint64_t instance, bool waits, const char *name)
{
        return (struct hark_hop){instance, waits, {(const uint8_t *)name, strlen(name)}};
}

static void add(struct hark_chain *chain, uint64_t instance, bool waits, const char *name)
{
        struct hark_hop added = hop(instance, waits, name);

        ck_assert(hark_chain_add(chain, &added));
}

static void assert_described(const struct hark_chain *chain, uint64_t instance,
                             const char *expected)
{
        char text[HARK_CHAIN_TEXT_MAX];

        hark_chain_describe(hark_chain_span(chain), instance, text);
        ck_assert_str_eq(text, expected);
}

START_TEST(hops_are_read_as_they_were_added)
{
        struct hark_span hops;
        struct hark_chain chain;
        struct hark_hop read;

        hark_chain_begin(&chain, 7);
        add(&chain, 12, true, "a");
        add(&chain, 13, false, "");
        ck_assert_ptr_null(hark_chain_check(hark_chain_span(&chain)));
        ck_assert_uint_eq(hark_chain_number(hark_chain_span(&chain)), 7);
        hops = hark_chain_hops(hark_chain_span(&chain));
        ck_assert(hark_chain_next(&hops, &read));
        ck_assert(read.instance == 12 && read.waits && read.name.size == 1);
        ck_assert_int_eq(read.name.bytes[0], 'a');
        ck_assert(hark_chain_next(&hops, &read));
        ck_assert(read.instance == 13 && !read.waits && read.name.size == 0);
        ck_assert(!hark_chain_next(&hops, &read));
}
END_TEST

START_TEST(a_name_that_is_too_long_is_cut)
{
        struct hark_chain chain;

        hark_chain_begin(&chain, 7);
        add(&chain, 1, true, "0123456789012345678901234567890123456789");
        ck_assert_ptr_null(hark_chain_check(hark_chain_span(&chain)));
        assert_described(&chain, 1,
                         "01234567890123456789012345678901 -> 01234567890123456789012345678901");
}
END_TEST

START_TEST(a_chain_has_sixteen_hops_at_most)
{
        static const char name[] = "01234567890123456789012345678901";
        struct hark_hop one_more = hop(17, true, "");
        uint8_t longer[HARK_CHAIN_MAX + HARK_CHAIN_HOP_HEAD] = {0};
        struct hark_chain chain, copy;
        char text[HARK_CHAIN_TEXT_MAX];

        hark_chain_begin(&chain, 7);
        for (uint64_t i = 1; i <= HARK_CHAIN_HOPS; i++)
                add(&chain, i, true, name);
        ck_assert_uint_eq(chain.size, HARK_CHAIN_MAX);
        ck_assert(!hark_chain_add(&chain, &one_more));
        ck_assert(hark_chain_copy(&copy, hark_chain_span(&chain)));
        hark_chain_describe(hark_chain_span(&copy), 1, text);
        ck_assert_uint_eq(strlen(text), 16 * 36 + 32);
        memcpy(longer, chain.bytes, chain.size);
        ck_assert(!hark_chain_copy(&copy, (struct hark_span){longer, sizeof(longer)}));
        memset(longer, 0, sizeof(longer));
        ck_assert(!hark_chain_copy(&copy, (struct hark_span){longer, 8 + 17 * 10}));
        ck_assert(hark_chain_copy(&copy, (struct hark_span){longer, 8 + 16 * 10}));
}
END_TEST

START_TEST(only_who_waits_is_found)
{
        struct hark_chain chain;

        hark_chain_begin(&chain, 7);
        add(&chain, 12, true, "a");
        add(&chain, 13, false, "b");
        add(&chain, 0, true, "c");
        add(&chain, 13, true, "b");
        add(&chain, 14, false, "d");
        ck_assert(hark_chain_has_waiting(hark_chain_span(&chain), 12));
        ck_assert(hark_chain_has_waiting(hark_chain_span(&chain), 13));
        ck_assert(!hark_chain_has_waiting(hark_chain_span(&chain), 14));
        ck_assert(!hark_chain_has_waiting(hark_chain_span(&chain), 15));
        ck_assert(!hark_chain_has_waiting(hark_chain_span(&chain), 0));
}
END_TEST

START_TEST(a_circle_is_told_from_where_it_begins)
{
        struct hark_chain chain;

        hark_chain_begin(&chain, 7);
        add(&chain, 11, true, "x");
        add(&chain, 12, true, "a");
        add(&chain, 13, true, "");
        add(&chain, 14, true, "c");
        assert_described(&chain, 12, "a -> ? -> c -> a");
        assert_described(&chain, 14, "c -> c");
}
END_TEST

START_TEST(what_is_cut_short_is_malformed)
{
        static const uint8_t bytes[8 + 10 + 33] = {[17] = 33};
        struct hark_chain chain;

        hark_chain_begin(&chain, 7);
        ck_assert_ptr_null(hark_chain_check(hark_chain_span(&chain)));
        add(&chain, 12, true, "abc");
        for (size_t size = 0; size < chain.size; size++)
                ck_assert(size == 8 ||
                          hark_chain_check((struct hark_span){chain.bytes, size}) != NULL);
        ck_assert_str_eq(hark_chain_check((struct hark_span){bytes, sizeof(bytes)}),
                         "a name of more than 32 bytes in a call chain");
}
END_TEST

FIXTURE_MAIN("chain", hops_are_read_as_they_were_added, a_name_that_is_too_long_is_cut,
             a_chain_has_sixteen_hops_at_most, only_who_waits_is_found,
             a_circle_is_told_from_where_it_begins, what_is_cut_short_is_malformed)
