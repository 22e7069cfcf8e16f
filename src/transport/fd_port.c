/* SPDX-License-Identifier: MIT */

/*
 * See fd_port.h. What epoll(7) says becomes events of the port like this:
 *
 *         input    EPOLLIN, EPOLLHUP, EPOLLERR   readable: receive gives the rest, then how it ended
 *                  the last two, reading unwanted                           broken
 *         output   EPOLLOUT                                                 writable
 *                  EPOLLERR, EPOLLHUP: the reader of the pipe has gone      broken
 *
 * epoll reports the last two whether they are wanted or not, again and again: so what is broken is
 * not watched any more.
 */

#include "transport/fd_port.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <linux/sockios.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "transport/sigpipe.h"
#include "transport/socket_io.h"

/* How long to wait where the kernel calls a descriptor writable and then has no room: twice as long
 * each time. */
#define PAUSE_MIN_NS 1000000u
#define PAUSE_MAX_NS (64 * PAUSE_MIN_NS)

/* Fds that may be unread, unless they are those of one message. */
#define FDS_UNREAD_MAX 32

/* What one system call writes: one packet, or frames in a row of which only the first may have
 * fds. */
struct batch {
        struct iovec iov[HARK_SEND_FRAMES * HARK_FRAME_IOVS];
        unsigned n_iov;
        unsigned n_frames;
        size_t size;
        const int *fds;
        unsigned n_fds;
};

static struct hark_fd_port *fd_port_of(struct hark_port *port)
{
        return hark_container_of(port, struct hark_fd_port, port);
}

/* --- watching --------------------------------------------------------------------------------- */

static uint32_t input_events(const struct hark_fd_port *fd_port)
{
        return fd_port->wanted & HARK_PORT_READABLE ? EPOLLIN : 0;
}

static uint32_t output_events(const struct hark_fd_port *fd_port)
{
        bool is_wanted = fd_port->wanted & HARK_PORT_WRITABLE;

        return is_wanted && !hark_timer_is_running(&fd_port->pause) ? EPOLLOUT : 0;
}

static void update_events(struct hark_fd_port *fd_port)
{
        uint32_t in = input_events(fd_port), out = output_events(fd_port);

        if (!fd_port->input.loop)
                return;
        if (fd_port->out.fd < 0) {
                hark_io_set(&fd_port->input, in | out);
                return;
        }
        hark_io_set(&fd_port->input, in);
        hark_io_set(&fd_port->output, out);
}

static void stop_watching(struct hark_fd_port *fd_port)
{
        hark_io_stop(&fd_port->input);
        hark_io_stop(&fd_port->output);
        hark_timer_stop(&fd_port->pause);
        hark_task_cancel(&fd_port->opening);
}

/* Tells events, HARK_PORT_OPENED first if that has not been told yet. */
static void tell(struct hark_fd_port *fd_port, unsigned events)
{
        struct hark_port *port = &fd_port->port;

        if (!port->is_open) {
                hark_task_cancel(&fd_port->opening);
                port->is_open = true;
                events |= HARK_PORT_OPENED;
        }
        if (events != 0)
                port->on_event(port, events);
}

/* What getsockopt(2) knows of why it broke; otherwise, if it does not: error. */
static int pending_error(const struct hark_end *end, int error)
{
        int pending = 0;
        socklen_t size = sizeof(pending);

        if (end->is_socket && getsockopt(end->fd, SOL_SOCKET, SO_ERROR, &pending, &size) == 0 &&
            pending != 0)
                return -pending;
        return error;
}

