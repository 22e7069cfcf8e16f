/* SPDX-License-Identifier: MIT */
#ifndef REPORT_H
#define REPORT_H

/* How the demo looks. Headings are bold on a terminal, unless NO_COLOR is set. */

#include <stddef.h>

/* What came of one transport. */
struct result {
        const char *scheme;
        unsigned n_answers, n_questions;
        unsigned n_notifications;
        double p50_us, p99_us;
        int failure; /* 0: everything arrived; else why not, for hark_reason() */
};

void report_heading(const char *text);

/* A label, and beside it as much of the text as fits in a line. */
void report_text(const char *label, const char *text);

void report_table(const struct result *results, size_t n_results);

#endif
