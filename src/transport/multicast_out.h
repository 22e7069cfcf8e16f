/* SPDX-License-Identifier: MIT */
#ifndef HARK_TRANSPORT_MULTICAST_OUT_H
#define HARK_TRANSPORT_MULTICAST_OUT_H

/*
 * Notifications out to a multicast group, see link/cast.h: each once, in as many datagrams as it
 * takes, and every second what the last numbers are. What the kernel does not take is lost like what
 * the network does not carry, and counted by those who miss it.
 */

#include "link/cast_sender.h"
#include "loop/loop.h"
#include "transport/multicast_socket.h"
#include "transport/transport.h"

struct hark_multicast_out {
        hark_loop *loop;
        int fd;
        struct hark_cast_sender *sender;
        struct hark_timer heartbeat;
};

/* Begins: all who hear are told that nothing has been sent before. 0; -ENOMEM; -errno of
 * hark_multicast_open_sender(). */
int hark_multicast_out_open(struct hark_multicast_out *out, hark_loop *loop,
                            const struct hark_multicast_group *group);

/* Says the end, and takes one that was not opened. */
void hark_multicast_out_close(struct hark_multicast_out *out);

/* Sends a frame about this topic. */
void hark_multicast_out_send(struct hark_multicast_out *out, const struct hark_out_frame *frame,
                             const char *topic, size_t topic_size);

#endif