static void on_input(struct hark_io *io, uint32_t events)
{
        struct hark_fd_port *fd_port = hark_container_of(io, struct hark_fd_port, input);
        bool is_reading = fd_port->wanted & HARK_PORT_READABLE;
        unsigned told = 0;

        if (!is_reading && (events & (EPOLLHUP | EPOLLERR))) {
                hark_fd_port_broke(fd_port, pending_error(&fd_port->in, -ECONNRESET));
                return;
        }
        if (is_reading && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
                told |= HARK_PORT_READABLE;
        if (events & EPOLLOUT)
                told |= HARK_PORT_WRITABLE;
        tell(fd_port, told);
}

static void on_output(struct hark_io *io, uint32_t events)
{
        struct hark_fd_port *fd_port = hark_container_of(io, struct hark_fd_port, output);

        if (events & (EPOLLHUP | EPOLLERR))
                hark_fd_port_broke(fd_port, pending_error(&fd_port->out, -EPIPE));
        else
                tell(fd_port, HARK_PORT_WRITABLE);
}

static int watch(struct hark_fd_port *fd_port)
{
        hark_loop *loop = fd_port->port.loop;
        uint32_t in = input_events(fd_port), out = output_events(fd_port);
        int r;

        if (fd_port->out.fd < 0)
                return hark_io_start(loop, &fd_port->input, fd_port->in.fd, in | out, on_input);
        r = hark_io_start(loop, &fd_port->input, fd_port->in.fd, in, on_input);
        if (r < 0)
                return r;
        r = hark_io_start(loop, &fd_port->output, fd_port->out.fd, out, on_output);
        if (r < 0)
                hark_io_stop(&fd_port->input);
        return r;
}

static void run_opening(struct hark_task *task)
{
        struct hark_fd_port *fd_port = hark_container_of(task, struct hark_fd_port, opening);

        /* A FIFO whose writer had gone when it was opened anew never shows EPOLLHUP (fifo(7)), but
         * reading tells: so pipes are looked at once without being asked. */
        tell(fd_port,
             fd_port->in.is_socket ? HARK_PORT_OPENED : HARK_PORT_OPENED | HARK_PORT_READABLE);
}

static void on_pause_over(struct hark_timer *timer)
{
        struct hark_fd_port *fd_port = hark_container_of(timer, struct hark_fd_port, pause);

        update_events(fd_port);
}

/* --- receiving and sending -------------------------------------------------------------------- */

static ssize_t receive_from_pipe(int fd, const struct iovec *iov, unsigned n_iov)
{
        ssize_t n;

        do {
                n = readv(fd, iov, (int)n_iov);
        } while (n < 0 && errno == EINTR);
        return n < 0 ? -errno : n;
}

static const struct hark_end *out_end(const struct hark_fd_port *fd_port)
{
        return fd_port->out.fd < 0 ? &fd_port->in : &fd_port->out;
}

static bool is_stream(const struct hark_fd_port *fd_port)
{
        return fd_port->port.transport->public.capabilities & HARK_CAN_STREAM;
}

static void fill_batch(struct batch *batch, const struct hark_out_frame *frames, unsigned n_frames)
{
        batch->fds = frames->fds;
        batch->n_fds = frames->n_fds;
        batch->n_iov = batch->n_frames = 0;
        batch->size = 0;
        for (const struct hark_out_frame *frame = frames; batch->n_frames < n_frames; frame++) {
                if (batch->n_frames > 0 && frame->n_fds > 0)
                        break;
                memcpy(batch->iov + batch->n_iov, frame->iov, frame->n_iov * sizeof(*frame->iov));
                batch->n_iov += frame->n_iov;
                batch->size += frame->size;
                batch->n_frames++;
        }
}

/* Whether the error says that the kernel has no room, which says nothing of the connection and
 * which EPOLLOUT does not show: too many fds of this user are in flight, or no memory is left. */
static bool is_shortage(ssize_t error)
{
        return error == -ETOOMANYREFS || error == -ENOBUFS || error == -ENOMEM;
}

/* Whether so many fds more may be in flight. What the other side has read is known only where that
 * is all. */
static bool has_room_for_fds(struct hark_fd_port *fd_port, unsigned n_fds)
{
        int n_unread = 0;

        if (n_fds == 0 || fd_port->n_fds_unread == 0 ||
            fd_port->n_fds_unread + n_fds <= FDS_UNREAD_MAX)
                return true;
        if (ioctl(out_end(fd_port)->fd, SIOCOUTQ, &n_unread) == 0 && n_unread == 0)
                fd_port->n_fds_unread = 0;
        return fd_port->n_fds_unread == 0;
}

static ssize_t send_to_socket(struct hark_fd_port *fd_port, const struct batch *batch)
{
        ssize_t n;

        if (!has_room_for_fds(fd_port, batch->n_fds))
                return -ETOOMANYREFS;
        n = hark_socket_send(out_end(fd_port)->fd, batch->iov, batch->n_iov, batch->fds,
                             batch->n_fds);
        if (n > 0)
                fd_port->n_fds_unread += batch->n_fds;
        return n;
}

/* Waits a while before it says "writable" again. */
static void pause_sending(struct hark_fd_port *fd_port)
{
        if (fd_port->pause_ns == 0)
                fd_port->pause_ns = PAUSE_MIN_NS;
        hark_timer_start(fd_port->port.loop, &fd_port->pause, hark_now_ns() + fd_port->pause_ns,
                         on_pause_over);
        if (fd_port->pause_ns < PAUSE_MAX_NS)
                fd_port->pause_ns *= 2;
        update_events(fd_port);
}

static ssize_t send_batch(struct hark_fd_port *fd_port, const struct batch *batch)
{
        const struct hark_end *end = out_end(fd_port);
        ssize_t n;

        if (end->is_socket)
                n = send_to_socket(fd_port, batch);
        else
                n = hark_writev_no_signal(end->fd, batch->iov, batch->n_iov,
                                          &fd_port->has_no_sigpipe_flag);
        if (is_shortage(n)) {
                pause_sending(fd_port);
                return -EAGAIN;
        }
        if (n > 0)
                fd_port->pause_ns = 0;
        return n;
}

/* --- the port --------------------------------------------------------------------------------- */

void hark_fd_port_init(struct hark_fd_port *fd_port, const struct hark_transport_ops *transport,
                       hark_loop *loop)
{
        fd_port->port.transport = transport;
        fd_port->port.capabilities = transport->public.capabilities;
        fd_port->port.loop = loop;
        fd_port->in.fd = fd_port->out.fd = -1;
        fd_port->wanted = HARK_PORT_READABLE;
        hark_task_init(&fd_port->opening, run_opening, NULL);
}

/* What one packet needs, if less is usual: the kernel takes none that is larger (unix(7)). */
static void make_room_for_packet(int fd, size_t packet_size)
{
        int size = 0, wanted = (int)packet_size;
        socklen_t size_size = sizeof(size);

        if (getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, &size_size) == 0 && size / 2 < wanted)
                (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &wanted, sizeof(wanted));
}

