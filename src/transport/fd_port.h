/* SPDX-License-Identifier: MIT */
#ifndef HARK_TRANSPORT_FD_PORT_H
#define HARK_TRANSPORT_FD_PORT_H

/*
 * A port over one socket or over two descriptors: what all transports share whose connection is
 * descriptors of its own. They add how it is opened, who the peer is, and how it is closed.
 *
 *         connect             start                      the rendezvous succeeds
 *         ------> not started -----> waiting (transport's) ---------------------> open
 *                             hark_fd_port_start()             hark_fd_port_opened()
 *                             ------------------------------------------------->
 *
 * The flags of an inherited descriptor are never changed where that can be avoided, because whoever
 * else holds it shares them: so sockets are used with MSG_DONTWAIT and not with O_NONBLOCK, and
 * pipes are opened anew (inherit.h).
 *
 * Of a stream many frames are written at once, and cut where the kernel likes; of packets each
 * frame is one.
 *
 * Fds go with the first byte of their frame, in a sendmsg(2) that begins with it. The kernel
 * delivers them with that byte, and ends a recvmsg(2) after the bytes of such a sendmsg, but it may
 * put bytes that were sent before in front of them: so fds come with their frame's first byte or
 * earlier, never later, and in order.
 *
 * Until they are read they are charged to the sending user, who may have no more of them in flight
 * than open files (unix(7), ETOOMANYREFS): one peer that does not read would stop them for all. So
 * of each connection only some may be unread; then it waits, and nobody else.
 */

#include "transport/transport.h"

/* Bytes of a frame on a stream: so long at most does a more urgent one wait. */
#define HARK_STREAM_FRAME (64 * 1024)

/* Of a packet, which has its name and extensions besides: the usual SO_SNDBUF has room for three. */
#define HARK_PACKET_FRAME (68 * 1024)

/* SO_SNDBUF while a bulky message leaves, of which the kernel grants what net.core.wmem_max allows.
 * A round trip of 1 MiB between two CPUs takes little more than half the time then; above this
 * there was nothing to be seen. */
#define HARK_BULKY_BUFFER (1024 * 1024)

/* One descriptor of a port. */
struct hark_end {
        int fd; /* -1: none */
        bool is_socket;
        bool has_status;  /* status_flags are to be put back before it is closed */
        int status_flags; /* of fcntl(2) F_GETFL */
};

struct hark_fd_port {
        struct hark_port port;   /* the first member: a port of these transports is one of these */
        struct hark_end in, out; /* a socket that serves both is in; out.fd is -1 then */
        struct hark_io input, output;
        unsigned wanted; /* enum hark_port_event */
        bool is_broken;  /* and said so: no longer watched */
        bool has_no_sigpipe_flag;
        unsigned n_fds_unread;    /* sent since the other side was last seen to have read all */
        uint64_t pause_ns;        /* the next pause */
        int usual_buffer;         /* SO_SNDBUF as it was set; 0: not known yet */
        struct hark_task opening; /* tells HARK_PORT_OPENED */
        struct hark_timer pause;  /* the kernel has no room, although it says "writable" */
};

/* Zeroed memory of at least sizeof(struct hark_fd_port) becomes a port without descriptors. */
void hark_fd_port_init(struct hark_fd_port *fd_port, const struct hark_transport_ops *transport,
                       hark_loop *loop);

/* Gives it the one socket that serves both ways. */
void hark_fd_port_set_socket(struct hark_fd_port *fd_port, int fd);

/* Begins to watch what is open now and tells HARK_PORT_OPENED at once: the last thing that a timer
 * or io function does, because whoever is told may close the port. */
void hark_fd_port_opened(struct hark_fd_port *fd_port);

/* Tells HARK_PORT_BROKEN and watches no more; the same holds. error: -errno. */
void hark_fd_port_broke(struct hark_fd_port *fd_port, int error);

/* The same of one whose rendezvous has succeeded, so that what came behind it can be read. */
void hark_fd_port_was_open(struct hark_fd_port *fd_port, int error);

/* Stops and closes all; the memory is the transport's to free. */
void hark_fd_port_done(struct hark_fd_port *fd_port);

/* Puts back what hark_end says, and closes it. */
void hark_end_close(struct hark_end *end);

/* The operations of struct hark_transport_ops that are the same for all. */
int hark_fd_port_start(struct hark_port *port); /* for what is open already */
ssize_t hark_fd_port_receive(struct hark_port *port, const struct iovec *iov, unsigned n_iov,
                             struct hark_in_fds *fds);
ssize_t hark_fd_port_send(struct hark_port *port, const struct hark_out_frame *frames,
                          unsigned n_frames);
void hark_fd_port_want(struct hark_port *port, unsigned events);
void hark_fd_port_set_bulky(struct hark_port *port,
                            bool is_bulky); /* of a UNIX socket of one's own */
void hark_fd_port_identify_nobody(struct hark_port *port, struct hark_credentials *credentials);

#endif
