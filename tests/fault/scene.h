/* SPDX-License-Identifier: MIT */
#ifndef SCENE_H
#define SCENE_H

/*
 * A bit of everything, played in one loop: a server is made and listens, a client connects, calls,
 * is answered at once and later, on behalf of itself and in a circle, with fds and in fragments,
 * cancels, sends items both ways, subscribes, joins a group, publishes, unsubscribes. Each step may
 * fail; what must not happen is a crash, a hang, a leak, or an end that is told twice or not at
 * all.
 */

#include <hark/hark.h>
#include <stdbool.h>

#include "scene_stream.h"

#define SCENE_CALLS 9

/* How a call or a subscription ended. */
struct ending {
        bool has_begun;
        unsigned n;
        int result;
};

struct scene {
        hark_loop *loop;
        hark_server *server;
        hark_client *client;
        bool is_listening;
        struct ending calls[SCENE_CALLS]; /* the last is the stream's */
        struct scene_stream stream;
        struct ending subscription, membership;
        unsigned n_notified, n_shared, n_one_way;
        unsigned n_files; /* that came back */
        int state;        /* of the client, as it was told */
        int timeout_ms;   /* of connecting, and of each call */
        hark_request *kept;
        unsigned n_let_in, n_left;
};

/* Returns 0: all that can be was done and answered; else the first failure. */
int scene_play(struct scene *scene, const char *address, int timeout_ms);

/* Fails the test unless every call and subscription that began has ended once, and, if the server
 * listens, it still serves a new client. Faults must be disarmed. Lets go of everything. */
void scene_end(struct scene *scene, const char *address);

#endif
