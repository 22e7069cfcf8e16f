/* SPDX-License-Identifier: MIT */

/* See inbox_port.h. */

#include "transport/inbox_port.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"

static bool has_something(const struct hark_inbox_port *port)
{
        return (port->is_ended || hark_inbox_has_frame(&port->inbox)) &&
               port->wanted & HARK_PORT_READABLE;
}

static void on_again(struct hark_timer *timer)
{
        hark_inbox_port_tell(hark_container_of(timer, struct hark_inbox_port, again), 0);
}

void hark_inbox_port_tell_soon(struct hark_inbox_port *port)
{
        if (!port->is_broken)
                hark_timer_start(port->port.loop, &port->again, hark_now_ns(), on_again);
}

void hark_inbox_port_tell(struct hark_inbox_port *port, unsigned events)
{
        bool is_gone = false;

        if (port->is_broken || !port->port.on_event)
                return;
        if (has_something(port))
                events |= HARK_PORT_READABLE;
        if (!port->port.is_open) {
                port->port.is_open = true;
                hark_task_cancel(&port->opening);
                events |= HARK_PORT_OPENED;
        }
        if (events == 0)
                return;
        port->is_gone = &is_gone;
        port->port.on_event(&port->port, events);
        if (is_gone)
                return;
        port->is_gone = NULL;
        if (has_something(port))
                hark_inbox_port_tell_soon(port);
}

static void run_opening(struct hark_task *task)
{
        hark_inbox_port_tell(hark_container_of(task, struct hark_inbox_port, opening), 0);
}

void hark_inbox_port_open_soon(struct hark_inbox_port *port)
{
        hark_loop_queue_chore(port->port.loop, &port->opening);
}

static void stop(struct hark_inbox_port *port)
{
        hark_timer_stop(&port->again);
        hark_task_cancel(&port->opening);
}

void hark_inbox_port_break(struct hark_inbox_port *port, int error)
{
        if (port->is_broken || !port->port.on_event)
                return;
        port->is_broken = true;
        stop(port);
        port->port.error = error;
        port->port.on_event(&port->port, HARK_PORT_BROKEN);
}

static void scatter(const struct iovec *iov, unsigned n_iov, const uint8_t *bytes, size_t size)
{
        for (unsigned i = 0; i < n_iov && size > 0; i++) {
                size_t n = iov[i].iov_len < size ? iov[i].iov_len : size;

                memcpy(iov[i].iov_base, bytes, n);
                bytes += n;
                size -= n;
        }
}

ssize_t hark_inbox_port_take(struct hark_inbox_port *port, const struct iovec *iov, unsigned n_iov)
{
        size_t size;
        const uint8_t *frame = hark_inbox_peek(&port->inbox, &size);

        if (!frame)
                return port->is_ended ? 0 : -EAGAIN;
        scatter(iov, n_iov, frame, size);
        hark_inbox_take(&port->inbox);
        return (ssize_t)size;
}

void hark_inbox_port_init(struct hark_inbox_port *port, const struct hark_transport_ops *transport,
                          hark_loop *loop)
{
        *port = (struct hark_inbox_port){
                .port = {.transport = transport,
                         .capabilities = transport->public.capabilities,
                         .loop = loop},
                .wanted = HARK_PORT_READABLE,
        };
        hark_inbox_init(&port->inbox, transport->public.max_frame);
        hark_task_init(&port->opening, run_opening, NULL);
}

void hark_inbox_port_done(struct hark_inbox_port *port)
{
        if (port->is_gone)
                *port->is_gone = true;
        stop(port);
        hark_inbox_done(&port->inbox);
}
