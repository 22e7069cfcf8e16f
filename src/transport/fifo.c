/* SPDX-License-Identifier: MIT */

/*
 * fifo:/path: named pipes, fifo(7). The server's takes records of clients that want to connect; a
 * connection has two of its own, one each way, which have no names any more once both are open:
 *
 *         client                                        server
 *         makes NAME.r, reads it
 *         writes a record with NAME  --/path-->         opens NAME.r to write; makes NAME.w, reads it
 *         opens NAME.w to write      <--NAME.r--        writes a welcome with a cookie
 *         unlinks NAME.r             --NAME.w: cookie-> unlinks NAME.w
 *                        from then on a stream of bytes each way
 *
 * fifo_place.h says where they lie and why nobody else gets at them. Only who reads NAME.r, and that
 * is who owns it, knows the cookie: so the owner is who connects. The client for its part looks at
 * who owns /path and NAME.w.
 *
 * Each side sees the other end at every step: the reader of a FIFO that it writes to goes
 * (EPOLLERR), or the writer of what it reads (EPOLLHUP).
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "transport/fifo_port.h"
#include "transport/path_watch.h"
#include "transport/reader_mark.h"
#include "transport/sigpipe.h"
#include "transport/unix_place.h"

int hark_fifo_write(int fd, const void *bytes, size_t size)
{
        struct iovec iov = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = size};
        bool has_no_flag = false;
        ssize_t n = hark_writev_no_signal(fd, &iov, 1, &has_no_flag);

        if (n < 0)
                return (int)n;
        return (size_t)n == size ? 0 : -EPROTO; /* so few bytes are written in one piece */
}

/* 1: it was there; 0: not yet; -ECONNRESET: the end; -EPROTO: less than it should be. */
static int read_whole(int fd, void *bytes, size_t size)
{
        ssize_t n = read(fd, bytes, size);

        if (n < 0)
                return errno == EAGAIN || errno == EINTR ? 0 : -errno;
        if (n == 0)
                return -ECONNRESET;
        return (size_t)n == size ? 1 : -EPROTO;
}

/* --- ports ------------------------------------------------------------------------------------ */

static struct fifo_port *fifo_port_of(struct hark_port *port)
{
        return hark_container_of(port, struct fifo_port, base.port);
}

struct fifo_port *hark_fifo_port_new(hark_loop *loop, enum hark_fifo_side side, int directory)
{
        struct fifo_port *port = calloc(1, sizeof(*port));

        if (!port) {
                hark_close(directory);
                return NULL;
        }
        hark_fd_port_init(&port->base, &hark_transport_fifo, loop);
        port->side = side;
        port->directory = directory;
        port->rendezvous = -1;
        return port;
}

static void unlink_file(const struct fifo_port *port, enum hark_fifo_side side)
{
        char file[HARK_FIFO_FILE];

        hark_fifo_file(port->name, side, file);
        if (port->directory >= 0)
                (void)unlinkat(port->directory, file, 0);
}

/* Each side unlinks its own; that of a client that gave up half-way the server may, too. */
static void stop_opening(struct fifo_port *port)
{
        hark_timer_stop(&port->retry.timer);
        hark_io_stop(&port->answer);
        hark_io_stop(&port->end);
        if (port->side != 0 && port->name[0])
                unlink_file(port, port->side);
        port->rendezvous = hark_close(port->rendezvous);
        port->directory = hark_close(port->directory);
        port->side = 0;
}

void hark_fifo_port_close(struct hark_port *base)
{
        struct fifo_port *port = fifo_port_of(base);

        if (port->side == HARK_FIFO_OF_SERVER)
                unlink_file(port, HARK_FIFO_OF_CLIENT);
        stop_opening(port);
        hark_fd_port_done(&port->base);
        free(port);
}

static void break_off(struct fifo_port *port, int error)
{
        hark_io_stop(&port->answer);
        hark_io_stop(&port->end);
        hark_timer_stop(&port->retry.timer);
        hark_fd_port_broke(&port->base, error);
}

