/* SPDX-License-Identifier: MIT */
#ifndef HARK_BASE_INSTANCE_H
#define HARK_BASE_INSTANCE_H

/*
 * A random number for the calling thread: by it others recognise who waits, because what waits is a
 * thread, not a process.
 */

#include <stdint.h>

/* 0: this thread has told none, or there was none to be had, early at boot. */
uint64_t hark_instance(void);

/* The same for a hello, before which nobody knows this thread: after fork(2) the child gets a
 * number of its own here, which hark_instance(), that every waiting call asks, does not look
 * for. */
uint64_t hark_instance_to_tell(void);

#endif
