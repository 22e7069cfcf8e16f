/* SPDX-License-Identifier: MIT */

/*
 * Passes an open file: the client reads what it may not be able to open itself.
 *
 *         fds ADDRESS FILE      serves FILE, opened anew for each who asks
 *         fds ADDRESS           asks for it, and prints it
 */

#include <errno.h>
#include <fcntl.h>
#include <hark/hark.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void on_open(hark_request *request, void *userdata)
{
        const char *path = userdata;
        int fd = open(path, O_RDONLY | O_CLOEXEC);

        if (fd < 0) {
                hark_failf(request, -errno, "%s: %s", path, strerror(errno));
                return;
        }
        if (hark_reply(request, (struct hark_payload){.fds = &fd, .n_fds = 1}) == -EOPNOTSUPP)
                hark_fail(request, HARK_FAILED_PRECONDITION, "files need a unix: connection");
        close(fd); /* hark_reply() borrowed it */
}

static int serve(hark_loop *loop, hark_server *server, const char *address, char *path)
{
        int r = hark_server_handle(server, "file.Open", on_open, path);

        if (r == 0)
                r = hark_server_listen(server, address);
        if (r == 0)
                puts(hark_server_address(server, 0));
        fflush(stdout);
        return r == 0 ? hark_loop_run(loop) : r;
}

static int fetch(hark_client *client)
{
        hark_message *reply = NULL;
        int r = hark_call(client, "file.Open", HARK_NOTHING, 1000, &reply);
        int fd = r == 0 ? hark_message_take_fd(reply, 0) : -1; /* ours to close from now on */
        char bytes[4096];
        ssize_t n;

        while (fd >= 0 && (n = read(fd, bytes, sizeof(bytes))) > 0)
                fwrite(bytes, 1, (size_t)n, stdout);
        if (fd >= 0)
                close(fd);
        if (r != 0)
                fprintf(stderr, "file.Open: %s\n", hark_reason(r, reply));
        hark_message_unref(reply);
        return r;
}

int main(int argc, char **argv)
{
        const char *address = argc > 1 ? argv[1] : "unix:@files";
        hark_loop *loop = NULL;
        hark_server *server = NULL;
        hark_client *client = NULL;
        int r = hark_loop_new(&loop);

        if (r == 0)
                r = argc > 2 ? hark_server_new(loop, NULL, &server)
                             : hark_connect(NULL, address, NULL, &client);
        if (r == 0)
                r = server ? serve(loop, server, address, argv[2]) : fetch(client);
        hark_client_unref(client);
        hark_server_unref(server);
        hark_loop_unref(loop);
        return r != 0;
}
