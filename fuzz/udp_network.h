/* SPDX-License-Identifier: MIT */
#ifndef FUZZ_UDP_NETWORK_H
#define FUZZ_UDP_NETWORK_H

/*
 * A network, a time and a memory of the fuzzer's own, in place of those of the kernel: a program is
 * linked with --wrap for the functions of udp_socket.h, hark_now_ns(), malloc(), calloc() and
 * close(). One client, servers' sockets as they come, and a stranger, who has none.
 */

#include "fuzz.h"

#include <stdbool.h>

#include "transport/udp_opening.h"

#define CLIENT_PORT   1000
#define STRANGER_PORT 2000
#define N_ON_WAY      512

struct packet {
        struct packet *next;
        uint16_t port; /* of the client that it comes from or goes to */
        bool to_server;
        int error; /* 0: it is a datagram; else the report of one */
        size_t size;
        uint8_t bytes[];
};

extern struct network {
        uint64_t now_ns;        /* far from that of the kernel, whose timers so never run out */
        unsigned n_until_fault; /* allocations; 0: none fails */
        unsigned n_deeds;       /* so that one sees whether the loop rests */
        struct packet *on_way[N_ON_WAY];
        unsigned n_on_way;
        struct {
                size_t n_sent, n_heard;          /* bytes */
                struct hark_udp_opening opening; /* that he has been told */
                bool has_shown;                  /* that he gets what is sent there */
        } stranger;
} network;

void network_begin(void);
/* Fails unless all sockets have been closed. */
void network_end(void);

/* The oldest datagram on its way; NULL: none is. */
void network_deliver(unsigned n);
void network_drop(void);
void network_double(void);
void network_delay(void);

/* What somebody has written arrives at once: its head, and so many bytes. */
void network_write(const struct packet *head, const uint8_t *bytes);

#endif
