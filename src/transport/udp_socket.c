/* SPDX-License-Identifier: MIT */

/* See udp_socket.h. */

#include "transport/udp_socket.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/cleanup.h"

/* What may come at once, from all: as much as net.core.rmem_max lets it be. */
#define BUFFER_SIZE (4 << 20)

/* Control data wants the alignment of its header. */
union control {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(struct in6_pktinfo)) +
                   CMSG_SPACE(sizeof(struct sock_extended_err) + sizeof(struct sockaddr_in6))];
};

/* A socket that takes none of them still works. */
static void set_option(int fd, int level, int option, int value)
{
        (void)setsockopt(fd, level, option, &value, sizeof(value));
}

static void set_up(int fd, int family)
{
        set_option(fd, SOL_SOCKET, SO_RCVBUF, BUFFER_SIZE);
        set_option(fd, SOL_SOCKET, SO_SNDBUF, BUFFER_SIZE);
        /* A socket of IPv6 may carry IPv4, and has the options of both. */
        set_option(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO);
        set_option(fd, IPPROTO_IP, IP_RECVERR, 1);
        if (family != AF_INET6)
                return;
        set_option(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DO);
        set_option(fd, IPPROTO_IPV6, IPV6_RECVERR, 1);
}

/*
 * Nobody can be bound where somebody is, unless both let it be and are of the same user
 * (SO_REUSEPORT; SO_REUSEADDR does not look at the user). Who listens lets it be only while a socket
 * of his own joins him; but whoever is let in by one is let in, whatever others there say. So the
 * connections of a server would let in another one while it listens: see hark_udp_claim().
 */
static void let_join(int fd, bool lets)
{
        set_option(fd, SOL_SOCKET, SO_REUSEPORT, lets);
}

static int open_udp(int family)
{
        int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_UDP);

        if (fd < 0)
                return -errno;
        set_up(fd, family);
        return fd;
}

static bool is_any(const struct addrinfo *info)
{
        const union hark_inet_name *name = (const void *)info->ai_addr;

        if (info->ai_family == AF_INET6)
                return IN6_IS_ADDR_UNSPECIFIED(&name->in6.sin6_addr);
        return name->in.sin_addr.s_addr == htonl(INADDR_ANY);
}

int hark_udp_bind(const struct addrinfo *info, bool is_v6_only)
{
        hark_cleanup(hark_closep) int fd = open_udp(info->ai_family);
        bool is_ipv6 = info->ai_family == AF_INET6;

        if (fd < 0)
                return fd;
        if (is_ipv6)
                set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, is_v6_only);
        if (is_any(info))
                set_option(fd, is_ipv6 ? IPPROTO_IPV6 : IPPROTO_IP,
                           is_ipv6 ? IPV6_RECVPKTINFO : IP_PKTINFO, 1);
        if (bind(fd, info->ai_addr, info->ai_addrlen) == 0)
                return HARK_TAKE_FD(fd);
        if (errno != EADDRINUSE)
                return -errno;
        let_join(fd, true);
        if (bind(fd, info->ai_addr, info->ai_addrlen) < 0)
                return -errno;
        return HARK_TAKE_FD(fd);
}

static bool has_joined(int fd)
{
        int value = 0;
        socklen_t size = sizeof(value);

        return getsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &value, &size) == 0 && value;
}

/* A name in the same namespace as ports, that of networks. */
static int claim(int fd)
{
        hark_cleanup(hark_closep) int claim = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        struct sockaddr_un name = {.sun_family = AF_UNIX};
        union hark_inet_name address = {0};
        socklen_t size = sizeof(address);
        char text[64];
        int n;

        if (claim < 0 || getsockname(fd, &address.any, &size) < 0)
                return -errno;
        hark_inet_print(&address, text, sizeof(text));
        n = snprintf(name.sun_path, sizeof(name.sun_path), "%chark-udp-%s", '\0', text);
        size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)n);
        if (bind(claim, (const struct sockaddr *)&name, size) < 0)
                return -errno;
        return HARK_TAKE_FD(claim);
}

int hark_udp_claim(int fd, int *ret_claim)
{
        bool is_shared = has_joined(fd);
        int r = claim(fd);

        if (r < 0 && is_shared)
                return r;
        let_join(fd, false);
        *ret_claim = r < 0 ? -1 : r;
        return 0;
}

