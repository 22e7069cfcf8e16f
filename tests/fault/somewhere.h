/* SPDX-License-Identifier: MIT */
#ifndef SOMEWHERE_H
#define SOMEWHERE_H

/* What programs share that are given an address, and more than one process: where that is, a server
 * that echoes, and waiting. */

#include <hark/hark.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>

#include "base/clock.h"
#include "fixture.h"

#define PATIENCE_MS 20000 /* for what should take no time at all */

/* Runs a loop until the condition holds; that this takes so long fails the test. */
#define run_until(loop, condition)                                                \
        do {                                                                      \
                uint64_t deadline_ns = hark_deadline_ns(PATIENCE_MS);             \
                                                                                  \
                while (!(condition)) {                                            \
                        int left_ms = hark_time_left_ms(deadline_ns);             \
                                                                                  \
                        ck_assert_msg(left_ms > 0, "waited for: %s", #condition); \
                        ck_assert_int_eq(hark_loop_process(loop, left_ms), 0);    \
                }                                                                 \
        } while (0)

/* The address of the command line, with {path} or {name} in it. */
extern const char *given_address;

/* It, with a path or name of the test's own; static. Port 0 becomes what the first server that
 * listens there was given: somewhere_listen(). */
const char *somewhere(void);

/* Whether its transport has this capability. */
bool somewhere_can(enum hark_capability capability);

/* Listens there. Fails the test if it cannot. */
void somewhere_listen(hark_server *server);

/* A process that runs this with the number of a descriptor; returns when it has said there that it
 * is ready, behind somewhere_listen(). */
pid_t somewhere_start(int (*run)(void *ready_fd));
void somewhere_say_ready(int ready_fd);

/* A process that serves there until it is killed, and answers `echo`. */
pid_t somewhere_serve(void);

/* Stops the loop: for hark_loop_add_signal(). */
void somewhere_on_signal(int signo, void *loop);

/* A number of an environment variable, or the usual one. */
unsigned somewhere_number(const char *variable, unsigned usual);

/* From 0 to n - 1, the same again where HARK_SEED is the same. */
unsigned somewhere_random(unsigned n);

#endif
