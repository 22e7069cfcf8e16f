/* SPDX-License-Identifier: MIT */
#ifndef TRIAL_H
#define TRIAL_H

/*
 * One transport tried out: everything that a client does, over one connection, and told while it is
 * done.
 *
 *         call every method, waiting -> all of them at once -> many calls, timed -> subscribe
 *         -> start a process -> be told of it -> end it -> be told of it -> unsubscribe
 *
 * Every step waits for the event that the one before it causes, none for time to pass.
 */

#include <hark/hark.h>
#include <stdbool.h>

#include "report.h"

struct trial_setting {
        hark_loop *loop;
        bool is_interrupted; /* by a signal: give up */
};

/* ret_result is set in any case; its failure tells whether everything arrived. */
void trial_run(const struct trial_setting *setting, const char *address, struct result *ret_result);

#endif
