/* SPDX-License-Identifier: MIT */
#ifndef OPTIONS_H
#define OPTIONS_H

/*
 * Options as tables: a verb lists what it takes, and parsing, checking of bounds and help follow
 * from that one list, so that the help cannot disagree with the code.
 */

#include <stdbool.h>
#include <stddef.h>

struct verb;

enum option_kind {
        OPTION_FLAG,   /* its field is a bool */
        OPTION_NUMBER, /* an int, from min to max */
        OPTION_CHOICE, /* an int: which of the choices, from 0, the default */
        OPTION_TEXT,   /* a const char *, borrowed from argv; NULL: not given */
        OPTION_TEXTS   /* a struct option_texts: may be given more than once */
};

struct option_texts {
        const char **items; /* each borrowed from argv */
        size_t n_items;
};

struct option_spec {
        const char *name;
        const char *value; /* what it takes, as the help calls it; NULL for flags */
        const char *help;  /* without the default and the bounds of a number */
        enum option_kind kind;
        size_t offset; /* of its field */
        int fallback, min, max;
        const char *const *choices; /* NULL-terminated */
};

/* The table's line for a field bool is_json. */
#define OPTION_JSON(type, words)                                    \
        {                                                           \
                .name = "json", .help = words, .kind = OPTION_FLAG, \
                .offset = offsetof(type, is_json)                   \
        }

#define OPTIONS_GO_ON (-1)

/*
 * Parses argv (argv[0] is the verb) into options, which are zeros before, and permutes argv so that
 * *ret_operands are what is left. Returns OPTIONS_GO_ON, or an exit status: help was asked for and
 * printed, or the usage was wrong and that was said.
 */
int options_parse(const struct verb *verb, int argc, char **argv, void *options,
                  char ***ret_operands);

/* Frees what options_parse() allocated, the lists of texts. */
void options_done(const struct verb *verb, void *options);

#endif
