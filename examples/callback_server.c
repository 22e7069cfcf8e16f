/* SPDX-License-Identifier: MIT */

/*
 * A server that asks its client back before it answers, and serves others meanwhile.
 *
 *         callback_server [ADDRESS]
 */

#include <hark/hark.h>
#include <stdio.h>
#include <string.h>

static void on_confirmed(int result, hark_message *reply, void *userdata)
{
        hark_request *install = userdata;

        if (result != 0)
                hark_failf(install, HARK_ABORTED, "not asked: %s", hark_reason(result, reply));
        else if (strcmp(hark_message_text(reply), "yes") != 0)
                hark_fail(install, HARK_CANCELLED, "you did not want it");
        else
                hark_reply(install, hark_text("installed"));
        hark_request_unref(install);
}

/* Keeps the request, and asks no longer than its caller waits. */
static void on_install(hark_request *request, void *userdata)
{
        hark_client *caller = hark_peer_client(hark_request_peer(request));
        char question[64];
        int r;

        (void)userdata;
        snprintf(question, sizeof(question), "install %.32s, really?",
                 hark_message_text(hark_request_message(request)));
        r = hark_invoke(caller, "ui.Confirm", hark_text(question),
                        hark_request_time_left_ms(request), on_confirmed, hark_request_ref(request),
                        NULL);
        if (r != 0) { /* refused before it began: on_confirmed will not run */
                hark_fail(request, r, NULL);
                hark_request_unref(request);
        }
}

int main(int argc, char **argv)
{
        const char *address = argc > 1 ? argv[1] : "unix:@installer";
        hark_loop *loop = NULL;
        hark_server *server = NULL;
        int r = hark_loop_new(&loop);

        if (r == 0)
                r = hark_server_new(loop, NULL, &server);
        if (r == 0)
                r = hark_server_handle(server, "install.Run", on_install, NULL);
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
