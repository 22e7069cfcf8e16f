/* SPDX-License-Identifier: MIT */

#include "fixture.h"

#include <string.h>

#include "names/name.h"

struct grammar_case {
        const char *text;
        bool is_name, is_filter;
};

static const struct grammar_case grammar_cases[] = {
        {"a", true, true},
        {"clock.Now", true, true},
        {"org.example.clock.Now", true, true},
        {"A-Z.a_z.0-9", true, true},
        {"-", true, true},
        {"", false, false},
        {".", false, false},
        {"..", false, false},
        {".a", false, false},
        {"a.", false, false},
        {"a..b", false, false},
        {"a b", false, false},
        {"a/b", false, false},
        {"caf\xc3\xa9", false, false},
        {"a\n", false, false},
        {"*", false, true},
        {">", false, true},
        {"a.*", false, true},
        {"*.a", false, true},
        {"*.*.*", false, true},
        {"a.>", false, true},
        {"*.>", false, true},
        {"a.*.b.>", false, true},
        {">.a", false, false},
        {"a.>.b", false, false},
        {"a*", false, false},
        {"*a", false, false},
        {"**", false, false},
        {"a.b>", false, false},
        {">>", false, false},
        {"*.", false, false},
        {">.", false, false},
        {".>", false, false},
        {"a..>", false, false},
};

START_TEST(names_and_filters_follow_their_grammar)
{
        for (size_t i = 0; i < sizeof(grammar_cases) / sizeof(*grammar_cases); i++) {
                const struct grammar_case *c = &grammar_cases[i];
                size_t size = strlen(c->text);

                ck_assert_msg(hark_name_is_valid(c->text, size) == c->is_name, "name \"%s\"",
                              c->text);
                ck_assert_msg(hark_filter_is_valid(c->text, size) == c->is_filter, "filter \"%s\"",
                              c->text);
        }
}
END_TEST

START_TEST(every_byte_is_in_a_token_or_is_not)
{
        static const char token_bytes[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                          "0123456789_-";

        for (int byte = 0; byte < 256; byte++) {
                const char text[] = {'a', (char)byte, 'a'};
                bool is_good = memchr(token_bytes, byte, sizeof(token_bytes) - 1) != NULL;

                ck_assert_msg(hark_name_is_valid(text, 3) == (is_good || byte == '.'), "%d", byte);
                ck_assert_msg(hark_filter_is_valid(text, 3) == (is_good || byte == '.'), "%d",
                              byte);
                ck_assert_msg(hark_name_is_valid(text + 1, 1) == is_good, "%d", byte);
        }
}
END_TEST

START_TEST(nothing_is_no_name_wherever_it_lies)
{
        ck_assert(!hark_name_is_valid(NULL, 0));
        ck_assert(!hark_filter_is_valid(NULL, 0));
}
END_TEST

START_TEST(two_hundred_and_fifty_five_bytes_are_the_longest)
{
        char text[HARK_NAME_MAX + 1];

        memset(text, 'x', sizeof(text));
        ck_assert(hark_name_is_valid(text, HARK_NAME_MAX));
        ck_assert(hark_filter_is_valid(text, HARK_NAME_MAX));
        ck_assert(!hark_name_is_valid(text, HARK_NAME_MAX + 1));
        ck_assert(!hark_filter_is_valid(text, HARK_NAME_MAX + 1));
}
END_TEST

START_TEST(a_name_of_only_the_shortest_tokens_has_the_most)
{
        char text[HARK_NAME_MAX];
        size_t n_tokens = 1;

        for (size_t i = 0; i < sizeof(text); i++) {
                text[i] = i % 2 == 0 ? 'x' : '.';
                n_tokens += text[i] == '.';
        }
        ck_assert(hark_name_is_valid(text, sizeof(text)));
        ck_assert_uint_eq(n_tokens, HARK_TOKENS_MAX);
}
END_TEST

struct match_case {
        const char *filter, *name;
        bool matches;
};

static const struct match_case match_cases[] = {
        {"a", "a", true},         {"a", "b", false},       {"a", "ab", false},
        {"ab", "a", false},       {"a", "a.b", false},     {"a.b", "a", false},
        {"a.b", "a.b", true},     {"*", "a", true},        {"*", "abc", true},
        {"*", "a.b", false},      {"*.b", "a.b", true},    {"*.b", "a.c", false},
        {"a.*", "a.b", true},     {"a.*", "a", false},     {"a.*", "a.b.c", false},
        {"a.*.c", "a.b.c", true}, {"*.*", "a.b", true},    {">", "a", true},
        {">", "a.b.c", true},     {"a.>", "a", false},     {"a.>", "a.b", true},
        {"a.>", "a.b.c.d", true}, {"a.>", "b.a", false},   {"*.>", "a", false},
        {"*.>", "a.b", true},     {"a.*.>", "a.b", false}, {"a.*.>", "a.b.c", true},
};

START_TEST(a_filter_matches_token_by_token)
{
        for (size_t i = 0; i < sizeof(match_cases) / sizeof(*match_cases); i++) {
                const struct match_case *c = &match_cases[i];

                ck_assert_msg(hark_filter_matches(c->filter, strlen(c->filter), c->name,
                                                  strlen(c->name)) == c->matches,
                              "filter \"%s\", name \"%s\"", c->filter, c->name);
        }
}
END_TEST

START_TEST(what_lies_behind_the_size_does_not_matter)
{
        ck_assert(hark_name_is_valid("a.b!", 3));
        ck_assert(hark_filter_is_valid("a.>b", 3));
        ck_assert(hark_filter_matches("a.*x", 3, "a.bc.d", 4));
        ck_assert(hark_filter_matches("abc", 2, "abd", 2));
}
END_TEST

FIXTURE_MAIN("name", names_and_filters_follow_their_grammar, every_byte_is_in_a_token_or_is_not,
             nothing_is_no_name_wherever_it_lies, two_hundred_and_fifty_five_bytes_are_the_longest,
             a_name_of_only_the_shortest_tokens_has_the_most, a_filter_matches_token_by_token,
             what_lies_behind_the_size_does_not_matter)
