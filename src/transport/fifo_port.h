/* SPDX-License-Identifier: MIT */
#ifndef HARK_TRANSPORT_FIFO_PORT_H
#define HARK_TRANSPORT_FIFO_PORT_H

/* A connection over FIFOs, of either side, while it is made: fifo.c shows how. */

#include "transport/fd_port.h"
#include "transport/fifo_place.h"
#include "transport/fifo_record.h"
#include "transport/retry.h"
#include "transport/unix_address.h"

#define HARK_FIFO_COOKIE 16

/* What no frame begins with, the version, and the cookie. */
struct hark_fifo_welcome {
        char magic[8];
        uint8_t cookie[HARK_FIFO_COOKIE];
};

#define HARK_FIFO_WELCOME "\xC4hark-w\1"

struct fifo_port {
        struct hark_fd_port base; /* the first member */
        /* Until it is open: */
        enum hark_fifo_side side; /* whose port it is; 0: it is open */
        int directory;
        char name[HARK_FIFO_NAME + 1];
        struct hark_io answer; /* what is ours to read */
        struct hark_io end;    /* shows when the other side goes */
        uint8_t cookie[HARK_FIFO_COOKIE];
        /* The client's: */
        int rendezvous;
        uid_t server;
        struct hark_unix_name path;
        struct hark_retry retry;
};

/* directory is taken over, also when there is no memory (NULL). */
struct fifo_port *hark_fifo_port_new(hark_loop *loop, enum hark_fifo_side side, int directory);

/* The close of struct hark_transport_ops. */
void hark_fifo_port_close(struct hark_port *base);

/* Writes what is small enough to be written in one piece. 0; -EAGAIN, -EPIPE, ... */
int hark_fifo_write(int fd, const void *bytes, size_t size);

/* The listeners of struct hark_transport_ops. */
int hark_fifo_listen(hark_loop *loop, const struct hark_address *address,
                     struct hark_listener **ret_listener);
void hark_fifo_close_listener(struct hark_listener *base);

#endif
