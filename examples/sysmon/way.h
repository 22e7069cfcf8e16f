/* SPDX-License-Identifier: MIT */
#ifndef WAY_H
#define WAY_H

/*
 * How the monitor is reached over each transport, and the process that is started for it:
 *
 *         unix: tcp: mq: ...   listens at an address of the demo's place
 *         pipe:                is handed two pipes
 *         exec:                is started by the transport
 *
 * A transport that the library has and that is not in the table cannot be shown like this: stdio:
 * and inherit: are the other end of exec: and of a listener.
 */

#include "child.h"
#include "place.h"

#define WAY_ADDRESS_SIZE 512

struct way;

/* The monitor's side of a way, and where a client finds it. */
struct reach {
        struct child server; /* exec: has none */
        char address[WAY_ADDRESS_SIZE];
};

/* NULL: there is none for that transport. */
const struct way *way_find(const char *scheme);

/* Whether the machine has what the transport stands on, by trying that without the library. Returns
 * 0 or a negative errno. */
int way_probe(const struct way *way);

/* Has the program serve in that way, with these arguments before its address. Returns 0; -EPIPE:
 * it does not serve, and has said why; -errno. */
int way_open(const struct way *way, const struct place *place, const char *program,
             struct reach *ret_reach);

/* Ends what was opened. Returns as child_end(). */
int way_close(struct reach *reach);

#endif
