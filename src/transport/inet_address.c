/* SPDX-License-Identifier: MIT */

/* See inet_address.h. */

#include "transport/inet_address.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "transport/transport.h"

#define HOST_SIZE_MAX 253 /* of a name, RFC 1035 */

static bool is_ipv4_like(const char *host)
{
        return host[strspn(host, "0123456789.")] == '\0';
}

static bool is_numeric(const char *host)
{
        return is_ipv4_like(host) || strchr(host, ':');
}

static bool is_any(const char *host)
{
        return strcmp(host, "*") == 0;
}

static bool is_ipv6(const char *host)
{
        char address[INET6_ADDRSTRLEN];
        size_t size = strcspn(host, "%");
        struct in6_addr parsed;

        if (size >= sizeof(address) || (host[size] == '%' && host[size + 1] == '\0'))
                return false;
        *(char *)mempcpy(address, host, size) = '\0';
        return inet_pton(AF_INET6, address, &parsed) == 1;
}

static bool is_host_name(const char *host, size_t size)
{
        for (size_t i = 0; i < size; i++)
                if (!isalnum((unsigned char)host[i]) && !strchr("-._", host[i]))
                        return false;
        return size <= HOST_SIZE_MAX;
}

static int check_host(const char *host, size_t size, bool is_bracketed, char *why, size_t why_size)
{
        struct in_addr parsed;

        if (size == 0)
                return hark_address_complain(why, why_size,
                                             "host: is empty; expected a name, an address or *");
        if (is_bracketed && !is_ipv6(host))
                return hark_address_complain(why, why_size, "host: '%.*s' is not an IPv6 address",
                                             hark_quoted(size), host);
        if (is_bracketed || is_any(host))
                return 0;
        if (strchr(host, ':'))
                return hark_address_complain(
                        why, why_size, "host: '%.*s' has colons; expected [IPv6 address]:PORT",
                        hark_quoted(size), host);
        if (is_ipv4_like(host) && inet_pton(AF_INET, host, &parsed) != 1)
                return hark_address_complain(why, why_size, "host: '%.*s' is not an IPv4 address",
                                             hark_quoted(size), host);
        if (!is_host_name(host, size))
                return hark_address_complain(why, why_size, "host: '%.*s' is not a name of a host",
                                             hark_quoted(size), host);
        return 0;
}

static int parse_port(struct hark_address *address, const char *text, size_t size, char *why,
                      size_t why_size)
{
        uint64_t port;

        if (!hark_parse_number(text, size, 10, UINT16_MAX, &port))
                return hark_address_complain(why, why_size,
                                             "port: '%.*s' is not a number from 0 to 65535",
                                             hark_quoted(size), text);
        address->port = (uint16_t)port;
        return 0;
}

/* Where the host ends: behind the bracket, or at the last colon. NULL: there is no port. */
static const char *find_port_colon(const char *body, size_t size)
{
        const char *bracket = *body == '[' ? memchr(body, ']', size) : NULL;

        if (!bracket)
                return memrchr(body, ':', size);
        return bracket + 1 < body + size && bracket[1] == ':' ? bracket + 1 : NULL;
}

int hark_inet_parse(struct hark_address *address, const char *body, size_t body_size, char *why,
                    size_t why_size)
{
        const char *colon = body_size > 0 ? find_port_colon(body, body_size) : NULL;
        bool is_bracketed;
        size_t size;
        int r;

        if (!colon)
                return hark_address_complain(why, why_size,
                                             "port: is missing; expected %s:HOST:PORT",
                                             address->transport->public.scheme);
        size = (size_t)(colon - body);
        is_bracketed = size >= 2 && body[0] == '[' && body[size - 1] == ']';
        if (is_bracketed)
                address->host = hark_address_decode(body + 1, size - 2, &size);
        else
                address->host = hark_address_decode(body, size, &size);
        if (!address->host)
                return -ENOMEM;
        r = check_host(address->host, size, is_bracketed, why, why_size);
        if (r < 0)
                return r;
        return parse_port(address, colon + 1, body_size - (size_t)(colon + 1 - body), why,
                          why_size);
}

bool hark_inet_is_any(const struct hark_address *address)
{
        return is_any(address->host);
}

int hark_inet_resolve(const struct hark_address *address, struct addrinfo hints, int not_found,
                      struct addrinfo **ret_addresses)
{
        const char *host = hark_inet_is_any(address) ? NULL : address->host;
        char port[8];
        int r;

        hints.ai_flags |= AI_NUMERICSERV;
        if (host && is_numeric(host))
                hints.ai_flags |= AI_NUMERICHOST;
        (void)snprintf(port, sizeof(port), "%u", address->port);
        r = getaddrinfo(host, port, &hints, ret_addresses);
        if (r == EAI_MEMORY)
                return -ENOMEM;
        return r == 0 ? 0 : not_found;
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

void hark_inet_print(const union hark_inet_name *name, char *text, size_t size)
{
        char host[INET_ADDRSTRLEN] = "";

        if (name->any.sa_family == AF_INET6) {
                print_in6(&name->in6, text, size);
                return;
        }
        (void)inet_ntop(AF_INET, &name->in.sin_addr, host, sizeof(host));
        (void)snprintf(text, size, "%s:%u", host, ntohs(name->in.sin_port));
}

bool hark_inet_is_loopback(const union hark_inet_name *name)
{
        const struct in6_addr *in6 = &name->in6.sin6_addr;

        if (name->any.sa_family == AF_INET)
                return ntohl(name->in.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
        if (IN6_IS_ADDR_V4MAPPED(in6))
                return in6->s6_addr[12] == IN_LOOPBACKNET;
        return IN6_IS_ADDR_LOOPBACK(in6);
}

int hark_inet_check_exposure(const struct hark_address *address, const union hark_inet_name *name)
{
        return address->is_open || hark_inet_is_loopback(name) ? 0 : -EPERM;
}

void hark_inet_log_exposure(hark_loop *loop, const char *address)
{
        hark_log(hark_loop_log(loop), LOG_ERR,
                 "%s reaches beyond this machine; if that is meant, add ?open, or first "
                 "a rule that says what anyone may do",
                 address);
}
