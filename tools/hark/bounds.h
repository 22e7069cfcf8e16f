/* SPDX-License-Identifier: MIT */
#ifndef BOUNDS_H
#define BOUNDS_H

/* The limits of this machine, each once, however many transports run into it. */

#include <hark/transport.h>
#include <stdbool.h>

#define MAX_LIMITS 64

struct found_limit {
        struct hark_transport_limit limit; /* as whoever can use most of it has it */
        char schemes[200];                 /* whose it is, with spaces between */
        unsigned n_schemes;
};

struct found_limits {
        struct found_limit items[MAX_LIMITS];
        size_t n_items;
};

/* Of all transports, or, not NULL, of that one. */
void find_limits(const char *scheme, struct found_limits *ret_limits);

/* The one that a verb's operand, an address or its scheme, names; NULL: all. Returns EXIT_GOOD; or
 * says that there is none such, and returns EXIT_USAGE. */
int take_transport(const char *verb, const char *operand, const struct hark_transport **ret_wanted);

size_t count_transports(void);

/* Prints a JSON object. */
void print_json_limit(const struct hark_transport_limit *limit);

/* Writes "4096 descriptors", "no limit". */
void write_amount(char *text, size_t size, uint64_t amount, const char *unit);

#endif
