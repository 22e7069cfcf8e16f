/* SPDX-License-Identifier: MIT */
#ifndef HARK_ENDPOINT_SERVER_H
#define HARK_ENDPOINT_SERVER_H

/*
 * The end that answers: methods and topics, the listeners, and the peers that came through them.
 */

#include <hark/server.h>

#include "endpoint/drain.h"
#include "endpoint/rules.h"
#include "pubsub/topics.h"
#include "rpc/methods.h"
#include "transport/transport.h"

/* One address that a server listens at. */
struct hark_accepting {
        struct hark_list link;
        hark_server *server;
        struct hark_listener *listener;
        uint32_t n_peers, n_half_open;
};

struct hark_server {
        unsigned n_users;
        hark_loop *loop;                  /* held */
        struct hark_server_params params; /* limits complete */
        struct hark_methods methods;
        struct hark_topics topics;
        struct hark_rules rules;
        struct hark_list accepting;
        struct hark_list peers;
        struct hark_drain drain;
        struct hark_task relief_task, free_task;
};

/* Leaves its addresses to others. */
void hark_server_stop_listening(hark_server *server);

/* How many peers of this user a listener has. */
uint32_t hark_accepting_count_uid(const struct hark_accepting *accepting, uid_t uid);

#endif
