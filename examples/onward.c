/* SPDX-License-Identifier: MIT */

/* Passes every call on to another server, with its bytes, its files, the time that is left, its
 * cancel and its trace; and passes the answer back, good or not: `onward ADDRESS
 * SERVER_ADDRESS`. */

#include <errno.h>
#include <hark/hark.h>
#include <stdio.h>

/* The one end of a passage: also after a cancel, when nobody waits and hark_reply() says so. */
static void on_end(int result, hark_message *answer, void *userdata)
{
        hark_request *request = userdata;

        if (answer)
                hark_reply(request, hark_message_payload(answer));
        else
                hark_failf(request, result, "onward: %s", hark_reason(result, NULL));
        hark_request_unref(request);
}

/* On behalf of the request: with the time that is left of it, and its cancel. */
static void on_any(hark_request *request, void *userdata)
{
        struct hark_payload question = hark_message_payload(hark_request_message(request));
        int r;

        question.parent = request;
        r = hark_invoke(userdata, hark_request_method(request), question, HARK_FOREVER, on_end,
                        hark_request_ref(request), NULL);
        if (r != 0)
                on_end(r, NULL, request);
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
