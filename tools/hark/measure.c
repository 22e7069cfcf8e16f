/* SPDX-License-Identifier: MIT */
/*
 * The two sides are measured in turn, in short slices, and the medians of the slices are compared: so
 * what else happens on the machine meets both alike.
 */
#include "measure.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <time.h>

#include "stats.h"

#define N_SLICES  11
#define MAX_COUNT 100000000 /* of messages in a slice */

static volatile sig_atomic_t is_interrupted;

static void interrupt(int signo)
{
        (void)signo;
        is_interrupted = 1;
}

static double now_s(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int work_on(const struct sides *sides, bool is_hark, const struct row *row, uint32_t n,
                   double *ret_seconds)
{
        double start = now_s();
        int r = is_hark ? subject_work(sides->subject, row->work, row->size, n)
                        : floor_work(sides->floor, row->work, row->size, n);

        *ret_seconds = now_s() - start;
        return r == 0 && is_interrupted ? -ECANCELED : r;
}

/* Finds how many messages fill a slice; the first ones warm up what there is to warm up. */
static int calibrate(const struct sides *sides, bool is_hark, const struct row *row, double slice_s,
                     uint32_t *ret_n)
{
        double seconds = 0, n = 1;
        int r = work_on(sides, is_hark, row, 1, &seconds);

        while (r == 0 && seconds < slice_s / 4 && n * 4 < MAX_COUNT) {
                n *= 4;
                r = work_on(sides, is_hark, row, (uint32_t)n, &seconds);
        }
        n = n * slice_s / seconds;
        *ret_n = n < 1 ? 1 : n > MAX_COUNT ? MAX_COUNT : (uint32_t)n;
        return r;
}

int measure(const struct sides *sides, double slice_s, struct row *row)
{
        double floor_s[N_SLICES], hark_s[N_SLICES];
        uint32_t floor_n = 1, hark_n = 1;
        int r = calibrate(sides, false, row, slice_s, &floor_n);

        if (r == 0)
                r = calibrate(sides, true, row, slice_s, &hark_n);
        for (size_t i = 0; i < N_SLICES && r == 0; i++) {
                r = work_on(sides, false, row, floor_n, &floor_s[i]);
                if (r == 0)
                        r = work_on(sides, true, row, hark_n, &hark_s[i]);
        }
        if (r != 0)
                return r;
        row->floor_s = median(floor_s, N_SLICES) / floor_n;
        row->hark_s = median(hark_s, N_SLICES) / hark_n;
        return 0;
}

void measure_catch_signals(void)
{
        struct sigaction action = {.sa_handler = interrupt, .sa_flags = SA_RESTART};

        sigaction(SIGINT, &action, NULL);
        sigaction(SIGTERM, &action, NULL);
        signal(SIGPIPE, SIG_IGN); /* a process at the other end that died is an error, no more */
}
