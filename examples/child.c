/* SPDX-License-Identifier: MIT */

/*
 * A server that its client starts, and that ends with it: no address, no socket, nobody else can
 * reach it.
 *
 *         client exec:child
 *
 * It talks over its stdin and stdout. Listening moves both away, so what it prints goes to stderr
 * and harms nothing.
 */

#include <hark/hark.h>
#include <stdio.h>
#include <time.h>

static void on_now(hark_request *request, void *userdata)
{
        time_t now = time(NULL);
        struct tm local;
        char text[16];

        (void)userdata;
        strftime(text, sizeof(text), "%H:%M:%S", localtime_r(&now, &local));
        hark_reply(request, hark_text(text));
}

static void on_leave(hark_peer *peer, int reason, void *userdata)
{
        (void)peer;
        (void)reason;
        hark_loop_stop(userdata);
}

int main(void)
{
        struct hark_server_params params = {.on_leave = on_leave};
        hark_loop *loop = NULL;
        hark_server *server = NULL;
        int r = hark_loop_new(&loop);

        params.userdata = loop;
        if (r == 0)
                r = hark_server_new(loop, &params, &server);
        if (r == 0)
                r = hark_server_handle(server, "clock.Now", on_now, NULL);
        if (r == 0)
                r = hark_server_listen(server, "stdio:");
        if (r == 0)
                r = hark_loop_run(loop);
        if (r != 0)
                fprintf(stderr, "child: %s; start it by: client exec:child\n",
                        hark_reason(r, NULL));
        hark_server_unref(server);
        hark_loop_unref(loop);
        return r != 0;
}
