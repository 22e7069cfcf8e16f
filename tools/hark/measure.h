/* SPDX-License-Identifier: MIT */
#ifndef MEASURE_H
#define MEASURE_H

/* Comparing the two sides of bench.h. */

#include <stdbool.h>

#include "bench.h"

struct sides {
        struct floor *floor;
        struct subject *subject;
};

struct row {
        enum work work;
        size_t size;
        double floor_s, hark_s; /* per message; set by measure() */
};

/* Takes about so many seconds. Returns 0; -ECANCELED: a signal came; else what went wrong on one
 * side. */
int measure(const struct sides *sides, double seconds, struct row *row);

/* Has SIGINT and SIGTERM end a measurement, so that everything is cleaned up. */
void measure_catch_signals(void);

bool measure_is_interrupted(void);

#endif
