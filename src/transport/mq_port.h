/* SPDX-License-Identifier: MIT */
#ifndef HARK_TRANSPORT_MQ_PORT_H
#define HARK_TRANSPORT_MQ_PORT_H

/*
 * A connection over message queues, either side of it: frames out in chunks, chunks in.
 *
 *         client   --chunks of all clients, at the priority of their frames-->  server's queue
 *                  <--chunks, and what has been received---------  client's queue
 *
 * The kernel hands out what is most urgent first, and in order what is equally so. The first frame
 * of a connection is its hello, and goes before all others.
 *
 * A server reads its queue whatever becomes of one client's messages, because all others' are in
 * it, too. So a client never has more than a window of bytes there or at the server, until that
 * says that it has taken them; how much of it the server holds is bounded by that. What waits for a
 * client waits in its own queue.
 *
 * Neither queue shows that its reader is gone. A pidfd shows a death. A close is told by a chunk; if
 * the queue had no room for that, by a lock that the closed descriptor has let go of, at which the
 * other side looks when that may have been, or every second where it has no pidfd.
 */

#include "base/map.h"
#include "link/chunk.h"
#include "transport/inbox_port.h"
#include "transport/mq_queue.h"

#define HARK_MQ_FRAME  ((size_t)20 * 1024) /* 16 KiB of payload, and the prefix */
#define HARK_MQ_WINDOW ((uint32_t)32 * 1024)

struct mq_port;

struct mq_port_ops {
        /* Reads what lies in our queue, before a death is told. */
        void (*drain)(struct mq_port *port);
        int (*start)(struct mq_port *port);
        ssize_t (*receive)(struct mq_port *port, const struct iovec *iov, unsigned n_iov);
        ssize_t (*send)(struct mq_port *port, const struct hark_out_frame *frames,
                        unsigned n_frames);
        void (*close)(struct mq_port *port);
};

struct mq_port {
        struct hark_inbox_port base; /* the first member */
        const struct mq_port_ops *ops;
        bool is_server;
        int out;           /* the other side's queue; -1: none yet */
        size_t chunk_size; /* bytes of a frame in one of its messages */
        uint64_t connection;
        bool has_begun;               /* the first frame has left */
        uint32_t n_sent;              /* bytes of frames; the client's */
        uint32_t n_acked;             /* and what the server has taken of them */
        uint32_t n_taken;             /* bytes of frames; the server's */
        uint32_t n_told;              /* and what it has said that it has taken */
        struct hark_credentials peer; /* its pidfd is ours */
        struct hark_io writable;      /* out */
        struct hark_io death;         /* the pidfd */
        struct hark_timer look;
        struct hark_map_node node; /* of the server's connections */
};

void hark_mq_port_init(struct mq_port *port, const struct mq_port_ops *ops, hark_loop *loop);

/* Gives it the queue that it writes to, and takes it over. */
void hark_mq_port_set_queue(struct mq_port *port, int out);

/* The same of the other side's. Looks who that is. */
void hark_mq_port_set_out(struct mq_port *port, int out);

/* Begins to watch for room in the queue that it writes to. 0; -errno. */
int hark_mq_port_watch_queue(struct mq_port *port);

/* And for the end of the other side, once it is known who that is. 0; -errno. */
int hark_mq_port_watch(struct mq_port *port);

/* mq_send(3), however signals come. 0; -EAGAIN; -errno. */
int hark_mq_put(int queue, const uint8_t *message, size_t size, unsigned priority);

/* Sends a chunk without a frame. 0; -EAGAIN; -errno of mq_send(3). */
int hark_mq_port_say(struct mq_port *port, uint8_t kind, const void *bytes, size_t size);

/* Takes in a chunk of this connection. 0; -EPROTO, -ENOMEM. */
int hark_mq_port_put(struct mq_port *port, const struct hark_chunk *chunk, unsigned priority,
                     const uint8_t *bytes);

/* The receive of struct hark_transport_ops, of what has been taken in. */
ssize_t hark_mq_port_take(struct mq_port *port, const struct iovec *iov, unsigned n_iov);

/* Tells HARK_PORT_BROKEN; the last thing that is done with it. */
void hark_mq_port_break(struct mq_port *port, int error);

/* Whether nobody reads the other side's queue any more; looks at locks. */
bool hark_mq_port_is_alone(const struct mq_port *port);

/* Whether the server's end of the connection stands whose client reads this queue. */
bool hark_mq_port_is_held(int own);

/* Says the end to the other side, stops, and closes its queue; the memory is the caller's. */
void hark_mq_port_done(struct mq_port *port);

/* The operations of a connection that are the same at both sides. */
ssize_t hark_mq_port_send(struct mq_port *port, const struct hark_out_frame *frames,
                          unsigned n_frames);
void hark_mq_port_want(struct hark_port *base, unsigned events);
void hark_mq_port_identify(struct hark_port *base, struct hark_credentials *credentials);

#endif
