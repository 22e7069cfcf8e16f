/* SPDX-License-Identifier: MIT */
#ifndef REPORT_H
#define REPORT_H

/* How the demo looks. Headings are bold on a terminal, unless NO_COLOR is set. */

#include <stddef.h>
#include <stdint.h>

/* What came of one transport. */
struct result {
        const char *scheme;
        unsigned n_answers, n_questions;
        unsigned n_notifications;
        uint64_t n_lost; /* notifications */
        double calls_per_s, p50_us, p99_us;
        double large_ms; /* a call with a large question and a large answer */
        int absence;     /* 0: this machine has the facility; else why not, for hark_reason() */
        int failure;     /* 0: everything arrived; else why not */
};

/* What comes; what is done over a transport. */
void report_heading(const char *text);
void report_step(const char *text);

/* A label, and beside it the text's first lines, as many as fit into one. */
void report_text(const char *label, const char *text);

/* The table: a row for each transport, as soon as it is known. */
void report_columns(void);
void report_row(const struct result *result);

#endif
