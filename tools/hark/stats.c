/* SPDX-License-Identifier: MIT */
#include "stats.h"

#include <stdlib.h>

static int compare_doubles(const void *left, const void *right)
{
        double a = *(const double *)left, b = *(const double *)right;

        return (a > b) - (a < b);
}

double median(double *values, size_t n_values)
{
        size_t middle = n_values / 2;

        qsort(values, n_values, sizeof(*values), compare_doubles);
        if (n_values % 2 == 1)
                return values[middle];
        return (values[middle - 1] + values[middle]) / 2;
}
