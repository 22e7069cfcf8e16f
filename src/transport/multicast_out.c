/* SPDX-License-Identifier: MIT */

/* See multicast_out.h. */

#include "transport/multicast_out.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "wire/header.h"

#define SIZE_AT 4 /* of a frame, in its header */
#define N_BYES  3 /* one may be lost, and nobody asks */

/* Soon after the beginning, and then as often as is promised. */
#define FIRST_NS (200 * 1000000ull)

static void send_packet(struct hark_multicast_out *out, const uint8_t *packet, size_t size)
{
        ssize_t n;

        do {
                n = send(out->fd, packet, size, MSG_DONTWAIT | MSG_NOSIGNAL);
        } while (n < 0 && errno == EINTR);
}

static void send_table(struct hark_multicast_out *out, uint8_t flags)
{
        unsigned n = hark_cast_sender_begin_table(out->sender);
        uint8_t packet[HARK_CAST_PACKET];

        for (unsigned i = 0; i < n; i++)
                send_packet(out, packet,
                            hark_cast_sender_write_table(out->sender, i, flags, packet));
}

static void on_heartbeat(struct hark_timer *timer)
{
        struct hark_multicast_out *out =
                hark_container_of(timer, struct hark_multicast_out, heartbeat);

        send_table(out, 0);
        hark_timer_start(out->loop, timer, hark_now_ns() + HARK_CAST_HEARTBEAT_NS, on_heartbeat);
}

int hark_multicast_out_open(struct hark_multicast_out *out, hark_loop *loop,
                            const struct hark_multicast_group *group)
{
        uint64_t instance = 0;

        out->loop = loop;
        out->fd = hark_multicast_open_sender(group);
        if (out->fd < 0)
                return out->fd;
        if (getrandom(&instance, sizeof(instance), 0) != (ssize_t)sizeof(instance))
                return -EIO; /* so few bytes are never cut by a signal, see getrandom(2) */
        out->sender = hark_cast_sender_new(instance | 1);
        if (!out->sender)
                return -ENOMEM;
        send_table(out, 0);
        hark_timer_start(loop, &out->heartbeat, hark_now_ns() + FIRST_NS, on_heartbeat);
        return 0;
}

void hark_multicast_out_close(struct hark_multicast_out *out)
{
        for (unsigned i = 0; i < N_BYES && out->sender; i++)
                send_table(out, HARK_CAST_BYE);
        hark_timer_stop(&out->heartbeat);
        hark_cast_sender_free(out->sender);
        out->sender = NULL;
        out->fd = hark_close(out->fd);
}

void hark_multicast_out_send(struct hark_multicast_out *out, const struct hark_out_frame *frame,
                             const char *topic, size_t topic_size)
{
        const uint8_t *head = frame->iov[0].iov_base;
        size_t size = HARK_HEADER_SIZE + hark_load32(head + SIZE_AT);
        uint8_t packet[HARK_CAST_PACKET];
        struct hark_cast cast;

        if (hark_cast_sender_begin(out->sender, topic, topic_size, size, &cast) < 0)
                return;
        do {
                hark_cast_encode(&cast, packet);
                hark_out_frame_copy(frame, (size_t)cast.piece * HARK_CAST_PIECE, cast.size,
                                    packet + HARK_CAST_HEADER);
                send_packet(out, packet, HARK_CAST_HEADER + cast.size);
        } while (hark_cast_next(&cast, size));
}