static void go_on(struct fifo_port *port)
{
        stop_opening(port);
        hark_fd_port_opened(&port->base);
}

/* --- the client's side ------------------------------------------------------------------------ */

static int choose_name(struct fifo_port *port)
{
        uint64_t random[2];

        if (getrandom(random, sizeof(random), 0) != sizeof(random))
                return -EIO; /* so few bytes are never cut by a signal, see getrandom(2) */
        (void)snprintf(port->name, sizeof(port->name), "%016llx%016llx",
                       (unsigned long long)random[0], (unsigned long long)random[1]);
        return 0;
}

static int make_own(struct fifo_port *port)
{
        char file[HARK_FIFO_FILE];
        int r = choose_name(port);

        if (r < 0)
                return r;
        port->directory = hark_fifo_find_directory(port->path.address.sun_path, port->server);
        if (port->directory < 0)
                return port->directory;
        hark_fifo_file(port->name, HARK_FIFO_OF_CLIENT, file);
        r = hark_fifo_make(port->directory, file, port->server);
        if (r < 0)
                return r;
        port->base.in.fd = r;
        return 0;
}

/* 0; -EAGAIN: not now: the server has not made its directory yet, or its FIFO is full. */
static int ask(struct fifo_port *port)
{
        uint8_t record[HARK_FIFO_RECORD];
        int r = 0;

        if (port->base.in.fd < 0)
                r = make_own(port);
        if (r == -ECONNREFUSED || r == -ENOENT)
                return -EAGAIN;
        if (r < 0)
                return r;
        hark_fifo_record_encode(port->name, record);
        r = hark_fifo_write(port->rendezvous, record, sizeof(record));
        return r == -EPIPE ? -ECONNREFUSED : r;
}

static int open_answer(struct fifo_port *port)
{
        char file[HARK_FIFO_FILE];
        uid_t owner;
        int fd;

        hark_fifo_file(port->name, HARK_FIFO_OF_SERVER, file);
        fd = hark_fifo_open(port->directory, file, &owner);
        if (fd < 0)
                return fd;
        port->base.out.fd = fd;
        return owner == port->server ? 0 : -EPERM;
}

/* 1: the other side has said what it had to; 0: not yet; negative: no. */
static int take_welcome(struct fifo_port *port)
{
        struct hark_fifo_welcome welcome;
        int r = read_whole(port->base.in.fd, &welcome, sizeof(welcome));

        if (r <= 0)
                return r;
        if (memcmp(welcome.magic, HARK_FIFO_WELCOME, sizeof(welcome.magic)) != 0)
                return -EPROTO;
        r = open_answer(port);
        if (r == 0)
                r = hark_fifo_write(port->base.out.fd, welcome.cookie, HARK_FIFO_COOKIE);
        return r < 0 ? r : 1;
}

static int take_cookie(struct fifo_port *port)
{
        uint8_t cookie[HARK_FIFO_COOKIE];
        int r = read_whole(port->base.in.fd, cookie, sizeof(cookie));

        if (r <= 0)
                return r;
        return memcmp(cookie, port->cookie, HARK_FIFO_COOKIE) == 0 ? 1 : -EPROTO;
}

static int take_answer(struct fifo_port *port)
{
        return port->side == HARK_FIFO_OF_CLIENT ? take_welcome(port) : take_cookie(port);
}

static void on_answer(struct hark_io *io, uint32_t events)
{
        struct fifo_port *port = hark_container_of(io, struct fifo_port, answer);
        int r = take_answer(port);

        (void)events;
        if (r < 0)
                break_off(port, r);
        else if (r > 0)
                go_on(port);
}

/* What it may have said before it went: the server that welcomes and goes at once, the client that
 * asks and goes. What has not come by now never will. */
static void on_end(struct hark_io *io, uint32_t events)
{
        struct fifo_port *port = hark_container_of(io, struct fifo_port, end);
        int r = port->base.in.fd < 0 ? 0 : take_answer(port);

        (void)events;
        if (r > 0)
                go_on(port);
        else
                break_off(port, r < 0 ? r : -ECONNRESET);
}

