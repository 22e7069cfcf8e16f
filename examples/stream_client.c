/* SPDX-License-Identifier: MIT */

/*
 * Takes an answer of many items and feeds them to a question of many: `stream_client ADDRESS N`.
 * What the question does not take yet waits in one place: the flow of the answer is stopped
 * meanwhile.
 */

#include <errno.h>
#include <hark/hark.h>
#include <stdio.h>

struct pump {
        hark_client *client;
        uint64_t count, sum;
        hark_message *held; /* not fed yet */
        int result;
};

static void feed(struct pump *pump, hark_message *item)
{
        int r = hark_feed(pump->client, pump->sum, hark_message_payload(item));

        if (r != -EAGAIN) /* fed; or the end of demo.Sum follows */
                return;
        pump->held = hark_message_ref(item);
        hark_pause(pump->client, pump->count, true);
}

static void on_sum(int result, hark_message *message, void *userdata)
{
        struct pump *pump = userdata;
        hark_message *held = pump->held;

        pump->held = NULL;
        if (result == HARK_ROOM) {
                feed(pump, held);
                if (!pump->held)
                        hark_pause(pump->client, pump->count, false);
        } else {
                pump->result = result;
                puts(result == 0 ? hark_message_text(message) : hark_reason(result, message));
                hark_loop_stop(hark_client_loop(pump->client));
        }
        hark_message_unref(held);
}

static void on_count(int result, hark_message *message, void *userdata)
{
        struct pump *pump = userdata;

        if (result == HARK_MORE)
                feed(pump, message);
        else if (result == 0)
                hark_feed_end(pump->client, pump->sum);
        else /* ends on_sum, too */
                hark_cancel(pump->client, pump->sum);
}

int main(int argc, char **argv)
{
        const char *address = argc > 1 ? argv[1] : "unix:@stream";
        struct hark_payload question = HARK_NOTHING;
        struct pump pump = {NULL, 0, 0, NULL, 0};
        int r = hark_connect(NULL, address, NULL, &pump.client);

        question.has_feed = true;
        if (r == 0)
                r = hark_invoke(pump.client, "demo.Sum", question, 10000, on_sum, &pump, &pump.sum);
        if (r == 0)
                r = hark_observe(pump.client, "demo.Count", hark_text(argc > 2 ? argv[2] : "10"),
                                 10000, on_count, &pump, &pump.count);
        if (r == 0)
                r = hark_loop_run(hark_client_loop(pump.client));
        if (r != 0)
                fprintf(stderr, "%s: %s\n", address, hark_reason(r, NULL));
        hark_client_unref(pump.client);
        return r != 0 || pump.result != 0;
}
