/* SPDX-License-Identifier: MIT */
#ifndef CHANNEL_H
#define CHANNEL_H

/*
 * Bytes between two processes by the bare, blocking system calls of one facility, and nothing else:
 * what the floor is measured with.
 *
 *         unix, tcp, pipe, fifo, exec   write(2) and read(2) of a stream
 *         seqpacket, dgram, mq          the same, or mq_send(3) and mq_receive(3), in as few packets
 *                                       as they make of it, each as large as it may be
 *         udp                           datagrams, of which no more are under way than fit: the
 *                                       receiver confirms by empty ones
 *
 * Both ends know how much is coming. No facility here need show that the other process has died:
 * what waits longer than the patience of its end gives up.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define CHANNEL_SLACK ((size_t)64 << 10) /* see channel_take() */

struct channel;

/* What to move bytes with. */
struct facility {
        const char *scheme;
        int (*open)(struct channel *near, struct channel *far);
        /* As write(2) and read(2), for at most a packet. */
        ssize_t (*put)(struct channel *channel, const void *data, size_t size);
        ssize_t (*take)(struct channel *channel, void *data, size_t size);
};

/* One process' end. */
struct channel {
        const struct facility *facility;
        int in, out;          /* of a socket, both the same */
        size_t packet_size;   /* that one system call takes at the most */
        unsigned window;      /* of udp: packets that may be under way, */
        unsigned n_under_way; /* those that are, as far as is known, */
        unsigned n_taken;     /* and those of the other end that it has not been told of */
};

/* NULL: there is none for that transport. */
const struct facility *facility_find(const char *scheme);

/* Opens both ends in this process. Returns 0 or -errno. */
int channel_open(const struct facility *facility, struct channel *near, struct channel *far);

/* From now on messages have this size: both ends say so at the same point of the conversation. */
void channel_expect(struct channel *channel, size_t size);

/* Returns 0; -ETIMEDOUT; -ECONNRESET: the end; -errno. */
int channel_write(struct channel *channel, const void *data, size_t size);
/* Likewise. There must be room for CHANNEL_SLACK bytes more than size. */
int channel_read(struct channel *channel, void *data, size_t size);
/* What one system call brings, of no more than size bytes that are still to come. Returns how many,
 * or as channel_read(), with the same room. */
ssize_t channel_take(struct channel *channel, void *data, size_t size);

/* The end does not wait beyond so many seconds from now on; 0: it waits for ever. Of one channel in a
 * process. */
void channel_set_patience(int seconds);

void channel_close(struct channel *channel);

#endif
