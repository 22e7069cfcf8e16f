/* SPDX-License-Identifier: MIT */

/* See tcp_listen.h. */

#include "transport/tcp_listen.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "transport/inet_address.h"
#include "transport/tcp_socket.h"

static void free_addressesp(struct addrinfo **addresses)
{
        if (*addresses)
                freeaddrinfo(*addresses);
}

static int set_up_listening(int fd, const struct addrinfo *address, bool is_v6_only)
{
        int yes = 1, v6_only = is_v6_only;

        /* Or else a server that ends could not begin again while its old connections fade. */
        if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) < 0)
                return -errno;
        if (address->ai_family == AF_INET6 &&
            setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, sizeof(v6_only)) < 0)
                return -errno;
        if (bind(fd, address->ai_addr, address->ai_addrlen) < 0 || listen(fd, SOMAXCONN) < 0)
                return -errno;
        return 0;
}

/* Returns a listening descriptor. */
static int listen_on(const struct addrinfo *info, const struct hark_address *address)
{
        union hark_inet_name name = {0};
        hark_cleanup(hark_closep) int fd = -1;
        int r;

        memcpy(&name, info->ai_addr,
               info->ai_addrlen < sizeof(name) ? info->ai_addrlen : sizeof(name));
        r = hark_inet_check_exposure(address, &name);
        if (r < 0)
                return r;
        fd = hark_tcp_open(info->ai_family);
        if (fd < 0)
                return fd;
        r = set_up_listening(fd, info, !hark_inet_is_any(address));
        return r < 0 ? r : HARK_TAKE_FD(fd);
}

static int listen_on_family(const struct hark_address *address, int family)
{
        hark_cleanup(free_addressesp) struct addrinfo *addresses = NULL;
        struct addrinfo hints = {.ai_family = family,
                                 .ai_socktype = SOCK_STREAM,
                                 .ai_protocol = IPPROTO_TCP,
                                 .ai_flags = AI_PASSIVE};
        int r = hark_inet_resolve(address, hints, -ENOENT, &addresses);

        for (const struct addrinfo *info = addresses; info; info = info->ai_next) {
                r = listen_on(info, address);
                if (r >= 0)
                        break;
        }
        return r;
}

int hark_tcp_listen(const struct hark_address *address)
{
        int fd;

        if (!hark_inet_is_any(address))
                return listen_on_family(address, AF_UNSPEC);
        fd = listen_on_family(address, AF_INET6);
        if (fd == -EAFNOSUPPORT || fd == -EADDRNOTAVAIL || fd == -ENOENT)
                fd = listen_on_family(address, AF_INET);
        return fd;
}
