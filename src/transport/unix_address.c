/* SPDX-License-Identifier: MIT */

/* See unix_address.h. */

#include "transport/unix_address.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transport/transport.h"

/* Of a name or path, whose last byte is a NUL, or of a name, whose first byte is one. */
#define NAME_SIZE_MAX (sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1)

static int parse_path(struct hark_address *address, char *why, size_t why_size)
{
        if (address->path[address->path_size - 1] == '/')
                return hark_address_complain(why, why_size,
                                             "path: '%.*s' ends in '/'; expected that of a socket",
                                             hark_quoted(address->path_size), address->path);
        return 0;
}

static int parse_abstract(const struct hark_address *address, char *why, size_t why_size)
{
        if (address->path_size == 0)
                return hark_address_complain(why, why_size, "name: is empty; expected %s:@NAME",
                                             address->transport->public.scheme);
        if (address->has_mode)
                return hark_address_complain(why, why_size,
                                             "mode: an abstract name has no permissions; see uid");
        return 0;
}

int hark_unix_parse(struct hark_address *address, const char *body, size_t body_size, char *why,
                    size_t why_size)
{
        const char *scheme = address->transport->public.scheme;

        if (body_size == 0)
                return hark_address_complain(why, why_size,
                                             "path: is empty; expected %s:/PATH or %s:@NAME",
                                             scheme, scheme);
        address->is_abstract = *body == '@';
        address->path = hark_address_decode(body + address->is_abstract,
                                            body_size - address->is_abstract, &address->path_size);
        if (!address->path)
                return -ENOMEM;
        if (address->path_size > NAME_SIZE_MAX)
                return hark_address_complain(
                        why, why_size, "%s: has %zu bytes; expected at most %zu",
                        address->is_abstract ? "name" : "path", address->path_size, NAME_SIZE_MAX);
        return address->is_abstract ? parse_abstract(address, why, why_size)
                                    : parse_path(address, why, why_size);
}

void hark_unix_name(struct hark_unix_name *name, const struct hark_address *address)
{
        size_t first = address->is_abstract ? 1 : 0; /* the NUL in front of an abstract name */
        size_t size = address->path_size + 1;        /* with that NUL, or with the one behind */

        *name = (struct hark_unix_name){.address = {.sun_family = AF_UNIX}};
        memcpy(name->address.sun_path + first, address->path, address->path_size);
        name->size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size);
}

bool hark_unix_is_abstract(const struct hark_unix_name *name)
{
        return name->address.sun_path[0] == '\0';
}

int hark_unix_name_of(int fd, struct hark_unix_name *ret_name)
{
        struct hark_unix_name name = {.size = sizeof(name.address)};
        const char *path = name.address.sun_path;

        if (getsockname(fd, (struct sockaddr *)&name.address, &name.size) < 0)
                return -errno;
        if (name.size <= offsetof(struct sockaddr_un, sun_path))
                return -EOPNOTSUPP;
        /* The kernel counts the NUL behind a path, or not, as whoever has bound it did. */
        if (!hark_unix_is_abstract(&name))
                name.size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
                                        strnlen(path, sizeof(name.address.sun_path)) + 1);
        *ret_name = name;
        return 0;
}

char *hark_unix_print(const char *scheme, const struct hark_unix_name *name)
{
        bool is_name = hark_unix_is_abstract(name);
        size_t size = name->size - offsetof(struct sockaddr_un, sun_path) - 1;
        char *encoded = hark_address_encode(name->address.sun_path + is_name, size);
        char *printed = NULL;

        if (encoded && asprintf(&printed, "%s:%s%s", scheme, is_name ? "@" : "", encoded) < 0)
                printed = NULL;
        free(encoded);
        return printed;
}

void hark_unix_show(const struct hark_unix_name *name, char shown[HARK_UNIX_SHOWN])
{
        bool is_name = hark_unix_is_abstract(name);
        size_t size = name->size - offsetof(struct sockaddr_un, sun_path) - 1;

        (void)snprintf(shown, HARK_UNIX_SHOWN, "%s%.*s", is_name ? "@" : "", (int)size,
                       name->address.sun_path + is_name);
}
