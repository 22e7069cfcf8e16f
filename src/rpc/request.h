/* SPDX-License-Identifier: MIT */
#ifndef HARK_RPC_REQUEST_H
#define HARK_RPC_REQUEST_H

/*
 * The inside of a request, for the files of this folder only; its states are drawn in requests.h.
 */

#include "rpc/requests.h"

enum hark_request_state {
        HARK_REQUEST_QUEUED = 1,
        HARK_REQUEST_OPEN,
        HARK_REQUEST_ANSWERED,
        HARK_REQUEST_ENDED
};

struct hark_request {
        unsigned n_refs;
        struct hark_map_node node;
        struct hark_list link; /* of unfinished */
        struct hark_requests *requests;
        hark_message *message;
        struct hark_charge charge;
        uint32_t id;
        uint8_t priority;
        bool is_one_way, is_cancel_told;
        enum hark_request_state state;
        int reason;  /* ENDED: why */
        int failure; /* OPEN: what the last attempt to answer returned */
        uint64_t deadline_ns;
        struct hark_timer deadline;
        struct hark_task turn;   /* its handler's turn */
        struct hark_task cancel; /* on_cancel's turn */
        struct hark_request_events events;
        void *userdata;
};

#endif
