/* SPDX-License-Identifier: MIT */
#ifndef MEMORY_PORT_H
#define MEMORY_PORT_H

/*
 * A port without descriptors: what the other side sends is put into it, and what is sent is taken
 * out of it. So a connection is tested without input or output, and can be cut, delayed and ended
 * at will.
 *
 *         memory_port_put()  --> incoming --> receive     struct hark_conn
 *         memory_port_take() <-- outgoing <-- send
 *
 * Like a socket it tells its events from the loop, again and again while they last. It takes
 * neither memory_port_put() nor anything else when it is closed, which its owner sees by is_closed.
 */

#include "transport/transport.h"

struct memory_bytes {
        uint8_t *bytes;
        size_t size, room;
};

/* The test's end of it; outlives the port. */
struct memory_port {
        struct hark_port *port; /* for hark_conn_new(), which takes it over */
        bool is_closed;         /* by its connection */
        struct memory_bytes incoming, outgoing;
        size_t receive_max, send_max; /* of one operation; SIZE_MAX at first */
        size_t room;                  /* how much more it takes before -EAGAIN; SIZE_MAX at first */
        unsigned n_receives, n_sends;
        unsigned n_fds_sent;
        unsigned wanted;
        bool is_bulky;
        unsigned n_bulky;   /* how often it was told so */
        bool is_at_end;     /* receive gives 0, or -error, once incoming is empty */
        int error;          /* as -errno */
        int send_error;     /* what send gives, as -errno; 0: it sends */
        bool is_on_its_way; /* what was sent has not arrived; see memory_port_arrive() */
        bool is_waited_for; /* and somebody wants to know when it has */
        bool is_discarding; /* outgoing is only counted */
        uint64_t n_discarded;
};

/* Makes the port too, which is not open before the loop runs. */
void memory_port_init(struct memory_port *memory, hark_loop *loop);
/* The port must have been closed. */
void memory_port_done(struct memory_port *memory);

/* The other side sends bytes. */
void memory_port_put(struct memory_port *memory, const uint8_t *bytes, size_t size);
/* The other side ends it: error is 0 for an end in good order, else -errno. */
void memory_port_end(struct memory_port *memory, int error);
/* There is room again for so many bytes; SIZE_MAX: for all. */
void memory_port_set_room(struct memory_port *memory, size_t room);
/* All that was sent has arrived. */
void memory_port_arrive(struct memory_port *memory);
/* Drops the first bytes of outgoing, which have been looked at. */
void memory_port_take(struct memory_port *memory, size_t size);

#endif
