/* SPDX-License-Identifier: MIT */

/*
 * pipe:READ,WRITE and stdio:, two descriptors that this process was started with.
 *
 * The address hands them over. Once the port is open, those of pipe: are closed, under the numbers
 * that they came with; in place of those of stdio: there is /dev/null for who reads stdin, and
 * stderr for who prints to stdout, so that a stray printf() harms nothing. If it does not open,
 * they stay as they were.
 *
 * Whoever made them knows which side speaks first; here both are the same, so both connect() and
 * listen() open the port, and a listener yields this one and no other.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "transport/inherit.h"
#include "transport/fd_port.h"
#include "transport/single.h"

/* --- addresses -------------------------------------------------------------------------------- */

static int parse_fd(const char *text, size_t size, const char *which, char *why, size_t why_size)
{
        uint64_t fd;

        if (hark_parse_number(text, size, 10, INT_MAX, &fd) && fd > STDERR_FILENO)
                return (int)fd;
        return hark_address_complain(why, why_size,
                                     "%s: '%.*s' is not a descriptor from 3 up; 0 and 1 are stdio:",
                                     which, hark_quoted(size), text);
}

static int parse_pipe(struct hark_address *address, const char *body, size_t body_size, char *why,
                      size_t why_size)
{
        const char *comma = memchr(body, ',', body_size);
        size_t size = comma ? (size_t)(comma - body) : 0;
        int fd;

        if (!comma)
                return hark_address_complain(
                        why, why_size, "write fd: is missing; expected pipe:READ_FD,WRITE_FD");
        fd = parse_fd(body, size, "read fd", why, why_size);
        if (fd < 0)
                return fd;
        address->read_fd = fd;
        fd = parse_fd(comma + 1, body_size - size - 1, "write fd", why, why_size);
        if (fd < 0)
                return fd;
        address->write_fd = fd;
        return 0;
}

static int parse_stdio(struct hark_address *address, const char *body, size_t body_size, char *why,
                       size_t why_size)
{
        if (body_size > 0)
                return hark_address_complain(why, why_size,
                                             "stdio: '%.*s' is too much; expected stdio: alone",
                                             hark_quoted(body_size), body);
        address->read_fd = STDIN_FILENO;
        address->write_fd = STDOUT_FILENO;
        return 0;
}

/* --- ports ------------------------------------------------------------------------------------ */

static void close_pipe(struct hark_port *port)
{
        struct hark_fd_port *fd_port = hark_container_of(port, struct hark_fd_port, port);

        hark_fd_port_done(fd_port);
        free(fd_port);
}

static int inherit_ends(struct hark_fd_port *fd_port, int read_fd, int write_fd)
{
        bool is_one = hark_inherit_is_same_socket(read_fd, write_fd);
        int r;

        if (read_fd == write_fd && !is_one)
                return -EOPNOTSUPP; /* a FIFO would give back what is written to it */
        r = hark_inherit(read_fd, HARK_READS, &fd_port->in);
        if (r == 0 && !is_one)
                r = hark_inherit(write_fd, HARK_WRITES, &fd_port->out);
        if (r < 0)
                return r;
        if (hark_end_passes_fds(&fd_port->in) && (is_one || hark_end_passes_fds(&fd_port->out)))
                fd_port->port.capabilities |= HARK_CAN_PASS_FDS;
        return 0;
}

static int open_ends(hark_loop *loop, const struct hark_address *address,
                     struct hark_port **ret_port)
{
        struct hark_fd_port *fd_port = calloc(1, sizeof(*fd_port));
        int r;

        if (!fd_port)
                return -ENOMEM;
        hark_fd_port_init(fd_port, address->transport, loop);
        r = inherit_ends(fd_port, address->read_fd, address->write_fd);
        if (r < 0) {
                close_pipe(&fd_port->port);
                return r;
        }
        *ret_port = &fd_port->port;
        return 0;
}

static int connect_pipe(hark_loop *loop, const struct hark_address *address,
                        struct hark_port **ret_port)
{
        int r = open_ends(loop, address, ret_port);

        if (r < 0)
                return r;
        hark_close(address->read_fd);
        if (address->write_fd != address->read_fd)
                hark_close(address->write_fd);
        return 0;
}

/* 0 and 1 are open, so that nothing that is opened here becomes one of them by itself. */
static int put_stand_ins(void)
{
        hark_cleanup(hark_closep) int null = open("/dev/null", O_RDWR | O_CLOEXEC);

        if (null < 0)
                return -errno;
        (void)dup2(null, STDIN_FILENO);
        if (dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
                (void)dup2(null, STDOUT_FILENO);
        return 0;
}

static int connect_stdio(hark_loop *loop, const struct hark_address *address,
                         struct hark_port **ret_port)
{
        struct hark_port *port;
        int r = open_ends(loop, address, &port);

        if (r < 0)
                return r;
        r = put_stand_ins();
        if (r < 0)
                close_pipe(port);
        else
                *ret_port = port;
        return r;
}

static int listen_once(hark_loop *loop, const struct hark_address *address,
                       struct hark_listener **ret_listener)
{
        struct hark_listener *listener =
                hark_single_new(loop, address->transport, hark_address_bare_text(address));
        struct hark_port *port;
        int r;

        if (!listener)
                return -ENOMEM;
        r = address->transport->connect(loop, address, &port);
        if (r < 0) {
                hark_single_close(listener);
                return r;
        }
        hark_single_yield(listener, port);
        *ret_listener = listener;
        return 0;
}

const struct hark_transport_ops hark_transport_pipe = {
        .public = {.scheme = "pipe",
                   .syntax = "pipe:read-fd,write-fd",
                   .capabilities = HARK_CAN_STREAM | HARK_CAN_SEE_DEATH,
                   .max_frame = HARK_STREAM_FRAME,
                   .peer_death = "at once",
                   .credentials = "none",
                   .memory_per_connection = 23 * 1024,
                   .fds_per_connection = 2},
        .connects_once = true,
        .parse = parse_pipe,
        .listen = listen_once,
        .close_listener = hark_single_close,
        .connect = connect_pipe,
        .start = hark_fd_port_start,
        .receive = hark_fd_port_receive,
        .send = hark_fd_port_send,
        .want = hark_fd_port_want,
        .identify = hark_fd_port_identify_nobody,
        .close = close_pipe,
};

const struct hark_transport_ops hark_transport_stdio = {
        .public = {.scheme = "stdio",
                   .syntax = "stdio:",
                   .capabilities = HARK_CAN_STREAM | HARK_CAN_SEE_DEATH,
                   .max_frame = HARK_STREAM_FRAME,
                   .peer_death = "at once",
                   .credentials = "none",
                   .memory_per_connection = 23 * 1024,
                   .fds_per_connection = 2},
        .connects_once = true,
        .parse = parse_stdio,
        .listen = listen_once,
        .close_listener = hark_single_close,
        .connect = connect_stdio,
        .start = hark_fd_port_start,
        .receive = hark_fd_port_receive,
        .send = hark_fd_port_send,
        .want = hark_fd_port_want,
        .identify = hark_fd_port_identify_nobody,
        .close = close_pipe,
};
