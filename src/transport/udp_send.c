/* SPDX-License-Identifier: MIT */

/* Frames out in chunks, see udp_port.h. */

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "link/lost.h"
#include "transport/udp_port.h"

/* What is sent, and sent again if it does not come: the same, or what tells that it is lost. */
struct packets {
        uint8_t header[HARK_CHUNK_HEADER];
        struct iovec iov[1 + HARK_FRAME_IOVS];
        unsigned n_iov;
};

static size_t smaller(size_t a, size_t b)
{
        return a < b ? a : b;
}

static void copy(const struct packets *packets, uint8_t *to)
{
        for (unsigned i = 0; i < packets->n_iov; i++)
                to = mempcpy(to, packets->iov[i].iov_base, packets->iov[i].iov_len);
}

static bool keep_loss(struct udp_port *port, struct hark_chunk chunk,
                      const struct hark_out_frame *frame, uint64_t now_ns)
{
        uint8_t gap[HARK_LOST_MAX];
        size_t size = hark_lost_encode(frame->iov[0].iov_base, frame->loss_number, gap);
        uint8_t *packet = hark_send_window_add(&port->out, HARK_CHUNK_HEADER + size, now_ns);

        if (!packet)
                return false;
        chunk.size = (uint16_t)size;
        hark_chunk_encode(&chunk, packet);
        memcpy(packet + HARK_CHUNK_HEADER, gap, size);
        return true;
}

static bool keep(struct udp_port *port, const struct packets *packets, size_t size, uint64_t now_ns)
{
        uint8_t *packet = hark_send_window_add(&port->out, HARK_CHUNK_HEADER + size, now_ns);

        if (packet)
                copy(packets, packet);
        return packet;
}

/* Sends the chunk of a frame that begins at offset. Returns its bytes; -EAGAIN; -errno. */
static ssize_t send_chunk(struct udp_port *port, const struct hark_out_frame *frame, size_t offset,
                          uint64_t now_ns)
{
        size_t size = smaller(frame->size - offset, port->packet_size - HARK_CHUNK_HEADER);
        bool may_be_lost = frame->loss_number != 0 && size == frame->size;
        struct packets packets;
        struct hark_chunk chunk;
        bool is_kept;

        if (!hark_send_window_has_room(&port->out))
                return -EAGAIN;
        chunk = hark_udp_port_chunk(port, HARK_CHUNK_DATA, size);
        if (offset + size == frame->size)
                chunk.flags |= HARK_CHUNK_LAST;
        hark_chunk_encode(&chunk, packets.header);
        packets.iov[0] = (struct iovec){packets.header, HARK_CHUNK_HEADER};
        packets.n_iov = 1 + hark_out_frame_slice(frame, offset, size, packets.iov + 1);
        is_kept = may_be_lost ? keep_loss(port, chunk, frame, now_ns)
                              : keep(port, &packets, size, now_ns);
        if (!is_kept)
                return -ENOMEM;
        if (hark_udp_send(port->io.fd, NULL, packets.iov, packets.n_iov) == -EMSGSIZE)
                return -ECONNRESET; /* the next connection finds out how much the way carries */
        return (ssize_t)size;
}

/* Returns the bytes that have left, of which the last may be missing; -EAGAIN; -errno. */
static ssize_t send_frame(struct udp_port *port, const struct hark_out_frame *frame,
                          uint64_t now_ns)
{
        size_t offset = 0;

        while (offset < frame->size) {
                ssize_t n = send_chunk(port, frame, offset, now_ns);

                if (n < 0 && (offset == 0 || n != -EAGAIN))
                        return n;
                if (n < 0)
                        break;
                offset += (size_t)n;
        }
        return (ssize_t)offset;
}

ssize_t hark_udp_port_send(struct hark_port *base, const struct hark_out_frame *frames,
                           unsigned n_frames)
{
        struct udp_port *port = hark_container_of(base, struct udp_port, base.port);
        uint64_t now_ns = hark_now_ns();
        ssize_t sent = 0, n = 0;

        if (hark_send_window_is_empty(&port->out))
                port->came_ns = now_ns;
        for (unsigned i = 0; i < n_frames && n >= 0; i++) {
                n = send_frame(port, &frames[i], now_ns);
                if (n > 0)
                        sent += n;
                if (n >= 0 && (size_t)n < frames[i].size)
                        break;
        }
        hark_udp_port_schedule(port);
        /* What cannot go on is lost at once: else what has left of this frame would leave again. */
        return sent > 0 && (n >= 0 || n == -EAGAIN) ? sent : n;
}
