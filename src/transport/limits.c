/* SPDX-License-Identifier: MIT */

/*
 * The limits of the system that a transport can run into: one table, read when it is asked.
 *
 * A datagram queue above the usual 10 made nothing faster. What is called enough is so for a server with CLIENTS clients of one user on this machine, of
 * which a listener takes 256 by default. Where that depends on what else there is, as with the
 * processes of a user, it is what these alone need. A file that has several numbers cannot be set by
 * one: then neither command nor setting is told.
 */

#include "transport/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <hark/transport.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "transport/fd_port.h"
#include "transport/parser.h"
#include "transport/transport.h"

#define CLIENTS 250

/* What the kernel counts for a queue of mq:, its own 96 bytes a message included: the server's and a
 * client's, as they are meant to be, and an eighth of that, which mq_queue.h goes down to. */
#define QUEUES        (82880 + CLIENTS * 4480)
#define QUEUES_NEEDED (11200 + 896)

#define PIPE_PAGES 16 /* of one, usually */

#define ALL NULL

enum reading {
        READ_RESOURCE,
        READ_FIRST,
        READ_THIRD, /* the maximum, behind a minimum and a default */
        READ_RANGE, /* how many there are from the first number to the second */
        READ_PAGES  /* 0 is no limit */
};

struct row {
        const char *schemes; /* with spaces between */
        struct hark_transport_limit limit;
        unsigned enough_per_fd; /* for each descriptor of a connection, besides limit.enough */
        enum reading reading;
        int resource;
        const char *raise; /* the command, where the hard limit is in the way of what is enough */
};

#define SYSCTL(_name, _path)                                                             \
        .name = (_name), .where = "/proc/sys/" _path, .command = "sysctl -w " _name "=", \
        .setting = _name " = ", .file = "/etc/sysctl.d/60-hark.conf"
#define NUMBERS(_name, _path) .name = (_name), .where = "/proc/sys/" _path
#define RESOURCE(_name, _letter)                                                             \
        .name = "RLIMIT_" _name, .where = "getrlimit(2)", .command = "ulimit -" _letter " ", \
        .setting = "Limit" _name "=", .file = "[Service] of its unit, systemd.exec(5)"

