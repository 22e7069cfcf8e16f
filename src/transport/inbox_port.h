/* SPDX-License-Identifier: MIT */
#ifndef HARK_TRANSPORT_INBOX_PORT_H
#define HARK_TRANSPORT_INBOX_PORT_H

/*
 * A port whose frames lie in an inbox, put together from what has come: it opens, tells what there
 * is, hands it out, and breaks. Where the frames come from is the business of what embeds it.
 *
 * No epoll knows of an inbox. What has been told is told again, as long as it is so.
 */

#include "link/inbox.h"
#include "transport/transport.h"

struct hark_inbox_port {
        struct hark_port port; /* the first member */
        struct hark_inbox inbox;
        unsigned wanted; /* enum hark_port_event */
        bool is_ended;   /* the other side has closed: behind the inbox is the end */
        bool is_broken;  /* and said so */
        bool *is_gone;   /* of what is going on with it, which may close it; or NULL */
        struct hark_timer again;
        struct hark_task opening;
};

void hark_inbox_port_init(struct hark_inbox_port *port, const struct hark_transport_ops *transport,
                          hark_loop *loop);

/* Stops, and drops what nobody has taken. */
void hark_inbox_port_done(struct hark_inbox_port *port);

/* Opens it from the loop: for a port that is open when it starts. */
void hark_inbox_port_open_soon(struct hark_inbox_port *port);

/*
 * Tells these events (enum hark_port_event) and what there is to be read, the first time that it is
 * open; as long as there is something, that is told again. The last thing that is done with it, in
 * the gathering phase. Does nothing to one that is not started, which its opening tells.
 */
void hark_inbox_port_tell(struct hark_inbox_port *port, unsigned events);

/* Whether it is telling just now: what lies where the frames come from has been looked at, and will
 * be told by itself if there is more. */
static inline bool hark_inbox_port_is_telling(const struct hark_inbox_port *port)
{
        return port->is_gone != NULL;
}

/* What there is to be read, when the loop gathers next. */
void hark_inbox_port_tell_soon(struct hark_inbox_port *port);

/* Tells HARK_PORT_BROKEN; the last thing that is done with it. Once only. */
void hark_inbox_port_break(struct hark_inbox_port *port, int error);

/* The receive of struct hark_transport_ops, of what lies in the inbox. */
ssize_t hark_inbox_port_take(struct hark_inbox_port *port, const struct iovec *iov, unsigned n_iov);

#endif
