/* SPDX-License-Identifier: MIT */

/* See multicast_socket.h. */

#include "transport/multicast_socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/cleanup.h"

/* Of what is heard and not read yet: as much as net.core.rmem_max lets it be. */
#define BUFFER_SIZE (4 << 20)

#define LOOPBACK "lo" /* as the kernel calls it, in each network namespace */

static bool is_group(const union hark_inet_name *name)
{
        if (name->any.sa_family == AF_INET6)
                return IN6_IS_ADDR_MULTICAST(&name->in6.sin6_addr);
        return IN_MULTICAST(ntohl(name->in.sin_addr.s_addr));
}

/* Of a number, without asking anybody; the zone of IPv6 is left out. */
static bool read_number(const struct hark_address *address, union hark_inet_name *ret_name)
{
        char text[INET6_ADDRSTRLEN];
        size_t size = strcspn(address->host, "%");

        if (size >= sizeof(text))
                return false;
        *(char *)mempcpy(text, address->host, size) = '\0';
        *ret_name = (union hark_inet_name){.any.sa_family = AF_INET};
        if (inet_pton(AF_INET, text, &ret_name->in.sin_addr) == 1) {
                ret_name->in.sin_port = htons(address->port);
                return true;
        }
        *ret_name = (union hark_inet_name){.any.sa_family = AF_INET6};
        ret_name->in6.sin6_port = htons(address->port);
        return inet_pton(AF_INET6, text, &ret_name->in6.sin6_addr) == 1;
}

bool hark_multicast_is_group(const struct hark_address *address)
{
        union hark_inet_name name;

        return read_number(address, &name) && is_group(&name);
}

static const char *interface_of(const struct hark_address *address)
{
        const char *zone = strchr(address->host, '%');

        if (address->interface)
                return address->interface;
        if (zone)
                return zone + 1;
        return LOOPBACK;
}

/* Its number, or -errno. if_nametoindex(3) has no errno to go by if there is no descriptor left. */
static int find_interface(const char *name)
{
        hark_cleanup(hark_closep) int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        struct ifreq request = {0};
        size_t size = strlen(name) + 1;

        if (fd < 0)
                return -errno;
        if (size > sizeof(request.ifr_name))
                return -ENODEV;
        memcpy(request.ifr_name, name, size);
        return ioctl(fd, SIOCGIFINDEX, &request) < 0 ? -errno : request.ifr_ifindex;
}

int hark_multicast_find(const struct hark_address *address, struct hark_multicast_group *ret_group)
{
        const char *interface = interface_of(address);
        struct hark_multicast_group group = {.is_local = strcmp(interface, LOOPBACK) == 0};
        int index = find_interface(interface);

        if (index < 0)
                return index;
        group.interface = (unsigned)index;
        (void)read_number(address, &group.name);
        if (group.name.any.sa_family == AF_INET6)
                group.name.in6.sin6_scope_id = group.interface;
        *ret_group = group;
        return 0;
}

/* --- sockets ---------------------------------------------------------------------------------- */

static socklen_t name_size(const struct hark_multicast_group *group)
{
        return group->name.any.sa_family == AF_INET6 ? sizeof(group->name.in6)
                                                     : sizeof(group->name.in);
}

static int open_socket(const struct hark_multicast_group *group)
{
        int fd = socket(group->name.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
                        IPPROTO_UDP);

        return fd < 0 ? -errno : fd;
}

/* What is not said here is as the system has it: one hop, and heard on this machine, too. */
static int choose_interface(int fd, const struct hark_multicast_group *group)
{
        struct ip_mreqn choice = {.imr_ifindex = (int)group->interface};
        int index = (int)group->interface, r;

        if (group->name.any.sa_family == AF_INET6)
                r = setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, &index, sizeof(index));
        else
                r = setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &choice, sizeof(choice));
        return r < 0 ? -errno : 0;
}

int hark_multicast_open_sender(const struct hark_multicast_group *group)
{
        hark_cleanup(hark_closep) int fd = open_socket(group);
        int r = fd < 0 ? fd : choose_interface(fd, group);

        if (r < 0)
                return r;
        if (connect(fd, &group->name.any, name_size(group)) < 0)
                return -errno;
        return HARK_TAKE_FD(fd);
}

static int join(int fd, const struct hark_multicast_group *group)
{
        bool is_ipv6 = group->name.any.sa_family == AF_INET6;
        struct ipv6_mreq ipv6 = {.ipv6mr_interface = group->interface};
        struct ip_mreqn ipv4 = {.imr_ifindex = (int)group->interface};
        int none = 0, r;

        if (is_ipv6) {
                ipv6.ipv6mr_multiaddr = group->name.in6.sin6_addr;
                r = setsockopt(fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, &ipv6, sizeof(ipv6));
        } else {
                ipv4.imr_multiaddr = group->name.in.sin_addr;
                r = setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &ipv4, sizeof(ipv4));
        }
        if (r < 0)
                return -errno;
        /* What others have joined on other interfaces is none of ours. */
        (void)setsockopt(fd, is_ipv6 ? IPPROTO_IPV6 : IPPROTO_IP,
                         is_ipv6 ? IPV6_MULTICAST_ALL : IP_MULTICAST_ALL, &none, sizeof(none));
        return 0;
}

int hark_multicast_open_receiver(const struct hark_multicast_group *group)
{
        hark_cleanup(hark_closep) int fd = open_socket(group);
        int yes = 1, size = BUFFER_SIZE, r;

        if (fd < 0)
                return fd;
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
        /* Others hear it, too; and bound to the group it hears nothing else. */
        if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) < 0 ||
            bind(fd, &group->name.any, name_size(group)) < 0)
                return -errno;
        r = join(fd, group);
        return r < 0 ? r : HARK_TAKE_FD(fd);
}
