/* SPDX-License-Identifier: MIT */

/* Answers with many items (demo.Count N), and asks for many (demo.Sum): `stream_server ADDRESS`. */
#include <errno.h>
#include <hark/hark.h>
#include <stdio.h>
#include <stdlib.h>

struct counter {
        long next, last;
        char text[24];
};

static void end(hark_request *request, int reason, void *userdata)
{
        (void)reason, free(userdata);
        hark_request_unref(request);
}

static void on_room(hark_request *request, void *userdata)
{
        struct counter *counter = userdata;
        int r = 0;

        for (; r == 0 && counter->next <= counter->last; counter->next += r == 0) {
                snprintf(counter->text, sizeof(counter->text), "%ld", counter->next);
                r = hark_push(request, hark_text(counter->text));
        }
        if (r == -EAGAIN)
                return; /* called again when the consumer has caught up; or on_cancel is */
        r == 0 ? hark_reply(request, HARK_NOTHING) : hark_fail(request, r, NULL);
        end(request, 0, counter);
}

static void on_item(hark_request *request, hark_message *item, void *userdata)
{
        struct counter *sum = userdata;

        sum->next += strtol(hark_message_text(item), NULL, 10); /* "" of what is none */
        if (item)
                return;
        snprintf(sum->text, sizeof(sum->text), "%ld", sum->next);
        hark_reply(request, hark_text(sum->text));
        end(request, 0, sum);
}

static void on_request(hark_request *request, void *events)
{
        struct counter *counter = calloc(1, sizeof(*counter));

        if (!counter || hark_request_watch(request, events, counter) != 0) {
                free(counter);
                return; /* letting go is an answer, too: HARK_NOT_ANSWERED */
        }
        counter->last = strtol(hark_message_text(hark_request_message(request)), NULL, 10);
        hark_request_ref(request);
}

int main(int argc, char **argv)
{
        struct hark_request_events count = {.on_cancel = end, .on_room = on_room};
        struct hark_request_events sum = {.on_cancel = end, .on_item = on_item};
        hark_loop *loop = NULL;
        hark_server *server = NULL;
        int r = hark_loop_new(&loop);

        if (r == 0)
                r = hark_server_new(loop, NULL, &server);
        if (r == 0 && (r = hark_server_handle(server, "demo.Count", on_request, &count)) == 0)
                r = hark_server_handle(server, "demo.Sum", on_request, &sum);
        if (r == 0)
                r = hark_server_listen(server, argc > 1 ? argv[1] : "unix:@stream");
        if (r == 0 && puts(hark_server_address(server, 0)) >= 0 && fflush(stdout) == 0)
                r = hark_loop_run(loop);
        if (r != 0)
                fprintf(stderr, "stream_server: %s\n", hark_reason(r, NULL));
        hark_server_unref(server);
        hark_loop_unref(loop);
        return r != 0;
}