static socklen_t name_size(const union hark_inet_name *name)
{
        return name->any.sa_family == AF_INET6 ? sizeof(name->in6) : sizeof(name->in);
}

/* The host that the peer has found this one as. One of a link is none without the link. */
static void set_host(union hark_inet_name *name, const struct hark_udp_path *path)
{
        const struct in6_addr *host = &path->local;

        if (name->any.sa_family == AF_INET6) {
                name->in6.sin6_addr = *host;
                if (IN6_IS_ADDR_LINKLOCAL(host))
                        name->in6.sin6_scope_id = path->peer.in6.sin6_scope_id;
        } else {
                memcpy(&name->in.sin_addr, &host->s6_addr[12], sizeof(name->in.sin_addr));
        }
}

/* Joins where fd is bound, but for a host of its own. */
static int join(int fd, int joining, const struct hark_udp_path *path)
{
        union hark_inet_name name = {0};
        socklen_t size = sizeof(name);
        int r;

        if (getsockname(fd, &name.any, &size) < 0)
                return -errno;
        if (path->has_local)
                set_host(&name, path);
        let_join(joining, true);
        let_join(fd, true);
        r = bind(joining, &name.any, size) < 0 ? -errno : 0;
        let_join(fd, false);
        return r;
}

int hark_udp_split(int fd, const struct hark_udp_path *path)
{
        hark_cleanup(hark_closep) int split = open_udp(path->peer.any.sa_family);
        int r;

        /* What listens at every address has peers of IPv4, whatever net.ipv6.bindv6only is. */
        if (split >= 0 && path->peer.any.sa_family == AF_INET6)
                set_option(split, IPPROTO_IPV6, IPV6_V6ONLY, 0);
        r = split < 0 ? split : join(fd, split, path);
        if (r == 0 && connect(split, &path->peer.any, name_size(&path->peer)) < 0)
                r = -errno;
        return r < 0 ? r : HARK_TAKE_FD(split);
}

int hark_udp_connect(const struct addrinfo *info)
{
        hark_cleanup(hark_closep) int fd = open_udp(info->ai_family);

        if (fd < 0)
                return fd;
        if (connect(fd, info->ai_addr, info->ai_addrlen) < 0)
                return -errno;
        return HARK_TAKE_FD(fd);
}

void hark_udp_close(int fd)
{
        union hark_inet_name name = {0};
        socklen_t size = sizeof(name);

        if (fd >= 0 && getsockname(fd, &name.any, &size) == 0)
                (void)connect(fd, &name.any, size);
        hark_close(fd);
}

/* --- from where, and to where ----------------------------------------------------------------- */

static void put_in6(struct msghdr *message, union control *control, const struct in6_addr *local)
{
        struct in6_pktinfo info = {.ipi6_addr = *local};
        struct cmsghdr *header = &control->header;

        message->msg_controllen = CMSG_SPACE(sizeof(info));
        *header = (struct cmsghdr){.cmsg_level = IPPROTO_IPV6,
                                   .cmsg_type = IPV6_PKTINFO,
                                   .cmsg_len = CMSG_LEN(sizeof(info))};
        memcpy(CMSG_DATA(header), &info, sizeof(info));
}

static void put_in(struct msghdr *message, union control *control, const struct in6_addr *local)
{
        struct in_pktinfo info = {.ipi_ifindex = 0};
        struct cmsghdr *header = &control->header;

        memcpy(&info.ipi_spec_dst, &local->s6_addr[12], sizeof(info.ipi_spec_dst));
        message->msg_controllen = CMSG_SPACE(sizeof(info));
        *header = (struct cmsghdr){.cmsg_level = IPPROTO_IP,
                                   .cmsg_type = IP_PKTINFO,
                                   .cmsg_len = CMSG_LEN(sizeof(info))};
        memcpy(CMSG_DATA(header), &info, sizeof(info));
}

static void put_local(struct msghdr *message, union control *control,
                      const struct hark_udp_path *path)
{
        memset(control, 0, sizeof(*control));
        message->msg_control = control->bytes;
        if (path->peer.any.sa_family == AF_INET6)
                put_in6(message, control, &path->local);
        else
                put_in(message, control, &path->local);
}

