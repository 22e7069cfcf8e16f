/* SPDX-License-Identifier: MIT */

/* The server's side of fifo:, which fifo.c shows. */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "transport/acceptor.h"
#include "transport/fifo_port.h"
#include "transport/path.h"
#include "transport/users.h"

/* How often a server that is asked for connections looks for what deaths have left. */
#define SWEEP_NS (60 * 1000000000ull)

struct fifo_listener {
        struct hark_acceptor acceptor; /* the first member */
        struct hark_path path;
        struct hark_users users;
        int directory;
        uint64_t swept_ns;
        struct hark_fifo_records records;
};

/* --- who asks ------------------------------------------------------------------------ */

static int make_answer(struct fifo_port *port, uid_t client)
{
        struct hark_fifo_welcome welcome;
        char file[HARK_FIFO_FILE];
        int r;

        if (getrandom(port->cookie, HARK_FIFO_COOKIE, 0) != HARK_FIFO_COOKIE)
                return -EIO;
        hark_fifo_file(port->name, HARK_FIFO_OF_SERVER, file);
        r = hark_fifo_make(port->directory, file, client);
        if (r < 0)
                return r;
        port->base.in.fd = r;
        memcpy(welcome.magic, HARK_FIFO_WELCOME, sizeof(welcome.magic));
        memcpy(welcome.cookie, port->cookie, HARK_FIFO_COOKIE);
        return hark_fifo_write(port->base.out.fd, &welcome, sizeof(welcome));
}

static int admit(struct fifo_listener *listener, struct fifo_port *port)
{
        char file[HARK_FIFO_FILE];
        uid_t client;
        int fd, r;

        hark_fifo_file(port->name, HARK_FIFO_OF_CLIENT, file);
        fd = hark_fifo_open(port->directory, file, &client);
        if (fd < 0)
                return fd;
        port->base.out.fd = fd;
        r = hark_users_check_client(&listener->acceptor.listener, &listener->users, true, client);
        return r < 0 ? r : make_answer(port, client);
}

/* 0; -EAGAIN: there is none; -errno of read(2). */
static int next_name(struct fifo_listener *listener, char *ret_name)
{
        while (!hark_fifo_records_take(&listener->records, ret_name)) {
                size_t size;
                uint8_t *room = hark_fifo_records_room(&listener->records, &size);
                ssize_t n = read(listener->acceptor.io.fd, room, size);

                if (n < 0 && errno != EINTR)
                        return -errno;
                if (n > 0)
                        listener->records.end += (size_t)n;
        }
        return 0;
}

static void sweep_now_and_then(struct fifo_listener *listener)
{
        uint64_t now_ns = hark_now_ns();

        if (now_ns - listener->swept_ns < SWEEP_NS)
                return;
        listener->swept_ns = now_ns;
        hark_fifo_sweep(listener->directory, false);
}

static bool is_shortage(int error)
{
        return error == -EMFILE || error == -ENFILE || error == -ENOMEM || error == -ENOSPC;
}

static int take(struct hark_acceptor *acceptor, struct hark_port **ret_port)
{
        struct fifo_listener *listener =
                hark_container_of(acceptor, struct fifo_listener, acceptor);
        char name[HARK_FIFO_NAME + 1];
        struct fifo_port *port;
        int r = next_name(listener, name);

        if (r < 0)
                return r;
        sweep_now_and_then(listener);
        port = hark_fifo_port_new(acceptor->listener.loop, HARK_FIFO_OF_SERVER,
                                  fcntl(listener->directory, F_DUPFD_CLOEXEC, 0));
        if (!port)
                return -ENOMEM;
        memcpy(port->name, name, sizeof(name));
        r = port->directory < 0 ? -EMFILE : admit(listener, port);
        if (r == 0)
                *ret_port = &port->base.port;
        else
                hark_fifo_port_close(&port->base.port);
        return r == 0 || r == -EPERM || is_shortage(r) ? r : -ECONNABORTED;
}

/* --- listeners -------------------------------------------------------------------------------- */

void hark_fifo_close_listener(struct hark_listener *base)
{
        struct fifo_listener *listener =
                hark_container_of(base, struct fifo_listener, acceptor.listener);

        if (listener->directory >= 0)
                hark_fifo_leave_directory(listener->path.directory, listener->path.name,
                                          listener->directory);
        hark_close(listener->directory);
        if (listener->path.name)
                hark_path_leave(&listener->path);
        hark_acceptor_stop(&listener->acceptor);
        free(base->address);
        free(listener);
}

static void log_foreign_directory(hark_loop *loop, const struct hark_address *address)
{
        hark_log(
                hark_loop_log(loop), LOG_ERR,
                "%s.d is no directory of this user, where the FIFOs of connections lie; remove it, "
                "or serve another path",
                address->path);
}

static int start_fifo_listener(struct fifo_listener *listener, hark_loop *loop,
                               const struct hark_address *address)
{
        int mode = address->has_mode ? (int)address->mode : 0600;
        int fd, r = hark_path_take(address->path, S_IFIFO, mode, &listener->path, &fd);

        if (r < 0)
                return r;
        r = hark_fifo_take_directory(listener->path.directory, listener->path.name, mode & 022);
        if (r == -EPERM)
                log_foreign_directory(loop, address);
        if (r >= 0) {
                listener->directory = r;
                listener->swept_ns = hark_now_ns();
                r = hark_acceptor_start_taking(&listener->acceptor, loop, fd, take);
        }
        if (r < 0)
                hark_close(fd);
        return r;
}

int hark_fifo_listen(hark_loop *loop, const struct hark_address *address,
                     struct hark_listener **ret_listener)
{
        struct fifo_listener *listener = calloc(1, sizeof(*listener));
        struct hark_listener *base;
        int r = -ENOMEM;

        if (!listener)
                return r;
        base = &listener->acceptor.listener;
        base->transport = &hark_transport_fifo;
        base->address = hark_address_bare_text(address);
        listener->users = hark_users(address);
        listener->directory = -1;
        if (base->address)
                r = start_fifo_listener(listener, loop, address);
        if (r < 0)
                hark_fifo_close_listener(base);
        else
                *ret_listener = base;
        return r;
}
