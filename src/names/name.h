/* SPDX-License-Identifier: MIT */
#ifndef HARK_NAMES_NAME_H
#define HARK_NAMES_NAME_H

/*
 * Names of methods and topics, and the filters that match them.
 *
 * A name is tokens of [A-Za-z0-9_-] joined by dots, at most 255 bytes: "clock.Now". In a filter a
 * whole token may be `*`, any one token, and the last may be `>`, one or more tokens to the end.
 */

#include <stdbool.h>
#include <stddef.h>

#define HARK_NAME_MAX   255                       /* bytes */
#define HARK_TOKENS_MAX ((HARK_NAME_MAX + 1) / 2) /* "a.b.c": each token has a byte and a dot */

bool hark_name_is_valid(const char *name, size_t size);
bool hark_filter_is_valid(const char *filter, size_t size);

/* Whether it begins with "hark.": such names are the library's own, whatever filters say. */
bool hark_name_is_reserved(const char *name, size_t size);

/*
 * Whether wide matches every name that narrow matches; both are valid filters. A `*` or `>` of
 * narrow stands for tokens without number, so no words of wide ever add up to it. That names have a
 * greatest size is left out of account: where only that would make it so, the answer is no.
 */
bool hark_filter_covers(const char *wide, size_t wide_size, const char *narrow, size_t narrow_size);

/* Whether the filter, which is valid, matches the name, which is valid. */
bool hark_filter_matches(const char *filter, size_t filter_size, const char *name,
                         size_t name_size);

#endif
