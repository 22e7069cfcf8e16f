/* SPDX-License-Identifier: MIT */

/* See mq_port.h. */

#include "transport/mq_port.h"

#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "transport/reader_mark.h"

/* Priorities of the queue: a frame has its own, 0 to 7. */
#define PRIORITY_FIRST   14 /* of the first frame of a connection */
#define PRIORITY_CONTROL 15 /* of what is no frame, but for the end, which goes behind all */

#define LOOK_NS 1000000000ull

static struct mq_port *mq_port_of(struct hark_port *port)
{
        return hark_container_of(port, struct mq_port, base.port);
}

static size_t smaller(size_t a, size_t b)
{
        return a < b ? a : b;
}

/* --- the connection's lock -------------------------------------------------------------------- */

/* A server holds this one, of the file, on the client's queue as long as the connection stands. It
 * can write there only, so it is a lock to write. */
#define BYTE_OF_CONNECTION 3

static struct flock lock_of_connection(short type)
{
        return (struct flock){
                .l_type = type, .l_whence = SEEK_SET, .l_start = BYTE_OF_CONNECTION, .l_len = 1};
}

static void hold(int fd)
{
        struct flock lock = lock_of_connection(F_WRLCK);

        (void)fcntl(fd, F_OFD_SETLK, &lock);
}

bool hark_mq_port_is_held(int own)
{
        struct flock lock = lock_of_connection(F_RDLCK);

        return fcntl(own, F_OFD_GETLK, &lock) < 0 || lock.l_type != F_UNLCK;
}

bool hark_mq_port_is_alone(const struct mq_port *port)
{
        return port->out >= 0 && !hark_reader_is_shown(port->out);
}

/* --- sending ---------------------------------------------------------------------------------- */

int hark_mq_put(int queue, const uint8_t *message, size_t size, unsigned priority)
{
        int r;

        do {
                r = mq_send(queue, (const char *)message, size, priority);
        } while (r < 0 && errno == EINTR);
        return r < 0 ? -errno : 0;
}

int hark_mq_port_say(struct mq_port *port, uint8_t kind, const void *bytes, size_t size)
{
        uint8_t message[HARK_CHUNK_HEADER + HARK_MQ_NAME + 32];
        struct hark_chunk chunk = {.kind = kind,
                                   .size = (uint16_t)size,
                                   .connection = port->connection,
                                   .sequence = port->n_sent,
                                   .acknowledged = port->n_taken};

        hark_chunk_encode(&chunk, message);
        if (size > 0)
                memcpy(message + HARK_CHUNK_HEADER, bytes, size);
        return hark_mq_put(port->out, message, HARK_CHUNK_HEADER + size,
                           kind == HARK_CHUNK_CLOSE ? 0 : PRIORITY_CONTROL);
}

static bool has_window(const struct mq_port *port, size_t size)
{
        return port->is_server || port->n_sent - port->n_acked + size <= HARK_MQ_WINDOW;
}

/* Sends the chunk of a frame that begins at offset. Returns its bytes; -EAGAIN; -errno. */
static ssize_t send_chunk(struct mq_port *port, const struct hark_out_frame *frame, size_t offset)
{
        uint8_t message[HARK_MQ_SIZE_MAX];
        size_t size = smaller(frame->size - offset, port->chunk_size);
        struct hark_chunk chunk = {.kind = HARK_CHUNK_DATA,
                                   .flags = offset + size == frame->size ? HARK_CHUNK_LAST : 0,
                                   .size = (uint16_t)size,
                                   .connection = port->connection,
                                   .sequence = port->n_sent,
                                   .acknowledged = port->n_taken};
        int r;

        if (!has_window(port, size))
                return -EAGAIN;
        hark_chunk_encode(&chunk, message);
        hark_out_frame_copy(frame, offset, size, message + HARK_CHUNK_HEADER);
        r = hark_mq_put(port->out, message, HARK_CHUNK_HEADER + size,
                        port->has_begun ? frame->priority : PRIORITY_FIRST);
        if (r < 0)
                return r;
        port->n_sent += (uint32_t)size;
        return (ssize_t)size;
}

/* Returns the bytes of it that have left, of which the last may be missing; -EAGAIN; -errno. */
static ssize_t send_frame(struct mq_port *port, const struct hark_out_frame *frame)
{
        size_t offset = 0;

        while (offset < frame->size) {
                ssize_t n = send_chunk(port, frame, offset);

                if (n < 0 && (offset == 0 || n != -EAGAIN))
                        return n;
                if (n < 0)
                        break;
                offset += (size_t)n;
        }
        port->has_begun |= offset == frame->size;
        return (ssize_t)offset;
}

ssize_t hark_mq_port_send(struct mq_port *port, const struct hark_out_frame *frames,
                          unsigned n_frames)
{
        size_t sent = 0;

        for (unsigned i = 0; i < n_frames; i++) {
                ssize_t n = send_frame(port, &frames[i]);

                if (n < 0)
                        return sent > 0 ? (ssize_t)sent : n;
                sent += (size_t)n;
                if ((size_t)n < frames[i].size)
                        break;
        }
        return (ssize_t)sent;
}

/* --- watching --------------------------------------------------------------------------------- */

static bool owes_word(const struct mq_port *port)
{
        return port->is_server && port->n_taken - port->n_told >= HARK_MQ_WINDOW / 4;
}

/* Room in the window is told by the server; room in the queue, by epoll. */
static void update(struct mq_port *port)
{
        bool is_wanted =
                port->base.wanted & HARK_PORT_WRITABLE && has_window(port, port->chunk_size);

        if (port->writable.loop)
                hark_io_set(&port->writable, is_wanted || owes_word(port) ? EPOLLOUT : 0);
}

