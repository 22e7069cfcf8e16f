/* SPDX-License-Identifier: MIT */
#ifndef TOLD_H
#define TOLD_H

/* What a subscriber is told, printed. */

#include <hark/client.h>
#include <stdbool.h>

/*
 * Prints what came, a line each: notifications on stdout, all else on stderr, where is_verbose has
 * HARK_CURRENT too. HARK_UNSUBSCRIBED is for the caller.
 */
void print_told(const struct hark_notification *told, bool is_verbose);

/* The same as JSON objects, all of them on stdout. */
void print_json_told(const struct hark_notification *told);

#endif
