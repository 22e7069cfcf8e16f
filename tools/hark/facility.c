/* SPDX-License-Identifier: MIT */
/* The facilities of channel.h: how each is made, and the system calls that move its bytes. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "channel.h"

#define DATAGRAM_SIZE 8192 /* more does not pay on the loopback, and fewer fit */

static void close_pair(const int fds[2])
{
        close(fds[0]);
        close(fds[1]);
}

static void set_sockets(struct channel *near, struct channel *far, const int fds[2])
{
        near->in = near->out = fds[0];
        far->in = far->out = fds[1];
}

/* there and back: the end to read, and the end to write. */
static void set_ways(struct channel *near, struct channel *far, const int there[2],
                     const int back[2])
{
        near->in = back[0];
        near->out = there[1];
        far->in = there[0];
        far->out = back[1];
}

/* --- bytes ------------------------------------------------------------------------------------ */

static ssize_t put_bytes(struct channel *channel, const void *data, size_t size)
{
        return write(channel->out, data, size);
}

static ssize_t take_bytes(struct channel *channel, void *data, size_t size)
{
        return read(channel->in, data, size);
}

/* --- sockets of this machine ------------------------------------------------------------------ */

static int open_socketpair(struct channel *near, struct channel *far, int type)
{
        int fds[2];

        if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fds) < 0)
                return -errno;
        set_sockets(near, far, fds);
        return 0;
}

static int open_stream(struct channel *near, struct channel *far)
{
        return open_socketpair(near, far, SOCK_STREAM);
}

/* A packet may be as large as the buffer for sending, less what unix(7) keeps for itself. */
static int open_packets(struct channel *near, struct channel *far, int type)
{
        int buffer_size, r = open_socketpair(near, far, type);
        socklen_t size = sizeof(buffer_size);

        if (r != 0)
                return r;
        getsockopt(near->out, SOL_SOCKET, SO_SNDBUF, &buffer_size, &size);
        near->packet_size = far->packet_size = (size_t)buffer_size - 32;
        return 0;
}

static int open_seqpacket(struct channel *near, struct channel *far)
{
        return open_packets(near, far, SOCK_SEQPACKET);
}

static int open_dgram(struct channel *near, struct channel *far)
{
        return open_packets(near, far, SOCK_DGRAM);
}

/* --- pipes ------------------------------------------------------------------------------------ */

static int open_pipes(struct channel *near, struct channel *far)
{
        int there[2], back[2];

        if (pipe2(there, O_CLOEXEC) < 0)
                return -errno;
        if (pipe2(back, O_CLOEXEC) < 0) {
                int error = errno;

                close_pair(there);
                return -error;
        }
        set_ways(near, far, there, back);
        return 0;
}

/* Opening one end waits for the other, but not for one that is open both ways. */
static int open_fifo(const char *path, int ret_ends[2])
{
        int both, error;

        if (mkfifo(path, 0600) < 0)
                return -errno;
        both = open(path, O_RDWR | O_CLOEXEC);
        ret_ends[0] = both < 0 ? -1 : open(path, O_RDONLY | O_CLOEXEC);
        ret_ends[1] = both < 0 ? -1 : open(path, O_WRONLY | O_CLOEXEC);
        error = errno;
        unlink(path);
        close(both);
        if (ret_ends[0] >= 0 && ret_ends[1] >= 0)
                return 0;
        close_pair(ret_ends);
        return -error;
}

static int open_fifos_in(const char *directory, struct channel *near, struct channel *far)
{
        int there[2], back[2];
        char path[64];
        int r;

        snprintf(path, sizeof(path), "%s/fifo", directory);
        r = open_fifo(path, there);
        if (r != 0)
                return r;
        r = open_fifo(path, back);
        if (r == 0)
                set_ways(near, far, there, back);
        else
                close_pair(there);
        return r;
}

static int open_fifos(struct channel *near, struct channel *far)
{
        char directory[] = "/tmp/hark-bench-XXXXXX";
        int r;

        if (!mkdtemp(directory))
                return -errno;
        r = open_fifos_in(directory, near, far);
        rmdir(directory);
        return r;
}

/* --- message queues --------------------------------------------------------------------------- */

static ssize_t put_message(struct channel *channel, const void *data, size_t size)
{
        return mq_send(channel->out, data, size, 0) < 0 ? -1 : (ssize_t)size;
}

/* However small the message, the buffer must have room for the largest: there is the slack. */
static ssize_t take_message(struct channel *channel, void *data, size_t size)
{
        (void)size;
        return mq_receive(channel->in, data, channel->packet_size, NULL);
}

/* One as large as the system makes them, and nameless; a descriptor for each end. */
static int open_queue(const char *way, int ret_ends[2])
{
        char name[64];
        int error;

        snprintf(name, sizeof(name), "/hark-bench-%d.%s", (int)getpid(), way);
        ret_ends[0] = mq_open(name, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600, NULL);
        ret_ends[1] = ret_ends[0] < 0 ? -1 : mq_open(name, O_WRONLY | O_CLOEXEC);
        error = errno;
        if (ret_ends[0] >= 0)
                mq_unlink(name);
        if (ret_ends[1] >= 0)
                return 0;
        close(ret_ends[0]);
        return error == EMFILE ? -EDQUOT : -error; /* it means ulimit -q, not descriptors */
}

