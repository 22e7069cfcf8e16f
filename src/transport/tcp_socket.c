/* SPDX-License-Identifier: MIT */

/* See tcp_socket.h. */

#include "transport/tcp_socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/sockios.h> /* SIOCOUTQ */
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

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

static void print_in6(const struct sockaddr_in6 *in6, char *text, size_t size)
{
        char host[INET6_ADDRSTRLEN] = "";
        char zone[16] = "";

        (void)inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host));
        if (in6->sin6_scope_id != 0)
                (void)snprintf(zone, sizeof(zone), "%%25%u", in6->sin6_scope_id); /* escaped % */
        (void)snprintf(text, size, "[%s%s]:%u", host, zone, ntohs(in6->sin6_port));
}

void hark_tcp_print(const union hark_tcp_name *name, char *text, size_t size)
{
        char host[INET_ADDRSTRLEN] = "";

        if (name->any.sa_family == AF_INET6) {
                print_in6(&name->in6, text, size);
                return;
        }
        (void)inet_ntop(AF_INET, &name->in.sin_addr, host, sizeof(host));
        (void)snprintf(text, size, "%s:%u", host, ntohs(name->in.sin_port));
}

bool hark_tcp_is_loopback(const union hark_tcp_name *name)
{
        const struct in6_addr *in6 = &name->in6.sin6_addr;

        if (name->any.sa_family == AF_INET)
                return ntohl(name->in.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
        if (IN6_IS_ADDR_V4MAPPED(in6))
                return in6->s6_addr[12] == IN_LOOPBACKNET;
        return IN6_IS_ADDR_LOOPBACK(in6);
}

bool hark_tcp_is_own_peer(int fd)
{
        union hark_tcp_name own = {0}, peer = {0};
        socklen_t own_size = sizeof(own), peer_size = sizeof(peer);

        return getsockname(fd, &own.any, &own_size) == 0 &&
               getpeername(fd, &peer.any, &peer_size) == 0 && own_size == peer_size &&
               memcmp(&own, &peer, own_size) == 0;
}