static void take_local(struct msghdr *message, struct hark_udp_path *path)
{
        for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header;
             header = CMSG_NXTHDR(message, header)) {
                const uint8_t *data = CMSG_DATA(header);

                if (header->cmsg_level == IPPROTO_IPV6 && header->cmsg_type == IPV6_PKTINFO) {
                        memcpy(&path->local, data + offsetof(struct in6_pktinfo, ipi6_addr),
                               sizeof(path->local));
                        path->has_local = true;
                } else if (header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_PKTINFO) {
                        memcpy(&path->local.s6_addr[12],
                               data + offsetof(struct in_pktinfo, ipi_spec_dst), 4);
                        path->has_local = true;
                }
        }
}

bool hark_udp_is_same(const union hark_inet_name *a, const union hark_inet_name *b)
{
        if (a->any.sa_family != b->any.sa_family)
                return false;
        if (a->any.sa_family == AF_INET)
                return a->in.sin_port == b->in.sin_port &&
                       a->in.sin_addr.s_addr == b->in.sin_addr.s_addr;
        return a->in6.sin6_port == b->in6.sin6_port &&
               a->in6.sin6_scope_id == b->in6.sin6_scope_id &&
               memcmp(&a->in6.sin6_addr, &b->in6.sin6_addr, sizeof(a->in6.sin6_addr)) == 0;
}

/* --- datagrams -------------------------------------------------------------------------------- */

static ssize_t send_once(int fd, const struct msghdr *message)
{
        ssize_t n;

        do {
                n = sendmsg(fd, message, MSG_DONTWAIT | MSG_NOSIGNAL);
        } while (n < 0 && errno == EINTR);
        return n;
}

int hark_udp_send(int fd, const struct hark_udp_path *to, const struct iovec *iov, unsigned n_iov)
{
        /* sendmsg(2) writes neither to the vector nor to the name. */
        struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)iov, .msg_iovlen = n_iov};
        union control control;
        ssize_t n;

        if (to) {
                message.msg_name = (void *)(uintptr_t)&to->peer;
                message.msg_namelen = name_size(&to->peer);
        }
        if (to && to->has_local)
                put_local(&message, &control, to);
        n = send_once(fd, &message);
        /* It may be the error of another datagram, which has its own report, and is told once. */
        if (n < 0 && errno != EAGAIN)
                n = send_once(fd, &message);
        return n < 0 && (errno == EMSGSIZE || errno == EAGAIN) ? -errno : 0;
}

ssize_t hark_udp_receive(int fd, void *bytes, size_t size, struct hark_udp_path *ret_from)
{
        struct iovec iov = {.iov_base = bytes, .iov_len = size};
        union control control;
        struct msghdr message = {.msg_name = &ret_from->peer,
                                 .msg_namelen = sizeof(ret_from->peer),
                                 .msg_iov = &iov,
                                 .msg_iovlen = 1,
                                 .msg_control = control.bytes,
                                 .msg_controllen = sizeof(control)};
        ssize_t n;

        *ret_from = (struct hark_udp_path){.has_local = false};
        n = recvmsg(fd, &message, MSG_DONTWAIT);
        if (n < 0)
                return errno == EAGAIN ? -EAGAIN : -EINTR;
        take_local(&message, ret_from);
        return n;
}

static int error_of(struct msghdr *message)
{
        struct sock_extended_err report = {.ee_errno = 0};

        for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header;
             header = CMSG_NXTHDR(message, header))
                if ((header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_RECVERR) ||
                    (header->cmsg_level == IPPROTO_IPV6 && header->cmsg_type == IPV6_RECVERR))
                        memcpy(&report, CMSG_DATA(header), sizeof(report));
        return (int)report.ee_errno;
}

ssize_t hark_udp_receive_error(int fd, void *bytes, size_t size, int *ret_error)
{
        struct iovec iov = {.iov_base = bytes, .iov_len = size};
        union control control;
        struct msghdr message = {.msg_iov = &iov,
                                 .msg_iovlen = 1,
                                 .msg_control = control.bytes,
                                 .msg_controllen = sizeof(control)};
        ssize_t n = recvmsg(fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT);

        if (n < 0)
                return -EAGAIN;
        *ret_error = error_of(&message);
        return n;
}
