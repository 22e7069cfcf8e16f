/* SPDX-License-Identifier: MIT */
#ifndef PROCFS_H
#define PROCFS_H

/*
 * What this machine is doing, as proc(5) tells it. Plain reading: no state, no output, nothing of
 * hark.
 *
 * Everything returns 0 or a negative errno: -ENODATA is a file that does not say what was looked
 * for. Outputs are set on success only.
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PROCFS_NAME_SIZE 64 /* the kernel's comm has 16, its own threads' names a few more */

struct procfs_load {
        double average[3]; /* over 1, 5 and 15 minutes */
        unsigned n_running, n_threads;
};

struct procfs_memory {
        uint64_t total_kib, available_kib, free_kib, swap_total_kib, swap_free_kib;
};

struct procfs_uptime {
        double up_s, idle_s; /* idle: of all processors together */
};

/* How short memory is: either how long tasks waited for it, or how much is left. */
struct procfs_pressure {
        double some_percent, full_percent; /* of the last 10 s some task, or all, waited */
        double available_percent;          /* of all memory */
        const char *source;                /* what it was taken from: which of the above is set */
};

struct procfs_process {
        pid_t pid;
        uint64_t start_ticks; /* since boot: tells two processes of one pid apart */
        double cpu_s;
        uint64_t rss_kib;
        char name[PROCFS_NAME_SIZE]; /* fit to print */
};

#define PROCFS_PRESSURE "/proc/pressure/memory"
#define PROCFS_MEMINFO  "/proc/meminfo"

int procfs_load(struct procfs_load *ret_load);

int procfs_memory(struct procfs_memory *ret_memory);

int procfs_uptime(struct procfs_uptime *ret_uptime);

/* From PROCFS_PRESSURE, or from PROCFS_MEMINFO where the kernel keeps no account of pressure. */
int procfs_pressure(struct procfs_pressure *ret_pressure);

/*
 * All processes that may be seen and have not ended (a zombie has), by pid. The list is the
 * caller's, to free().
 */
int procfs_processes(struct procfs_process **ret_processes, size_t *ret_n_processes);

#endif
