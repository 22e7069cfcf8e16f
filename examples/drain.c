/* SPDX-License-Identifier: MIT */

/* A well-behaved service: sockets from the service manager, or its own; word to that when it is
 * ready; and, on SIGTERM, an end that cuts off no call. */

#include <errno.h>
#include <hark/hark.h>
#include <signal.h>
#include <stdio.h>

struct service {
        hark_loop *loop;
        hark_server *server;
};

static void on_echo(hark_request *request, void *userdata)
{
        (void)userdata;
        hark_reply(request, hark_message_payload(hark_request_message(request)));
}

static void on_drained(int result, void *userdata)
{
        if (result != 0)
                fprintf(stderr, "drain: calls were cut off: %s\n", hark_reason(result, NULL));
        hark_loop_stop(userdata);
}

/* The second one does not wait. */
static void on_sigterm(int signo, void *userdata)
{
        struct service *service = userdata;

        (void)signo;
        hark_supervisor_notify("STOPPING=1");
        if (hark_server_drain(service->server, 5000, on_drained, service->loop) != 0)
                hark_loop_stop(service->loop);
}

static int listen_at(hark_server *server, const char *address)
{
        int r = hark_server_listen(server, address ? address : "inherit:");

        if (r == -ENOENT && !address)
                r = hark_server_listen(server, "unix:@hark-example");
        return r;
}

int main(int argc, char **argv)
{
        struct service service = {NULL, NULL};
        int r = hark_loop_new(&service.loop);

        if (r == 0)
                r = hark_server_new(service.loop, NULL, &service.server);
        if (r == 0)
                r = hark_loop_add_signal(service.loop, SIGTERM, on_sigterm, &service, NULL);
        if (r == 0)
                r = hark_server_handle(service.server, "echo", on_echo, NULL);
        if (r == 0)
                r = listen_at(service.server, argc > 1 ? argv[1] : NULL);
        if (r == 0) {
                puts(hark_server_address(service.server, 0));
                fflush(stdout);
                hark_supervisor_notify("READY=1");
                r = hark_loop_run(service.loop);
        }
        if (r != 0)
                fprintf(stderr, "drain: %s\n", hark_reason(r, NULL));
        hark_server_unref(service.server);
        hark_loop_unref(service.loop);
        return r != 0;
}