static const struct row rows[] = {
        {.schemes = ALL,
         .limit = {RESOURCE("NOFILE", "n"), .what = "of this process",
                   .beyond = "nobody else can connect", .unit = "descriptors", .needed = 16,
                   .enough = 64},
         .enough_per_fd = CLIENTS,
         .resource = RLIMIT_NOFILE,
         .raise = "prlimit --pid $$ --nofile="},
        {.schemes = "unix seqpacket tcp inherit",
         .limit = {SYSCTL("net.core.somaxconn", "net/core/somaxconn"),
                   .what = "that wait to be accepted",
                   .beyond = "who connects waits, and tries again", .unit = "connections",
                   .enough = CLIENTS},
         .reading = READ_FIRST},
        {.schemes = "unix seqpacket dgram exec",
         .limit = {SYSCTL("net.core.wmem_default", "net/core/wmem_default"),
                   .what = "sent and not yet read, each way",
                   .beyond = "who sends waits, and sooner where this is less", .unit = "bytes",
                   .enough = 3 * HARK_PACKET_FRAME},
         .reading = READ_FIRST},
        {.schemes = "unix exec",
         .limit = {SYSCTL("net.core.wmem_max", "net/core/wmem_max"),
                   .what = "sent and not yet read, while a large message leaves",
                   .beyond = "a message above 256 KiB leaves in more pieces, and more slowly",
                   .unit = "bytes", .enough = HARK_BULKY_BUFFER},
         .reading = READ_FIRST},
        {.schemes = "seqpacket dgram",
         .limit = {SYSCTL("net.core.wmem_max", "net/core/wmem_max"),
                   .what = "sent and not yet read, where the default is too small for a frame",
                   .beyond = "a message that needs so large a frame cannot be sent",
                   .unit = "bytes", .enough = HARK_PACKET_FRAME},
         .reading = READ_FIRST},
        {.schemes = "dgram",
         .limit = {SYSCTL("net.unix.max_dgram_qlen", "net/unix/max_dgram_qlen"),
                   .what = "sent and not yet read, each way; and clients that wait to be accepted",
                   .beyond = "who sends or connects waits", .unit = "datagrams", .enough = 10},
         .reading = READ_FIRST},
        {.schemes = "dgram",
         .limit = {SYSCTL("fs.pipe-user-pages-hard", "fs/pipe-user-pages-hard"),
                   .what = "in pipes of this user", .beyond = "nobody else can connect",
                   .unit = "pages", .needed = PIPE_PAGES, .enough = PIPE_PAGES * CLIENTS},
         .reading = READ_PAGES},
        {.schemes = "fifo",
         .limit = {SYSCTL("fs.pipe-user-pages-soft", "fs/pipe-user-pages-soft"),
                   .what = "in pipes of this user",
                   .beyond = "what is sent goes in smaller pieces, and more slowly",
                   .unit = "pages", .enough = 2 * PIPE_PAGES * CLIENTS + PIPE_PAGES},
         .reading = READ_PAGES},
        {.schemes = "fifo",
         .limit = {SYSCTL("fs.pipe-user-pages-hard", "fs/pipe-user-pages-hard"),
                   .what = "in pipes of this user", .beyond = "nobody else can connect",
                   .unit = "pages", .needed = 3 * PIPE_PAGES,
                   .enough = 2 * PIPE_PAGES * CLIENTS + PIPE_PAGES},
         .reading = READ_PAGES},
        {.schemes = "pipe fifo stdio",
         .limit = {SYSCTL("fs.pipe-max-size", "fs/pipe-max-size"),
                   .what = "in one pipe, if its owner asks (F_SETPIPE_SZ)",
                   .beyond = "who sends waits, and sooner where this is less", .unit = "bytes",
                   .enough = PIPE_PAGES * 4096},
         .reading = READ_FIRST},
        {.schemes = "unix seqpacket dgram fifo",
         .limit = {SYSCTL("fs.inotify.max_user_instances", "fs/inotify/max_user_instances"),
                   .what = "of this user that wait for a path, and are told at once",
                   .beyond = "they look for the server from time to time instead",
                   .unit = "clients", .enough = CLIENTS},
         .reading = READ_FIRST},
        {.schemes = "tcp",
         .limit = {NUMBERS("net.ipv4.tcp_wmem", "net/ipv4/tcp_wmem"),
                   .what = "sent and not yet acknowledged, of a connection",
                   .beyond = "who sends waits", .unit = "bytes"},
         .reading = READ_THIRD},
        {.schemes = "tcp",
         .limit = {NUMBERS("net.ipv4.tcp_rmem", "net/ipv4/tcp_rmem"),
                   .what = "received and not yet read, of a connection",
                   .beyond = "who sends waits", .unit = "bytes"},
         .reading = READ_THIRD},
        {.schemes = "tcp udp",
         .limit = {NUMBERS("net.ipv4.ip_local_port_range", "net/ipv4/ip_local_port_range"),
                   .what = "for clients at one address, of one server",
                   .beyond = "nobody else can connect from there", .unit = "ports"},
         .reading = READ_RANGE},
        {.schemes = "udp",
         .limit = {SYSCTL("net.core.rmem_default", "net/core/rmem_default"),
                   .what = "received and not yet read",
                   .beyond = "what comes is lost, and must be sent again", .unit = "bytes",
                   .enough = 3 * HARK_PACKET_FRAME},
         .reading = READ_FIRST},
        {.schemes = "udp",
         .limit = {SYSCTL("net.core.rmem_max", "net/core/rmem_max"),
                   .what = "to what that can be raised (SO_RCVBUF)",
                   .beyond = "what comes is lost, and must be sent again", .unit = "bytes",
                   .enough = 3 * HARK_PACKET_FRAME},
         .reading = READ_FIRST},
        {.schemes = "udp",
         .limit = {NUMBERS("net.ipv4.udp_mem", "net/ipv4/udp_mem"),
                   .what = "in all UDP sockets of the machine",
                   .beyond = "what comes is lost, and must be sent again", .unit = "pages"},
         .reading = READ_THIRD},
        {.schemes = "udp",
         .limit = {SYSCTL("net.ipv4.igmp_max_memberships", "net/ipv4/igmp_max_memberships"),
                   .what = "of multicast, for a socket", .beyond = "it can join no more",
                   .unit = "groups"},
         .reading = READ_FIRST},
        {.schemes = "mq",
         .limit = {RESOURCE("MSGQUEUE", "q"), .what = "in all queues of this user",
                   .beyond = "queues are made smaller, and then nobody else can connect",
                   .unit = "bytes", .needed = QUEUES_NEEDED, .enough = QUEUES},
         .resource = RLIMIT_MSGQUEUE,
         .raise = "prlimit --pid $$ --msgqueue="},
        {.schemes = "mq",
         .limit = {SYSCTL("fs.mqueue.msg_max", "fs/mqueue/msg_max"), .what = "in a queue",
                   .beyond = "the queue is full, and who sends waits", .unit = "messages",
                   .enough = 10},
         .reading = READ_FIRST},
        {.schemes = "mq",
         .limit = {SYSCTL("fs.mqueue.msgsize_max", "fs/mqueue/msgsize_max"),
                   .what = "of a message in a queue",
                   .beyond = "what is sent goes in more pieces, and more slowly", .unit = "bytes",
                   .enough = 8192},
         .reading = READ_FIRST},
        {.schemes = "mq",
         .limit = {SYSCTL("fs.mqueue.queues_max", "fs/mqueue/queues_max"),
                   .what = "in this IPC namespace: a server's, and one of each client",
                   .beyond = "nobody else can connect", .unit = "queues", .needed = 2,
                   .enough = CLIENTS + 1},
         .reading = READ_FIRST},
        {.schemes = "exec",
         .limit = {RESOURCE("NPROC", "u"), .what = "of this user, those that it starts among them",
                   .beyond = "no program is started", .unit = "processes", .enough = 2 * CLIENTS},
         .resource = RLIMIT_NPROC,
         .raise = "prlimit --pid $$ --nproc="},
};

