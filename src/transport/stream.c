/* SPDX-License-Identifier: MIT */

/*
 * See stream.h. What epoll(7) says becomes events of the port like this:
 *
 *         input    EPOLLIN, EPOLLHUP, EPOLLERR   readable: receive gives the rest, then how it ended
 *                  the last two, reading unwanted                           broken
 *         output   EPOLLOUT                                                 writable
 *                  EPOLLERR, EPOLLHUP: the reader of the pipe has gone      broken
 *
 * epoll reports the last two whether they are wanted or not, again and again: so what is broken is
 * not watched any more.
 */

#include "transport/stream.h"

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

/* SO_SNDBUF while a bulky message leaves, of which the kernel grants what net.core.wmem_max allows.
 * A round trip of 1 MiB between two CPUs takes little more than half the time then; above this
 * there was nothing to be seen. */
#define BULKY_BUFFER (1024 * 1024)

/* What one system call writes: frames in a row of which only the first may have fds. */
struct batch {
        struct iovec iov[HARK_SEND_FRAMES * HARK_FRAME_IOVS];
        unsigned n_iov;
        unsigned n_frames;
        size_t size;
        const int *fds;
        unsigned n_fds;
};

static struct hark_stream *stream_of(struct hark_port *port)
{
        return hark_container_of(port, struct hark_stream, port);
}

/* --- watching --------------------------------------------------------------------------------- */

static uint32_t input_events(const struct hark_stream *stream)
{
        return stream->wanted & HARK_PORT_READABLE ? EPOLLIN : 0;
}

static uint32_t output_events(const struct hark_stream *stream)
{
        bool is_wanted = stream->wanted & HARK_PORT_WRITABLE;

        return is_wanted && !hark_timer_is_running(&stream->pause) ? EPOLLOUT : 0;
}

static void update_events(struct hark_stream *stream)
{
        uint32_t in = input_events(stream), out = output_events(stream);

        if (!stream->input.loop)
                return;
        if (stream->out.fd < 0) {
                hark_io_set(&stream->input, in | out);
                return;
        }
        hark_io_set(&stream->input, in);
        hark_io_set(&stream->output, out);
}

static void stop_watching(struct hark_stream *stream)
{
        hark_io_stop(&stream->input);
        hark_io_stop(&stream->output);
        hark_timer_stop(&stream->pause);
        hark_task_cancel(&stream->opening);
}

