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

/* --- filters that cover filters --------------------------------------------------------------- */

/* Every filter of up to so many tokens, of two words and the wildcards; every name of up to one
 * token more, of these words and one that no filter has. A `*` needs no more words than that to be
 * told from all of them, a `>` no more tokens. */
#define N_TOKENS  4
#define N_FILTERS (4 + 3 * 4 + 9 * 4 + 27 * 4)
#define N_NAMES   (3 + 9 + 27 + 81 + 243)

/* Tokens are single characters, without the dots. */
struct brief {
        char tokens[N_TOKENS + 2];
        bool matches[N_NAMES];
};

static struct brief filters[N_FILTERS];
static char names[N_NAMES][N_TOKENS + 2];

/* All sequences of n_tokens words: the last one any of words, others of its first n_words. Returns
 * how many. */
static size_t enumerate(char *ret_tokens, size_t stride, unsigned n_tokens, const char *words,
                        unsigned n_words)
{
        size_t n_last = strlen(words), n = n_last;

        for (unsigned i = 1; i < n_tokens; i++)
                n *= n_words;
        for (size_t i = 0; i < n; i++, ret_tokens += stride) {
                size_t rest = i / n_last;

                memset(ret_tokens, 0, N_TOKENS + 2);
                ret_tokens[n_tokens - 1] = words[i % n_last];
                for (unsigned j = n_tokens - 1; j-- > 0; rest /= n_words)
                        ret_tokens[j] = words[rest % n_words];
        }
        return n;
}

/* Written anew, in another way than the library's: by recursion. */
static bool is_matched(const char *filter, const char *name)
{
        if (*filter == '>')
                return *name;
        if (!*filter || !*name)
                return *filter == *name;
        return (*filter == '*' || *filter == *name) && is_matched(filter + 1, name + 1);
}

static size_t write_dotted(const char *tokens, char *text)
{
        size_t size = 0;

        for (; *tokens; tokens++) {
                text[size++] = *tokens;
                text[size++] = '.';
        }
        return size - 1;
}

static void enumerate_all(void)
{
        size_t n_filters = 0, n_names = 0;

        for (unsigned n = 1; n <= N_TOKENS; n++)
                n_filters += enumerate(filters[n_filters].tokens, sizeof(*filters), n, "ab*>", 3);
        for (unsigned n = 1; n <= N_TOKENS + 1; n++)
                n_names += enumerate(names[n_names], sizeof(*names), n, "abc", 3);
        ck_assert_uint_eq(n_filters, N_FILTERS);
        ck_assert_uint_eq(n_names, N_NAMES);
        for (size_t i = 0; i < N_FILTERS; i++)
                for (size_t j = 0; j < N_NAMES; j++)
                        filters[i].matches[j] = is_matched(filters[i].tokens, names[j]);
}

static bool matches_all_of(const struct brief *wide, const struct brief *narrow)
{
        for (size_t i = 0; i < N_NAMES; i++)
                if (narrow->matches[i] && !wide->matches[i])
                        return false;
        return true;
}

START_TEST(a_filter_covers_another_if_it_matches_all_that_that_matches)
{
        char wide[2 * N_TOKENS + 2], narrow[2 * N_TOKENS + 2];

        enumerate_all();
        for (size_t i = 0; i < N_FILTERS; i++) {
                size_t wide_size = write_dotted(filters[i].tokens, wide);

                for (size_t j = 0; j < N_FILTERS; j++) {
                        size_t narrow_size = write_dotted(filters[j].tokens, narrow);

                        ck_assert_msg(hark_filter_covers(wide, wide_size, narrow, narrow_size) ==
                                              matches_all_of(&filters[i], &filters[j]),
                                      "%.*s and %.*s", (int)wide_size, wide, (int)narrow_size,
                                      narrow);
                }
        }
}
END_TEST

START_TEST(a_filter_matches_what_it_should_whatever_it_is)
{
        char filter[2 * N_TOKENS + 2], name[2 * N_TOKENS + 4];

        enumerate_all();
        for (size_t i = 0; i < N_FILTERS; i++) {
                size_t filter_size = write_dotted(filters[i].tokens, filter);

                for (size_t j = 0; j < N_NAMES; j++) {
                        size_t name_size = write_dotted(names[j], name);

                        ck_assert_msg(hark_filter_matches(filter, filter_size, name, name_size) ==
                                              filters[i].matches[j],
                                      "%.*s and %.*s", (int)filter_size, filter, (int)name_size,
                                      name);
                }
        }
}
END_TEST

START_TEST(what_lies_behind_the_size_does_not_matter)
{
        ck_assert(hark_name_is_valid("a.b!", 3));
        ck_assert(hark_filter_is_valid("a.>b", 3));
        ck_assert(hark_filter_matches("a.*x", 3, "a.bc.d", 4));
        ck_assert(hark_filter_matches("abc", 2, "abd", 2));
        ck_assert(hark_filter_covers("a.*x", 3, "a.bc.d", 4));
        ck_assert(hark_filter_covers("a.>x", 3, "a.*.>x", 5));
}
END_TEST

FIXTURE_MAIN("name", names_and_filters_follow_their_grammar, every_byte_is_in_a_token_or_is_not,
             nothing_is_no_name_wherever_it_lies, two_hundred_and_fifty_five_bytes_are_the_longest,
             a_name_of_only_the_shortest_tokens_has_the_most, a_filter_matches_token_by_token,
             a_filter_covers_another_if_it_matches_all_that_that_matches,
             a_filter_matches_what_it_should_whatever_it_is,
             what_lies_behind_the_size_does_not_matter)
