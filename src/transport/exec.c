/* SPDX-License-Identifier: MIT */

/*
 * exec:PROGRAM ARGUMENT...: a child of our own, at the other end of a socketpair(2) that is its
 * stdin and stdout. spawn.h says how it is started and who reaps it.
 *
 * It ends when it likes; when the port is closed, its stdin ends. That it has ended shows in the
 * socket; but where it left a process behind that holds the socket too, only in the pidfd.
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "transport/inherit.h"
#include "transport/spawn.h"
#include "transport/fd_port.h"

struct exec_port {
        struct hark_fd_port base; /* the first member */
        struct hark_child child;
        struct hark_io exit; /* of the child */
        uid_t uid;           /* our own, when it was started */
        gid_t gid;
};

/* --- addresses -------------------------------------------------------------------------------- */

/* Length of the next word; *text is moved to it. */
static size_t next_word(const char **text, const char *end)
{
        const char *begin = *text;

        while (begin < end && *begin == ' ')
                begin++;
        *text = begin;
        while (begin < end && *begin != ' ')
                begin++;
        return (size_t)(begin - *text);
}

static size_t count_words(const char *text, const char *end)
{
        size_t n = 0, size;

        while ((size = next_word(&text, end)) > 0) {
                text += size;
                n++;
        }
        return n;
}

static int parse_exec(struct hark_address *address, const char *body, size_t body_size, char *why,
                      size_t why_size)
{
        const char *end = body + body_size;
        size_t n = count_words(body, end);

        if (n == 0)
                return hark_address_complain(
                        why, why_size, "program: is empty; expected exec:PROGRAM ARGUMENT...");
        address->argv = calloc(n + 1, sizeof(*address->argv));
        if (!address->argv)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                size_t size = next_word(&body, end);

                address->argv[i] = hark_address_decode(body, size, NULL);
                if (!address->argv[i])
                        return -ENOMEM;
                body += size;
        }
        return 0;
}

/* --- ports ------------------------------------------------------------------------------------ */

static struct exec_port *exec_port_of(struct hark_port *port)
{
        return hark_container_of(port, struct exec_port, base.port);
}

static bool is_hung_up(int fd)
{
        struct pollfd look = {.fd = fd};

        return poll(&look, 1, 0) == 1 && (look.revents & POLLHUP);
}

/* If it is us who adopts orphans, as the first process of a container does, it is ours to reap; if
 * not, this fails. */
static void reap_if_ours(const struct exec_port *port)
{
        siginfo_t info;

        if (port->child.pidfd >= 0)
                (void)waitid(P_PIDFD, (id_t)port->child.pidfd, &info, WEXITED | WNOHANG);
}

static void on_exit_of_child(struct hark_io *io, uint32_t events)
{
        struct exec_port *port = hark_container_of(io, struct exec_port, exit);

        (void)events;
        hark_io_stop(&port->exit);
        reap_if_ours(port);
        /* A socket that hung up tells it by itself, and behind all that was sent. */
        if (!is_hung_up(port->base.in.fd))
                hark_fd_port_broke(&port->base, -ECONNRESET);
}

static void close_exec(struct hark_port *base)
{
        struct exec_port *port = exec_port_of(base);

        hark_io_stop(&port->exit);
        hark_fd_port_done(&port->base);
        reap_if_ours(port);
        hark_close(port->child.pidfd);
        free(port);
}

static int start_child(struct exec_port *port, char *const argv[])
{
        hark_cleanup(hark_closep) int childs = -1;
        int sockets[2];

        /* Without SOCK_NONBLOCK: few programs expect that of their stdin. */
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) < 0)
                return -errno;
        hark_fd_port_set_socket(&port->base, sockets[0]);
        childs = hark_fd_above_stdio(sockets[1]);
        if (childs < 0)
                return childs;
        return hark_spawn(argv, childs, &port->child);
}

static int connect_exec(hark_loop *loop, const struct hark_address *address,
                        struct hark_port **ret_port)
{
        struct exec_port *port = calloc(1, sizeof(*port));
        int r;

        if (!port)
                return -ENOMEM;
        hark_fd_port_init(&port->base, &hark_transport_exec, loop);
        port->child.pidfd = -1;
        port->uid = geteuid();
        port->gid = getegid();
        r = start_child(port, address->argv);
        if (r < 0) {
                close_exec(&port->base.port);
                return r;
        }
        *ret_port = &port->base.port;
        return 0;
}

static int start_exec(struct hark_port *base)
{
        struct exec_port *port = exec_port_of(base);
        int r = 0;

        if (port->child.pidfd >= 0)
                r = hark_io_start(base->loop, &port->exit, port->child.pidfd, EPOLLIN,
                                  on_exit_of_child);
        return r < 0 ? r : hark_fd_port_start(base);
}

static void identify_exec(struct hark_port *base, struct hark_credentials *credentials)
{
        const struct exec_port *port = exec_port_of(base);

        credentials->uid = port->uid;
        credentials->gid = port->gid;
        credentials->pid = port->child.pid;
        if (port->child.pidfd >= 0)
                credentials->pidfd = fcntl(port->child.pidfd, F_DUPFD_CLOEXEC, 0);
}

const struct hark_transport_ops hark_transport_exec = {
        .public = {.scheme = "exec",
                   .syntax = "exec:program argument...",
                   .capabilities = HARK_CAN_STREAM | HARK_CAN_PASS_FDS | HARK_CAN_IDENTIFY |
                                   HARK_CAN_SEE_DEATH,
                   .max_frame = HARK_STREAM_FRAME,
                   .peer_death = "at once",
                   .credentials = "uid, gid, pid, pidfd of the child it starts",
                   .memory_per_connection = 15 * 1024,
                   .fds_per_connection = 2},
        .options = HARK_OPTION_SPACES,
        .parse = parse_exec,
        .connect = connect_exec,
        .start = start_exec,
        .receive = hark_fd_port_receive,
        .send = hark_fd_port_send,
        .want = hark_fd_port_want,
        .set_bulky = hark_fd_port_set_bulky,
        .identify = identify_exec,
        .close = close_exec,
};