#define N_ROWS (sizeof(rows) / sizeof(*rows))

/* --- reading ---------------------------------------------------------------------------------- */

static int parse_numbers(const char *text, uint64_t ret_numbers[HARK_SYSCTL_NUMBERS])
{
        int n = 0;

        while (n < HARK_SYSCTL_NUMBERS) {
                size_t size;

                text += strspn(text, " \t\n");
                size = strcspn(text, " \t\n");
                if (!hark_parse_number(text, size, 10, UINT64_MAX, &ret_numbers[n]))
                        break;
                text += size;
                n++;
        }
        return n > 0 ? n : -EINVAL;
}

int hark_sysctl_read(const char *path, uint64_t ret_numbers[HARK_SYSCTL_NUMBERS])
{
        char text[80] = "";
        hark_cleanup(hark_closep) int fd = open(path, O_RDONLY | O_CLOEXEC);

        if (fd < 0 || read(fd, text, sizeof(text) - 1) < 0)
                return -errno;
        return parse_numbers(text, ret_numbers);
}

static int read_resource(const struct row *row, struct hark_transport_limit *limit)
{
        struct rlimit found;

        if (getrlimit((__rlimit_resource_t)row->resource, &found) < 0)
                return -errno;
        limit->value = found.rlim_cur == RLIM_INFINITY ? HARK_NO_LIMIT : found.rlim_cur;
        if (found.rlim_max < limit->enough)
                limit->command = row->raise;
        return 0;
}

/* What counts of the numbers in a file. */
static uint64_t value_of(enum reading reading, const uint64_t numbers[HARK_SYSCTL_NUMBERS])
{
        switch (reading) {
        case READ_RESOURCE:
        case READ_FIRST:
                return numbers[0];
        case READ_THIRD:
                return numbers[2];
        case READ_RANGE:
                return numbers[1] < numbers[0] ? 0 : numbers[1] - numbers[0] + 1;
        case READ_PAGES:
                return numbers[0] > 0 ? numbers[0] : HARK_NO_LIMIT;
        }
        return 0;
}

/* Into the limit, which has all else. */
static int read_value(const struct row *row, struct hark_transport_limit *limit)
{
        uint64_t numbers[HARK_SYSCTL_NUMBERS] = {0};
        int r;

        if (row->reading == READ_RESOURCE)
                return read_resource(row, limit);
        r = hark_sysctl_read(limit->where, numbers);
        if (r < 0)
                return r;
        limit->value = value_of(row->reading, numbers);
        return 0;
}

/* --- finding ---------------------------------------------------------------------------------- */

static const struct hark_transport *find_transport(const char *scheme)
{
        const struct hark_transport *transport;

        for (size_t i = 0; (transport = hark_transport_get(i)); i++)
                if (strcmp(transport->scheme, scheme) == 0)
                        return transport;
        return NULL;
}

static bool is_among(const char *schemes, const char *scheme)
{
        for (size_t size; *schemes; schemes += size + (schemes[size] == ' ')) {
                size = strcspn(schemes, " ");
                if (hark_is_word(scheme, schemes, size))
                        return true;
        }
        return false;
}

static bool concerns(const struct row *row, const struct hark_transport *transport)
{
        return row->schemes == ALL || is_among(row->schemes, transport->scheme);
}

static struct hark_transport_limit limit_of(const struct row *row,
                                            const struct hark_transport *transport)
{
        struct hark_transport_limit limit = row->limit;

        limit.enough += (uint64_t)row->enough_per_fd * transport->fds_per_connection;
        return limit;
}

int hark_transport_limit_get(const char *scheme, size_t index,
                             struct hark_transport_limit *ret_limit)
{
        const struct hark_transport *transport = find_transport(scheme);

        if (!transport)
                return -EPROTONOSUPPORT;
        for (const struct row *row = rows; row < rows + N_ROWS; row++) {
                struct hark_transport_limit limit = limit_of(row, transport);

                if (!concerns(row, transport) || read_value(row, &limit) < 0)
                        continue;
                if (index-- > 0)
                        continue;
                *ret_limit = limit;
                return 0;
        }
        return -ENOENT;
}