void hark_fd_port_set_socket(struct hark_fd_port *fd_port, int fd)
{
        if (!is_stream(fd_port))
                make_room_for_packet(fd, fd_port->port.transport->public.max_frame);
        fd_port->in = (struct hark_end){.fd = fd, .is_socket = true};
}

void hark_fd_port_opened(struct hark_fd_port *fd_port)
{
        int r = watch(fd_port);

        if (r < 0)
                hark_fd_port_broke(fd_port, r);
        else
                tell(fd_port, 0);
}

static void tell_end(struct hark_fd_port *fd_port, unsigned events, int error)
{
        struct hark_port *port = &fd_port->port;

        if (fd_port->is_broken)
                return;
        fd_port->is_broken = true;
        stop_watching(fd_port);
        port->error = error;
        port->on_event(port, events);
}

void hark_fd_port_broke(struct hark_fd_port *fd_port, int error)
{
        tell_end(fd_port, HARK_PORT_BROKEN, error);
}

void hark_fd_port_was_open(struct hark_fd_port *fd_port, int error)
{
        fd_port->port.is_open = true;
        tell_end(fd_port, HARK_PORT_OPENED | HARK_PORT_BROKEN, error);
}

void hark_fd_port_done(struct hark_fd_port *fd_port)
{
        stop_watching(fd_port);
        hark_end_close(&fd_port->in);
        hark_end_close(&fd_port->out);
}

void hark_end_close(struct hark_end *end)
{
        if (end->has_status)
                (void)fcntl(end->fd, F_SETFL, end->status_flags);
        end->has_status = false;
        end->fd = hark_close(end->fd);
}

int hark_fd_port_start(struct hark_port *port)
{
        struct hark_fd_port *fd_port = fd_port_of(port);
        int r = watch(fd_port);

        if (r == 0)
                hark_loop_queue_chore(port->loop, &fd_port->opening);
        return r;
}

ssize_t hark_fd_port_receive(struct hark_port *port, const struct iovec *iov, unsigned n_iov,
                             struct hark_in_fds *fds)
{
        struct hark_fd_port *fd_port = fd_port_of(port);
        bool takes_fds = port->capabilities & HARK_CAN_PASS_FDS;

        if (!fd_port->in.is_socket)
                return receive_from_pipe(fd_port->in.fd, iov, n_iov);
        return hark_socket_receive(fd_port->in.fd, iov, n_iov, takes_fds ? fds : NULL);
}

ssize_t hark_fd_port_send(struct hark_port *port, const struct hark_out_frame *frames,
                          unsigned n_frames)
{
        struct hark_fd_port *fd_port = fd_port_of(port);
        struct batch batch;
        size_t sent = 0;

        while (n_frames > 0) {
                ssize_t n;

                fill_batch(&batch, frames, is_stream(fd_port) ? n_frames : 1);
                n = send_batch(fd_port, &batch);
                if (n < 0)
                        return sent > 0 ? (ssize_t)sent : n; /* it will say so again */
                sent += (size_t)n;
                if ((size_t)n < batch.size)
                        break;
                frames += batch.n_frames;
                n_frames -= batch.n_frames;
        }
        return (ssize_t)sent;
}

void hark_fd_port_want(struct hark_port *port, unsigned events)
{
        struct hark_fd_port *fd_port = fd_port_of(port);

        fd_port->wanted = events;
        update_events(fd_port);
}

/* What the kernel tells is twice what was set: it counts its own expenses, see socket(7). */
static void note_usual_buffer(struct hark_fd_port *fd_port)
{
        int size = 0;
        socklen_t size_size = sizeof(size);

        if (fd_port->usual_buffer > 0 ||
            getsockopt(fd_port->in.fd, SOL_SOCKET, SO_SNDBUF, &size, &size_size) < 0)
                return;
        fd_port->usual_buffer = size / 2;
}

void hark_fd_port_set_bulky(struct hark_port *port, bool is_bulky)
{
        struct hark_fd_port *fd_port = fd_port_of(port);
        int size;

        note_usual_buffer(fd_port);
        size = is_bulky ? HARK_BULKY_BUFFER : fd_port->usual_buffer;
        if (fd_port->usual_buffer > 0 && fd_port->usual_buffer < HARK_BULKY_BUFFER)
                (void)setsockopt(fd_port->in.fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

void hark_fd_port_identify_nobody(struct hark_port *port, struct hark_credentials *credentials)
{
        (void)port;
        (void)credentials;
}
