/* SPDX-License-Identifier: MIT */
#ifndef HARK_TRANSPORT_TRANSPORT_H
#define HARK_TRANSPORT_TRANSPORT_H

/*
 * What a transport is: one way of moving bytes or datagrams between two processes.
 *
 *         listener --on_port--> port      the server's side
 *         connect  ----------->  port      the client's side
 *
 * A port is one open endpoint, with one peer. It may have any number of descriptors, or none of its
 * own; it does its own rendezvous (opening, then open), says who the peer is as far as the kernel
 * vouches for it, and moves bytes. It knows nothing of frames beyond their borders, which packet
 * transports need; framing, queues, limits, deadlines and reconnection exist once, above it.
 *
 * A transport is a const struct hark_transport_ops in the table of transport.c; nothing registers
 * itself. To add one: write its file, list it in that table, and the conformance suite runs it.
 *
 * Everything here is for the loop's thread and never blocks, but for what connect, listen and
 * close_listener say.
 */

#include <hark/server.h>
#include <hark/transport.h>
#include <sys/uio.h>

#include "loop/loop.h"
#include "transport/address.h"

#define HARK_SEND_FRAMES 64 /* most frames handed to one send */
#define HARK_FRAME_IOVS  4  /* header, name and extensions, payload, padding */
#define HARK_PORT_FDS    64 /* most fds of one frame */

struct hark_port;
struct hark_listener;

/* What a port tells the connection above it, from the loop's gathering phase; bits. */
enum hark_port_event {
        HARK_PORT_OPENED = 1 << 0,   /* the rendezvous is over: send and receive from now on */
        HARK_PORT_READABLE = 1 << 1, /* receive would give something, or the end */
        HARK_PORT_WRITABLE = 1 << 2, /* send would take something; only while wanted */
        HARK_PORT_BROKEN = 1 << 3    /* the peer is gone: receive what is left, then close;
                                        port->error says why, as -errno */
};

struct hark_port {
        const struct hark_transport_ops *transport;
        hark_loop *loop;
        void (*on_event)(struct hark_port *port, unsigned events); /* set by hark_port_start() */
        void *userdata;
        uint32_t capabilities; /* what this one can do: its transport's, and perhaps more (a stdio:
                                  that is a UNIX socket passes fds) */
        bool is_open;          /* the rendezvous is over */
        int error;             /* why it broke, as -errno; 0: it did not */
        char remote[64];       /* "127.0.0.1:51234" where the transport knows more than the
                                  listener's address, else "" */
};

struct hark_listener {
        const struct hark_transport_ops *transport;
        hark_loop *loop;
        /* Takes over the port, which is not started yet. From the gathering phase, or from a chore;
         * may close the listener. */
        void (*on_port)(struct hark_listener *listener, struct hark_port *port);
        void *userdata;
        char *address;     /* the real one, as a client would write it; set by listen, own memory */
        bool has_one_port; /* it yields one port, and never another */
};

/* For a server to come to an address. */
struct hark_watch {
        const struct hark_transport_ops *transport;
        /* One may have come: it is worth trying. From the gathering phase; may end the watch. */
        void (*on_arrival)(struct hark_watch *watch);
        void *userdata;
};

/* One frame on its way out; all borrowed until send returns. */
struct hark_out_frame {
        struct iovec iov[HARK_FRAME_IOVS];
        unsigned n_iov;
        size_t size; /* bytes in all of iov */
        const int *fds;
        unsigned n_fds;
        uint8_t priority;
        uint64_t loss_number; /* of a notification that a lossy transport may lose: it tells a gap
                                 of this number then; 0: it has to arrive */
};

/* Finds so many bytes of a frame, from offset on, which must be there. Returns how many pieces. */
unsigned hark_out_frame_slice(const struct hark_out_frame *frame, size_t offset, size_t size,
                              struct iovec ret_iov[HARK_FRAME_IOVS]);

/* Copies them. */
void hark_out_frame_copy(const struct hark_out_frame *frame, size_t offset, size_t size,
                         uint8_t *to);

/* fds that came with what was received; the receiver owns them from then on. */
struct hark_in_fds {
        int fds[HARK_PORT_FDS];
        unsigned n_fds;
        bool is_truncated; /* some were lost on the way (MSG_CTRUNC): the connection must end */
};

struct hark_transport_ops {
        struct hark_transport public; /* scheme, syntax, capabilities, max_frame: on a packet
                                         transport of a whole frame, more than HARK_PREFIX_MAX */
        unsigned options;             /* enum hark_address_option: those that it knows */
        bool connects_once;           /* an address of it leads to one port, and never to another */

        /*
         * Parses the body into its fields of address, whose options and text are set. The body is
         * as it was written: each transport splits it first and then decodes the parts, with
         * hark_address_decode(). Its escapes are well-formed, it has no control characters, and
         * spaces only if HARK_OPTION_SPACES is among the options.
         * Returns 0; -EINVAL, -ENOMEM, with why written.
         */
        int (*parse)(struct hark_address *address, const char *body, size_t body_size, char *why,
                     size_t why_size);

        /* How many listeners an address stands for: listen is called with each nth_socket below. Or
         * -errno. NULL: one. */
        int (*count_sockets)(const struct hark_address *address);

        /*
         * Starts to listen. May block: in the resolver, and up to a second for the lock of a
         * directory. Returns as hark_server_listen() does. NULL: this transport only connects.
         */
        int (*listen)(hark_loop *loop, const struct hark_address *address,
                      struct hark_listener **ret_listener);

