/* SPDX-License-Identifier: MIT */
/* hark doctor: the network of this machine, as far as it stays in it. See finding.h. */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "finding.h"

#define GROUP 0xefff484b /* 239.255.72.75, of an organisation's own */

static int open_datagram_socket(int family)
{
        return socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

/* Connecting a datagram socket asks for the way, and sends nothing. Returns an errno. */
static int try_way(const struct sockaddr *address, socklen_t address_size)
{
        int fd = open_datagram_socket(address->sa_family);
        int error = 0;

        if (fd < 0)
                return errno;
        if (connect(fd, address, address_size) < 0)
                error = errno;
        close(fd);
        return error;
}

enum verdict look_at_loopback(char *found, size_t size)
{
        const struct sockaddr_in address = {.sin_family = AF_INET,
                                            .sin_port = htons(9),
                                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        int error = try_way((const struct sockaddr *)&address, sizeof(address));

        if (error != 0)
                return found_error(found, size, error, VERDICT_BAD);
        return found_good(found, size, "up");
}

enum verdict look_at_loopback_ipv6(char *found, size_t size)
{
        const struct sockaddr_in6 address = {
                .sin6_family = AF_INET6, .sin6_port = htons(9), .sin6_addr = in6addr_loopback};
        int error = try_way((const struct sockaddr *)&address, sizeof(address));

        if (error != 0)
                return found_error(found, size, error, VERDICT_BETTER);
        return found_good(found, size, "up");
}

/* --- multicast -------------------------------------------------------------------------------- */

/* A socket at a port of its own in the group, on loopback only. */
static int join(int fd, struct sockaddr_in *address)
{
        const struct ip_mreqn group = {.imr_multiaddr = address->sin_addr,
                                       .imr_ifindex = (int)if_nametoindex("lo")};
        const int not_beyond = 0;
        socklen_t size = sizeof(*address);

        if (group.imr_ifindex == 0 ||
            bind(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 ||
            getsockname(fd, (struct sockaddr *)address, &size) < 0 ||
            setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof(group)) < 0 ||
            setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &group, sizeof(group)) < 0 ||
            setsockopt(fd, IPPROTO_IP, IP_MULTICAST_TTL, &not_beyond, sizeof(not_beyond)) < 0)
                return errno;
        return 0;
}

/* What the kernel loops back is there when sending returns. */
static int hear_oneself(int fd, const struct sockaddr_in *address)
{
        char byte = 'x';

        if (sendto(fd, &byte, 1, 0, (const struct sockaddr *)address, sizeof(*address)) < 0 ||
            recv(fd, &byte, 1, 0) < 0)
                return errno;
        return 0;
}

enum verdict look_at_multicast(char *found, size_t size)
{
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(GROUP)};
        int fd = open_datagram_socket(AF_INET);
        int error;

        if (fd < 0)
                return found_error(found, size, errno, VERDICT_BETTER);
        error = join(fd, &address);
        if (error == 0)
                error = hear_oneself(fd, &address);
        close(fd);
        if (error != 0)
                return found_error(found, size, error, VERDICT_BETTER);
        return found_good(found, size, "heard");
}
