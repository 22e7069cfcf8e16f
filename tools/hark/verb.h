/* SPDX-License-Identifier: MIT */
#ifndef VERB_H
#define VERB_H

/*
 * The verbs of the command. Each lives in a file of its own, which says what the verb takes and
 * does in one struct verb; main.c finds it, options.c parses and explains it, run() does it.
 */

#include <stdbool.h>
#include <stddef.h>

#include "options.h"

struct verb {
        const char *name;
        const char *operands; /* "ADDRESS METHOD [DATA|@FILE|-]", for the help */
        const char *summary;  /* one line: what it does */
        const char *details;  /* more lines for its help; may be NULL */
        const char *example;  /* command lines, indented by two */
        int min_operands, max_operands;
        bool is_hidden;                    /* for hark's own use, not in the help */
        const struct option_spec *options; /* ends with a name of NULL; may be NULL */
        size_t options_size;               /* of what their offsets lie in */
        /* operands end with NULL. Returns an exit status. */
        int (*run)(const void *options, char **operands);
};

extern const struct verb verb_serve;
extern const struct verb verb_call;
extern const struct verb verb_send;
extern const struct verb verb_sub;
extern const struct verb verb_pub;
extern const struct verb verb_wait;
extern const struct verb verb_transports;
extern const struct verb verb_doctor;
extern const struct verb verb_bench;
extern const struct verb verb_bench_server;

#endif
