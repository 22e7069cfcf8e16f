/* SPDX-License-Identifier: MIT */
#ifndef HARK_TRANSPORT_UDP_PORT_H
#define HARK_TRANSPORT_UDP_PORT_H

/*
 * A connection over UDP, either side of it, from when it stands.
 *
 *         frames  -> chunks, numbered -> send_window     ... the network ...  receive_window -> inbox
 *                    what has come    <- acknowledgements, in each chunk that goes back
 *
 * All chunks of one side have one order, in which they are handed over, each once: so a call runs at
 * most once. A chunk is sent again until it has come, but for that of a notification which may be
 * lost: then the gap that tells of it is sent under its number. Whichever of them comes first
 * counts, so that what is told as lost is never delivered as well.
 *
 * An acknowledgement waits for a chunk that goes back anyway, but not for long: for 5 ms, or for
 * the second one.
 *
 * Nothing shows the other side's death, but for the kernel of a machine that stands and has nobody
 * at the port, which says so to whoever sends something there. So a silent one is asked after 15 s,
 * and again, and is given up after 60 s; so is one that answers, but for so long has taken nothing of
 * what is sent to it again and again: the way may have come to carry less, and nobody says so. Who
 * has started anew knows nothing of the connection, and says that.
 */

#include "link/chunk.h"
#include "link/receive_window.h"
#include "link/send_window.h"
#include "transport/inbox_port.h"
#include "transport/udp_socket.h"

#define HARK_UDP_FRAME ((size_t)20 * 1024) /* 16 KiB of payload, and the prefix */

#define HARK_UDP_PROBE_NS   (15 * 1000000000ull)
#define HARK_UDP_SILENCE_NS (60 * 1000000000ull)

struct udp_port;

struct udp_port_ops {
        int (*start)(struct udp_port *port);
        /* What comes to the socket and is no chunk of this connection. 0; -errno: as of lose. */
        int (*take_other)(struct udp_port *port, const struct hark_udp_path *path,
                          const struct hark_chunk *chunk, const uint8_t *bytes);
        /* So does what did not arrive, and was no chunk of this connection. NULL: it is no matter. */
        int (*judge_other)(struct udp_port *port, const uint8_t *packet, size_t size, int error);
        /* It cannot go on. The last thing that is done with it. */
        void (*lose)(struct udp_port *port, int error);
        void (*close)(struct udp_port *port);
};

struct udp_port {
        struct hark_inbox_port base; /* the first member */
        const struct udp_port_ops *ops;
        struct hark_io io;   /* of its socket, which is connected */
        uint64_t connection; /* 0: it does not stand yet */
        size_t packet_size;  /* bytes of its datagrams, at most */
        struct hark_send_window out;
        struct hark_receive_window in;
        struct hark_timer timer;   /* runs when the first of these is due */
        uint64_t heard_ns;         /* when something came; it is due 60 s later */
        uint64_t came_ns;          /* when some of what we sent was last known to have come */
        uint64_t probe_ns;         /* HARK_NEVER, as the others: not now */
        uint64_t acknowledge_ns;   /* what has come is owed an acknowledgement */
        unsigned n_unacknowledged; /* chunks */
        uint64_t end_ns;           /* the other side has closed, and something is missing */
        uint32_t end;              /* all it has sent */
        int failed;                /* -errno: it is lost, but for what lies in the inbox */
        bool has_heard;            /* a chunk of the connection */
        bool is_full;              /* we have said so */
        bool is_finishing;         /* somebody waits for all to arrive */
};

void hark_udp_port_init(struct udp_port *port, const struct udp_port_ops *ops, hark_loop *loop);

/* It stands, from now on. */
void hark_udp_port_stand(struct udp_port *port, uint64_t connection, size_t packet_size);

/* Begins to read its socket. 0; -errno. */
int hark_udp_port_watch(struct udp_port *port);

/* Begins a chunk, which says what has come. */
struct hark_chunk hark_udp_port_chunk(struct udp_port *port, uint8_t kind, size_t size);

/* Has the timer run when the next thing is due. */
void hark_udp_port_schedule(struct udp_port *port);

/* Tells HARK_PORT_BROKEN; the last thing that is done with it. */
void hark_udp_port_break(struct udp_port *port, int error);

/* Says the end to the other side, stops, and closes the socket; the memory is the caller's. */
void hark_udp_port_done(struct udp_port *port);

/* The operations that are the same at both sides. */
ssize_t hark_udp_port_send(struct hark_port *base, const struct hark_out_frame *frames,
                           unsigned n_frames);
ssize_t hark_udp_port_receive(struct hark_port *base, const struct iovec *iov, unsigned n_iov,
                              struct hark_in_fds *fds);
void hark_udp_port_want(struct hark_port *base, unsigned events);
bool hark_udp_port_has_arrived(struct hark_port *base);

#endif
