/* SPDX-License-Identifier: MIT */
/*
 * The two sides are measured in turn, in short slices, and the medians of the slices are compared:
 * so what else happens on the machine meets both alike.
 */
#include "measure.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <time.h>

#include "stats.h"

#define MIN_SLICES  11
#define MAX_SLICES  999
#define MAX_SLICE_S 0.1       /* a signal is looked for between two slices */
#define MAX_COUNT   100000000 /* of messages in a slice */
#define OVERHEAD    6         /* slices that finding out how many messages fill one takes, about */

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

/*
 * Finds how many messages fill a slice; the first ones warm up what there is to warm up. It must
 * have been right twice in a row: one interruption would make a few messages look like enough.
 */
static int calibrate(const struct sides *sides, bool is_hark, const struct row *row, double slice_s,
                     uint32_t *ret_n)
{
        double seconds, factor, n = 1;
        int n_right = 0, r = 0;

        while (r == 0 && n_right < 2) {
                r = work_on(sides, is_hark, row, (uint32_t)n, &seconds);
                factor = slice_s / seconds;
                n_right = factor < 2 || n * 2 > MAX_COUNT ? n_right + 1 : 0;
                n *= factor < 4 ? factor : 4;
                n = n < 1 ? 1 : n > MAX_COUNT ? MAX_COUNT : n;
        }
        *ret_n = (uint32_t)n;
        return r;
}

static size_t choose_slices(double seconds, double *ret_slice_s)
{
        double slice_s = seconds / (2 * MIN_SLICES + OVERHEAD);
        double n;

        slice_s = slice_s < MAX_SLICE_S ? slice_s : MAX_SLICE_S;
        n = (seconds / slice_s - OVERHEAD) / 2;
        *ret_slice_s = slice_s;
        return n < MAX_SLICES ? (size_t)(n + 0.5) : MAX_SLICES;
}

int measure(const struct sides *sides, double seconds, struct row *row)
{
        double floor_s[MAX_SLICES], hark_s[MAX_SLICES], slice_s;
        size_t n_slices = choose_slices(seconds, &slice_s);
        uint32_t floor_n = 1, hark_n = 1;
        int r = calibrate(sides, false, row, slice_s, &floor_n);

        if (r == 0)
                r = calibrate(sides, true, row, slice_s, &hark_n);
        for (size_t i = 0; i < n_slices && r == 0; i++) {
                r = work_on(sides, false, row, floor_n, &floor_s[i]);
                if (r == 0)
                        r = work_on(sides, true, row, hark_n, &hark_s[i]);
        }
        if (r != 0)
                return r;
        row->floor_s = median(floor_s, n_slices) / floor_n;
        row->hark_s = median(hark_s, n_slices) / hark_n;
        return 0;
}

void measure_catch_signals(void)
{
        struct sigaction action = {.sa_handler = interrupt, .sa_flags = SA_RESTART};

        sigaction(SIGINT, &action, NULL);
        sigaction(SIGTERM, &action, NULL);
        signal(SIGPIPE, SIG_IGN); /* a process at the other end that died is an error, no more */
}

bool measure_is_interrupted(void)
{
        return is_interrupted;
}