static void tell_taken(struct mq_port *port)
{
        if (owes_word(port) && hark_mq_port_say(port, HARK_CHUNK_ACK, NULL, 0) == 0)
                port->n_told = port->n_taken;
}

static void on_writable(struct hark_io *io, uint32_t events)
{
        struct mq_port *port = hark_container_of(io, struct mq_port, writable);
        bool is_wanted =
                port->base.wanted & HARK_PORT_WRITABLE && has_window(port, port->chunk_size);

        (void)events;
        tell_taken(port);
        update(port);
        if (is_wanted && port->base.port.is_open)
                port->base.port.on_event(&port->base.port, HARK_PORT_WRITABLE);
}

void hark_mq_port_want(struct hark_port *base, unsigned events)
{
        struct mq_port *port = mq_port_of(base);

        port->base.wanted = events;
        update(port);
}

/* What it has sent before is read first, which may be its end already. */
static void tell_death(struct mq_port *port)
{
        bool is_gone = false;

        port->base.is_gone = &is_gone;
        port->ops->drain(port);
        if (is_gone)
                return;
        port->base.is_gone = NULL;
        hark_mq_port_break(port, -ECONNRESET);
}

static void on_death(struct hark_io *io, uint32_t events)
{
        struct mq_port *port = hark_container_of(io, struct mq_port, death);

        (void)events;
        hark_io_stop(io);
        tell_death(port);
}

static void on_look(struct hark_timer *timer)
{
        struct mq_port *port = hark_container_of(timer, struct mq_port, look);

        if (hark_mq_port_is_alone(port))
                tell_death(port);
        else
                hark_timer_start(port->base.port.loop, timer, hark_now_ns() + LOOK_NS, on_look);
}

int hark_mq_port_watch_queue(struct mq_port *port)
{
        return hark_io_start(port->base.port.loop, &port->writable, port->out, 0, on_writable);
}

int hark_mq_port_watch(struct mq_port *port)
{
        hark_loop *loop = port->base.port.loop;
        bool is_us = port->peer.pid == getpid();
        int r = hark_mq_port_watch_queue(port);

        if (r == 0 && port->peer.pidfd >= 0 && !is_us)
                r = hark_io_start(loop, &port->death, port->peer.pidfd, EPOLLIN, on_death);
        if (r == 0 && (port->peer.pidfd < 0 || is_us))
                hark_timer_start(loop, &port->look, hark_now_ns() + LOOK_NS, on_look);
        return r;
}

static void stop(struct mq_port *port)
{
        hark_io_stop(&port->writable);
        hark_io_stop(&port->death);
        hark_timer_stop(&port->look);
}

void hark_mq_port_break(struct mq_port *port, int error)
{
        if (port->base.is_broken || !port->base.port.on_event)
                return;
        stop(port);
        hark_inbox_port_break(&port->base, error);
}

/* --- receiving -------------------------------------------------------------------------------- */

int hark_mq_port_put(struct mq_port *port, const struct hark_chunk *chunk, unsigned priority,
                     const uint8_t *bytes)
{
        unsigned slot = priority < HARK_PRIORITIES ? priority : HARK_PRIORITIES - 1;

        switch (chunk->kind) {
        case HARK_CHUNK_ACK:
                port->n_acked = chunk->acknowledged;
                update(port);
                return 0;
        case HARK_CHUNK_CLOSE:
                port->base.is_ended = true;
                return 0;
        case HARK_CHUNK_DATA:
                if (port->is_server && port->base.inbox.size + chunk->size > HARK_MQ_WINDOW)
                        return -EPROTO; /* more than it was let */
                return hark_inbox_put(&port->base.inbox, slot, bytes, chunk->size,
                                      chunk->flags & HARK_CHUNK_LAST);
        default:
                return 0;
        }
}

ssize_t hark_mq_port_take(struct mq_port *port, const struct iovec *iov, unsigned n_iov)
{
        ssize_t n = hark_inbox_port_take(&port->base, iov, n_iov);

        if (n <= 0)
                return n;
        port->n_taken += (uint32_t)n;
        tell_taken(port);
        update(port);
        return n;
}

/* --- life ------------------------------------------------------------------------------------- */

void hark_mq_port_init(struct mq_port *port, const struct mq_port_ops *ops, hark_loop *loop)
{
        hark_inbox_port_init(&port->base, &hark_transport_mq, loop);
        port->ops = ops;
        port->out = -1;
        hark_credentials_init(&port->peer);
}

void hark_mq_port_set_queue(struct mq_port *port, int out)
{
        size_t message_size = smaller(hark_mq_message_size(out), HARK_MQ_SIZE_MAX);

        port->out = out;
        port->chunk_size = message_size - HARK_CHUNK_HEADER;
}

void hark_mq_port_set_out(struct mq_port *port, int out)
{
        hark_mq_port_set_queue(port, out);
        if (port->is_server)
                hold(out);
        hark_reader_identify(out, &port->peer);
}

void hark_mq_port_done(struct mq_port *port)
{
        if (port->connection != 0 && !port->base.is_ended && !port->base.is_broken)
                (void)hark_mq_port_say(port, HARK_CHUNK_CLOSE, NULL, 0);
        stop(port);
        hark_inbox_port_done(&port->base);
        hark_close(port->out);
        hark_close(port->peer.pidfd);
}

void hark_mq_port_identify(struct hark_port *base, struct hark_credentials *credentials)
{
        const struct mq_port *port = mq_port_of(base);

        credentials->uid = port->peer.uid;
        credentials->gid = port->peer.gid;
        credentials->pid = port->peer.pid;
        if (port->peer.pidfd >= 0)
                credentials->pidfd = fcntl(port->peer.pidfd, F_DUPFD_CLOEXEC, 0);
}
