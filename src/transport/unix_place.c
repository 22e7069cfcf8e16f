/* SPDX-License-Identifier: MIT */

/* See unix_place.h. */

#include "transport/unix_place.h"

#include <errno.h>
#include <sys/socket.h>

#include "base/cleanup.h"

static int take_name(const struct hark_address *address, int type, int *ret_fd)
{
        hark_cleanup(hark_closep) int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        struct hark_unix_name name;

        hark_unix_name(&name, address);
        if (fd < 0 || bind(fd, (const struct sockaddr *)&name.address, name.size) < 0)
                return -errno;
        if (type != SOCK_DGRAM && listen(fd, SOMAXCONN) < 0)
                return -errno;
        *ret_fd = HARK_TAKE_FD(fd);
        return 0;
}

int hark_unix_take(const struct hark_address *address, int type, struct hark_unix_place *ret_place,
                   int *ret_fd)
{
        struct hark_unix_place place = {.is_abstract = address->is_abstract,
                                        .has_path = !address->is_abstract,
                                        .users = hark_users(address)};
        int mode = address->has_mode ? (int)address->mode : -1;
        int r = place.has_path ? hark_path_take(address->path, type, mode, &place.path, ret_fd)
                               : take_name(address, type, ret_fd);

        if (r == 0)
                *ret_place = place;
        return r;
}

void hark_unix_leave(struct hark_unix_place *place)
{
        if (place->has_path)
                hark_path_leave(&place->path);
        place->has_path = false;
}

int hark_unix_check_server(const struct hark_port *port, const struct hark_unix_name *name,
                           const struct hark_users *users, uid_t uid)
{
        const char *path = hark_unix_is_abstract(name) ? NULL : name->address.sun_path;
        char shown[HARK_UNIX_SHOWN];

        hark_unix_show(name, shown);
        return hark_users_check_server(port, path, shown, users, uid);
}
