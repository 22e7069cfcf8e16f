/* SPDX-License-Identifier: MIT */

/*
 * A server that is asked, says so on stdout, and never answers; it says, too, when nobody waits any
 * more. For what happens to a caller whose call is certainly under way.
 *
 *         mute ADDRESS
 */

#include <hark/hark.h>
#include <stdio.h>

static void say(const char *line)
{
        puts(line);
        fflush(stdout);
}

static void on_cancel(hark_request *request, int reason, void *userdata)
{
        (void)reason;
        (void)userdata;
        say("cancelled");
        hark_request_unref(request);
}

static void on_request(hark_request *request, void *userdata)
{
        static const struct hark_request_events events = {.on_cancel = on_cancel};

        (void)userdata;
        if (hark_request_watch(hark_request_ref(request), &events, NULL) != 0)
                hark_request_unref(request);
        say("asked");
}

int main(int argc, char **argv)
{
        hark_loop *loop = NULL;
        hark_server *server = NULL;
        int r = hark_loop_new(&loop);

        if (r == 0)
                r = hark_server_new(loop, NULL, &server);
        if (r == 0)
                r = hark_server_handle(server, ">", on_request, NULL);
        if (r == 0)
                r = hark_server_listen(server, argc > 1 ? argv[1] : "");
        if (r == 0) {
                say(hark_server_address(server, 0));
                r = hark_loop_run(loop);
        }
        hark_server_unref(server);
        hark_loop_unref(loop);
        return r != 0;
}
