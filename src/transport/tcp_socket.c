/* SPDX-License-Identifier: MIT */

/* See tcp_socket.h. */

#include "transport/tcp_socket.h"

#include <errno.h>
#include <linux/sockios.h> /* SIOCOUTQ */
#include <netinet/tcp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "transport/inet_address.h"

#define KEEP_IDLE_S     30
#define KEEP_INTERVAL_S 10
#define KEEP_COUNT      3

/* A socket that takes none of them still works. */
static void set_option(int fd, int level, int option, int value)
{
        (void)setsockopt(fd, level, option, &value, sizeof(value));
}

void hark_tcp_set_up(int fd)
{
        set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
        set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEP_IDLE_S);
        set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEP_INTERVAL_S);
        set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEP_COUNT);
        set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
}

int hark_tcp_open(int family)
{
        int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);

        if (fd < 0)
                return -errno;
        hark_tcp_set_up(fd);
        return fd;
}

static int set_up_listening(int fd, const struct addrinfo *info, bool is_v6_only)
{
        int yes = 1, v6_only = is_v6_only;

        /* Or else a server that ends could not begin again while its old connections fade. */
        if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) < 0)
                return -errno;
        if (info->ai_family == AF_INET6 &&
            setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, sizeof(v6_only)) < 0)
                return -errno;
        if (bind(fd, info->ai_addr, info->ai_addrlen) < 0 || listen(fd, SOMAXCONN) < 0)
                return -errno;
        return 0;
}

int hark_tcp_listen(const struct addrinfo *info, bool is_v6_only)
{
        hark_cleanup(hark_closep) int fd = hark_tcp_open(info->ai_family);
        int r = fd < 0 ? fd : set_up_listening(fd, info, is_v6_only);

        return r < 0 ? r : HARK_TAKE_FD(fd);
}

enum hark_tcp_health hark_tcp_look(int fd, unsigned silence_ms)
{
        struct tcp_info info;
        socklen_t size = sizeof(info);
        int n_waiting = 0; /* bytes, unsent ones too */

        if (ioctl(fd, SIOCOUTQ, &n_waiting) < 0 || n_waiting == 0)
                return HARK_TCP_SETTLED;
        if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) < 0)
                return HARK_TCP_WAITING;
        /* Probes of a window that the other side has closed are not among the retransmits. */
        if (info.tcpi_unacked > 0 && info.tcpi_retransmits > 0 &&
            info.tcpi_last_ack_recv >= silence_ms)
                return HARK_TCP_SILENT;
        return HARK_TCP_WAITING;
}

bool hark_tcp_is_own_peer(int fd)
{
        union hark_inet_name own = {0}, peer = {0};
        socklen_t own_size = sizeof(own), peer_size = sizeof(peer);

        return getsockname(fd, &own.any, &own_size) == 0 &&
               getpeername(fd, &peer.any, &peer_size) == 0 && own_size == peer_size &&
               memcmp(&own, &peer, own_size) == 0;
}
