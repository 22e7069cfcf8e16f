/* SPDX-License-Identifier: MIT */
#ifndef HARK_TRANSPORT_PARSER_H
#define HARK_TRANSPORT_PARSER_H

/*
 * What address.c and options.c, the two halves of the parser of addresses, share.
 */

#include "transport/address.h"

/* What is being filled in, and where it is said what is wrong. */
struct hark_parser {
        struct hark_address *address;
        char *why;
        size_t why_size;
};

/* text: what stands behind the `?`. Returns 0, -EINVAL, -ENOENT, -ENOMEM, with why written. */
int hark_parse_options(struct hark_parser *parser, const char *text);

/* Whether size bytes of text are this word. */
bool hark_is_word(const char *word, const char *text, size_t size);

/* Appends to a list of words for a human: "unix, tcp"; an empty string to begin with. */
#define HARK_LIST_SIZE 96
void hark_list_word(char list[HARK_LIST_SIZE], const char *word);

#endif