        /* Stops listening and frees; leaves nothing of its own behind in the file system. May block
         * up to a second for the lock of a directory. */
        void (*close_listener)(struct hark_listener *listener);

        /*
         * Looks up the names in an address, which blocks, so that connect need not: whoever
         * connects more than once does that first. 0; -EHOSTUNREACH, -ENOMEM. NULL: there is
         * nothing to look up.
         */
        int (*resolve)(struct hark_address *address);

        /*
         * Begins to connect; what can be told at once is (-ENOENT, -ECONNREFUSED, ...), the rest
         * comes as HARK_PORT_OPENED or HARK_PORT_BROKEN. May block in the resolver, unless the
         * address is resolved, and until a program that it starts has been executed. A resolved
         * address must outlive the port. NULL: this transport only listens.
         */
        int (*connect)(hark_loop *loop, const struct hark_address *address,
                       struct hark_port **ret_port);

        /*
         * Watches for a server to come to an address, where the kernel can tell: whoever sets
         * on_arrival before the loop runs, and then finds nobody there, is told. It may miss some,
         * so that he has to try now and then by himself. 0; -errno: not this one, or not now. NULL:
         * the kernel cannot tell.
         */
        int (*watch)(hark_loop *loop, const struct hark_address *address,
                     struct hark_watch **ret_watch);
        void (*unwatch)(struct hark_watch *watch);

        /*
         * Begins to watch the port's descriptors, for reading. HARK_PORT_OPENED comes through the
         * loop, never from inside start, also for a port that is open already.
         * Returns 0, or what epoll_ctl(2) said.
         */
        int (*start)(struct hark_port *port);

        /*
         * Reads what is there into iov. A stream fills it as far as it can, a packet transport
         * gives one frame. fds that came along are appended to *fds.
         * Returns bytes, > 0; 0: the end, in good order; -EAGAIN: nothing there;
         * -ECONNRESET and others: it is lost.
         */
        ssize_t (*receive)(struct hark_port *port, const struct iovec *iov, unsigned n_iov,
                           struct hark_in_fds *fds);

        /*
         * Takes frames, in order, n_frames <= HARK_SEND_FRAMES. A stream may take any number of
         * bytes, and so may what cuts frames itself (link/chunk.h); the caller passes the rest of a
         * frame as the first one next time, without its fds if any byte of it was taken. Other
         * packet transports take whole frames.
         * Returns the bytes taken, > 0; -EAGAIN: none, HARK_PORT_WRITABLE comes if it is wanted;
         * -EPIPE, -ECONNRESET and others: it is lost; -ETOOMANYREFS is given as -EAGAIN.
         */
        ssize_t (*send)(struct hark_port *port, const struct hark_out_frame *frames,
                        unsigned n_frames);

        /* Says what events are wanted from now on: HARK_PORT_READABLE, HARK_PORT_WRITABLE. */
        void (*want)(struct hark_port *port, unsigned events);

        /*
         * Whether all that was sent has arrived; if not, HARK_PORT_WRITABLE comes when it has,
         * wanted or not. NULL: the kernel sees to that, also when the port is closed.
         */
        bool (*has_arrived)(struct hark_port *port);

        /*
         * Says that a message is leaving that takes many sends, or that it has left: as long as it
         * does, the port may take more at once than usual, so that the other side is woken less
         * often. Not longer, for what a port has taken no priority passes, and no policy drops.
         * NULL: it makes no difference.
         */
        void (*set_bulky)(struct hark_port *port, bool is_bulky);

        /*
         * Fills in uid, gid, pid and pidfd as far as the kernel vouches for them; the rest is
         * unknown, as it was set before. The pidfd is the caller's to close. Of a port of connect's
         * not before it is open.
         */
        void (*identify)(struct hark_port *port, struct hark_credentials *credentials);

        /*
         * Lists the groups that the peer is in besides its gid, as the kernel vouches for them; the
         * list is the caller's to free, and NULL if there are none.
         * Returns 0; -errno: they cannot be known. NULL: they never can.
         */
        int (*list_groups)(struct hark_port *port, gid_t **ret_groups, size_t *ret_n_groups);

        /* Closes and frees the port, started or not; no event comes any more. */
        void (*close)(struct hark_port *port);
};

extern const struct hark_transport_ops hark_transport_unix;
extern const struct hark_transport_ops hark_transport_seqpacket;
extern const struct hark_transport_ops hark_transport_dgram;
extern const struct hark_transport_ops hark_transport_tcp;
extern const struct hark_transport_ops hark_transport_udp;
extern const struct hark_transport_ops hark_transport_pipe;
extern const struct hark_transport_ops hark_transport_fifo;
extern const struct hark_transport_ops hark_transport_mq;
extern const struct hark_transport_ops hark_transport_exec;
extern const struct hark_transport_ops hark_transport_stdio;
extern const struct hark_transport_ops hark_transport_inherited;

/* The table; NULL past the last. */
const struct hark_transport_ops *hark_transport_ops_get(size_t index);

/* Sets who is told, then starts. */
int hark_port_start(struct hark_port *port,
                    void (*on_event)(struct hark_port *port, unsigned events), void *userdata);

/* Credentials of which nothing is known. */
void hark_credentials_init(struct hark_credentials *credentials);

/* Takes NULL. Returns NULL. */
struct hark_port *hark_port_close(struct hark_port *port);
struct hark_listener *hark_listener_close(struct hark_listener *listener);

#endif
