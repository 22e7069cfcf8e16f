/* SPDX-License-Identifier: MIT */
#ifndef HARK_ENDPOINT_GUARD_H
#define HARK_ENDPOINT_GUARD_H

/*
 * Holds one peer to its server's rules, in the gathering phase: what is refused costs no handler's
 * turn, and no memory.
 *
 * Nobody may publish what begins with "hark.", whatever the rules say: who reads that shall know
 * that the library said it.
 *
 * Where rules only report, what they would refuse is logged once for each name of each peer, up to
 * a bound, and passes.
 */

#include <hark/server.h>

#include "conn/conn.h"
#include "endpoint/rules.h"

struct hark_guard {
        gid_t *groups; /* own memory; asked for once a rule speaks of groups */
        size_t n_groups;
        uint64_t *reported; /* what has been, as hashes; own memory */
        size_t n_reported;
        bool has_groups; /* they have been asked for */
};

void hark_guard_done(struct hark_guard *guard);

/* Something has come. Whether it is refused: then it has been, and nothing is left of it to be
 * dealt with. */
bool hark_guard_refuses(hark_peer *peer, struct hark_received *received);

#endif
