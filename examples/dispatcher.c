/* SPDX-License-Identifier: MIT */

/*
 * Hands each job to one of those who are there to do it, see crew.c: `dispatcher [ADDRESS]`. A job
 * that its worker does not live to finish goes to another; that nobody is left for, comes back.
 */

#include <hark/hark.h>
#include <signal.h>
#include <stdio.h>

static void on_add(hark_request *request, void *userdata)
{
        hark_server *server = userdata;
        int r;

        if (!hark_server_has_subscribers(server, "jobs.new")) {
                hark_fail(request, HARK_UNAVAILABLE, "nobody is here to do it");
                return;
        }
        r = hark_server_publish(server, "jobs.new",
                                hark_message_payload(hark_request_message(request)));
        if (r == 0)
                hark_reply(request, hark_text("taken"));
        else
                hark_fail(request, r, NULL);
}

static void on_unconfirmed(hark_server *server, const char *group, const char *topic,
                           hark_message *message, void *userdata)
{
        (void)server, (void)topic, (void)userdata;
        printf("not done by any of the %s: %s\n", group, hark_message_text(message));
        fflush(stdout);
}

static void on_signal(int signo, void *userdata)
{
        (void)signo;
        hark_loop_stop(userdata);
}

int main(int argc, char **argv)
{
        struct hark_server_params params = {.on_unconfirmed = on_unconfirmed};
        hark_loop *loop = NULL;
        hark_server *server = NULL;
        int r = hark_loop_new(&loop);

        if (r == 0)
                r = hark_loop_add_signal(loop, SIGTERM, on_signal, loop, NULL);
        if (r == 0)
                r = hark_server_new(loop, &params, &server);
        if (r == 0)
                r = hark_server_handle(server, "jobs.Add", on_add, server);
        if (r == 0)
                r = hark_server_listen(server, argc > 1 ? argv[1] : "unix:@jobs");
        if (r == 0 && puts(hark_server_address(server, 0)) >= 0 && fflush(stdout) == 0)
                r = hark_loop_run(loop);
        if (r != 0)
                fprintf(stderr, "dispatcher: %s\n", hark_reason(r, NULL));
        hark_server_unref(server); /* what nobody has confirmed is told before this returns */
        hark_loop_unref(loop);
        return r != 0;
}
