/* SPDX-License-Identifier: MIT */

/* See call_stream.h. */

#include "rpc/call_stream.h"

#include <errno.h>

#include "rpc/call.h"

_Static_assert(sizeof(struct hark_call_stream) <= HARK_BLOCK_SIZE, "one block of the pool");

static struct hark_call_stream *stream_of_receiver(struct hark_item_receiver *receiver)
{
        return hark_container_of(receiver, struct hark_call_stream, receiver);
}

static struct hark_call_stream *stream_of_link(struct hark_list *link)
{
        return hark_container_of(link, struct hark_call_stream, link);
}

/* --- what is told ----------------------------------------------------------------------------- */

/* The end is the call's own, which frees call and stream. */
static void tell(struct hark_item_receiver *receiver, hark_message *item)
{
        struct hark_pending_call *pending = stream_of_receiver(receiver)->pending;

        if (item)
                pending->on_reply(HARK_MORE, item, pending->userdata);
        else
                pending->task.run(&pending->task);
}

static void fail(struct hark_item_receiver *receiver)
{
        struct hark_pending_call *pending = stream_of_receiver(receiver)->pending;

        if (!pending->is_over)
                hark_calls_refuse(pending, HARK_RESOURCE_EXHAUSTED, "no memory for the items");
}

static const struct hark_item_receiver_ops receiver_ops = {.tell = tell, .fail = fail};

static void on_room(struct hark_item_sender *sender)
{
        struct hark_call_stream *stream =
                hark_container_of(sender, struct hark_call_stream, sender);
        struct hark_pending_call *pending = stream->pending;

        pending->on_reply(HARK_ROOM, NULL, pending->userdata);
}

/* --- life ------------------------------------------------------------------------------------- */

static void attach(struct hark_call_stream *stream, struct hark_conn *conn)
{
        hark_window_init(&stream->receiver.flow.window, conn->limits.window_size);
        stream->receiver.flow.conn = stream->sender.flow.conn = conn;
}

void hark_call_stream_detach(struct hark_call_stream *stream)
{
        stream->receiver.flow.conn = stream->sender.flow.conn = NULL;
}

static void init_ends(struct hark_call_stream *stream, struct hark_calls *calls)
{
        const struct hark_pending_call *pending = stream->pending;
        struct hark_flow flow = {.id = (uint32_t)pending->id, .priority = pending->priority};

        hark_item_receiver_init(&stream->receiver, &receiver_ops, calls->loop, calls->owner, &flow);
        flow.flags = HARK_FLAG_FEED;
        hark_item_sender_init(&stream->sender, calls->loop, calls->owner, &flow);
        stream->sender.is_wanted = stream->feeds;
        stream->sender.on_room = on_room;
}

int hark_call_stream_new(struct hark_pending_call *pending, bool observes, bool feeds)
{
        struct hark_calls *calls = pending->calls;
        struct hark_conn *conn = hark_calls_must_wait(calls) ? NULL : calls->conn;
        struct hark_call_stream *stream;
        uint64_t window;

        if (feeds && conn && hark_conn_window(conn, &window) && window == 0)
                return -EOPNOTSUPP;
        stream = hark_pool_take(hark_loop_block_pool(calls->loop));
        if (!stream)
                return -ENOMEM;
        *stream =
                (struct hark_call_stream){.pending = pending, .observes = observes, .feeds = feeds};
        init_ends(stream, calls);
        if (conn)
                attach(stream, conn);
        hark_map_add(&calls->streams, &stream->node, pending->id);
        hark_list_push_back(&calls->streaming, &stream->link);
        pending->stream = stream;
        return 0;
}

void hark_call_stream_free(struct hark_call_stream *stream)
{
        struct hark_calls *calls;

        if (!stream)
                return;
        calls = stream->pending->calls;
        hark_item_sender_close(&stream->sender);
        hark_item_receiver_close(&stream->receiver);
        hark_map_remove(&calls->streams, &stream->node);
        hark_list_remove(&stream->link);
        hark_pool_put(hark_loop_block_pool(calls->loop), stream);
}

/* Whether we ended it ourselves, and so do not want what has come before. */
static bool is_own_end(int result)
{
        return result == -ECANCELED || result == -ETIMEDOUT;
}

void hark_call_stream_end(struct hark_call_stream *stream)
{
        struct hark_item_receiver *receiver = &stream->receiver;

        if (stream->sender.flow.conn)
                hark_item_sender_withdraw(&stream->sender);
        hark_item_sender_close(&stream->sender);
        if (is_own_end(stream->pending->result))
                hark_item_receiver_close(receiver);
        stream->sender.flow.conn = receiver->flow.conn = NULL;
        hark_item_receiver_take_end(receiver);
}

