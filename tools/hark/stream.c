/* SPDX-License-Identifier: MIT */
/* Observing, for hark call --stream. */
#include "stream.h"

#include <stdio.h>

#include "text.h"

struct stream {
        hark_client *client;
        uint64_t id;
        bool is_json, is_over;
        int result;
        hark_message *reply;
};

static void print_item(const hark_message *item, bool is_json)
{
        if (is_json) {
                fputs("{\"item\":true,", stdout);
                print_json_message(stdout, item);
                puts("}");
        } else {
                print_escaped(stdout, hark_message_data(item), hark_message_size(item));
                putchar('\n');
        }
}

static void on_reply(int result, hark_message *message, void *userdata)
{
        struct stream *stream = userdata;

        if (result == HARK_MORE) {
                print_item(message, stream->is_json);
                if (fflush(stdout) != 0) /* whoever reads has gone */
                        hark_cancel(stream->client, stream->id);
                return;
        }
        stream->is_over = true;
        stream->result = result;
        stream->reply = hark_message_ref(message);
        hark_loop_stop(hark_client_loop(stream->client));
}

int stream_call(hark_client *client, const char *method, struct hark_payload payload,
                int timeout_ms, bool is_json, hark_message **ret_reply)
{
        struct stream stream = {.client = client, .is_json = is_json};
        int r = hark_observe(client, method, payload, timeout_ms, on_reply, &stream, &stream.id);

        if (r != 0)
                return r;
        while (!stream.is_over)
                hark_loop_run(hark_client_loop(client)); /* fails only inside a callback */
        *ret_reply = stream.reply;
        /* main() says what is wrong with the output. */
        return ferror(stdout) ? 0 : stream.result;
}
