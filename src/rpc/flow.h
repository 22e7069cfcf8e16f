/* SPDX-License-Identifier: MIT */
#ifndef HARK_RPC_FLOW_H
#define HARK_RPC_FLOW_H

/*
 * One direction of a stream at one of its ends: what its items and credits have in common on the
 * wire, and its window.
 */

#include "conn/conn.h"
#include "rpc/window.h"

struct hark_flow {
        struct hark_conn *conn; /* borrowed; NULL: nothing is sent any more */
        uint32_t id;            /* the call's */
        uint8_t priority;       /* the call's */
        uint8_t flags;          /* HARK_FLAG_FEED: of the question; 0: of the answer */
        struct hark_window window;
};

#endif
