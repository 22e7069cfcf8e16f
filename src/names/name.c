/* SPDX-License-Identifier: MIT */

/*
 * The grammar of names and filters, one pass over the bytes and one look into a table for each.
 */

#include "names/name.h"

#include <stdint.h>
#include <string.h>

/* What a byte may be; 0: nothing. */
enum byte_class {
        BYTE_TOKEN = 1,
        BYTE_DOT,
        BYTE_WILDCARD
};

static const uint8_t byte_classes[256] = {
        ['A' ... 'Z'] = BYTE_TOKEN, ['a' ... 'z'] = BYTE_TOKEN, ['0' ... '9'] = BYTE_TOKEN,
        ['_'] = BYTE_TOKEN,         ['-'] = BYTE_TOKEN,         ['.'] = BYTE_DOT,
        ['*'] = BYTE_WILDCARD,      ['>'] = BYTE_WILDCARD,
};

static size_t measure_token(const char *token, size_t size)
{
        const char *dot = memchr(token, '.', size);

        return dot ? (size_t)(dot - token) : size;
}

/* A token of a filter: a word, `*`, or as the last one `>`. */
static bool is_filter_token(const char *token, size_t size, bool is_last)
{
        if (size == 1 && byte_classes[(uint8_t)*token] == BYTE_WILDCARD)
                return *token == '*' || is_last;
        for (size_t i = 0; i < size; i++) {
                if (byte_classes[(uint8_t)token[i]] != BYTE_TOKEN)
                        return false;
        }
        return size > 0;
}

bool hark_name_is_valid(const char *name, size_t size)
{
        uint8_t previous = BYTE_DOT;

        if (size > HARK_NAME_MAX)
                return false;
        for (size_t i = 0; i < size; i++) {
                uint8_t class = byte_classes[(uint8_t)name[i]];

                if (class != BYTE_TOKEN && (class != BYTE_DOT || previous == BYTE_DOT))
                        return false;
                previous = class;
        }
        return previous == BYTE_TOKEN;
}

bool hark_filter_is_valid(const char *filter, size_t size)
{
        if (size == 0 || size > HARK_NAME_MAX)
                return false;
        for (;;) {
                size_t token_size = measure_token(filter, size);
                bool is_last = token_size == size;

                if (!is_filter_token(filter, token_size, is_last))
                        return false;
                if (is_last)
                        return true;
                filter += token_size + 1;
                size -= token_size + 1;
        }
}

bool hark_name_is_reserved(const char *name, size_t size)
{
        return size >= 5 && memcmp(name, "hark.", 5) == 0;
}

bool hark_filter_covers(const char *wide, size_t wide_size, const char *narrow, size_t narrow_size)
{
        for (;;) {
                size_t word_size = measure_token(wide, wide_size);
                size_t token_size = measure_token(narrow, narrow_size);
                bool is_any = word_size == 1 && *wide == '*';

                if (word_size == 1 && *wide == '>')
                        return true;
                if (token_size == 1 && *narrow == '>')
                        return false;
                if (!is_any && (word_size != token_size || memcmp(wide, narrow, word_size) != 0))
                        return false;
                if (word_size == wide_size || token_size == narrow_size)
                        return word_size == wide_size && token_size == narrow_size;
                wide += word_size + 1;
                wide_size -= word_size + 1;
                narrow += token_size + 1;
                narrow_size -= token_size + 1;
        }
}

bool hark_filter_matches(const char *filter, size_t filter_size, const char *name, size_t name_size)
{
        return hark_filter_covers(filter, filter_size, name, name_size);
}
