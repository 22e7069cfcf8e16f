/* SPDX-License-Identifier: MIT */
#ifndef STATS_H
#define STATS_H

#include <stddef.h>

/* Sorts values. n_values > 0. */
double median(double *values, size_t n_values);

#endif