static void on_retry(struct hark_timer *timer)
{
        struct fifo_port *port = hark_container_of(timer, struct fifo_port, retry.timer);
        int r = ask(port);
        hark_loop *loop = port->base.port.loop;

        if (r == 0)
                r = hark_io_start(loop, &port->answer, port->base.in.fd, EPOLLIN, on_answer);
        if (r == -EAGAIN)
                hark_retry_start(loop, &port->retry, on_retry);
        else if (r < 0)
                break_off(port, r);
}

static int open_rendezvous(struct fifo_port *port, const struct hark_address *address)
{
        struct hark_users users = hark_users(address);
        struct stat status;

        hark_unix_name(&port->path, address);
        port->rendezvous = open(address->path, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
        if (port->rendezvous < 0)
                return errno == ENXIO ? -ECONNREFUSED : -errno;
        if (fstat(port->rendezvous, &status) < 0)
                return -errno;
        if (!S_ISFIFO(status.st_mode))
                return -ECONNREFUSED;
        port->server = status.st_uid;
        return hark_unix_check_server(&port->base.port, &port->path, &users, port->server);
}

static int connect_fifo(hark_loop *loop, const struct hark_address *address,
                        struct hark_port **ret_port)
{
        struct fifo_port *port = hark_fifo_port_new(loop, HARK_FIFO_OF_CLIENT, -1);
        int r;

        if (!port)
                return -ENOMEM;
        r = open_rendezvous(port, address);
        if (r < 0) {
                hark_fifo_port_close(&port->base.port);
                return r;
        }
        *ret_port = &port->base.port;
        return 0;
}

/* --- both ------------------------------------------------------------------------------------- */

static int start_fifo(struct hark_port *base)
{
        struct fifo_port *port = fifo_port_of(base);
        bool is_client = port->side == HARK_FIFO_OF_CLIENT;
        int r = hark_io_start(base->loop, &port->end,
                              is_client ? port->rendezvous : port->base.out.fd, 0, on_end);

        if (r < 0)
                return r;
        if (is_client)
                hark_timer_start(base->loop, &port->retry.timer, hark_now_ns(), on_retry);
        else
                r = hark_io_start(base->loop, &port->answer, port->base.in.fd, EPOLLIN, on_answer);
        return r;
}

static int watch_fifo(hark_loop *loop, const struct hark_address *address,
                      struct hark_watch **ret_watch)
{
        return hark_path_watch(loop, address->path, address->transport, ret_watch);
}

static void identify_fifo(struct hark_port *base, struct hark_credentials *credentials)
{
        hark_reader_identify(fifo_port_of(base)->base.out.fd, credentials);
}

static int parse_fifo(struct hark_address *address, const char *body, size_t body_size, char *why,
                      size_t why_size)
{
        if (body_size == 0 || *body == '@')
                return hark_address_complain(why, why_size,
                                             "path: '%.*s' is none; expected fifo:/PATH",
                                             hark_quoted(body_size), body);
        return hark_unix_parse(address, body, body_size, why, why_size);
}

const struct hark_transport_ops hark_transport_fifo = {
        .public = {.scheme = "fifo",
                   .syntax = "fifo:/path",
                   .capabilities = HARK_CAN_STREAM | HARK_CAN_IDENTIFY | HARK_CAN_SEE_DEATH,
                   .max_frame = HARK_STREAM_FRAME,
                   .peer_death = "at once",
                   .credentials = "uid, gid, pid, pidfd",
                   .memory_per_connection = 26 * 1024,
                   .fds_per_connection = 3},
        .options = HARK_OPTION_UID | HARK_OPTION_MODE,
        .parse = parse_fifo,
        .listen = hark_fifo_listen,
        .close_listener = hark_fifo_close_listener,
        .connect = connect_fifo,
        .watch = watch_fifo,
        .unwatch = hark_path_unwatch,
        .start = start_fifo,
        .receive = hark_fd_port_receive,
        .send = hark_fd_port_send,
        .want = hark_fd_port_want,
        .identify = identify_fifo,
        .close = hark_fifo_port_close,
};
