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

/* A transport, the table; what is done over a transport. */
void report_heading(const char *text);
void report_step(const char *text);

/* A label, and beside it the text's first lines, as many as fit into one. */
void report_text(const char *label, const char *text);

void report_table(const struct result *results, size_t n_results);

#endif
