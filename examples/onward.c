/* SPDX-License-Identifier: MIT */

/* Passes every call on to another server, with its bytes, its files, the time that is left and its
 * cancel; and passes the answer back, good or not: `onward ADDRESS SERVER_ADDRESS`. */

#include <errno.h>
#include <hark/hark.h>
#include <stdio.h>
#include <stdlib.h>

struct passage {
        hark_request *request;
        hark_client *server;
        uint64_t call;
};

/* The one end of a passage: also after a cancel, when nobody waits and hark_reply() says so. */
static void on_end(int result, hark_message *answer, void *userdata)
{
        struct passage *passage = userdata;

        if (answer)
                hark_reply(passage->request, hark_message_payload(answer));
        else
                hark_failf(passage->request, result, "onward: %s", hark_reason(result, NULL));
        hark_request_unref(passage->request);
        free(passage);
}

static void on_cancel(hark_request *request, int reason, void *userdata)
{
        struct passage *passage = userdata;

        (void)request, (void)reason;
        hark_cancel(passage->server, passage->call);
}

static void on_any(hark_request *request, void *userdata)
{
        static const struct hark_request_events events = {.on_cancel = on_cancel};
        struct passage *passage = calloc(1, sizeof(*passage));
        int r;

        if (!passage)
                return; /* letting go is an answer: HARK_NOT_ANSWERED */
        passage->server = userdata;
        passage->request = hark_request_ref(request);
        r = hark_invoke(passage->server, hark_request_method(request),
                        hark_message_payload(hark_request_message(request)),
                        hark_request_time_left_ms(request), on_end, passage, &passage->call);
        if (r != 0)
                on_end(r, NULL, passage);
        else if (hark_request_watch(request, &events, passage) != 0)
                hark_cancel(passage->server, passage->call);
}

int main(int argc, char **argv)
{
        hark_client *onward = NULL;
        hark_server *server = NULL;
        hark_loop *loop = NULL;
        int r = argc == 3 ? hark_loop_new(&loop) : -EINVAL;

        if (r == 0)
                r = hark_connect(loop, argv[2], NULL, &onward);
        if (r == 0)
                r = hark_server_new(loop, NULL, &server);
        if (r == 0)
                r = hark_server_handle(server, ">", on_any, onward);
        if (r == 0)
                r = hark_server_listen(server, argv[1]);
        if (r == 0 && puts(hark_server_address(server, 0)) >= 0 && fflush(stdout) == 0)
                r = hark_loop_run(loop);
        if (r != 0)
                fprintf(stderr, "onward ADDRESS SERVER_ADDRESS: %s\n", hark_reason(r, NULL));
        hark_server_unref(server);
        hark_client_unref(onward);
        hark_loop_unref(loop);
        return r != 0;
}
