/* SPDX-License-Identifier: MIT */
#ifndef RELAY_H
#define RELAY_H

/*
 * A bad network between UDP clients and a server on loopback: a process in between that loses,
 * doubles and delays datagrams, both ways.
 */

#include <stdint.h>
#include <sys/types.h>

struct relay_params {
        const char *server;             /* "udp:127.0.0.1:PORT" */
        unsigned loss, doubling, delay; /* of 100 datagrams */
};

/* What it has done; lives in memory that its process shares. */
struct relay_counts {
        uint64_t n_taken, n_lost, n_doubled, n_delayed;
};

struct relay {
        struct relay_params params;
        char address[64]; /* where clients connect to */
        struct relay_counts *counts;
        int fd;
        pid_t pid;
};

/* Starts it; fails the test if it cannot. */
void relay_start(struct relay *relay, const struct relay_params *params);

void relay_stop(struct relay *relay);

#endif
