/* SPDX-License-Identifier: MIT */

/* See scene_stream.h. */

#include "scene_stream.h"

#include <errno.h>
#include <stdlib.h>

/* --- the server ------------------------------------------------------------------------------- */

struct mirror {
        hark_message *held; /* could not be sent back yet */
};

static void end_mirror(hark_request *request, struct mirror *mirror)
{
        hark_message_unref(mirror->held);
        free(mirror);
        hark_request_unref(request);
}

static void on_cancel(hark_request *request, int reason, void *userdata)
{
        (void)reason;
        end_mirror(request, userdata);
}

static void fail(hark_request *request, int error, struct mirror *mirror)
{
        (void)hark_fail(request, error, NULL);
        end_mirror(request, mirror);
}

static void on_item(hark_request *request, hark_message *item, void *userdata)
{
        struct mirror *mirror = userdata;
        int r;

        if (!item) {
                (void)hark_reply(request, HARK_NOTHING);
                end_mirror(request, mirror);
                return;
        }
        r = hark_push(request, hark_message_payload(item));
        if (r == -EAGAIN) {
                mirror->held = hark_message_ref(item);
                r = hark_request_pause(request, true);
        }
        if (r != 0)
                fail(request, r, mirror);
}

static void on_room(hark_request *request, void *userdata)
{
        struct mirror *mirror = userdata;
        int r;

        if (!mirror->held)
                return;
        r = hark_push(request, hark_message_payload(mirror->held));
        if (r != 0) {
                fail(request, r, mirror);
                return;
        }
        mirror->held = hark_message_unref(mirror->held);
        (void)hark_request_pause(request, false);
}

static void on_mirror(hark_request *request, void *userdata)
{
        static const struct hark_request_events events = {
                .on_cancel = on_cancel, .on_room = on_room, .on_item = on_item};
        struct mirror *mirror = calloc(1, sizeof(*mirror));
        int r = mirror ? hark_request_watch(request, &events, mirror) : -ENOMEM;

        (void)userdata;
        if (r != 0) {
                (void)hark_fail(request, r, NULL);
                free(mirror);
                return;
        }
        hark_request_ref(request);
}

int scene_stream_offer(hark_server *server)
{
        return hark_server_handle(server, "mirror", on_mirror, NULL);
}

/* --- the client ------------------------------------------------------------------------------- */

static void feed(struct scene_stream *stream)
{
        static const char bytes[1000];
        int r = 0;

        while (r == 0 && stream->n_fed < SCENE_ITEMS) {
                r = hark_feed(stream->client, stream->id, hark_bytes(bytes, sizeof(bytes)));
                stream->n_fed += r == 0;
        }
        if (r == 0)
                r = hark_feed_end(stream->client, stream->id);
        if (r != 0 && r != -EAGAIN)
                (void)hark_cancel(stream->client, stream->id);
}

static void on_reply(int result, hark_message *message, void *userdata)
{
        struct scene_stream *stream = userdata;

        (void)message;
        if (result == HARK_MORE)
                stream->n_back++;
        else if (result == HARK_ROOM)
                feed(stream);
        else
                stream->on_end(result == 0 && stream->n_back != SCENE_ITEMS ? -EBADMSG : result,
                               stream->userdata);
}

int scene_stream_begin(struct scene_stream *stream, int timeout_ms)
{
        struct hark_payload question = HARK_NOTHING;
        int r;

        question.has_feed = true;
        r = hark_observe(stream->client, "mirror", question, timeout_ms, on_reply, stream,
                         &stream->id);
        if (r == 0)
                feed(stream);
        return r;
}