static int measure_message(int queue, size_t *ret_size)
{
        struct mq_attr attributes;

        if (mq_getattr(queue, &attributes) < 0)
                return -errno;
        if ((size_t)attributes.mq_msgsize > CHANNEL_SLACK)
                return -EMSGSIZE;
        *ret_size = (size_t)attributes.mq_msgsize;
        return 0;
}

static int open_queues(struct channel *near, struct channel *far)
{
        int there[2], back[2];
        int r = open_queue("there", there);

        if (r != 0)
                return r;
        r = open_queue("back", back);
        if (r != 0) {
                close_pair(there);
                return r;
        }
        set_ways(near, far, there, back);
        r = measure_message(there[0], &near->packet_size);
        far->packet_size = near->packet_size;
        if (r != 0) {
                channel_close(near);
                channel_close(far);
        }
        return r;
}

/* --- the loopback ----------------------------------------------------------------------------- */

/* Returns a socket with an address of its own. */
static int bind_loopback(int type, struct sockaddr_in *ret_address)
{
        struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t size = sizeof(address);
        int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

        if (fd < 0)
                return -errno;
        if (bind(fd, (struct sockaddr *)&address, size) < 0 ||
            getsockname(fd, (struct sockaddr *)&address, &size) < 0) {
                int error = errno;

                close(fd);
                return -error;
        }
        *ret_address = address;
        return fd;
}

static int connect_loopback(int fd, const struct sockaddr_in *address)
{
        return connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 ? -errno : 0;
}

/* Returns the accepted end. */
static int connect_stream(int near, int listener, const struct sockaddr_in *address)
{
        int r = listen(listener, 1) < 0 ? -errno : connect_loopback(near, address);
        int far = r == 0 ? accept4(listener, NULL, NULL, SOCK_CLOEXEC) : r;
        int on = 1;

        if (far < 0)
                return r != 0 ? r : -errno;
        setsockopt(near, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        setsockopt(far, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        return far;
}

static int open_tcp(struct channel *near, struct channel *far)
{
        struct sockaddr_in address;
        int listener = bind_loopback(SOCK_STREAM, &address);
        int fds[2] = {-1, -1};

        if (listener < 0)
                return listener;
        fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        fds[1] = fds[0] < 0 ? -errno : connect_stream(fds[0], listener, &address);
        close(listener);
        if (fds[1] >= 0)
                set_sockets(near, far, fds);
        else if (fds[0] >= 0)
                close(fds[0]);
        return fds[1] < 0 ? fds[1] : 0;
}

static int open_udp(struct channel *near, struct channel *far)
{
        struct sockaddr_in addresses[2];
        int fds[2] = {bind_loopback(SOCK_DGRAM, &addresses[0]),
                      bind_loopback(SOCK_DGRAM, &addresses[1])};
        int r = fds[0] < 0 ? fds[0] : fds[1] < 0 ? fds[1] : 0;

        if (r == 0)
                r = connect_loopback(fds[0], &addresses[1]);
        if (r == 0)
                r = connect_loopback(fds[1], &addresses[0]);
        if (r != 0) {
                close_pair(fds);
                return r;
        }
        set_sockets(near, far, fds);
        near->packet_size = far->packet_size = DATAGRAM_SIZE;
        return 0;
}

/* The other end has taken half a window more. */
static void take_credit(struct channel *channel)
{
        unsigned half = channel->window / 2;

        channel->n_under_way -= channel->n_under_way < half ? channel->n_under_way : half;
}

/* Both ends count from the last time that they took turns: who answers has received everything. */
static ssize_t put_datagram(struct channel *channel, const void *data, size_t size)
{
        ssize_t n;
        char none;

        while (channel->n_under_way >= channel->window) {
                n = recv(channel->in, &none, sizeof(none), 0);
                if (n < 0)
                        return n;
                take_credit(channel);
        }
        n = send(channel->out, data, size, 0);
        if (n < 0)
                return n;
        channel->n_taken = 0;
        channel->n_under_way++;
        return n;
}

static ssize_t take_datagram(struct channel *channel, void *data, size_t size)
{
        ssize_t n;

        while ((n = recv(channel->in, data, size, 0)) == 0)
                take_credit(channel);
        if (n < 0)
                return n;
        channel->n_under_way = 0;
        if (++channel->n_taken < channel->window / 2)
                return n;
        channel->n_taken = 0;
        return send(channel->out, NULL, 0, 0) < 0 ? -1 : n;
}

/* --- the table -------------------------------------------------------------------------------- */

static const struct facility facilities[] = {
        {"unix", open_stream, put_bytes, take_bytes},
        {"seqpacket", open_seqpacket, put_bytes, take_bytes},
        {"dgram", open_dgram, put_bytes, take_bytes},
        {"tcp", open_tcp, put_bytes, take_bytes},
        {"udp", open_udp, put_datagram, take_datagram},
        {"pipe", open_pipes, put_bytes, take_bytes},
        {"fifo", open_fifos, put_bytes, take_bytes},
        {"mq", open_queues, put_message, take_message},
        {"exec", open_stream, put_bytes, take_bytes},
};

const struct facility *facility_find(const char *scheme)
{
        for (size_t i = 0; i < sizeof(facilities) / sizeof(*facilities); i++)
                if (strcmp(facilities[i].scheme, scheme) == 0)
                        return &facilities[i];
        return NULL;
}
