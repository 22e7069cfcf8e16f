/* SPDX-License-Identifier: MIT */

/*
 * The fifteen-line server: one method, answered at once.
 *
 *         server [ADDRESS]
 *
 * Prints the address it serves, which says more than it was told where the kernel chose a part of
 * it: `server tcp:127.0.0.1:0`.
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

int main(int argc, char **argv)
{
        const char *address = argc > 1 ? argv[1] : "unix:@clock";
        hark_loop *loop = NULL;
        hark_server *server = NULL;
        int r = hark_loop_new(&loop);

        if (r == 0)
                r = hark_server_new(loop, NULL, &server);
        if (r == 0)
                r = hark_server_handle(server, "clock.Now", on_now, NULL);
        if (r == 0)
                r = hark_server_listen(server, address);
        if (r == 0)
                puts(hark_server_address(server, 0));
        fflush(stdout);
        if (r == 0)
                r = hark_loop_run(loop);
        if (r != 0)
                fprintf(stderr, "%s: %s\n", address, hark_reason(r, NULL));
        hark_server_unref(server);
        hark_loop_unref(loop);
        return r != 0;
}