/* Tells events, HARK_PORT_OPENED first if that has not been told yet. */
static void tell(struct hark_stream *stream, unsigned events)
{
        struct hark_port *port = &stream->port;

        if (!port->is_open) {
                hark_task_cancel(&stream->opening);
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
        struct hark_stream *stream = hark_container_of(io, struct hark_stream, input);
        bool is_reading = stream->wanted & HARK_PORT_READABLE;
        unsigned told = 0;

        if (!is_reading && (events & (EPOLLHUP | EPOLLERR))) {
                hark_stream_broke(stream, pending_error(&stream->in, -ECONNRESET));
                return;
        }
        if (is_reading && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
                told |= HARK_PORT_READABLE;
        if (events & EPOLLOUT)
                told |= HARK_PORT_WRITABLE;
        tell(stream, told);
}

static void on_output(struct hark_io *io, uint32_t events)
{
        struct hark_stream *stream = hark_container_of(io, struct hark_stream, output);

        if (events & (EPOLLHUP | EPOLLERR))
                hark_stream_broke(stream, pending_error(&stream->out, -EPIPE));
        else
                tell(stream, HARK_PORT_WRITABLE);
}

static int watch(struct hark_stream *stream)
{
        hark_loop *loop = stream->port.loop;
        uint32_t in = input_events(stream), out = output_events(stream);
        int r;

        if (stream->out.fd < 0)
                return hark_io_start(loop, &stream->input, stream->in.fd, in | out, on_input);
        r = hark_io_start(loop, &stream->input, stream->in.fd, in, on_input);
        if (r < 0)
                return r;
        r = hark_io_start(loop, &stream->output, stream->out.fd, out, on_output);
        if (r < 0)
                hark_io_stop(&stream->input);
        return r;
}

static void run_opening(struct hark_task *task)
{
        struct hark_stream *stream = hark_container_of(task, struct hark_stream, opening);

        /* A FIFO whose writer had gone when it was opened anew never shows EPOLLHUP (fifo(7)), but
         * reading tells: so pipes are looked at once without being asked. */
        tell(stream,
             stream->in.is_socket ? HARK_PORT_OPENED : HARK_PORT_OPENED | HARK_PORT_READABLE);
}

static void on_pause_over(struct hark_timer *timer)
{
        struct hark_stream *stream = hark_container_of(timer, struct hark_stream, pause);

        update_events(stream);
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

static const struct hark_end *out_end(const struct hark_stream *stream)
{
        return stream->out.fd < 0 ? &stream->in : &stream->out;
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
static bool has_room_for_fds(struct hark_stream *stream, unsigned n_fds)
{
        int n_unread = 0;

        if (n_fds == 0 || stream->n_fds_unread == 0 ||
            stream->n_fds_unread + n_fds <= FDS_UNREAD_MAX)
                return true;
        if (ioctl(out_end(stream)->fd, SIOCOUTQ, &n_unread) == 0 && n_unread == 0)
                stream->n_fds_unread = 0;
        return stream->n_fds_unread == 0;
}

static ssize_t send_to_socket(struct hark_stream *stream, const struct batch *batch)
{
        ssize_t n;

        if (!has_room_for_fds(stream, batch->n_fds))
                return -ETOOMANYREFS;
        n = hark_socket_send(out_end(stream)->fd, batch->iov, batch->n_iov, batch->fds,
                             batch->n_fds);
        if (n > 0)
                stream->n_fds_unread += batch->n_fds;
        return n;
}

/* Waits a while before it says "writable" again. */
static void pause_sending(struct hark_stream *stream)
{
        if (stream->pause_ns == 0)
                stream->pause_ns = PAUSE_MIN_NS;
        hark_timer_start(stream->port.loop, &stream->pause, hark_now_ns() + stream->pause_ns,
                         on_pause_over);
        if (stream->pause_ns < PAUSE_MAX_NS)
                stream->pause_ns *= 2;
        update_events(stream);
}

static ssize_t send_batch(struct hark_stream *stream, const struct batch *batch)
{
        const struct hark_end *end = out_end(stream);
        ssize_t n;

        if (end->is_socket)
                n = send_to_socket(stream, batch);
        else
                n = hark_writev_no_signal(end->fd, batch->iov, batch->n_iov,
                                          &stream->has_no_sigpipe_flag);
        if (is_shortage(n)) {
                pause_sending(stream);
                return -EAGAIN;
        }
        if (n > 0)
                stream->pause_ns = 0;
        return n;
}

/* --- the port --------------------------------------------------------------------------------- */

void hark_stream_init(struct hark_stream *stream, const struct hark_transport_ops *transport,
                      hark_loop *loop)
{
        stream->port.transport = transport;
        stream->port.capabilities = transport->public.capabilities;
        stream->port.loop = loop;
        stream->in.fd = stream->out.fd = -1;
        stream->wanted = HARK_PORT_READABLE;
        hark_task_init(&stream->opening, run_opening, NULL);
}

void hark_stream_set_socket(struct hark_stream *stream, int fd)
{
        stream->in = (struct hark_end){.fd = fd, .is_socket = true};
}

void hark_stream_opened(struct hark_stream *stream)
{
        int r = watch(stream);

        if (r < 0)
                hark_stream_broke(stream, r);
        else
                tell(stream, 0);
}

void hark_stream_broke(struct hark_stream *stream, int error)
{
        struct hark_port *port = &stream->port;

        if (stream->is_broken)
                return;
        stream->is_broken = true;
        stop_watching(stream);
        port->error = error;
        port->on_event(port, HARK_PORT_BROKEN);
}

void hark_stream_done(struct hark_stream *stream)
{
        stop_watching(stream);
        hark_end_close(&stream->in);
        hark_end_close(&stream->out);
}

void hark_end_close(struct hark_end *end)
{
        if (end->has_status)
                (void)fcntl(end->fd, F_SETFL, end->status_flags);
        end->has_status = false;
        end->fd = hark_close(end->fd);
}

int hark_stream_start(struct hark_port *port)
{
        struct hark_stream *stream = stream_of(port);
        int r = watch(stream);

        if (r == 0)
                hark_loop_queue_chore(port->loop, &stream->opening);
        return r;
}

ssize_t hark_stream_receive(struct hark_port *port, const struct iovec *iov, unsigned n_iov,
                            struct hark_in_fds *fds)
{
        struct hark_stream *stream = stream_of(port);
        bool takes_fds = port->capabilities & HARK_CAN_PASS_FDS;

        if (!stream->in.is_socket)
                return receive_from_pipe(stream->in.fd, iov, n_iov);
        return hark_socket_receive(stream->in.fd, iov, n_iov, takes_fds ? fds : NULL);
}

ssize_t hark_stream_send(struct hark_port *port, const struct hark_out_frame *frames,
                         unsigned n_frames)
{
        struct hark_stream *stream = stream_of(port);
        struct batch batch;
        size_t sent = 0;

        while (n_frames > 0) {
                ssize_t n;

                fill_batch(&batch, frames, n_frames);
                n = send_batch(stream, &batch);
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

void hark_stream_want(struct hark_port *port, unsigned events)
{
        struct hark_stream *stream = stream_of(port);

        stream->wanted = events;
        update_events(stream);
}

/* What the kernel tells is twice what was set: it counts its own expenses, see socket(7). */
static void note_usual_buffer(struct hark_stream *stream)
{
        int size = 0;
        socklen_t size_size = sizeof(size);

        if (stream->usual_buffer > 0 ||
            getsockopt(stream->in.fd, SOL_SOCKET, SO_SNDBUF, &size, &size_size) < 0)
                return;
        stream->usual_buffer = size / 2;
}

void hark_stream_set_bulky(struct hark_port *port, bool is_bulky)
{
        struct hark_stream *stream = stream_of(port);
        int size;

        note_usual_buffer(stream);
        size = is_bulky ? BULKY_BUFFER : stream->usual_buffer;
        if (stream->usual_buffer > 0 && stream->usual_buffer < BULKY_BUFFER)
                (void)setsockopt(stream->in.fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

void hark_stream_identify_nobody(struct hark_port *port, struct hark_credentials *credentials)
{
        (void)port;
        (void)credentials;
}
