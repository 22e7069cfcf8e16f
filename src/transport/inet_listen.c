/* SPDX-License-Identifier: MIT */

/* See inet_listen.h. */

#include "transport/inet_listen.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "transport/transport.h"

static void free_addressesp(struct addrinfo **addresses)
{
        if (*addresses)
                freeaddrinfo(*addresses);
}

static int bind_to(const struct addrinfo *info, const struct hark_address *address,
                   hark_inet_bind_fn *bind)
{
        union hark_inet_name name = {0};
        int r;

        memcpy(&name, info->ai_addr,
               info->ai_addrlen < sizeof(name) ? info->ai_addrlen : sizeof(name));
        r = hark_inet_check_exposure(address, &name);
        return r < 0 ? r : bind(info, !hark_inet_is_any(address));
}

static int bind_to_family(const struct hark_address *address, int family, int type,
                          hark_inet_bind_fn *bind)
{
        hark_cleanup(free_addressesp) struct addrinfo *addresses = NULL;
        struct addrinfo hints = {.ai_family = family, .ai_socktype = type, .ai_flags = AI_PASSIVE};
        int r = hark_inet_resolve(address, hints, -ENOENT, &addresses);

        for (const struct addrinfo *info = addresses; info; info = info->ai_next) {
                r = bind_to(info, address, bind);
                if (r >= 0)
                        break;
        }
        return r;
}

int hark_inet_listen(hark_loop *loop, const struct hark_address *address, int type,
                     hark_inet_bind_fn *bind)
{
        bool is_any = hark_inet_is_any(address);
        int fd = bind_to_family(address, is_any ? AF_INET6 : AF_UNSPEC, type, bind);

        if (is_any && (fd == -EAFNOSUPPORT || fd == -EADDRNOTAVAIL || fd == -ENOENT))
                fd = bind_to_family(address, AF_INET, type, bind);
        if (fd == -EPERM)
                hark_inet_log_exposure(loop, address->text);
        return fd;
}

char *hark_inet_listener_address(int fd, const struct hark_address *address)
{
        union hark_inet_name name = {0};
        socklen_t size = sizeof(name);
        char text[64] = "";
        char *printed;

        (void)getsockname(fd, &name.any, &size); /* cannot fail for a bound socket */
        hark_inet_print(&name, text, sizeof(text));
        if (hark_inet_is_any(address)) /* sin6_port lies where sin_port lies */
                (void)snprintf(text, sizeof(text), "*:%u", ntohs(name.in.sin_port));
        if (asprintf(&printed, "%s:%s", address->transport->public.scheme, text) < 0)
                return NULL;
        return printed;
}
