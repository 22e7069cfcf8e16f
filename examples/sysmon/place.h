/* SPDX-License-Identifier: MIT */
#ifndef PLACE_H
#define PLACE_H

/*
 * Where the demo has its servers listen: a directory for sockets and FIFOs, and a name for queues,
 * both its own. What a transport leaves there it has failed to clean up.
 */

#include <stdbool.h>
#include <stddef.h>

struct place {
        char directory[32]; /* "": there is none */
        char name[32];
};

/* Returns 0 or a negative errno. */
int place_make(struct place *place);

/* Whether nothing is left there. What is, is told and removed. */
bool place_is_empty(const struct place *place);

void place_remove(struct place *place);

#endif
