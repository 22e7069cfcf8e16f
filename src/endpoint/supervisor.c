/* SPDX-License-Identifier: MIT */

/*
 * Word to the service manager, sd_notify(3): one datagram to the UNIX socket that NOTIFY_SOCKET
 * names, by its path or, with an @ in front, its abstract name.
 */

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <hark/server.h>

#include "base/cleanup.h"

/* 0; -EOPNOTSUPP: not a UNIX socket. */
static int name_socket(const char *text, struct sockaddr_un *ret_name, socklen_t *ret_size)
{
        size_t size = strlen(text);
        bool is_abstract = *text == '@';

        if ((*text != '/' && !is_abstract) || size >= sizeof(ret_name->sun_path))
                return -EOPNOTSUPP;
        *ret_name = (struct sockaddr_un){.sun_family = AF_UNIX};
        memcpy(ret_name->sun_path, text, size);
        if (is_abstract)
                ret_name->sun_path[0] = '\0';
        *ret_size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size + !is_abstract);
        return 0;
}

int hark_supervisor_notify(const char *state)
{
        const char *text = secure_getenv("NOTIFY_SOCKET");
        hark_cleanup(hark_closep) int fd = -1;
        struct sockaddr_un name;
        socklen_t size;
        int r;

        if (!state || *state == '\0')
                return -EINVAL;
        if (!text || *text == '\0')
                return 0;
        r = name_socket(text, &name, &size);
        if (r < 0)
                return r;
        fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0 || sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&name,
                             size) < 0)
                return -errno;
        return 0;
}
