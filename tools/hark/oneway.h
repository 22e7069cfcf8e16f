/* SPDX-License-Identifier: MIT */
#ifndef ONEWAY_H
#define ONEWAY_H

/* What `send` and `pub` do alike. */

#include <hark/client.h>

#include "options.h"

struct oneway_options {
        int timeout_ms, priority, wait_ms;
        bool retains, withdraws; /* pub */
};

extern const struct option_spec oneway_options[];

typedef int oneway_verb(hark_client *client, const char *name, struct hark_payload payload);

/*
 * Connects, hands over one message that expects no answer by verb, and waits until the other side
 * has taken or refused it. operands: ADDRESS NAME [DATA]. Returns an exit status.
 */
int oneway_run(oneway_verb *verb, const struct oneway_options *options, char **operands);

#endif
