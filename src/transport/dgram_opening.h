/* SPDX-License-Identifier: MIT */
#ifndef HARK_TRANSPORT_DGRAM_OPENING_H
#define HARK_TRANSPORT_DGRAM_OPENING_H

/*
 * How a connection of datagrams begins. The client makes both ends of it, and gives the server's to
 * the server, in a datagram to the socket where that listens:
 *
 *         client                                               server
 *         socketpair(SOCK_DGRAM)   --opening: both ends, -->   listens at the path
 *         pipe: the lifeline         lifeline to write         checks who has sent it, and what
 *                                  <--welcome, at the far end--
 *
 * So each client has a socket of its own at the server, which has no name: nobody else can reach
 * it, whatever namespaces he is in, and what one client does not read fills no queue but his.
 *
 * The kernel shows nothing at a datagram socket whose other end is gone. That is what the lifeline
 * is for: each side holds one end of the pipe as long as it holds its socket, and sees the other
 * go, by a close as well as by a death.
 *
 * What is sent to a socket that has gone takes all with it that came from there and is not read yet,
 * a goodbye perhaps: the kernel throws it away, with ECONNREFUSED. So each side holds the other's
 * socket open, too, and what it sends to nobody goes with its own.
 *
 * Who is there is what the kernel says of each message (SCM_CREDENTIALS). SO_PEERCRED would be no
 * use: it names who has made the pair, who may have given it away.
 */

#include "transport/socket_io.h"

/* One side's ends of a connection. -1: none. */
struct hark_dgram_ends {
        int socket;
        int other; /* the other side's socket, held so that it does not go */
        int lifeline;
};

void hark_dgram_ends_close(struct hark_dgram_ends *ends);

/* Makes both sides' ends. 0; -EMFILE, -ENFILE, -ENOMEM. */
int hark_dgram_make(struct hark_dgram_ends *ret_near, struct hark_dgram_ends *ret_far);

/* Sends the far ends, which stay the caller's, to the connected socket fd. 0; -EAGAIN: its queue is
 * full; -errno of sendmsg(2). */
int hark_dgram_send_opening(int fd, const struct hark_dgram_ends *far);

/* Has the socket where a server listens tell who sends openings. 0; -errno of setsockopt(2). */
int hark_dgram_ask_who_opens(int fd);

/*
 * Takes the next opening. 0: *ret_ends are the caller's, and the pidfd of *ret_sender, which may be
 * -1; -EAGAIN: none waits; -ECONNABORTED: it was no good, and nothing of it is left; -EMFILE: its
 * descriptors have been lost for want of our own.
 */
int hark_dgram_receive_opening(int fd, struct hark_dgram_ends *ret_ends,
                               struct hark_sender *ret_sender);

/* The server's first datagram on a connection. 0; -errno. */
int hark_dgram_send_welcome(int fd);

/* 1: it has come, *ret_sender as above; 0: not yet; -EPROTO: something else has. */
int hark_dgram_receive_welcome(int fd, struct hark_sender *ret_sender);

#endif
