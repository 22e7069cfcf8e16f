/* SPDX-License-Identifier: MIT */
#ifndef TOPICS_H
#define TOPICS_H

/*
 * What sysmon publishes, looking at the machine every period, and only at what somebody listens to:
 *
 *         sys.load              each period: "0.15 0.10 0.05", over 1, 5 and 15 minutes
 *         sys.memory.pressure   each period: "some 0.00 full 0.00 source /proc/pressure/memory",
 *                               the percentage of the last 10 s in which some task, or all, waited
 *                               for memory; or "available 83.20 source /proc/meminfo", in percent,
 *                               where the kernel keeps no account of pressure
 *         sys.process.started   "4711 cat"
 *         sys.process.ended     "4711 cat"
 *
 * Processes are seen by comparing one look with the next: one that lives shorter than a period may
 * never be seen. In each period processes come first, so that whoever has received a sys.load knows
 * that from now on none is missed that lives longer.
 */

#include <hark/hark.h>
#include <stdbool.h>
#include <stddef.h>

struct topics {
        hark_server *server;
        struct procfs_process *processes; /* as they were at the last look, by pid */
        size_t n_processes;
        bool has_looked; /* false while nobody listens: then there is nothing to compare with */
};

/* Begins to publish through the server. Returns as hark_loop_add_timer() does. */
int topics_init(struct topics *topics, hark_loop *loop, hark_server *server, int period_ms);

/* Once the loop runs no more. */
void topics_done(struct topics *topics);

#endif
