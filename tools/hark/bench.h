/* SPDX-License-Identifier: MIT */
#ifndef BENCH_H
#define BENCH_H

/*
 * hark bench measures two sides in turn, hark and the floor: what the bare system calls of the same
 * facility cost. Both do the same work, between two processes:
 *
 *         WORK_CALLS          n times there and back, one after the other
 *         WORK_NOTIFICATIONS  n times one way, as fast as the receiver takes them
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum work {
        WORK_CALLS,
        WORK_NOTIFICATIONS
};

#define BENCH_MAX_SIZE ((size_t)16 << 20)
#define BENCH_METHOD   "bench.publish" /* asks for notifications; payload: struct bench_order */
#define BENCH_TOPIC    "bench.topic"

/* What one side tells the other, both on the same machine. */
struct bench_order {
        uint32_t work, size, count;
};

/* Keeps this process, and what it starts from now on, on one CPU. */
int bench_pin(int cpu);

/* The side of bare system calls. */
struct floor;

bool floor_is_known(const char *scheme);

/* Makes the facility that scheme ("unix", "tcp", ...) stands for, with a process on cpu at its
 * other end. Returns 0; -EPROTONOSUPPORT: no floor for that scheme; -errno. */
int floor_start(const char *scheme, int cpu, struct floor **ret_floor);
/* Returns 0 or -errno. */
int floor_work(struct floor *floor, enum work work, size_t size, uint32_t n);
/* Takes NULL. */
void floor_stop(struct floor *floor);

/* The side of hark. */
struct subject;

/* Starts a server at address, or for a bare "scheme:" at a place of its own, in a process on cpu,
 * and connects to it. Returns an exit status, having said what is wrong. */
int subject_start(const char *address, int cpu, struct subject **ret_subject);
/* Returns 0, a status, or -errno. */
int subject_work(struct subject *subject, enum work work, size_t size, uint32_t n);
/* Where it is connected to. */
const char *subject_address(const struct subject *subject);
/* Notifications lost so far: figures with any are worth nothing. */
uint64_t subject_lost(const struct subject *subject);
/* Takes NULL. */
void subject_stop(struct subject *subject);

#endif
