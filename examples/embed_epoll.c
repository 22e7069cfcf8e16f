/* SPDX-License-Identifier: MIT */

/*
 * hark inside an application's own epoll, beside its own signalfd: a server that sends back what it
 * is sent. Its client is embed_poll.c.
 *
 *         embed_epoll [ADDRESS]
 */

#include <errno.h>
#include <hark/hark.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

static void on_echo(hark_request *request, void *userdata)
{
        (void)userdata;
        hark_reply(request, hark_message_payload(hark_request_message(request)));
}

static int watch(int epoll, int fd)
{
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

        return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

/* Until a signal ends it. */
static int run(int epoll, int signals, hark_loop *loop)
{
        for (int r = 0; r == 0;) {
                struct epoll_event ready[4];
                int n = epoll_wait(epoll, ready, 4, -1);

                for (int i = 0; i < n && r == 0; i++) {
                        if (ready[i].data.fd == signals)
                                return 0;
                        r = hark_loop_process(loop, 0);
                }
        }
        return -EIO;
}

int main(int argc, char **argv)
{
        hark_loop *loop = NULL;
        hark_server *server = NULL;
        sigset_t ends;
        int epoll = epoll_create1(EPOLL_CLOEXEC);
        int signals, r;

        sigemptyset(&ends);
        sigaddset(&ends, SIGTERM);
        sigprocmask(SIG_BLOCK, &ends, NULL);
        signals = signalfd(-1, &ends, SFD_CLOEXEC | SFD_NONBLOCK);
        r = hark_loop_new(&loop);
        if (r == 0)
                r = hark_server_new(loop, NULL, &server);
        if (r == 0)
                r = hark_server_handle(server, "echo", on_echo, NULL);
        if (r == 0)
                r = hark_server_listen(server, argc > 1 ? argv[1] : "unix:@echo");
        if (r == 0)
                r = watch(epoll, signals);
        if (r == 0)
                r = watch(epoll, hark_loop_fd(loop));
        if (r == 0 && puts(hark_server_address(server, 0)) >= 0 && fflush(stdout) == 0)
                r = run(epoll, signals, loop);
        if (r != 0)
                fprintf(stderr, "embed_epoll: %s\n", hark_reason(r, NULL));
        hark_server_unref(server);
        hark_loop_unref(loop);
        close(signals);
        close(epoll);
        return r != 0;
}
