/* SPDX-License-Identifier: MIT */
#ifndef TRIAL_H
#define TRIAL_H

/*
 * One transport tried out: everything that a client does, over one connection.
 *
 *         call every method, waiting -> all of them at once -> many calls, timed -> large ones, their
 *         content compared -> subscribe -> start a process -> be told of it -> end it -> be told of
 *         it -> be told of some more -> unsubscribe
 *
 * Every step waits for the event that the one before it causes, none for time to pass.
 */

#include <hark/hark.h>
#include <stdbool.h>

#include "report.h"

struct trial_setting {
        hark_loop *loop;
        bool is_told;        /* in full, while it is done */
        bool is_interrupted; /* by a signal: give up */
};

/* Fills in the result, whose failure tells whether everything arrived. */
void trial_run(const struct trial_setting *setting, const char *address, struct result *result);

#endif