/* Of a call that is over: drops what is not told. Its end is told as reason if it was an answer. */
static void cut(struct hark_call_stream *stream, int reason)
{
        struct hark_pending_call *pending = stream->pending;

        hark_item_receiver_close(&stream->receiver);
        if (pending->result >= 0)
                pending->result = reason;
        pending->reply = hark_message_unref(pending->reply);
        hark_item_receiver_take_end(&stream->receiver);
}

struct hark_call_stream *hark_call_stream_find(const struct hark_calls *calls, uint64_t id)
{
        struct hark_map_node *node = hark_map_find(&calls->streams, id);

        return node ? hark_container_of(node, struct hark_call_stream, node) : NULL;
}

static bool waits_behind_items(const struct hark_call_stream *stream)
{
        return stream->pending->is_over && !hark_list_is_empty(&stream->receiver.items);
}

int hark_calls_cut(struct hark_calls *calls, uint64_t id)
{
        struct hark_call_stream *stream = hark_call_stream_find(calls, id);

        if (!stream || !waits_behind_items(stream))
                return -ENOENT;
        cut(stream, -ECANCELED);
        return 0;
}

void hark_calls_cut_streams(struct hark_calls *calls, int reason)
{
        calls->is_unstoppable = true;
        hark_list_for_each (link, &calls->streaming) {
                struct hark_call_stream *stream = stream_of_link(link);

                if (waits_behind_items(stream) && stream->receiver.is_paused)
                        cut(stream, reason);
        }
}

/* --- what its user does ----------------------------------------------------------------------- */

int hark_call_stream_feed(struct hark_call_stream *stream, const struct hark_payload *item)
{
        if (stream->pending->is_over)
                return -ENOENT;
        if (!stream->feeds)
                return -EINVAL;
        if (stream->sender.is_ended)
                return -EALREADY;
        return hark_item_sender_send(&stream->sender, item);
}

int hark_call_stream_feed_end(struct hark_call_stream *stream)
{
        if (stream->pending->is_over)
                return -ENOENT;
        if (!stream->feeds)
                return -EINVAL;
        if (stream->sender.is_ended)
                return -EALREADY;
        return hark_item_sender_end(&stream->sender);
}

int hark_call_stream_pause(struct hark_call_stream *stream, bool is_paused)
{
        if (!stream->observes)
                return -EINVAL;
        if (!stream->pending->calls->is_unstoppable)
                hark_item_receiver_pause(&stream->receiver, is_paused);
        return 0;
}

/* --- what comes ------------------------------------------------------------------------------- */

/* Of a call that is still awaited; NULL: none, or it has ended. */
static struct hark_pending_call *find_awaited(const struct hark_calls *calls,
                                              const struct hark_header *header)
{
        return hark_calls_find_by_wire_id(calls, header->id);
}

static bool has_wrong_priority(const struct hark_pending_call *pending,
                               const struct hark_header *header)
{
        return pending->priority != header->priority;
}

const char *hark_calls_begin_item(struct hark_calls *calls, struct hark_arriving *item)
{
        struct hark_pending_call *pending = find_awaited(calls, item->header);

        if (!pending)
                return NULL;
        if (!pending->stream || !pending->stream->observes)
                return "an item of an answer that shall have none";
        if (has_wrong_priority(pending, item->header))
                return "an item at another priority than its call's";
        if (!hark_item_receiver_admit(&pending->stream->receiver, item->cost))
                return "an item beyond the window";
        hark_call_forget_copy(pending); /* another answer would begin with this item again */
        item->is_kept = true;
        return NULL;
}

void hark_calls_take_item(struct hark_calls *calls, struct hark_received *received)
{
        struct hark_pending_call *pending = find_awaited(calls, received->header);

        if (!pending || !pending->stream)
                hark_message_unref(received->message);
        else if (hark_item_receiver_take(&pending->stream->receiver, received) < 0)
                fail(&pending->stream->receiver);
}

void hark_calls_take_credit(struct hark_calls *calls, const struct hark_header *header)
{
        struct hark_pending_call *pending = find_awaited(calls, header);
        const char *why = NULL;

        if (!pending)
                return;
        if (!pending->stream || !pending->stream->feeds)
                why = "credit for the items of a question that has none";
        else if (has_wrong_priority(pending, header))
                why = "credit at another priority than its call's";
        else if (!hark_item_sender_credit(&pending->stream->sender, header->status))
                why = "credit for more than is under way";
        if (why)
                hark_conn_break(calls->conn, why);
}

void hark_calls_attach_streams(struct hark_calls *calls)
{
        hark_list_for_each (link, &calls->streaming)
                if (!stream_of_link(link)->pending->is_over)
                        attach(stream_of_link(link), calls->conn);
}

void hark_calls_take_room(struct hark_calls *calls)
{
        hark_list_for_each (link, &calls->streaming)
                if (hark_item_sender_take_room(&stream_of_link(link)->sender) < 0)
                        fail(&stream_of_link(link)->receiver);
}
