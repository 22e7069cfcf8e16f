/* SPDX-License-Identifier: MIT */

/*
 * The table of transports, and the little that is the same for all of them.
 */

#include "transport/transport.h"

#include <hark/transport.h>
#include <string.h>

static const struct hark_transport_ops *const transports[] = {
        &hark_transport_unix,  &hark_transport_seqpacket, &hark_transport_dgram,
        &hark_transport_tcp,   &hark_transport_udp,       &hark_transport_pipe,
        &hark_transport_fifo,  &hark_transport_mq,        &hark_transport_exec,
        &hark_transport_stdio, &hark_transport_inherited,
};

const struct hark_transport_ops *hark_transport_ops_get(size_t index)
{
        return index < sizeof(transports) / sizeof(*transports) ? transports[index] : NULL;
}

unsigned hark_out_frame_slice(const struct hark_out_frame *frame, size_t offset, size_t size,
                              struct iovec ret_iov[HARK_FRAME_IOVS])
{
        unsigned n_iov = 0;

        for (unsigned i = 0; size > 0; i++) {
                const struct iovec *piece = &frame->iov[i];
                size_t n;

                if (offset >= piece->iov_len) {
                        offset -= piece->iov_len;
                        continue;
                }
                n = piece->iov_len - offset < size ? piece->iov_len - offset : size;
                ret_iov[n_iov++] = (struct iovec){(uint8_t *)piece->iov_base + offset, n};
                size -= n;
                offset = 0;
        }
        return n_iov;
}

void hark_out_frame_copy(const struct hark_out_frame *frame, size_t offset, size_t size,
                         uint8_t *to)
{
        struct iovec iov[HARK_FRAME_IOVS];
        unsigned n_iov = hark_out_frame_slice(frame, offset, size, iov);

        for (unsigned i = 0; i < n_iov; i++)
                to = mempcpy(to, iov[i].iov_base, iov[i].iov_len);
}

int hark_port_start(struct hark_port *port,
                    void (*on_event)(struct hark_port *port, unsigned events), void *userdata)
{
        port->on_event = on_event;
        port->userdata = userdata;
        return port->transport->start(port);
}

void hark_credentials_init(struct hark_credentials *credentials)
{
        *credentials = (struct hark_credentials){
                .uid = (uid_t)-1, .gid = (gid_t)-1, .pidfd = -1, .claimed_name = ""};
}

struct hark_port *hark_port_close(struct hark_port *port)
{
        if (port)
                port->transport->close(port);
        return NULL;
}

struct hark_listener *hark_listener_close(struct hark_listener *listener)
{
        if (listener)
                listener->transport->close_listener(listener);
        return NULL;
}

const struct hark_transport *hark_transport_get(size_t index)
{
        const struct hark_transport_ops *ops = hark_transport_ops_get(index);

        return ops ? &ops->public : NULL;
}
