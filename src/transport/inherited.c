/* SPDX-License-Identifier: MIT */

/*
 * inherit: and inherit:NAME: the sockets that a service manager hands over, sd_listen_fds(3).
 *
 *         LISTEN_PID      the process that they are for; in any other, there are none
 *         LISTEN_FDS      how many: the descriptors 3, 4, ...
 *         LISTEN_FDNAMES  their names, with colons between; may be missing
 *
 * The manager keeps each socket open, so that who connects while the service restarts waits. So
 * what is served is a duplicate, and closing it ends nothing but our own accepting. The descriptors
 * themselves stay where they are, for the next hark_server_listen(), and are not handed on to
 * programs that this process executes. The environment is only read: to change it is safe in no
 * program that has threads.
 *
 * Each is a listener of the transport of its family.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "transport/inherited.h"
#include "transport/fd_port.h"

#define FIRST_FD 3
#define FDS_MAX  4096 /* more than any manager hands over */

static bool read_number(const char *name, uint64_t max, uint64_t *ret_number)
{
        const char *text = secure_getenv(name);

        return text && hark_parse_number(text, strlen(text), 10, max, ret_number);
}

static unsigned count_handed_over(void)
{
        uint64_t pid, n;

        if (!read_number("LISTEN_PID", UINT32_MAX, &pid) || pid != (uint64_t)getpid())
                return 0;
        return read_number("LISTEN_FDS", FDS_MAX, &n) ? (unsigned)n : 0;
}

/* Whether the descriptor of this index has the name; all have the empty one. */
static bool has_name(unsigned index, const char *name)
{
        const char *at = secure_getenv("LISTEN_FDNAMES");

        if (*name == '\0')
                return true;
        while (at && index-- > 0) {
                at = strchr(at, ':');
                at = at ? at + 1 : NULL;
        }
        return at && strcspn(at, ":") == strlen(name) && strncmp(at, name, strlen(name)) == 0;
}

/* The descriptor number nth, from 0, of those with that name; negative: there is none. */
static int find_fd(const struct hark_address *address, unsigned nth)
{
        unsigned n = count_handed_over();

        for (unsigned i = 0; i < n; i++)
                if (has_name(i, address->path) && nth-- == 0)
                        return FIRST_FD + (int)i;
        return -ENOENT;
}

static int count_sockets(const struct hark_address *address)
{
        unsigned n = 0;

        while (find_fd(address, n) >= 0)
                n++;
        return n > 0 ? (int)n : -ENOENT;
}

static int get_option(int fd, int option)
{
        int value = 0;
        socklen_t size = sizeof(value);

        return getsockopt(fd, SOL_SOCKET, option, &value, &size) == 0 ? value : -errno;
}

/* The transport whose socket it is, if it accepts connections. 0; -EOPNOTSUPP: no transport's;
 * -errno. */
static int find_transport(int fd, const struct hark_transport_ops **ret_transport)
{
        int type = get_option(fd, SO_TYPE), family = get_option(fd, SO_DOMAIN);

        if (type < 0)
                return type == -ENOTSOCK ? -EOPNOTSUPP : type;
        if (get_option(fd, SO_ACCEPTCONN) != 1)
                return -EOPNOTSUPP;
        if (type == SOCK_STREAM && family == AF_UNIX)
                *ret_transport = &hark_transport_unix;
        else if (type == SOCK_SEQPACKET && family == AF_UNIX)
                *ret_transport = &hark_transport_seqpacket;
        else if (type == SOCK_STREAM && (family == AF_INET || family == AF_INET6))
                *ret_transport = &hark_transport_tcp;
        else
                return -EOPNOTSUPP;
        return 0;
}

static int duplicate(int fd)
{
        hark_cleanup(hark_closep) int own = fcntl(fd, F_DUPFD_CLOEXEC, FIRST_FD);
        int flags = own < 0 ? -1 : fcntl(own, F_GETFL);

        if (flags < 0 || fcntl(own, F_SETFL, flags | O_NONBLOCK) < 0 ||
            fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
                return -errno;
        return HARK_TAKE_FD(own);
}

/* What is for one user is not served where nobody knows who is there. */
static int adopt(hark_loop *loop, const struct hark_address *address, int fd,
                 struct hark_listener **ret_listener)
{
        const struct hark_transport_ops *transport = NULL;
        int r = find_transport(fd, &transport);

        if (r < 0)
                return r;
        if (transport != &hark_transport_tcp)
                return hark_unix_adopt(loop, transport, address, fd, ret_listener);
        if (address->uid_rule != HARK_UID_ONE)
                return hark_tcp_adopt(loop, address, fd, ret_listener);
        return -EOPNOTSUPP;
}

static void log_unfit(hark_loop *loop, const struct hark_address *address, int fd)
{
        const char *wanted = address->uid_rule == HARK_UID_ONE ? "UNIX" : "UNIX or TCP";

        hark_log(hark_loop_log(loop), LOG_ERR,
                 "descriptor %d, which was handed over for %s, is no %s socket that listens", fd,
                 address->text, wanted);
}

static int listen_inherited(hark_loop *loop, const struct hark_address *address,
                            struct hark_listener **ret_listener)
{
        int fd = find_fd(address, address->nth_socket), own, r;

        if (fd < 0)
                return fd;
        own = duplicate(fd);
        if (own < 0)
                return own;
        r = adopt(loop, address, own, ret_listener);
        if (r < 0)
                hark_close(own);
        if (r == -EOPNOTSUPP)
                log_unfit(loop, address, fd);
        return r;
}

static int parse_inherited(struct hark_address *address, const char *body, size_t body_size,
                           char *why, size_t why_size)
{
        address->path = hark_address_decode(body, body_size, &address->path_size);
        if (!address->path)
                return -ENOMEM;
        if (strchr(address->path, ':'))
                return hark_address_complain(why, why_size,
                                             "name: '%.*s' has a ':', which no name has",
                                             hark_quoted(address->path_size), address->path);
        return 0;
}

const struct hark_transport_ops hark_transport_inherited = {
        .public = {.scheme = "inherit",
                   .syntax = "inherit: or inherit:NAME",
                   .capabilities = HARK_CAN_STREAM | HARK_CAN_SEE_DEATH,
                   .max_frame = HARK_STREAM_FRAME,
                   .peer_death = "as unix: or tcp:, whose socket it is",
                   .credentials = "as unix: or tcp:"},
        .options = HARK_OPTION_UID | HARK_OPTION_OPEN,
        .parse = parse_inherited,
        .count_sockets = count_sockets,
        .listen = listen_inherited,
};
